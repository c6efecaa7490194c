"""The demonstration shop: a small house of teas and fine stationery, its products and its seasons."""

from dataclasses import dataclass

SHOP_NAME = "The Paper Kettle"
SHOP_LINE = "Teas, cups and stationery, since 1998"


@dataclass(frozen=True)
class Item:
    """One product: its number, name, category and price in minor units."""

    number: str
    name: str
    category: str
    price: int


_SHELVES: dict[str, tuple[tuple[str, int], ...]] = {
    "Teas": (
        ("Darjeeling First Flush, 100 g", 1690),
        ("Assam Hathikuli, 100 g", 990),
        ("Earl Grey of the House, 100 g", 1090),
        ("Lapsang of the Pine Woods, 100 g", 1290),
        ("Sencha Morning Dew, 100 g", 1450),
        ("Gyokuro Shade Garden, 50 g", 2400),
        ("Oolong Autumn Leaf, 100 g", 1890),
        ("White Peony, 50 g", 1650),
        ("Rooibos with Orange Peel, 100 g", 790),
        ("Fireside Chai, 100 g", 890),
        ("Verbena from the Garden, 40 g", 850),
        ("Smoky Twelfth Night, 100 g", 1350),
    ),
    "Teapots and cups": (
        ("Cast-iron teapot, 0.8 l", 6900),
        ("Stoneware teapot, sand", 4800),
        ("Glass teapot for one", 2900),
        ("Pair of porcelain cups", 3200),
        ("Yunomi, ash glaze", 2400),
        ("Bamboo whisk", 1900),
        ("Brass tea strainer", 1250),
    ),
    "Notebooks": (
        ("Cloth-bound notebook, ruled", 1890),
        ("Cloth-bound notebook, blank", 1890),
        ("Pocket notebook, three of them", 1490),
        ("Travel journal, oak cover", 3900),
        ("Reading diary", 2250),
        ("Music paper, 48 pages", 1290),
        ("Recipe book, to be filled", 2600),
    ),
    "Pens and inks": (
        ("Fountain pen, fine nib", 5900),
        ("Glass dip pen", 2900),
        ("Ink, Midnight on the Quay, 50 ml", 1690),
        ("Ink, Old Walnut, 50 ml", 1690),
        ("Ink, Verdigris, 50 ml", 1690),
        ("Pencils, box of twelve", 1590),
        ("Blotting paper, 20 sheets", 650),
    ),
    "Letters and cards": (
        ("Laid paper with envelopes, 25", 2190),
        ("Birthday cards, letterpress, five", 1750),
        ("Thank-you cards, letterpress, five", 1750),
        ("Sealing wax and seal", 2450),
        ("Advent cards, set of eight", 2390),
        ("Pressed-flower postcards, ten", 1290),
    ),
    "Gift boxes": (
        ("The Rainy Sunday box", 4500),
        ("The Letter Writer's box", 5900),
        ("Six small teas", 2490),
        ("The Winter Evening box", 6900),
    ),
}

CATEGORIES = tuple(_SHELVES)
_CODES = {
    "Teas": "TE",
    "Teapots and cups": "CU",
    "Notebooks": "NB",
    "Pens and inks": "PI",
    "Letters and cards": "LC",
    "Gift boxes": "GB",
}

ITEMS = tuple(
    Item(f"{_CODES[category]}-{place:02}", name, category, price)
    for category, shelf in _SHELVES.items()
    for place, (name, price) in enumerate(shelf, start=1)
)

SEASON = (0.9, 0.85, 0.9, 0.9, 0.85, 0.75, 0.65, 0.7, 0.95, 1.1, 1.5, 2.1)
"""How busy each month is, January first: quiet in July, busy before Christmas."""

CATEGORY_SEASON = {
    "Gift boxes": (0.6, 0.9, 0.7, 0.7, 1.2, 0.6, 0.5, 0.5, 0.7, 1.0, 2.5, 4.0),
    "Letters and cards": (0.8, 1.2, 0.9, 0.9, 1.1, 0.9, 0.9, 0.8, 0.9, 1.0, 1.8, 2.6),
    "Notebooks": (1.5, 0.9, 0.9, 0.9, 0.9, 1.0, 1.1, 1.4, 1.8, 1.0, 1.0, 1.2),
}
"""What sells at its own time: notebooks when school begins, boxes and cards before Christmas."""

FIRST_NAMES = {
    "en": "Alice Arthur Beatrice Charles Clara Daniel Edith Edward Eleanor Emma Florence Frances George Grace "
    "Harriet Harry Helen Henry Isabel Jack James Jane John Kate Laura Lily Louise Lucy Martha Mary Matthew Nora "
    "Oliver Oscar Paul Peter Rachel Robert Rose Ruth Samuel Sarah Simon Sophie Susan Thomas Victoria Walter "
    "William Winifred",
    "fr": "Adèle Agathe Alain Amélie Anaïs Antoine Aurélie Baptiste Benoît Camille Catherine Céline Chloé Claire "
    "Clément Denis Élodie Émile Étienne Fabienne François Gaëlle Geneviève Hélène Hugo Inès Jacques Jeanne Julien "
    "Juliette Laurent Léa Louis Lucie Madeleine Manon Marc Margaux Mathilde Nicolas Noémie Odile Pascal Philippe "
    "Rémi Sabine Sylvie Théo Valérie Yves",
    "de": "Andreas Anja Anna Anton Barbara Bernd Birgit Christine Clemens Dieter Dorothea Elisabeth Emil Eva Felix "
    "Frieda Friedrich Georg Gisela Hanna Heike Heinrich Ilse Ingrid Jakob Johanna Jonas Jürgen Karin Karl Katharina "
    "Klara Konrad Lena Lotte Ludwig Magdalena Martin Mathias Michael Monika Otto Petra Renate Rolf Sabine Stefan "
    "Theresa Ulrich Ursula",
}
LAST_NAMES = {
    "en": "Abbott Adams Ashworth Bailey Barker Bennett Brook Carter Clarke Cooper Dawson Ellis Fletcher Foster Gibson "
    "Graham Hale Harding Hayes Hughes Irving Jarvis Kemp Lambert Lawson Marsh Mercer Miles Norris Osborne Palmer "
    "Parsons Pearce Porter Quinn Reed Rhodes Sawyer Shaw Stone Sutton Thorne Turner Underwood Vaughan Walsh Ward "
    "Webb Whitaker Wren",
    "fr": "Arnaud Aubert Barbier Baudry Bertin Blanchard Bonnet Bourgeois Carpentier Chevalier Collet Delacroix Denis "
    "Dumont Duval Fabre Faure Fleury Fontaine Garnier Gauthier Giraud Grandjean Guérin Hubert Jacquet Joly Lacombe "
    "Lambert Leclerc Legrand Lemoine Leroux Maillard Marchand Mercier Moreau Noël Olivier Paris Perrin Picard Renard "
    "Rivière Rousseau Tessier Thibault Vasseur Vidal Weber",
    "de": "Albrecht Arnold Bauer Becker Bergmann Böhm Brandt Busch Dietrich Ebert Engel Fischer Frank Friedrich Gärtner "
    "Graf Hahn Hartmann Heinrich Herrmann Hoffmann Horn Jung Kaiser Keller Köhler Kraus Krüger Lang Lindner Ludwig "
    "Maier Möller Neumann Otto Peters Pfeiffer Richter Roth Sander Schäfer Schreiber Seidel Sommer Thomas Vogel Vogt "
    "Weber Winkler Zimmermann",
}

COUNTRIES = (
    ("FR", "fr", "Europe/Paris", 0.34),
    ("GB", "en", "Europe/London", 0.24),
    ("DE", "de", "Europe/Berlin", 0.15),
    ("BE", "fr", "Europe/Brussels", 0.07),
    ("CH", "fr", "Europe/Zurich", 0.04),
    ("AT", "de", "Europe/Vienna", 0.04),
    ("IE", "en", "Europe/Dublin", 0.04),
    ("CA", "en", "America/Toronto", 0.03),
    ("US", "en", "America/New_York", 0.03),
    ("AU", "en", "Australia/Sydney", 0.02),
)
"""Where customers live: country, language, zone, share."""

DOMAINS = (
    ("mail.example", 0.33),
    ("post.example", 0.18),
    ("example.com", 0.14),
    ("courrier.example", 0.12),
    ("brief.example", 0.08),
    ("example.org", 0.06),
    ("office.example", 0.05),
    ("example.net", 0.04),
)
"""Reserved names only (RFC 2606): a demonstration must never reach a real person."""
SCANNING_DOMAIN = "office.example"
"""Its gateway opens every mail and follows every link before anybody reads it."""

SOURCES = (
    ("website", 0.55),
    ("shop counter", 0.25),
    ("paper fair", 0.12),
    ("a friend's recommendation", 0.08),
)
TAGS = (("tea circle", 0.12), ("calligraphy workshop", 0.06), ("wholesale", 0.015), ("press", 0.006))

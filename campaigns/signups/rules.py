"""What is agreed to, in words that have a version; a changed sentence is a new version, and the old one stays. Pure."""

NEWEST = "2026-11"

WORDINGS: dict[str, dict[str, dict[str, str]]] = {
    "2026-11": {
        "mail": {
            "en": "I would like to receive news and offers from {shop} by e-mail. I can leave at any time by the link in each letter.",
            "fr": "Je souhaite recevoir les nouvelles et les offres de {shop} par courriel. Je peux me désabonner à tout moment par le lien de chaque lettre.",
        },
        "tracking": {
            "en": "{shop} may see which letters I open and which links I press. I can take this back at any time by the link in each letter.",
            "fr": "{shop} peut voir quelles lettres j’ouvre et sur quels liens je clique. Je peux y renoncer à tout moment par le lien de chaque lettre.",
        },
    }
}
"""Version → purpose → language → the sentence."""


def wording(purpose: str, language: str, shop: str, version: str = NEWEST) -> str:
    """The sentence that somebody agrees to; English where that language has none."""
    sentences = WORDINGS[version][purpose]
    return sentences.get(language[:2].casefold(), sentences["en"]).format(shop=shop)

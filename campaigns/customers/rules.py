"""What may stand in a customer's fields: texts, languages, zones, countries, declared attributes. Pure."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Literal, NamedTuple
from zoneinfo import available_timezones

from campaigns.customers.addresses import Address
from campaigns.customers.values import Birthday, DayOrder, read_date, read_number, read_yes
from campaigns.errors import Invalid

AttributeKind = Literal["text", "number", "date", "boolean", "choice"]

KINDS: Mapping[AttributeKind, str] = {
    "text": "Text",
    "number": "Number",
    "date": "Date",
    "boolean": "Yes or no",
    "choice": "One of several words",
}
"""The types of declared attributes and what they are called."""

PURPOSES: Mapping[str, str] = {
    "mail": "Letters and newsletters",
    "tracking": "Noting whether letters are opened and clicked",
    "suggestions": "Products suggested from what they bought",
}
"""What one may agree to, each asked for apart (CNIL 2026-042). Suggestions are made unless somebody objects
(GDPR article 21), for they use no more than the customer's own orders; the other two need a yes."""

LEGAL_BASES: Mapping[str, str] = {
    "consent": "They agreed to be written to",
    "existing_customer": "Customers who were told, and may refuse at any time",
    "contract": "Kept for their orders only: not to be written to",
}
"""On what ground personal data may be used (GDPR article 6, ePrivacy article 13); asked of every import."""

LONGEST = {"number": 100, "first_name": 200, "last_name": 200, "tag": 60, "source": 200, "text": 2000}
LONGEST_ATTRIBUTE_NAME = 60


class CustomerFacts(NamedTuple):
    """What one line, form or call says of a person. Empty values say nothing and change nothing.

    `may_mail`, `may_track`: True grants, False withdraws, None says nothing. `consented_at`, `created_at`:
    aware moments; None is the moment of storing.
    """

    address: Address | None
    number: str = ""
    first_name: str = ""
    last_name: str = ""
    birthday: Birthday | None = None
    language: str = ""
    zone: str = ""
    country: str = ""
    attributes: Mapping[str, Any] = {}
    tags: tuple[str, ...] = ()
    may_mail: bool | None = None
    may_track: bool | None = None
    consented_at: Any = None
    created_at: Any = None


class Declared(NamedTuple):
    """A declared attribute, apart from its row."""

    name: str
    label: str
    kind: str
    choices: tuple[str, ...] = ()


def clean(text: str, longest: int, what: str = "This text") -> str:
    """`text` on one line with single spaces, in NFC; raises Invalid for control characters and overlength.

    Line ends and U+2028 become spaces, so that no name can begin a new header or a new line of a file.
    """
    if not (text.isascii() and text.isprintable() and "  " not in text):
        text = unicodedata.normalize("NFC", " ".join(text.split()))
        if any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
            raise Invalid(f"{what} holds a control character.")
    text = text.strip()
    if len(text) > longest:
        raise Invalid(f"{what} is too long: {longest} characters are the most.")
    return text


def read_language(text: str) -> str:
    """A language as its tag (RFC 5646): `fr`, `pt-BR`; a few names are understood."""
    word = text.strip().replace("_", "-")
    if not word:
        return ""
    if found := _LANGUAGES.get(_plain(word)):
        return found
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z]{2,4})?", word):
        raise Invalid(f"“{word[:40]}” is not a language; write its tag, like fr or pt-BR.")
    first, _, region = word.partition("-")
    return f"{first.lower()}-{region.upper()}" if region else first.lower()


def read_zone(text: str) -> str:
    """A time zone by its name in the tz database: `Europe/Paris`."""
    name = text.strip()
    if name and name not in _zones():
        raise Invalid(f"“{name[:40]}” is not a time zone; write one like Europe/Paris.")
    return name


def read_country(text: str) -> str:
    """A country as its two letters (ISO 3166-1); the usual English and French names are understood."""
    word = text.strip()
    if not word:
        return ""
    if len(word) == 2 and word.isascii() and word.isalpha():
        return word.upper()
    try:
        return _COUNTRIES[_plain(word)]
    except KeyError:
        raise Invalid(f"“{word[:40]}” is not a country; write its two letters, like FR.") from None


def read_tag(text: str) -> str:
    """A tag: one line, lower case, at most 60 characters."""
    tag = clean(text, LONGEST["tag"], "This tag").lower()
    if "," in tag:
        raise Invalid("A tag cannot hold a comma.")
    return tag


def typed(attribute: Declared, value: Any, order: DayOrder = "", decimal_mark: str = ".") -> Any:
    """`value` as JSON keeps it for this attribute: str, int, float, bool or an ISO date. None for nothing.

    Raises Invalid when it is of another type. Typed here, once, because a cast inside a query would fail on
    PostgreSQL and find nothing on SQLite.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        return _READERS[attribute.kind](attribute, value, order, decimal_mark)
    except Invalid as error:
        raise Invalid(f"{attribute.label}: {error}") from error


def attribute_name(text: str) -> str:
    """The name under which an attribute is stored and written in templates: a-z, digits, underscore."""
    plain = re.sub(r"[^a-z0-9]+", "_", _plain(text)).strip("_")
    if not plain or plain[0].isdigit() or len(plain) > LONGEST_ATTRIBUTE_NAME:
        raise Invalid("The name of an attribute begins with a letter and has at most 60 letters and digits.")
    return plain


def check_choices(kind: str, choices: Collection[str]) -> list[str]:
    """The choices of an attribute of kind `choice`, cleaned; other kinds have none."""
    if kind != "choice":
        return []
    made = list(dict.fromkeys(filter(None, (clean(c, 100, "A choice") for c in choices))))
    if len(made) < 2:
        raise Invalid("Give at least two words to choose from.")
    return made


def _text(_attribute: Declared, value: Any, _order: DayOrder, _mark: str) -> str:
    return clean(str(value), LONGEST["text"])


def _number(_attribute: Declared, value: Any, _order: DayOrder, mark: str) -> int | float:
    if isinstance(value, bool):
        raise Invalid("This is not a number.")
    if isinstance(value, int | float):
        return value
    number = value if isinstance(value, Decimal) else read_number(str(value), mark)
    return int(number) if number == number.to_integral_value() else float(number)


def _date(_attribute: Declared, value: Any, order: DayOrder, _mark: str) -> str:
    return value.isoformat()[:10] if isinstance(value, date) else read_date(str(value), order).isoformat()


def _boolean(_attribute: Declared, value: Any, _order: DayOrder, _mark: str) -> bool:
    return value if isinstance(value, bool) else read_yes(str(value))


def _choice(attribute: Declared, value: Any, _order: DayOrder, _mark: str) -> str:
    word = clean(str(value), 100).casefold()
    for choice in attribute.choices:
        if choice.casefold() == word:
            return choice
    raise Invalid(f"“{str(value)[:40]}” is none of {', '.join(attribute.choices)}.")


_READERS: Mapping[str, Any] = {
    "text": _text,
    "number": _number,
    "date": _date,
    "boolean": _boolean,
    "choice": _choice,
}


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower().strip()


_LANGUAGES = {
    name: tag
    for tag, names in {
        "en": "english anglais",
        "fr": "french francais",
        "de": "german allemand deutsch",
        "es": "spanish espagnol espanol",
        "it": "italian italien italiano",
        "nl": "dutch neerlandais nederlands",
        "pt": "portuguese portugais portugues",
    }.items()
    for name in names.split()
}

_COUNTRIES = {
    name: code
    for code, names in {
        "AE": "united arab emirates|emirats arabes unis",
        "AT": "austria|autriche|osterreich",
        "AU": "australia|australie",
        "BE": "belgium|belgique|belgie",
        "BG": "bulgaria|bulgarie",
        "BH": "bahrain|bahrein",
        "BR": "brazil|bresil",
        "CA": "canada",
        "CH": "switzerland|suisse|schweiz",
        "CN": "china|chine",
        "CY": "cyprus|chypre",
        "CZ": "czech republic|czechia|republique tcheque|tchequie",
        "DE": "germany|allemagne|deutschland",
        "DK": "denmark|danemark",
        "EE": "estonia|estonie",
        "ES": "spain|espagne|espana",
        "FI": "finland|finlande",
        "FR": "france",
        "GB": "united kingdom|royaume-uni|great britain|england|uk",
        "GR": "greece|grece",
        "HK": "hong kong",
        "HR": "croatia|croatie",
        "HU": "hungary|hongrie",
        "IE": "ireland|irlande|eire",
        "IL": "israel",
        "IN": "india|inde",
        "IS": "iceland|islande",
        "IT": "italy|italie|italia",
        "JP": "japan|japon",
        "LB": "lebanon|liban",
        "LT": "lithuania|lituanie",
        "LU": "luxembourg",
        "LV": "latvia|lettonie",
        "MA": "morocco|maroc",
        "MC": "monaco",
        "MT": "malta|malte",
        "MX": "mexico|mexique",
        "NL": "netherlands|pays-bas|nederland|holland",
        "NO": "norway|norvege",
        "NZ": "new zealand|nouvelle-zelande",
        "PL": "poland|pologne",
        "PT": "portugal",
        "RO": "romania|roumanie",
        "SA": "saudi arabia|arabie saoudite",
        "SE": "sweden|suede",
        "SG": "singapore|singapour",
        "SI": "slovenia|slovenie",
        "SK": "slovakia|slovaquie",
        "TN": "tunisia|tunisie",
        "TR": "turkey|turquie",
        "US": "united states|united states of america|usa|etats-unis",
        "ZA": "south africa|rsa|afrique du sud",
    }.items()
    for name in names.split("|")
}

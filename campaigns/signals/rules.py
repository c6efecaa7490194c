"""Which signals there are, how their names are read, and what may be told with them. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.errors import Invalid

KNOWN = {
    "complaint_opened": "Complaint opened",
    "complaint_closed": "Complaint closed",
    "survey_answered": "Survey answered",
    "basket_abandoned": "Basket abandoned",
    "basket_recovered": "Basket taken up again",
    "document_downloaded": "Document downloaded",
    "contract_ends": "Contract ends",
    "service_problem_reported": "Problem reported",
}
"""The signals that Liaison itself understands. `contract_ends` carries the day in its data, `date`: "2026-12-31"."""

_FRENCH = {
    "reclamation_ouverte": "complaint_opened",
    "reclamation_close": "complaint_closed",
    "reclamation_fermee": "complaint_closed",
    "enquete_repondue": "survey_answered",
    "panier_abandonne": "basket_abandoned",
    "panier_repris": "basket_recovered",
    "document_telecharge": "document_downloaded",
    "fin_de_contrat": "contract_ends",
    "probleme_signale": "service_problem_reported",
}
MOST_VALUES = 20
LONGEST_VALUE = 300


@dataclass(frozen=True)
class SignalFacts:
    """One signal on its way into the table."""

    customer_id: int
    kind: str
    key: str
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)


def read_kind(text: str) -> str:
    """The name of a signal as we keep it: "Complaint opened" and "Réclamation ouverte" → `complaint_opened`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[\s\-_]+", "_", plain.strip()).strip("_")
    name = _FRENCH.get(name, name)
    if not re.fullmatch(r"[a-z_]{3,40}", name):
        raise Invalid(
            f"“{text[:40]}” cannot name a signal: 3 to 40 letters and underscores.", {"kind": "Name it."}
        )
    return name


def read_data(data: Mapping[str, Any] | None) -> dict[str, Any]:
    """A few plain values under short names; raises Invalid for anything larger or nested."""
    data = data or {}
    if len(data) > MOST_VALUES:
        raise Invalid(f"A signal carries {MOST_VALUES} values at most.")
    for name, value in data.items():
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            raise Invalid(f"“{str(name)[:40]}” cannot name a value: small letters, digits and underscores.")
        if not (value is None or isinstance(value, str | int | float | bool)):
            raise Invalid(f"The value {name} is not plain text, a number, true or false.")
        if isinstance(value, str) and len(value) > LONGEST_VALUE:
            raise Invalid(f"The value {name} is longer than {LONGEST_VALUE} characters.")
    return dict(data)


def kind_words(kind: str) -> str:
    """How people call it: the known label, or the shop's own word spelled out."""
    return KNOWN.get(kind) or kind.replace("_", " ").capitalize()

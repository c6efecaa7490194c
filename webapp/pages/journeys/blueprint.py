"""The blueprint that all pages of journeys hang on, and what they share."""

from campaigns.journeys import Means, means_of
from webapp.context import runtime
from webapp.security import admin_blueprint

blueprint = admin_blueprint("journeys")

SIZE = 50


def means() -> Means:
    """What journeys need of this Liaison."""
    return means_of(runtime())


def number(text: str | None, otherwise: int = 0) -> int:
    """A whole number out of a form, with its sign; `otherwise` where there is none."""
    text = (text or "").strip()
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 19 else otherwise

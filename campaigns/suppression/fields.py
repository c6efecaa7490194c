"""Fields of suppression that a segment may ask: whether an address is kept out, and for which causes."""

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.customers import Customer
from campaigns.fields import Asked, Chosen, Field, Option, Shortcut
from campaigns.suppression.model import Suppression
from campaigns.suppression.rules import CAUSES


def _causes(asked: Asked) -> Chosen:  # noqa: ARG001 - the shape of all rows-fields
    return (
        select(Customer.id.label("customer_id"), Suppression.cause.label("value"))
        .join(Suppression, Suppression.address_key == Customer.address_key)
        .where(Suppression.lifted_at.is_(None))
    )


def _options(_session: Session) -> Sequence[Option]:
    return [Option(name, getattr(CAUSES[name], "label", name)) for name in CAUSES]


FIELDS = (
    Field(
        "suppression.causes",
        "Suppressed for",
        "Consent",
        "set",
        rows=_causes,
        options=_options,
        note="Suppressed addresses are never written to, whatever the segment says.",
    ),
)


def offer(session: Session) -> Iterator[Field | Shortcut]:  # noqa: ARG001 - the shape of all offers
    """All of them."""
    yield from FIELDS

"""Fields of signals that a segment may ask: an open complaint, how often and when something happened."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from campaigns.customers import Customer
from campaigns.fields import Asked, Chosen, Field, Filter, Option, Shortcut
from campaigns.signals.model import Signal
from campaigns.signals.queries import open_complaints
from campaigns.signals.rules import KNOWN, kind_words

HEADING = "Signals"
MOST_OPTIONS = 100


def _kinds(session: Session) -> Sequence[Option]:
    own = session.scalars(select(Signal.kind).distinct().order_by(Signal.kind).limit(MOST_OPTIONS))
    return [Option(kind, kind_words(kind)) for kind in dict.fromkeys([*KNOWN, *own])]


FILTERS = (
    Filter("kind", "of the kind", "text", _kinds),
    Filter("period", "in the period", "period"),
)


def _has_open_complaint(asked: Asked) -> Chosen:  # noqa: ARG001 - the shape of all rows-fields
    is_open = Customer.id.in_(open_complaints())
    return select(Customer.id.label("customer_id"), is_open.label("value"))


def _figure(asked: Asked, value: Any) -> Chosen:
    chosen = (
        select(Signal.customer_id.label("customer_id"), value.label("value"))
        .where(*asked.within(Signal.at))
        .group_by(Signal.customer_id)
    )
    kind = asked.text("kind")
    return chosen if kind is None else chosen.where(Signal.kind == kind)


def _count(asked: Asked) -> Chosen:
    return _figure(asked, func.count(literal(1)))


def _last(asked: Asked) -> Chosen:
    return _figure(asked, func.max(Signal.at))


FIELDS = (
    Field(
        "signals.open_complaint",
        "Has an open complaint",
        HEADING,
        "boolean",
        rows=_has_open_complaint,
        is_always_known=True,
        note="A complaint was opened and not closed since. Meanwhile nothing that sells is sent, whatever the "
        "segment says.",
    ),
    Field(
        "signals.count",
        "Signals",
        HEADING,
        "count",
        rows=_count,
        filters=FILTERS,
        note="What the shop told us: complaints, answered surveys, abandoned baskets, downloads, …",
    ),
    Field("signals.last", "Last signal on", HEADING, "moment", rows=_last, filters=FILTERS),
)


def offer(session: Session) -> Iterator[Field | Shortcut]:  # noqa: ARG001 - the shape of all offers
    """All of them."""
    yield from FIELDS

"""Fields of tracking that a segment may ask: opens, clicks and what else came back, by people only."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from campaigns.fields import Asked, Chosen, Field, Filter, Shortcut
from campaigns.messages import is_of_mailing, mailing_options
from campaigns.tracking.model import Event

HEADING = "Reactions"
FILTERS = (Filter("mailing", "of", "choice", mailing_options), Filter("period", "in the period", "period"))
HUMAN = "Of people only; hits of machines and doubtful ones are left out."
WEAK = "Opens say little: many mail programs load images by themselves, or never. Proxied ones are left out."


def _events(kind: str, figure: ColumnElement[Any], asked: Asked) -> Chosen:
    chosen = (
        select(Event.customer_id.label("customer_id"), figure)
        .where(Event.kind == kind, Event.customer_id.is_not(None), *asked.within(Event.at))
        .group_by(Event.customer_id)
    )
    if kind in ("opened", "clicked"):
        chosen = chosen.where(Event.judgement == "human")
    mailing = asked.text("mailing")
    return chosen if mailing is None else chosen.where(is_of_mailing(Event.mailing_id, mailing))


def _count(kind: str, asked: Asked) -> Chosen:
    return _events(kind, func.count().label("value"), asked)


def _last(kind: str, asked: Asked) -> Chosen:
    return _events(kind, func.max(Event.at).label("value"), asked)


def _pair(kind: str, count: str, last: str, note: str) -> tuple[Field, Field]:
    return (
        Field(
            f"{kind}.count", count, HEADING, "count", rows=partial(_count, kind), filters=FILTERS, note=note
        ),
        Field(f"{kind}.last", last, HEADING, "moment", rows=partial(_last, kind), filters=FILTERS, note=note),
    )


FIELDS = (
    *_pair("clicked", "Clicks", "Last click", HUMAN),
    *_pair("opened", "Opens", "Last open", f"{HUMAN} {WEAK}"),
    *_pair("replied", "Replies", "Last reply", "Answers that people wrote."),
    *_pair("unsubscribed", "Unsubscriptions", "Last unsubscription", "Also those taken back since."),
    *_pair("bounced", "Bounces", "Last bounce", "Refusals by the recipient's mail server, of any kind."),
    *_pair("spam_reported", "Spam reports", "Last spam report", "The recipient pressed the spam button."),
)


def offer(session: Session) -> Iterator[Field | Shortcut]:  # noqa: ARG001 - the shape of all offers
    """All of them."""
    yield from FIELDS

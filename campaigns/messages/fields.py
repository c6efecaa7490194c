"""Fields of messages that a segment may ask: which mails a customer was sent, how many, when."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from campaigns.fields import Asked, Chosen, Field, Filter, Option, Shortcut
from campaigns.messages.model import Mailing, Message

HEADING = "Mails"
MOST_OPTIONS = 200


def mailing_options(session: Session) -> Sequence[Option]:
    """Newsletters and letters that have mailings, newest first, as `kind:source_id`: a letter keeps its name
    when its wording changes and another mailing begins."""
    newest = func.max(Mailing.id)
    found = (
        select(Mailing.kind, Mailing.source_id, func.max(Mailing.name))
        .where(Mailing.kind.in_(("newsletter", "letter", "journey")), Mailing.source_id.is_not(None))
        .group_by(Mailing.kind, Mailing.source_id)
        .order_by(newest.desc())
        .limit(MOST_OPTIONS)
    )
    return [Option(f"{kind}:{source}", f"{name} ({kind})") for kind, source, name in session.execute(found)]


def is_of_mailing(column: Any, chosen: str) -> ColumnElement[bool]:
    """That a mailing id belongs to what `kind:source_id` names; nothing does when it names nothing."""
    kind, _, source = chosen.partition(":")
    wanted = select(Mailing.id).where(
        Mailing.kind == kind,
        Mailing.source_id == (int(source) if source.isdecimal() and len(source) < 19 else -1),
    )
    return column.in_(wanted)  # type: ignore[no-any-return]


FILTERS = (Filter("mailing", "of", "choice", mailing_options), Filter("period", "in the period", "period"))


def _sent(asked: Asked, figure: ColumnElement[Any]) -> Chosen:
    """Mails handed over to the mail server, one row per customer."""
    chosen = (
        select(Message.customer_id.label("customer_id"), figure)
        .where(
            Message.status == "sent",
            Message.customer_id.is_not(None),
            *asked.within(Message.sent_at),
        )
        .group_by(Message.customer_id)
    )
    mailing = asked.text("mailing")
    return chosen if mailing is None else chosen.where(is_of_mailing(Message.mailing_id, mailing))


def _count(asked: Asked) -> Chosen:
    return _sent(asked, func.count().label("value"))


def _last(asked: Asked) -> Chosen:
    return _sent(asked, func.max(Message.sent_at).label("value"))


FIELDS = (
    Field(
        "mails.received",
        "Mails sent to the customer",
        HEADING,
        "count",
        rows=_count,
        filters=FILTERS,
        note="Accepted by the mail server. 0 means: not received.",
    ),
    Field(
        "mails.last",
        "Last mail sent",
        HEADING,
        "moment",
        rows=_last,
        filters=FILTERS,
        note="Unknown for those never written to.",
    ),
)


def offer(session: Session) -> Iterator[Field | Shortcut]:  # noqa: ARG001 - the shape of all offers
    """All of them."""
    yield from FIELDS

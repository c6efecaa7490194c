"""Reads: what became of a mailing's messages, one message's story, what a person must decide."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, exists, func, literal, select
from sqlalchemy.orm import Session

from campaigns.customers import Customer
from campaigns.errors import NotFound
from campaigns.links import Links
from campaigns.messages.gaps import gap_open, is_of_gap, outside
from campaigns.messages.model import STATUSES, Attempt, Halt, Mailing, Message, Sender


def get_mailing(session: Session, mailing_id: int) -> Mailing:
    """The mailing; NotFound if there is none."""
    mailing = session.get(Mailing, mailing_id)
    if mailing is None:
        raise NotFound(f"There is no mailing {mailing_id}.")
    return mailing


def get_message(session: Session, message_id: int) -> Message:
    """The message; NotFound if there is none."""
    message = session.get(Message, message_id)
    if message is None:
        raise NotFound(f"There is no message {message_id}.")
    return message


def counts(session: Session, mailing_id: int) -> dict[str, int]:
    """How many messages of the mailing are in each state; every state of STATUSES is a key, their sum is what was meant."""
    rows = session.execute(
        select(Message.status, func.count()).where(Message.mailing_id == mailing_id).group_by(Message.status)
    )
    return dict.fromkeys(STATUSES, 0) | {row[0]: row[1] for row in rows}


def held_by_reason(session: Session, mailing_id: int) -> dict[str, int]:
    """The held ones by reason, the most frequent first; their sum is `counts()["held"]`."""
    number = func.count()
    rows = session.execute(
        select(Message.held_reason, number)
        .where(Message.mailing_id == mailing_id, Message.status == "held")
        .group_by(Message.held_reason)
        .order_by(number.desc(), Message.held_reason)
    )
    return {row[0]: row[1] for row in rows}


def is_finished(session: Session, mailing_id: int) -> bool:
    """Whether nothing of the mailing waits or is on its way (an `unknown` waits for a person, not for us)."""
    waiting = exists().where(Message.mailing_id == mailing_id, Message.status.in_(("queued", "sending")))
    return not session.scalar(select(waiting))


def ledger(mailing_id: int, status: str = "") -> Select[Message]:
    """Every message of the mailing in the order it was queued, or those in one state."""
    rows = select(Message).where(Message.mailing_id == mailing_id).order_by(Message.id)
    return rows.where(Message.status == status) if status else rows


def of_customer(customer_id: int) -> Select[Message, Mailing]:
    """Everything that was meant for this customer, newest first, each with its mailing."""
    return (
        select(Message, Mailing)
        .join(Mailing, Mailing.id == Message.mailing_id)
        .where(Message.customer_id == customer_id)
        .order_by(Message.id.desc())
    )


def attempts(session: Session, message_id: int) -> Sequence[Attempt]:
    """The tries that did not end in `sent`, and the decisions of people, oldest first."""
    return session.scalars(select(Attempt).where(Attempt.message_id == message_id).order_by(Attempt.id)).all()


def undecided() -> Select[Message, Mailing]:
    """Messages that were handed over without an answer, oldest first, each with its mailing."""
    return (
        select(Message, Mailing)
        .join(Mailing, Mailing.id == Message.mailing_id)
        .where(Message.status == "unknown")
        .order_by(Message.id)
    )


def count_undecided(session: Session) -> int:
    """How many wait for a decision."""
    return sum(session.scalars(select(_of_each(func.count(), "unknown")).select_from(Mailing)))


def halted(session: Session) -> Halt | None:
    """The emergency stop in force, if there is one."""
    return session.scalar(select(Halt).where(Halt.lifted_at.is_(None)).order_by(Halt.id).limit(1))


def senders(session: Session) -> Sequence[Sender]:
    """The sender processes as they last showed themselves, newest first."""
    return session.scalars(select(Sender).order_by(Sender.seen_at.desc())).all()


def waiting(session: Session, *, now: datetime) -> dict[str, Any]:
    """The queue at a glance: `due`, `later` and `held_back` (counts; the last wait for a decision after a stop),
    `on_the_way`, `unknown`, `oldest_due_at` (moment or None).

    Asked mailing by mailing, so that what was sent in years past is not looked at.
    """
    gap = gap_open(session)
    is_due = and_(Message.next_attempt_at <= now, *outside(gap))
    rows = session.execute(
        select(
            Mailing.status,
            _of_each(func.count(), "queued"),
            _of_each(func.count(), "queued", is_due),
            _of_each(func.min(Message.next_attempt_at), "queued", is_due),
            _of_each(func.count(), "unknown"),
            _of_each(func.count(), "queued", is_of_gap(gap)) if gap else literal(0),
        )
    ).all()
    is_open = [row for row in rows if row[0] == "open"]
    due, held_back = sum(row[2] for row in is_open), sum(row[5] for row in rows)
    return {
        "due": due,
        "later": sum(row[1] for row in rows) - due - held_back,
        "held_back": held_back,
        "on_the_way": session.scalar(select(func.count()).where(Message.status == "sending")) or 0,
        "unknown": sum(row[4] for row in rows),
        "oldest_due_at": min((row[3] for row in is_open if row[3] is not None), default=None),
    }


def _of_each(figure: Any, status: str, *tests: Any) -> Any:
    """A figure of the messages of one mailing in one state, read from the index of both."""
    of_it = (Message.mailing_id == Mailing.id, Message.status == status, *tests)
    return select(figure).select_from(Message).where(*of_it).correlate(Mailing).scalar_subquery()


def message_id_header(links: Links, message_id: int, mailing_id: int, domain: str) -> str:
    """The Message-ID of RFC 5322 3.6.4, with its angle brackets: the same at every attempt.

    Its token is of the kind that opens nothing (third parties see Message-IDs); `Links.read(…, "bounce")`
    finds the message again in an answer's In-Reply-To.
    """
    return f"<m.{links.token(message_id, mailing_id, 'bounce')}@{domain}>"


def recipient_of(session: Session, message: Message) -> Customer | None:
    """The customer a message was meant for; None after erasure, and for a test."""
    return session.get(Customer, message.customer_id) if message.customer_id else None

"""Holds back what must wait: at launch by one select for all, at each claim row by row under the policy."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from typing import cast as typed

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    and_,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from campaigns.customers import Customer
from campaigns.db import free_rows
from campaigns.db.expressions import among, later, scanned
from campaigns.messages.holdout import held_out
from campaigns.messages.model import Attempt, Mailing, Message
from campaigns.messages.pressure import LOOK_AGAIN, Cap, Mail, Policy, Reader, Verdict, verdict
from campaigns.signals import open_complaints

READER = (
    Customer.zone.label("reader_zone"),
    Customer.country.label("reader_country"),
    Customer.every_days,
    Customer.pause_until,
    Customer.id.in_(open_complaints()).label("has_complaint"),
)
"""The columns that `restrain` needs of each row, beside id, mailing_id, customer_id, queued_at, held_reason."""


def salt_of(mailing: Mailing) -> str:
    """What the draw of a hold-out hangs on: all wordings of one letter share it."""
    return f"{mailing.kind}:{mailing.source_id if mailing.source_id is not None else mailing.id}"


def may_leave(now: datetime, exempt: Sequence[str]) -> ColumnElement[bool]:
    """The part of the last look before a content leaves: no complaint, no pause begun since the claim.

    The cap needs none: what is claimed counts already.
    """
    is_paused = and_(Customer.pause_until.is_not(None), Customer.pause_until > now)
    return and_(
        or_(Mailing.leaves_in_complaint, Customer.id.not_in(open_complaints())),
        or_(Mailing.type.in_(list(exempt)), Customer.pause_until.is_(None), ~is_paused),
    )


# At each claim.


def restrain(session: Session, rows: Sequence[Any], policy: Policy, *, now: datetime) -> set[int]:
    """The ids among `rows` that may not be claimed now; those that wait or expired are written down as such.

    The rows come in the order in which they may go: of two for one customer the first counts for the second. On
    PostgreSQL the customers are locked until the claim is committed, so that two senders never both take the last
    place; whoever is being claimed for elsewhere is left for the next claim.
    """
    mailings = {
        mailing.id: mailing
        for mailing in session.scalars(
            select(Mailing).where(Mailing.id.in_({row.mailing_id for row in rows}))
        )
    }
    free = free_rows(session, Customer, {row.customer_id for row in rows})
    mails = _mails(session, rows, policy, now)
    back: set[int] = set()
    held: dict[int, Verdict] = {}
    for row in rows:
        if row.customer_id not in free:
            back.add(row.id)
            continue
        mailing = mailings[row.mailing_id]
        hold = policy.hold(
            mailing.type,
            _reader(row),
            mails[row.customer_id],
            now,
            leaves_in_complaint=mailing.leaves_in_complaint,
        )
        expires_at = row.queued_at + timedelta(hours=mailing.wait_hours)
        found = verdict(hold, waited_for=row.held_reason, expires_at=expires_at, now=now)
        if found.goes:
            mails[row.customer_id].append(Mail(now, mailing.type, is_sure=False))
        else:
            held[row.id] = found
    _write(session, held)
    return back | held.keys()


def _reader(row: Any) -> Reader:
    return Reader(
        row.reader_zone, row.reader_country, row.every_days, row.pause_until, bool(row.has_complaint)
    )


def _mails(session: Session, rows: Sequence[Any], policy: Policy, now: datetime) -> dict[int, list[Mail]]:
    """What each customer of `rows` got within the span that matters, and what is in the air for them."""
    found: dict[int, list[Mail]] = defaultdict(list)
    since = policy.looks_back(now, (row.every_days for row in rows))
    if since is None:
        return found
    ids = {row.customer_id for row in rows}
    known = among(Message.customer_id, ids)
    sent: Any = select(Message.customer_id, Message.sent_at, Mailing.type)
    sent = sent.join(Mailing, Mailing.id == Message.mailing_id).where(known, Message.sent_at > since)
    for customer_id, at, type_ in session.execute(sent):
        found[customer_id].append(Mail(at, type_))
    # Not by the customer: those being sent now are few, and an index of their own holds them.
    flying: Any = select(Message.customer_id, Mailing.type)
    flying = flying.join(Mailing, Mailing.id == Message.mailing_id)
    flying = flying.where(text("message.status = 'sending'"), among(scanned(Message.customer_id), ids))
    for customer_id, type_ in session.execute(flying):
        found[customer_id].append(Mail(now, type_, is_sure=False))
    unheard: Any = (
        select(Message.customer_id, Mailing.type, func.max(Attempt.at).label("at"))
        .join(Mailing, Mailing.id == Message.mailing_id)
        .join(Attempt, Attempt.message_id == Message.id)
        .where(text("message.status = 'unknown'"), known)
        .group_by(Message.id, Message.customer_id, Mailing.type)
    )
    for customer_id, type_, at in session.execute(unheard):
        found[customer_id].append(Mail(at, type_, is_sure=False))
    return found


def _write(session: Session, held: Mapping[int, Verdict]) -> None:
    waiting = [(id_, each) for id_, each in held.items() if each.until is not None]
    expired = [(id_, each) for id_, each in held.items() if each.until is None]
    if waiting:
        session.connection().execute(
            _WAITS,
            [
                {"m_id": id_, "m_reason": each.reason, "m_words": each.words, "m_at": each.until}
                for id_, each in waiting
            ],
        )
    if expired:
        session.connection().execute(
            _EXPIRED,
            [
                {"m_id": id_, "m_reason": f"expired:{each.reason}", "m_words": each.words}
                for id_, each in expired
            ],
        )


_TABLE = typed("Any", Message.__table__)
_WAITS = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("m_id"), text("status = 'queued'"))
    .values(
        next_attempt_at=bindparam("m_at", type_=Message.next_attempt_at.type),
        held_reason=bindparam("m_reason"),
        reply=bindparam("m_words"),
    )
)
_EXPIRED = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("m_id"), text("status = 'queued'"))
    .values(
        status=literal_column("'held'"),
        next_attempt_at=null(),
        held_reason=bindparam("m_reason"),
        reply=bindparam("m_words"),
    )
)


# At launch.


@dataclass(frozen=True)
class Restraint:
    """What an INSERT … SELECT of messages needs: a join, and for each row what becomes of it."""

    joins: tuple[tuple[FromClause, ColumnElement[bool]], ...]  # outer joins to the customers
    ends: tuple[
        tuple[ColumnElement[bool], Any], ...
    ]  # condition → held_reason of a row that is held for good
    waits: tuple[tuple[ColumnElement[bool], str, Any], ...]  # condition → reason, and the moment to wait for
    words: Any


def restraint(mailing: Mailing, policy: Policy | None, *, now: datetime) -> Restraint:
    """What holds the recipients of `mailing` back as far as one select can tell; each claim looks more closely.

    Left to the claims are quiet hours, days of rest and the customers' own rhythm.
    """
    ends: list[tuple[ColumnElement[bool], Any]] = []
    waits: list[tuple[ColumnElement[bool], str, Any]] = []
    expires_at = now + timedelta(hours=mailing.wait_hours)
    if mailing.holdout:
        ends.append((held_out(Customer.id, salt_of(mailing), mailing.holdout), literal("holdout")))
    if not mailing.leaves_in_complaint:
        again = min(now + LOOK_AGAIN, expires_at)
        waits.append((Customer.id.in_(open_complaints()), "complaint", _moment(again)))
    if policy is None:
        return Restraint((), tuple(ends), tuple(waits), literal(""))
    if policy.spared is not None and mailing.type == "promotion":
        ends.append((Customer.id.in_(policy.spared), literal("key_account")))
    if not policy.is_exempt(mailing.type):
        ends.append((Customer.pause_until >= expires_at, literal("expired:pause")))
        waits.append((Customer.pause_until > now, "pause", Customer.pause_until))
    cap = policy.cap(mailing.type)
    if not cap.most:
        return Restraint((), tuple(ends), tuple(waits), literal(""))
    recent = _full(policy, mailing.type, cap, now).subquery()
    is_full = recent.c.customer_id.is_not(None)
    ends.append((and_(is_full, recent.c.free_at >= expires_at), literal("expired:pressure")))
    waits.append((is_full, "pressure", recent.c.free_at))
    words = cast(recent.c.number, String) + literal(f" mails in the last {cap.days} days.")
    join = (recent, recent.c.customer_id == Customer.id)
    return Restraint((join,), tuple(ends), tuple(waits), func.coalesce(words, ""))


def _full(policy: Policy, type_: str, cap: Cap, now: datetime) -> Select[Any]:
    """Customers who have had as many as the cap allows: how many, and from when at the earliest there is room."""
    exempt = Mailing.type.in_(policy.settings.exempt)
    number = func.count()
    return (
        select(
            Message.customer_id.label("customer_id"),
            number.label("number"),
            later(func.min(Message.sent_at), cap.days * 86_400).label("free_at"),
        )
        .join(Mailing, Mailing.id == Message.mailing_id)
        .where(
            Message.sent_at > now - cap.span,
            Message.customer_id.is_not(None),
            exempt if policy.is_exempt(type_) else not_(exempt),
        )
        .group_by(Message.customer_id)
        .having(number >= cap.most)
    )


def _moment(at: datetime) -> Any:
    return literal(at, type_=Message.next_attempt_at.type)

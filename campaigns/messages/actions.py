"""Writes: open a mailing, queue its messages, hold, pause, stop, decide."""

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    CursorResult,
    Select,
    and_,
    case,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from campaigns.customers import Customer
from campaigns.db import insert_missing, prepare_for_many, refresh_statistics
from campaigns.errors import Conflict
from campaigns.messages.holding import Restraint, restraint
from campaigns.messages.model import Attempt, Halt, Mailing, Message
from campaigns.messages.pressure import Policy
from campaigns.messages.queries import counts, get_message, halted
from campaigns.suppression import in_force

PRIORITIES = {"test": 1, "letter": 3, "newsletter": 5}
"""Lower leaves first."""


def open_mailing(
    session: Session,
    *,
    kind: str,
    source_id: int | None,
    name: str,
    version_id: int,
    subject: str,
    preheader: str = "",
    sender_name: str,
    sender_email: str,
    reply_to: str = "",
    is_tracked: bool = True,
    type: str = "",
    priority: int | None = None,
    leaves_in_complaint: bool = False,
    wait_hours: int = 24,
    holdout: int = 0,
    now: datetime,
) -> Mailing:
    """Begin to say one thing to many. `kind` is newsletter, letter or test; `priority` follows from it.

    `type` is what it asks or gives (rules.TYPES), "" where nobody told. A message that pressure, a pause or a
    complaint holds back waits for `wait_hours`, then it expires; `leaves_in_complaint` spares it the last. `holdout`
    percent of the customers are left without, for comparison.
    """
    mailing = Mailing(
        kind=kind,
        source_id=source_id,
        name=name,
        type=type,
        version_id=version_id,
        subject=subject,
        preheader=preheader,
        sender_name=sender_name,
        sender_email=sender_email,
        reply_to=reply_to,
        is_tracked=is_tracked,
        priority=PRIORITIES.get(kind, 5) if priority is None else priority,
        status="open",
        stopped_because="",
        leaves_in_complaint=leaves_in_complaint,
        wait_hours=wait_hours,
        holdout=holdout,
        created_at=now,
    )
    session.add(mailing)
    session.flush()
    return mailing


def enqueue(
    session: Session, mailing_id: int, members: Select[Any], *, now: datetime, policy: Policy | None = None
) -> dict[str, int]:
    """One message for each customer that `members` selects (ids), by one INSERT … SELECT.

    `members` is best a select of `Customer.id` itself, each once, as segments give it. Who is suppressed or has
    not consented gets a message `held` with its reason, so that the ledger adds up. Asked twice, nobody gets a
    second one. By `policy`, those who had enough, or asked for a pause, wait or expire already here; without one
    the claims alone look. Returns how many became `queued` and `held`.
    """
    columns, joins = _addressed(
        session,
        mailing_id,
        now,
        policy,
        occasion_key=literal(""),
        due_at=literal(now, type_=Message.next_attempt_at.type),
        facts=null(),
    )
    if _is_of_customers(members):  # the same select goes on: no second pass over the customers
        rows = members.with_only_columns(*columns, maintain_column_froms=True)
    else:
        rows = select(*columns).select_from(Customer).where(Customer.id.in_(members))
    for table, on in joins:
        rows = rows.outerjoin(table, on)
    return _insert(session, mailing_id, rows, is_each_once=True)


def _is_of_customers(members: Select[Any]) -> bool:
    (column,) = members.selected_columns
    return getattr(column, "table", None) is Customer.__table__ and column.name == "id"


def enqueue_occasions(
    session: Session, mailing_id: int, due: Select[Any], *, now: datetime, policy: Policy | None = None
) -> dict[str, int]:
    """One message for each occasion; `due` selects `(customer_id, occasion_key, due_at, facts)`.

    A message leaves no sooner than its `due_at`; the same occasion is never queued twice for one customer.
    """
    found = due.subquery()
    customer_id, key, due_at, facts = found.c[0], found.c[1], found.c[2], found.c[3]
    columns, joins = _addressed(
        session, mailing_id, now, policy, occasion_key=key, due_at=due_at, facts=facts
    )
    rows = select(*columns).select_from(Customer)
    for table, on in joins:
        rows = rows.outerjoin(table, on)
    return _insert(session, mailing_id, rows.join(found, customer_id == Customer.id))


_COLUMNS = (
    "mailing_id",
    "customer_id",
    "occasion_key",
    "address",
    "domain",
    "status",
    "held_reason",
    "is_tracked",
    "facts",
    "queued_at",
    "next_attempt_at",
    "attempts",
    "reply",
)


_MANY = 10_000


def _addressed(
    session: Session,
    mailing_id: int,
    now: datetime,
    policy: Policy | None,
    *,
    occasion_key: Any,
    due_at: Any,
    facts: Any,
) -> tuple[list[Any], list[tuple[Any, Any]]]:
    """What one customer's message will hold, with the reason that keeps it from leaving, if there is one; and the
    tables those reasons are taken from, each with its condition, to be joined to the customers."""
    mailing = session.get_one(Mailing, mailing_id)
    keys = in_force().subquery()
    causes = (
        select(keys.c.address_key, func.min(keys.c.cause).label("cause"))
        .group_by(keys.c.address_key)
        .subquery()
    )
    is_suppressed = causes.c.address_key.is_not(None)
    found = restraint(mailing, policy, now=now)
    ends = [
        (is_suppressed, "suppressed:" + causes.c.cause),
        (Customer.may_mail.is_(False), literal("no_consent")),
        *found.ends,
    ]
    columns = [
        literal(mailing_id),
        Customer.id,
        occasion_key,
        Customer.email,
        Customer.domain,
        case((or_(*(is_held for is_held, _ in ends)), "held"), else_="queued"),
        case(*ends, *((waits, literal(reason)) for waits, reason, _ in found.waits), else_=""),
        and_(Customer.may_track, literal(mailing.is_tracked)),
        facts,
        literal(now, type_=Message.queued_at.type),
        _not_before(due_at, found),
        literal(0),
        found.words,
    ]
    return columns, [(causes, causes.c.address_key == Customer.address_key), *found.joins]


def _not_before(due_at: Any, found: Restraint) -> Any:
    """The moment it is due, or the one it has to wait for if that is later."""
    if not found.waits:
        return due_at
    return case(*((and_(waits, until > due_at), until) for waits, _, until in found.waits), else_=due_at)


def _insert(
    session: Session, mailing_id: int, rows: Select[Any], *, is_each_once: bool = False
) -> dict[str, int]:
    prepare_for_many(session)
    before = counts(session, mailing_id)
    is_clear = is_each_once and not sum(before.values())
    session.execute(insert_missing(session, Message, _COLUMNS, rows, is_clear=is_clear))
    after = counts(session, mailing_id)
    if sum(after.values()) - sum(before.values()) >= _MANY:
        refresh_statistics(session, Message)  # else the first claims are planned for an empty table
    return {status: after[status] - before[status] for status in ("queued", "held")}


def pause_mailing(session: Session, mailing_id: int, *, because: str = "") -> bool:
    """Nothing more of it leaves until it is resumed; what is in the server's hands now is let go through."""
    return _turn(session, mailing_id, "open", "paused", stopped_because=because)


def resume_mailing(session: Session, mailing_id: int) -> bool:
    """Let a paused mailing go on; False if it was not paused.

    Where it had been stopped by itself (`stopped_because`), a person has now decided: it is not stopped so again.
    """
    is_guarded = case((Mailing.stopped_because == "", Mailing.is_guarded), else_=False)
    return _turn(session, mailing_id, "paused", "open", stopped_because="", is_guarded=is_guarded)


def _turn(session: Session, mailing_id: int, old: str, new: str, **values: Any) -> bool:
    turned = session.execute(
        update(Mailing)
        .where(Mailing.id == mailing_id, Mailing.status == old)
        .values(status=new, **values)
        .execution_options(synchronize_session="fetch")
    )
    return _rows(turned) == 1


def stop_mailing(session: Session, mailing_id: int, *, because: str, now: datetime) -> int:  # noqa: ARG001
    """End it for good: what waits is cancelled. Returns how many; claimed ones are cancelled by their sender."""
    session.execute(
        update(Mailing)
        .where(Mailing.id == mailing_id, Mailing.status.in_(("open", "paused")))
        .values(status="stopped", stopped_because=because)
    )
    stopped = session.execute(
        update(Message)
        .where(Message.mailing_id == mailing_id, Message.status == "queued")
        .values(status="cancelled", held_reason="stopped", next_attempt_at=None)
        .execution_options(synchronize_session=False)
    )
    return _rows(stopped)


def cancel_queued(session: Session, customer_id: int, *, because: str, now: datetime) -> int:  # noqa: ARG001
    """Whatever waits for this customer does not leave; `because` is a word (unsubscribed, erased, spam_report).

    Messages already claimed are caught by their sender, which looks again before each body.
    """
    cancelled = session.execute(
        update(Message)
        .where(Message.customer_id == customer_id, Message.status == "queued")
        .values(status="cancelled", held_reason=because, next_attempt_at=None)
        .execution_options(synchronize_session=False)
    )
    return _rows(cancelled)


def decide(session: Session, message_id: int, *, as_sent: bool, by: str, now: datetime) -> None:
    """A person ends an `unknown`: it counts as sent, or it is sent again. Conflict if it is not unknown any more."""
    values: dict[str, Any] = (
        {"status": "sent", "sent_at": now}
        if as_sent
        else {"status": "queued", "next_attempt_at": now, "lease_owner": None}
    )
    decided = session.execute(
        update(Message)
        .where(Message.id == message_id, Message.status == "unknown")
        .values(lease_until=None, **values)
        .execution_options(synchronize_session="fetch")
    )
    if _rows(decided) == 0:
        get_message(session, message_id)  # NotFound says it better, where that is the reason
        raise Conflict("This message was decided meanwhile.")
    outcome = "as_sent" if as_sent else "again"
    session.add(Attempt(message_id=message_id, at=now, step="decide", outcome=outcome, by=by, reply=""))
    session.flush()


POLICY = "the rule in config.toml"
"""Who decided, where nobody did."""


def end_unknown(session: Session, *, older_than: timedelta, now: datetime) -> int:
    """By a written rule (`sending.unknown_is_sent_after_hours`): what has been unknown for so long counts as sent.

    Kept as an attempt like a person's decision. Returns how many.
    """
    since = (
        select(Attempt.message_id)
        .where(Attempt.outcome == "unknown")
        .group_by(Attempt.message_id)
        .having(func.max(Attempt.at) <= now - older_than)
    )
    found = (
        select(Message.id)
        .join(Mailing, Mailing.id == Message.mailing_id)
        .where(Message.status == "unknown", Message.id.in_(since))
        .limit(_MANY)
    )
    ids = list(session.scalars(found))
    for id_ in ids:
        decide(session, id_, as_sent=True, by=POLICY, now=now)
    return len(ids)


def try_again(session: Session, mailing_id: int, *, by: str, now: datetime) -> int:
    """Queue anew what failed in this mailing (refused or given up), the suppressed left out; returns how many.

    The sender holds whoever was suppressed meanwhile. Message-IDs stay as they were.
    """
    failed = select(Message.id).where(Message.mailing_id == mailing_id, Message.status == "failed")
    ids = list(session.scalars(failed))
    session.add_all(
        Attempt(message_id=id_, at=now, step="decide", outcome="again", by=by, reply="") for id_ in ids
    )
    queued = session.execute(
        update(Message)
        .where(Message.mailing_id == mailing_id, Message.status == "failed")
        .values(status="queued", queued_at=now, next_attempt_at=now, attempts=0, lease_owner=None)
        .execution_options(synchronize_session=False)
    )
    session.flush()
    return _rows(queued)


def halt(session: Session, *, because: str, by: str, now: datetime) -> Halt:
    """The emergency stop: nothing leaves any more until a person lifts it. In force already: the same is returned."""
    there = halted(session)
    if there is not None:
        return there
    stop = Halt(at=now, by=by, because=because, lifted_by="")
    session.add(stop)
    session.flush()
    return stop


def lift_halt(session: Session, *, by: str, now: datetime) -> bool:
    """End the emergency stop; False if there was none."""
    lifted = session.execute(
        update(Halt)
        .where(Halt.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by=by)
        .execution_options(synchronize_session=False)
    )
    return _rows(lifted) > 0


def forget_message(session: Session, message_ids: Select[Any]) -> int:
    """For erasure: the messages stay counted, but hold no address, no facts and no words of a server any more."""
    session.execute(delete(Attempt).where(Attempt.message_id.in_(message_ids)))
    forgotten = session.execute(
        update(Message)
        .where(Message.id.in_(message_ids))
        .values(customer_id=None, address="", facts=null(), reply="")
        .execution_options(synchronize_session=False)
    )
    return _rows(forgotten)


def _rows(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount

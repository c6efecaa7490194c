"""The sender's own writes: claim a batch, look again, record answers, give back, repair after a death."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    null,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from campaigns.customers import Customer
from campaigns.mail import Answer
from campaigns.messages.gaps import gap_open, outside
from campaigns.messages.holding import READER, may_leave, restrain
from campaigns.messages.journal import Remains
from campaigns.messages.model import Attempt, Halt, Mailing, Message, Sender
from campaigns.messages.pressure import Policy
from campaigns.messages.rules import Patience, Refusal, fate
from campaigns.suppression import in_force

_MOST_WORDS = 2000
_ROUNDS = 10
"""So many batches may be put off whole before a claim ends with nothing, so that it does not hold the lock for long."""


@dataclass(slots=True)
class Claimed:
    """One message in the hands of this process. The last five fields are filled in on the way."""

    id: int
    mailing_id: int
    customer_id: int | None
    address: str
    domain: str
    name: str
    is_tracked: bool
    facts: dict[str, Any] | None
    tries: int
    queued_at: datetime
    priority: int
    waits_for: str = ""
    taken_at: float = 0.0
    sender: str = ""
    recipient: str = ""
    needs_utf8: bool = False
    body: bytes = b""
    begun_at: float = 0.0
    lost: int = 0


Admit = Callable[[Session, Sequence[Claimed]], list[Claimed]]
"""Of the messages that may be written to at all, those whose receiver's pace lets them come now (see pacing.py)."""

RefusalHook = Callable[[Session, Sequence[Refusal], datetime], None]
"""Called in the transaction that records the refusals (steps mail, rcpt, data, dot; code ≥ 500)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer, when it was heard, and how often the message had been tried before."""

    message_id: int
    tries: int
    queued_at: datetime
    at: datetime
    answer: Answer


def claim(
    session: Session,
    owner: str,
    *,
    now: datetime,
    limit: int,
    lease_seconds: float,
    without_domains: Collection[str] = (),
    before_priority: int | None = None,
    policy: Policy,
    admit: Admit | None = None,
) -> list[Claimed]:
    """Up to `limit` due messages become `sending` under `owner`'s lease, those of the first mailings first.

    `before_priority`: only what is more urgent than that. Mailings of one priority share the batch. Who may not be written to any more is held at once. On PostgreSQL
    rows that another process is claiming are passed over; on SQLite there is one writer at a time. Whoever has
    had enough by `policy`, or waits for another reason, is put off within the same transaction (see holding.py).
    """
    if session.scalar(select(exists().where(Halt.lifted_at.is_(None)))):
        return []
    for _ in range(_ROUNDS):
        ids, priorities = _found(session, now, limit, without_domains, before_priority)
        if not ids:
            return []
        rows = sorted(
            session.execute(_facts_of(ids)).all(), key=lambda row: (priorities[row.mailing_id], row.id)
        )
        checked = {row.id: _checked(session, row, priorities[row.mailing_id]) for row in rows}
        fit = {id_: message for id_, message in checked.items() if message is not None}
        if admit is not None:
            fit = {message.id: message for message in admit(session, list(fit.values()))}
        back = restrain(session, [row for row in rows if row.id in fit], policy, now=now)
        claimed = [message for id_, message in fit.items() if id_ not in back]
        if claimed or len(rows) < limit:
            break
    _lease(session, [message.id for message in claimed], owner, now, lease_seconds)
    return claimed


def _found(
    session: Session,
    now: datetime,
    limit: int,
    without_domains: Collection[str],
    before_priority: int | None,
) -> tuple[list[int], dict[int, int]]:
    """Ids of messages that are due, and the priority of each of their mailings."""
    ids: list[int] = []
    priorities: dict[int, int] = {}
    is_due = and_(Message.next_attempt_at <= now, *outside(gap_open(session)))
    for priority, group in _due_mailings(session, is_due, before_priority).items():
        for place, mailing_id in enumerate(group):
            left = limit - len(ids)
            if left <= 0:
                break
            share = -(-left // (len(group) - place))
            ids += _due_ids(session, mailing_id, is_due, share, without_domains)
            priorities[mailing_id] = priority
    return ids, priorities


def _due_mailings(session: Session, is_due: ColumnElement[bool], before: int | None) -> dict[int, list[int]]:
    # A scalar subquery with its limit is one look into the index for each open mailing; an EXISTS is made
    # a join over all waiting messages by PostgreSQL.
    due = (
        select(Message.id)
        .where(Message.mailing_id == Mailing.id, Message.status == "queued", is_due)
        .limit(1)
        .correlate(Mailing)
        .scalar_subquery()
    )
    chosen = (
        select(Mailing.id, Mailing.priority)
        .where(Mailing.status == "open", due.is_not(None))
        .order_by(Mailing.priority, Mailing.id)
    )
    rows = session.execute(chosen if before is None else chosen.where(Mailing.priority < before))
    groups: dict[int, list[int]] = {}
    for mailing_id, priority in rows:
        groups.setdefault(priority, []).append(mailing_id)
    return groups


def _due_ids(
    session: Session,
    mailing_id: int,
    is_due: ColumnElement[bool],
    limit: int,
    without_domains: Collection[str],
) -> list[int]:
    rows = (
        select(Message.id)
        .where(Message.mailing_id == mailing_id, Message.status == "queued", is_due)
        .order_by(Message.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if without_domains:
        rows = rows.where(Message.domain.not_in(list(without_domains)))
    return list(session.scalars(rows))


def _is_suppressed() -> ColumnElement[bool]:
    keys = in_force().subquery()
    return exists().where(keys.c.address_key == Customer.address_key)


def _cause() -> Any:
    keys = in_force().subquery()
    return (
        select(func.min(keys.c.cause))
        .where(keys.c.address_key == Customer.address_key)
        .correlate(Customer)
        .scalar_subquery()
    )


def _facts_of(ids: Sequence[int]) -> Select[Any]:
    return (
        select(
            Message.id,
            Message.mailing_id,
            Message.customer_id,
            Message.address,
            Message.domain,
            Message.is_tracked,
            Message.facts,
            Message.attempts,
            Message.queued_at,
            Message.held_reason,
            Message.waits_for,
            *READER,
            Customer.email,
            Customer.domain.label("domain_now"),
            Customer.first_name,
            Customer.last_name,
            Customer.may_mail,
            Customer.may_track,
            _cause().label("cause"),
        )
        .outerjoin(Customer, Customer.id == Message.customer_id)
        .where(Message.id.in_(ids))
        .order_by(Message.id)
    )


def _checked(session: Session, row: Any, priority: int) -> Claimed | None:
    """The message as it will be sent, or None after it was held: consent, suppression and address as of now."""
    if row.customer_id is None:
        _hold(session, row.id, "cancelled", "erased")
        return None
    reason = f"suppressed:{row.cause}" if row.cause else "" if row.may_mail else "no_consent"
    if reason:
        _hold(session, row.id, "held", reason)
        return None
    if row.address != row.email:  # the customer moved while the message waited
        session.execute(
            update(Message).where(Message.id == row.id).values(address=row.email, domain=row.domain_now)
        )
    return Claimed(
        id=row.id,
        mailing_id=row.mailing_id,
        customer_id=row.customer_id,
        address=row.email,
        domain=row.domain_now,
        name=f"{row.first_name} {row.last_name}".strip(),
        is_tracked=row.is_tracked and row.may_track,
        facts=row.facts,
        tries=row.attempts,
        queued_at=row.queued_at,
        priority=priority,
        waits_for=row.waits_for,
    )


def _hold(session: Session, message_id: int, status: str, reason: str) -> None:
    session.execute(
        update(Message)
        .where(Message.id == message_id)
        .values(status=status, held_reason=reason, next_attempt_at=None, lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


def _lease(session: Session, ids: Sequence[int], owner: str, now: datetime, seconds: float) -> None:
    session.execute(
        update(Message)
        .where(Message.id.in_(ids), Message.status == "queued")
        .values(
            status="sending",
            held_reason="",  # what it waited for is over
            waits_for="",
            lease_owner=owner,
            lease_until=now + timedelta(seconds=seconds),
        )
        .execution_options(synchronize_session=False)
    )


def still_good(session: Session, owner: str, *, now: datetime, policy: Policy) -> tuple[set[int], set[int]]:
    """Of what `owner` holds: all ids, and those that may still be handed over at this moment.

    The others belong to a mailing paused or stopped meanwhile, or to somebody unsubscribed, suppressed or erased, or
    who complains or asked for a pause since.
    """
    is_good = and_(
        Mailing.status == "open",
        Customer.may_mail,
        ~_is_suppressed(),
        may_leave(now, policy.settings.exempt),
        ~exists().where(Halt.lifted_at.is_(None)).correlate(None),
        *outside(gap_open(session)),
    )
    rows = session.execute(
        select(Message.id, is_good)
        .join(Mailing, Mailing.id == Message.mailing_id)
        .outerjoin(Customer, Customer.id == Message.customer_id)
        .where(Message.lease_owner == owner, Message.status == "sending")
    ).all()
    return {row[0] for row in rows}, {row[0] for row in rows if row[1]}


def put_back(session: Session, owner: str, ids: Collection[int]) -> None:
    """Claimed ones that were never begun: who may not be written to is held or cancelled, the others wait again."""
    if not ids:
        return
    rows = session.execute(
        select(Message.id, Message.customer_id, Mailing.status, Customer.may_mail, _cause().label("cause"))
        .join(Mailing, Mailing.id == Message.mailing_id)
        .outerjoin(Customer, Customer.id == Message.customer_id)
        .where(Message.id.in_(list(ids)), Message.lease_owner == owner, Message.status == "sending")
    ).all()
    free = []
    for row in rows:
        if row.customer_id is None:
            _hold(session, row.id, "cancelled", "erased")
        elif row.cause == "unsubscribed" or (not row.cause and not row.may_mail):
            # the same word as for those that were still waiting when the person unsubscribed
            _hold(session, row.id, "cancelled", "unsubscribed")
        elif row.cause:
            _hold(session, row.id, "held", f"suppressed:{row.cause}")
        elif row.status == "stopped":
            _hold(session, row.id, "cancelled", "stopped")
        else:
            free.append(row.id)
    session.execute(
        update(Message)
        .where(Message.id.in_(free))
        .values(status="queued", lease_owner=None, lease_until=None)  # due since when it was
        .execution_options(synchronize_session=False)
    )


def renew(session: Session, owner: str, *, now: datetime, seconds: float) -> None:
    """The lease of everything `owner` holds is as long as at the beginning again."""
    session.execute(
        update(Message)
        .where(Message.lease_owner == owner, Message.status == "sending")
        .values(lease_until=now + timedelta(seconds=seconds))
        .execution_options(synchronize_session=False)
    )


def record(
    session: Session,
    owner: str,
    outcomes: Sequence[Outcome],
    patience: Patience,
    hooks: Iterable[RefusalHook] = (),
) -> None:
    """Write down what the servers said, in one go. Rows that are not `owner`'s any more stay as they are."""
    sent: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    attempts: list[dict[str, Any]] = []
    refusals: list[Refusal] = []
    for outcome in outcomes:
        answer = outcome.answer
        values = {
            "m_id": outcome.message_id,
            "m_owner": owner,
            "m_code": answer.code,
            "m_reply": answer.text.replace("\0", "")[:_MOST_WORDS],
            "m_tries": outcome.tries + 1,
        }
        if answer.is_accepted:
            sent.append(values | {"m_at": outcome.at})
            continue
        word, state = _state_after(outcome, patience)
        others.append(values | state)
        attempts.append(_attempt(outcome, word))
        if word == "failed" and answer.code is not None and answer.code >= 500:
            refusals.append(
                Refusal(outcome.message_id, answer.step, answer.code, answer.enhanced, answer.text)
            )
    # Of rows, not of objects: an executemany without looking anything up first.
    if sent:
        session.connection().execute(_SENT, sent)
    if others:
        session.connection().execute(_OTHER, others)
        session.execute(insert(Attempt), attempts)
    for hook in hooks if refusals else ():
        hook(session, refusals, max(outcome.at for outcome in outcomes))


_IS_OURS = and_(
    Message.id == bindparam("m_id"),
    Message.lease_owner == bindparam("m_owner"),
    # `unknown`: somebody took us for dead, and we were only slow
    text("status IN ('sending', 'unknown')"),
    Message.attempts < bindparam("m_tries"),
)
_TABLE = cast("Any", Message.__table__)
_SENT = (
    update(_TABLE)
    .where(_IS_OURS)
    .values(  # constants in the text, not as values: half the time of an executemany goes into those
        status=literal_column("'sent'"),
        sent_at=bindparam("m_at", type_=Message.sent_at.type),
        reply_code=bindparam("m_code"),
        reply=bindparam("m_reply"),
        attempts=bindparam("m_tries"),
        lease_until=null(),
        next_attempt_at=null(),
    )
)
_OTHER = (
    update(_TABLE)
    .where(_IS_OURS)
    .values(
        status=bindparam("m_status"),
        held_reason=bindparam("m_reason"),
        next_attempt_at=bindparam("m_next", type_=Message.next_attempt_at.type),
        reply_code=bindparam("m_code"),
        reply=bindparam("m_reply"),
        attempts=bindparam("m_tries"),
        lease_until=null(),
    )
)


def _state_after(outcome: Outcome, patience: Patience) -> tuple[str, dict[str, Any]]:
    """The word for the attempt, and the columns of the message."""
    word = fate(outcome.answer)
    if word == "retry":
        delay = patience.delay(outcome.message_id, outcome.tries + 1)
        waited = (outcome.at - outcome.queued_at).total_seconds() + delay
        if not patience.is_over(waited):
            at = outcome.at + timedelta(seconds=delay)
            return "retry", {"m_status": "queued", "m_reason": "", "m_next": at}
        word = "failed"
    if word == "unreachable":
        return "held", {"m_status": "held", "m_reason": "unreachable", "m_next": None}
    return word, {"m_status": word, "m_reason": "", "m_next": None}


def _attempt(outcome: Outcome, word: str) -> dict[str, Any]:
    answer = outcome.answer
    return {
        "message_id": outcome.message_id,
        "at": outcome.at,
        "step": answer.step,
        "code": answer.code,
        "reply": answer.text.replace("\0", "")[:_MOST_WORDS],
        "outcome": word,
        "by": "",
    }


def recover(
    session: Session,
    left: Remains,
    patience: Patience,
    *,
    now: datetime,
    hooks: Iterable[RefusalHook] = (),
) -> Mapping[str, int]:
    """Settle what a dead process held, by its journal: outcomes are recorded, an intent without one is `unknown`,
    and what was never begun waits again (`unknown` too if the journal's end may be missing). Returns counts."""
    rows = session.execute(
        select(Message.id, Message.attempts, Message.queued_at, Message.status).where(
            Message.lease_owner == left.owner, Message.status.in_(("sending", "unknown"))
        )
    ).all()
    outcomes, free = [], []
    for row in rows:
        heard = left.outcomes.get(row.id)
        if heard is not None and heard[0] == row.attempts:
            answer = heard[1]
        elif row.status == "unknown" and (row.id in left.intents or not left.is_whole):
            continue  # somebody took the process for dead before, and nothing better is known
        elif left.intents.get(row.id) == row.attempts:
            answer = Answer("dot", None, "The sending process died before the server had answered.")
        elif left.is_whole:
            free.append(row.id)
            continue
        else:
            answer = Answer("dot", None, "The machine went down while this message was being sent.")
        outcomes.append(Outcome(row.id, row.attempts, row.queued_at, now, answer))
    record(session, left.owner, outcomes, patience, hooks)
    session.execute(
        update(Message)
        .where(Message.id.in_(free))
        .values(status="queued", lease_owner=None, lease_until=None)  # due since when it was
        .execution_options(synchronize_session=False)
    )
    return {"free": len(free), "settled": len(outcomes)}


def expire(session: Session, *, living: Collection[str], patience: Patience, now: datetime) -> int:
    """Leases that ended without an answer, of owners that are not alive here: `unknown`, never a second mail.

    Their own journal, should it come back, still settles them. Returns how many.
    """
    rows = session.execute(
        select(Message.id, Message.attempts, Message.queued_at, Message.lease_owner).where(
            Message.status == "sending", Message.lease_until < now, Message.lease_owner.not_in(list(living))
        )
    ).all()
    words = "The sending process has not been heard of since, and its journal is not here."
    for row in rows:
        outcome = Outcome(row.id, row.attempts, row.queued_at, now, Answer("dot", None, words))
        record(session, row.lease_owner, [outcome], patience)
        # Its own journal, should it come back, must find the row as it left it.
        session.execute(update(_TABLE).where(_TABLE.c.id == row.id).values(attempts=row.attempts))
    return len(rows)


def show(session: Session, sender: Mapping[str, Any]) -> None:
    """This process as it is now, for the page Today and for alarms."""
    known = session.get(Sender, sender["name"])
    if known is None:
        session.add(Sender(**sender))
    else:
        for name, value in sender.items():
            setattr(known, name, value)
    session.flush()


def part(session: Session, name: str, *, before: datetime) -> None:
    """This process ends; those that have not shown themselves since `before` are forgotten too."""
    gone = session.execute(select(Sender).where((Sender.name == name) | (Sender.seen_at < before))).scalars()
    for row in gone:
        session.delete(row)
    session.flush()

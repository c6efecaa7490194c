"""Whether Liaison is at work: the queue, the clock, the senders, in figures a monitor can read and alarms for people.

The one source of alarms about sending: Today shows them, `/metrics` counts them, `/health` listens to the clock's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from campaigns.messages import Attempt, Mailing, Message, Sender, gap_open, halted, waiting
from campaigns.runs import Lease

CLOCK_SILENT = timedelta(minutes=2)
SENDER_SILENT = timedelta(minutes=1)
STUCK_AFTER = timedelta(minutes=15)
"""A mailing that has had mail due for so long, and of which nothing was sent or tried in that time, is stuck."""
TROUBLE_AFTER = timedelta(minutes=1)
"""A hindrance shorter than this passes by itself, mostly."""
_MOST_STUCK = 5
_MOST_ATTEMPTS = 100_000
"""So far back they are counted, so that a monitor that asks each second costs little."""


@dataclass(frozen=True)
class Alarm:
    """Something about sending that needs a person.

    `name`: clock, halted, gap, no_sender, login, trouble, stuck. `tone`: bad, or warn where a decision is awaited.
    `count`: how many messages it keeps back, where it does. `mailing_id`: which mailing, where it is one.
    """

    name: str
    tone: str
    title: str
    sentence: str
    count: int = 0
    mailing_id: int | None = None


@dataclass(frozen=True)
class Health:
    """Figures of one moment; no `alarms` means that all is well."""

    queue: dict[str, int]  # messages that are queued, sending, unknown, and held back after a stop
    oldest_due_seconds: float  # how long the oldest queued message has been due; 0 if none is
    clock_lag_seconds: float | None  # since the clock's lease was last in force; None if there is none
    senders: int  # processes seen within a minute
    sent_per_second: float
    sent_total: int  # by the processes that live now
    attempts: dict[str, int]  # tries of the last quarter of an hour that did not end in `sent`, by outcome
    is_halted: bool
    alarms: tuple[Alarm, ...] = ()


def health(session: Session, *, now: datetime) -> Health:
    """Look at the queue, the clock's lease and the senders."""
    queue = waiting(session, now=now)
    oldest = queue["oldest_due_at"]
    until = session.scalar(select(Lease.until).where(Lease.name == "clock"))
    lag = max((now - until).total_seconds(), 0.0) if until else None
    alive = session.scalars(select(Sender).where(Sender.seen_at >= now - SENDER_SILENT)).all()
    return Health(
        queue={
            "queued": queue["due"] + queue["later"],
            "held_back": queue["held_back"],
            "sending": queue["on_the_way"],
            "unknown": queue["unknown"],
        },
        oldest_due_seconds=(now - oldest).total_seconds() if oldest else 0.0,
        clock_lag_seconds=lag,
        senders=len(alive),
        sent_per_second=sum(sender.per_second for sender in alive),
        sent_total=sum(sender.sent for sender in alive),
        attempts=_attempts(session, now),
        is_halted=halted(session) is not None,
        alarms=(
            *_of_the_clock(lag),
            *_of_people(session, queue["held_back"]),
            *_of_senders(session, alive, queue, now),
        ),
    )


def _attempts(session: Session, now: datetime) -> dict[str, int]:
    newest = select(Attempt.outcome, Attempt.at).order_by(Attempt.id.desc()).limit(_MOST_ATTEMPTS).subquery()
    rows = session.execute(
        select(newest.c.outcome, func.count())
        .where(newest.c.at >= now - STUCK_AFTER)
        .group_by(newest.c.outcome)
    )
    return dict.fromkeys(("retry", "failed", "unknown"), 0) | {row[0]: row[1] for row in rows}


def _of_the_clock(lag: float | None) -> list[Alarm]:
    if lag is not None and lag <= CLOCK_SILENT.total_seconds():
        return []
    words = "Nothing planned will leave, and nothing that comes back is read. Is `liaison serve` running?"
    return [Alarm("clock", "bad", "The clock is not ticking", words)]


def _of_people(session: Session, held_back: int) -> list[Alarm]:
    found = []
    if (halt := halted(session)) is not None:
        why = f": {halt.because}" if halt.because else ""
        found.append(Alarm("halted", "bad", "All sending is stopped", f"Stopped by {halt.by}{why}."))
    if (gap := gap_open(session)) is not None and held_back:
        number = f"{held_back:,} mail{'' if held_back == 1 else 's'}"
        hours = max(1, round((gap.found_at - gap.since).total_seconds() / 3600))
        long = f"{hours} hours" if hours < 48 else f"{hours // 24} days"
        if gap.cause == "restored":
            title = f"{number} may have left already"
            words = "The database was restored from a backup. Decide whether they leave."
        else:
            title = f"{number} should have left while Liaison was off"
            words = f"Nothing could leave for {long}. Decide whether they leave now."
        found.append(Alarm("gap", "warn", title, words, held_back))
    return found


def _of_senders(
    session: Session, alive: Sequence[Sender], queue: dict[str, object], now: datetime
) -> list[Alarm]:
    due, oldest = queue["due"], queue["oldest_due_at"]
    assert isinstance(due, int)
    if halted(session) is not None:
        return []
    if not alive:
        if not due or not isinstance(oldest, datetime) or now - oldest < SENDER_SILENT:
            return []
        words = (
            f"{due:,} mail{' is' if due == 1 else 's are'} due and no sender is running. Is `liaison serve`?"
        )
        return [Alarm("no_sender", "bad", "Nobody is sending", words, due)]
    for sender in alive:
        since = sender.trouble_since
        if sender.trouble and (since is None or now - since >= TROUBLE_AFTER):
            if " at auth: " in sender.trouble:
                title = "The mail server refuses our login"
                return [Alarm("login", "bad", title, f"Check user and password: {sender.trouble}.", due)]
            return [Alarm("trouble", "bad", "Mail cannot leave", f"{sender.trouble}.", due)]
    return _stuck(session, now)


def _stuck(session: Session, now: datetime) -> list[Alarm]:
    """Mailings that have mail due and do not move."""
    since = now - STUCK_AFTER
    gap = gap_open(session)
    later_than = gap.due_until if gap is not None else datetime.min.replace(tzinfo=now.tzinfo)
    is_waiting = (
        select(Message.id)
        .where(
            Message.mailing_id == Mailing.id,
            Message.status == "queued",
            Message.next_attempt_at <= since,
            Message.next_attempt_at > later_than,
        )
        .limit(1)
        .correlate(Mailing)
        .scalar_subquery()
    )
    candidates = session.execute(
        select(Mailing.id, Mailing.name).where(Mailing.status == "open", is_waiting.is_not(None))
    ).all()
    found = []
    for mailing_id, name in candidates:
        was_sent = exists().where(Message.mailing_id == mailing_id, Message.sent_at >= since)
        was_tried = exists().where(
            Attempt.message_id == Message.id, Attempt.at >= since, Message.mailing_id == mailing_id
        )
        if not session.scalar(select(was_sent)) and not session.scalar(select(was_tried)):
            words = "Its mails have been due for more than a quarter of an hour, and none was sent or tried."
            found.append(Alarm("stuck", "bad", f"“{name}” is stuck", words, mailing_id=mailing_id))
    return found[:_MOST_STUCK]

"""Whether Liaison is at work: the queue, the clock, the senders, in figures a monitor can read."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.messages import Sender, halted, waiting
from campaigns.runs import Lease

CLOCK_SILENT = timedelta(minutes=2)
SENDER_SILENT = timedelta(minutes=1)
OVERDUE = timedelta(minutes=15)


@dataclass(frozen=True)
class Health:
    """Figures of one moment. `alarms` are sentences for a person; empty means that all is well."""

    queue: dict[str, int]  # messages that are queued, sending, unknown
    oldest_due_seconds: float  # how long the oldest queued message has been due; 0 if none is
    clock_lag_seconds: float | None  # since the clock's lease was last in force; None if there never was one
    senders: int  # processes seen within a minute
    sent_per_second: float
    is_halted: bool
    troubles: tuple[str, ...] = ()
    alarms: tuple[str, ...] = field(default=())


def health(session: Session, *, now: datetime) -> Health:
    """Look at the queue, the clock's lease and the senders."""
    queue = waiting(session, now=now)
    oldest = queue["oldest_due_at"]
    until = session.scalar(select(Lease.until).where(Lease.name == "clock"))
    alive = session.scalars(select(Sender).where(Sender.seen_at >= now - SENDER_SILENT)).all()
    figures = Health(
        queue={
            "queued": queue["due"] + queue["later"] + queue["held_back"],
            "sending": queue["on_the_way"],
            "unknown": queue["unknown"],
        },
        oldest_due_seconds=(now - oldest).total_seconds() if oldest else 0.0,
        clock_lag_seconds=max((now - until).total_seconds(), 0.0) if until else None,
        senders=len(alive),
        sent_per_second=sum(sender.per_second for sender in alive),
        is_halted=halted(session) is not None,
        troubles=tuple(sender.trouble for sender in alive if sender.trouble),
    )
    return Health(**{**figures.__dict__, "alarms": tuple(_alarms(figures))})


def _alarms(figures: Health) -> list[str]:
    alarms = []
    lag = figures.clock_lag_seconds
    if lag is None or lag > CLOCK_SILENT.total_seconds():
        alarms.append("The clock is not ticking: nothing planned will leave. Is `liaison serve` running?")
    if figures.is_halted:
        alarms.append("Sending is stopped by hand; lift the stop when it is safe.")
    elif figures.senders == 0:
        alarms.append("No sender is at work. Is `liaison serve` running?")
    elif figures.oldest_due_seconds > OVERDUE.total_seconds() and not figures.troubles:
        minutes = int(figures.oldest_due_seconds // 60)
        alarms.append(f"A message has been due for {minutes} minutes and has not left.")
    alarms.extend(figures.troubles)
    return alarms

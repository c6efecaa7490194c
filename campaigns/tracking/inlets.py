"""The ways in for returned mail that are meant to be at work: when each last was, what hinders it, when to try again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.db import upsert
from campaigns.tracking.model import Inlet

SILENT = timedelta(minutes=3)
"""A way in that has not been seen for so long is at work no more."""

LONGEST_WAIT = timedelta(hours=1)

NAMES = {
    "listener": "the listener for returned mail (`liaison serve`)",
    "mailbox": "the mailbox of returned mail",
}


@dataclass(frozen=True)
class Silence:
    """A way in through which nothing comes, and why."""

    name: str
    sentence: str


def note_inlet(session: Session, name: str, *, now: datetime) -> None:
    """This way in is at work."""
    _write(session, name, now, trouble="", failures=0, next_at=None)


def note_trouble(session: Session, name: str, trouble: str, *, now: datetime, first: timedelta) -> datetime:
    """It is hindered. Returns the moment before which it is not tried again: `first`, then twice as long each time."""
    row = session.get(Inlet, name)
    failures = (row.failures if row is not None else 0) + 1
    doubled = timedelta(seconds=first.total_seconds() * 2.0 ** min(failures - 1, 12))
    next_at = now + min(doubled, LONGEST_WAIT)
    _write(session, name, now, trouble=trouble, failures=failures, next_at=next_at)
    return next_at


def may_try(session: Session, name: str, *, now: datetime) -> bool:
    """Whether its pause after a failure is over."""
    row = session.get(Inlet, name)
    return row is None or row.next_at is None or row.next_at <= now


def forget_unused_inlets(session: Session, config: Config) -> None:
    """Whoever is switched off by now is missed by nobody."""
    unused = [name for name, is_on in _meant(config).items() if not is_on]
    session.execute(delete(Inlet).where(Inlet.name.in_(unused)))


def silent_inlets(session: Session, *, now: datetime) -> Sequence[Silence]:
    """Those through which nothing comes in now, each with a sentence for a person."""
    found = []
    for row in session.scalars(select(Inlet).order_by(Inlet.name)):
        if row.trouble:
            found.append(Silence(row.name, row.trouble))
        elif row.name == "listener" and now - row.seen_at > SILENT:
            found.append(
                Silence(row.name, f"{NAMES[row.name]} was last at work at {row.seen_at:%Y-%m-%d %H:%M} UTC.")
            )
    return found


def _meant(config: Config) -> dict[str, bool]:
    return {"listener": config.returns.is_on, "mailbox": bool(config.mailbox.kind)}


def _write(
    session: Session, name: str, now: datetime, *, trouble: str, failures: int, next_at: datetime | None
) -> None:
    row = {"name": name, "seen_at": now, "trouble": trouble, "failures": failures, "next_at": next_at}
    session.execute(
        upsert(session, Inlet, [row], key=["name"], update=["seen_at", "trouble", "failures", "next_at"])
    )

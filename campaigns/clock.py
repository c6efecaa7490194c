"""Time enters here: the only file that asks the machine what time it is."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Where `now` comes from; a view or a job asks once and hands the answer down."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back: for durations only."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class FrozenClock:
    """A clock that stands still until it is moved: for tests, simulations and `--as-of`."""

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("A clock needs an aware moment.")
        self._now = now.astimezone(UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    def advance(self, by: timedelta) -> datetime:
        """Move forward (or, with a negative span, back) and return the new present."""
        self._now += by
        self._elapsed += max(by.total_seconds(), 0.0)
        return self._now

    def move_to(self, moment: datetime) -> datetime:
        """Stand at `moment` (aware)."""
        return self.advance(moment.astimezone(UTC) - self._now)


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which a clock on the wall of `zone` shows `local` (naive), in UTC.

    An hour that comes twice (autumn) means the first of them; an hour that is left out (spring) means
    the first instant after the gap, so that nothing planned for it is lost or done twice.
    """
    before = local.replace(tzinfo=zone, fold=0)
    early = before.astimezone(UTC)
    if early.astimezone(zone).replace(tzinfo=None) == local:
        return early
    # In a gap, fold 0 reads with the offset from before it and lands after it, fold 1 the other way round.
    late, early = early, local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    offset_before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        if middle.astimezone(zone).utcoffset() == offset_before:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)

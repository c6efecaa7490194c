"""What the paces need of the database: the other senders, the numbers of a day, who waits until when."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session

from campaigns.config import Pacing
from campaigns.db import upsert
from campaigns.messages.actions import PRIORITIES
from campaigns.messages.model import DayCount, Message, Pace, Sender
from campaigns.messages.pacing import ALL, Pacer, Plan, PutOff, Standing, most_of_day, open_to

SEEN = timedelta(seconds=10)
"""A process that showed itself within so long shares the limits."""
REMEMBERED = timedelta(minutes=30)
RECOUNT = timedelta(seconds=30)
"""A full number is counted anew so often at most."""


def together(session: Session, name: str, *, now: datetime) -> tuple[int, int]:
    """This process's rank among the senders at work, and how many they are; each counts itself."""
    seen = set(session.scalars(select(Sender.name).where(Sender.seen_at >= now - SEEN))) | {name}
    return sorted(seen).index(name), len(seen)


def keep_standings(session: Session, name: str, standings: Sequence[Standing], *, now: datetime) -> None:
    """What is slowed down at present by this process; what is over is forgotten."""
    session.execute(delete(Pace).where(Pace.sender == name))
    session.execute(delete(Pace).where(Pace.seen_at < now - REMEMBERED))
    session.add_all(
        Pace(
            sender=name,
            key=each.key,
            per_minute=each.per_minute,
            ceiling=each.ceiling,
            since=now - timedelta(seconds=each.seconds),
            seen_at=now,
            because=each.because,
        )
        for each in standings
    )


def left_standings(session: Session, *, now: datetime) -> list[Standing]:
    """The paces that were in force when they were last shown, one for each receiver, of whichever process."""
    rows = session.scalars(select(Pace).where(Pace.seen_at >= now - REMEMBERED).order_by(Pace.seen_at))
    found = {row.key: row for row in rows}
    return [
        Standing(key, row.per_minute, row.ceiling, (now - row.since).total_seconds(), row.because)
        for key, row in found.items()
    ]


# ── the number of a day


def local_day(now: datetime, zone: ZoneInfo) -> tuple[date, datetime, datetime]:
    """The local day with its beginning and end, as instants."""
    day = now.astimezone(zone).date()
    begin, end = (datetime.combine(each, time.min, zone) for each in (day, day + timedelta(days=1)))
    return day, begin.astimezone(UTC), end.astimezone(UTC)


def sent_since(session: Session, since: datetime, domains: Collection[str] | None) -> int:
    """How many were accepted since then, and are on their way now, to these domains (None: to all)."""
    is_used = or_(Message.sent_at >= since, Message.status == "sending")
    rows = select(func.count()).select_from(Message).where(is_used)
    return session.scalar(rows if domains is None else rows.where(Message.domain.in_(list(domains)))) or 0


def take(
    session: Session,
    key: str,
    wanted: int,
    most: int,
    *,
    day: date,
    now: datetime,
    count: Callable[[], int],
) -> int:
    """Take up to `wanted` of the number of the day; returns how many were left to take.

    The row is locked, so that all senders together never take more. What was taken and did not leave comes back
    with the next count, which is made when the number seems to be used up.
    """
    session.execute(
        upsert(
            session,
            DayCount,
            [{"key": key, "day": day, "taken": -1, "counted_at": now}],
            key=("key", "day"),
            update=(),
        )
    )
    row = session.scalars(
        select(DayCount).where(DayCount.key == key, DayCount.day == day).with_for_update()
    ).one()
    is_new = row.taken < 0
    if is_new or (row.taken + wanted > most and now - row.counted_at >= RECOUNT):
        row.taken, row.counted_at = count(), now
    taken = max(min(wanted, most - row.taken), 0)
    row.taken += taken
    session.flush()
    return taken


# ── at each claim


class Due(Protocol):
    """A message about to be claimed."""

    id: int
    priority: int
    domain: str
    waits_for: str


D = TypeVar("D", bound=Due)


@dataclass(frozen=True)
class Admission:
    """Decides at a claim who may come and who waits for its pace or for tomorrow; writes down the latter."""

    settings: Pacing
    pacer: Pacer
    plan: Plan
    zone: ZoneInfo
    now: datetime

    def admit(self, session: Session, due: Sequence[D]) -> list[D]:
        """Those of `due` that may be claimed now."""
        earlier = len(self.plan.put_off)
        chosen = set(self.plan.admit(due))
        chosen = self._within_the_day(session, [each for each in due if each.id in chosen])
        put_off(session, self.plan.put_off[earlier:], now=self.now)
        return [each for each in due if each.id in chosen]

    def _within_the_day(self, session: Session, due: Sequence[Due]) -> set[int]:
        day, begin, end = local_day(self.now, self.zone)
        chosen = {each.id: each for each in sorted(due, key=lambda each: each.priority)}
        wanted = Counter(self.pacer.key(each.domain) for each in due)
        limits = {key: most for key in sorted(wanted) if (most := most_of_day(self.settings, key, day))}
        if most := most_of_day(self.settings, ALL, day):
            limits[ALL] = most
        for key, most in limits.items():
            mine = [each for each in chosen.values() if key == ALL or self.pacer.key(each.domain) == key]
            for each in self._over(session, key, most, mine, day=day, begin=begin):
                del chosen[each.id]
                # A moment apart, so that they come in the order in which they waited.
                seconds = (end - self.now).total_seconds() + len(self.plan.put_off) / 1000
                self.plan.put_off.append(PutOff(each.id, seconds, f"quota:{key}"))
        return set(chosen)

    def _over(
        self, session: Session, key: str, most: int, mine: Sequence[Due], *, day: date, begin: datetime
    ) -> list[Due]:
        domains = None if key == ALL else self._domains(key)
        over: list[Due] = []
        for is_bulk in (False, True):
            some = [each for each in mine if (each.priority >= PRIORITIES["newsletter"]) == is_bulk]
            if not some:
                continue
            free = take(
                session,
                key,
                len(some),
                open_to(most, is_bulk=is_bulk, letters_share=self.settings.letters_share),
                day=day,
                now=self.now,
                count=lambda: sent_since(session, begin, domains),
            )
            over += some[free:]
        return over

    def _domains(self, key: str) -> list[str]:
        group = self.settings.groups.get(key)
        return group.domains if group is not None else [key]


def put_off(session: Session, rows: Iterable[PutOff], *, now: datetime) -> None:
    """These stay queued; each asks again at its moment."""
    values: list[Mapping[str, Any]] = [
        {"m_id": row.message_id, "m_for": row.reason[:60], "m_at": now + timedelta(seconds=row.seconds)}
        for row in rows
    ]
    if values:
        session.connection().execute(_PUT_OFF, values)


_TABLE: Any = Message.__table__
_IS_QUEUED: ColumnElement[bool] = Message.status == "queued"
_PUT_OFF = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("m_id"), _IS_QUEUED)
    .values(
        next_attempt_at=bindparam("m_at", type_=Message.next_attempt_at.type), waits_for=bindparam("m_for")
    )
)

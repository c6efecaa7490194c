"""What the paces need of the database: the other senders, the numbers of a day, who waits until when."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from campaigns.config import PaceGroup, Pacing
from campaigns.db import upsert
from campaigns.messages.actions import PRIORITIES
from campaigns.messages.model import DayCount, DomainCheck, Mailing, Message, Pace, Sender
from campaigns.messages.pacing import (
    ALL,
    Pacer,
    Plan,
    PutOff,
    Standing,
    minutes_left,
    most_of_day,
    open_to,
)

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


# ── what the pages show


@dataclass(frozen=True)
class Receiver:
    """How one receiver is written to: its limits, and, where it is slowed down, the present pace and why.

    `per_minute` 0: as fast as it takes them. `used` is what was taken of the number of the day, None without one.
    """

    key: str
    domains: tuple[str, ...]
    limits: PaceGroup
    per_minute: float
    is_slowed: bool = False
    since: datetime | None = None
    because: str = ""
    per_day: int = 0
    used: int | None = None


def receiver_of(settings: Pacing) -> Callable[[str], str]:
    """A function from a domain to the key it is paced with."""
    return Pacer(settings).key


def domains_of(settings: Pacing, key: str) -> tuple[str, ...]:
    """The domains of a key."""
    group = settings.groups.get(key)
    return tuple(group.domains) if group is not None else (key,)


def receiver(session: Session, settings: Pacing, key: str, *, zone: ZoneInfo, now: datetime) -> Receiver:
    """How this receiver (or everybody together: ALL) is written to at present, by all processes together."""
    pacer = Pacer(settings)
    limits = (
        PaceGroup(per_minute=settings.per_minute, per_day=settings.per_day)
        if key == ALL
        else pacer.limits(key)
    )
    day, _begin, _end = local_day(now, zone)
    most = most_of_day(settings, key, day)
    rows = session.scalars(
        select(Pace).where(Pace.key == key, Pace.seen_at >= now - timedelta(minutes=1))
    ).all()
    used = (
        session.scalar(select(DayCount.taken).where(DayCount.key == key, DayCount.day == day))
        if most
        else None
    )
    newest = max(rows, key=lambda row: row.seen_at, default=None)
    return Receiver(
        key,
        () if key == ALL else domains_of(settings, key),
        limits,
        sum(row.per_minute for row in rows) if rows else float(limits.per_minute),
        bool(rows),
        min((row.since for row in rows), default=None),
        newest.because if newest else "",
        most,
        max(used or 0, 0) if most else None,
    )


def slowed(session: Session, *, now: datetime) -> set[str]:
    """The keys that are slowed down at present."""
    return set(session.scalars(select(Pace.key).where(Pace.seen_at >= now - timedelta(minutes=1))))


def queued_by_domain(session: Session) -> dict[str, tuple[int, int]]:
    """Domain → how many of open mailings wait, and how many of these wait for a pace or a day."""
    waits = func.count().filter(Message.waits_for != "")
    rows = session.execute(
        select(Message.domain, func.count(), waits)
        .join(Mailing, Mailing.id == Message.mailing_id)
        .where(Mailing.status == "open", Message.status == "queued")
        .group_by(Message.domain)
    )
    return {row[0]: (row[1], row[2]) for row in rows}


@dataclass(frozen=True)
class Backlog:
    """What waits for one receiver's pace: how many, how it stands, and when the last leaves at the present pace."""

    receiver: Receiver
    waiting: int
    ready_at: datetime | None


def backlog(session: Session, settings: Pacing, *, zone: ZoneInfo, now: datetime) -> list[Backlog]:
    """Receivers whose messages wait for a pace or a day, the longest wait first."""
    key_of = receiver_of(settings)
    waiting: Counter[str] = Counter()
    for domain, (number, paced) in queued_by_domain(session).items():
        if paced:
            waiting[key_of(domain)] += number
    _day, _begin, end = local_day(now, zone)
    found = []
    for key, number in waiting.items():
        each = receiver(session, settings, key, zone=zone, now=now)
        whole = receiver(session, settings, ALL, zone=zone, now=now)
        narrow = min(
            (each, whole), key=lambda one: (one.per_day - (one.used or 0)) if one.per_day else number
        )
        minutes = minutes_left(
            number,
            each.per_minute or whole.per_minute,
            narrow.per_day,
            narrow.used or 0,
            until_tomorrow=(end - now).total_seconds() / 60,
        )
        found.append(Backlog(each, number, None if minutes is None else now + timedelta(minutes=minutes)))
    return sorted(found, key=lambda each: (each.ready_at or now, each.waiting), reverse=True)


# ── what the DNS said


def keep_findings(
    session: Session, domain: str, findings: Sequence[Mapping[str, str]], *, by: str, now: datetime
) -> None:
    """Remember what the DNS said about a sending domain."""
    row = session.get(DomainCheck, domain)
    if row is None:
        session.add(DomainCheck(domain=domain, at=now, by=by, findings={"found": list(findings)}))
    else:
        row.at, row.by, row.findings = now, by, {"found": list(findings)}
    session.flush()


def domain_checks(session: Session) -> dict[str, DomainCheck]:
    """What the DNS last said, by domain."""
    return {row.domain: row for row in session.scalars(select(DomainCheck))}


def sending_domains(session: Session, *, since: datetime) -> list[str]:
    """The From domains of mailings begun since then."""
    rows = session.scalars(select(Mailing.sender_email).where(Mailing.created_at >= since).distinct())
    return sorted({email.rpartition("@")[2].casefold() for email in rows if "@" in email})


def was_written_to(session: Session, domain: str) -> bool:
    """Whether anything was ever meant for this domain."""
    return bool(session.scalar(select(exists().where(Message.domain == domain))))

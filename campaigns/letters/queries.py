"""Letters, and for whom they are due: now, in the days to come, or passed over."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import ColumnElement, Select, case, exists, func, literal, select, union_all
from sqlalchemy.orm import Session

from campaigns.content import Version
from campaigns.customers import Customer
from campaigns.db import UTCDateTime
from campaigns.errors import NotFound
from campaigns.letters.calls import TICK, called, moment_of
from campaigns.letters.model import Letter
from campaigns.letters.rules import undecided, window
from campaigns.messages import Mailing, Message, gap_open, get_mailing
from campaigns.occasions import Occasion, Zones
from campaigns.suppression import suppressed_keys

Occasions = Mapping[str, Occasion]


@dataclass(frozen=True)
class Wording:
    """One wording of a letter: the mailing it left by, the version of the template, and what became of its messages."""

    mailing: Mailing
    version: int
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Due:
    """One occasion of one customer: when the letter leaves, on which local day, and what would keep it back."""

    customer_id: int
    name: str
    email: str
    zone: str
    day: date
    due_at: datetime
    occasion_key: str
    facts: Mapping[str, Any]
    held: str


def get_letter(session: Session, letter_id: int) -> Letter:
    """The letter; NotFound if there is none."""
    letter = session.get(Letter, letter_id, populate_existing=True)
    if letter is None:
        raise NotFound(f"There is no letter {letter_id}.")
    return letter


def all_letters(session: Session) -> Sequence[Letter]:
    """All letters, those switched on first."""
    return session.scalars(select(Letter).order_by(Letter.is_on.desc(), Letter.name)).all()


def why_paused(session: Session, letter: Letter) -> str:
    """Why what is due of it waits, where its mailing was paused by itself; nothing when it was not."""
    if letter.mailing_id is None:
        return ""
    mailing = get_mailing(session, letter.mailing_id)
    return (mailing.stopped_because or "It is paused.") if mailing.status == "paused" else ""


def switched_on(session: Session) -> Sequence[int]:
    """Ids of the letters that are on."""
    return session.scalars(select(Letter.id).where(Letter.is_on).order_by(Letter.id)).all()


def that_prepare(session: Session, occasions: Occasions) -> Sequence[int]:
    """Ids of the letters, on or off, whose occasion keeps something up to date: looked at also while a letter is off,
    so that nobody seems to have come all at once when it is switched on."""
    names = [name for name, occasion in occasions.items() if occasion.prepare is not None]
    return session.scalars(select(Letter.id).where(Letter.occasion.in_(names)).order_by(Letter.id)).all()


def mailings_of(letter_id: int) -> Select[int]:
    """Ids of every mailing the letter ever opened (one for each wording)."""
    return select(Mailing.id).where(Mailing.kind == "letter", Mailing.source_id == letter_id)


@cache
def _known_zones() -> frozenset[str]:
    # Read from the disk anew each time otherwise: fifty milliseconds at each tick of each letter.
    return frozenset(available_timezones())


def zones_of_customers(session: Session, fallback: ZoneInfo) -> dict[str, ZoneInfo]:
    """What stands in `customer.zone` → the zone that is meant; none, or one unknown here, means the shop's.

    From one name to the next by the index: DISTINCT would read a million customers at each tick.
    """
    known = _known_zones()
    zones: dict[str, ZoneInfo] = {}
    name = session.scalar(select(func.min(Customer.zone)))
    while name is not None:
        zones[name] = ZoneInfo(name) if name in known else fallback
        name = session.scalar(select(func.min(Customer.zone)).where(Customer.zone > name))
    return zones


def due_now(
    session: Session, letter: Letter, *, occasions: Occasions, zone: ZoneInfo, now: datetime
) -> list[Select[Any]]:
    """Selects of `(customer_id, occasion_key, due_at, facts)`, one for each local day whose hour has come somewhere.

    Whoever has a message of this letter for the same occasion, in whatever wording, is left out.
    """
    if letter.on_since is None:
        return []
    since, until = _window(letter, letter.on_since, now)
    asked: dict[str, Any] = {"occasions": occasions, "zone": zone}
    gap = gap_open(session)
    if gap is None or gap.cause != "restored" or gap.due_until < since:
        return due_between(session, letter, **asked, span=(since, until), now=now)
    # The backup may have forgotten that these left: they are queued as of then, where the gap holds them.
    told = due_between(session, letter, **asked, span=(since, min(until, gap.due_until)), now=gap.due_until)
    if until <= gap.due_until:
        return told
    later = (gap.due_until + TICK, until)
    return told + due_between(session, letter, **asked, span=later, now=now)


def due_between(
    session: Session,
    letter: Letter,
    *,
    occasions: Occasions,
    zone: ZoneInfo,
    span: tuple[datetime, datetime],
    now: datetime,
) -> list[Select[Any]]:
    """The same for the moments within `span`; what leaves does so from `now` on."""
    occasion = occasions[letter.occasion]
    zones = zones_of_customers(session, zone)
    asked: dict[str, Any] = {"hour": letter.hour, "zones": zones, "since": span[0], "until": span[1]}
    moment = literal(now, type_=UTCDateTime()).label("due_at")
    due = []
    for part in called(occasion, letter.options, **asked):
        found = part.subquery()
        columns = (found.c.customer_id, found.c.occasion_key, moment, found.c.facts)
        due.append(select(*columns).where(*_is_new(letter, occasion, found, now)))
    return due


def is_anybody_due(
    session: Session, letter: Letter, *, occasions: Occasions, zone: ZoneInfo, now: datetime
) -> bool:
    """Whether a launch would find anybody: asked first, so that a quiet minute takes no write lock."""
    due = due_now(session, letter, occasions=occasions, zone=zone, now=now)
    return any(session.scalar(select(exists(each))) for each in due)


def due_soon(
    session: Session,
    letter: Letter,
    *,
    occasions: Occasions,
    zone: ZoneInfo,
    now: datetime,
    days: int = 30,
    limit: int = 200,
    offset: int = 0,
) -> list[Due]:
    """Who is due from now on in the next `days` days, by local day, at most `limit` after the first `offset`."""
    span = (now, now + timedelta(days=days))
    return _listed(session, letter, occasions, zone, now, span, (limit, offset), is_latest_first=False)


def passed_over(
    session: Session,
    letter: Letter,
    *,
    occasions: Occasions,
    zone: ZoneInfo,
    now: datetime,
    days: int = 30,
    limit: int = 200,
) -> list[Due]:
    """Who was due in the last `days` days and got nothing: too late by the letter's own rule, or somebody decided so.

    What would have kept them out anyway stands in `held`, as it is now.
    """
    if letter.on_since is None:
        return []
    since, _ = _window(letter, letter.on_since, now)
    if letter.late == "ask":
        since = min(since, letter.decided_until or letter.on_since)
    begin = max(letter.on_since, now - timedelta(days=days))
    if begin >= since:
        return []
    end = since - timedelta(microseconds=1)
    return _listed(session, letter, occasions, zone, now, (begin, end), (limit, 0), is_latest_first=True)


def kept_back(
    session: Session,
    letter: Letter,
    *,
    occasions: Occasions,
    zone: ZoneInfo,
    now: datetime,
    limit: int = 200,
) -> list[Due]:
    """Who is due now, and waits as a bar of the occasion holds (an open complaint): it leaves if that ends in time."""
    if letter.on_since is None or not occasions[letter.occasion].bars:
        return []
    span = _window(letter, letter.on_since, now)
    found = _listed(session, letter, occasions, zone, now, span, (limit, 0), is_latest_first=True)
    bars = {bar.name for bar in occasions[letter.occasion].bars}
    return [due for due in found if due.held in bars]


def late_ones(
    session: Session,
    letter: Letter,
    *,
    occasions: Occasions,
    zone: ZoneInfo,
    now: datetime,
    limit: int = 200,
) -> list[Due]:
    """Who was due while Liaison was off, where the letter asks what becomes of that; nobody once it is decided."""
    span = late_span(letter, now)
    if span is None:
        return []
    return _listed(session, letter, occasions, zone, now, span, (limit, 0), is_latest_first=True)


def count_late(
    session: Session, letter: Letter, *, occasions: Occasions, zone: ZoneInfo, now: datetime
) -> int:
    """How many wait for that decision."""
    span = late_span(letter, now)
    if span is None:
        return 0
    parts = _parts(session, letter, occasions, zone, now, span)
    return sum(session.scalar(select(func.count()).select_from(part)) or 0 for part in parts)


def late_span(letter: Letter, now: datetime) -> tuple[datetime, datetime] | None:
    """Between which moments lies what waits for a decision."""
    if letter.late != "ask" or letter.on_since is None:
        return None
    return undecided(now=now, on_since=letter.on_since, decided_until=letter.decided_until)


def count_due_soon(
    session: Session,
    letter: Letter,
    *,
    occasions: Occasions,
    zone: ZoneInfo,
    now: datetime,
    days: int = 30,
) -> int:
    """How many are due in the next `days` days."""
    due = due_by_day(session, letter, occasions=occasions, zone=zone, now=now, days=days)
    return sum(due.values())


def due_by_day(
    session: Session,
    letter: Letter,
    *,
    occasions: Occasions,
    zone: ZoneInfo,
    now: datetime,
    days: int = 30,
) -> dict[date, int]:
    """How many are due on each local day from now on; every day in sight is a key."""
    counted: dict[date, int] = defaultdict(int)
    for part in _parts(session, letter, occasions, zone, now, (now, now + timedelta(days=days))):
        for day, number in session.execute(select(part.c.due_on, func.count()).group_by(part.c.due_on)):
            counted[date.fromisoformat(day)] += number
    first = now.astimezone(zone).date()
    in_sight = [first + timedelta(days=n) for n in range(days + 1)]
    return dict.fromkeys(in_sight, 0) | {day: n for day, n in sorted(counted.items()) if n}


def count_messages(session: Session, letter_id: int) -> dict[str, int]:
    """How many messages of the letter, in all its wordings, are in each state."""
    rows = session.execute(
        select(Message.status, func.count())
        .where(Message.mailing_id.in_(mailings_of(letter_id)))
        .group_by(Message.status)
    )
    return {row[0]: row[1] for row in rows}


def count_held(session: Session, letter_id: int) -> dict[str, int]:
    """For how many occasions nothing was sent, by the reason, the most frequent first."""
    number = func.count()
    rows = session.execute(
        select(Message.held_reason, number)
        .where(
            Message.mailing_id.in_(mailings_of(letter_id)),
            Message.status.in_(("held", "cancelled")),
            Message.held_reason != "",
        )
        .group_by(Message.held_reason)
        .order_by(number.desc(), Message.held_reason)
    )
    return {row[0]: row[1] for row in rows}


def wordings(session: Session, letter_id: int, *, limit: int = 20) -> list[Wording]:
    """The wordings a letter left in, the newest first."""
    found = session.execute(
        select(Mailing, Version.number)
        .join(Version, Version.id == Mailing.version_id)
        .where(Mailing.kind == "letter", Mailing.source_id == letter_id)
        .order_by(Mailing.id.desc())
        .limit(limit)
    ).all()
    counted: dict[int, dict[str, int]] = defaultdict(dict)
    for mailing_id, status, number in session.execute(
        select(Message.mailing_id, Message.status, func.count())
        .where(Message.mailing_id.in_([mailing.id for mailing, _ in found]))
        .group_by(Message.mailing_id, Message.status)
    ):
        counted[mailing_id][status] = number
    return [Wording(mailing, number, counted[mailing.id]) for mailing, number in found]


def _is_new(letter: Letter, occasion: Occasion, found: Any, now: datetime) -> list[ColumnElement[bool]]:
    """No message of this letter yet for the same occasion, nor for another one of it just before."""
    own = (Message.customer_id == found.c.customer_id, Message.mailing_id.in_(mailings_of(letter.id)))
    tests = [~exists().where(*own, Message.occasion_key == found.c.occasion_key)]
    if occasion.apart_days:
        tests.append(~exists().where(*own, Message.queued_at > now - timedelta(days=occasion.apart_days)))
    return tests


def _window(letter: Letter, on_since: datetime, now: datetime) -> tuple[datetime, datetime]:
    return window(now=now, on_since=on_since, late_days=letter.late_days, late=letter.late)


def _parts(
    session: Session,
    letter: Letter,
    occasions: Occasions,
    zone: ZoneInfo,
    now: datetime,
    span: tuple[datetime, datetime],
) -> list[Any]:
    """As subqueries, in the order of their days, what falls in `span` and has no message yet; those barred too."""
    occasion = occasions[letter.occasion]
    zones = zones_of_customers(session, zone)
    asked: dict[str, Any] = {"hour": letter.hour, "zones": zones, "since": span[0], "until": span[1]}
    found = called(occasion, letter.options, **asked, with_barred=True)
    if occasion.happened is not None and len(found) > 1:
        found = [select(union_all(*found).subquery())]  # each of them reaches over all the days
    parts = []
    for part in found:
        rows = part.subquery()
        parts.append(select(rows).where(*_is_new(letter, occasion, rows, now)).subquery())
    return parts


def _listed(
    session: Session,
    letter: Letter,
    occasions: Occasions,
    zone: ZoneInfo,
    now: datetime,
    span: tuple[datetime, datetime],
    part: tuple[int, int],
    *,
    is_latest_first: bool,
) -> list[Due]:
    parts = _parts(session, letter, occasions, zone, now, span)
    limit, offset = part
    zones = zones_of_customers(session, zone)
    listed: list[Due] = []
    for found in reversed(parts) if is_latest_first else parts:
        if offset:
            here = session.scalar(select(func.count()).select_from(found)) or 0
            if here <= offset:
                offset -= here
                continue
        day = found.c.due_on.desc() if is_latest_first else found.c.due_on
        rows = _with_customers(letter, occasions, found).order_by(day, Customer.id)
        listed += [
            _due(letter, zones, *row)
            for row in session.execute(rows.limit(limit - len(listed)).offset(offset))
        ]
        offset = 0
        if len(listed) >= limit:
            break
    return sorted(listed, key=lambda due: due.due_at, reverse=is_latest_first)


def _with_customers(letter: Letter, occasions: Occasions, found: Any) -> Select[Any]:
    held = case(
        (Customer.address_key.in_(suppressed_keys()), "suppressed"),
        (Customer.may_mail.is_(False), "no_consent"),
        *((found.c.customer_id.in_(bar.customers()), bar.name) for bar in occasions[letter.occasion].bars),
        else_="",
    )
    rows: Any = select(
        Customer, found.c.due_on, found.c.happened_at, found.c.occasion_key, found.c.facts, held
    ).join(found, found.c.customer_id == Customer.id)
    chosen: Select[Any] = rows
    return chosen


def _due(
    letter: Letter,
    zones: Zones,
    customer: Customer,
    due_on: str,
    happened_at: datetime | None,
    key: str,
    facts: Mapping[str, Any],
    held: str,
) -> Due:
    zone, day = zones[customer.zone], date.fromisoformat(due_on)
    due_at = moment_of(letter.options, letter.hour, zone, due_on=day, happened_at=happened_at)
    name = f"{customer.first_name} {customer.last_name}".strip()
    return Due(customer.id, name, customer.email, customer.zone, day, due_at, key, facts or {}, held)


def is_called_by(session: Session, occasion: str) -> bool:
    """Whether a letter that is switched on answers to this occasion."""
    found = select(Letter.id).where(Letter.occasion == occasion, Letter.is_on).limit(1)
    return session.scalar(found) is not None

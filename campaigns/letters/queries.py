"""Letters, and for whom they are due: now, in the days to come, or passed over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import ColumnElement, Select, case, exists, func, literal, select, union_all
from sqlalchemy.orm import Session

from campaigns.customers import Customer
from campaigns.db import UTCDateTime
from campaigns.errors import NotFound
from campaigns.letters.calls import called, moment_of
from campaigns.letters.model import Letter
from campaigns.letters.rules import window
from campaigns.messages import Mailing, Message, get_mailing
from campaigns.occasions import Occasion
from campaigns.suppression import suppressed_keys

Occasions = Mapping[str, Occasion]


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


def mailings_of(letter_id: int) -> Select[int]:
    """Ids of every mailing the letter ever opened (one for each wording)."""
    return select(Mailing.id).where(Mailing.kind == "letter", Mailing.source_id == letter_id)


def zones_of_customers(session: Session, fallback: ZoneInfo) -> dict[str, ZoneInfo]:
    """What stands in `customer.zone` → the zone that is meant; none, or one unknown here, means the shop's."""
    known = available_timezones()
    names = session.scalars(select(Customer.zone).distinct())
    return {name: ZoneInfo(name) if name in known else fallback for name in names}


def due_now(
    session: Session, letter: Letter, *, occasions: Occasions, zone: ZoneInfo, now: datetime
) -> list[Select[Any]]:
    """Selects of `(customer_id, occasion_key, due_at, facts)`, one for each local day whose hour has come somewhere.

    Whoever has a message of this letter for the same occasion, in whatever wording, is left out.
    """
    if letter.on_since is None:
        return []
    since, until = window(now=now, on_since=letter.on_since, late_days=letter.late_days)
    return due_between(session, letter, occasions=occasions, zone=zone, span=(since, until), now=now)


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
    """Who was due in the last `days` days and got nothing, as it was too late by the letter's own rule."""
    if letter.on_since is None:
        return []
    since, _ = window(now=now, on_since=letter.on_since, late_days=letter.late_days)
    begin = max(letter.on_since, now - timedelta(days=days))
    if begin >= since:
        return []
    return _listed(session, letter, occasions, zone, now, (begin, since), (limit, 0), is_latest_first=True)


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
    found = _union(session, letter, occasions, zone, now, now, now + timedelta(days=days))
    if found is None:
        return {}
    rows = session.execute(select(found.c.due_on, func.count()).group_by(found.c.due_on))
    counted = {date.fromisoformat(row[0]): row[1] for row in rows}
    first = now.astimezone(zone).date()
    in_sight = [first + timedelta(days=n) for n in range(days + 1)]
    return dict.fromkeys(in_sight, 0) | dict(sorted(counted.items()))


def count_messages(session: Session, letter_id: int) -> dict[str, int]:
    """How many messages of the letter, in all its wordings, are in each state."""
    rows = session.execute(
        select(Message.status, func.count())
        .where(Message.mailing_id.in_(mailings_of(letter_id)))
        .group_by(Message.status)
    )
    return {row[0]: row[1] for row in rows}


def _is_new(letter: Letter, occasion: Occasion, found: Any, now: datetime) -> list[ColumnElement[bool]]:
    """No message of this letter yet for the same occasion, nor for another one of it just before."""
    own = (Message.customer_id == found.c.customer_id, Message.mailing_id.in_(mailings_of(letter.id)))
    tests = [~exists().where(*own, Message.occasion_key == found.c.occasion_key)]
    if occasion.apart_days:
        tests.append(~exists().where(*own, Message.queued_at > now - timedelta(days=occasion.apart_days)))
    return tests


def _union(
    session: Session,
    letter: Letter,
    occasions: Occasions,
    zone: ZoneInfo,
    now: datetime,
    since: datetime,
    until: datetime,
) -> Any:
    occasion = occasions[letter.occasion]
    zones = zones_of_customers(session, zone)
    asked: dict[str, Any] = {"hour": letter.hour, "zones": zones, "since": since, "until": until}
    parts = []
    for part in called(occasion, letter.options, **asked, with_barred=True):
        found = part.subquery()
        parts.append(select(found).where(*_is_new(letter, occasion, found, now)))
    return union_all(*parts).subquery() if parts else None


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
    found = _union(session, letter, occasions, zone, now, *span)
    if found is None:
        return []
    bars = occasions[letter.occasion].bars
    held = case(
        (Customer.address_key.in_(suppressed_keys()), "suppressed"),
        (Customer.may_mail.is_(False), "no_consent"),
        *((found.c.customer_id.in_(bar.customers()), bar.name) for bar in bars),
        else_="",
    )
    columns = (found.c.due_on, found.c.happened_at, found.c.occasion_key, found.c.facts)
    rows = session.execute(
        select(Customer, *columns, held)
        .join(found, found.c.customer_id == Customer.id)
        .order_by(found.c.due_on.desc() if is_latest_first else found.c.due_on, Customer.id)
        .limit(part[0])
        .offset(part[1])
    )
    zones = zones_of_customers(session, zone)
    listed = []
    for customer, day_text, happened_at, key, facts, reason in rows:
        day = date.fromisoformat(day_text)
        there = zones[customer.zone]
        due_at = moment_of(letter.options, letter.hour, there, due_on=day, happened_at=happened_at)
        name = f"{customer.first_name} {customer.last_name}".strip()
        listed.append(Due(customer.id, name, customer.email, customer.zone, day, due_at, key, facts, reason))
    return sorted(listed, key=lambda due: due.due_at, reverse=is_latest_first)

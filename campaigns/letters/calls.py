"""What calls for a letter (or lets a customer into a journey) within a span of time: selects made of an occasion."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, literal, not_, null, select
from sqlalchemy import cast as sql_cast

from campaigns.customers import Customer
from campaigns.db import UTCDateTime
from campaigns.db.expressions import json_with, rows_of, scanned
from campaigns.letters.rules import moment_on, mornings
from campaigns.occasions import Occasion, Options, Zones, spans_of, wait_of

AnySelect = Select[Any]
TICK = timedelta(microseconds=1)


def called(
    occasion: Occasion,
    options: Options,
    *,
    hour: int,
    zones: Zones,
    since: datetime,
    until: datetime,
    with_barred: bool = False,
) -> list[AnySelect]:
    """Whose moment lies in [since, until]: selects of `(customer_id, occasion_key, facts, due_on, happened_at)`.

    Of a day of the calendar, or some days after what happened, the moment is `hour` o'clock on the local day `due_on`
    (ISO text) there where the customer lives, and `happened_at` is null. What happened later than that hour on that
    very day is due at once, and hours after what happened are counted from `happened_at`, whatever the time of day:
    `happened_at` is then set, and `due_on` tells the day only roughly. `moment_of` makes an instant of either.
    With `hour=0` and no days to wait, everything that happens is due at once.

    Who is in a state that bars the occasion is left out, unless `with_barred`. `zones`: `letters.zones_of_customers`.
    Each select is whole in itself; launch them one after the other, or add them up with `union_all`.
    """
    parts = list(_parts(occasion, options, hour, zones, since, until))
    return parts if with_barred else [unbarred(occasion, part) for part in parts]


def unbarred(occasion: Occasion, part: AnySelect) -> AnySelect:
    """The same without those whom a bar of the occasion keeps back."""
    if not occasion.bars:
        return part
    found = part.subquery()
    bars = [not_(found.c.customer_id.in_(bar.customers())) for bar in occasion.bars]
    return select(*found.c).where(*bars)


def moment_of(
    options: Options, hour: int, zone: ZoneInfo, *, due_on: date, happened_at: datetime | None
) -> datetime:
    """The instant at which a row of `called` is due."""
    if happened_at is None:
        return moment_on(due_on, hour, zone)
    return happened_at + timedelta(hours=wait_of(options).hours or 0)


def _parts(
    occasion: Occasion, options: Options, hour: int, zones: Zones, since: datetime, until: datetime
) -> Iterator[AnySelect]:
    if occasion.due is not None:
        for day, there in mornings(zones, hour, since, until).items():
            yield _dated(occasion.due(options, day, there), day)
    if occasion.happened is None:
        return
    wait = wait_of(options)
    if wait.hours is not None:
        begin, end = since - timedelta(hours=wait.hours), until - timedelta(hours=wait.hours)
        walls = _rest_of_days(zones, 0, begin, end, timedelta(hours=wait.hours))
        yield from _told(occasion, options, walls, is_at_hour=False)
        return
    for number, further in enumerate(occasion.tries(options)):
        days = timedelta(days=wait.days + further)
        mark = f"#{number + 1}" if number else ""
        yield from _told(occasion, options, _days_before(zones, hour, since, until, days), mark=mark)
        if not days:
            yield from _told(occasion, options, _rest_of_days(zones, hour, since, until), is_at_hour=False)


Wall = dict[str, str | int | datetime]
"""A span of one local day in one zone: `zone`, `begin`, `end` (half open), `day`, and `due_on`."""


def _days_before(
    zones: Zones, hour: int, since: datetime, until: datetime, days: timedelta
) -> Iterator[Wall]:
    """The local days, so many days before those whose hour lies in [since, until]; of the same day what lies before it."""
    for due_on, there in mornings(zones, hour, since, until).items():
        day = due_on - days
        for (begin, midnight), names in spans_of(day, there).items():
            for name in names:
                end = midnight if days else min(midnight, moment_on(day, hour, there[name]))
                if begin < end:
                    yield _wall(name, begin, end, day, due_on)


def _rest_of_days(
    zones: Zones, hour: int, since: datetime, until: datetime, wait: timedelta = timedelta(0)
) -> Iterator[Wall]:
    """For each local day the part of [since, until] that lies on it from `hour` on, zone by zone."""
    for name, zone in zones.items():
        day, last = since.astimezone(zone).date(), until.astimezone(zone).date()
        while day <= last:
            begin = max(since, moment_on(day, hour, zone))
            end = min(until + TICK, moment_on(day + timedelta(days=1), 0, zone))
            if begin < end:
                yield _wall(name, begin, end, day, day + timedelta(days=wait.days))
            day += timedelta(days=1)


def _wall(zone: str, begin: datetime, end: datetime, day: date, due_on: date) -> Wall:
    return {"zone": zone, "begin": begin, "end": end, "day": day.isoformat(), "due_on": due_on.isoformat()}


def _told(
    occasion: Occasion,
    options: Options,
    walls: Iterable[Wall],
    *,
    is_at_hour: bool = True,
    mark: str = "",
) -> Iterator[AnySelect]:
    """What happened within the spans, each of the customer's own zone; a further try (`mark`) has a key of its own."""
    assert occasion.happened is not None
    spans = list(walls)
    if not spans:
        return
    first = min(cast("datetime", span["begin"]) for span in spans)
    found = occasion.happened(options, first, max(cast("datetime", span["end"]) for span in spans)).subquery()
    wall = rows_of(spans)
    at = scanned(found.c.at)  # the rows were found by the whole span: not once more for each zone
    facts: Any = found.c.facts
    if occasion.day_fact:
        facts = json_with(facts, occasion.day_fact, wall.c.day)
    yield (
        select(
            found.c.customer_id,
            (found.c.occasion_key + literal(mark) if mark else found.c.occasion_key).label("occasion_key"),
            facts.label("facts"),
            wall.c.due_on,
            (sql_cast(null(), UTCDateTime()) if is_at_hour else found.c.at).label("happened_at"),
        )
        .join(Customer, Customer.id == found.c.customer_id)
        .join(wall, and_(wall.c.zone == scanned(Customer.zone), at >= wall.c.begin, at < wall.c.end))
    )


def _dated(found: AnySelect, day: date) -> AnySelect:
    rows = found.subquery()
    return select(
        rows.c.customer_id,
        rows.c.occasion_key,
        rows.c.facts,
        literal(day.isoformat()).label("due_on"),
        sql_cast(null(), UTCDateTime()).label("happened_at"),
    )

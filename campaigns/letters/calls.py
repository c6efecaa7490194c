"""What calls for a letter (or lets a customer into a journey) within a span of time: selects made of an occasion."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, cast, literal, not_, null, or_, select

from campaigns.customers import Customer
from campaigns.db import UTCDateTime
from campaigns.db.expressions import json_with
from campaigns.letters.rules import moment_on, mornings
from campaigns.occasions import Occasion, Options, Zones, spans_of, wait_of

AnySelect = Select[Any]
TICK = timedelta(microseconds=1)

Span = tuple[datetime, datetime]
"""First instant, and the first one after the last."""


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
    parts = called_by_day(occasion, options, hour=hour, zones=zones, since=since, until=until)
    return [part if with_barred else unbarred(occasion, part) for _, part in parts]


def called_by_day(
    occasion: Occasion, options: Options, *, hour: int, zones: Zones, since: datetime, until: datetime
) -> list[tuple[date, AnySelect]]:
    """The same, those barred among them, each select with its `due_on`; in the order of the days."""
    return sorted(_parts(occasion, options, hour, zones, since, until), key=lambda part: part[0])


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
) -> Iterator[tuple[date, AnySelect]]:
    if occasion.due is not None:
        for day, there in mornings(zones, hour, since, until).items():
            yield day, _dated(occasion.due(options, day, there), day)
    if occasion.happened is None:
        return
    wait = wait_of(options)
    if wait.hours is not None:
        begin, end = since - timedelta(hours=wait.hours), until - timedelta(hours=wait.hours)
        for day, spans in _cut_by_day(zones, 0, begin, end):
            due_on = day + timedelta(hours=wait.hours)
            yield due_on, _told(occasion, options, spans, day, due_on=due_on, is_at_hour=False)
        return
    for number, further in enumerate(occasion.tries(options)):
        days = _days_after(occasion, options, wait.days + further, hour, zones, since, until)
        yield from ((day, _marked(part, f"#{number + 1}" if number else "")) for day, part in days)


def _days_after(
    occasion: Occasion, options: Options, days: int, hour: int, zones: Zones, since: datetime, until: datetime
) -> Iterator[tuple[date, AnySelect]]:
    for day, there in mornings(zones, hour, since, until).items():
        begun = day - timedelta(days=days)
        spans = spans_of(begun, there)
        if days == 0:
            spans = _before(spans, there, day, hour)
        if spans:
            yield day, _told(occasion, options, spans, begun, due_on=day)
    if days == 0:
        for day, spans in _cut_by_day(zones, hour, since, until):
            yield day, _told(occasion, options, spans, day, due_on=day, is_at_hour=False)


def _before(spans: Mapping[Span, list[str]], zones: Zones, day: date, hour: int) -> dict[Span, list[str]]:
    """Of each day only what lies before its hour."""
    cut: dict[Span, list[str]] = defaultdict(list)
    for (start, end), names in spans.items():
        for name in names:
            morning = min(end, moment_on(day, hour, zones[name]))
            if start < morning:
                cut[start, morning].append(name)
    return cut


def _cut_by_day(
    zones: Zones, hour: int, since: datetime, until: datetime
) -> Iterator[tuple[date, dict[Span, list[str]]]]:
    """For each local day the part of [since, until] that lies on it from `hour` on, zone by zone."""
    days: dict[date, dict[Span, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, zone in zones.items():
        day, last = since.astimezone(zone).date(), until.astimezone(zone).date()
        while day <= last:
            begin = max(since, moment_on(day, hour, zone))
            end = min(until + TICK, moment_on(day + timedelta(days=1), 0, zone))
            if begin < end:
                days[day][begin, end].append(name)
            day += timedelta(days=1)
    yield from sorted(days.items())


def _told(
    occasion: Occasion,
    options: Options,
    spans: Mapping[Span, list[str]],
    day: date,
    *,
    due_on: date,
    is_at_hour: bool = True,
) -> AnySelect:
    """What happened on the local `day`, within the span of each customer's own zone."""
    assert occasion.happened is not None
    found = occasion.happened(
        options, min(start for start, _ in spans), max(end for _, end in spans)
    ).subquery()
    is_there = or_(
        *(
            and_(found.c.at >= start, found.c.at < end, Customer.zone.in_(names))
            for (start, end), names in spans.items()
        )
    )
    facts: Any = found.c.facts
    if occasion.day_fact:
        facts = json_with(facts, occasion.day_fact, literal(day.isoformat()))
    return (
        select(
            found.c.customer_id,
            found.c.occasion_key,
            facts.label("facts"),
            literal(due_on.isoformat()).label("due_on"),
            (cast(null(), UTCDateTime()) if is_at_hour else found.c.at).label("happened_at"),
        )
        .join(Customer, Customer.id == found.c.customer_id)
        .where(is_there)
    )


def _dated(found: AnySelect, day: date) -> AnySelect:
    rows = found.subquery()
    return select(
        rows.c.customer_id,
        rows.c.occasion_key,
        rows.c.facts,
        literal(day.isoformat()).label("due_on"),
        cast(null(), UTCDateTime()).label("happened_at"),
    )


def _marked(found: AnySelect, mark: str) -> AnySelect:
    """The key of a further try is a key of its own."""
    if not mark:
        return found
    rows = found.subquery()
    key = (rows.c.occasion_key + literal(mark)).label("occasion_key")
    return select(rows.c.customer_id, key, rows.c.facts, rows.c.due_on, rows.c.happened_at)

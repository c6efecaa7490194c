"""Who begins: customers enter a journey by an occasion or by a segment, each key once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from campaigns.config import Config, Sender
from campaigns.customers import Customer
from campaigns.db import UTCDateTime, insert_missing
from campaigns.db.bulk import insert_rows
from campaigns.fields import Chosen, Fields
from campaigns.journeys.counting import add_counts
from campaigns.journeys.model import Journey, JourneyVersion, Traveller
from campaigns.journeys.rules import Plan, meant, nodes
from campaigns.letters import called, moment_of, mornings, zones_of_customers
from campaigns.occasions import Occasion, Zones
from campaigns.segments import get_segment, members

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Means:
    """What a journey needs of the roof: occasions, segment fields, the shop's zone, who writes."""

    occasions: Mapping[str, Occasion]
    fields: Fields
    zone: ZoneInfo
    sender: Sender
    is_http_allowed: bool = False
    may_notify: bool = True


class Ground(Protocol):
    """The part of the runtime that `means_of` reads."""

    @property
    def config(self) -> Config: ...

    @property
    def fields(self) -> Fields: ...

    @property
    def occasions(self) -> Mapping[str, Occasion]: ...


def means_of(ground: Ground) -> Means:
    """What journeys need of this Liaison."""
    config = ground.config
    return Means(
        occasions=ground.occasions,
        fields=ground.fields,
        zone=config.zone,
        sender=config.sender,
        is_http_allowed=config.journeys.webhook_http,
        may_notify=bool(config.journeys.webhook_secret.get_secret_value()),
    )


@dataclass(frozen=True)
class Entry:
    """Somebody for whom the way begins."""

    customer_id: int
    key: str
    facts: dict[str, Any] | None
    moment: datetime


def prepare(session: Session, journey_id: int, means: Means, *, now: datetime) -> int:
    """Bring up to date what the occasions of a journey ask for, in a transaction of its own; returns how much changed."""
    done = 0
    for name, options in _occasions_of(session, journey_id):
        occasion = means.occasions.get(name)
        if occasion is not None and occasion.prepare is not None:
            done += occasion.prepare(session, options, means.fields, means.zone, now)
    return done


def needs_preparing(session: Session, journey_id: int, means: Means) -> bool:
    """Whether any occasion of this journey keeps a state that `prepare` brings up to date."""
    return any(
        name in means.occasions and means.occasions[name].prepare is not None
        for name, _ in _occasions_of(session, journey_id)
    )


def _occasions_of(session: Session, journey_id: int) -> list[tuple[str, Mapping[str, Any]]]:
    """Those a journey is entered by, or waits for, in any version that was used."""
    used = select(JourneyVersion.plan).where(
        JourneyVersion.journey_id == journey_id, JourneyVersion.used_at.is_not(None)
    )
    found = []
    for kept in session.scalars(used):
        plan = Plan.read(kept)
        if plan.entry["by"] == "occasion":
            found.append((plan.entry["occasion"], plan.entry["options"]))
        found += [
            (node.step["occasion"], node.step["options"])
            for node in nodes(plan.steps)
            if node.kind == "wait_for" and node.step["what"] == "occasion"
        ]
    return found


def is_anybody_at_the_door(session: Session, journey_id: int, means: Means, *, now: datetime) -> bool:
    """Whether `enter_due` would do anything: asked first, so that a quiet minute takes no write lock."""
    journey = session.get_one(Journey, journey_id)
    if journey.status != "on" or journey.version_id is None:
        return False
    plan = Plan.read(session.get_one(JourneyVersion, journey.version_id).plan)
    if plan.entry["by"] == "segment":
        return bool(_instants(session, journey, plan, means, now))
    return any(session.scalar(select(exists(part))) for part in _fresh(session, journey, plan, means, now))


def enter_due(session: Session, journey_id: int, means: Means, *, now: datetime) -> int:
    """Let in whoever's moment has come; returns how many began (or were held out, by the journey's own share).

    Taking the row first lets one process at a time do this for a journey.
    """
    taken = session.execute(
        update(Journey)
        .where(Journey.id == journey_id, Journey.status == "on", Journey.version_id.is_not(None))
        .values(status="on")
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", taken).rowcount == 0:
        return 0
    journey = session.get_one(Journey, journey_id, populate_existing=True)
    assert journey.version_id is not None
    version = session.get_one(JourneyVersion, journey.version_id, populate_existing=True)
    plan = Plan.read(version.plan)
    first = plan.steps[0]["key"] if plan.steps else ""
    if plan.entry["by"] == "segment":
        return _enter_segment(session, journey, plan, first, means, now)
    found = _by_occasion(session, journey, plan, means, now)
    return _let_in(session, journey, first, found, now)


# ── by an occasion


def _fresh(session: Session, journey: Journey, plan: Plan, means: Means, now: datetime) -> list[Select[Any]]:
    """What calls for the journey in the time that still counts, without the keys that are there."""
    entry = plan.entry
    grace = timedelta(days=int(entry["late_days"])) or HOUR
    assert journey.on_since is not None
    since = max(journey.on_since, now - grace)
    if since > now:
        return []
    occasion = means.occasions[entry["occasion"]]
    parts = called(
        occasion,
        entry["options"],
        hour=max(int(entry["hour"]), 0),
        zones=zones_of_customers(session, means.zone),
        since=since,
        until=now,
    )
    return [_without_known(journey, plan, part, now) for part in parts]


def _without_known(journey: Journey, plan: Plan, part: Select[Any], now: datetime) -> Select[Any]:
    found = part.subquery()
    there = exists().where(
        Traveller.journey_id == journey.id,
        Traveller.customer_id == found.c.customer_id,
        or_(Traveller.entry_key == found.c.occasion_key, *_shut(plan, now)),
    )
    return select(*found.c).where(~there)


def _shut(plan: Plan, now: datetime) -> list[ColumnElement[bool]]:
    """What keeps somebody who has a traveller already from entering by another key."""
    if plan.again == "each":
        return []
    if plan.again == "days":
        return [
            Traveller.status == "travelling",
            Traveller.entered_at > now - timedelta(days=plan.again_days),
        ]
    return [literal(value=True)]


def _by_occasion(session: Session, journey: Journey, plan: Plan, means: Means, now: datetime) -> list[Entry]:
    parts = _fresh(session, journey, plan, means, now)
    if not parts:
        return []
    hour, options = max(int(plan.entry["hour"]), 0), plan.entry["options"]
    zones = zones_of_customers(session, means.zone)
    rows = union_all(*parts).subquery()
    found = session.execute(
        select(
            rows.c.customer_id,
            rows.c.occasion_key,
            rows.c.facts,
            rows.c.due_on,
            rows.c.happened_at,
            Customer.zone,
        ).join(Customer, Customer.id == rows.c.customer_id)
    )
    entries = [
        Entry(
            customer_id,
            key,
            facts,
            moment_of(
                options,
                hour,
                zones[zone],
                due_on=date.fromisoformat(due_on),
                happened_at=happened_at,
            ),
        )
        for customer_id, key, facts, due_on, happened_at, zone in found
    ]
    return _once(entries, is_each=plan.again == "each")


def _once(entries: Iterable[Entry], *, is_each: bool) -> list[Entry]:
    """One entry for each key, or for each customer: the earliest."""
    kept: dict[Any, Entry] = {}
    for entry in sorted(entries, key=lambda e: (e.moment, e.customer_id, e.key)):
        kept.setdefault((entry.customer_id, entry.key) if is_each else entry.customer_id, entry)
    return list(kept.values())


_COLUMNS = (
    "journey_id",
    "version_id",
    "customer_id",
    "entry_key",
    "facts",
    "status",
    "outcome",
    "step",
    "is_waiting",
    "entered_at",
    "arrived_at",
    "due_at",
    "ended_at",
)


def _let_in(session: Session, journey: Journey, first: str, entries: Sequence[Entry], now: datetime) -> int:
    rows = []
    for entry in entries:
        at = meant(entry.moment, now)
        is_out = is_held_out(journey.id, entry.customer_id, journey.hold_out)
        state, due = ("held_out", None) if is_out else ("travelling", at)
        step = "" if is_out else first
        rows.append(
            (
                journey.id,
                journey.version_id,
                entry.customer_id,
                entry.key,
                entry.facts,
                state,
                "",
                step,
                False,
                at,
                at,
                due,
                at if is_out else None,
            )
        )
    insert_rows(session, Traveller, _COLUMNS, rows)
    held = sum(row[5] == "held_out" for row in rows)
    assert journey.version_id is not None
    add_counts(
        session,
        journey.version_id,
        {("", "entered"): len(rows) - held, ("", "held_out"): held},
    )
    return len(rows)


# ── by a segment


def _instants(
    session: Session, journey: Journey, plan: Plan, means: Means, now: datetime
) -> dict[datetime, Zones]:
    """The newest moment, since the entry was last asked, at which each zone's hour came: moment → zones."""
    hour = int(plan.entry["hour"])
    zones = zones_of_customers(session, means.zone)
    if hour < 0:  # at once: when it is switched on, then every full hour, wherever they live
        newest = max(now.replace(minute=0, second=0, microsecond=0), journey.on_since or now)
        is_new = journey.checked_at is None or newest > journey.checked_at
        return {newest: zones} if is_new else {}
    since = journey.checked_at or now
    found: dict[datetime, dict[str, ZoneInfo]] = {}
    newest_of: dict[str, datetime] = {}
    for day, there in mornings(zones, hour, max(since, now - timedelta(days=2)), now).items():
        for name, zone in there.items():
            moment = moment_of({}, hour, zone, due_on=day, happened_at=None)
            if moment > since:
                newest_of[name] = moment
    for name, moment in newest_of.items():
        found.setdefault(moment, {})[name] = zones[name]
    return dict(sorted(found.items()))


def _enter_segment(
    session: Session, journey: Journey, plan: Plan, first: str, means: Means, now: datetime
) -> int:
    done = 0
    segment = get_segment(session, int(plan.entry["segment_id"]))
    for moment, zones in _instants(session, journey, plan, means, now).items():
        inside = members(session, segment.rule, means.fields, now=now, zone=means.zone).subquery()
        everybody = zones_of_customers(session, means.zone)
        chosen: Chosen = select(Customer.id, Customer.zone).join(inside, inside.c[0] == Customer.id)
        if len(zones) < len(everybody):
            chosen = chosen.where(Customer.zone.in_(list(zones)))
        done += _insert_members(session, journey, plan, first, chosen, meant(moment, now), now)
    journey.checked_at = now
    session.flush()
    return done


def _insert_members(
    session: Session,
    journey: Journey,
    plan: Plan,
    first: str,
    chosen: Chosen,
    at: datetime,
    now: datetime,
) -> int:
    """One INSERT … SELECT: a million members never pass through Python."""
    found = chosen.subquery()
    customer_id = found.c[0]
    key = "" if plan.again == "never" else at.date().isoformat()
    is_out = held_out(journey.id, customer_id, journey.hold_out)
    there = exists().where(
        Traveller.journey_id == journey.id,
        Traveller.customer_id == customer_id,
        or_(Traveller.entry_key == key, *_shut(plan, now)),
    )
    moment = literal(at, type_=UTCDateTime())
    nothing = null()
    rows = select(
        literal(journey.id),
        literal(journey.version_id),
        customer_id,
        literal(key),
        nothing,
        case((is_out, "held_out"), else_="travelling"),
        literal(""),
        case((is_out, ""), else_=first),
        literal(value=False),
        moment,
        moment,
        case((is_out, nothing), else_=moment),
        case((is_out, moment), else_=nothing),
    ).where(~there)
    before = _states(session, journey.id)
    session.execute(insert_missing(session, Traveller, _COLUMNS, rows))
    after = _states(session, journey.id)
    grown = {state: after.get(state, 0) - before.get(state, 0) for state in ("travelling", "held_out")}
    assert journey.version_id is not None
    add_counts(
        session,
        journey.version_id,
        {("", "entered"): grown["travelling"], ("", "held_out"): grown["held_out"]},
    )
    return sum(grown.values())


def _states(session: Session, journey_id: int) -> dict[str, int]:
    rows = session.execute(
        select(Traveller.status, func.count())
        .where(Traveller.journey_id == journey_id)
        .group_by(Traveller.status)
    )
    return {row[0]: row[1] for row in rows}


# ── the share that gets nothing


def held_out(journey_id: int, customer_id: Any, percent: int) -> ColumnElement[bool]:
    """Whether a customer belongs to the share that enters and gets nothing: by stable ids, so that it can be
    repeated; `is_held_out` says the same in Python."""
    if percent <= 0:
        return and_(literal(value=False))
    mixed = (customer_id % 1_000_003 * 48_271 + journey_id % 1_000_003 * 69_621) % 65_537 % 100
    return cast("ColumnElement[bool]", mixed < percent)


def is_held_out(journey_id: int, customer_id: int, percent: int) -> bool:
    """The same for one customer."""
    mixed = (customer_id % 1_000_003 * 48_271 + journey_id % 1_000_003 * 69_621) % 65_537 % 100
    return mixed < percent

"""Lead travellers on: everybody whose moment has come does their step, and the next, until they wait or have arrived.

A batch is read, led through the plan in the order of its steps (no step leads to an earlier one, so that one pass is
enough), and written back in one transaction: stopped at any moment, either all of it has happened or nothing. What a
step does outside the table of travellers (a message, a task, a notice, a trace) has a unique key of its own besides.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import CursorResult, Select, bindparam, func, literal, select, union_all, update
from sqlalchemy.orm import Session

from campaigns.customers import Customer, change_attribute_of, tag_customers, untag_customers
from campaigns.db import UTCDateTime
from campaigns.db.bulk import insert_rows
from campaigns.db.expressions import among
from campaigns.errors import Conflict
from campaigns.journeys.counting import add_counts
from campaigns.journeys.entering import Means
from campaigns.journeys.model import (
    Journey,
    JourneyMailing,
    JourneyVersion,
    Notice,
    Task,
    Trace,
    Traveller,
)
from campaigns.journeys.rules import (
    Node,
    Plan,
    arm_of_split,
    days_later,
    end_of_wait,
    meant,
    nodes,
)
from campaigns.letters import called
from campaigns.messages import Message, enqueue_occasions
from campaigns.purchases import Purchase
from campaigns.segments import get_segment, members
from campaigns.suppression import suppressed_keys
from campaigns.tracking import Event

BATCH = 5_000
LOOK_AGAIN = timedelta(hours=1)
"""How often somebody who waits for something to happen is asked about."""


@dataclass(slots=True)
class Walker:
    """A traveller in the hands of this transaction. `at` is the moment that the next thing counts from."""

    id: int
    customer_id: int
    entry_key: str
    step: str
    is_waiting: bool
    entered_at: datetime
    arrived_at: datetime
    due_at: datetime
    at: datetime
    zone: ZoneInfo
    status: str = "travelling"
    outcome: str = ""


@dataclass
class Batch:
    """Travellers of one version, and what is gathered on the way to be written at the end."""

    session: Session
    journey: Journey
    version: JourneyVersion
    plan: Plan
    means: Means
    now: datetime
    walkers: Sequence[Walker]
    mailings: Mapping[str, int]
    traces: list[tuple[Any, ...]] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def ids(self) -> list[int]:
        """The customers of the batch."""
        return sorted({walker.customer_id for walker in self.walkers})


def has_due(session: Session, version_id: int, *, now: datetime) -> bool:
    """Whether anybody's moment on this version has come."""
    return session.scalar(_due(version_id, now).with_only_columns(Traveller.id).limit(1)) is not None


def advance(session: Session, version_id: int, means: Means, *, now: datetime, limit: int = BATCH) -> int:
    """Lead up to `limit` travellers of a version as far as they come today; returns how many were met.

    Nobody moves unless the journey is on. On PostgreSQL those whom another process leads are passed over; on SQLite
    there is one writer at a time.
    """
    version = session.get_one(JourneyVersion, version_id)
    journey = session.get_one(Journey, version.journey_id, populate_existing=True)
    if journey.status != "on":
        return 0
    rows = session.execute(
        _due(version_id, now)
        .with_only_columns(
            Traveller.id,
            Traveller.customer_id,
            Traveller.entry_key,
            Traveller.step,
            Traveller.is_waiting,
            Traveller.entered_at,
            Traveller.arrived_at,
            Traveller.due_at,
        )
        .order_by(Traveller.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not rows:
        return 0
    zones = _zones(session, sorted({row[1] for row in rows}))
    walkers = [
        Walker(*row, **_place(row, zones, means, now))  # the columns stand in the order of its fields
        for row in map(tuple, rows)
    ]
    sent = session.execute(
        select(JourneyMailing.step, JourneyMailing.mailing_id).where(JourneyMailing.version_id == version_id)
    )
    batch = Batch(
        session=session,
        journey=journey,
        version=version,
        plan=Plan.read(version.plan),
        means=means,
        now=now,
        walkers=walkers,
        mailings={row[0]: row[1] for row in sent},
    )
    _walk(batch)
    _write(batch, [row[3] for row in rows], [row[4] for row in rows])
    return len(rows)


def _place(row: Any, zones: Mapping[int, str], means: Means, now: datetime) -> dict[str, Any]:
    return {"at": meant(row[7], now), "zone": zone_named(zones.get(row[1], ""), means.zone)}


def _due(version_id: int, now: datetime) -> Select[Any]:
    return select(Traveller).where(
        Traveller.version_id == version_id, Traveller.status == "travelling", Traveller.due_at <= now
    )


def _zones(session: Session, ids: Sequence[int]) -> dict[int, str]:
    rows = session.execute(
        select(Customer.id, Customer.zone).where(among(Customer.id, ids), Customer.zone != "")
    )
    return {row[0]: row[1] for row in rows}


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_named(name: str, fallback: ZoneInfo) -> ZoneInfo:
    """The zone of that name; the shop's where there is none, or it is unknown here."""
    return ZoneInfo(name) if name in _known_zones() else fallback


# ── the walk


def _walk(batch: Batch) -> None:
    at: dict[str, list[Walker]] = defaultdict(list)
    _leave(batch)
    for walker in batch.walkers:
        if walker.status == "travelling":
            at[walker.step].append(walker)
    known = nodes(batch.plan.steps)
    for node in known:
        here = at.pop(node.key, [])
        if not here:
            continue
        for result, gone in _STEPS[node.kind](batch, node, here).items():
            following = node.next.get(result, node.next.get("", ""))
            for walker in gone:
                _pass(batch, node, walker, result, following)
            if following:
                at[following].extend(gone)
    for lost in at.values():  # a step that no plan knows: it cannot come from our own hand
        for walker in lost:
            _end(batch, walker, "left", "lost")


def _pass(batch: Batch, node: Node, walker: Walker, result: str, following: str) -> None:
    batch.traces.append((walker.id, node.key, batch.version.id, walker.arrived_at, walker.at, result))
    batch.counts[node.key, result] += 1
    walker.step, walker.is_waiting, walker.arrived_at = following, False, walker.at
    if not following:
        _end(batch, walker, "finished", "end")


def _end(batch: Batch, walker: Walker, status: str, outcome: str) -> None:
    walker.status, walker.outcome = status, outcome
    batch.counts["", outcome] += 1


def _leave(batch: Batch) -> None:
    """The goal and the exits, asked before any step."""
    session, plan, ids = batch.session, batch.plan, batch.ids()
    asked = set(plan.exits)
    gone: dict[str, set[int]] = {}
    if "unsubscribed" in asked:
        silent = select(Customer.id).where(among(Customer.id, ids), Customer.may_mail.is_(False))
        gone["unsubscribed"] = set(session.scalars(silent))
    if "suppressed" in asked:
        barred = select(Customer.id).where(
            among(Customer.id, ids), Customer.address_key.in_(suppressed_keys())
        )
        gone["suppressed"] = set(session.scalars(barred))
    last: dict[int, datetime] = {}
    if "bought" in asked or plan.goal == "bought":
        last = last_purchases(session, ids)
    spam: dict[int, datetime] = _last_events(session, ids) if "complained" in asked else {}
    reached: set[int] = set()
    if plan.goal == "segment" and plan.goal_segment_id is not None:
        reached = _inside(batch, plan.goal_segment_id, ids)
    for walker in batch.walkers:
        who = walker.customer_id
        has_bought = who in last and last[who] > walker.entered_at
        if who in reached or (plan.goal == "bought" and has_bought):
            _end(batch, walker, "finished", "goal")
        elif who in spam and spam[who] > walker.entered_at:
            _end(batch, walker, "left", "complained")
        elif "bought" in asked and has_bought:
            _end(batch, walker, "left", "bought")
        else:
            for why, those in gone.items():
                if who in those:
                    _end(batch, walker, "left", why)
                    break


def last_purchases(session: Session, ids: Sequence[int]) -> dict[int, datetime]:
    """When each of these customers bought last; an order given back or cancelled is none."""
    rows = session.execute(
        select(Purchase.customer_id, func.max(Purchase.purchased_at))
        .where(among(Purchase.customer_id, ids), Purchase.status == "paid", Purchase.amount > 0)
        .group_by(Purchase.customer_id)
    )
    return {row[0]: row[1] for row in rows}


def _last_events(session: Session, ids: Sequence[int]) -> dict[int, datetime]:
    rows = session.execute(
        select(Event.customer_id, func.max(Event.at))
        .where(among(Event.customer_id, ids), Event.kind == "spam_reported")
        .group_by(Event.customer_id)
    )
    return {int(row[0] or 0): row[1] for row in rows}


def _inside(batch: Batch, segment_id: int, ids: Sequence[int]) -> set[int]:
    rule = get_segment(batch.session, segment_id).rule
    chosen = members(batch.session, rule, batch.means.fields, now=batch.now, zone=batch.means.zone)
    return set(batch.session.scalars(chosen.where(among(Customer.id, ids))))


# ── the steps: each takes those who stand there, and gives back who goes on with which result

Done = Mapping[str, list[Walker]]


def _send(batch: Batch, node: Node, here: list[Walker]) -> Done:
    mailing_id = batch.mailings[node.key]
    due = select(
        Traveller.customer_id,
        Traveller.entry_key,
        literal(batch.now, type_=UTCDateTime()),
        Traveller.facts,
    ).where(among(Traveller.id, [walker.id for walker in here]))
    enqueue_occasions(batch.session, mailing_id, due, now=batch.now)
    held = batch.session.execute(
        select(Message.customer_id, Message.occasion_key).where(
            Message.mailing_id == mailing_id,
            Message.status == "held",
            among(Message.customer_id, [walker.customer_id for walker in here]),
        )
    )
    kept = {(row[0], row[1]) for row in held}
    return _sorted(here, lambda w: "held" if (w.customer_id, w.entry_key) in kept else "queued")


def _wait(batch: Batch, node: Node, here: list[Walker]) -> Done:
    for walker in here:
        if not walker.is_waiting:
            walker.is_waiting = True
            walker.due_at = end_of_wait(node.step, walker.at, walker.zone)
            walker.at = meant(walker.due_at, batch.now) if walker.due_at <= batch.now else walker.at
    return {"passed": [walker for walker in here if walker.due_at <= batch.now]}


def _wait_for(batch: Batch, node: Node, here: list[Walker]) -> Done:
    came = _came(batch, node, here)
    done: dict[str, list[Walker]] = {"came": [], "late": []}
    for walker in here:
        begun = walker.arrived_at
        limit = days_later(begun, int(node.step["most_days"]), walker.zone)
        walker.is_waiting = True
        if walker.id in came:
            done["came"].append(walker)
        elif limit <= batch.now:
            walker.at = meant(limit, batch.now)
            done["late"].append(walker)
        else:
            again = walker.at + LOOK_AGAIN
            walker.due_at = min(limit, again if again > batch.now else batch.now + LOOK_AGAIN)
    return done


def _came(batch: Batch, node: Node, here: list[Walker]) -> set[int]:
    """The walkers for whom it has happened since they began to wait."""
    what, ids = node.step["what"], sorted({walker.customer_id for walker in here})
    if what == "bought":
        last = last_purchases(batch.session, ids)
        return {w.id for w in here if w.customer_id in last and last[w.customer_id] > w.arrived_at}
    if what in ("opened", "clicked"):
        return _answered(batch, node.step["letter"], what, here)
    return _called(batch, node, here, ids)


def _called(batch: Batch, node: Node, here: list[Walker], ids: list[int]) -> set[int]:
    occasion = batch.means.occasions[node.step["occasion"]]
    since = min(walker.arrived_at for walker in here)
    zones = {name: zone_named(name, batch.means.zone) for name in _names(batch.session, ids)}
    parts = called(occasion, node.step["options"], hour=0, zones=zones, since=since, until=batch.now)
    if not parts:
        return set()
    rows = union_all(*parts).subquery()
    found: dict[int, list[tuple[str, str | None, datetime | None]]] = defaultdict(list)
    for who, key, day, at in batch.session.execute(
        select(rows.c.customer_id, rows.c.occasion_key, rows.c.due_on, rows.c.happened_at).where(
            among(rows.c.customer_id, ids)
        )
    ):
        found[who].append((key, day, at))
    return {w.id for w in here if any(_is_later(w, *each) for each in found.get(w.customer_id, ()))}


def _is_later(walker: Walker, key: str, day: str | None, at: datetime | None) -> bool:
    """Not what they entered by; not before they began to wait."""
    if key == walker.entry_key:
        return False
    if at is not None:
        return at > walker.arrived_at
    return str(day) >= walker.arrived_at.astimezone(walker.zone).date().isoformat()


def _names(session: Session, ids: Sequence[int]) -> list[str]:
    return list(session.scalars(select(Customer.zone).where(among(Customer.id, ids)).distinct()))


def _answered(batch: Batch, letter: str, kind: str, here: list[Walker]) -> set[int]:
    """Who opened or clicked (a person, not a machine) that letter of this journey, in whichever version."""
    sent = (
        select(JourneyMailing.mailing_id)
        .join(JourneyVersion, JourneyVersion.id == JourneyMailing.version_id)
        .where(JourneyVersion.journey_id == batch.journey.id, JourneyMailing.step == letter)
    )
    rows = batch.session.execute(
        select(Message.customer_id, Message.occasion_key)
        .join(Event, Event.message_id == Message.id)
        .where(
            Message.mailing_id.in_(sent),
            among(Message.customer_id, [walker.customer_id for walker in here]),
            Event.kind == kind,
            Event.judgement == "human",
        )
    )
    answered = {(row[0], row[1]) for row in rows}
    return {walker.id for walker in here if (walker.customer_id, walker.entry_key) in answered}


def _branch(batch: Batch, node: Node, here: list[Walker]) -> Done:
    if node.step["by"] == "segment":
        ids = sorted({walker.customer_id for walker in here})
        inside = _inside(batch, int(node.step["segment_id"]), ids)
        return _sorted(here, lambda w: "yes" if w.customer_id in inside else "no")
    answered = _answered(batch, node.step["letter"], node.step["by"], here)
    return _sorted(here, lambda w: "yes" if w.id in answered else "no")


def _split(batch: Batch, node: Node, here: list[Walker]) -> Done:
    share = int(node.step["share"])
    return _sorted(here, lambda w: arm_of_split(batch.journey.id, node.key, w.customer_id, share))


def _change(batch: Batch, node: Node, here: list[Walker]) -> Done:
    step, ids = node.step, sorted({walker.customer_id for walker in here})
    if step["what"] == "tag":
        tag_customers(batch.session, ids, step["word"])
    elif step["what"] == "untag":
        untag_customers(batch.session, ids, step["word"])
    else:
        change_attribute_of(batch.session, ids, step["word"], step["value"], now=batch.now)
    return {"done": here}


_TASK = (
    "traveller_id",
    "step",
    "customer_id",
    "title",
    "note",
    "staff_id",
    "results",
    "status",
    "result",
    "remark",
    "made_at",
    "due_at",
)


def _task(batch: Batch, node: Node, here: list[Walker]) -> Done:
    step = node.step
    old = [walker for walker in here if walker.is_waiting]
    new = [walker for walker in here if not walker.is_waiting]
    for walker in new:
        walker.is_waiting = True
        walker.due_at = days_later(walker.at, int(step["due_days"]), walker.zone)
    asked = (step["title"], step["note"], step["staff_id"], step["results"], "open", "", "")
    rows = [(w.id, node.key, w.customer_id, *asked, w.at, w.due_at) for w in new]
    insert_rows(batch.session, Task, _TASK, rows)
    results = _results(batch.session, node.key, [walker.id for walker in old])
    done: dict[str, list[Walker]] = defaultdict(list)
    words = {word: f"r{n}" for n, word in enumerate(step["results"], 1)}
    for walker in here:
        if walker.id in results:
            done[words.get(results[walker.id], "late")].append(walker)
        elif walker.due_at <= batch.now:
            walker.at = meant(walker.due_at, batch.now)
            done["late"].append(walker)
    _close_tasks(batch.session, node.key, [walker.id for walker in done.get("late", ())])
    return done


def _results(session: Session, step: str, ids: Sequence[int]) -> dict[int, str]:
    rows = session.execute(
        select(Task.traveller_id, Task.result).where(
            among(Task.traveller_id, ids), Task.step == step, Task.status == "done"
        )
    )
    return {row[0]: row[1] for row in rows}


def _close_tasks(session: Session, step: str, ids: Sequence[int]) -> None:
    if ids:
        session.execute(
            update(Task)
            .where(among(Task.traveller_id, ids), Task.step == step, Task.status == "open")
            .values(status="late")
            .execution_options(synchronize_session=False)
        )


_NOTICE = (
    "traveller_id",
    "step",
    "url",
    "payload",
    "status",
    "attempts",
    "answer",
    "made_at",
    "next_attempt_at",
)


def _notify(batch: Batch, node: Node, here: list[Walker]) -> Done:
    numbers = {
        row[0]: row[1]
        for row in batch.session.execute(
            select(Customer.id, Customer.number).where(among(Customer.id, [w.customer_id for w in here]))
        )
    }
    url = node.step["url"]
    rows = [
        (w.id, node.key, url, _payload(batch, node, w, numbers), "queued", 0, "", w.at, batch.now)
        for w in here
    ]
    insert_rows(batch.session, Notice, _NOTICE, rows)
    return {"queued": here}


def _payload(batch: Batch, node: Node, walker: Walker, numbers: Mapping[int, str | None]) -> dict[str, Any]:
    """What another system is told: no address and no name, which it can ask for by the number."""
    return {
        "journey": batch.journey.name,
        "journey_id": batch.journey.id,
        "step": node.key,
        "customer_id": walker.customer_id,
        "customer_number": numbers.get(walker.customer_id),
        "entry_key": walker.entry_key,
        "at": walker.at.isoformat(),
    }


def _finish(_batch: Batch, _node: Node, here: list[Walker]) -> Done:
    return {"passed": here}


def _sorted(here: Iterable[Walker], result: Callable[[Walker], str]) -> Done:
    done: dict[str, list[Walker]] = defaultdict(list)
    for walker in here:
        done[result(walker)].append(walker)
    return done


_STEPS: Mapping[str, Callable[[Batch, Node, list[Walker]], Done]] = {
    "send": _send,
    "wait": _wait,
    "wait_until": _wait,
    "wait_for": _wait_for,
    "branch": _branch,
    "split": _split,
    "change": _change,
    "task": _task,
    "notify": _notify,
    "end": _finish,
}


# ── written back


def _write(batch: Batch, steps: Sequence[str], waited: Sequence[bool]) -> None:
    """Traces, then the travellers themselves, each only if it still stands where it was read."""
    names = ("traveller_id", "step", "version_id", "arrived_at", "left_at", "result")
    insert_rows(batch.session, Trace, names, batch.traces)
    table = Traveller.__table__
    changed = update(table).where(  # type: ignore[arg-type]
        table.c.id == bindparam("of_id"),
        table.c.status == "travelling",
        table.c.step == bindparam("of_step"),
        table.c.is_waiting == bindparam("of_waiting"),
    )
    rows = []
    for walker, step, was_waiting in zip(batch.walkers, steps, waited, strict=True):
        is_over = walker.status != "travelling"
        rows.append(
            {
                "of_id": walker.id,
                "of_step": step,
                "of_waiting": was_waiting,
                "status": walker.status,
                "outcome": walker.outcome,
                "step": walker.step,
                "is_waiting": walker.is_waiting,
                "arrived_at": walker.arrived_at,
                "due_at": None if is_over else walker.due_at,
                "ended_at": walker.at if is_over else None,
            }
        )
    done = batch.session.connection().execute(changed, rows)
    moved = cast("CursorResult[Any]", done).rowcount
    if moved not in (-1, len(rows)):
        raise Conflict("Somebody else led these travellers on meanwhile; they are looked at again.")
    add_counts(batch.session, batch.version.id, batch.counts)
    over = [walker.id for walker in batch.walkers if walker.status == "left"]
    if over:
        batch.session.execute(
            update(Task)
            .where(among(Task.traveller_id, over), Task.status == "open")
            .values(status="cancelled")
            .execution_options(synchronize_session=False)
        )

"""Whatever is drawn, whoever travels: everyone ends in exactly one state, and what the steps count adds up."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from campaigns import journeys
from campaigns.clock import FrozenClock
from campaigns.customers import record_consent
from campaigns.db import Database
from campaigns.errors import Conflict, Invalid
from campaigns.journeys import StepCount, Task, Trace, Traveller
from campaigns.journeys.rules import EMPTY, Plan, moved, nodes, shifted, slots, with_step, without_step
from campaigns.messages import Message
from campaigns.runtime import Runtime
from tests.campaigns.journeys.conftest import Shop, Spec
from tests.cast import person

PEOPLE = 25


def drawn(dice: random.Random, depth: int = 0) -> Spec:
    """Some steps, with arms here and there."""
    steps: Spec = []
    for _ in range(dice.randint(1, 3 if depth else 5)):
        kind = dice.choice(("send", "wait", "wait_until", "wait_for", "split", "change", "task", "end"))

        def inner() -> Spec:
            return drawn(dice, depth + 1) if depth < 2 else []

        if kind == "wait":
            steps.append((kind, {"amount": dice.randint(1, 3), "unit": dice.choice(("hours", "days"))}))
        elif kind == "wait_until":
            steps.append((kind, {"weekday": dice.randint(-1, 6), "hour": dice.randint(0, 23)}))
        elif kind == "wait_for":
            steps.append((kind, {"most_days": dice.randint(1, 3)}, {"came": inner(), "late": inner()}))
        elif kind == "split":
            steps.append((kind, {"share": dice.randint(1, 99)}, {"a": inner(), "b": inner()}))
        elif kind == "change":
            steps.append((kind, {"what": dice.choice(("tag", "untag")), "word": dice.choice("xyz")}))
        elif kind == "task":
            answers = {"title": "Call", "due_days": dice.randint(1, 2), "results": ["Yes"]}
            steps.append((kind, answers, {"r1": inner(), "late": inner()}))
        else:
            steps.append((kind,))
    return steps


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 12))]


@pytest.mark.parametrize("seed", SEEDS)
def test_everybody_ends_in_one_state_and_the_counts_add_up(
    runtime: Runtime, clock: FrozenClock, seed: int
) -> None:
    dice, shop = random.Random(seed), Shop(runtime, clock)
    with runtime.transaction() as session:
        ids = [person(session, f"c{n}@shop.example", now=clock.now()).id for n in range(PEOPLE)]
    journey = shop.plan(drawn(dice), hold_out=20)
    shop.tick()
    for _ in range(6):
        with runtime.transaction() as session:
            gone = dice.choice(ids)
            record_consent(
                session, gone, purpose="mail", is_granted=False, act="preferences", now=clock.now()
            )
            for task in session.query(Task).filter_by(status="open").limit(3).all():
                journeys.finish_task(session, task.id, result="Yes", by=None, now=clock.now())
        shop.run(dice.randint(1, 60))
    shop.run(24 * 120)
    with runtime.reading() as session:
        stands = journeys.figures(session, journey)
        assert stands.travelling == 0, "the way has no loops: everybody arrives"
        assert sum(stands.outcomes.values()) + stands.held_out == PEOPLE
        traces = Counter((row.step, row.result) for row in session.query(Trace))
        kept = Counter({(row.step, row.result): row.count for row in session.query(StepCount) if row.step})
        assert kept == traces
        ends = {row.result: row.count for row in session.query(StepCount).filter_by(step="")}
        assert ends.pop("entered") == PEOPLE - stands.held_out
        assert ends.pop("held_out", 0) == stands.held_out
        assert ends == dict(stands.outcomes)
        sends = sum(count for (_, result), count in traces.items() if result in ("queued", "held"))
        assert session.query(Message).count() == sends
        assert session.query(Task).filter_by(status="open").count() == 0
        silent = [t.id for t in session.query(Traveller).filter_by(status="held_out")]
        assert session.query(Trace).filter(Trace.traveller_id.in_(silent)).count() == 0


@pytest.mark.parametrize("seed", range(12))
def test_any_change_of_a_plan_leaves_a_way_without_loops(seed: int) -> None:
    dice = random.Random(seed)
    plan, given = EMPTY, set[str]()
    for _ in range(40):
        keys = [node.key for node in nodes(plan.steps)]
        act = dice.choice(("add", "add", "move", "shift", "remove"))
        try:
            if act == "add" or not keys:
                places = [slot for slot, _ in slots(plan.steps)]
                plan, key = with_step(plan, dice.choice(places), dice.choice(list(journeys.KINDS)))
                assert key not in given, "a key is never given twice"
                given.add(key)
            elif act == "move":
                key = dice.choice(keys)
                places = [slot for slot, _ in slots(plan.steps)]
                plan = moved(plan, key, dice.choice(places))
            elif act == "shift":
                plan = shifted(plan, dice.choice(keys), dice.choice((-1, 1)))
            else:
                plan = without_step(plan, dice.choice(keys))
        except (Invalid, Conflict):
            continue
        _check(plan)


def _check(plan: Plan) -> None:
    way = nodes(plan.steps)
    order = {node.key: n for n, node in enumerate(way)}
    assert len(order) == len(way), "each step stands once"
    for node in way:
        for following in node.next.values():
            assert not following or order[following] > order[node.key], "no step leads back"
    assert Plan.read(plan.written()) == plan


@pytest.mark.parametrize("seed", range(4))
def test_every_place_offered_for_a_step_can_be_taken(seed: int) -> None:
    dice = random.Random(seed)
    plan: Any = EMPTY
    for _ in range(12):
        plan, _ = with_step(plan, dice.choice(slots(plan.steps))[0], dice.choice(("wait", "split", "branch")))
    key = dice.choice([node.key for node in nodes(plan.steps)])
    for slot, _ in slots(plan.steps, without=key):
        assert (
            slot in dict(slots(moved(plan, key, slot).steps)) or slot == "start" or slot.startswith("after:")
        )


@pytest.mark.parametrize("blow", [1, 5, *(pytest.param(n, marks=pytest.mark.soak) for n in (0, 2, 3, 4, 6))])
def test_stopped_in_the_middle_of_a_batch_nothing_of_it_happened(
    sqlite: Database, runtime: Runtime, clock: FrozenClock, blow: int
) -> None:
    """The transaction dies at one of its writes; led on afterwards, the tables are those of an undisturbed run."""
    shop = Shop(runtime, clock)
    with runtime.transaction() as session:
        for n in range(8):
            person(session, f"c{n}@shop.example", now=clock.now())
    steps = [
        ("send",),
        ("change", {"what": "tag", "word": "in"}),
        ("split", {"share": 50}, {"a": [("send",)], "b": []}),
    ]
    journey = shop.plan([*steps, ("wait", {"amount": 1, "unit": "hours"}), ("send",)])
    means = journeys.means_of(runtime)
    with runtime.transaction() as session:
        journeys.enter_due(session, journey, means, now=clock.now())
        version = journeys.get_journey(session, journey).version_id
    assert version is not None
    died = _die_at(runtime, version, means, clock, blow)
    assert shop.read(lambda s: s.query(Trace).count()) == (0 if died else 8 * 3 + _in_a(shop))
    shop.tick()
    clock.advance(timedelta(hours=1))
    shop.tick()
    sent = shop.read(lambda s: s.query(Message).count())
    assert sent == 16 + _in_a(shop)
    assert shop.read(lambda s: s.query(Traveller).filter_by(status="finished").count()) == 8


def _in_a(shop: Shop) -> int:
    found: int = shop.read(lambda s: s.query(Trace).filter_by(result="a").count())
    return found


def _die_at(runtime: Runtime, version: int, means: Any, clock: FrozenClock, blow: int) -> bool:
    """Lead a batch in a transaction that is torn down at its n-th write; whether it came so far."""
    from sqlalchemy import event

    writes = 0

    def count(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        nonlocal writes
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            writes += 1
            if writes > blow:
                raise KeyboardInterrupt

    engine = runtime.database.engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        with runtime.transaction() as session:
            journeys.advance(session, version, means, now=clock.now())
    except KeyboardInterrupt:
        return True
    finally:
        event.remove(engine, "before_cursor_execute", count)
    return False

"""Travellers are led from step to step: each step once, at the moment that was meant, whoever leads and however often."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns import journeys
from campaigns.clock import FrozenClock
from campaigns.customers import Tag, declare_attribute, get_customer, record_consent, tags_of
from campaigns.journeys import Traveller
from campaigns.messages import Message
from campaigns.purchases import record_purchase
from campaigns.runtime import Runtime
from campaigns.segments import save_segment
from campaigns.tracking import Event, record_spam_report
from scheduler.jobs import advance_journeys
from tests.campaigns.journeys.conftest import Shop
from tests.cast import person


def add(runtime: Runtime, email: str, **fields: Any) -> int:
    with runtime.transaction() as session:
        return person(session, email, now=runtime.clock.now(), **fields).id


def messages(shop: Shop) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = shop.read(
        lambda s: [(m.address, m.status) for m in s.query(Message).order_by(Message.id)]
    )
    return found


def outcome(shop: Shop, customer_id: int) -> tuple[str, str]:
    row = shop.read(lambda s: s.query(Traveller).filter_by(customer_id=customer_id).one())
    return row.status, row.outcome


def buy(shop: Shop, customer_id: int, number: str) -> None:
    with shop.runtime.transaction() as session:
        record_purchase(
            session,
            customer_id=customer_id,
            number=number,
            purchased_at=shop.clock.now(),
            amount=4990,
            currency="EUR",
            now=shop.clock.now(),
        )


def answer(shop: Shop, address: str, kind: str, judgement: str = "human") -> None:
    with shop.runtime.transaction() as session:
        message = session.query(Message).filter_by(address=address).first()
        assert message is not None
        session.add(
            Event(
                kind=kind,
                at=shop.clock.now(),
                message_id=message.id,
                mailing_id=message.mailing_id,
                customer_id=message.customer_id,
                judgement=judgement,
            )
        )


def test_a_letter_a_wait_and_another_letter(shop: Shop) -> None:
    alice = add(shop.runtime, "alice@shop.example")
    shop.plan([("send",), ("wait", {"amount": 3, "unit": "days"}), ("send",)])
    shop.tick()
    assert messages(shop) == [("alice@shop.example", "queued")]
    shop.run(71)
    assert len(messages(shop)) == 1
    shop.run(1)
    assert len(messages(shop)) == 2
    assert shop.trace(alice) == [
        ("s1", "23 09:00", "queued"),
        ("s2", "26 09:00", "passed"),
        ("s3", "26 09:00", "queued"),
    ]
    assert outcome(shop, alice) == ("finished", "end")


def test_nobody_enters_twice_however_often_the_clock_ticks(shop: Shop) -> None:
    add(shop.runtime, "alice@shop.example")
    shop.plan([("send",)])
    for _ in range(3):
        shop.tick()
    shop.run(5)
    assert len(messages(shop)) == 1


def test_days_are_days_on_the_customers_wall_also_when_the_clocks_change(
    shop: Shop, clock: FrozenClock
) -> None:
    clock.move_to(datetime(2027, 3, 26, 9, tzinfo=UTC))  # summer time begins on 28 March
    paris = add(shop.runtime, "p@shop.example", zone="Europe/Paris")
    tokyo = add(shop.runtime, "t@shop.example", zone="Asia/Tokyo")
    shop.plan([("wait", {"amount": 3, "unit": "days"})])
    shop.tick()
    shop.run(80)
    assert shop.trace(paris) == [("s1", "29 08:00", "passed")]
    assert shop.trace(tokyo) == [("s1", "29 09:00", "passed")]


def test_a_wait_until_a_day_and_hour_ends_in_each_ones_own_morning(shop: Shop) -> None:
    kathmandu = add(shop.runtime, "k@shop.example", zone="Asia/Kathmandu")
    pago = add(shop.runtime, "s@shop.example", zone="Pacific/Pago_Pago")
    shop.plan([("wait_until", {"weekday": 3, "hour": 9})])
    shop.tick()
    shop.run(100)
    assert shop.trace(kathmandu) == [("s1", "26 03:15", "passed")]
    assert shop.trace(pago) == [("s1", "26 20:00", "passed")]


def test_a_branch_asks_a_segment(shop: Shop) -> None:
    french = add(shop.runtime, "f@shop.example", country="FR")
    german = add(shop.runtime, "g@shop.example", country="DE")
    with shop.runtime.transaction() as session:
        segment = save_segment(
            session,
            None,
            name="French",
            rule={"all": [{"field": "customer.country", "op": "is", "value": "FR"}]},
            fields=shop.runtime.fields,
            now=shop.clock.now(),
            zone=shop.runtime.config.zone,
        )
    shop.plan(
        [
            (
                "branch",
                {"by": "segment", "segment_id": segment.id},
                {"yes": [("change", {"what": "tag", "word": "bonjour"})], "no": []},
            ),
            ("change", {"what": "tag", "word": "seen"}),
        ]
    )
    shop.tick()
    assert [r for _, _, r in shop.trace(french)] == ["yes", "done", "done"]
    assert [r for _, _, r in shop.trace(german)] == ["no", "done"]
    assert shop.read(lambda s: tags_of(s, [french])[french]) == ["bonjour", "seen"]


def test_a_branch_knows_persons_from_machines(shop: Shop) -> None:
    reader, _, _ = [add(shop.runtime, f"{name}@shop.example") for name in ("reader", "robot", "silent")]
    shop.plan(
        [
            ("send",),
            ("wait", {"amount": 1, "unit": "days"}),
            (
                "branch",
                {"by": "clicked", "letter": "s1"},
                {"yes": [("change", {"what": "tag", "word": "warm"})]},
            ),
        ]
    )
    shop.tick()
    answer(shop, "reader@shop.example", "clicked")
    answer(shop, "robot@shop.example", "clicked", "machine")
    shop.run(24)

    assert shop.read(lambda s: [(t.customer_id, t.tag) for t in s.query(Tag)]) == [(reader, "warm")]


def test_a_wait_for_something_ends_when_it_comes_or_in_time(shop: Shop) -> None:
    buyer = add(shop.runtime, "buyer@shop.example")
    other = add(shop.runtime, "other@shop.example")
    shop.plan([("wait_for", {"what": "bought", "most_days": 4}, {"came": [("send",)], "late": []})])
    shop.tick()
    shop.run(30)
    buy(shop, buyer, "1")
    shop.run(80)
    assert shop.trace(buyer)[0] == ("s1", "24 16:00", "came")
    assert shop.trace(other) == [("s1", "27 09:00", "late")]
    assert messages(shop) == [("buyer@shop.example", "queued")]


def test_a_wait_for_an_occasion_passes_over_what_let_the_customer_in(shop: Shop) -> None:
    alice = add(shop.runtime, "alice@shop.example")
    entry = {
        "by": "occasion",
        "occasion": "after_purchase",
        "options": {"days": 1},
        "hour": 9,
        "late_days": 2,
    }
    shop.plan(
        [
            (
                "wait_for",
                {"what": "occasion", "occasion": "after_purchase", "options": {"days": 1}, "most_days": 9},
            )
        ],
        entry=entry,
    )
    buy(shop, alice, "A1")
    shop.run(70, every=1)
    assert shop.trace(alice) == []
    assert shop.read(lambda s: s.query(Traveller).one().entry_key) == "order:A1"
    buy(shop, alice, "A2")
    shop.run(48, every=4)
    assert [result for _, _, result in shop.trace(alice)] == ["came"]


def test_chance_splits_the_same_way_each_time(shop: Shop) -> None:
    for n in range(60):
        add(shop.runtime, f"c{n}@shop.example")
    journey = shop.plan([("split", {"share": 30})])
    shop.tick()
    with shop.runtime.reading() as session:
        version = journeys.get_journey(session, journey).version_id
        assert version is not None
        passed = journeys.step_figures(session, [version])["s1"].passed
    assert sum(passed.values()) == 60
    assert 8 <= passed["a"] <= 30


def test_a_task_is_done_or_runs_out_and_its_answer_is_a_way(shop: Shop) -> None:
    kept = add(shop.runtime, "kept@shop.example")
    lost = add(shop.runtime, "lost@shop.example")
    shop.plan(
        [
            (
                "task",
                {"title": "Call", "due_days": 2, "results": ["Spoke", "No answer"]},
                {"r1": [("change", {"what": "tag", "word": "spoken"})], "r2": [], "late": []},
            )
        ]
    )
    shop.tick()
    with shop.runtime.transaction() as session:
        found = session.execute(journeys.tasks()).all()
        mine = next(task for task, customer, _ in found if customer.id == kept)
        journeys.finish_task(session, mine.id, result="Spoke", by=None, now=shop.clock.now())
    shop.run(49)
    assert [r for _, _, r in shop.trace(kept)] == ["r1", "done"]
    assert shop.trace(lost) == [("s1", "25 09:00", "late")]
    assert shop.read(lambda s: s.execute(journeys.tasks()).all()) == []


def test_an_attribute_is_set_as_its_type_says(shop: Shop) -> None:
    alice = add(shop.runtime, "alice@shop.example")
    with shop.runtime.transaction() as session:
        declare_attribute(session, label="Visits", kind="number")
    shop.plan([("change", {"what": "attribute", "word": "visits", "value": "3"})])
    shop.tick()
    assert shop.read(lambda s: get_customer(s, alice).attributes) == {"visits": 3}


@pytest.mark.parametrize(
    ("goal", "exits", "expected"),
    [
        ("bought", (), ("finished", "goal")),
        ("", ("bought",), ("left", "bought")),
        ("", (), ("finished", "end")),
    ],
)
def test_goal_and_exits_are_asked_before_each_step(
    shop: Shop, goal: str, exits: tuple[str, ...], expected: tuple[str, str]
) -> None:
    alice = add(shop.runtime, "alice@shop.example")
    shop.plan([("wait", {"amount": 1, "unit": "days"}), ("send",)], goal=goal, exits=exits)
    shop.tick()
    shop.run(1)
    buy(shop, alice, "1")
    shop.run(30)
    assert outcome(shop, alice) == expected
    assert bool(messages(shop)) == (expected[1] == "end")


def test_whoever_unsubscribes_or_complains_leaves(shop: Shop) -> None:
    gone = add(shop.runtime, "gone@shop.example")
    angry = add(shop.runtime, "angry@shop.example")
    stays = add(shop.runtime, "stays@shop.example")
    shop.plan([("send",), ("wait", {"amount": 1, "unit": "days"}), ("send",)])
    shop.tick()
    shop.run(1)
    with shop.runtime.transaction() as session:
        record_consent(
            session, gone, purpose="mail", is_granted=False, act="preferences", now=shop.clock.now()
        )
        message = session.query(Message).filter_by(address="angry@shop.example").one()
        record_spam_report(session, message.id, evidence="loop", now=shop.clock.now())
    shop.run(30)
    assert outcome(shop, gone) == ("left", "unsubscribed")
    assert outcome(shop, angry) == ("left", "complained")
    assert outcome(shop, stays) == ("finished", "end")


def test_two_clocks_at_once_double_nothing(shop: Shop) -> None:
    for n in range(120):
        add(shop.runtime, f"c{n}@shop.example")
    shop.plan(
        [
            ("change", {"what": "tag", "word": "in"}),
            ("send",),
            ("wait", {"amount": 1, "unit": "hours"}),
            ("send",),
        ]
    )
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: advance_journeys(shop.runtime), range(4)))
    shop.clock.advance(timedelta(hours=1))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: advance_journeys(shop.runtime), range(4)))
    shop.tick()
    assert len(messages(shop)) == 240
    assert shop.read(lambda s: s.query(journeys.Trace).count()) == 120 * 4


def test_a_stop_of_days_counts_from_the_wake_and_loses_nobody(shop: Shop) -> None:
    alice = add(shop.runtime, "alice@shop.example")
    shop.plan(
        [
            ("wait", {"amount": 1, "unit": "days"}),
            ("send",),
            ("wait", {"amount": 2, "unit": "days"}),
            ("send",),
        ]
    )
    shop.tick()
    shop.clock.advance(timedelta(days=6))
    shop.tick()
    assert len(messages(shop)) == 1, "the second letter keeps its distance"
    shop.run(48)
    assert sorted(shop.trace(alice)) == [
        ("s1", "29 09:00", "passed"),
        ("s2", "29 09:00", "queued"),
        ("s3", "01 09:00", "passed"),
        ("s4", "01 09:00", "queued"),
    ]

"""What a simulation tells is what happens: the same rows, when the clock moves through the same days."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from campaigns import journeys, letters, simulations
from campaigns.clock import FrozenClock
from campaigns.errors import Invalid
from campaigns.journeys import JourneyMailing, Traveller
from campaigns.letters import Plan
from campaigns.messages import Mailing, Message, Policy, rehearse
from campaigns.purchases import record_purchase
from campaigns.runtime import Runtime
from campaigns.segments import save_segment
from campaigns.simulations import Mail, Simulation
from scheduler.jobs import advance_journeys, launch_letters, run_simulations
from tests.campaigns.journeys.conftest import Shop
from tests.cast import person

DAYS = 5
ZONES = ("Europe/Paris", "Asia/Tokyo", "Pacific/Pago_Pago", "")

Row = tuple[int, str, int, str, str, str, str | None, str]


@pytest.fixture
def shop(runtime: Runtime, clock: FrozenClock) -> Shop:
    return Shop(runtime, clock)


def people(shop: Shop, count: int = 14) -> list[int]:
    ids = []
    with shop.runtime.transaction() as session:
        for n in range(count):
            customer = person(
                session,
                f"c{n}@shop.example",
                now=shop.clock.now(),
                agrees=n % 7 != 5,
                zone=ZONES[n % len(ZONES)],
                birthday=f"{11 + (n + 22) // 30:02d}-{(n + 22) % 30 + 1:02d}",
                country="FR" if n % 2 else "BE",
            )
            ids.append(customer.id)
            record_purchase(
                session,
                customer_id=customer.id,
                number=f"O{n}",
                purchased_at=shop.clock.now() - timedelta(days=n % 6, minutes=15 * n),
                amount=1000,
                currency="EUR",
                now=shop.clock.now(),
            )
    return ids


def standing_letter(shop: Shop, *, is_on: bool) -> int:
    plan = Plan(name="Birthday", occasion="birthday", hour=9, template_id=shop.template_id)
    with shop.runtime.transaction() as session:
        letter = letters.create(session, plan, occasions=shop.runtime.occasions, now=shop.clock.now())
        letters.switch(session, letter.id, is_on=is_on, now=shop.clock.now())
        return letter.id


def tagged(shop: Shop) -> int:
    with shop.runtime.transaction() as session:
        return save_segment(
            session,
            None,
            name="Tagged on the way",
            rule={"all": [{"field": "customer.tags", "op": "has_any", "value": ["thanked"]}]},
            fields=shop.runtime.fields,
            now=shop.clock.now(),
            zone=shop.runtime.config.zone,
        ).id


def a_journey(shop: Shop) -> int:
    """Entered after a purchase; what a step of it changes, a later one asks."""
    return shop.plan(
        [
            ("send",),
            ("split", {"share": 50}, {"a": [("change", {"what": "tag", "word": "thanked"})], "b": []}),
            ("wait", {"amount": 1, "unit": "days"}),
            (
                "branch",
                {"by": "segment", "segment_id": tagged(shop)},
                {"yes": [("wait_until", {"weekday": -1, "hour": 17}), ("send",)], "no": []},
            ),
            ("wait_for", {"what": "bought", "most_days": 2}, {"came": [], "late": [("send",)]}),
            ("task", {"title": "Call", "due_days": 1, "results": ["Done"]}, {"r1": [], "late": []}),
            ("send",),
        ],
        is_on=False,
        entry={
            "by": "occasion",
            "occasion": "after_purchase",
            "options": {"days": 3},
            "hour": 9,
            "late_days": 2,
        },
        hold_out=20,
    )


def played(shop: Shop, kind: str, source_id: int) -> simulations.Played:
    return simulations.play(
        shop.runtime.database,
        shop.runtime.config,
        journeys.means_of(shop.runtime),
        kind=kind,
        source_id=source_id,
        now=shop.clock.now(),
        days=DAYS,
    )


def rows_of(mails: Any) -> list[Row]:
    def told(mail: Mail) -> Row:
        leaves = mail.leaves_at.isoformat() if mail.leaves_at else None
        queued = mail.queued_at.isoformat()
        return (
            mail.customer_id,
            mail.kind,
            mail.source_id,
            mail.step,
            mail.occasion_key,
            queued,
            leaves,
            mail.fate,
        )

    return sorted(map(told, mails), key=str)


def real_rows(shop: Shop) -> list[Row]:
    """The messages that the real clock made, senders and all, in the form of a play."""
    ask = (
        select(Message, Mailing, func.coalesce(JourneyMailing.step, ""))
        .join(Mailing, Mailing.id == Message.mailing_id)
        .outerjoin(JourneyMailing, JourneyMailing.mailing_id == Mailing.id)
    )
    found = []
    for message, mailing, step in shop.read(lambda s: s.execute(ask).all()):
        waits = message.next_attempt_at if message.status == "queued" else None
        leaves = message.sent_at or waits
        fate = message.status if message.status in ("sent", "queued") else "held"
        found.append(
            (
                message.customer_id,
                mailing.kind,
                mailing.source_id,
                step,
                message.occasion_key,
                message.queued_at.isoformat(),
                leaves.isoformat() if leaves else None,
                fate,
            )
        )
    return sorted(found, key=str)


def live(shop: Shop) -> None:
    """The real jobs on the real tables, every hour."""
    policy = Policy(shop.runtime.config.pressure, shop.runtime.config.zone)
    until = shop.clock.now() + timedelta(days=DAYS)
    while True:
        launch_letters(shop.runtime)
        advance_journeys(shop.runtime)
        with shop.runtime.transaction() as session:
            rehearse(session, policy, now=shop.clock.now())
        if shop.clock.now() >= until:
            return
        shop.clock.advance(timedelta(hours=1))


def counts(shop: Shop) -> dict[str, int]:
    from campaigns.db import Base

    with shop.runtime.reading() as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
        }


def test_a_real_run_matches_the_simulation_row_by_row(shop: Shop) -> None:
    people(shop)
    standing_letter(shop, is_on=True)
    journey = a_journey(shop)
    before = counts(shop)
    found = played(shop, "journey", journey)
    assert counts(shop) == before, "nothing of it stays"
    shop.switch_on(journey)
    live(shop)
    assert rows_of(found.mails) == real_rows(shop)
    assert len(found.mails) > 12
    with shop.runtime.reading() as session:
        stands = journeys.figures(session, journey)
    assert found.summary["outcomes"] == dict(stands.outcomes)
    assert found.summary["held_out"] == stands.held_out > 0
    assert found.summary["tasks"] > 0


def test_a_letter_is_simulated_before_it_is_switched_on(shop: Shop) -> None:
    ids = people(shop)
    letter = standing_letter(shop, is_on=False)
    found = played(shop, "letter", letter)
    totals = found.summary["totals"]
    assert totals["sent"] + totals["held"] == found.summary["customers"] >= 4
    assert totals["held"] >= 1, "who did not agree is left out, and the play says so"
    assert found.summary["held"]["no_consent"] == totals["held"]
    with shop.runtime.transaction() as session:
        letters.switch(session, letter, is_on=True, now=shop.clock.now())
    live(shop)
    assert rows_of(found.mails) == real_rows(shop)
    assert {mail.customer_id for mail in found.mails} <= set(ids)


def test_pressure_and_crowded_days_are_told(shop: Shop) -> None:
    people(shop, 4)
    shop.plan([("send",), ("wait", {"amount": 1, "unit": "hours"}), ("send",)], name="Other")
    journey = shop.plan([("send",)], is_on=False)
    found = played(shop, "journey", journey)
    assert found.summary["others"] > 0
    assert found.summary["crowded"] > 0 or found.summary["held"]


def test_what_is_not_ready_says_so(shop: Shop) -> None:
    journey = shop.plan([("send", {"template_id": None})], is_on=False)
    with pytest.raises(Invalid, match="not ready"):
        played(shop, "journey", journey)


def test_it_is_played_in_the_background_and_its_rows_are_kept(shop: Shop) -> None:
    people(shop, 5)
    journey = shop.plan([("send",)], is_on=False)
    with shop.runtime.transaction() as session:
        asked = simulations.ask(session, kind="journey", source_id=journey, days=2, now=shop.clock.now())
        again = simulations.ask(session, kind="journey", source_id=journey, days=2, now=shop.clock.now())
        assert asked.id == again.id, "asked twice, it is played once"
    assert run_simulations(shop.runtime) == 1
    assert run_simulations(shop.runtime) == 0
    with shop.runtime.reading() as session:
        done = simulations.get_simulation(session, asked.id)
        assert (done.status, done.progress) == ("done", 100)
        rows = session.execute(simulations.played(done)).all()
        assert len(rows) == done.result["customers"] == 5
        assert len(simulations.sample(session, done)) == 5
        assert session.scalar(select(func.count()).select_from(Traveller)) == 0


def test_one_that_cannot_be_played_says_why(shop: Shop) -> None:
    journey = shop.plan([], is_on=False)
    with shop.runtime.transaction() as session:
        asked = simulations.ask(session, kind="journey", source_id=journey, days=2, now=shop.clock.now())
    run_simulations(shop.runtime)
    with shop.runtime.reading() as session:
        failed = simulations.get_simulation(session, asked.id)
        assert failed.status == "failed"
        assert "no step" in failed.error


def test_whoever_died_while_playing_is_followed_by_another(shop: Shop) -> None:
    journey = shop.plan([("send",)], is_on=False)
    with shop.runtime.transaction() as session:
        simulations.ask(session, kind="journey", source_id=journey, days=2, now=shop.clock.now())
        assert simulations.take(session, now=shop.clock.now())
    with shop.runtime.transaction() as session:
        assert simulations.take(session, now=shop.clock.now()) is None
    shop.clock.advance(timedelta(minutes=11))
    assert run_simulations(shop.runtime) == 1
    with shop.runtime.reading() as session:
        assert session.query(Simulation).one().status == "done"

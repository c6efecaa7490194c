"""The day at a glance: what waits for a person, what goes out, the week against the usual."""

from datetime import timedelta
from typing import Any

import pytest

from campaigns import segments
from campaigns.clock import FrozenClock
from campaigns.customers.model import Import
from campaigns.letters.model import Letter
from campaigns.messages.model import Halt, Sender
from campaigns.newsletters.model import Newsletter
from campaigns.purchases.model import Purchase
from campaigns.reports import leaving, needs, today, week
from campaigns.runs import take_lease
from campaigns.runtime import Runtime
from tests.campaigns.reports import ledger


def names(session: Any, runtime: Runtime) -> list[str]:
    return [need.name for need in needs(session, now=runtime.clock.now(), config=runtime.config)]


@pytest.fixture(autouse=True)
def ticking(runtime: Runtime) -> None:
    """The clock is at work."""
    with runtime.transaction() as session:
        take_lease(session, "clock", "me", now=runtime.clock.now(), seconds=20)


def newsletter(session: Any, now: Any, status: str, due_at: Any, **more: Any) -> Newsletter:
    made = Newsletter(name="Autumn", status=status, due_at=due_at, created_at=now, updated_at=now, **more)
    session.add(made)
    session.flush()
    return made


def test_an_empty_shop_needs_nobody(runtime: Runtime) -> None:
    config = runtime.config
    with runtime.reading() as session:
        found = today(
            session,
            now=runtime.clock.now(),
            zone=config.zone,
            config=config,
            fields=runtime.fields,
            occasions=runtime.occasions,
        )
    assert found.needs == () and found.leaving == ()
    assert [(figure.value, figure.verdict) for figure in found.week] == [(0, "")] * 5


def test_what_is_wrong_stands_first_and_each_thing_says_what_it_is_about(runtime: Runtime) -> None:
    now = runtime.clock.now()
    with runtime.transaction() as session:
        mailing = ledger.mailing(session, ledger.template(session, now), now)
        for number, status in enumerate(("failed", "failed", "unknown", "sent")):
            ledger.message(session, mailing, ledger.customer(session, number, now), status, now)
        paused = newsletter(session, now, "paused", None)
        late = newsletter(session, now, "scheduled", now - timedelta(hours=1))
        session.add(
            Import(
                kind="customers",
                filename="till.csv",
                path="x",
                status="done",
                counts={"rejected": 3},
                created_at=now,
            )
        )
        session.flush()
        found = needs(session, now=now, config=runtime.config)
    assert [need.name for need in found] == ["late", "failed", "unknown", "paused", "import_rejects"]
    assert [need.tone for need in found] == ["bad", "bad", "warn", "warn", "warn"]
    assert [need.count for need in found] == [0, 2, 1, 0, 3]
    assert (found[0].subject_id, found[1].subject_id, found[3].subject_id) == (late.id, mailing.id, paused.id)


def test_old_failures_are_history(runtime: Runtime) -> None:
    now = runtime.clock.now()
    with runtime.transaction() as session:
        mailing = ledger.mailing(session, ledger.template(session, now), now)
        ledger.message(session, mailing, ledger.customer(session, 1, now), "failed", now - timedelta(days=8))
        assert names(session, runtime) == []


def test_a_queue_that_does_not_move_is_told_with_its_reason(runtime: Runtime) -> None:
    now = runtime.clock.now()
    with runtime.transaction() as session:
        mailing = ledger.mailing(session, ledger.template(session, now), now)
        waiting = ledger.message(session, mailing, ledger.customer(session, 1, now), "queued", now)
        waiting.next_attempt_at = now - timedelta(hours=1)
        session.flush()
        assert names(session, runtime) == ["no_sender"]
        session.add(
            Sender(name="one", started_at=now, seen_at=now, trouble="the mail server refuses our login")
        )
        session.flush()
        (stuck,) = needs(session, now=now, config=runtime.config)
        assert stuck.name == "trouble" and "refuses our login" in stuck.sentence
        session.add(Halt(at=now, by="ann@shop.example", because="wrong prices"))
        session.flush()
        (stopped,) = needs(session, now=now, config=runtime.config)
        assert stopped.name == "halted" and "wrong prices" in stopped.sentence


def test_newsletters_and_letters_of_the_day_stand_at_their_local_hour(runtime: Runtime) -> None:
    now, zone = runtime.clock.now(), runtime.config.zone  # 10:00 in Paris
    with runtime.transaction() as session:
        everybody = segments.save_segment(
            session, None, name="All", rule={"all": []}, fields=runtime.fields, now=now, zone=zone
        )
        for number in range(3):
            person = ledger.customer(session, number, now)
            person.birth_month, person.birth_day = 11, 23
        person.may_mail = False
        newsletter(session, now, "scheduled", now + timedelta(hours=5), segment_id=everybody.id)
        newsletter(session, now, "scheduled", now + timedelta(days=1), segment_id=everybody.id)
        letter = Letter(
            name="Birthday",
            occasion="birthday",
            options={"days": 0, "leap": "28"},
            hour=18,
            is_on=True,
            on_since=now - timedelta(days=1),
            created_at=now,
            updated_at=now,
        )
        session.add(letter)
        session.flush()
        found = leaving(session, now=now, zone=zone, fields=runtime.fields, occasions=runtime.occasions)
    assert [(each.hour, each.kind, each.expected, each.is_done) for each in found] == [
        (15, "newsletter", 2, False),
        (18, "letter", 2, False),
    ]


@pytest.mark.parametrize(("orders", "verdict"), [(0, "below"), (3, "within"), (9, "above")])
def test_the_week_is_measured_by_its_own_past(
    runtime: Runtime, clock: FrozenClock, orders: int, verdict: str
) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        person = ledger.customer(session, 1, now)
        moments = [now - timedelta(days=7 * w, hours=1) for w in range(1, 9) for _ in range(2 + w % 3)]
        moments += [now - timedelta(hours=hour) for hour in range(1, orders + 1)]
        for number, at in enumerate(moments):
            session.add(
                Purchase(
                    number=str(number),
                    customer_id=person.id,
                    purchased_at=at,
                    amount=1000,
                    refunded=0,
                    currency="EUR",
                    created_at=now,
                    updated_at=now,
                )
            )
        session.flush()
        figures = {f.name: f for f in week(session, now=now, zone=runtime.config.zone, currency="EUR")}
    assert figures["orders"].usual == (2, 4)
    assert (figures["orders"].value, figures["orders"].verdict) == (orders, verdict)
    assert figures["revenue"].value == orders * 1000 == sum(figures["revenue"].days)
    assert figures["clicks"].usual is None, "nothing is usual where nothing ever was"

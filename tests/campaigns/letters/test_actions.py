"""Letters leave once per occasion, in each customer's own morning, and never for days gone by."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns import letters
from campaigns.clock import FrozenClock
from campaigns.customers import change_customer
from campaigns.errors import Invalid
from campaigns.letters import Letter, Plan
from campaigns.messages import Gap, Message, pause_mailing
from campaigns.purchases import record_purchase, record_refund
from campaigns.runtime import Runtime
from campaigns.signals import record
from tests.cast import bare_template, person, reword


def letter(runtime: Runtime, occasion: str = "birthday", *, is_on: bool = True, **answers: Any) -> Letter:
    """A letter at nine in the morning, switched on now."""
    now = runtime.clock.now()
    options: dict[str, Any] = {key: answers.pop(key) for key in ("days", "leap") if key in answers}
    with runtime.transaction() as session:
        template = bare_template(session, now=now, name=f"For {occasion}")
        plan = Plan(
            name=f"Our {occasion}", occasion=occasion, options=options, template_id=template.id, **answers
        )
        made = letters.create(session, plan, occasions=runtime.occasions, now=now)
        return letters.switch(session, made.id, is_on=is_on, now=now)


def launch(runtime: Runtime, letter_id: int) -> int:
    with runtime.transaction() as session:
        done = letters.launch_due(
            session,
            letter_id,
            occasions=runtime.occasions,
            zone=runtime.config.zone,
            sender=runtime.config.sender,
            now=runtime.clock.now(),
        )
    return done["queued"]


def keys(runtime: Runtime) -> list[tuple[str, str]]:
    with runtime.reading() as session:
        found = session.query(Message).order_by(Message.id)
        return [(message.address, message.occasion_key) for message in found]


def add(runtime: Runtime, email: str, **fields: Any) -> int:
    with runtime.transaction() as session:
        return person(session, email, now=runtime.clock.now(), **fields).id


def to(clock: FrozenClock, moment: str) -> None:
    clock.move_to(datetime.fromisoformat(moment).replace(tzinfo=UTC))


def test_each_zone_is_greeted_in_its_own_morning_once(runtime: Runtime, clock: FrozenClock) -> None:
    to(clock, "2026-11-22T12:00")
    zones = (
        "Pacific/Kiritimati",
        "Asia/Kathmandu",
        "Europe/Paris",
        "America/St_Johns",
        "Pacific/Pago_Pago",
        "",
    )
    for n, zone in enumerate(zones):
        add(runtime, f"c{n}@shop.example", birthday="11-23", zone=zone)
    letter_id = letter(runtime).id
    left: dict[str, datetime] = {}
    for _ in range(4 * 36):  # every quarter of an hour for a day and a half
        before = len(keys(runtime))
        if launch(runtime, letter_id):
            for address, key in keys(runtime)[before:]:
                assert address not in left, "nobody twice"
                assert key == "2026"
                left[address] = clock.now()
        clock.advance(timedelta(minutes=15))
    assert {address: at.strftime("%d %H:%M") for address, at in left.items()} == {
        "c0@shop.example": "22 19:00",  # +14
        "c1@shop.example": "23 03:15",  # +5:45
        "c2@shop.example": "23 08:00",
        "c3@shop.example": "23 12:30",  # -3:30
        "c4@shop.example": "23 20:00",  # -11
        "c5@shop.example": "23 08:00",  # not known: the shop's
    }


def test_a_second_year_greets_again_and_the_age_is_told_only_with_a_year(
    runtime: Runtime, clock: FrozenClock
) -> None:
    add(runtime, "alice@shop.example", birthday="1980-11-24")
    add(runtime, "bob@shop.example", birthday="11-24")
    letter_id = letter(runtime).id
    to(clock, "2026-11-24T08:00")
    assert launch(runtime, letter_id) == 2
    to(clock, "2027-11-24T08:00")
    assert launch(runtime, letter_id) == 2
    with runtime.reading() as session:
        facts = [message.facts for message in session.query(Message).order_by(Message.id)]
    assert [f["age"] for f in facts if f] == [46, None, 47, None]
    assert facts[0] == {"age": 46, "birthday": "2026-11-24"}


def test_another_wording_greets_nobody_twice(runtime: Runtime, clock: FrozenClock) -> None:
    add(runtime, "alice@shop.example", birthday="11-24")
    made = letter(runtime)
    to(clock, "2026-11-24T08:00")
    assert launch(runtime, made.id) == 1
    with runtime.transaction() as session:
        from campaigns.content import Template

        template = session.get(Template, made.template_id)
        assert template is not None
        reword(session, template, subject="Other words", now=clock.now())
    add(runtime, "bob@shop.example", birthday="11-24")
    assert launch(runtime, made.id) == 1
    assert [address for address, _ in keys(runtime)] == ["alice@shop.example", "bob@shop.example"]
    with runtime.reading() as session:
        assert len(session.scalars(letters.mailings_of(made.id)).all()) == 2


def test_four_clocks_at_once_greet_once(runtime: Runtime, clock: FrozenClock) -> None:
    for n in range(20):
        add(runtime, f"c{n}@shop.example", birthday="11-24")
    letter_id = letter(runtime).id
    to(clock, "2026-11-24T08:00")
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: launch(runtime, letter_id), range(4))) == 20
    assert len(keys(runtime)) == 20


@pytest.mark.parametrize(("down_days", "expected"), [(1, 1), (2, 1), (3, 0)])
def test_after_a_stop_it_is_late_by_at_most_so_many_days(
    runtime: Runtime, clock: FrozenClock, down_days: int, expected: int
) -> None:
    add(runtime, "alice@shop.example", birthday="11-24")
    made = letter(runtime, late_days=2)
    to(clock, "2026-11-24T08:00")
    clock.advance(timedelta(days=down_days))
    assert launch(runtime, made.id) == expected
    with runtime.reading() as session:
        missed = letters.passed_over(
            session, made, occasions=runtime.occasions, zone=runtime.config.zone, now=clock.now()
        )
    assert [due.email for due in missed] == ([] if expected else ["alice@shop.example"]), "and it is said"


def test_nothing_leaves_for_days_before_it_was_switched_on(runtime: Runtime, clock: FrozenClock) -> None:
    add(runtime, "early@shop.example", birthday="11-23")  # it is 10:00: their morning has passed
    add(runtime, "alice@shop.example", birthday="11-24")
    letter_id = letter(runtime).id
    assert launch(runtime, letter_id) == 0
    to(clock, "2026-11-24T08:00")
    assert launch(runtime, letter_id) == 1
    with runtime.transaction() as session:
        letters.switch(session, letter_id, is_on=False, now=clock.now())
    add(runtime, "bob@shop.example", birthday="11-25")
    to(clock, "2026-11-25T08:00")
    assert launch(runtime, letter_id) == 0, "switched off"
    clock.advance(timedelta(hours=1))
    with runtime.transaction() as session:
        letters.switch(session, letter_id, is_on=True, now=clock.now())
    assert launch(runtime, letter_id) == 0, "no burst of what fell due meanwhile"


def test_a_clock_that_jumps_greets_nobody_twice(runtime: Runtime, clock: FrozenClock) -> None:
    add(runtime, "alice@shop.example", birthday="11-24")
    letter_id = letter(runtime).id
    to(clock, "2026-11-24T08:00")
    assert launch(runtime, letter_id) == 1
    for jump in (timedelta(hours=-1), timedelta(days=-1), timedelta(hours=26), timedelta(days=1)):
        clock.advance(jump)
        assert launch(runtime, letter_id) == 0
    to(clock, "2036-11-24T08:00")
    assert launch(runtime, letter_id) == 1
    to(clock, "2026-11-25T08:00")
    assert launch(runtime, letter_id) == 0


@pytest.mark.parametrize(("leap", "moment"), [("28", "2027-02-28T08:00"), ("1", "2027-03-01T08:00")])
def test_the_29th_of_february_is_kept_in_a_common_year(
    runtime: Runtime, clock: FrozenClock, leap: str, moment: str
) -> None:
    add(runtime, "denis@shop.example", birthday="2000-02-29")
    letter_id = letter(runtime, leap=leap).id
    greeted = []
    to(clock, "2027-02-26T08:00")
    for _ in range(6):
        if launch(runtime, letter_id):
            greeted.append(clock.now())
        clock.advance(timedelta(days=1))
    assert greeted == [datetime.fromisoformat(moment).replace(tzinfo=UTC)]
    to(clock, "2028-02-28T08:00")
    assert launch(runtime, letter_id) == 0
    clock.advance(timedelta(days=1))
    assert launch(runtime, letter_id) == 1, "on the day itself where there is one"


def test_days_before_the_new_year_belong_to_the_birthday_of_the_new_year(
    runtime: Runtime, clock: FrozenClock
) -> None:
    add(runtime, "alice@shop.example", birthday="1980-01-03")
    letter_id = letter(runtime, days=-7).id
    to(clock, "2026-12-27T08:00")
    assert launch(runtime, letter_id) == 1
    assert keys(runtime) == [("alice@shop.example", "2027")]


def buy(runtime: Runtime, customer_id: int, number: str, at: str, amount: int = 4990) -> None:
    with runtime.transaction() as session:
        record_purchase(
            session,
            number=number,
            customer_id=customer_id,
            purchased_at=datetime.fromisoformat(at).replace(tzinfo=UTC),
            amount=amount,
            currency="EUR",
            now=runtime.clock.now(),
        )


def test_after_a_purchase_once_for_each_order(runtime: Runtime, clock: FrozenClock) -> None:
    alice = add(runtime, "alice@shop.example", zone="Pacific/Kiritimati")
    letter_id = letter(runtime, "after_purchase", days=3).id
    buy(runtime, alice, "A1", "2026-11-23T09:30")  # the 23rd, 23:30 there
    buy(runtime, alice, "A2", "2026-11-23T10:30")  # the 24th, 00:30 there
    to(clock, "2026-11-25T19:00")  # the 26th, 09:00 there
    assert launch(runtime, letter_id) == 1
    to(clock, "2026-11-26T19:00")
    assert launch(runtime, letter_id) == 1
    assert keys(runtime) == [("alice@shop.example", "order:A1"), ("alice@shop.example", "order:A2")]
    with runtime.reading() as session:
        first = session.query(Message).order_by(Message.id).first()
        assert first is not None
        assert first.facts == {
            "order_number": "A1",
            "bought_on": "2026-11-23",
            "amount": 4990,
            "currency": "EUR",
        }


def test_what_was_given_back_gets_no_letter(runtime: Runtime, clock: FrozenClock) -> None:
    alice = add(runtime, "alice@shop.example")
    letter_id = letter(runtime, "after_purchase", days=3).id
    buy(runtime, alice, "A1", "2026-11-23T12:00")
    buy(runtime, alice, "A2", "2026-11-23T12:00")
    with runtime.transaction() as session:
        record_refund(session, "A2", amount=1000, now=clock.now())
    to(clock, "2026-11-26T08:00")
    assert launch(runtime, letter_id) == 1
    assert keys(runtime) == [("alice@shop.example", "order:A1")]


def test_who_is_due_in_the_days_to_come_is_listed_with_what_keeps_them_out(
    runtime: Runtime, clock: FrozenClock
) -> None:
    add(runtime, "alice@shop.example", birthday="1980-11-30", first_name="Alice")
    add(runtime, "bob@shop.example", birthday="12-01", agrees=False)
    add(runtime, "far@shop.example", birthday="03-01")
    made = letter(runtime)
    asked: dict[str, Any] = {"occasions": runtime.occasions, "zone": runtime.config.zone, "now": clock.now()}
    with runtime.reading() as session:
        due = letters.due_soon(session, made, **asked)
        assert letters.count_due_soon(session, made, **asked) == 2
    assert [(d.name, d.due_at.isoformat(), d.held) for d in due] == [
        ("Alice", "2026-11-30T08:00:00+00:00", ""),
        ("", "2026-12-01T08:00:00+00:00", "no_consent"),
    ]


def test_a_letter_that_could_not_leave_is_not_switched_on(runtime: Runtime, clock: FrozenClock) -> None:
    with runtime.transaction() as session:
        made = letters.create(
            session, Plan(name="Bare", occasion="birthday"), occasions=runtime.occasions, now=clock.now()
        )
    with pytest.raises(Invalid) as caught, runtime.transaction() as session:
        letters.switch(session, made.id, is_on=True, now=clock.now())
    assert set(caught.value.faults) == {"template_id"}


def test_two_letters_cannot_have_one_name_but_a_form_sent_twice_makes_one(
    runtime: Runtime, clock: FrozenClock
) -> None:
    plan = Plan(name="Birthday", occasion="birthday")

    def create(key: str) -> int:
        with runtime.transaction() as session:
            return letters.create(
                session, plan, occasions=runtime.occasions, now=clock.now(), form_key=key
            ).id

    assert create("a") == create("a")
    with pytest.raises(Invalid) as caught:
        create("b")
    assert set(caught.value.faults) == {"name"}


def test_an_answer_that_makes_no_sense_is_refused(runtime: Runtime, clock: FrozenClock) -> None:
    for options in ({"days": "soon"}, {"days": 99}, {"leap": "30"}):
        plan = Plan(name="Birthday", occasion="birthday", options=options)
        with pytest.raises(Invalid) as caught, runtime.transaction() as session:
            letters.create(session, plan, occasions=runtime.occasions, now=clock.now())
        assert set(caught.value.faults) == set(options)


def test_one_that_paused_by_itself_waits_whatever_the_words_until_a_person_lets_it_go_on(
    runtime: Runtime, clock: FrozenClock
) -> None:
    add(runtime, "alice@shop.example", birthday="11-24")
    add(runtime, "bob@shop.example", birthday="11-25")
    made = letter(runtime)
    to(clock, "2026-11-24T08:00")
    launch(runtime, made.id)
    with runtime.transaction() as session:
        mailing_id = letters.get_letter(session, made.id).mailing_id
        assert mailing_id is not None
        pause_mailing(session, mailing_id, because="Too much came back.")
        plan = Plan(name="Our birthday", occasion="birthday", template_id=made.template_id, subject="New")
        letters.change(session, made.id, plan, occasions=runtime.occasions, now=clock.now())
    to(clock, "2026-11-25T08:00")
    assert launch(runtime, made.id) == 1
    with runtime.transaction() as session:
        kept = letters.get_letter(session, made.id)
        assert kept.mailing_id == mailing_id
        assert letters.why_paused(session, kept) == "Too much came back."
        assert letters.resume(session, made.id)
        assert letters.why_paused(session, kept) == ""


def decide(runtime: Runtime, letter_id: int, *, is_sent: bool) -> dict[str, int]:
    with runtime.transaction() as session:
        return letters.decide_late(
            session,
            letter_id,
            is_sent=is_sent,
            occasions=runtime.occasions,
            zone=runtime.config.zone,
            sender=runtime.config.sender,
            now=runtime.clock.now(),
        )


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_letter_that_asks_keeps_what_is_late_until_somebody_decides(
    runtime: Runtime, clock: FrozenClock, is_sent: bool
) -> None:
    add(runtime, "alice@shop.example", birthday="11-24")
    made = letter(runtime, late="ask")
    to(clock, "2026-11-27T08:00")  # off for three days
    asked: dict[str, Any] = {"occasions": runtime.occasions, "zone": runtime.config.zone, "now": clock.now()}
    assert launch(runtime, made.id) == 0
    with runtime.reading() as session:
        kept = letters.get_letter(session, made.id)
        assert [due.email for due in letters.late_ones(session, kept, **asked)] == ["alice@shop.example"]
        assert letters.count_late(session, kept, **asked) == 1
        assert letters.passed_over(session, kept, **asked) == []
    assert decide(runtime, made.id, is_sent=is_sent) == {"queued": int(is_sent), "held": 0}
    assert decide(runtime, made.id, is_sent=True)["queued"] == 0, "decided once"
    with runtime.reading() as session:
        kept = letters.get_letter(session, made.id)
        assert letters.late_ones(session, kept, **asked) == []
        missed = [due.email for due in letters.passed_over(session, kept, **asked)]
    assert missed == ([] if is_sent else ["alice@shop.example"])
    assert len(keys(runtime)) == int(is_sent)


def test_a_letter_that_is_never_late_still_leaves_within_the_hour(
    runtime: Runtime, clock: FrozenClock
) -> None:
    add(runtime, "alice@shop.example", birthday="11-24")
    add(runtime, "bob@shop.example", birthday="11-25")
    made = letter(runtime, late="skip", late_days=5)
    to(clock, "2026-11-24T08:59")
    assert launch(runtime, made.id) == 1
    to(clock, "2026-11-25T09:01")
    assert launch(runtime, made.id) == 0


def test_a_stopped_letter_keeps_back_what_waits_and_makes_up_for_nothing(
    runtime: Runtime, clock: FrozenClock
) -> None:
    add(runtime, "alice@shop.example", birthday="11-24")
    made = letter(runtime)
    to(clock, "2026-11-24T08:00")
    launch(runtime, made.id)
    with runtime.transaction() as session:
        assert letters.stop(session, made.id, because="The price in it is wrong.", now=clock.now()) == 1
        stopped = letters.get_letter(session, made.id)
        assert (stopped.is_on, stopped.because) == (False, "The price in it is wrong.")
        assert letters.count_messages(session, made.id) == {"cancelled": 1}
        assert letters.count_held(session, made.id) == {"stopped": 1}
    clock.advance(timedelta(minutes=5))
    with runtime.transaction() as session:
        letters.switch(session, made.id, is_on=True, now=clock.now())
    assert launch(runtime, made.id) == 0
    with runtime.reading() as session:
        (wording,) = letters.wordings(session, made.id)
        assert (wording.version, wording.counts, wording.mailing.status) == (1, {"cancelled": 1}, "stopped")


def test_after_a_restored_backup_what_may_have_left_is_queued_where_the_gap_holds_it(
    runtime: Runtime, clock: FrozenClock
) -> None:
    add(runtime, "alice@shop.example", birthday="11-24")
    add(runtime, "bob@shop.example", birthday="11-25")
    made = letter(runtime)
    to(clock, "2026-11-25T07:00")
    found_at = clock.now()
    with runtime.transaction() as session:
        session.add(
            Gap(cause="restored", since=found_at - timedelta(days=2), found_at=found_at, due_until=found_at)
        )
    to(clock, "2026-11-25T08:00")
    launch(runtime, made.id)
    with runtime.reading() as session:
        due = {message.address: message.next_attempt_at for message in session.query(Message)}
    assert due == {"alice@shop.example": found_at, "bob@shop.example": clock.now()}


def test_a_birthday_that_is_moved_just_after_the_day_is_not_greeted_again(
    runtime: Runtime, clock: FrozenClock
) -> None:
    to(clock, "2026-12-20T08:00")
    alice = add(runtime, "alice@shop.example", birthday="12-30")
    made = letter(runtime)
    to(clock, "2026-12-30T08:00")
    assert launch(runtime, made.id) == 1
    with runtime.transaction() as session:
        change_customer(session, alice, birthday="01-02", now=clock.now())
    to(clock, "2027-01-02T08:00")
    assert launch(runtime, made.id) == 0, "another year, and three days after"
    to(clock, "2028-01-02T08:00")
    assert launch(runtime, made.id) == 1


def test_who_is_kept_back_by_an_open_complaint_is_listed_and_gets_it_when_that_ends(
    runtime: Runtime, clock: FrozenClock
) -> None:
    alice = add(runtime, "alice@shop.example")
    made = letter(runtime, "after_purchase", days=3)
    buy(runtime, alice, "A1", "2026-11-23T12:00")
    to(clock, "2026-11-26T08:00")
    asked: dict[str, Any] = {"occasions": runtime.occasions, "zone": runtime.config.zone}
    with runtime.transaction() as session:
        record(session, alice, kind="complaint_opened", key="T1", at=clock.now())
    assert launch(runtime, made.id) == 0
    with runtime.reading() as session:
        (waiting,) = letters.kept_back(session, made, **asked, now=clock.now())
    assert (waiting.email, waiting.held) == ("alice@shop.example", "complaint_open")
    clock.advance(timedelta(days=1))
    with runtime.transaction() as session:
        record(session, alice, kind="complaint_closed", key="T1", at=clock.now())
    assert launch(runtime, made.id) == 1

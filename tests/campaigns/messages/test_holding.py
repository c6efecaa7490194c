"""What is held back at launch and at the claim, with both databases: nobody gets too many, nobody is lost."""

import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from campaigns.config import PressureSettings
from campaigns.customers import Customer
from campaigns.db import Database
from campaigns.mail import Answer
from campaigns.messages import (
    Mailing,
    Message,
    Policy,
    counts,
    enqueue,
    held_by_reason,
    is_held_out,
    ledger,
)
from campaigns.messages.claiming import Outcome, claim, put_back, record, still_good
from campaigns.messages.holdout import held_out
from campaigns.messages.rules import Patience
from campaigns.runtime import Runtime
from campaigns.signals import record as tell
from tests.campaigns.messages.conftest import add_customer
from tests.conftest import NOW

Make = Callable[..., Mailing]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ACCEPTED = Answer("dot", 250, "taken")
PATIENCE = Patience(300, 14400, 4)


@pytest.fixture
def policy(runtime: Runtime) -> Policy:
    return Policy(runtime.config.pressure, runtime.config.zone)


def take(session: Session, policy: Policy, now: datetime, owner: str = "me", limit: int = 500) -> list[int]:
    return [m.id for m in claim(session, owner, now=now, limit=limit, lease_seconds=600, policy=policy)]


def deliver(session: Session, policy: Policy, now: datetime, owner: str = "me") -> int:
    """Claim what may leave, and have it accepted."""
    claimed = claim(session, owner, now=now, limit=500, lease_seconds=600, policy=policy)
    record(session, owner, [Outcome(m.id, m.tries, m.queued_at, now, ACCEPTED) for m in claimed], PATIENCE)
    return len(claimed)


def launched(session: Session, make: Make, now: datetime, policy: Policy | None = None, **values: Any) -> int:
    made = make(session, **{"now": now, "type": "promotion"} | values)
    enqueue(session, made.id, select(Customer.id), now=now, policy=policy)
    return made.id


def only(session: Session, mailing_id: int) -> Message:
    return session.scalars(ledger(mailing_id)).one()


def test_the_third_mail_in_a_week_waits_and_leaves_when_it_may(
    runtime: Runtime, mailing: Make, policy: Policy
) -> None:
    with runtime.transaction() as session:
        add_customer(session, "alice@shop.example")
        for day in (0, 1):
            launched(session, mailing, NOW + day * DAY)
            assert deliver(session, policy, NOW + day * DAY) == 1
        now = NOW + 2 * DAY
        third = launched(session, mailing, now, wait_hours=24 * 6)
        assert deliver(session, policy, now) == 0
        row = only(session, third)
        assert (row.status, row.held_reason) == ("queued", "pressure")
        assert (row.next_attempt_at, row.reply) == (NOW + 7 * DAY, "2 mails in the last 7 days.")
        assert deliver(session, policy, NOW + 7 * DAY - HOUR) == 0
        assert deliver(session, policy, NOW + 7 * DAY) == 1
        session.refresh(row)
        assert (row.status, row.held_reason) == ("sent", "")


def test_what_cannot_leave_in_time_expires_with_its_reason(
    runtime: Runtime, mailing: Make, policy: Policy
) -> None:
    with runtime.transaction() as session:
        add_customer(session, "alice@shop.example")
        for _ in range(2):
            launched(session, mailing, NOW)
        assert deliver(session, policy, NOW) == 2
        third = launched(session, mailing, NOW + DAY)
        assert deliver(session, policy, NOW + DAY) == 0
        assert held_by_reason(session, third) == {"expired:pressure": 1}
        assert only(session, third).reply.startswith("2 mails in the last 7 days.")
        assert deliver(session, policy, NOW + 30 * DAY) == 0


def test_a_launch_knows_already_who_had_enough(runtime: Runtime, mailing: Make, policy: Policy) -> None:
    with runtime.transaction() as session:
        add_customer(session, "alice@shop.example")
        for _ in range(2):
            launched(session, mailing, NOW)
        deliver(session, policy, NOW)
        add_customer(session, "bob@shop.example")
        add_customer(session, "away@shop.example", pause_until=NOW + 3 * DAY)
        add_customer(session, "gone@shop.example", pause_until=NOW + 90 * DAY)
        now = NOW + 1 * DAY
        late = launched(session, mailing, now, policy, wait_hours=24)
        assert held_by_reason(session, late) == {"expired:pressure": 1, "expired:pause": 2}
        patient = launched(session, mailing, now, policy, wait_hours=24 * 14)
        rows = {row.address: row for row in session.scalars(ledger(patient))}
        assert rows["alice@shop.example"].held_reason == "pressure"
        assert rows["alice@shop.example"].next_attempt_at == NOW + 7 * DAY
        assert rows["alice@shop.example"].reply == "2 mails in the last 7 days."
        assert (rows["away@shop.example"].held_reason, rows["away@shop.example"].next_attempt_at) == (
            "pause",
            NOW + 3 * DAY,
        )
        assert (rows["bob@shop.example"].status, rows["bob@shop.example"].held_reason) == ("queued", "")
        assert (rows["gone@shop.example"].status, rows["gone@shop.example"].held_reason) == (
            "held",
            "expired:pause",
        )
        thanks = launched(session, mailing, now, policy, type="thanks")
        assert counts(session, thanks)["queued"] == 4, "thanks neither count nor wait"


def test_an_open_complaint_holds_until_it_is_closed(runtime: Runtime, mailing: Make, policy: Policy) -> None:
    with runtime.transaction() as session:
        alice = add_customer(session, "alice@shop.example")
        tell(session, alice, kind="complaint_opened", key="t1", at=NOW - DAY)
        held = launched(session, mailing, NOW, policy, wait_hours=48)
        row = only(session, held)
        assert (row.status, row.held_reason, row.next_attempt_at) == ("queued", "complaint", NOW + HOUR)
        answer = launched(session, mailing, NOW, policy, type="service", leaves_in_complaint=True)
        assert deliver(session, policy, NOW) == 1
        assert counts(session, answer)["sent"] == 1
        assert deliver(session, policy, NOW + HOUR) == 0
        tell(session, alice, kind="complaint_closed", key="t1", at=NOW + 2 * HOUR)
        assert deliver(session, policy, NOW + 3 * HOUR) == 1
        assert counts(session, held)["sent"] == 1


def test_a_complaint_that_never_ends_lets_the_mail_expire(
    runtime: Runtime, mailing: Make, policy: Policy
) -> None:
    with runtime.transaction() as session:
        alice = add_customer(session, "alice@shop.example")
        tell(session, alice, kind="complaint_opened", key="t1", at=NOW - DAY)
        held = launched(session, mailing, NOW, wait_hours=3)
        for hour in range(5):
            assert deliver(session, policy, NOW + hour * HOUR) == 0
        assert held_by_reason(session, held) == {"expired:complaint": 1}


def test_the_last_look_catches_a_complaint_and_a_pause(
    runtime: Runtime, mailing: Make, policy: Policy
) -> None:
    with runtime.transaction() as session:
        alice = add_customer(session, "alice@shop.example")
        bob = add_customer(session, "bob@shop.example")
        made = launched(session, mailing, NOW)
        ids = take(session, policy, NOW)
        assert still_good(session, "me", now=NOW, policy=policy) == (set(ids), set(ids))
        tell(session, alice, kind="complaint_opened", key="t1", at=NOW)
        session.execute(update(Customer).where(Customer.id == bob).values(pause_until=NOW + DAY * 2))
        held, good = still_good(session, "me", now=NOW, policy=policy)
        assert (held, good) == (set(ids), set())
        put_back(session, "me", held)
        assert take(session, policy, NOW) == []
        session.expire_all()
        assert {row.held_reason: row.status for row in session.scalars(ledger(made))} == {
            "complaint": "queued",
            "expired:pause": "held",
        }


def test_of_two_for_one_customer_the_more_urgent_goes(runtime: Runtime, mailing: Make) -> None:
    policy = Policy(PressureSettings(mails=1), runtime.config.zone)
    with runtime.transaction() as session:
        add_customer(session, "alice@shop.example")
        newsletter = launched(session, mailing, NOW)
        letter = launched(session, mailing, NOW, kind="letter", source_id=9)
        assert deliver(session, policy, NOW) == 1
        assert counts(session, letter)["sent"] == 1 and counts(session, newsletter)["sent"] == 0


def test_what_is_in_the_air_or_never_answered_counts(runtime: Runtime, mailing: Make) -> None:
    policy = Policy(PressureSettings(mails=1), runtime.config.zone)
    with runtime.transaction() as session:
        add_customer(session, "alice@shop.example")
        launched(session, mailing, NOW)
        (first,) = take(session, policy, NOW)
        second = launched(session, mailing, NOW, wait_hours=24 * 20)
        assert take(session, policy, NOW) == []
        assert only(session, second).next_attempt_at == NOW + timedelta(minutes=5), "soon we know better"
        unheard = Answer("dot", None, "the line broke")
        record(session, "me", [Outcome(first, 0, NOW, NOW, unheard)], PATIENCE)
        assert take(session, policy, NOW + HOUR) == []
        session.expire_all()
        assert only(session, second).held_reason == "pressure"
        assert take(session, policy, NOW + 8 * DAY) != []


def test_no_two_senders_take_the_last_place_together(postgres: Database, mailing: Make) -> None:
    """Two claims in two transactions at once: the customers one of them looks at are left to it."""
    policy = Policy(PressureSettings(mails=1), ZoneInfo("Europe/Paris"))
    with postgres.transaction() as session:
        for number in range(40):
            add_customer(session, f"person{number}@shop.example")
        launched(session, mailing, NOW)
        launched(session, mailing, NOW, kind="letter", source_id=2)
    claimed: list[int] = []
    begin = threading.Barrier(4)

    def send(owner: str) -> None:
        begin.wait()
        for _ in range(12):
            with postgres.transaction() as session:
                claimed.extend(take(session, policy, NOW, owner, limit=7))

    threads = [threading.Thread(target=send, args=(f"sender{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with postgres.reading() as session:
        each = select(Message.customer_id, func.count()).where(Message.status == "sending")
        numbers = [n for _, n in session.execute(each.group_by(Message.customer_id))]
    assert numbers == [1] * len(numbers)
    assert len(claimed) == len(set(claimed)) == len(numbers) > 20


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_plans_never_break_the_cap_and_lose_nothing(
    runtime: Runtime, mailing: Make, seed: int
) -> None:
    """Forty days of mailings to a few people, some lost in the air: the ledger keeps every window and adds up."""
    dice = random.Random(seed)
    policy = Policy(PressureSettings(mails=2, days=7), runtime.config.zone)
    with runtime.transaction() as session:
        people = [
            add_customer(session, f"p{n}@shop.example", every_days=dice.choice([None, None, 14]))
            for n in range(6)
        ]
        version = mailing(session).version_id
        made = []
        for step in range(100):
            now = NOW + step * 10 * HOUR
            if dice.random() < 0.5 and step < 60:
                made.append(
                    launched(
                        session,
                        mailing,
                        now,
                        dice.choice([None, policy]),
                        version_id=version,
                        kind=dice.choice(["newsletter", "letter"]),
                        source_id=step,
                        type=dice.choice(["promotion", "advice", "thanks"]),
                        wait_hours=dice.choice([1, 24, 240]),
                    )
                )
            claimed = claim(session, "me", now=now, limit=5, lease_seconds=600, policy=policy)
            outcomes = []
            for message in claimed:
                answer = dice.choice(
                    [ACCEPTED] * 4 + [Answer("rcpt", 451, "later"), Answer("dot", None, "?")]
                )
                outcomes.append(Outcome(message.id, message.tries, message.queued_at, now, answer))
            record(session, "me", outcomes, PATIENCE)
        told = (
            select(Message.customer_id, Message.sent_at)
            .join(Mailing, Mailing.id == Message.mailing_id)
            .where(Message.status == "sent", Mailing.type != "thanks")
        )
        moments = session.execute(told).all()
        for person in people:
            own = sorted(at for customer_id, at in moments if customer_id == person)
            assert all(later - first >= 7 * DAY for first, later in zip(own, own[2:], strict=False))
        left = session.scalars(select(Message.status).where(Message.status.in_(("queued", "sending")))).all()
        assert left == [], "after weeks without a new one nothing waits for ever"
        assert sum(sum(counts(session, m).values()) for m in made) == len(made) * len(people)


def test_the_held_out_stand_in_the_ledger(runtime: Runtime, mailing: Make, policy: Policy) -> None:
    with runtime.transaction() as session:
        people = [add_customer(session, f"p{n}@shop.example") for n in range(200)]
        first = launched(session, mailing, NOW, policy, kind="letter", source_id=4, holdout=20)
        out = {row.customer_id for row in session.scalars(ledger(first, "held"))}
        assert out == {p for p in people if is_held_out(p, "letter:4", 20)}
        assert 20 <= len(out) <= 60
        again = launched(session, mailing, NOW, policy, kind="letter", source_id=4, holdout=20)
        assert {row.customer_id for row in session.scalars(ledger(again, "held"))} == out
        assert held_by_reason(session, again) == {"holdout": len(out)}


def test_the_draw_is_even_and_its_own_for_each_letter(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        ids = [add_customer(session, f"p{n}@shop.example") for n in range(300)]
        chosen = select(Customer.id).where(held_out(Customer.id, "letter:1", 30))
        assert set(session.scalars(chosen)) == {i for i in ids if is_held_out(i, "letter:1", 30)}
    many = range(1, 20_001)
    groups = [{n for n in many if is_held_out(n, f"letter:{letter}", 10)} for letter in range(4)]
    for group in groups:
        assert abs(len(group) - 2000) < 4 * 42.4, "four standard deviations"
        assert abs(sum(n % 2 for n in group) - len(group) / 2) < 4 * 22.4
    for one, other in pairwise(groups):
        assert abs(len(one & other) - 200) < 4 * 14, "as many in both as by chance"

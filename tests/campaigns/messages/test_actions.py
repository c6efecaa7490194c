"""What the queue promises: everybody once, the held ones with their reason, and sums that add up."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import String, literal, select, union_all
from sqlalchemy.orm import Session

from campaigns.customers import Customer
from campaigns.db import json_type
from campaigns.errors import Conflict, NotFound
from campaigns.messages import (
    Mailing,
    Message,
    attempts,
    cancel_queued,
    count_undecided,
    counts,
    decide,
    enqueue,
    enqueue_occasions,
    halt,
    halted,
    held_by_reason,
    is_finished,
    ledger,
    lift_halt,
    pause_mailing,
    resume_mailing,
    stop_mailing,
    try_again,
    undecided,
    waiting,
)
from campaigns.runtime import Runtime
from campaigns.suppression import suppress
from tests.campaigns.messages.conftest import add_customer
from tests.conftest import NOW

Make = Callable[..., Mailing]


def everybody() -> object:
    return select(Customer.id).order_by(Customer.id)


def queue(session: Session, make: Make, **values: object) -> Mailing:
    mailing = make(session, **values)
    enqueue(session, mailing.id, everybody(), now=NOW)
    return mailing


def test_everybody_gets_one_message_and_held_ones_say_why(runtime: Runtime, mailing: Make) -> None:
    with runtime.transaction() as session:
        alice = add_customer(session, "alice@shop.example")
        add_customer(session, "bob@shop.example", may_mail=False)
        add_customer(session, "chloe@shop.example", may_mail=False)
        add_customer(session, "denis@shop.example", may_track=False)
        suppress(session, "chloe@shop.example", "unsubscribed", evidence="", now=NOW, by="test")
        suppress(session, "chloe@shop.example", "spam_report", evidence="", now=NOW, by="test")
        made = mailing(session)
        assert enqueue(session, made.id, everybody(), now=NOW) == {"queued": 2, "held": 2}
        assert enqueue(session, made.id, everybody(), now=NOW) == {"queued": 0, "held": 0}
        assert held_by_reason(session, made.id) == {"no_consent": 1, "suppressed:spam_report": 1}
        assert sum(counts(session, made.id).values()) == 4
        rows = list(session.scalars(ledger(made.id, "queued")))
        assert [row.is_tracked for row in rows] == [True, False]
        assert rows[0].customer_id == alice
        assert rows[0].next_attempt_at == NOW
        assert waiting(session, now=NOW)["due"] == 2


def test_a_lifted_suppression_holds_nobody(runtime: Runtime, mailing: Make) -> None:
    from campaigns.suppression import lift_cause

    with runtime.transaction() as session:
        add_customer(session, "alice@shop.example")
        suppress(session, "alice@shop.example", "stale", evidence="", now=NOW, by="test")
        lift_cause(session, "alice@shop.example", "stale", because="wrote to us", by="Ann", now=NOW)
        made = queue(session, mailing)
        assert counts(session, made.id)["queued"] == 1


def test_an_untracked_mailing_tracks_nobody(runtime: Runtime, mailing: Make) -> None:
    with runtime.transaction() as session:
        add_customer(session, "alice@shop.example")
        made = queue(session, mailing, is_tracked=False)
        assert [row.is_tracked for row in session.scalars(ledger(made.id))] == [False]


def test_an_occasion_is_greeted_once_and_not_before_its_hour(runtime: Runtime, mailing: Make) -> None:
    with runtime.transaction() as session:
        alice = add_customer(session, "alice@shop.example")
        made = mailing(session, kind="letter")
        due_at = NOW + timedelta(hours=3)

        def due(*keys: str) -> object:
            rows = union_all(
                *(
                    select(
                        literal(alice).label("customer_id"),
                        literal(key, String).label("occasion_key"),
                        literal(due_at, Message.next_attempt_at.type).label("due_at"),
                        literal({"order": key}, json_type).label("facts"),
                    )
                    for key in keys
                )
            ).subquery()
            return select(rows)

        assert enqueue_occasions(session, made.id, due("2026"), now=NOW)["queued"] == 1
        assert enqueue_occasions(session, made.id, due("2026", "2027"), now=NOW)["queued"] == 1
        rows = list(session.scalars(ledger(made.id)))
        assert [row.occasion_key for row in rows] == ["2026", "2027"]
        assert rows[0].next_attempt_at == due_at
        assert rows[0].facts == {"order": "2026"}
        assert made.priority == 3
        assert waiting(session, now=NOW) | {"oldest_due_at": None} == {
            "due": 0,
            "later": 2,
            "on_the_way": 0,
            "held_back": 0,
            "unknown": 0,
            "oldest_due_at": None,
        }


def test_pausing_stopping_and_cancelling_change_only_what_has_not_left(
    runtime: Runtime, mailing: Make
) -> None:
    with runtime.transaction() as session:
        alice = add_customer(session, "alice@shop.example")
        add_customer(session, "bob@shop.example")
        made = queue(session, mailing)
        assert pause_mailing(session, made.id)
        assert not pause_mailing(session, made.id)
        assert resume_mailing(session, made.id)
        assert not is_finished(session, made.id)
        assert cancel_queued(session, alice, because="unsubscribed", now=NOW) == 1
        assert stop_mailing(session, made.id, because="wrong price", now=NOW) == 1
        assert not resume_mailing(session, made.id)
        assert [m.held_reason for m in session.scalars(ledger(made.id))] == ["unsubscribed", "stopped"]
        assert is_finished(session, made.id)


@pytest.mark.parametrize(("as_sent", "status"), [(True, "sent"), (False, "queued")])
def test_a_person_ends_an_unknown_once(runtime: Runtime, mailing: Make, as_sent: bool, status: str) -> None:
    with runtime.transaction() as session:
        add_customer(session, "alice@shop.example")
        made = queue(session, mailing)
        (message,) = session.scalars(ledger(made.id))
        message.status = "unknown"
        session.flush()
        assert is_finished(session, made.id)
        assert count_undecided(session) == 1
        assert [row.Message.id for row in session.execute(undecided())] == [message.id]
        decide(session, message.id, as_sent=as_sent, by="ann@shop.example", now=NOW)
        assert counts(session, made.id)[status] == 1
        assert [(a.outcome, a.by) for a in attempts(session, message.id)] == [
            ("as_sent" if as_sent else "again", "ann@shop.example")
        ]
        with pytest.raises(Conflict):
            decide(session, message.id, as_sent=as_sent, by="bob@shop.example", now=NOW)
        with pytest.raises(NotFound):
            decide(session, 999, as_sent=as_sent, by="bob@shop.example", now=NOW)


def test_what_failed_can_be_queued_anew(runtime: Runtime, mailing: Make) -> None:
    with runtime.transaction() as session:
        add_customer(session, "alice@shop.example")
        add_customer(session, "bob@shop.example")
        made = queue(session, mailing)
        first, _second = session.scalars(ledger(made.id))
        first.status = "failed"
        session.flush()
        assert try_again(session, made.id, by="ann@shop.example", now=NOW) == 1
        assert counts(session, made.id)["queued"] == 2


def test_the_emergency_stop_is_in_force_until_lifted(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        assert halted(session) is None
        stop = halt(session, because="wrong price", by="ann@shop.example", now=NOW)
        assert halt(session, because="again", by="bob@shop.example", now=NOW).id == stop.id
        assert lift_halt(session, by="bob@shop.example", now=NOW)
        assert not lift_halt(session, by="bob@shop.example", now=NOW)
        assert halted(session) is None

"""What comes back and what follows from it: unsubscribing, taking it back, bounces, spam reports, preferences."""

from datetime import timedelta

import pytest

from campaigns import customers, messages, suppression, tracking
from campaigns.errors import NotFound
from campaigns.runtime import Runtime
from tests.campaigns.tracking.story import events, letter, mailing, message
from tests.conftest import NOW


def reader(runtime: Runtime, message_id: int) -> tracking.Reader:
    with runtime.reading() as session:
        return tracking.reader(session, message_id)


def unsubscribe(runtime: Runtime, message_id: int, act: str = "unsubscribe_page") -> bool:
    with runtime.transaction() as session:
        return tracking.unsubscribe(session, message_id, act=act, now=NOW)


def test_unsubscribing_withdraws_consent_fills_the_register_and_empties_the_queue(runtime: Runtime) -> None:
    message_id, mailing_id = letter(runtime)
    customer_id = reader(runtime, message_id).customer_id
    assert customer_id is not None
    with runtime.transaction() as session:
        waiting = message(session, mailing(session), customer_id, status="queued")
    assert unsubscribe(runtime, message_id)
    with runtime.reading() as session:
        assert not customers.get_customer(session, customer_id).may_mail
        assert suppression.causes_in_force(session, "alice@shop.example") == ["unsubscribed"]
        assert messages.get_message(session, waiting).status == "cancelled"
    (event,) = events(runtime)
    assert (event.kind, event.message_id, event.mailing_id) == ("unsubscribed", message_id, mailing_id)


def test_unsubscribing_again_changes_nothing(runtime: Runtime) -> None:
    message_id, _ = letter(runtime)
    assert unsubscribe(runtime, message_id)
    assert not unsubscribe(runtime, message_id, "one_click")
    assert len(events(runtime)) == 1


def test_a_changed_address_is_unsubscribed_under_both(runtime: Runtime) -> None:
    message_id, _ = letter(runtime)
    customer_id = reader(runtime, message_id).customer_id
    assert customer_id is not None
    with runtime.transaction() as session:
        customers.change_customer(session, customer_id, email="alice@other.example", now=NOW)
    unsubscribe(runtime, message_id)
    with runtime.reading() as session:
        assert set(session.scalars(suppression.suppressed_keys())) == {
            "alice@shop.example",
            "alice@other.example",
        }


def test_taking_it_back_is_a_new_consent_and_lifts_only_the_refusal(runtime: Runtime) -> None:
    message_id, _ = letter(runtime)
    unsubscribe(runtime, message_id)
    with runtime.transaction() as session:
        suppression.suppress(session, "alice@shop.example", "hard_bounce", evidence="550", now=NOW, by="x")
    with runtime.transaction() as session:
        assert tracking.undo_unsubscribe(session, message_id, act="unsubscribe_page", now=NOW)
    with runtime.reading() as session:
        assert tracking.reader(session, message_id).may_mail
        assert suppression.causes_in_force(session, "alice@shop.example") == ["hard_bounce"]
    with runtime.transaction() as session:
        assert not tracking.undo_unsubscribe(session, message_id, act="unsubscribe_page", now=NOW)


def test_a_reason_is_kept_with_the_unsubscription(runtime: Runtime) -> None:
    message_id, _ = letter(runtime)
    with runtime.transaction() as session:
        assert not tracking.give_reason(session, message_id, "too many")
    unsubscribe(runtime, message_id)
    with runtime.transaction() as session:
        assert tracking.give_reason(session, message_id, " too many\0 ")
    assert events(runtime)[0].text == "too many"


def test_after_erasure_the_address_of_the_letter_is_still_suppressed(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        gone = message(session, mailing(session), None, address="Gone@shop.example")
    assert unsubscribe(runtime, gone)
    with runtime.reading() as session:
        assert list(session.scalars(suppression.suppressed_keys())) == ["gone@shop.example"]


def test_a_test_letter_unsubscribes_nobody(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        test = message(session, mailing(session, kind="test"), None, address="anna@shop.example")
    assert not unsubscribe(runtime, test)
    assert not events(runtime)


def test_a_letter_no_longer_on_record_is_not_found(runtime: Runtime) -> None:
    with runtime.transaction() as session, pytest.raises(NotFound):
        tracking.unsubscribe(session, 4711, act="one_click", now=NOW)


def test_a_dead_address_is_suppressed_a_full_one_is_not(runtime: Runtime) -> None:
    dead, _ = letter(runtime, "denis")
    full, _ = letter(runtime, "bob")
    with runtime.transaction() as session:
        tracking.record_bounce(
            session, dead, code="5.1.1", text="550 5.1.1 no such user", is_hard=True, now=NOW
        )
        tracking.record_bounce(session, full, code="5.2.2", text="552 full", is_hard=False, now=NOW)
        assert list(session.scalars(suppression.suppressed_keys())) == ["denis@shop.example"]
    assert [event.kind for event in events(runtime)] == ["bounced", "bounced"]


def test_the_same_bounce_twice_is_kept_once(runtime: Runtime) -> None:
    dead, _ = letter(runtime, "denis")
    with runtime.transaction() as session:
        for is_new in (True, False):
            assert is_new is tracking.record_bounce(
                session, dead, code="5.1.1", text="no such user", is_hard=True, now=NOW
            )
    assert len(events(runtime)) == 1


def test_a_spam_report_suppresses_for_good_and_withdraws_consent(runtime: Runtime) -> None:
    message_id, _ = letter(runtime)
    with runtime.transaction() as session:
        assert tracking.record_spam_report(session, message_id, evidence="Feedback-Type: abuse", now=NOW)
        assert not tracking.record_spam_report(session, message_id, evidence="again", now=NOW)
    assert not reader(runtime, message_id).may_mail
    with runtime.transaction() as session:
        tracking.undo_unsubscribe(session, message_id, act="unsubscribe_page", now=NOW)
        assert suppression.causes_in_force(session, "alice@shop.example") == ["spam_report"]


def test_preferences_change_only_what_was_changed(runtime: Runtime) -> None:
    message_id, _ = letter(runtime)

    def choose(*, may_mail: bool, may_track: bool, language: str) -> list[str]:
        with runtime.transaction() as session:
            return tracking.set_preferences(
                session, message_id, may_mail=may_mail, may_track=may_track, language=language, now=NOW
            )

    assert choose(may_mail=True, may_track=True, language="") == []
    assert choose(may_mail=True, may_track=False, language="fr") == ["tracking", "language"]
    assert choose(may_mail=False, may_track=False, language="fr") == ["mail"]
    assert reader(runtime, message_id).is_unsubscribed
    assert choose(may_mail=True, may_track=False, language="fr") == ["mail"]
    who = reader(runtime, message_id)
    assert (who.may_mail, who.may_track, who.language) == (True, False, "fr")


def test_events_of_a_customer_come_newest_first(runtime: Runtime) -> None:
    message_id, _ = letter(runtime)
    customer_id = reader(runtime, message_id).customer_id
    assert customer_id is not None
    with runtime.transaction() as session:
        tracking.record_events(
            session,
            [
                {"kind": kind, "at": NOW + timedelta(hours=hour), "customer_id": customer_id}
                for hour, kind in enumerate(("opened", "clicked"))
            ],
        )
        assert [e.kind for e in session.scalars(tracking.events_of(customer_id))] == ["clicked", "opened"]
        with pytest.raises(ValueError, match="no kind"):
            tracking.record_event(session, "looked", at=NOW)

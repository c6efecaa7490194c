"""Mailboxes that are full or silent again and again: the rule, its spacing, and what resets it."""

from datetime import timedelta

from campaigns import suppression, tracking
from campaigns.config import Fading
from campaigns.runtime import Runtime
from campaigns.tracking import has_faded, retire_faded
from campaigns.tracking.fading import Bounce
from scheduler import jobs
from tests.campaigns.tracking.story import customer, mailing, message
from tests.conftest import NOW

RULE = Fading()


def bounces(*days_ago: int) -> list[Bounce]:
    return [Bounce(number, NOW - timedelta(days=days), "552 full") for number, days in enumerate(days_ago, 1)]


def test_so_many_letters_over_so_many_days_make_a_case() -> None:
    assert len(has_faded(bounces(40, 30, 20, 10), [], RULE, now=NOW)) == 4
    assert has_faded(bounces(40, 30, 20), [], RULE, now=NOW) == []
    assert has_faded(bounces(14, 10, 7, 1), [], RULE, now=NOW) == []
    assert has_faded(bounces(300, 290, 20, 10), [], RULE, now=NOW) == []


def test_several_reports_on_one_letter_count_once() -> None:
    same = [Bounce(1, bounce.at, bounce.words) for bounce in bounces(40, 30, 20, 10)]
    assert has_faded(same, [], RULE, now=NOW) == []


def test_any_sign_of_life_begins_the_count_anew() -> None:
    assert has_faded(bounces(40, 30, 20, 10), [NOW - timedelta(days=25)], RULE, now=NOW) == []


def story(runtime: Runtime, name: str, cause: str, days_ago: tuple[int, ...] = (60, 45, 30, 15)) -> int:
    """Somebody whose letters came back for this cause so many days ago."""
    with runtime.transaction() as session:
        person = customer(session, name)
        for days in days_ago:
            sent = NOW - timedelta(days=days)
            letter = message(session, mailing(session), person, address=f"{name}@shop.example", sent_at=sent)
            tracking.record_bounce(
                session, letter, code="5.2.2", text=f"552 {cause}", is_hard=False, now=sent, cause=cause
            )
    return person


def retire(runtime: Runtime) -> list[str]:
    with runtime.transaction() as session:
        retire_faded(session, RULE, now=NOW)
        return sorted(session.scalars(suppression.suppressed_keys()))


def test_full_mailboxes_are_left_alone_with_their_bounces_as_evidence(runtime: Runtime) -> None:
    story(runtime, "full", "mailbox_full")
    story(runtime, "silent", "temporary")
    assert retire(runtime) == ["full@shop.example", "silent@shop.example"]
    with runtime.reading() as session:
        row = session.scalars(suppression.of_address("full@shop.example")).one()
    assert row.cause == "unreachable"
    assert len(row.evidence.splitlines()) == 4
    assert suppression.may_be_lifted_by_hand("unreachable")


def test_what_is_our_fault_is_never_held_against_anybody(runtime: Runtime) -> None:
    for cause in ("spam", "policy", "authentication", "rate_limited", "protocol", "too_big"):
        story(runtime, cause.replace("_", "-"), cause)
    assert retire(runtime) == []


def test_a_letter_that_arrived_or_a_human_click_resets(runtime: Runtime) -> None:
    arrived = story(runtime, "arrived", "mailbox_full")
    clicked = story(runtime, "clicked", "mailbox_full")
    machine = story(runtime, "machine", "mailbox_full")
    fresh = story(runtime, "fresh", "mailbox_full")
    with runtime.transaction() as session:
        letters = mailing(session)
        message(session, letters, arrived, sent_at=NOW - timedelta(days=20))
        message(session, letters, fresh, sent_at=NOW - timedelta(days=1))  # may still come back
        for person, judgement in ((clicked, "human"), (machine, "machine")):
            tracking.record_event(
                session, "clicked", at=NOW - timedelta(days=20), customer_id=person, judgement=judgement
            )
    assert retire(runtime) == ["fresh@shop.example", "machine@shop.example"]


def test_the_job_does_it_once_a_day(runtime: Runtime) -> None:
    story(runtime, "full", "mailbox_full")
    assert jobs.retire_faded(runtime) == 1
    assert jobs.retire_faded(runtime) == 0

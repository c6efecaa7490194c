"""A newsletter's way from draft to sent: each turn once, whatever is pressed twice or at the same time."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from campaigns import messages, newsletters
from campaigns.clock import FrozenClock
from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.newsletters import Draft, Newsletter
from campaigns.runtime import Runtime
from campaigns.suppression import suppress
from tests.cast import bare_template, everybody, person


@pytest.fixture
def draft(runtime: Runtime) -> Draft:
    """Fit to leave: a template, a segment of three of whom one has agreed and is free, and two are left out."""
    now = runtime.clock.now()
    with runtime.transaction() as session:
        person(session, "alice@shop.example", now=now)
        person(session, "bob@shop.example", now=now, agrees=False)
        chloe = person(session, "chloe@shop.example", now=now)
        suppress(session, chloe.address_key, "unsubscribed", evidence="page", now=now, by="test")
        return Draft(
            name="Spring",
            template_id=bare_template(session, now=now).id,
            segment_id=everybody(session, runtime).id,
        )


def made(runtime: Runtime, draft: Draft, key: str | None = None) -> int:
    with runtime.transaction() as session:
        return newsletters.create(session, draft, now=runtime.clock.now(), form_key=key).id


def schedule(runtime: Runtime, newsletter_id: int, moment: str | None = None) -> Newsletter:
    with runtime.transaction() as session:
        return newsletters.schedule(
            session, newsletter_id, local_moment=moment, zone="Europe/Paris", now=runtime.clock.now()
        )


def launch(runtime: Runtime, newsletter_id: int) -> dict[str, int] | None:
    with runtime.transaction() as session:
        return newsletters.launch(
            session,
            newsletter_id,
            fields=runtime.fields,
            zone=runtime.config.zone,
            sender=runtime.config.sender,
            now=runtime.clock.now(),
        )


def read(runtime: Runtime, newsletter_id: int) -> Newsletter:
    with runtime.reading() as session:
        return newsletters.get_newsletter(session, newsletter_id)


def test_a_form_sent_twice_makes_one(runtime: Runtime, draft: Draft) -> None:
    assert made(runtime, draft, "key") == made(runtime, draft, "key")
    assert made(runtime, draft) != made(runtime, draft)


def test_what_is_missing_is_said_all_at_once(runtime: Runtime) -> None:
    newsletter_id = made(runtime, Draft(name="Empty", sender_email="nobody"))
    with pytest.raises(Invalid) as caught:
        schedule(runtime, newsletter_id)
    assert set(caught.value.faults) == {"segment_id", "template_id", "sender_email"}
    assert read(runtime, newsletter_id).status == "draft"


@pytest.mark.parametrize(
    "subject", ["Hello {{ customer.frist_name }}", "Hello {{ customer.first_name }}", "Hi {{"]
)
def test_a_subject_that_could_not_be_filled_is_refused_beforehand(
    runtime: Runtime, draft: Draft, subject: str
) -> None:
    newsletter_id = made(runtime, replace(draft, subject=subject))
    with pytest.raises(Invalid) as caught:
        schedule(runtime, newsletter_id)
    assert set(caught.value.faults) == {"subject"}
    with runtime.transaction() as session:
        good = replace(draft, subject="Hello {{ customer.first_name or 'you' }}")
        newsletters.change(session, newsletter_id, good, now=runtime.clock.now())
    assert schedule(runtime, newsletter_id).status == "scheduled"


def test_scheduling_twice_for_the_same_moment_does_nothing_twice(runtime: Runtime, draft: Draft) -> None:
    newsletter_id = made(runtime, draft)
    first = schedule(runtime, newsletter_id, "2026-11-24T09:00")
    again = schedule(runtime, newsletter_id, "2026-11-24T09:00")
    assert (first.status, first.due_at) == (again.status, again.due_at)
    moved = schedule(runtime, newsletter_id, "2026-11-25T09:00")
    assert moved.due_at == first.due_at + timedelta(days=1) if first.due_at else False


def test_it_can_be_changed_and_put_back_until_it_is_launched(
    runtime: Runtime, draft: Draft, clock: FrozenClock
) -> None:
    newsletter_id = made(runtime, draft)
    schedule(runtime, newsletter_id, "2026-11-24T09:00")
    with runtime.transaction() as session:
        newsletters.change(session, newsletter_id, replace(draft, subject="Other"), now=clock.now())
        newsletters.unschedule(session, newsletter_id, now=clock.now())
    assert (read(runtime, newsletter_id).status, read(runtime, newsletter_id).due_at) == ("draft", None)
    schedule(runtime, newsletter_id)
    launch(runtime, newsletter_id)
    for act in (
        lambda s: newsletters.change(s, newsletter_id, draft, now=clock.now()),
        lambda s: newsletters.unschedule(s, newsletter_id, now=clock.now()),
    ):
        with pytest.raises(Conflict, match="on its way"), runtime.transaction() as session:
            act(session)


def test_a_scheduled_one_cannot_be_made_unfit(runtime: Runtime, draft: Draft, clock: FrozenClock) -> None:
    newsletter_id = made(runtime, draft)
    schedule(runtime, newsletter_id, "2026-11-24T09:00")
    with pytest.raises(Invalid), runtime.transaction() as session:
        newsletters.change(session, newsletter_id, replace(draft, template_id=None), now=clock.now())
    assert read(runtime, newsletter_id).template_id == draft.template_id


def test_the_launch_leaves_out_the_suppressed_and_those_who_did_not_agree(
    runtime: Runtime, draft: Draft
) -> None:
    newsletter_id = made(runtime, draft)
    schedule(runtime, newsletter_id)
    assert launch(runtime, newsletter_id) == {"queued": 1, "held": 2}
    mailing_id = read(runtime, newsletter_id).mailing_id
    assert mailing_id is not None
    with runtime.reading() as session:
        assert messages.held_by_reason(session, mailing_id) == {"no_consent": 1, "suppressed:unsubscribed": 1}
        assert sum(messages.counts(session, mailing_id).values()) == 3
        assert messages.get_mailing(session, mailing_id).subject == "Hello", "the template's own"


def test_it_does_not_leave_before_its_moment(runtime: Runtime, draft: Draft, clock: FrozenClock) -> None:
    newsletter_id = made(runtime, draft)
    schedule(runtime, newsletter_id, "2026-11-23T10:05")  # in Paris; it is 10:00 there
    assert launch(runtime, newsletter_id) is None
    clock.advance(timedelta(minutes=5))
    assert launch(runtime, newsletter_id) is not None


def test_of_four_clocks_one_launches_it(runtime: Runtime, draft: Draft) -> None:
    newsletter_id = made(runtime, draft)
    schedule(runtime, newsletter_id)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: launch(runtime, newsletter_id), range(4)))
    assert [d for d in done if d] == [{"queued": 1, "held": 2}]


def test_it_can_be_held_and_goes_on(runtime: Runtime, draft: Draft, clock: FrozenClock) -> None:
    newsletter_id = made(runtime, draft)
    schedule(runtime, newsletter_id)
    launch(runtime, newsletter_id)
    with runtime.transaction() as session:
        paused = newsletters.pause(session, newsletter_id, now=clock.now())
        assert paused.mailing_id is not None
        assert messages.get_mailing(session, paused.mailing_id).status == "paused"
    with pytest.raises(Conflict), runtime.transaction() as session:
        newsletters.pause(session, newsletter_id, now=clock.now())
    with runtime.transaction() as session:
        newsletters.resume(session, newsletter_id, now=clock.now())
        assert messages.get_mailing(session, paused.mailing_id).status == "open"


def test_cancelled_in_the_middle_nothing_more_leaves_and_the_sum_stays(
    runtime: Runtime, draft: Draft, clock: FrozenClock
) -> None:
    newsletter_id = made(runtime, draft)
    schedule(runtime, newsletter_id)
    launch(runtime, newsletter_id)
    with runtime.transaction() as session:
        mailing_id = newsletters.cancel(session, newsletter_id, now=clock.now()).mailing_id
        assert mailing_id is not None
        counts = messages.counts(session, mailing_id)
    assert (counts["queued"], counts["cancelled"], sum(counts.values())) == (0, 1, 3)
    with pytest.raises(Conflict, match="cancelled"), runtime.transaction() as session:
        newsletters.resume(session, newsletter_id, now=clock.now())


def test_it_is_sent_once_nothing_waits(runtime: Runtime, draft: Draft, clock: FrozenClock) -> None:
    newsletter_id = made(runtime, draft)
    schedule(runtime, newsletter_id)
    launch(runtime, newsletter_id)
    mailing_id = read(runtime, newsletter_id).mailing_id
    assert mailing_id is not None
    with runtime.transaction() as session:
        assert not newsletters.finish(session, newsletter_id, mailing_id, now=clock.now())
        messages.stop_mailing(session, mailing_id, because="test", now=clock.now())
        assert newsletters.finish(session, newsletter_id, mailing_id, now=clock.now())
    assert read(runtime, newsletter_id).status == "sent"


def test_the_reach_says_who_would_get_it(runtime: Runtime, draft: Draft, clock: FrozenClock) -> None:
    newsletter_id = made(runtime, draft)
    with runtime.reading() as session:
        newsletter = newsletters.get_newsletter(session, newsletter_id)
        reach = newsletters.reach(
            session, newsletter, fields=runtime.fields, zone=runtime.config.zone, now=clock.now()
        )
    assert reach is not None
    assert (reach.members, reach.no_consent, reach.suppressed, reach.recipients) == (3, 1, 1, 1)


def test_a_copy_is_a_draft_of_its_own(runtime: Runtime, draft: Draft, clock: FrozenClock) -> None:
    newsletter_id = made(runtime, draft, "key")
    with runtime.transaction() as session:
        copy = newsletters.duplicate(session, newsletter_id, now=clock.now())
    assert copy.id != newsletter_id
    assert (copy.name, copy.status, copy.segment_id) == ("Spring (copy)", "draft", draft.segment_id)


def test_the_list_finds_by_state_and_word(runtime: Runtime, draft: Draft) -> None:
    made(runtime, draft)
    schedule(runtime, made(runtime, replace(draft, name="Éclairs", subject="Chocolate")))
    with runtime.reading() as session:
        assert [n.name for n in newsletters.every(session, status="draft")] == ["Spring"]
        found = session.scalars(newsletters.list_newsletters(text="écl")).all()
        assert [n.name for n in found] == ["Éclairs"]
        assert newsletters.count_by_status(session)["scheduled"] == 1


def test_what_is_not_there_is_said_so(runtime: Runtime) -> None:
    with pytest.raises(NotFound, match="newsletter 99"), runtime.reading() as session:
        newsletters.get_newsletter(session, 99)

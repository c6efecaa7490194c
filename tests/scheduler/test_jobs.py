"""Each job does what is due once, however late, often or concurrently it is called."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from campaigns import letters, newsletters, runs
from campaigns.clock import FrozenClock
from campaigns.content import Template
from campaigns.letters import Plan
from campaigns.newsletters import Draft, Newsletter
from campaigns.runtime import Runtime
from scheduler import jobs
from scheduler.timetable import timetable
from tests.cast import bare_template, everybody, person


@pytest.fixture
def scheduled(runtime: Runtime) -> int:
    """A newsletter to one customer, due in an hour."""
    now = runtime.clock.now()
    with runtime.transaction() as session:
        person(session, "alice@shop.example", now=now, birthday="11-24")
        draft = Draft(
            name="Spring",
            template_id=bare_template(session, now=now).id,
            segment_id=everybody(session, runtime).id,
        )
        made = newsletters.create(session, draft, now=now)
        newsletters.schedule(session, made.id, local_moment="2026-11-23T11:00", zone="Europe/Paris", now=now)
        return made.id


def read(runtime: Runtime, newsletter_id: int) -> Newsletter:
    with runtime.reading() as session:
        return newsletters.get_newsletter(session, newsletter_id)


def test_a_newsletter_is_launched_at_its_moment_and_once(
    runtime: Runtime, clock: FrozenClock, scheduled: int
) -> None:
    assert jobs.launch_due(runtime) == 0
    clock.advance(timedelta(hours=1))
    assert jobs.launch_due(runtime) == 1
    assert jobs.launch_due(runtime) == 0
    clock.advance(timedelta(days=-1))
    assert jobs.launch_due(runtime) == 0
    assert read(runtime, scheduled).status == "sending"


@pytest.mark.parametrize(("late", "status"), [(6, "sending"), (7, "paused")])
def test_after_a_stop_of_hours_it_asks_instead(
    runtime: Runtime, clock: FrozenClock, scheduled: int, late: int, status: str
) -> None:
    clock.advance(timedelta(hours=1 + late))
    jobs.launch_due(runtime)
    newsletter = read(runtime, scheduled)
    assert newsletter.status == status
    assert bool(newsletter.because) == (status == "paused")
    if status == "paused":
        with runtime.transaction() as session:
            newsletters.schedule(session, scheduled, local_moment=None, zone="Europe/Paris", now=clock.now())
        assert jobs.launch_due(runtime) == 1


def test_one_that_cannot_leave_says_why_and_the_next_one_leaves(
    runtime: Runtime, clock: FrozenClock, scheduled: int
) -> None:
    with runtime.transaction() as session:
        template = session.get(Template, read(runtime, scheduled).template_id)
        assert template is not None
        copy = newsletters.duplicate(session, scheduled, now=clock.now())
        draft = {"template_id": bare_template(session, now=clock.now(), name="Other").id}
        draft |= {"name": "Copy", "segment_id": copy.segment_id}
        newsletters.change(session, copy.id, Draft(**draft), now=clock.now())
        newsletters.schedule(session, copy.id, local_moment=None, zone="Europe/Paris", now=clock.now())
        template.archived_at = clock.now()
    clock.advance(timedelta(hours=1))
    assert jobs.launch_due(runtime) == 1
    newsletter = read(runtime, scheduled)
    assert newsletter.status == "paused"
    assert "Choose a template." in newsletter.because
    assert newsletter.mailing_id is None


def test_a_letter_that_cannot_leave_says_why_and_leaves_when_it_can(
    runtime: Runtime, clock: FrozenClock, scheduled: int
) -> None:
    with runtime.transaction() as session:
        template = bare_template(session, now=clock.now(), name="For birthdays")
        plan = Plan(name="Birthday", occasion="birthday", template_id=template.id)
        letter = letters.create(session, plan, occasions=runtime.occasions, now=clock.now())
        letters.switch(session, letter.id, is_on=True, now=clock.now())
        template.archived_at = clock.now()
    clock.advance(timedelta(days=1))
    assert jobs.launch_letters(runtime) == 0
    with runtime.transaction() as session:
        assert "Choose a template." in letters.get_letter(session, letter.id).because
        kept = session.get(Template, template.id)
        assert kept is not None
        kept.archived_at = None
    assert jobs.launch_letters(runtime) == 1
    assert jobs.launch_letters(runtime) == 0
    with runtime.reading() as session:
        assert letters.get_letter(session, letter.id).because == ""


def nightly(runtime: Runtime, done: list[str]) -> int:
    def job(rt: Runtime) -> int:
        done.append(rt.clock.now().astimezone(rt.config.zone).isoformat())
        return 1

    return jobs._once_a_day(runtime, "nightly", 2, job)


@pytest.mark.parametrize(
    ("night", "days"),
    [
        ("2026-03-28T12:00+00:00", ["2026-03-29", "2026-03-30"]),
        ("2026-10-24T12:00+00:00", ["2026-10-25", "2026-10-26"]),
    ],
)
def test_a_night_with_no_or_two_such_hours_runs_it_once(
    runtime: Runtime, clock: FrozenClock, at: Callable[[str], None], night: str, days: list[str]
) -> None:
    at(night)
    done: list[str] = []
    nightly(runtime, done)
    done.clear()
    for _ in range(2 * 48):
        clock.advance(timedelta(minutes=30))
        nightly(runtime, done)
    assert [moment[:10] for moment in done] == days


@pytest.fixture
def at(clock: FrozenClock) -> Callable[[str], None]:
    from datetime import datetime

    def move(moment: str) -> None:
        clock.move_to(datetime.fromisoformat(moment))

    return move


def test_what_fell_in_a_stop_is_made_up_for_once(runtime: Runtime, clock: FrozenClock) -> None:
    done: list[str] = []
    assert nightly(runtime, done) == 1  # it is 10:00
    assert nightly(runtime, done) == 0
    clock.advance(timedelta(days=3))
    assert nightly(runtime, done) == 1, "the days between are not made up for one by one"


def test_a_nightly_job_that_breaks_leaves_a_note(runtime: Runtime) -> None:
    def broken(_: Runtime) -> int:
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError):
        jobs._once_a_day(runtime, "nightly", 2, broken)
    with runtime.reading() as session:
        run = session.scalars(runs.last_runs("nightly")).one()
        assert run.error == "RuntimeError('no disk')"


def test_every_job_of_the_timetable_runs_on_an_empty_house(runtime: Runtime) -> None:
    ticks = timetable(runtime.config)
    assert len({tick.name for tick in ticks}) == len(ticks)
    for tick in ticks:
        assert tick.job(runtime) >= 0
        assert tick.job(runtime) == 0, f"{tick.name} has nothing more to do"

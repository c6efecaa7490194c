"""One holder per lease, one firing per moment, whatever the number of processes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from campaigns.clock import FrozenClock
from campaigns.db import Database
from campaigns.runs import begin_run, finish_run, forget_runs, holder, last_runs, release_lease, take_lease


def take(database: Database, owner: str, clock: FrozenClock) -> bool:
    with database.transaction() as session:
        return take_lease(session, "clock", owner, now=clock.now(), seconds=20)


def test_only_one_process_holds_the_lease(database: Database, clock: FrozenClock) -> None:
    assert take(database, "a", clock)
    assert not take(database, "b", clock)
    assert take(database, "a", clock), "its holder renews it"
    with database.reading() as session:
        assert holder(session, "clock", now=clock.now()) == "a"


def test_a_lease_that_ended_is_taken_by_another(database: Database, clock: FrozenClock) -> None:
    take(database, "a", clock)
    clock.advance(timedelta(seconds=21))
    assert take(database, "b", clock)
    assert not take(database, "a", clock), "the first one, awake again, has lost it"


def test_a_lease_given_back_is_free_at_once(database: Database, clock: FrozenClock) -> None:
    take(database, "a", clock)
    with database.transaction() as session:
        assert not release_lease(session, "clock", "b")
        assert release_lease(session, "clock", "a")
    assert take(database, "b", clock)


def test_a_clock_that_went_back_a_day_does_not_stop_the_work_for_a_day(
    database: Database, clock: FrozenClock
) -> None:
    take(database, "a", clock)
    clock.advance(timedelta(days=-1))
    assert take(database, "b", clock)


def test_of_eight_at_once_one_begins_the_run(database: Database, clock: FrozenClock) -> None:
    def begin(_: int) -> bool:
        with database.transaction() as session:
            return begin_run(session, "nightly", "2026-11-23", now=clock.now())

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, range(8))) == 1


def test_a_run_keeps_how_it_ended_and_old_ones_are_forgotten(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        begin_run(session, "nightly", "2026-11-23", now=clock.now())
        finish_run(session, "nightly", "2026-11-23", now=clock.now(), count=3)
    with database.reading() as session:
        run = session.scalars(last_runs("nightly")).one()
        assert (run.count, run.error, run.finished_at) == (3, None, clock.now())
    with database.transaction() as session:
        assert forget_runs(session, before=clock.now()) == 0
        assert forget_runs(session, before=clock.advance(timedelta(days=1))) == 1

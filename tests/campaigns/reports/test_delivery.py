"""A report adds up, and every number opens exactly what it counts."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from campaigns.clock import FrozenClock
from campaigns.db import Database
from campaigns.errors import NotFound
from campaigns.reports import (
    NUMBERS,
    behind,
    behind_link,
    by_domain,
    by_link,
    delivery_stats,
    lines,
    over_time,
    stats_by_mailing,
    subject,
    subjects,
)
from tests.campaigns.reports import ledger

PARIS = ZoneInfo("Europe/Paris")


def test_what_was_meant_is_the_sum_of_the_states(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        mailing = ledger.random_mailing(session, clock.now(), size=80)
        stats = delivery_stats(session, [mailing.id])
    assert stats.meant == 80 == sum(stats.states.values())
    assert all(stats.states[status] > 0 for status in stats.states), "every way of ending occurs in this test"
    assert sum(stats.held.values()) == stats["held"]
    assert stats["delivered"] <= stats.sent


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_number_opens_exactly_what_it_counts(database: Database, clock: FrozenClock, seed: int) -> None:
    with database.transaction() as session:
        mailing = ledger.random_mailing(session, clock.now(), seed=seed)
        stats = delivery_stats(session, [mailing.id])
        for name in NUMBERS:
            rows = session.execute(behind([mailing.id], name)).all()
            assert len(rows) == stats[name], name
        for reason, number in stats.held.items():
            assert len(session.execute(behind([mailing.id], "held", reason=reason)).all()) == number


def test_domains_and_links_add_up_to_the_whole(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        mailing = ledger.random_mailing(session, clock.now(), seed=4)
        stats = delivery_stats(session, [mailing.id])
        for domains in (by_domain(session, [mailing.id]), by_domain(session, [mailing.id], most=1)):
            for name in ("meant", "sent", "failed", "bounced", "opened", "clicked", "unsubscribed"):
                assert sum(getattr(line, name) for line in domains) == stats[name], name
        assert by_domain(session, [mailing.id], most=1)[-1].domain == ""
        links = by_link(session, [mailing.id])
        assert sum(line.clicks for line in links) == stats.totals["clicked"]
        assert sum(line.machine for line in links) == stats.totals["machine_clicked"]
        assert links[-1].url.endswith("/never") and links[-1].people == 0
        for line in links:
            assert len(session.execute(behind_link([mailing.id], line.url, session)).all()) == line.people


def test_a_machine_is_never_counted_as_a_person(database: Database, clock: FrozenClock) -> None:
    now = clock.now()
    with database.transaction() as session:
        mailing = ledger.mailing(session, ledger.template(session, now), now)
        sent = ledger.message(session, mailing, ledger.customer(session, 1, now), "sent", now)
        for judgement in ("machine", "suspect"):
            ledger.event(session, sent, "clicked", now, judgement, 0)
        ledger.event(session, sent, "opened", now, "proxied")
        stats = delivery_stats(session, [mailing.id])
    assert (stats["clicked"], stats["opened"]) == (0, 0)
    assert (stats["machine_clicked"], stats["suspect_clicked"], stats["proxied"]) == (1, 1, 1)
    assert stats["silent"] == 1


def test_a_letter_is_reported_in_all_its_wordings(database: Database, clock: FrozenClock) -> None:
    now = clock.now()
    with database.transaction() as session:
        version = ledger.template(session, now)
        old = ledger.mailing(session, version, now, "letter", 3)
        new = ledger.mailing(session, version, now, "letter", 3)
        other = ledger.mailing(session, version, now, "letter", 4)
        for number, mailing in enumerate((old, new, other)):
            ledger.message(session, mailing, ledger.customer(session, number, now), "sent", now)
        about = subject(session, old.id)
        assert about.ids == (new.id, old.id)
        assert delivery_stats(session, about.ids).meant == 2
        apart = stats_by_mailing(session, about.ids)
        assert (apart[old.id].meant, apart[new.id].meant) == (1, 1)
        listed = session.scalars(subjects()).all()
        assert listed == [other.id, new.id]
        assert [line.stats.meant for line in lines(session, listed)] == [1, 2]


def test_tests_of_a_template_are_in_no_list(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        ledger.mailing(session, ledger.template(session, clock.now()), clock.now(), "test", None)
        assert session.scalar(select(func.count()).select_from(subjects().subquery())) == 0


def test_the_course_has_no_gaps_and_counts_first_signs_only(database: Database, clock: FrozenClock) -> None:
    now = clock.now()
    with database.transaction() as session:
        mailing = ledger.mailing(session, ledger.template(session, now), now)
        begin = now - timedelta(hours=5)
        sent = ledger.message(session, mailing, ledger.customer(session, 1, now), "sent", begin)
        for hours in (3, 2, 1):
            ledger.event(session, sent, "clicked", now - timedelta(hours=hours), "human", 0)
        hourly = over_time(session, [mailing.id], now=now, zone=PARIS)
        daily = over_time(session, [mailing.id], now=now + timedelta(days=10), zone=PARIS)
    assert hourly.is_hourly and [point.sent for point in hourly.points] == [1, 0, 0, 0, 0, 0]
    assert [point.clicked for point in hourly.points] == [0, 0, 1, 0, 0, 0]
    assert not daily.is_hourly and len(daily.points) == 11
    assert (daily.points[0].sent, daily.points[0].clicked) == (1, 1)


def test_the_hour_that_comes_twice_is_counted_twice_not_doubled(sqlite: Database, clock: FrozenClock) -> None:
    clock.move_to(clock.now().replace(month=10, day=25, hour=3, minute=0))
    now = clock.now()
    with sqlite.transaction() as session:
        mailing = ledger.mailing(session, ledger.template(session, now), now)
        for hours in (3, 2):  # 00:00 and 01:00 UTC: both 02:00 in Paris that night
            at = now - timedelta(hours=hours)
            ledger.message(session, mailing, ledger.customer(session, hours, now), "sent", at)
        points = over_time(session, [mailing.id], now=now, zone=PARIS).points
    assert [point.sent for point in points] == [1, 1, 0, 0]
    assert [point.at.hour for point in points] == [2, 2, 3, 4]


def test_an_unknown_number_or_link_is_not_found(sqlite: Database, clock: FrozenClock) -> None:
    with pytest.raises(NotFound):
        behind([1], "id; DROP TABLE message")
    with sqlite.transaction() as session:
        mailing = ledger.mailing(session, ledger.template(session, clock.now()), clock.now())
        with pytest.raises(NotFound):
            behind_link([mailing.id], "https://elsewhere.example", session)
        assert delivery_stats(session, [mailing.id]).meant == 0

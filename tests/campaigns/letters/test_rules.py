"""Whose morning it is: zones from +14 to -11, gaps and doubled hours, stops and late rules."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from campaigns.errors import Invalid
from campaigns.letters.rules import Plan, moment_on, mornings, window
from campaigns.occasions import kept_on

ALL = {name: ZoneInfo(name) for name in available_timezones()}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_every_zone_has_its_morning_exactly_once_a_day() -> None:
    start = at("2026-11-23T00:00")
    seen: dict[tuple[str, date], int] = {}
    for quarter in range(4 * 24 * 3):  # a tick every quarter of an hour, for three days
        tick = start + timedelta(minutes=15 * quarter)
        until = tick + timedelta(minutes=15) - timedelta(microseconds=1)
        for day, zones in mornings(ALL, 9, tick, until).items():
            for name in zones:
                seen[name, day] = seen.get((name, day), 0) + 1
    assert set(seen.values()) == {1}
    assert {name for name, day in seen if day == date(2026, 11, 24)} == set(ALL)


def test_the_letter_leaves_at_nine_on_the_wall_of_the_customer() -> None:
    for name in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Australia/Eucla"):
        moment = moment_on(date(2026, 11, 23), 9, ZoneInfo(name))
        assert moment.astimezone(ZoneInfo(name)).strftime("%Y-%m-%d %H:%M") == "2026-11-23 09:00"


def test_at_one_instant_two_dates_have_their_morning() -> None:
    zones = {
        n: ZoneInfo(n) for n in ("Pacific/Kiritimati", "Pacific/Honolulu")
    }  # +14 and -10: one clock, two dates
    days = mornings(zones, 9, at("2026-11-22T18:59"), at("2026-11-22T19:00"))
    assert {day: list(names) for day, names in days.items()} == {
        date(2026, 11, 22): ["Pacific/Honolulu"],
        date(2026, 11, 23): ["Pacific/Kiritimati"],
    }


@pytest.mark.parametrize(
    ("day", "hour", "instant"),
    [
        (date(2026, 3, 29), 2, "2026-03-29T01:00"),  # 02:00 is not: the first instant after the gap
        (date(2026, 10, 25), 2, "2026-10-25T00:00"),  # 02:00 comes twice: the first
    ],
)
def test_a_night_with_no_or_two_such_hours_has_one_moment(day: date, hour: int, instant: str) -> None:
    assert moment_on(day, hour, ZoneInfo("Europe/Paris")) == at(instant)


def test_nothing_leaves_from_before_it_was_switched_on() -> None:
    now = at("2026-11-23T09:00")
    assert window(now=now, on_since=now - timedelta(hours=3), late_days=2)[0] == now - timedelta(hours=3)
    assert window(now=now, on_since=now - timedelta(days=30), late_days=2)[0] == now - timedelta(days=2)


def test_a_letter_that_may_not_be_late_still_survives_a_short_stop() -> None:
    now = at("2026-11-23T09:00")
    assert window(now=now, on_since=at("2026-01-01T00:00"), late_days=0)[0] == now - timedelta(hours=1)


@pytest.mark.parametrize(
    ("day", "leap", "kept"),
    [
        (date(2026, 2, 28), "28", [(2, 28), (2, 29)]),
        (date(2026, 2, 28), "1", [(2, 28)]),
        (date(2026, 3, 1), "1", [(3, 1), (2, 29)]),
        (date(2026, 3, 1), "28", [(3, 1)]),
        (date(2028, 2, 28), "28", [(2, 28)]),
        (date(2028, 2, 29), "1", [(2, 29)]),
        (date(2028, 3, 1), "1", [(3, 1)]),
        (date(2100, 2, 28), "28", [(2, 28), (2, 29)]),  # no leap year, though it divides by four
    ],
)
def test_who_was_born_on_the_29th_of_february_is_greeted_every_year(
    day: date, leap: str, kept: list[tuple[int, int]]
) -> None:
    assert kept_on(day, leap) == kept


def test_a_plan_says_everything_that_is_wrong_with_it_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        Plan(name=" ", occasion="birthday", hour=24, late_days=99, subject="a\nBcc: b@x.example").cleaned()
    assert set(caught.value.faults) == {"name", "hour", "late_days", "subject"}

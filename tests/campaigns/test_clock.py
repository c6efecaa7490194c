"""The frozen clock moves only when told."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from campaigns.clock import FrozenClock, SystemClock, instant_of


def test_it_stands_until_it_is_moved() -> None:
    clock = FrozenClock(datetime(2026, 3, 29, 0, 30, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.advance(timedelta(hours=2))
    assert clock.now() == datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
    assert clock.monotonic() == 7200
    clock.move_to(datetime(2026, 3, 28, tzinfo=UTC))
    assert clock.now().day == 28
    assert clock.monotonic() == 7200, "durations never run backwards"


def test_it_refuses_a_moment_without_a_zone() -> None:
    with pytest.raises(ValueError, match="aware"):
        FrozenClock(datetime(2026, 1, 1))


def test_the_system_clock_is_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("local", "zone", "instant"),
    [
        ("2026-07-01T09:00", "Europe/Paris", "2026-07-01T07:00"),
        ("2026-03-29T02:30", "Europe/Paris", "2026-03-29T01:00"),  # is not: the first instant after the gap
        ("2026-03-29T03:00", "Europe/Paris", "2026-03-29T01:00"),
        ("2026-10-25T02:30", "Europe/Paris", "2026-10-25T00:30"),  # comes twice: the first
        ("2026-10-04T02:10", "Australia/Lord_Howe", "2026-10-03T15:30"),  # a gap of half an hour
        ("2011-12-30T09:00", "Pacific/Apia", "2011-12-30T10:00"),  # a whole day that was left out
        ("2026-01-01T09:00", "Pacific/Kiritimati", "2025-12-31T19:00"),  # +14
        ("2026-01-01T09:00", "Pacific/Pago_Pago", "2026-01-01T20:00"),  # -11
        ("2026-01-01T09:00", "Asia/Kathmandu", "2026-01-01T03:15"),  # :45
    ],
)
def test_a_local_moment_is_one_instant(local: str, zone: str, instant: str) -> None:
    assert instant_of(datetime.fromisoformat(local), ZoneInfo(zone)) == datetime.fromisoformat(instant + "Z")

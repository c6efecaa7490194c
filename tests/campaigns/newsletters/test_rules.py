"""Which moments can be meant, and which turns a newsletter may take."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.errors import Invalid
from campaigns.newsletters.rules import ALLOWED, Draft, is_too_late, may, moment_of

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("local", "instant"),
    [
        ("2026-03-02T09:00", "2026-03-02T08:00"),
        ("2026-03-29T02:30", "2026-03-29T01:00"),  # the hour that is left out: the first instant after it
        ("2026-10-25T02:30", "2026-10-25T00:30"),  # the hour that comes twice: the first of them
        ("2026-07-14 18:00", "2026-07-14T16:00"),
    ],
)
def test_a_wall_clock_moment_is_one_instant(local: str, instant: str) -> None:
    assert moment_of(local, "Europe/Paris", now=NOW) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "local", ["", "tomorrow", "2026-02-30T09:00", "2026-03-02T09:00+01:00", "2026-03-01T09:00"]
)
def test_a_moment_that_cannot_be_or_has_passed_is_refused(local: str) -> None:
    with pytest.raises(Invalid) as caught:
        moment_of(local, "Europe/Paris", now=NOW)
    assert set(caught.value.faults) == {"moment"}


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        moment_of("2026-03-02T09:00", "Europe/Lutetia", now=NOW)
    assert set(caught.value.faults) == {"zone"}


def test_late_by_hours_asks_a_person() -> None:
    assert not is_too_late(NOW - timedelta(hours=6), NOW, timedelta(hours=6))
    assert is_too_late(NOW - timedelta(hours=6, minutes=1), NOW, timedelta(hours=6))


def test_nothing_but_the_end_follows_on_the_end() -> None:
    for status in ("sent", "cancelled"):
        assert not any(may(act, status, is_launched=True) for act in ALLOWED)


def test_what_was_launched_can_be_held_but_not_rewritten() -> None:
    assert may("resume", "paused", is_launched=True)
    assert not may("change", "paused", is_launched=True)
    assert not may("schedule", "paused", is_launched=True)
    assert may("schedule", "paused", is_launched=False)
    assert not may("resume", "paused", is_launched=False)


@pytest.mark.parametrize("name", ["subject", "sender_name", "sender_email", "preheader", "name"])
def test_no_field_can_carry_a_header(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        Draft(**{"name": "Spring", name: "Spring\r\nBcc: eve@shop.example"}).cleaned()  # type: ignore[arg-type]
    assert name in caught.value.faults

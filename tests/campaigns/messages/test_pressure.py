"""The rules of pressure: caps over any window, the customer's own rhythm, pause, complaint, quiet hours, feasts."""

import heapq
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.config import Config, PressureSettings
from campaigns.messages.pressure import Cap, Mail, Policy, Reader, easter, free_at, is_feast, verdict

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def policy(**told: Any) -> Policy:
    return Policy(PressureSettings(**told), PARIS)


def sent(*days_ago: float, type_: str = "promotion") -> list[Mail]:
    return [Mail(NOON - days * DAY, type_) for days in days_ago]


def test_two_in_seven_days_are_enough() -> None:
    assert policy().hold("promotion", Reader(), sent(1), NOON) is None
    held = policy().hold("promotion", Reader(), sent(6, 1), NOON)
    assert held is not None
    assert (held.reason, held.until, held.words) == ("pressure", NOON + DAY, "2 mails in the last 7 days.")
    assert policy().hold("promotion", Reader(), sent(7, 1), NOON) is None, (
        "seven days ago is out of the window"
    )


def test_thanks_and_service_neither_count_nor_wait() -> None:
    assert policy().hold("thanks", Reader(), sent(1, 2, 3), NOON) is None
    assert policy().hold("promotion", Reader(), sent(1, 2, 3, type_="service"), NOON) is None
    own = policy(exempt_mails=1, exempt_days=2)
    assert own.hold("service", Reader(), sent(1, type_="thanks"), NOON) is not None
    assert own.hold("service", Reader(), sent(1), NOON) is None


def test_a_mailing_of_no_told_type_counts() -> None:
    assert policy().hold("", Reader(), sent(1, 2, type_=""), NOON) is not None


def test_no_cap_holds_nobody() -> None:
    assert policy(mails=0).hold("promotion", Reader(), sent(*[0.1] * 20), NOON) is None


def test_the_customers_own_choice_goes_before_the_shops() -> None:
    once_a_month = Reader(every_days=30)
    held = policy(mails=0).hold("promotion", once_a_month, sent(10), NOON)
    assert held is not None and (held.reason, held.until) == ("frequency", NOON + 20 * DAY)
    assert policy().hold("service", once_a_month, sent(1), NOON) is None


def test_a_pause_holds_all_but_thanks_and_service() -> None:
    away = Reader(pause_until=NOON + 90 * DAY)
    held = policy().hold("advice", away, [], NOON)
    assert held is not None and (held.reason, held.until) == ("pause", NOON + 90 * DAY)
    assert policy().hold("service", away, [], NOON) is None
    assert policy().hold("advice", Reader(pause_until=NOON), [], NOON) is None


def test_a_complaint_holds_all_that_is_not_told_to_leave() -> None:
    angry = Reader(has_complaint=True)
    assert policy().hold("service", angry, [], NOON) is not None
    assert policy().hold("thanks", angry, [], NOON, leaves_in_complaint=True) is None


@pytest.mark.parametrize(
    ("zone", "at", "until"),
    [
        ("Europe/Paris", datetime(2026, 11, 23, 21, 0, tzinfo=UTC), datetime(2026, 11, 24, 7, 0, tzinfo=UTC)),
        ("Europe/Paris", datetime(2026, 11, 24, 3, 0, tzinfo=UTC), datetime(2026, 11, 24, 7, 0, tzinfo=UTC)),
        ("Europe/Paris", datetime(2026, 11, 24, 7, 0, tzinfo=UTC), None),
        (
            "Asia/Kathmandu",
            datetime(2026, 11, 23, 16, 0, tzinfo=UTC),
            datetime(2026, 11, 24, 2, 15, tzinfo=UTC),
        ),
        ("Not/AZone", datetime(2026, 11, 23, 12, 0, tzinfo=UTC), None),
    ],
)
def test_quiet_hours_are_those_of_the_customers_own_clock(
    zone: str, at: datetime, until: datetime | None
) -> None:
    held = policy(quiet_from=21, quiet_until=8).hold("promotion", Reader(zone=zone), [], at)
    assert (held.until if held else None) == until
    assert policy(quiet_from=21, quiet_until=8).hold("service", Reader(zone=zone), [], at) is None


def test_quiet_hours_may_lie_within_a_day() -> None:
    held = policy(quiet_from=12, quiet_until=14).hold("promotion", Reader(), [], NOON)
    assert held is not None and held.until == NOON + 2 * HOUR


@pytest.mark.parametrize(
    ("year", "month", "day"), [(2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2038, 4, 25), (2285, 3, 22)]
)
def test_easter_falls_where_the_almanac_says(year: int, month: int, day: int) -> None:
    assert easter(year) == date(year, month, day)


def test_feasts_belong_to_a_country_or_to_everybody() -> None:
    assert is_feast(date(2026, 4, 6), ["FR"], "FR") and is_feast(date(2026, 5, 14), ["FR"], "")
    assert not is_feast(date(2026, 5, 14), ["FR"], "GB")
    assert is_feast(date(2027, 12, 24), ["12-24"], "GB") and not is_feast(
        date(2027, 12, 24), ["2026-12-24"], ""
    )
    with pytest.raises(ValueError):
        PressureSettings(holidays=["Christmas"])


def test_the_moment_told_is_one_at_which_everything_allows_it() -> None:
    """Pressure ends on Christmas, a feast, whose end lies in the quiet hours: the morning after is told."""
    rules = policy(holidays=["FR"], quiet_from=21, quiet_until=8)
    at = datetime(2026, 12, 24, 10, 0, tzinfo=UTC)
    mails = [Mail(at - 6 * DAY, "promotion"), Mail(at - DAY, "promotion")]
    held = rules.hold("promotion", Reader(), mails, at)
    assert held is not None and held.reason == "pressure"
    assert held.until == datetime(2026, 12, 26, 8, 0, tzinfo=PARIS)
    assert rules.hold("promotion", Reader(), mails, held.until) is None


def test_what_cannot_leave_in_time_expires_at_once() -> None:
    held = policy().hold("promotion", Reader(), sent(1, 0.5), NOON)
    found = verdict(held, waited_for="", expires_at=NOON + DAY, now=NOON)
    assert (found.goes, found.until, found.reason) == (False, None, "pressure")
    assert "could have left on 2026-11-29 11:00" in found.words
    waits = verdict(held, waited_for="", expires_at=NOON + 10 * DAY, now=NOON)
    assert waits.until == NOON + 6 * DAY


def test_a_complaint_is_waited_for_until_the_end() -> None:
    held = policy().hold("promotion", Reader(has_complaint=True), [], NOON)
    assert verdict(held, waited_for="", expires_at=NOON + DAY, now=NOON).until == NOON + HOUR
    assert verdict(held, waited_for="complaint", expires_at=NOON, now=NOON).until is None
    late = verdict(None, waited_for="complaint", expires_at=NOON, now=NOON)
    assert (late.goes, late.reason) == (False, "complaint"), "what waited too long does not leave after all"


@dataclass(order=True)
class Plan:
    """One mail that somebody means to send: when, of which type, how long it may wait and hangs in the air."""

    due: int
    type: str
    wait: int
    air: int
    fails: bool
    fate: str = field(default="", compare=False)
    waited_for: str = field(default="", compare=False)
    sent_at: datetime | None = field(default=None, compare=False)


plans = st.builds(
    Plan,
    due=st.integers(0, 24 * 40),
    type=st.sampled_from(["promotion", "survey", "advice", "", "thanks", "service"]),
    wait=st.integers(0, 24 * 14),
    air=st.integers(0, 30),
    fails=st.booleans(),
)
caps = st.builds(
    PressureSettings,
    mails=st.integers(0, 4),
    days=st.integers(1, 14),
    exempt_mails=st.integers(0, 2),
    exempt_days=st.integers(1, 5),
    quiet_from=st.integers(0, 23),
    quiet_until=st.integers(0, 23),
    holidays=st.sampled_from([[], ["FR"], ["11-25", "11-26"]]),
)
readers = st.builds(
    Reader,
    zone=st.sampled_from(["", "Pacific/Kiritimati", "America/St_Johns"]),
    every_days=st.sampled_from([None, 7, 14, 30]),
    pause_until=st.none() | st.integers(0, 24 * 30).map(lambda hours: NOON + hours * HOUR),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(plans, max_size=25), caps, readers)
def test_whatever_is_planned_no_window_holds_too_many_and_all_end(
    planned: list[Plan], told: PressureSettings, reader: Reader
) -> None:
    rules = Policy(told, PARIS)
    _play(planned, rules, reader)
    assert all(plan.fate in ("sent", "failed") or plan.fate.startswith("expired:") for plan in planned)
    for is_exempt, cap in (
        (False, Cap(told.mails, told.days)),
        (True, Cap(told.exempt_mails, told.exempt_days)),
    ):
        moments = [p.sent_at for p in planned if p.sent_at and rules.is_exempt(p.type) == is_exempt]
        _no_window_is_too_full(cap, moments)
        if not is_exempt and reader.every_days:
            _no_window_is_too_full(Cap(1, reader.every_days), moments)


def _no_window_is_too_full(cap: Cap, moments: list[datetime]) -> None:
    for end in moments:
        inside = sum(end - cap.span < moment <= end for moment in moments)
        assert not cap.most or inside <= cap.most


def _play(planned: list[Plan], rules: Policy, reader: Reader) -> None:
    """A sender on a virtual clock: claims what is due, hands over, hears of it hours later."""
    queue = [(NOON + plan.due * HOUR, number) for number, plan in enumerate(planned)]
    heapq.heapify(queue)
    air: list[tuple[datetime, int]] = []
    while queue or air:
        if air and (not queue or air[0][0] <= queue[0][0]):
            at, number = heapq.heappop(air)
            plan = planned[number]
            plan.fate, plan.sent_at = ("failed", None) if plan.fails else ("sent", at)
            continue
        now, number = heapq.heappop(queue)
        plan = planned[number]
        mails = [Mail(p.sent_at, p.type) for p in planned if p.sent_at]
        mails += [Mail(now, planned[other].type, is_sure=False) for _, other in air]
        hold = rules.hold(plan.type, reader, mails, now)
        ends = NOON + (plan.due + plan.wait) * HOUR
        found = verdict(hold, waited_for=plan.waited_for, expires_at=ends, now=now)
        if found.goes:
            heapq.heappush(air, (now + plan.air * HOUR, number))
        elif found.until is None:
            plan.fate = f"expired:{found.reason}"
        else:
            assert found.until > now or plan.waited_for == "", "it would be looked at again at once, for ever"
            plan.waited_for = found.reason
            heapq.heappush(queue, (max(found.until, now), number))


def test_the_default_settings_are_a_cap() -> None:
    assert Config().pressure.mails == 2
    assert free_at(Cap(2, 7), [NOON, NOON], NOON) == NOON + 7 * DAY

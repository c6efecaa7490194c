"""Cohorts and survival as counted by hand, whatever the order of the rows."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.scoring.tenure import (
    COHORTS,
    MONTH_DAYS,
    cohort_rows,
    cohorts,
    lasted,
    month_starts,
    survival,
)

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp())


ORDERS = [
    (0, "2026-09-01 00:30"),  # still August in UTC, September in Paris
    (0, "2026-10-15 12:00"),
    (0, "2026-10-20 12:00"),  # the same month counts once
    (1, "2026-09-30 23:30"),
    (1, "2026-11-02 10:00"),
    (2, "2026-11-20 10:00"),
    (3, "2020-01-01 10:00"),  # before the window: not shown
    (3, "2026-11-01 10:00"),
]


def square(orders: list[tuple[int, str]]) -> np.ndarray:
    place = np.array([who for who, _ in orders])
    at = np.array([seconds(when) for _, when in orders])
    first = np.array([min(seconds(when) for each, when in orders if each == who) for who in range(4)])
    return cohorts(place, at, first, month_starts(int(NOW.timestamp()), PARIS))


def test_cohorts_are_those_counted_by_hand_in_the_months_of_the_team() -> None:
    rows = cohort_rows(square(ORDERS).ravel().tolist(), NOW, PARIS)
    assert [(row.month, row.customers, row.active) for row in rows] == [
        ("2026-09", 2, (2, 1, 1)),
        ("2026-11", 1, (1,)),
    ]


@given(st.permutations(ORDERS))
def test_the_order_of_the_orders_changes_nothing(orders: list[tuple[int, str]]) -> None:
    assert (square(list(orders)) == square(ORDERS)).all()


def test_the_months_end_with_the_present_one() -> None:
    starts = month_starts(int(NOW.timestamp()), PARIS)
    assert len(starts) == COHORTS + 1
    assert starts[-2] == seconds("2026-11-01 00:00")
    assert starts[-1] == seconds("2026-12-01 00:00")


def test_survival_is_that_of_kaplan_and_meier() -> None:
    """Ten relations: two lost in the first month, one seen only so far in the second, one lost in the third."""
    months = np.array([0.5, 0.5, 1.5, 2.5, 9, 9, 9, 9, 9, 9])
    is_lost = np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 0])
    curve = survival(months * MONTH_DAYS, is_lost)
    assert curve[0] == pytest.approx(0.8)
    assert curve[1] == pytest.approx(0.8)
    assert curve[2] == pytest.approx(0.8 * 6 / 7)
    assert curve[-1] == pytest.approx(0.8 * 6 / 7)


def test_a_lost_relation_lasted_until_its_last_order() -> None:
    day = 86_400
    first, last = np.array([0, 0]), np.array([10 * day, 10 * day])
    assert lasted(first, last, np.array([1, 0]), 100 * day).tolist() == [10, 100]
    assert not len(survival(np.zeros(0), np.zeros(0, dtype=np.int64)))

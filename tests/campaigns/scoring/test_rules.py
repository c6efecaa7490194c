"""The rules of the scores, on tables made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.scoring.rules import (
    CLASS_BY_NAME,
    CLASS_NAMES,
    CLASSES,
    DAY,
    class_codes,
    days_since,
    decayed,
    engagement_now,
    levels,
    quintile_limits,
    recency_levels,
)

NOW = 1_000 * DAY


def column(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def class_of(orders: int, *, first_days_ago: int = 400, r: int = 3, f: int = 3, m: int = 3) -> str:
    first = column(NOW - first_days_ago * DAY)
    code = class_codes(column(orders), first, NOW, column(r), column(f), column(m))
    return CLASS_NAMES[int(code[0])]


def test_quintiles_cut_ten_different_values_into_five_pairs() -> None:
    values = column(10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
    limits = quintile_limits(values)
    assert limits == (20, 40, 60, 80)
    assert levels(values, limits).tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_equal_values_always_fall_into_the_same_class() -> None:
    values = column(0, 0, 0, 0, 0, 0, 1, 1, 2, 9)
    limits = quintile_limits(values)
    assert limits == (0, 0, 0, 1)
    assert levels(values, limits).tolist() == [1, 1, 1, 1, 1, 1, 4, 4, 5, 5]


def test_few_days_since_the_last_order_are_the_best_recency() -> None:
    days = column(1, 5, 10, 50, 400)
    assert recency_levels(days, quintile_limits(days)).tolist() == [5, 4, 3, 2, 1]


def test_fixed_limits_put_who_has_exactly_the_limit_below_it() -> None:
    assert levels(column(1, 2, 3, 5, 8, 9), (1, 2, 5, 8)).tolist() == [1, 2, 3, 3, 4, 5]
    assert recency_levels(column(30, 31), (30, 60, 120, 365)).tolist() == [5, 4]


def test_without_buyers_there_are_no_limits() -> None:
    assert quintile_limits(column()) == ()


def test_a_day_has_passed_after_24_hours_and_not_before() -> None:
    assert days_since(column(NOW - DAY, NOW - DAY + 1), NOW).tolist() == [1, 0]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.randoms())
def test_the_order_of_the_rows_changes_nothing(values: list[int], chance: object) -> None:
    shuffled = sorted(values, key=lambda _: chance.random())  # type: ignore[attr-defined]
    limits = quintile_limits(column(*values))
    assert quintile_limits(column(*shuffled)) == limits
    by_value = dict(zip(values, levels(column(*values), limits).tolist(), strict=True))
    assert levels(column(*shuffled), limits).tolist() == [by_value[value] for value in shuffled]


@given(st.lists(st.integers(-5, 1_000), min_size=1, max_size=60))
def test_no_class_holds_more_than_a_fifth_unless_values_are_equal(values: list[int]) -> None:
    given_levels = levels(column(*values), quintile_limits(column(*values))).tolist()
    for level in range(1, 6):
        members = [v for v, found in zip(values, given_levels, strict=True) if found == level]
        most = -(-len(values) // 5)
        assert len(members) <= most or members.count(max(members)) > len(members) - most


@pytest.mark.parametrize("amount", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("often", [1, 5])
def test_a_one_time_buyer_is_never_loyal_whatever_the_amount(amount: int, often: int) -> None:
    assert class_of(1, r=5, f=often, m=amount) == "one_time"
    assert class_of(1, first_days_ago=30, r=5, f=often, m=amount) == "new"


@pytest.mark.parametrize(
    ("orders", "r", "f", "m", "name"),
    [
        (0, 1, 1, 1, "never"),
        (9, 5, 5, 5, "champion"),
        (9, 5, 4, 4, "champion"),
        (9, 5, 5, 3, "loyal"),
        (9, 4, 5, 5, "loyal"),
        (3, 3, 3, 1, "loyal"),
        (3, 5, 2, 5, "promising"),
        (2, 5, 5, 5, "promising"),
        (2, 3, 1, 1, "promising"),
        (9, 2, 5, 3, "at_risk"),
        (2, 2, 1, 5, "at_risk"),
        (9, 2, 5, 2, "asleep"),
        (9, 1, 5, 5, "lost"),
        (2, 1, 1, 1, "lost"),
    ],
)
def test_the_class_follows_from_orders_and_levels(orders: int, r: int, f: int, m: int, name: str) -> None:
    assert class_of(orders, r=r, f=f, m=m) == name


def test_every_combination_has_exactly_one_class_and_every_class_its_definition() -> None:
    found = {
        class_of(orders, first_days_ago=days, r=r, f=f, m=m)
        for orders in range(5)
        for days in (10, 400)
        for r in range(1, 6)
        for f in range(1, 6)
        for m in range(1, 6)
    }
    assert found == set(CLASS_NAMES) == set(CLASS_BY_NAME)
    assert all(each.definition.endswith((".", "!")) and each.label for each in CLASSES)


def test_a_sign_counts_half_after_each_half_life() -> None:
    moments = column(NOW, NOW - 90 * DAY, NOW - 180 * DAY)
    assert decayed(np.array([1.0, 1.0, 0.2]), moments, NOW, 90).tolist() == pytest.approx([1, 0.5, 0.05])
    assert engagement_now(2.0, 90 * DAY, 90) == pytest.approx(1.0)

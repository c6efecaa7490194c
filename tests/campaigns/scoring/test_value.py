"""Lifetime value on figures worked out by hand, against its closed form, and on customers whose churn is known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.scoring.rules import DAY
from campaigns.scoring.value import (
    Curve,
    ValueRule,
    back_test,
    bands_of,
    customer_value,
    estimate,
    multiplier,
    path,
    portfolio,
    spread,
    values,
    what_if,
    yearly_amount,
)

NOW = 20_000 * DAY
CURVE = Curve((0.5, 0.6, 0.7, 0.8, 0.9), (0.2, 0.3, 0.4, 0.6, 0.8), active=0.25, overall=0.4)
RULE = ValueRule(margin=0.5, discount=0.1, years=3, rise=0.2)


def people(**columns: Any) -> Any:
    return SimpleNamespace(now=NOW, **{name: np.array(column) for name, column in columns.items()})


def test_the_churn_rises_from_year_to_year() -> None:
    assert path(0.2, 0.25, RULE) == pytest.approx((0.2, 0.25, 0.3))
    assert path(0.2, 0.9, RULE)[-1] == 0.99


def test_the_multiplier_worked_out_by_hand() -> None:
    # 0.8/1.1 + 0.8·0.75/1.21 + 0.8·0.75·0.7/1.331
    assert multiplier((0.2, 0.25, 0.3), 0.1) == pytest.approx(0.727273 + 0.495868 + 0.315552, abs=1e-6)


def test_a_customer_worked_out_by_hand() -> None:
    # 730 days from first to last order: 40,000 in two years, 20,000 a year, half of it margin.
    assert yearly_amount(40_000, NOW - 760 * DAY, NOW - 30 * DAY) == 20_000
    value, low, high, constant = customer_value(40_000, NOW - 760 * DAY, NOW - 30 * DAY, 4, NOW, CURVE, RULE)
    assert value == round(10_000 * 1.538693)
    assert constant == round(10_000 * (0.6 / 1.1 + 0.36 / 1.21 + 0.216 / 1.331))
    # One in five leaves at once; seven of ten of the others' last chance: 42 % stay all three years.
    assert (low, high) == (0, round(10_000 * (1 / 1.1 + 1 / 1.21 + 1 / 1.331)))


def test_who_ordered_once_has_the_churn_of_those() -> None:
    value, *_ = customer_value(5_000, NOW - 100 * DAY, NOW - 100 * DAY, 1, NOW, CURVE, RULE)
    assert value == round(2_500 * (0.4 / 1.1 + 0.4 * 0.75 / 1.21 + 0.4 * 0.75 * 0.7 / 1.331))


def test_five_against_ten_percent_is_the_closed_form() -> None:
    five, ten = (what_if(churn, years=10, discount=0.0) for churn in (0.05, 0.10))
    assert five.left[10] == pytest.approx(0.95**10)
    assert ten.left[10] == pytest.approx(0.90**10)
    assert five.multiplier == pytest.approx(0.95 * (1 - 0.95**10) / 0.05)
    assert ten.multiplier == pytest.approx(0.90 * (1 - 0.90**10) / 0.10)


def test_a_longer_silence_is_never_worth_more() -> None:
    bands = [
        customer_value(9_000, NOW - 900 * DAY, NOW - days * DAY, 3, NOW, CURVE, RULE)[0]
        for days in (1, 91, 181, 366, 731)
    ]
    assert bands == sorted(bands, reverse=True)
    assert bands_of(np.array([90, 91, 730, 731])).tolist() == [0, 1, 3, 4]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-500, 90_000), st.integers(0, 900), st.integers(0, 900), st.integers(0, 5)),
        min_size=1,
        max_size=15,
    )
)
def test_columns_say_what_one_says_and_the_portfolio_is_their_sum(
    rows: list[tuple[int, int, int, int]],
) -> None:
    last = [NOW - silence * DAY for _, silence, _, _ in rows]
    first = [
        at - (tenure * DAY if orders > 1 else 0)
        for at, (_, _, tenure, orders) in zip(last, rows, strict=True)
    ]
    facts = people(spent=[r[0] for r in rows], first=first, last=last, orders=[r[3] for r in rows])
    found = values(facts, CURVE, RULE)
    total = 0
    for place, (spent, _, _, orders) in enumerate(rows):
        got = [found[name][place] for name in ("value", "value_low", "value_high", "value_constant")]
        if orders == 0:
            assert np.isnan(got).all()
            continue
        one = customer_value(spent, first[place], last[place], orders, NOW, CURVE, RULE)
        assert got == list(one)
        assert one[1] <= one[0] <= one[2] or one[2] == 0
        total += one[0]
    whole = portfolio(facts, CURVE, RULE)
    assert whole.value == total
    assert whole.low <= whole.value <= whole.high


def test_an_estimate_is_pooled_until_it_never_falls() -> None:
    days = np.repeat([10, 100, 200, 400, 800], 100)
    gone = np.concatenate([np.arange(100) < share for share in (20, 40, 30, 60, 90)])
    curve = estimate(days, np.ones(500, dtype=bool), ~gone)
    assert curve is not None
    assert curve.repeat == pytest.approx((0.2, 0.35, 0.35, 0.6, 0.9))  # 40 % and 30 % become 35 % both
    assert curve.overall == pytest.approx(0.48)
    assert curve.active == pytest.approx(0.3)
    assert curve.once == pytest.approx((0.48,) * 5)  # nobody ordered once: the shop's
    assert estimate(days[:99], np.ones(99, dtype=bool), ~gone[:99]) is None
    assert Curve.of_numbers(curve.numbers()) == curve


def test_with_a_known_churn_nine_of_ten_intervals_hold_what_came() -> None:
    chance = np.random.default_rng(5)
    rule = ValueRule(margin=1.0, discount=0.05, years=4, rise=0.1)
    curve = Curve((0.4,) * 5, (0.3,) * 5, active=0.2, overall=0.3)
    spent = chance.integers(1_000, 20_000, 400)
    facts = people(
        spent=spent,
        first=np.full(400, NOW - 10 * DAY),
        last=np.full(400, NOW - 10 * DAY),
        orders=np.full(400, 2),
    )
    whole = portfolio(facts, curve, rule)
    churns, held = path(0.3, 0.2, rule), 0
    for _ in range(400):
        stays, came = np.ones(400, dtype=bool), 0.0
        for year, churn in enumerate(churns, start=1):
            stays &= chance.random(400) >= churn
            came += float(spent[stays].sum()) / 1.05**year
        held += whole.low <= came <= whole.high
    assert 0.86 <= held / 400 <= 0.94


def test_a_back_test_sets_what_was_foreseen_beside_what_came() -> None:
    past = people(
        orders=[2, 1, 0],
        first=[NOW - 40 * DAY, NOW - 10 * DAY, -1],
        last=[NOW - 30 * DAY, NOW - 10 * DAY, -1],
        spent=[10_000, 4_000, 0],
        bought=[True, False, False],
        came=[9_000, 0, 0],
    )
    test = back_test(past, CURVE)
    assert (test.customers, test.foreseen, test.came) == (2, 8_000 + 2_000, 9_000)
    assert (test.foreseen_buyers, test.came_buyers, test.mean_error) == (1, 1, 1_500)
    assert test.is_within


def test_the_bounds_are_those_of_when_they_leave() -> None:
    low, high, variance = spread((0.5,), 0.0)
    assert (low, high, variance) == (0.0, 1.0, pytest.approx(0.25))

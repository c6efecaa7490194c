"""Money is exact in every currency, and what is given back is taken off the orders it came from."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import Invalid
from campaigns.purchases import digits, read_currency, to_minor, to_units
from campaigns.purchases.rules import Held, settle
from tests.conftest import NOW


def held(purchase: int, product: int, day: int, quantity: int, amount: int) -> Held:
    return Held(purchase, product, NOW + timedelta(days=day), quantity, amount)


@pytest.mark.parametrize(
    ("units", "currency", "minor"),
    [
        ("19.90", "EUR", 1990),
        ("1990", "JPY", 1990),
        ("19.905", "TND", 19905),
        ("0.005", "GBP", 0),
        ("0.015", "GBP", 2),
    ],
)
def test_an_amount_becomes_minor_units_of_its_currency(units: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(units), currency) == minor


@given(st.integers(-(10**12), 10**12), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_minor_units_come_back_unchanged(minor: int, currency: str) -> None:
    assert to_minor(to_units(minor, currency), currency) == minor
    assert -to_units(minor, currency).as_tuple().exponent == digits(currency)  # type: ignore[operator]


def test_an_absurd_amount_is_refused() -> None:
    with pytest.raises(Invalid):
        to_minor(Decimal(10) ** 14, "EUR")


def test_a_currency_is_three_letters_or_a_clear_sign() -> None:
    assert [read_currency(t) for t in ("eur", " £", "TND")] == ["EUR", "GBP", "TND"]
    for bad in ("$", "EURO", "", "É12"):
        with pytest.raises(Invalid):
            read_currency(bad)


def test_a_return_is_taken_off_the_newest_earlier_order_of_the_product() -> None:
    bought = [held(1, 7, 0, 4, 4000), held(2, 7, 5, 2, 2600), held(3, 8, 6, 1, 900), held(4, 7, 20, 9, 9000)]
    assert settle(bought, [held(9, 7, 10, -3, -3000)]) == {2: 2600, 1: 1000}


def test_what_was_bought_before_our_records_lowers_nothing() -> None:
    assert settle([held(1, 7, 0, 1, 500)], [held(9, 8, 1, -2, -100)]) == {}
    assert settle([held(1, 7, 5, 1, 500)], [held(9, 7, 1, -1, -500)]) == {}


def test_a_return_without_products_takes_its_amount() -> None:
    assert settle([held(1, 0, 0, 1, 500), held(2, 0, 1, 1, 300)], [held(9, 0, 2, 1, -400)]) == {
        2: 300,
        1: 100,
    }


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(1, 5), st.integers(0, 999)), max_size=8
    ),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(1, 9)), max_size=8),
)
def test_no_order_gives_back_more_than_it_cost(
    orders: list[tuple[int, int, int, int]], returns: list[tuple[int, int, int]]
) -> None:
    bought = [
        held(i, product, day, quantity, amount) for i, (product, day, quantity, amount) in enumerate(orders)
    ]
    back = [
        held(100 + i, product, day, -quantity, -quantity)
        for i, (product, day, quantity) in enumerate(returns)
    ]
    taken = settle(bought, back)
    assert all(0 <= taken[h.purchase_id] <= h.amount for h in bought if h.purchase_id in taken)

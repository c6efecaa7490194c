"""What goes with what is learned from who bought both, whatever the order of the rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from campaigns.suggestions.rules import RIDGE, Affinities, learn

TEA, POT, SUGAR, HAMMER, NAIL = range(5)


def learned(baskets: list[set[int]], least_support: int = 2) -> dict[tuple[int, int], tuple[float, int]]:
    """`{(product, suggested): (weight, support)}`."""
    pairs = [(who, product) for who, basket in enumerate(baskets) for product in sorted(basket)]
    return told(pairs, least_support)


def told(pairs: list[tuple[int, int]], least_support: int) -> dict[tuple[int, int], tuple[float, int]]:
    customer, product = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    found: Affinities = learn(customer, product, 5, least_support=least_support)
    rows = zip(found.product, found.suggested, found.weight, found.support, strict=True)
    return {(int(a), int(b)): (float(weight), int(support)) for a, b, weight, support in rows}


SHOP = [{TEA, POT}] * 40 + [{TEA, POT, SUGAR}] * 10 + [{HAMMER, NAIL}] * 30 + [{TEA, NAIL}]


def test_who_bought_tea_is_shown_a_pot_and_never_a_hammer() -> None:
    found = learned(SHOP)
    assert found[TEA, POT][1] == 50
    assert found[HAMMER, NAIL][1] == 30
    assert (TEA, HAMMER) not in found
    assert max((weight, b) for (a, b), (weight, _) in found.items() if a == TEA)[1] == POT


def test_pairs_that_few_bought_are_left_out() -> None:
    assert (TEA, NAIL) not in learned(SHOP)
    assert not learned([{TEA, POT}] * 3, least_support=4)


def test_two_products_are_weighed_as_computed_by_hand() -> None:
    """Twenty bought both, ten only tea: X'X + ridge is [[30+l, 20], [20, 20+l]]; its inverse is known in closed form."""
    found = learned([{TEA, POT}] * 20 + [{TEA}] * 10)
    # B = -P / diag(P) by columns: the entry (tea, pot) is 20 / (30 + l), of (pot, tea) 20 / (20 + l).
    assert np.isclose(found[TEA, POT][0], 20 / (30 + RIDGE))
    assert np.isclose(found[POT, TEA][0], 20 / (20 + RIDGE))


@given(st.permutations([(who, product) for who, basket in enumerate(SHOP[30:60]) for product in basket]))
def test_the_order_of_rows_changes_nothing(pairs: list[tuple[int, int]]) -> None:
    baskets = [(who, product) for who, basket in enumerate(SHOP[30:60]) for product in basket]
    first, second = told(baskets, 2), told(list(pairs), 2)
    assert first.keys() == second.keys()
    assert all(np.isclose(first[pair][0], second[pair][0]) for pair in first)

"""BG/NBD and gamma-gamma: published figures, the exact gradient, refusals, and real customers held back."""

import gzip
from collections import defaultdict
from datetime import date
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from scipy.special import betaln, gammaln
from scipy.stats import rankdata

from campaigns.scoring.lifetime import (
    BgNbd,
    GammaGamma,
    TooFew,
    _log_likelihood,
    expected_amount,
    expected_orders,
    fit,
    fit_spend,
    p_alive,
)

PUBLISHED = BgNbd(0.243, 4.414, 0.793, 2.426, -9582.4, 2357)
"""Fader, Hardie and Lee (2005), table 2: CDNOW, a tenth of the customers."""


def one(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def test_the_published_customer_is_expected_to_order_1_226_times() -> None:
    """Fader, Hardie and Lee, "Implementing the BG/NBD Model in Microsoft Excel" (2005): the first customer."""
    found = expected_orders(PUBLISHED, one(2), one(30.43), one(38.86), 39.0)
    assert found[0] == pytest.approx(1.226, abs=0.001)


def test_the_likelihood_is_that_of_the_paper() -> None:
    """Equation 6 written out, for customers so small that nothing overflows."""
    r, alpha, a, b = 0.243, 4.414, 0.793, 2.426
    x, t_x, age = one(0, 1, 3), one(0, 5, 20), one(38, 30, 25)
    shared = np.exp(gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b))
    stays = np.exp(betaln(a, b + x)) * (alpha + age) ** -(r + x)
    left = np.where(x > 0, np.exp(betaln(a + 1, b + np.maximum(x, 1) - 1)) * (alpha + t_x) ** -(r + x), 0)
    paper = np.log(shared * (stays + left)).sum()
    value, _ = _log_likelihood(one(r, alpha, a, b), x, t_x, age, np.ones(3))
    assert value == pytest.approx(paper, rel=1e-12)


def test_the_gradient_is_exact() -> None:
    x, t_x, age, counts = one(0, 1, 4), one(0, 5, 20), one(38, 30, 25), one(3, 1, 2)
    here = one(0.3, 5.0, 0.8, 2.0)
    _, gradient = _log_likelihood(here, x, t_x, age, counts)
    for place in range(4):
        step = np.zeros(4)
        step[place] = 1e-6
        up, _ = _log_likelihood(here + step, x, t_x, age, counts)
        down, _ = _log_likelihood(here - step, x, t_x, age, counts)
        assert gradient[place] == pytest.approx((up - down) / 2e-6, rel=1e-5)


def test_invented_customers_give_back_what_they_were_invented_from() -> None:
    chance = np.random.default_rng(5)
    x, t_x = np.zeros(20_000), np.zeros(20_000)
    rates, leaves = chance.gamma(0.8, 1 / 6.0, 20_000), chance.beta(1.2, 3.0, 20_000)
    for place in range(20_000):
        at = 0.0
        while (at := at + chance.exponential(1 / rates[place])) < 60:
            x[place], t_x[place] = x[place] + 1, at
            if chance.random() < leaves[place]:
                break
    model = fit(x, t_x, np.full(20_000, 60.0))
    assert (model.r, model.alpha) == (pytest.approx(0.8, rel=0.08), pytest.approx(6.0, rel=0.1))
    assert model.a / (model.a + model.b) == pytest.approx(1.2 / 4.2, rel=0.1)


def test_the_order_of_the_customers_changes_nothing() -> None:
    chance = np.random.default_rng(5)
    x = chance.poisson(1.0, 900).astype(float)
    t_x = np.where(x > 0, chance.random(900) * 30, 0)
    age = t_x + chance.random(900) * 30
    mixed = chance.permutation(900)
    assert fit(x, t_x, age, checked=False) == fit(x[mixed], t_x[mixed], age[mixed], checked=False)


def test_who_orders_on_is_alive_and_who_stopped_is_doubted() -> None:
    found = p_alive(PUBLISHED, one(0, 5, 5), one(0, 38, 10), one(39, 39, 39))
    assert found[0] == 1
    assert found[1] > 0.85 > 0.2 > found[2]


@pytest.mark.parametrize(
    ("customers", "repeat", "weeks", "words"),
    [
        (400, 300, 100, "needs 500 buyers; there are 400"),
        (900, 20, 100, "100 customers who bought again; there are 20"),
        (900, 300, 10, "orders over 180 days; there are 70"),
    ],
)
def test_too_few_data_are_refused_with_what_is_missing(
    customers: int, repeat: int, weeks: float, words: str
) -> None:
    x = np.zeros(customers)
    x[:repeat] = 1
    with pytest.raises(TooFew, match=words):
        fit(x, x * weeks / 2, np.full(customers, float(weeks)))


def test_an_own_average_counts_more_the_more_orders_it_comes_from() -> None:
    model = GammaGamma(6.25, 3.74, 15.44)
    found = expected_amount(model, one(0, 1, 10, 1000), one(0, 100, 100, 100))
    assert found[0] == pytest.approx(15.44 * 6.25 / 2.74)
    assert found[0] < found[1] < found[2] < found[3] < 100


def histories(path: Path, last: date) -> tuple[np.ndarray, ...]:
    """Customer number, x, t_x, T in weeks up to `last`, average repeat amount, and orders after it."""
    amounts: dict[int, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    with gzip.open(path, "rt") as file:
        next(file)
        for line in file:
            customer, day, _, amount = line.split(",")
            amounts[int(customer)][date.fromisoformat(day)] += float(amount)
    rows = []
    for customer, by_day in amounts.items():
        days = sorted(day for day in by_day if day <= last)
        if days:
            repeat = [by_day[day] for day in days[1:]]
            later = len(by_day) - len(days)
            weeks = [(days[-1] - days[0]).days / 7, (last - days[0]).days / 7]
            rows.append((customer, len(repeat), *weeks, np.mean(repeat) if repeat else 0, later))
    return tuple(np.array(rows, dtype=float).T)


def test_the_published_sample_gives_the_published_fit() -> None:
    """Fader, Hardie and Lee (2005), table 2; the sample lies in a package of which nothing is run."""
    file = distribution("lifetimes").locate_file("lifetimes/datasets/cdnow_customers_summary.csv")
    _, x, t_x, age = np.loadtxt(str(file), delimiter=",", skiprows=1, unpack=True)
    model = fit(x, t_x, age)
    assert model.customers == 2357
    assert model.r == pytest.approx(0.243, abs=0.002)
    assert model.alpha == pytest.approx(4.414, abs=0.002)
    assert model.a == pytest.approx(0.793, abs=0.002)
    assert model.b == pytest.approx(2.426, abs=0.002)
    assert model.log_likelihood == pytest.approx(-9582.4, abs=0.05)


def test_on_real_customers_held_back_the_forecast_ranks_and_adds_up(shared_data: Path) -> None:
    path = shared_data / "purchases" / "cdnow_orders.csv.gz"
    number, x, t_x, age, average, later = histories(path, date(1997, 9, 30))
    seen = number % 2 == 0
    model = fit(x[seen], t_x[seen], age[seen])
    # The published tenth gave r 0.243, alpha 4.414, a 0.793, b 2.426: all customers must come near.
    assert model.r == pytest.approx(0.243, abs=0.03)
    assert model.alpha == pytest.approx(4.414, abs=0.9)
    assert model.a / (model.a + model.b) == pytest.approx(0.793 / 3.219, abs=0.03)
    spend = fit_spend(x[seen], average[seen])
    assert spend.gamma * spend.p / (spend.q - 1) == pytest.approx(35.2, abs=3)
    held = ~seen
    expected = expected_orders(model, x[held], t_x[held], age[held], 39.0)
    actual = later[held]
    ranks, again = rankdata(expected), actual > 0
    hits = ranks[again].sum() - again.sum() * (again.sum() + 1) / 2
    assert hits / (again.sum() * (~again).sum()) > 0.75
    best = np.argsort(-expected, kind="stable")[: len(expected) // 10]
    assert actual[best].sum() / actual.sum() > 0.43
    assert np.abs(expected - actual).mean() < 0.84

"""What the last quarter taught makes the forecast rank better, at the same level, and is left out where it taught nothing."""

import csv
import gzip
from collections import defaultdict
from dataclasses import fields
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata

from campaigns.scoring.lifetime import BgNbd, Floats, expected_orders, fit
from campaigns.scoring.sharpening import LEARNT_UNITS, History, Sharpening, learn, sharpened

MODEL = BgNbd(0.243, 4.414, 0.793, 2.426, -9582.4, 2357)
HORIZON = 39.0


def shop(seed: int, people: int = 3000) -> tuple[History, Floats]:
    """Customers whose orders of the quarter depend on their amounts, which the forecast does not know."""
    chance = np.random.default_rng(seed)
    x = chance.poisson(1.5, people).astype(float)
    age = np.full(people, 39.0)
    t_x = np.where(x > 0, chance.uniform(1, 39, people), 0.0)
    average = chance.lognormal(8, 1, people)
    now = History(x, t_x, age, average)
    return now, chance.poisson(0.05 * (1 + x) * (average / 3000)).astype(float)


def taught(now: History, came: Floats) -> tuple[Sharpening, Floats]:
    expected = expected_orders(MODEL, now.x, now.t_x, now.age, HORIZON)
    found = learn(MODEL, now, came, model=MODEL, now=now, expected=expected)
    assert found is not None
    return found, expected


def test_who_spends_more_is_expected_sooner_where_the_quarter_showed_it() -> None:
    now, came = shop(1)
    found, expected = taught(now, came)
    better = sharpened(found, MODEL, now, expected)
    rich = now.average > np.quantile(now.average, 0.9)
    assert (better / expected)[rich].mean() > 1.3 * (better / expected)[~rich].mean()
    assert better.sum() == pytest.approx(expected.sum(), rel=1e-9)


def test_the_order_of_the_customers_changes_nothing() -> None:
    now, came = shop(2)
    order = np.random.default_rng(3).permutation(len(came))
    mixed = History(*(getattr(now, field.name)[order] for field in fields(History)))
    (one, expected), (other, _) = taught(now, came), taught(mixed, came[order])
    assert np.allclose(
        sharpened(one, MODEL, now, expected), sharpened(other, MODEL, now, expected), rtol=1e-3
    )


def test_it_is_read_back_as_it_was_kept() -> None:
    found, _ = taught(*shop(4))
    assert Sharpening.from_parameters(found.parameters()) == found


def test_a_quarter_in_which_few_bought_teaches_nothing() -> None:
    now, _ = shop(5)
    few = np.zeros(len(now.x))
    few[:99] = 1
    expected = expected_orders(MODEL, now.x, now.t_x, now.age, HORIZON)
    assert learn(MODEL, now, few, model=MODEL, now=now, expected=expected) is None


def histories(orders: dict[str, dict[date, float]], last: date) -> History:
    """Of who had bought by `last`, in weeks; amounts in cents."""
    rows = []
    for by_day in orders.values():
        days = sorted(day for day in by_day if day <= last)
        if days:
            weeks = [(days[-1] - days[0]).days / 7, (last - days[0]).days / 7]
            rows.append((len(days) - 1, *weeks, 100 * np.mean([by_day[day] for day in days])))
    return History(*np.array(rows, dtype=float).T)


def later(orders: dict[str, dict[date, float]], start: date, end: date) -> Floats:
    bought = [by_day for by_day in orders.values() if min(by_day) <= start]
    return np.array([sum(start < day <= end for day in by_day) for by_day in bought], dtype=float)


def area(scores: Floats, is_so: Floats) -> float:
    """Under the curve of hits against false alarms (Mann and Whitney's U)."""
    ranks, yes = rankdata(scores), is_so > 0
    return float((ranks[yes].sum() - yes.sum() * (yes.sum() + 1) / 2) / yes.sum() / (~yes).sum())


def test_on_real_customers_it_ranks_better_and_errs_less(shared_data: Path) -> None:
    orders: dict[str, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    with gzip.open(shared_data / "purchases" / "cdnow_orders.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            orders[row["customer_id"]][date.fromisoformat(row["date"])] += float(row["amount"])
    quarter, today, end = date(1997, 7, 1), date(1997, 9, 30), date(1998, 6, 30)
    then, now = histories(orders, quarter), histories(orders, today)
    before, model = fit(then.x, then.t_x, then.age), fit(now.x, now.t_x, now.age)
    expected = expected_orders(model, now.x, now.t_x, now.age, HORIZON)
    came = later(orders, quarter, today)
    assert (today - quarter).days == LEARNT_UNITS * 7
    found = learn(before, then, came, model=model, now=now, expected=expected)
    assert found is not None
    better, actual = sharpened(found, model, now, expected), later(orders, today, end)
    print(
        f"area {area(expected, actual):.4f} → {area(better, actual):.4f}, mean error "
        f"{np.abs(expected - actual).mean():.4f} → {np.abs(better - actual).mean():.4f}"
    )
    assert area(better, actual) > area(expected, actual) + 0.005
    assert np.abs(better - actual).mean() < np.abs(expected - actual).mean()

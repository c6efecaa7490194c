"""What customers are worth, pure: margin to come with a churn that rises, beside the same with a constant churn.

In the first year a customer leaves with the churn of their inactivity; whoever stays leaves in later years with the
churn of active customers, which rises from year to year. With c₁, c₂, … the value of yearly margin m is
m · Σ (1 − c₁)…(1 − cₜ) / (1 + d)ᵗ over the horizon. The constant-churn figure has one c for everybody and all years.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from campaigns.scoring.rules import DAY, YEAR_DAYS, Floats, Integers

BANDS = (90, 180, 365, 730)
"""Days without an order: limits between the five bands of inactivity."""
BAND_WORDS = ("at most 90 days", "91 to 180 days", "181 to 365 days", "one to two years", "over two years")
LEAST_BUYERS = 100
"""Buyers of a year ago that an estimate needs in all; a band needs LEAST_BAND of them, or takes its neighbour's."""
LEAST_BAND = 20
MOST_CHURN = 0.99
Z = 1.645
"""Nine of ten lie within so many standard deviations (normal)."""


@dataclass(frozen=True)
class Curve:
    """Yearly churn by band of inactivity, for who ordered once and for who came back, and of how many it was seen.

    `active` is the churn of who ordered within the last year; `overall` of all buyers: the constant one.
    """

    once: tuple[float, ...]
    repeat: tuple[float, ...]
    active: float
    overall: float
    seen_once: tuple[int, ...] = (0,) * 5
    seen_repeat: tuple[int, ...] = (0,) * 5

    def numbers(self) -> tuple[float, ...]:
        """As they are kept beside the limits of the classes."""
        return (*self.once, *self.repeat, self.active, self.overall, *self.seen_once, *self.seen_repeat)

    @classmethod
    def of_numbers(cls, kept: Any) -> "Curve | None":
        """Read back what `numbers` gave; None if none were kept."""
        if len(kept) != 22:
            return None
        whole = tuple(int(number) for number in kept[12:])
        return cls(tuple(kept[:5]), tuple(kept[5:10]), kept[10], kept[11], whole[:5], whole[5:])


@dataclass(frozen=True)
class ValueRule:
    """What the shop says of money and time: margin and discount as shares, the horizon in years, the yearly rise of
    the churn of active customers."""

    margin: float
    discount: float
    years: int
    rise: float


def bands_of(days: Any) -> Integers:
    """Band 0–4 of days without an order; who has exactly the limit belongs below it."""
    found: Integers = np.searchsorted(np.asarray(BANDS), days, side="left")
    return found


def estimate(days: Integers, is_repeat: Any, came_back: Any) -> Curve | None:
    """The curve seen in customers of a year ago: their inactivity then, and whether they ordered in the year since.

    The churn of the active is that of those who had come back and ordered within the year before.

    None below LEAST_BUYERS. Within each curve churn never falls with inactivity: neighbours that would are pooled.
    """
    if len(days) < LEAST_BUYERS:
        return None
    bands, gone = bands_of(days), ~came_back
    overall = float(gone.mean())
    once, seen_once = _rising(bands[~is_repeat], gone[~is_repeat], overall)
    repeat, seen_repeat = _rising(bands[is_repeat], gone[is_repeat], overall)
    active = (bands <= 2) & is_repeat  # who stays a year has come back
    base = float(gone[active].mean()) if int(active.sum()) >= LEAST_BAND else overall
    return Curve(once, repeat, base, overall, seen_once, seen_repeat)


def _rising(bands: Integers, gone: Any, otherwise: float) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Share of the gone by band, made never to fall by pooling neighbours (isotonic regression)."""
    seen = np.bincount(bands, minlength=5)[:5]
    lost = np.bincount(bands, weights=gone, minlength=5)[:5]
    pools: list[list[float]] = []  # lost, seen, bands
    for number, count in zip(lost.tolist(), seen.tolist(), strict=True):
        pools.append([number, count, 1])
        while len(pools) > 1 and (
            pools[-1][1] < LEAST_BAND
            or pools[-2][1] < LEAST_BAND
            or pools[-2][0] * pools[-1][1] > pools[-1][0] * pools[-2][1]
        ):
            number_after, count_after, width = pools.pop()
            pools[-1] = [pools[-1][0] + number_after, pools[-1][1] + count_after, pools[-1][2] + width]
    rates = []
    for number, count, width in pools:
        rates += [number / count if count >= LEAST_BAND else otherwise] * int(width)
    return tuple(min(rate, MOST_CHURN) for rate in rates), tuple(int(count) for count in seen)


def path(first: float, active: float, rule: ValueRule) -> tuple[float, ...]:
    """The churn of each year of the horizon: the first by inactivity, then rising from the churn of the active."""
    later = (min(active * (1 + rule.rise) ** year, MOST_CHURN) for year in range(rule.years - 1))
    return (first, *later)


def multiplier(churns: tuple[float, ...], discount: float) -> float:
    """Years of margin that are to come: Σ (1 − c₁)…(1 − cₜ) / (1 + d)ᵗ."""
    stays, found = 1.0, 0.0
    for year, churn in enumerate(churns, start=1):
        stays *= 1 - churn
        found += stays / (1 + discount) ** year
    return found


def spread(churns: tuple[float, ...], discount: float) -> tuple[float, float, float]:
    """The multiplier's lower and upper bound (nine of ten lie between) and its variance, over when they leave."""
    worth, stays = [0.0], [1.0]
    for year, churn in enumerate(churns, start=1):
        worth.append(worth[-1] + 1 / (1 + discount) ** year)
        stays.append(stays[-1] * (1 - churn))
    leaves = [stays[year] - (stays[year + 1] if year < len(churns) else 0.0) for year in range(len(stays))]
    mean = sum(p * w for p, w in zip(leaves, worth, strict=True))
    variance = sum(p * (w - mean) ** 2 for p, w in zip(leaves, worth, strict=True))
    return _quantile(leaves, worth, 0.05), _quantile(leaves, worth, 0.95), variance


def _quantile(chances: list[float], values: list[float], share: float) -> float:
    below = 0.0
    for chance, value in zip(chances, values, strict=True):
        below += chance
        if below >= share - 1e-12:
            return value
    return values[-1]


def yearly_amount(spent: int, first: int, last: int) -> float:
    """What a customer spends in a year in which they order: all orders over the years from first to last, at least one."""
    return spent / max(1.0, (last - first) / (YEAR_DAYS * DAY))


def customer_value(
    spent: int, first: int, last: int, orders: int, now: int, curve: Curve, rule: ValueRule
) -> tuple[int, int, int, int]:
    """Value, lower and upper bound, and the constant-churn value of one buyer, in minor units."""
    band = int(bands_of((now - last) // DAY))
    churn = (curve.once if orders == 1 else curve.repeat)[band]
    churns = path(churn, curve.active, rule)
    yearly = rule.margin * max(yearly_amount(spent, first, last), 0.0)
    low, high, _ = spread(churns, rule.discount)
    constant = multiplier((curve.overall,) * rule.years, rule.discount)
    found = [multiplier(churns, rule.discount), low, high, constant]
    return tuple(int(np.rint(yearly * each)) for each in found)  # type: ignore[return-value]


# ── the same for columns


def yearly_amounts(spent: Any, first: Any, last: Any) -> Floats:
    """`yearly_amount` of everybody."""
    found: Floats = spent / np.maximum(1.0, (last - first) / (YEAR_DAYS * DAY))
    return found


def values(facts: Any, curve: Curve, rule: ValueRule) -> dict[str, Floats]:
    """`value`, `value_low`, `value_high`, `value_constant` of everybody, whole minor units, NaN who never bought."""
    ways = [[path(churn, curve.active, rule) for churn in churns] for churns in (curve.once, curve.repeat)]
    table = np.array(
        [[(multiplier(way, rule.discount), *spread(way, rule.discount)[:2]) for way in row] for row in ways]
    )
    chosen = table[(facts.orders > 1).astype(int), bands_of((facts.now - facts.last) // DAY)]
    yearly = rule.margin * np.maximum(yearly_amounts(facts.spent, facts.first, facts.last), 0.0)
    constant = multiplier((curve.overall,) * rule.years, rule.discount)
    columns = {
        "value": yearly * chosen[:, 0],
        "value_low": yearly * chosen[:, 1],
        "value_high": yearly * chosen[:, 2],
        "value_constant": yearly * constant,
    }
    never = facts.orders <= 0
    return {name: np.where(never, np.nan, np.rint(column)) for name, column in columns.items()}


@dataclass(frozen=True)
class Portfolio:
    """All customers together, in minor units; nine of ten such portfolios would end between `low` and `high`.

    `value` is the sum of the customers' values, `constant` of their constant-churn values.
    """

    customers: int
    value: int
    low: int
    high: int
    constant: int


def portfolio(facts: Any, curve: Curve, rule: ValueRule) -> Portfolio:
    """The sum with its interval: who leaves when is chance of each customer, how well the curve is known is of all."""
    buyers = facts.orders > 0
    found = values(facts, curve, rule)
    yearly = rule.margin * np.maximum(yearly_amounts(facts.spent, facts.first, facts.last), 0.0)
    bands = bands_of((facts.now - facts.last) // DAY)
    variance = 0.0
    for is_repeat, churns, seen in (
        (False, curve.once, curve.seen_once),
        (True, curve.repeat, curve.seen_repeat),
    ):
        for band, churn in enumerate(churns):
            chosen = yearly[buyers & ((facts.orders > 1) == is_repeat) & (bands == band)]
            way = path(churn, curve.active, rule)
            variance += float((chosen**2).sum()) * spread(way, rule.discount)[2]
            if seen[band] and churn < 1:  # the estimate's own error, a proportion of `seen`
                slope = float(chosen.sum()) * multiplier(way, rule.discount) / (1 - churn)
                variance += slope**2 * churn * (1 - churn) / seen[band]
    total = float(np.nansum(found["value"]))
    half = Z * float(np.sqrt(variance))
    return Portfolio(
        int(buyers.sum()),
        int(total),
        int(max(total - half, 0)),
        int(total + half),
        int(np.nansum(found["value_constant"])),
    )


@dataclass(frozen=True)
class WhatIf:
    """How many of 100 customers are left after each year, and what a yearly margin of 1 is worth, at one churn."""

    churn: float
    left: tuple[float, ...]
    multiplier: float


def what_if(churn: float, *, years: int, discount: float) -> WhatIf:
    """The base after N years is (1 − churn)ᴺ."""
    left = tuple((1 - churn) ** year for year in range(years + 1))
    return WhatIf(churn, left, multiplier((churn,) * years, discount))


@dataclass(frozen=True)
class BackTest:
    """The first year foreseen a year ago, by what was known then, against what came. Amounts in minor units."""

    customers: int
    foreseen: int
    came: int
    low: int
    high: int
    foreseen_buyers: int
    came_buyers: int
    mean_error: int

    @property
    def is_within(self) -> bool:
        """Whether what came lies in the interval."""
        return self.low <= self.came <= self.high


def back_test(past: Any, curve: Curve) -> BackTest:
    """`past`: columns of a year ago (`orders`, `first`, `last`, `spent`, `now`) with `came`, the amount since, and
    `bought`, whether any order came."""
    buyers = past.orders > 0
    days = (past.now - past.last[buyers]) // DAY
    table = np.array([curve.once, curve.repeat])
    stays = 1 - table[(past.orders[buyers] > 1).astype(int), bands_of(days)]
    yearly = np.maximum(yearly_amounts(past.spent[buyers], past.first[buyers], past.last[buyers]), 0.0)
    foreseen, came = yearly * stays, past.came[buyers]
    variance = float((yearly**2 * stays * (1 - stays)).sum())
    bands, is_repeat = bands_of(days), past.orders[buyers] > 1
    for churns, seen, of_kind in (
        (curve.once, curve.seen_once, ~is_repeat),
        (curve.repeat, curve.seen_repeat, is_repeat),
    ):
        for band, churn in enumerate(churns):
            if seen[band]:  # the estimate's own error
                amount = float(yearly[of_kind & (bands == band)].sum())
                variance += amount**2 * churn * (1 - churn) / seen[band]
    half = Z * float(np.sqrt(variance))
    total = float(foreseen.sum())
    error = float(np.abs(foreseen - came).mean()) if len(foreseen) else 0.0
    return BackTest(
        int(buyers.sum()),
        round(total),
        int(came.sum()),
        round(max(total - half, 0.0)),
        round(total + half),
        round(float(stays.sum())),
        int(past.bought[buyers].sum()),
        round(error),
    )

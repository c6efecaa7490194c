"""The rules of the scores, pure: classes by limits, named classes, engagement, and the words for them.

Figures come as numpy columns, one entry a customer, and leave as columns: the same rule serves one customer
and a million. Moments are whole seconds since 1970, -1 for never; amounts are minor units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

DAY = 86_400
NEVER = -1
YEAR_DAYS = 365
"""The "12 months" of frequency: the last 365 days up to the moment of the score."""
NEW_DAYS = 90
"""A first purchase makes a customer new for so long."""
LOYAL_ORDERS = 3
"""Nobody is called loyal with fewer orders than these, whatever was spent."""
BOUND_ENGAGED = 1.0
"""Engagement from here on is "engaged": as much as one human click today."""


@dataclass(frozen=True)
class RfmClass:
    """A named class with the definition that is shown wherever its name is."""

    name: str
    label: str
    definition: str


CLASSES = (
    RfmClass(
        "champion",
        "Champions",
        f"At least {LOYAL_ORDERS} orders, bought most recently (R 5), often (F 4–5) and much (M 4–5).",
    ),
    RfmClass(
        "loyal",
        "Loyal",
        f"At least {LOYAL_ORDERS} orders, bought recently (R 3–5) and often (F 3–5), and no champion.",
    ),
    RfmClass(
        "promising",
        "Promising",
        "Two orders or more and bought recently (R 3–5), but not (yet) often enough to be called loyal.",
    ),
    RfmClass("new", "New", f"One order only, in the last {NEW_DAYS} days."),
    RfmClass(
        "one_time",
        "One-time buyers",
        f"One order only, more than {NEW_DAYS} days ago: a transaction, not a relation, whatever its amount.",
    ),
    RfmClass(
        "at_risk",
        "At risk",
        "Two orders or more of a good amount (M 3–5), but the last one is getting old (R 2).",
    ),
    RfmClass(
        "asleep",
        "Asleep",
        "Two orders or more of a small amount (M 1–2), and the last one is getting old (R 2).",
    ),
    RfmClass("lost", "Lost", "Two orders or more, and the last one lies among the oldest (R 1)."),
    RfmClass("never", "Never bought", "No order that counts: none at all, or all given back."),
)
"""Every customer is in exactly one."""

CLASS_NAMES = tuple(each.name for each in CLASSES)
CLASS_BY_NAME: Mapping[str, RfmClass] = {each.name: each for each in CLASSES}

DEFINITIONS: Mapping[str, str] = {
    "r": "Recency: whole days since the last order. R 5 is the most recent class.",
    "f": "Frequency: number of orders in the last 365 days. F 5 is the most frequent class.",
    "m": "Amount: what all orders were worth, refunds taken off. M 5 is the highest class.",
    "orders": "Orders that count: paid, in the shop's currency, not given back entirely.",
    "spent": "What was paid for them, with what was refunded taken off.",
    "basket": "Amount divided by number of orders.",
    "t": (
        "Type of purchase: the categories bought, each counting its weight once (1 unless the settings say more). "
        "T 5 is the highest class."
    ),
    "frat": (
        "Frequency, recency, amount and type of purchase weighed together ({frat}), 20 for all ones to 100 for all fives."
    ),
    "interest": (
        "By category: a human click on one of its links counts 1, an order in it {order:g}; each half after "
        "{interest:g} days."
    ),
    "engagement": (
        "Human clicks count 1 each, replies {reply}, opens {open} (by a mail provider's proxy {proxied}); "
        "each counts half after {half_life:g} days. Hits of machines count nothing."
    ),
    "last_seen": "The newest of: an order, a human click or open, a reply, a consent given by the person.",
}


def quintile_limits(values: Integers | Floats) -> tuple[float, ...]:
    """The four limits that cut `values` in five parts of equal size, as far as equal values allow.

    Limit k is the value at position ⌈k·n/5⌉ of the sorted column; who has exactly the limit belongs below
    it. Equal values therefore always fall into one class, whatever the order of the rows. Without values:
    no limits.
    """
    count = len(values)
    if not count:
        return ()
    positions = [-(-level * count // 5) - 1 for level in range(1, 5)]
    parts = np.partition(values, positions)
    return tuple(float(parts[position]) for position in positions)


def levels(values: NDArray[np.generic], limits: Sequence[float]) -> Integers:
    """Class 1–5 of each value: one more than the number of limits that lie below it."""
    if not limits:
        return np.ones(len(values), dtype=np.int64)
    found: Integers = np.searchsorted(np.asarray(limits, dtype=np.float64), values, side="left") + 1
    return found


def recency_levels(days: Integers, limits: Sequence[float]) -> Integers:
    """Class 1–5 of days since the last order: few days are 5."""
    found: Integers = 6 - levels(days, limits)
    return found


def frat(r: Integers, f: Integers, m: Integers, t: Integers, weights: Sequence[float]) -> Integers:
    """The four classes weighed together, 20 to 100; `weights` of frequency, recency, amount, type."""
    whole = sum(weight * column for weight, column in zip(weights, (f, r, m, t), strict=True))
    found: Integers = np.floor(20 * whole / sum(weights) + 0.5).astype(np.int64)
    return found


def days_since(moments: Integers, now: int) -> Integers:
    """Whole days from each moment to `now`."""
    found: Integers = (now - moments) // DAY
    return found


def class_codes(
    orders: Integers, first: Integers, now: int, r: Integers, f: Integers, m: Integers
) -> Integers:
    """Position in CLASSES of each customer; `r`, `f`, `m` count only where `orders` is above 0."""
    is_repeat = orders >= 2
    is_recent = r >= 3
    loyal = (orders >= LOYAL_ORDERS) & is_recent
    chosen: Integers = np.select(
        [
            orders <= 0,
            (orders == 1) & (days_since(first, now) <= NEW_DAYS),
            orders == 1,
            loyal & (r == 5) & (f >= 4) & (m >= 4),
            loyal & (f >= 3),
            is_repeat & is_recent,
            (r == 2) & (m >= 3),
            r == 2,
        ],
        [
            CLASS_NAMES.index(name)
            for name in ("never", "new", "one_time", "champion", "loyal", "promising", "at_risk", "asleep")
        ],
        default=CLASS_NAMES.index("lost"),
    ).astype(np.int64)
    return chosen


def decayed(weights: Floats, moments: Integers, now: int, half_life_days: float) -> Floats:
    """What each sign is worth at `now`: its weight, halved for every half-life since it."""
    ages = np.maximum(now - moments, 0) / (half_life_days * DAY)
    found: Floats = weights * np.exp2(-ages)
    return found


def engagement_now(engagement: float, seconds: float, half_life_days: float) -> float:
    """An engagement computed `seconds` ago, brought to the present."""
    return float(engagement * 2.0 ** (-max(seconds, 0.0) / (half_life_days * DAY)))


def engagement_word(engagement: float) -> str:
    """A word for the figure."""
    if engagement >= BOUND_ENGAGED:
        return "engaged"
    if engagement >= BOUND_ENGAGED / 4:
        return "reads now and then"
    return "hardly any sign" if engagement > 0 else "no sign"


def fixed_limits(limits: Sequence[float], unit: float = 1) -> tuple[float, ...]:
    """Limits written in the settings, brought to the unit of the figures."""
    return tuple(limit * unit for limit in limits)

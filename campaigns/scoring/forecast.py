"""The forecast of each buyer: is this still a customer, how many orders and how much in the next year."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from campaigns.scoring.gather import Facts
from campaigns.scoring.lifetime import (
    BgNbd,
    Floats,
    GammaGamma,
    TooFew,
    expected_amount,
    expected_orders,
    fit,
    fit_spend,
    p_alive,
)
from campaigns.scoring.rules import DAY, YEAR_DAYS

UNIT_DAYS = 7.0
MOST_FITTED = 20_000
"""Fitted on every n-th buyer from there on: a second however many there are, and the parameters differ by a few percent."""


@dataclass(frozen=True)
class Forecast:
    """The fitted models; without `spend` orders are expected, but no amounts."""

    buying: BgNbd
    spend: GammaGamma | None

    def parameters(self) -> dict[str, tuple[float, ...]]:
        """As they are kept beside the limits of the classes."""
        buying = self.buying
        kept: dict[str, tuple[float, ...]] = {"bgnbd": (buying.r, buying.alpha, buying.a, buying.b)}
        if self.spend:
            kept["spend"] = (self.spend.p, self.spend.q, self.spend.gamma)
        return kept

    @classmethod
    def from_parameters(cls, kept: Mapping[str, Sequence[float]]) -> "Forecast | None":
        """Read back what `parameters` gave; None if no forecast was kept."""
        if "bgnbd" not in kept:
            return None
        r, alpha, a, b = kept["bgnbd"]
        spend = GammaGamma(*kept["spend"]) if "spend" in kept else None
        return cls(BgNbd(r, alpha, a, b, float("nan"), 0, UNIT_DAYS), spend)


def fitted(known: Facts) -> Forecast:
    """Fit both models on the buyers; raises TooFew with the reason when nothing can be foreseen."""
    x, t_x, age, average = _histories(known, known.orders > 0)
    step = -(-len(x) // MOST_FITTED)
    if step > 1:
        x, t_x, age, average = (column[::step] for column in (x, t_x, age, average))
    buying = fit(x, t_x, age, unit_days=UNIT_DAYS)
    try:
        spend = fit_spend(x, average)
    except TooFew:
        spend = None
    return Forecast(buying, spend)


def foreseen(known: Facts, forecast: Forecast | None) -> dict[str, Floats]:
    """`p_alive`, `expected_orders`, `expected_spent` of everybody; NaN where nothing can be said.

    The model takes who bought once for a customer for ever: of them no probability is told, only the orders
    to be expected.
    """
    names = ("p_alive", "expected_orders", "expected_spent")
    columns = {name: np.full(len(known), np.nan) for name in names}
    is_buyer = known.orders > 0
    if forecast is None or not is_buyer.any():
        return columns
    x, t_x, age, average = _histories(known, is_buyer)
    orders = expected_orders(forecast.buying, x, t_x, age, YEAR_DAYS / UNIT_DAYS)
    columns["p_alive"][is_buyer] = np.where(x > 0, p_alive(forecast.buying, x, t_x, age), np.nan)
    columns["expected_orders"][is_buyer] = orders
    if forecast.spend:
        amount = expected_amount(forecast.spend, x + 1, np.maximum(average, 0))
        columns["expected_spent"][is_buyer] = np.round(orders * amount)
    return columns


def _histories(known: Facts, chosen: np.ndarray) -> tuple[Floats, Floats, Floats, Floats]:
    """Repeat orders (orders of one day count as one), age of the last, age of the customer, average amount."""
    first, last = known.first[chosen], known.last[chosen]
    x = (known.days_bought[chosen] - 1).astype(np.float64)
    t_x = np.where(x > 0, (last - first) // DAY, 0) / UNIT_DAYS
    age = np.maximum((known.now - first) // DAY / UNIT_DAYS, t_x)
    return x, t_x, age, known.spent[chosen] / np.maximum(known.orders[chosen], 1)

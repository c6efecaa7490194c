"""The forecast of each buyer: is this still a customer, how many orders and how much in the next year."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from campaigns.scoring.gather import Facts, Quarter
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
from campaigns.scoring.sharpening import History, Sharpening, learn, sharpened

UNIT_DAYS = 7.0
AHEAD = YEAR_DAYS / UNIT_DAYS
"""What is foreseen: the orders of a year."""
MOST_FITTED = 20_000
"""Fitted on every n-th buyer from there on: a second however many there are, and the parameters differ by a few percent."""


@dataclass(frozen=True)
class Forecast:
    """The fitted models; without `spend` orders are expected, but no amounts; without `sharpening` the forecast
    of orders is that of BG/NBD alone."""

    buying: BgNbd
    spend: GammaGamma | None
    sharpening: Sharpening | None = None

    def parameters(self) -> dict[str, tuple[float, ...]]:
        """As they are kept beside the limits of the classes."""
        buying = self.buying
        kept: dict[str, tuple[float, ...]] = {"bgnbd": (buying.r, buying.alpha, buying.a, buying.b)}
        if self.spend:
            kept["spend"] = (self.spend.p, self.spend.q, self.spend.gamma)
        if self.sharpening:
            kept["sharpening"] = self.sharpening.parameters()
        return kept

    @classmethod
    def from_parameters(cls, kept: Mapping[str, Sequence[float]]) -> "Forecast | None":
        """Read back what `parameters` gave; None if no forecast was kept."""
        if "bgnbd" not in kept:
            return None
        r, alpha, a, b = kept["bgnbd"]
        spend = GammaGamma(*kept["spend"]) if "spend" in kept else None
        sharpening = Sharpening.from_parameters(tuple(kept["sharpening"])) if "sharpening" in kept else None
        return cls(BgNbd(r, alpha, a, b, float("nan"), 0, UNIT_DAYS), spend, sharpening)


def fitted(known: Facts) -> Forecast:
    """Fit the models on the buyers; raises TooFew with the reason when nothing can be foreseen."""
    is_buyer = known.orders > 0
    now = _few(_history(known, is_buyer, known.now))
    buying = fit(now.x, now.t_x, now.age, unit_days=UNIT_DAYS)
    try:
        spend = fit_spend(now.x, now.average)
    except TooFew:
        spend = None
    return Forecast(buying, spend, _sharpening(known.quarter, buying, now) if known.quarter else None)


def _sharpening(quarter: Quarter, buying: BgNbd, now: History) -> Sharpening | None:
    """What the last quarter taught; None where there was too little before it or in it."""
    is_buyer = quarter.orders > 0
    then = _history(quarter, is_buyer, quarter.now)
    step = _step(len(then.x))
    then, came = _few(then), quarter.came[is_buyer][::step].astype(np.float64)
    try:
        before = fit(then.x, then.t_x, then.age, unit_days=UNIT_DAYS)
    except TooFew:
        return None
    expected = expected_orders(buying, now.x, now.t_x, now.age, AHEAD)
    return learn(before, then, came, model=buying, now=now, expected=expected)


def _step(count: int) -> int:
    return max(-(-count // MOST_FITTED), 1)


def _few(history: History) -> History:
    """Every n-th, so that not many more than MOST_FITTED are left."""
    step = _step(len(history.x))
    return History(history.x[::step], history.t_x[::step], history.age[::step], history.average[::step])


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
    now = _history(known, is_buyer, known.now)
    x, buying = now.x, forecast.buying
    orders = expected_orders(buying, x, now.t_x, now.age, AHEAD)
    if forecast.sharpening:
        orders = sharpened(forecast.sharpening, buying, now, orders)
    columns["p_alive"][is_buyer] = np.where(x > 0, p_alive(buying, x, now.t_x, now.age), np.nan)
    columns["expected_orders"][is_buyer] = orders
    if forecast.spend:
        amount = expected_amount(forecast.spend, x + 1, np.maximum(now.average, 0))
        columns["expected_spent"][is_buyer] = np.round(orders * amount)
    return columns


def _history(known: Facts | Quarter, chosen: np.ndarray, moment: int) -> History:
    """Repeat orders (orders of one day count as one), age of the last, age of the customer, average amount."""
    first, last = known.first[chosen], known.last[chosen]
    x = (known.days_bought[chosen] - 1).astype(np.float64)
    t_x = np.where(x > 0, (last - first) // DAY, 0) / UNIT_DAYS
    age = np.maximum((moment - first) // DAY / UNIT_DAYS, t_x)
    return History(x, t_x, age, known.spent[chosen] / np.maximum(known.orders[chosen], 1))

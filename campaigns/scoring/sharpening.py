"""What the forecast of orders misses, learned from the shop's own last quarter: amounts, and how long the silence is.

BG/NBD knows of a customer how often and when, and takes every order for an independent throw. A Poisson regression
on what the last quarter brought, with the forecast made at its beginning, the average amount, the silence and the
number of orders, ranks customers better; a geometric mean of the two keeps the sum of the first. On two thirds of the
customers of CDNOW (39 weeks known, 39 foretold) the area under the curve of "buys again" rises from 0.759 to 0.767
and the mean error is 0.819 instead of 0.820; on the published sample, of other customers, the area rises from 0.7725
to 0.780, the top tenth holds 47.0 instead of 46.7 % of the orders, and the error is 0.788 instead of 0.786.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from campaigns.scoring.lifetime import LEAST_REPEAT, BgNbd, Floats, expected_orders

LEARNT_UNITS = 13.0
"""The quarter learned from, in the model's unit (weeks)."""

RIDGE = 1e-3
SHARE = 0.4
"""Of the quarter in the mean: the forecast has the rest. The smallest mean error on two thirds of CDNOW."""

FLOOR = 1e-4
"""Added to a forecast before its logarithm is taken, in orders."""


@dataclass(frozen=True)
class History:
    """Of each buyer: repeat orders, age of the last, age of the customer, average amount of an order."""

    x: Floats
    t_x: Floats
    age: Floats
    average: Floats


@dataclass(frozen=True)
class Sharpening:
    """Weights of a constant and four standardised columns; `level` brings the sum to that of the forecast."""

    weights: tuple[float, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    level: float

    def parameters(self) -> tuple[float, ...]:
        """As one row of numbers, for keeping."""
        return (*self.weights, *self.means, *self.deviations, self.level)

    @classmethod
    def from_parameters(cls, kept: tuple[float, ...]) -> "Sharpening":
        """Read back what `parameters` gave."""
        return cls(tuple(kept[:5]), tuple(kept[5:9]), tuple(kept[9:13]), kept[13])


def learn(
    before: BgNbd, then: History, came: Floats, *, model: BgNbd, now: History, expected: Floats
) -> Sharpening | None:
    """Weights from the last quarter: `then` is its beginning (fitted by `before`), `came` the orders in it.

    `expected` is what `model` forecasts of `now` for the horizon to be sharpened: it sets the level. None where
    fewer than a hundred customers bought in that quarter: then there is nothing to learn from.
    """
    if int((came > 0).sum()) < LEAST_REPEAT:
        return None
    columns = _columns(before, then)
    means, deviations = columns.mean(axis=0), np.maximum(columns.std(axis=0), 1e-9)
    weights = _poisson(_standard(columns, means, deviations), came)
    found = Sharpening(tuple(weights.tolist()), tuple(means.tolist()), tuple(deviations.tolist()), level=1.0)
    level = float(expected.sum() / max(sharpened(found, model, now, expected).sum(), 1e-12))
    return Sharpening(found.weights, found.means, found.deviations, level)


def sharpened(sharpening: Sharpening, model: BgNbd, now: History, expected: Floats) -> Floats:
    """The weighted geometric mean of the forecast and of what the quarter taught, brought to the same level."""
    taught = _rates(sharpening, model, now)
    found: Floats = sharpening.level * expected ** (1 - SHARE) * taught**SHARE
    return found


def _expected(model: BgNbd, history: History) -> Floats:
    return expected_orders(model, history.x, history.t_x, history.age, LEARNT_UNITS)


def _columns(model: BgNbd, history: History) -> Floats:
    silence = history.age - history.t_x
    return np.stack(
        [
            np.log(_expected(model, history) + FLOOR),
            np.log1p(np.maximum(history.average, 0) / 100),  # an order of nothing is not far from a small one
            np.log1p(np.maximum(silence, 0)),
            np.log1p(history.x),
        ],
        axis=1,
    )


def _standard(
    columns: Floats, means: Sequence[float] | Floats, deviations: Sequence[float] | Floats
) -> Floats:
    found: Floats = (columns - np.asarray(means)) / np.asarray(deviations)
    return found


def _rates(sharpening: Sharpening, model: BgNbd, history: History) -> Floats:
    columns = _standard(_columns(model, history), sharpening.means, sharpening.deviations)
    found: Floats = np.exp(np.clip(columns @ sharpening.weights[1:] + sharpening.weights[0], -20, 6))
    return found


def _poisson(columns: Floats, came: Floats) -> Floats:
    """The weights of a Poisson regression with a small ridge on all but the constant."""
    from scipy.optimize import minimize

    whole = np.concatenate([np.ones((len(columns), 1)), columns], axis=1)

    def cost(weights: Floats) -> tuple[float, Floats]:
        eta = np.clip(whole @ weights, -20, 6)
        rates = np.exp(eta)
        slope = np.concatenate([[0.0], weights[1:]])
        value = float((rates - came * eta).mean() + RIDGE * (slope**2).sum())
        return value, whole.T @ (rates - came) / len(came) + 2 * RIDGE * slope

    found = minimize(cost, np.zeros(whole.shape[1]), jac=True, method="L-BFGS-B")
    return np.asarray(found.x, dtype=np.float64)

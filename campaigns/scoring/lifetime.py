"""How often a customer will buy again and for how much: BG/NBD and gamma-gamma, fitted on the shop's own orders.

BG/NBD: P. Fader, B. Hardie and K. Lee, "Counting Your Customers" the Easy Way, Marketing Science 24 (2005),
with the likelihood in the form that does not overflow (B. Hardie's note of 2019). Gamma-gamma: P. Fader and
B. Hardie, "The Gamma-Gamma Model of Monetary Value" (2013). Everybody buys at an own rate (gamma: r, alpha) and
may leave for good after any order (beta: a, b). A customer is three figures: `x` repeat orders, the age `t_x` of
the last of them and the age `T` of the customer, both in the same unit since the first order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.errors import Invalid

Floats = NDArray[np.float64]

LEAST_CUSTOMERS = 500
LEAST_REPEAT = 100
LEAST_SPAN_DAYS = 180.0
"""Below any of these nothing is predicted: the parameters would be those of chance."""

NO_SHAPE = "These orders do not have the shape the forecast assumes; nothing is predicted from them."

BOUNDS = (1e-4, 1e4)
PENALTY = 1e-8
"""On the squared logarithms of the parameters: nothing for data that have the shape, a halt for those that run away."""


class TooFew(Invalid):
    """The shop's orders do not (yet) allow a forecast; the sentence says what is missing."""


@dataclass(frozen=True)
class BgNbd:
    """Fitted parameters; `unit_days` is the unit of time they were fitted in."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    customers: int
    unit_days: float = 7.0


@dataclass(frozen=True)
class GammaGamma:
    """Fitted parameters of the average amount of an order."""

    p: float
    q: float
    gamma: float


def what_lacks(customers: int, repeaters: int, span_days: float) -> str:
    """One plain sentence on what is missing for a forecast; empty if nothing is."""
    if customers < LEAST_CUSTOMERS:
        return f"A forecast needs {LEAST_CUSTOMERS} buyers; there are {customers}."
    if repeaters < LEAST_REPEAT:
        return f"A forecast needs {LEAST_REPEAT} customers who bought again; there are {repeaters}."
    if span_days < LEAST_SPAN_DAYS:
        return f"A forecast needs orders over {LEAST_SPAN_DAYS:.0f} days; there are {span_days:.0f}."
    return ""


def check_enough(x: Floats, age: Floats, *, unit_days: float) -> None:
    """Raise TooFew with one plain sentence when the data cannot carry a forecast."""
    if lacking := what_lacks(len(x), int((x > 0).sum()), float(age.max(initial=0.0)) * unit_days):
        raise TooFew(lacking)


def fit(x: Floats, t_x: Floats, age: Floats, *, unit_days: float = 7.0, checked: bool = True) -> BgNbd:
    """The most likely parameters, found by L-BFGS-B over their logarithms with the exact gradient.

    Equal customers are counted and not repeated: a million weekly histories are some ten thousand different
    ones. Raises TooFew when the data cannot carry it or the search ends on a bound.
    """
    from scipy.optimize import minimize

    if checked:
        check_enough(x, age, unit_days=unit_days)
    rows, weights = np.unique(np.stack([x, t_x, age]), axis=1, return_counts=True)
    counts = weights.astype(np.float64)
    scale = 10.0 / max(float(age.max()), 1e-9)  # keeps alpha of the size of the others

    def cost(logs: Floats) -> tuple[float, Floats]:
        value, gradient = _log_likelihood(np.exp(logs), rows[0], rows[1] * scale, rows[2] * scale, counts)
        total = float(len(x))
        penalty = PENALTY * float((logs**2).sum())
        return -value / total + penalty, -gradient * np.exp(logs) / total + 2 * PENALTY * logs

    bounds = [tuple(np.log(BOUNDS))] * 4
    found = minimize(
        cost,
        np.zeros(4),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000},
    )
    r, alpha, a, b = (float(value) for value in np.exp(found.x))
    if checked and any(value <= BOUNDS[0] * 1.01 or value >= BOUNDS[1] * 0.99 for value in (r, alpha, a, b)):
        raise TooFew(
            "These orders do not have the shape the forecast assumes; nothing is predicted from them."
        )
    parameters = np.array([r, alpha / scale, a, b])
    value, _ = _log_likelihood(parameters, rows[0], rows[1], rows[2], counts)
    return BgNbd(r, alpha / scale, a, b, value, len(x), unit_days)


def p_alive(model: BgNbd, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """Probability that the customer has not left for good; 1 by definition for who bought once."""
    odds = (
        np.log(model.a)
        - np.log(model.b + np.maximum(x, 1) - 1)
        + (model.r + x) * (np.log(model.alpha + age) - np.log(model.alpha + t_x))
    )
    found: Floats = np.where(x > 0, 1 / (1 + np.exp(np.minimum(odds, 700))), 1.0)
    return found


def expected_orders(model: BgNbd, x: Floats, t_x: Floats, age: Floats, ahead: float) -> Floats:
    """Orders expected in the next `ahead` units (equation 10 of the paper)."""
    from scipy.special import hyp2f1

    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    z = ahead / (alpha + age + ahead)
    tail = hyp2f1(r + x, b + x, a + b + x - 1, z)
    if abs(a - 1) < 1e-6:  # the formula divides by a - 1; the limit is taken from beside it
        model = BgNbd(r, alpha, 1 + 2e-6, b, model.log_likelihood, model.customers, model.unit_days)
        return expected_orders(model, x, t_x, age, ahead)
    still = ((alpha + age) / (alpha + age + ahead)) ** (r + x)
    found: Floats = (a + b + x - 1) / (a - 1) * (1 - still * tail) * p_alive(model, x, t_x, age)
    return np.maximum(found, 0.0)


def fit_spend(x: Floats, average: Floats) -> GammaGamma:
    """Gamma-gamma on customers with repeat orders and a positive average amount of them."""
    from scipy.optimize import minimize
    from scipy.special import digamma, gammaln

    use = (x > 0) & (average > 0)
    if int(use.sum()) < LEAST_REPEAT:
        raise TooFew(f"Amounts need {LEAST_REPEAT} customers who bought again; there are {int(use.sum())}.")
    n = x[use]
    scale = float(average[use].mean())
    z = average[use] / scale

    def cost(logs: Floats) -> tuple[float, Floats]:
        p, q, v = np.exp(logs)
        whole = v + n * z
        value = (
            gammaln(p * n + q) - gammaln(p * n) - gammaln(q) + q * np.log(v)
            + (p * n - 1) * np.log(z) + p * n * np.log(n) - (p * n + q) * np.log(whole)
        )  # fmt: skip
        by_p = n * (digamma(p * n + q) - digamma(p * n) + np.log(z) + np.log(n) - np.log(whole))
        by_q = digamma(p * n + q) - digamma(q) + np.log(v) - np.log(whole)
        by_v = q / v - (p * n + q) / whole
        gradient = np.array([by_p.sum() * p, by_q.sum() * q, by_v.sum() * v])
        total = float(len(n))
        return -float(value.sum()) / total + PENALTY * float(
            (logs**2).sum()
        ), -gradient / total + 2 * PENALTY * logs

    bounds = [tuple(np.log(BOUNDS))] * 3
    found = minimize(
        cost,
        np.log([6.0, 4.0, 1.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000},
    )
    p, q, v = (float(value) for value in np.exp(found.x))
    if q <= 1:
        raise TooFew("Amounts differ too much between customers for an average to be expected.")
    return GammaGamma(p, q, v * scale)


def expected_amount(model: GammaGamma, x: Floats, average: Floats) -> Floats:
    """Average amount of the orders to come: the customer's own average, drawn towards everybody's."""
    population = model.gamma * model.p / (model.q - 1)
    own = model.p * x / (model.p * x + model.q - 1)
    found: Floats = (1 - own) * population + own * average
    return found


def _log_likelihood(
    parameters: Floats, x: Floats, t_x: Floats, age: Floats, counts: Floats
) -> tuple[float, Floats]:
    """Sum of `counts` times the logarithm of each customer's likelihood, and its gradient by r, alpha, a, b."""
    from scipy.special import digamma, gammaln

    r, alpha, a, b = (float(value) for value in parameters)
    is_repeat = x > 0
    past = np.maximum(x, 1) - 1  # b + x - 1, where x is not 0
    stays = -(r + x) * np.log(alpha + age)  # still there: no order since t_x until T
    left = np.where(
        is_repeat, np.log(a) - np.log(b + past) - (r + x) * np.log(alpha + t_x), -np.inf
    )  # gone right after the last order
    either = np.logaddexp(stays, left)
    share = np.where(is_repeat, np.exp(left - either), 0.0)
    value = (
        gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        + gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x) + either
    )  # fmt: skip
    late, early = np.log(alpha + age), np.log(alpha + t_x)
    by_r = digamma(r + x) - digamma(r) + np.log(alpha) - (1 - share) * late - share * early
    by_alpha = r / alpha - (r + x) * ((1 - share) / (alpha + age) + share / (alpha + t_x))
    by_a = digamma(a + b) - digamma(a + b + x) + share / a
    by_b = digamma(a + b) + digamma(b + x) - digamma(b) - digamma(a + b + x) - share / (b + past)
    gradient = np.array([float(counts @ part) for part in (by_r, by_alpha, by_a, by_b)])
    return float(counts @ value), gradient

"""From facts to scores: every rule applied to everybody's columns, for the present or any past moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from campaigns.config import Config
from campaigns.purchases import digits
from campaigns.scoring.forecast import Forecast, fitted
from campaigns.scoring.gather import Facts
from campaigns.scoring.lifetime import TooFew
from campaigns.scoring.loyalty import attitude_codes, behaviour_codes, light_codes, type_codes
from campaigns.scoring.relation import (
    OWN_DAYS,
    RISKS,
    RhythmRule,
    cause_codes,
    phase_codes,
    risk_codes,
    usual_gaps,
)
from campaigns.scoring.rules import (
    CLASS_NAMES,
    Floats,
    Integers,
    class_codes,
    days_since,
    fixed_limits,
    frat,
    levels,
    quintile_limits,
    recency_levels,
)
from campaigns.scoring.tenure import lasted, survival
from campaigns.scoring.value import BackTest, Curve, ValueRule, back_test, estimate, portfolio, values

Limits = dict[str, tuple[float, ...]]

NO_RHYTHM_DAYS = 90.0
"""The usual gap in a shop where nobody has ordered on three days yet."""


@dataclass(frozen=True)
class Scored:
    """Facts with the classes that follow from them; columns as in `Facts`, codes as in the rules."""

    facts: Facts
    limits: Limits
    r: Integers
    f: Integers
    m: Integers
    t: Integers
    frat: Integers
    codes: Integers
    usual_gap: Floats
    risks: Integers
    phases: Integers
    hows: Integers
    causes: Integers
    behaviours: Integers
    attitudes: Integers
    types: Integers
    lights: Mapping[str, Integers]
    values: Mapping[str, Floats]
    forecast: Forecast | None = None
    summary: Limits = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.facts)

    def class_name(self, place: int) -> str:
        return CLASS_NAMES[int(self.codes[place])]


def scored_of(known: Facts, limits: Limits, config: Config, forecast: Forecast | None = None) -> Scored:
    """Every rule applied, with these limits."""
    days = days_since(known.last, known.now)
    r = recency_levels(days, limits.get("r", ()))
    f = levels(known.orders_12m, limits.get("f", ()))
    m = levels(known.spent, limits.get("m", ()))
    t = levels(known.type_points, limits.get("t", ()))
    codes = class_codes(known.orders, known.first, known.now, r, f, m)
    never = known.orders <= 0
    whole = np.where(never, 0, frat(r, f, m, t, config.scores.frat_weights))
    r, f, m, t = (np.where(never, 0, column) for column in (r, f, m, t))
    rhythm = rhythm_of(limits, config)
    risks = risk_codes(known, rhythm)
    attitudes = attitude_codes(known)
    behaviours = behaviour_codes(known, risks)
    phases, hows = phase_codes(known, risks, attitudes)
    return Scored(
        facts=known,
        limits=limits,
        r=r,
        f=f,
        m=m,
        t=t,
        frat=whole,
        codes=codes,
        usual_gap=np.where(never, np.nan, usual_gaps(known, rhythm)),
        risks=risks,
        phases=phases,
        hows=hows,
        causes=cause_codes(known, risks, hows),
        behaviours=behaviours,
        attitudes=attitudes,
        types=type_codes(known, behaviours, attitudes),
        lights=light_codes(known, risks),
        values=_values(known, limits, config),
        forecast=forecast,
        summary={**_summary(known, limits, config), **_tenure(known, risks)},
    )


def limits_of(known: Facts, config: Config) -> Limits:
    """What everybody's classes follow from: the limits of the settings or quintiles of everybody who ever bought, the
    shop's usual gap, and its churn."""
    buyers = known.orders > 0
    scores = config.scores
    limits: Limits = {
        "r": fixed_limits(scores.r_limits) or quintile_limits(days_since(known.last[buyers], known.now)),
        "f": fixed_limits(scores.f_limits) or quintile_limits(known.orders_12m[buyers]),
        "m": fixed_limits(scores.m_limits, 10 ** digits(config.shop.currency))
        or quintile_limits(known.spent[buyers]),
        "t": fixed_limits(scores.t_limits) or quintile_limits(known.type_points[buyers]),
        "gap": (shop_gap(known, config),),
    }
    if (curve := _curve(known, config)) is not None:
        limits["churn"] = curve.numbers()
    return limits


def shop_gap(known: Facts, config: Config) -> float:
    """Days within which three of four customers with an own rhythm come back; or what the settings say."""
    if config.rhythm.usual_days:
        return config.rhythm.usual_days
    own = known.gap[(known.days_bought >= OWN_DAYS) & ~np.isnan(known.gap)]
    return float(np.percentile(own, 75)) if len(own) else NO_RHYTHM_DAYS


def rhythm_of(limits: Mapping[str, Any], config: Config) -> RhythmRule:
    """The rule of silence with the shop's usual gap of the last full refresh."""
    rhythm = config.rhythm
    gap = limits.get("gap", (NO_RHYTHM_DAYS,))[0]
    return RhythmRule(rhythm.at_risk, max(rhythm.lost, rhythm.at_risk), rhythm.least_days, gap)


def value_rule(config: Config) -> ValueRule:
    """What the settings say of money and time."""
    value = config.value
    return ValueRule(value.margin, value.discount, value.years, value.churn_rise)


def curve_of(limits: Mapping[str, Any]) -> Curve | None:
    """The churn that was set or estimated with these limits."""
    return Curve.of_numbers(limits.get("churn", ()))


def forecast_of(known: Facts) -> Forecast | None:
    """The fitted models, None where data are too few."""
    try:
        return fitted(known)
    except TooFew:
        return None


def _curve(known: Facts, config: Config) -> Curve | None:
    own = _estimated(known, 0)
    once, repeat = tuple(config.value.churn_once), tuple(config.value.churn_repeat)
    constant = config.value.churn_constant
    if own is None and not (once and repeat):
        return None
    if own is None:
        return Curve(once, repeat, repeat[0], constant or repeat[1])
    return Curve(
        once or own.once,
        repeat or own.repeat,
        repeat[0] if repeat else own.active,
        constant or own.overall,
        (0,) * 5 if once else own.seen_once,
        (0,) * 5 if repeat else own.seen_repeat,
    )


def _estimated(known: Facts, year: int) -> Curve | None:
    if len(known.past) <= year:
        return None
    past = known.past[year]
    there = past.orders > 0
    days = (past.now - past.last[there]) // 86_400
    return estimate(days, past.orders[there] > 1, past.bought[there])


def _values(known: Facts, limits: Limits, config: Config) -> Mapping[str, Floats]:
    curve = curve_of(limits)
    if curve is None:
        return {
            name: np.full(len(known), np.nan)
            for name in ("value", "value_low", "value_high", "value_constant")
        }
    return values(known, curve, value_rule(config))


def _summary(known: Facts, limits: Limits, config: Config) -> Limits:
    """What a full refresh keeps of all customers together: the portfolio, and last year's forecast against what came."""
    curve = curve_of(limits)
    if curve is None or not known.past:
        return {}
    whole = portfolio(known, curve, value_rule(config))
    found: Limits = {"portfolio": (whole.customers, whole.value, whole.low, whole.high, whole.constant)}
    before = _estimated(known, 1)
    if before is not None:
        test: BackTest = back_test(known.past[0], before)
        found["backtest"] = (
            test.customers, test.foreseen, test.came, test.low, test.high,
            test.foreseen_buyers, test.came_buyers, test.mean_error,
        )  # fmt: skip
    return found


def _tenure(known: Facts, risks: Integers) -> Limits:
    """What a full refresh keeps of how long relations last: all of them, and those with a second order."""
    if known.cohorts is None:
        return {}
    is_lost = (risks == RISKS.index("lost")).astype(np.int64)
    days = lasted(known.first, known.last, is_lost, known.now)
    came_back = known.days_bought > 1
    return {
        "cohorts": tuple(known.cohorts.ravel().tolist()),
        "survival": tuple(survival(days[known.is_buyer], is_lost[known.is_buyer]).tolist()),
        "survival_2": tuple(survival(days[came_back], is_lost[came_back]).tolist()),
    }

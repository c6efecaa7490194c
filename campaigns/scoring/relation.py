"""Where a relation stands, pure: at risk and lost by the customer's own rhythm, the five phases, how it ended, why.

Each rule is written twice: for one customer in plain words (`risk`, `phase`, …), as it is explained, and for
columns of a million (`risk_codes`, `phase_codes`, …). A test holds the two together. Phases after Dwyer, Schurr
and Oh, "Developing Buyer-Seller Relationships", Journal of Marketing 51 (1987).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from campaigns.scoring.rules import DAY, NEVER, Floats, Integers

RISKS = ("", "steady", "at_risk", "lost")
"""In the order of their codes; "" for who never bought."""
RISK_LABELS: Mapping[str, str] = {
    "": "Never bought",
    "steady": "Steady",
    "at_risk": "At risk",
    "lost": "Lost",
}

PHASES = ("awareness", "exploration", "expansion", "commitment", "dissolution")
ENDINGS = ("", "by_them", "by_us", "both", "silent")
ENDING_LABELS: Mapping[str, str] = {
    "": "",
    "by_them": "They ended it",
    "by_us": "We ended it",
    "both": "Both ended it",
    "silent": "It ended in silence",
}
OWN_DAYS = 3
"""So many days with an order give two gaps: an own rhythm."""
LOYAL_DAYS = 4
COMMITTED_SECONDS = 180 * DAY
LONGER = 1.5
"""Lost is who is silent for half as long again as in their own longest gap."""

PHASE_WORDS: Mapping[str, tuple[str, str]] = {
    "awareness": ("Awareness", "Known to us, and no order that counts yet."),
    "exploration": (
        "Exploration",
        "A first order, or a second one of the same kind: a trial, whose outcome is weighed.",
    ),
    "expansion": ("Expansion", f"Orders on {OWN_DAYS} days or more, or on two of different categories."),
    "commitment": (
        "Commitment",
        f"Orders on {LOYAL_DAYS} days or more over at least {COMMITTED_SECONDS // DAY} days, in their usual rhythm, "
        "and at least one sign that they are for us.",
    ),
    "dissolution": (
        "Dissolution",
        "Silent for far longer than their own rhythm; or the person or we took leave, and no order came since.",
    ),
}

CAUSES: Mapping[str, tuple[str, str]] = {
    "dissatisfied": ("rupture", "Discontent: a complaint or a problem before the silence"),
    "unrecognised": ("rupture", "Not recognised as a customer"),
    "uncompetitive": ("rupture", "Our offer fell behind"),
    "image": ("rupture", "Our name suffered"),
    "better_offer": ("rencontre", "Met a better offer"),
    "freedom": ("rencontre", "Wanted to choose freely"),
    "novelty": ("rencontre", "Looked for something new"),
    "contract": ("other", "A contract ended"),
    "requirements": ("other", "Their needs changed"),
    "repeated_failures": ("other", "Failures again and again"),
    "took_leave": ("other", "Asked for no more letters, and did not come back"),
}
"""Why a customer was lost: a branch of the tree (the rupture came first, or the meeting with another offer), and words."""
CAUSE_NAMES = ("", *CAUSES)
CAUSE_SECONDS = 90 * DAY
"""A complaint counts as the cause from so long before the last order on."""
FAILURES = 3
"""So many problems reported are failures again and again."""


@dataclass(frozen=True)
class RhythmRule:
    """When silence is too long: factors on the usual gap, the least days, and the gap of who has no own one."""

    at_risk: float
    lost: float
    least_days: float
    shop_gap: float


@dataclass(frozen=True)
class Known:
    """What one relation is judged by. Moments in whole seconds, -1 for never; marks 0 to 1, None for none.

    `gap`: median days between two days with an order, `longest`: the longest (None below two such days).
    `left`: the person took leave (withdrew, unsubscribed, reported spam); `dropped`: we did. `alternatives`:
    1 and 0 as a survey told, -1 untold.
    """

    now: int
    orders: int = 0
    days_bought: int = 0
    first: int = NEVER
    last: int = NEVER
    gap: float | None = None
    longest: float | None = None
    categories: int = 0
    promotion_orders: int = 0
    engagement: float = 0.0
    last_click: int = NEVER
    last_reply: int = NEVER
    mails_since_sign: int = 0
    surveys: int = 0
    left: int = NEVER
    dropped: int = NEVER
    contract_ends: int = NEVER
    mark: float | None = None
    mark_at: int = NEVER
    trust: float | None = None
    again: float | None = None
    alternatives: int = -1
    complaint: int = NEVER
    complaint_closed: int = NEVER
    open_complaints: int = 0
    problem: int = NEVER
    problems: int = 0
    told_cause: int = 0


NUMBERS = tuple(Known.__dataclass_fields__)
_LACKING = ("gap", "longest", "mark", "trust", "again")


def known_at(facts: Any, place: int) -> Known:
    """One customer out of columns that bear the names of `Known`."""
    values: dict[str, Any] = {"now": facts.now}
    for name in NUMBERS[1:]:
        value = getattr(facts, name)[place].item()
        values[name] = None if name in _LACKING and isnan(value) else value
    return Known(**values)


def usual_gap(known: Known, rule: RhythmRule) -> float:
    """Days between orders: the customer's own median from two gaps on, else the shop's."""
    if known.days_bought >= OWN_DAYS and known.gap is not None:
        return known.gap
    return rule.shop_gap


def limits_of_silence(known: Known, rule: RhythmRule) -> tuple[float, float]:
    """After how many days without an order this customer is at risk, and lost."""
    gap = usual_gap(known, rule)
    longest = known.longest if known.days_bought >= OWN_DAYS and known.longest is not None else 0.0
    least_lost = rule.least_days * rule.lost / rule.at_risk
    return max(rule.at_risk * gap, longest, rule.least_days), max(
        rule.lost * gap, LONGER * longest, least_lost
    )


def risk(known: Known, rule: RhythmRule) -> str:
    """steady, at_risk or lost by the own rhythm; "" for who never bought."""
    if known.orders <= 0:
        return ""
    silence = (known.now - known.last) // DAY
    at_risk, lost = limits_of_silence(known, rule)
    return "lost" if silence > lost else "at_risk" if silence > at_risk else "steady"


def ending(known: Known) -> str:
    """Who took leave since the last order: by_them, by_us, both, or silent."""
    them = known.left > known.last or known.last < known.contract_ends <= known.now
    us = known.dropped > known.last
    return "both" if them and us else "by_them" if them else "by_us" if us else "silent"


def phase(known: Known, risk: str, attitude: int | None) -> tuple[str, str]:
    """The phase, and for dissolution how it came."""
    how = ending(known)
    contract_over = known.last < known.contract_ends <= known.now
    is_over = (
        risk == "lost"
        or (risk in ("", "at_risk") and how != "silent")
        or (risk == "steady" and contract_over)
    )
    if is_over:
        return "dissolution", how
    if known.orders <= 0:
        return "awareness", ""
    is_long = known.last - known.first >= COMMITTED_SECONDS
    if known.days_bought >= LOYAL_DAYS and is_long and risk == "steady" and attitude == 1:
        return "commitment", ""
    if known.days_bought >= OWN_DAYS or (known.days_bought == 2 and known.categories >= 2):
        return "expansion", ""
    return "exploration", ""


def cause(known: Known, risk: str, how: str) -> str:
    """Why somebody at risk, lost or gone is so, where evidence tells; "" otherwise. What a person told comes first."""
    if risk in ("", "steady") and not how:
        return ""
    if known.told_cause:
        return CAUSE_NAMES[known.told_cause]
    if known.problems >= FAILURES:
        return "repeated_failures"
    newest = max(known.complaint, known.problem)
    if newest != NEVER and newest > known.last - CAUSE_SECONDS:
        return "dissatisfied"
    if known.last < known.contract_ends <= known.now:
        return "contract"
    return "took_leave" if known.left != NEVER and known.left > known.last else ""


# ── the same for columns


def usual_gaps(facts: Any, rule: RhythmRule) -> Floats:
    """`usual_gap` of everybody."""
    own = (facts.days_bought >= OWN_DAYS) & ~np.isnan(facts.gap)
    found: Floats = np.where(own, facts.gap, rule.shop_gap)
    return found


def risk_codes(facts: Any, rule: RhythmRule) -> Integers:
    """Position in RISKS of everybody."""
    gaps = usual_gaps(facts, rule)
    own = (facts.days_bought >= OWN_DAYS) & ~np.isnan(facts.longest)
    longest = np.where(own, facts.longest, 0.0)
    silence = (facts.now - facts.last) // DAY
    at_risk = np.maximum(np.maximum(rule.at_risk * gaps, longest), rule.least_days)
    least_lost = rule.least_days * rule.lost / rule.at_risk
    lost = np.maximum(np.maximum(rule.lost * gaps, LONGER * longest), least_lost)
    found: Integers = np.select([facts.orders <= 0, silence > lost, silence > at_risk], [0, 3, 2], 1)
    return found


def ending_codes(facts: Any) -> Integers:
    """Position in ENDINGS of everybody (never "")."""
    them = (facts.left > facts.last) | _contract_over(facts)
    us = facts.dropped > facts.last
    found: Integers = np.select([them & us, them, us], [3, 1, 2], 4)
    return found


def phase_codes(facts: Any, risks: Integers, attitudes: Integers) -> tuple[Integers, Integers]:
    """Positions in PHASES and in ENDINGS (0 outside dissolution); an attitude below -1 is untold."""
    how = ending_codes(facts)
    is_over = (
        (risks == 3) | (((risks == 0) | (risks == 2)) & (how != 4)) | ((risks == 1) & _contract_over(facts))
    )
    is_committed = (
        (facts.days_bought >= LOYAL_DAYS)
        & (facts.last - facts.first >= COMMITTED_SECONDS)
        & (risks == 1)
        & (attitudes == 1)
    )
    is_expanding = (facts.days_bought >= OWN_DAYS) | ((facts.days_bought == 2) & (facts.categories >= 2))
    phases: Integers = np.select([is_over, facts.orders <= 0, is_committed, is_expanding], [4, 0, 3, 2], 1)
    return phases, np.where(is_over, how, 0)


def cause_codes(facts: Any, risks: Integers, hows: Integers) -> Integers:
    """Position in CAUSE_NAMES of everybody, 0 where nothing tells."""
    newest = np.maximum(facts.complaint, facts.problem)
    name = CAUSE_NAMES.index
    found: Integers = np.select(
        [
            (risks <= 1) & (hows == 0),
            facts.told_cause > 0,
            facts.problems >= FAILURES,
            (newest != NEVER) & (newest > facts.last - CAUSE_SECONDS),
            _contract_over(facts),
            (facts.left != NEVER) & (facts.left > facts.last),
        ],
        [
            0,
            facts.told_cause,
            name("repeated_failures"),
            name("dissatisfied"),
            name("contract"),
            name("took_leave"),
        ],
        0,
    )
    return found


def _contract_over(facts: Any) -> Any:
    return (facts.last < facts.contract_ends) & (facts.contract_ends <= facts.now)

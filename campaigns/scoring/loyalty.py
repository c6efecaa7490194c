"""What kind of loyalty it is, pure: two axes (what they do, what they feel), a type, and the five lights, each with evidence.

No evidence means unknown: nothing is guessed from what is not on record. Rules stand twice, for one customer with
the evidence in words, and for columns; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from campaigns.scoring.relation import OWN_DAYS, Known
from campaigns.scoring.rules import BOUND_ENGAGED, DAY, NEVER, Integers

GOOD, BAD = 0.7, 0.4
"""Marks from here on are good, up to there bad; between them they say neither."""
FRESH = 365 * DAY
"""A mark, a reply, a solved complaint is evidence for so long."""
PROBLEM_FRESH = 90 * DAY
SILENT_MAILS = 6
"""So many letters since the last sign, and none came: a silence that says something."""
UNANSWERED = 3
FEELS = BOUND_ENGAGED / 2
LONG_TENURE = 730 * DAY
PROMOTION_ORDERS = 3
UNTOLD = -9
"""In columns: nothing is known."""

TYPES: Mapping[str, tuple[str, str, str]] = {
    "solid": (
        "Solid",
        "Comes back in their own rhythm, and is for us.",
        "An open complaint, a bad mark, taking leave, or a silence beyond their rhythm would end it.",
    ),
    "inertia": (
        "Inertia",
        "Comes back by habit: orders, but no click, no answer, no word.",
        "A click, a reply or a good mark would make it solid; a bad mark or a complaint, retention.",
    ),
    "retention": (
        "Retention",
        "Comes back although discontent, or because there is no choice: a contract, no other supplier.",
        "A solved complaint with an order after it, or a good mark (and a free choice), would make it solid.",
    ),
    "unknown": (
        "Unknown",
        "Not enough is on record: no regular orders, or no sign of what they feel.",
        "Orders on three days in their usual rhythm, and one sign of attitude (a click, an answer, a mark), would tell.",
    ),
}
"""Name → label, definition, what would change it."""
TYPE_NAMES = ("unknown", "solid", "inertia", "retention")
BEHAVIOURS: Mapping[int | None, str] = {1: "comes back", 0: "does not come back regularly", None: "unknown"}
ATTITUDES: Mapping[int | None, str] = {1: "for us", 0: "indifferent", -1: "against us", None: "unknown"}

LIGHTS: Mapping[str, str] = {
    "satisfied": "Satisfied",
    "confident": "Confident",
    "attached": "Attached",
    "engaged": "Engaged",
    "cooperative": "Cooperative",
}


@dataclass(frozen=True)
class Evidence:
    """One thing on record that speaks for (1), against (-1) or of indifference (0); `at` is -1 where it has no moment."""

    sign: int
    text: str
    at: int = NEVER


@dataclass(frozen=True)
class Light:
    """One light of the customer card: on (1), off (0), unknown (None), and the line that says why."""

    name: str
    label: str
    state: int | None
    line: str


@dataclass(frozen=True)
class Loyalty:
    """The type with both axes and what they rest on."""

    name: str
    behaviour: int | None
    attitude: int | None
    behaviour_lines: tuple[str, ...]
    attitude_lines: tuple[str, ...]

    @property
    def label(self) -> str:
        return TYPES[self.name][0]

    @property
    def meaning(self) -> str:
        return TYPES[self.name][1]

    @property
    def would_change(self) -> str:
        return TYPES[self.name][2]


def _is_fresh(known: Known, moment: int, seconds: int = FRESH) -> bool:
    return moment != NEVER and known.now - moment <= seconds


def _came_back(known: Known) -> bool:
    return (
        known.complaint_closed != NEVER
        and known.last > known.complaint_closed
        and _is_fresh(known, known.last)
    )


def _is_promotion_buyer(known: Known) -> bool:
    return known.orders >= PROMOTION_ORDERS and known.promotion_orders >= known.orders


def _has_problem(known: Known) -> bool:
    return _is_fresh(known, known.problem, PROBLEM_FRESH) and known.problem > known.last


def _mark(known: Known) -> float | None:
    return known.mark if _is_fresh(known, known.mark_at) else None


def _days(known: Known, moment: int) -> str:
    days = (known.now - moment) // DAY
    return "today" if days < 1 else "yesterday" if days == 1 else f"{days:,} days ago"


def attitude_evidence(known: Known) -> list[Evidence]:
    """Everything on record that tells what this customer feels, what is against us first."""
    found = []
    mark = _mark(known)
    if known.open_complaints:
        found.append(
            Evidence(-1, f"A complaint has been open since {_days(known, known.complaint)}.", known.complaint)
        )
    if mark is not None and mark <= BAD:
        found.append(Evidence(-1, f"Gave a mark of {mark:.0%} {_days(known, known.mark_at)}.", known.mark_at))
    if known.again is not None and known.again <= BAD:
        found.append(Evidence(-1, f"Would hardly choose us again among others ({known.again:.0%})."))
    if known.left != NEVER:
        found.append(
            Evidence(-1, f"Asked for no more letters, or withdrew, {_days(known, known.left)}.", known.left)
        )
    if _has_problem(known):
        found.append(
            Evidence(-1, f"Reported a problem {_days(known, known.problem)}, no order since.", known.problem)
        )
    if mark is not None and mark >= GOOD:
        found.append(Evidence(1, f"Gave a mark of {mark:.0%} {_days(known, known.mark_at)}.", known.mark_at))
    if known.again is not None and known.again >= GOOD:
        found.append(Evidence(1, f"Would choose us again among others ({known.again:.0%})."))
    if known.engagement >= FEELS:
        found.append(Evidence(1, f"Clicks and answers: engagement {known.engagement:.2f}."))
    if _is_fresh(known, known.last_reply):
        found.append(Evidence(1, f"Replied to a letter {_days(known, known.last_reply)}.", known.last_reply))
    if _came_back(known):
        found.append(
            Evidence(
                1, f"Ordered again after a complaint was solved, {_days(known, known.last)}.", known.last
            )
        )
    if known.mails_since_sign >= SILENT_MAILS:
        found.append(Evidence(0, f"{known.mails_since_sign:,} letters since the last sign of life."))
    if _is_promotion_buyer(known):
        found.append(Evidence(0, f"All {known.orders:,} orders came right after a promotion."))
    return found


def attitude(known: Known) -> int | None:
    """-1 if anything speaks against us, else 1 if anything speaks for us, else 0 if silence does; None without evidence."""
    signs = {each.sign for each in attitude_evidence(known)}
    return next((sign for sign in (-1, 1, 0) if sign in signs), None)


def behaviour(known: Known, risk: str) -> int | None:
    """1 for orders on three days or more and none overdue, 0 for other buyers, None for who never bought."""
    if known.orders <= 0:
        return None
    return int(known.days_bought >= OWN_DAYS and risk == "steady")


def _is_captive(known: Known) -> bool:
    return known.alternatives == 0 or known.contract_ends > known.now


def loyalty(known: Known, risk: str) -> Loyalty:
    """The type with its evidence. Solid takes a free choice: a running contract or no known alternative is retention
    unless the person is for us and says that there are others."""
    does, feels = behaviour(known, risk), attitude(known)
    return Loyalty(
        _type(known, does, feels),
        does,
        feels,
        _behaviour_lines(known, risk),
        tuple(each.text for each in attitude_evidence(known)) + _captive_lines(known)
        or ("Nothing on record tells what this customer feels.",),
    )


def _type(known: Known, does: int | None, feels: int | None) -> str:
    if does != 1 or feels is None:
        return "unknown"
    if feels == -1 or known.alternatives == 0 or (feels == 0 and _is_captive(known)):
        return "retention"
    return "solid" if feels == 1 else "inertia"


def _behaviour_lines(known: Known, risk: str) -> tuple[str, ...]:
    if known.orders <= 0:
        return ("No order that counts.",)
    words = {
        "steady": "none is overdue",
        "at_risk": "the next one is overdue",
        "lost": "silent far beyond it",
    }
    number = "one day" if known.days_bought == 1 else f"{known.days_bought:,} days"
    return (f"Orders on {number}; by their rhythm {words[risk]}.",)


def _captive_lines(known: Known) -> tuple[str, ...]:
    lines = []
    if known.contract_ends > known.now:
        lines.append(f"A contract runs for {(known.contract_ends - known.now) // DAY:,} more days.")
    if known.alternatives == 0:
        lines.append("Told us that they know no other supplier.")
    return tuple(lines)


def lights(known: Known, risk: str) -> tuple[Light, ...]:
    """The five lights, each with its line."""
    rules = {
        "satisfied": _satisfied(known),
        "confident": _confident(known),
        "attached": _attached(known, risk),
        "engaged": _engaged(known),
        "cooperative": _cooperative(known),
    }
    return tuple(Light(name, LIGHTS[name], state, line) for name, (state, line) in rules.items())


def __judged_codes(mark: float) -> int | None:
    return 1 if mark >= GOOD else 0 if mark <= BAD else None


def _satisfied(known: Known) -> tuple[int | None, str]:
    mark = _mark(known)
    if known.open_complaints:
        return 0, f"A complaint is open, the last one since {_days(known, known.complaint)}."
    if _has_problem(known) and known.problem > known.mark_at:
        return 0, f"Reported a problem {_days(known, known.problem)}, no order since."
    if mark is not None:
        return __judged_codes(mark), f"Gave a mark of {mark:.0%} {_days(known, known.mark_at)}."
    if _came_back(known):
        return 1, f"A complaint was solved, and an order came after it, {_days(known, known.last)}."
    return None, "No survey answered in a year, no complaint."


def _confident(known: Known) -> tuple[int | None, str]:
    if known.trust is not None:
        return __judged_codes(known.trust), f"Trusts us to {known.trust:.0%}, by their own answer."
    if _came_back(known):
        return 1, "Ordered again after a complaint was solved."
    return None, "No answer about trust."


def _attached(known: Known, risk: str) -> tuple[int | None, str]:
    if known.left != NEVER:
        return 0, f"Asked for no more letters, or withdrew, {_days(known, known.left)}."
    if known.again is not None and __judged_codes(known.again) is not None:
        return __judged_codes(known.again), f"Would choose us again among others: {known.again:.0%}."
    if _is_promotion_buyer(known):
        return 0, f"All {known.orders:,} orders came right after a promotion: attached to the price."
    if known.orders > 1 and known.last - known.first >= LONG_TENURE and risk == "steady":
        return (
            1,
            f"Has come back for {(known.last - known.first) // (365 * DAY)} years, not only for promotions.",
        )
    return None, "Neither an answer nor two years of orders."


def _engaged(known: Known) -> tuple[int | None, str]:
    if known.engagement >= BOUND_ENGAGED:
        return 1, f"Clicks and answers: engagement {known.engagement:.2f}."
    if known.mails_since_sign >= SILENT_MAILS:
        return 0, f"{known.mails_since_sign:,} letters since the last sign of life."
    if known.engagement > 0:
        return None, f"A few signs only: engagement {known.engagement:.2f}."
    return None, "Too few letters to tell."


def _cooperative(known: Known) -> tuple[int | None, str]:
    newest = max(known.mark_at, known.last_reply)
    if _is_fresh(known, newest):
        what = "Answered a survey" if known.mark_at >= known.last_reply else "Replied to a letter"
        return 1, f"{what} {_days(known, newest)}."
    if known.surveys >= UNANSWERED:
        return 0, f"None of {known.surveys:,} surveys of the last year was answered."
    return None, "Hardly asked so far."


# ── the same for columns


def attitude_codes(facts: Any) -> Integers:
    """-1, 0, 1, or UNTOLD of everybody."""
    mark, problem = _marks(facts), _problems(facts)
    against = (
        (facts.open_complaints > 0) | (mark <= BAD) | (facts.again <= BAD) | (facts.left != NEVER) | problem
    )
    good = (
        (mark >= GOOD)
        | (facts.again >= GOOD)
        | (facts.engagement >= FEELS)
        | _fresh(facts, facts.last_reply)
        | _returned(facts)
    )
    silent = (facts.mails_since_sign >= SILENT_MAILS) | _promotion_buyers(facts)
    found: Integers = np.select([against, good, silent], [-1, 1, 0], UNTOLD)
    return found


def behaviour_codes(facts: Any, risks: Integers) -> Integers:
    """1, 0, or UNTOLD of everybody."""
    regular = (facts.days_bought >= OWN_DAYS) & (risks == 1)
    found: Integers = np.where(facts.orders <= 0, UNTOLD, regular.astype(np.int64))
    return found


def type_codes(facts: Any, behaviours: Integers, attitudes: Integers) -> Integers:
    """Position in TYPE_NAMES of everybody."""
    captive = (facts.alternatives == 0) | (facts.contract_ends > facts.now)
    found: Integers = np.select(
        [
            (behaviours != 1) | (attitudes == UNTOLD),
            (attitudes == -1) | (facts.alternatives == 0) | ((attitudes == 0) & captive),
            attitudes == 1,
        ],
        [0, 3, 1],
        2,
    )
    return found


def light_codes(facts: Any, risks: Integers) -> dict[str, Integers]:
    """Each light of everybody: 1, 0, or UNTOLD."""
    mark, returned = _marks(facts), _returned(facts)
    problem = _problems(facts) & (facts.problem > facts.mark_at)
    newest = np.maximum(facts.mark_at, facts.last_reply)
    stays = (facts.orders > 1) & (facts.last - facts.first >= LONG_TENURE) & (risks == 1)
    has_again = (facts.again >= GOOD) | (facts.again <= BAD)
    found: dict[str, Any] = {
        "satisfied": np.select(
            [facts.open_complaints > 0, problem, ~np.isnan(mark), returned],
            [0, 0, _judged_codes(mark), 1],
            UNTOLD,
        ),
        "confident": np.select([~np.isnan(facts.trust), returned], [_judged_codes(facts.trust), 1], UNTOLD),
        "attached": np.select(
            [facts.left != NEVER, has_again, _promotion_buyers(facts), stays],
            [0, _judged_codes(facts.again), 0, 1],
            UNTOLD,
        ),
        "engaged": np.select(
            [facts.engagement >= BOUND_ENGAGED, facts.mails_since_sign >= SILENT_MAILS], [1, 0], UNTOLD
        ),
        "cooperative": np.select([_fresh(facts, newest), facts.surveys >= UNANSWERED], [1, 0], UNTOLD),
    }
    return found


def _judged_codes(marks: Any) -> Any:
    return np.select([marks >= GOOD, marks <= BAD], [1, 0], UNTOLD)


def _fresh(facts: Any, moments: Any, seconds: int = FRESH) -> Any:
    return (moments != NEVER) & (facts.now - moments <= seconds)


def _marks(facts: Any) -> Any:
    return np.where(_fresh(facts, facts.mark_at), facts.mark, np.nan)


def _problems(facts: Any) -> Any:
    return _fresh(facts, facts.problem, PROBLEM_FRESH) & (facts.problem > facts.last)


def _returned(facts: Any) -> Any:
    closed = facts.complaint_closed
    return (closed != NEVER) & (facts.last > closed) & _fresh(facts, facts.last)


def _promotion_buyers(facts: Any) -> Any:
    return (facts.orders >= PROMOTION_ORDERS) & (facts.promotion_orders >= facts.orders)

"""Relations: in which phase they are and go, what kind of loyalty they show, how long they last, why they end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from campaigns import scoring
from campaigns.db import page
from campaigns.errors import NotFound
from webapp.context import runtime
from webapp.security import admin_blueprint

blueprint = admin_blueprint("relations")

FLOW_DAYS = 365
NUMBERS = {"1": 1, "0": 0, "-1": -1, "unknown": None}
"""Places on the two axes of loyalty, as an address names them."""


@dataclass(frozen=True)
class Choice:
    """Which customers a number of this page stands for: their select, and what they have in common."""

    title: str
    lead: str
    ids: Any
    conditions: Mapping[str, Any] = field(default_factory=dict)
    """What a segment of them would ask, field by field; empty where no rule says the same."""


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Phases, loyalty, causes, balance, cohorts, survival."""
    config, (since, until) = runtime().config, _span()
    with runtime().reading() as session:
        survival = scoring.survival_of(session)
        return render_template(
            "relations/show.html",
            refreshed_at=scoring.refreshed_at(session),
            phases=scoring.phase_sizes(session),
            words=scoring.PHASE_WORDS,
            endings=scoring.endings(session),
            ending_words=scoring.ENDING_LABELS,
            flow=scoring.phase_flow(session, since, until),
            days=(until - since).days,
            axes=scoring.loyalty_sizes(session),
            behaviours=scoring.BEHAVIOURS,
            attitudes=scoring.ATTITUDES,
            types=scoring.type_sizes(session),
            type_words=scoring.LOYALTY_TYPES,
            causes=scoring.lost_by_cause(session),
            balance=scoring.balance_sizes(session),
            sides=scoring.BALANCE_SIDES,
            cohorts=scoring.cohorts_of(session, config=config),
            survival=survival.get("survival", ()),
            survival_again=survival.get("survival_2", ()),
        )


@blueprint.get("/customers")
def customers() -> ResponseReturnValue:
    """The customers behind a number."""
    choice = _chosen()
    with runtime().reading() as session:
        found = page(session, scoring.rows(choice.ids), request.args.get("page", 1, type=int))
        return render_template(
            "scores/customers.html",
            choice=choice,
            page=found,
            by_name=scoring.CLASS_BY_NAME,
            crumb=("Relations", "relations.show"),
        )


def _chosen() -> Choice:
    given = request.args
    for name, read in (
        ("to", _moved),
        ("phase", _in_phase),
        ("behaviour", _in_quadrant),
        ("loyalty", _of_type),
        ("cause", _lost),
        ("cohort", _in_cohort),
    ):
        if name in given:
            return read()
    raise NotFound("This list needs to be told whom it shows: come from a number of the page.")


def _in_phase() -> Choice:
    phase, how = _word("phase", scoring.PHASE_WORDS), request.args.get("how")
    label, meaning = scoring.PHASE_WORDS[phase]
    if how is not None and how not in scoring.ENDING_LABELS:
        raise NotFound("A relation does not end in that way.")
    words = scoring.ENDING_LABELS[how] if how else meaning
    conditions = {"relation.phase": phase} | ({"relation.ended": how} if how else {})
    return Choice(label, words, scoring.in_phase(phase, how), conditions)


def _moved() -> Choice:
    source, target = _word("from", scoring.PHASE_WORDS), _word("to", scoring.PHASE_WORDS)
    since, until = _span()
    title = f"{scoring.PHASE_WORDS[source][0]} → {scoring.PHASE_WORDS[target][0]}"
    lead = f"In the last {(until - since).days} days."
    return Choice(title, lead, scoring.flowed(source, target, since, until))


def _in_quadrant() -> Choice:
    behaviour, attitude = (request.args.get(name, "unknown") for name in ("behaviour", "attitude"))
    if behaviour not in NUMBERS or attitude not in NUMBERS:
        raise NotFound("There is no such place on the axes of loyalty.")
    b, a = NUMBERS[behaviour], NUMBERS[attitude]
    if b not in scoring.BEHAVIOURS:
        raise NotFound("There is no such place on the axes of loyalty.")
    title = f"Behaviour: {scoring.BEHAVIOURS[b]}; attitude: {scoring.ATTITUDES[a]}"
    return Choice(title, "By what they do and by what they show.", scoring.in_quadrant(b, a))


def _of_type() -> Choice:
    loyalty = _word("loyalty", scoring.LOYALTY_TYPES)
    label, meaning, _ = scoring.LOYALTY_TYPES[loyalty]
    return Choice(label, meaning, scoring.of_type(loyalty), {"relation.loyalty": loyalty})


def _lost() -> Choice:
    cause = request.args.get("cause", "")
    if cause and cause not in scoring.CAUSES:
        raise NotFound("There is no such cause.")
    title = scoring.CAUSES[cause][1] if cause else "Unknown: nothing on record tells"
    conditions = {"relation.risk": "lost", "relation.cause": cause} if cause else {}
    lead = "Customers who are lost by their own rhythm."
    return Choice(title, lead, scoring.lost_because(cause), conditions)


def _in_cohort() -> Choice:
    month, since = request.args.get("cohort", ""), request.args.get("month", 0, type=int)
    try:
        datetime.strptime(month, "%Y-%m")  # noqa: DTZ007 - looked at only to see whether it is a month
    except ValueError:
        raise NotFound("A month is written like 2026-03.") from None
    if not 0 <= since < 240:
        raise NotFound("There is no such month since then.")
    lead = "In the month of their first order." if not since else f"Who ordered again {since} months later."
    ids = scoring.in_cohort(month, since, config=runtime().config)
    return Choice(f"First order in {month}", lead, ids)


def _word(name: str, known: Any) -> str:
    word = request.args.get(name, "")
    if word not in known:
        raise NotFound(f"{word or 'Nothing'} is not known here.")
    return word


def _span() -> tuple[datetime, datetime]:
    """The last days up to tomorrow's midnight, so that one and the same day gives one and the same list."""
    days = request.args.get("days", FLOW_DAYS, type=int)
    here = runtime().clock.now().astimezone(runtime().config.zone).date() + timedelta(days=1)
    until = datetime.combine(here, time(), runtime().config.zone)
    return until - timedelta(days=min(max(days, 1), 3650)), until

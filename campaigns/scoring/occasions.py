"""Occasions that lie in what the figures say: another phase or class, at risk, lost, a key account that is silent."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)

from campaigns.customers import Customer
from campaigns.db.expressions import epoch, json_object, scanned
from campaigns.merge import MergeField
from campaigns.occasions import Occasion, Option, Options, Zones, days_after, spans_of, waiting
from campaigns.purchases import Purchase
from campaigns.scoring.model import KeyAccount, Score, Transition
from campaigns.scoring.relation import CAUSES, PHASES
from campaigns.scoring.rules import CLASSES, DAY
from campaigns.scoring.sunset import LAST_CALL

HEADING = "What we know of them"

_PHASES = tuple((name, name.capitalize()) for name in PHASES)
_CLASSES = tuple((each.name, each.label) for each in CLASSES)
_ANY = ("", "Any")


def _words(column: Any, choices: Sequence[tuple[str, str]]) -> ColumnElement[str]:
    return case(*((column == name, label) for name, label in choices), else_=cast(column, String))


def _changes(kind: str, since: datetime, until: datetime) -> Select[Any]:
    """Changes that still hold: who has changed again meanwhile is left alone."""
    choices = _PHASES if kind == "phase" else _CLASSES
    found: Any = select(
        Transition.customer_id.label("customer_id"),
        (literal("change:") + cast(Transition.id, String)).label("occasion_key"),
        Transition.at.label("at"),
        json_object(before=_words(Transition.source, choices), now=_words(Transition.target, choices)).label(
            "facts"
        ),
    ).where(
        Transition.kind == kind,
        Transition.at >= since,
        Transition.at < until,
        Transition.source != "",
        Transition.until.is_(None),
    )
    chosen: Select[Any] = found
    return chosen


def _between(found: Select[Any], options: Options) -> Select[Any]:
    for name, column in (("before", Transition.source), ("now", Transition.target)):
        if options.get(name):
            found = found.where(column == str(options[name]))
    return found


def _phase_changed(options: Options, since: datetime, until: datetime) -> Select[Any]:
    return _between(_changes("phase", since, until), options)


def _class_changed(options: Options, since: datetime, until: datetime) -> Select[Any]:
    return _between(_changes("class", since, until), options)


def _change_options(choices: Sequence[tuple[str, str]]) -> tuple[Option, ...]:
    return (
        Option("before", "From", "choice", "", choices=(_ANY, *choices)),
        Option("now", "To", "choice", "", choices=(_ANY, *choices)),
        *waiting(1, "days"),
    )


CHANGE_FACTS = (
    MergeField("changed_on", "The day of the change", "text", may_lack=False, example="2026-11-20"),
    MergeField("before", "What they were before", may_lack=False, example="Exploration"),
    MergeField("now", "What they are now", may_lack=False, example="Expansion"),
)

PHASE_CHANGED = Occasion(
    name="phase_changed",
    label="Another phase of the relation",
    description="When somebody passes from one phase of the relation to another, and is still in it after the wait.",
    heading=HEADING,
    options=_change_options(_PHASES),
    facts=CHANGE_FACTS,
    happened=_phase_changed,
    day_fact="changed_on",
    barred_by=("complaint_open",),
)

CLASS_CHANGED = Occasion(
    name="class_changed",
    label="Another class",
    description="When somebody passes from one class to another (to the champions, say), and is still in it after the wait.",
    heading=HEADING,
    options=_change_options(_CLASSES),
    facts=CHANGE_FACTS,
    happened=_class_changed,
    day_fact="changed_on",
    barred_by=("complaint_open",),
)


def _fell_silent(risk: str, options: Options, since: datetime, until: datetime) -> Select[Any]:
    """Who came to this risk, still is at it, and has not bought since."""
    bought = exists().where(
        Purchase.customer_id == Transition.customer_id,
        Purchase.status == "paid",
        Purchase.purchased_at >= Transition.at,
    )
    found: Any = (
        select(
            Transition.customer_id.label("customer_id"),
            (literal(f"{risk}:") + cast(Transition.id, String)).label("occasion_key"),
            Transition.at.label("at"),
            json_object(cause=cast(Score.cause, String)).label("facts"),
        )
        .join(Score, Score.customer_id == Transition.customer_id)
        .where(
            Transition.kind == "risk",
            Transition.target == risk,
            Transition.source != "",
            Transition.at >= since,
            Transition.at < until,
            Transition.until.is_(None),
            ~bought,
        )
    )
    if options.get("cause"):
        found = found.where(Score.cause == ("" if options["cause"] == "none" else str(options["cause"])))
    chosen: Select[Any] = found
    return chosen


def _at_risk(options: Options, since: datetime, until: datetime) -> Select[Any]:
    return _fell_silent("at_risk", options, since, until)


def _lost(options: Options, since: datetime, until: datetime) -> Select[Any]:
    return _fell_silent("lost", options, since, until)


CAUSE = Option(
    "cause",
    "Only for the cause",
    "choice",
    "",
    choices=(
        ("", "Any cause"),
        ("none", "No cause known"),
        *((name, words) for name, (_, words) in CAUSES.items()),
    ),
)
SILENCE_FACTS = (
    MergeField("noticed_on", "The day it was noticed", "text", may_lack=False, example="2026-11-20"),
    MergeField("cause", "The cause, in one word; empty if not known", may_lack=True, example="dissatisfied"),
)

AT_RISK = Occasion(
    name="at_risk",
    label="At risk",
    description=(
        "When somebody has been silent for too long by their own rhythm, and has not bought since. Once each time it "
        "happens."
    ),
    heading=HEADING,
    options=(days_after("Days after it was noticed", 1), CAUSE),
    facts=SILENCE_FACTS,
    happened=_at_risk,
    day_fact="noticed_on",
    barred_by=("complaint_open",),
)


def _tries(options: Options) -> Sequence[int]:
    return [number * int(options["every"]) for number in range(int(options["tries"]))]


LOST = Occasion(
    name="lost",
    label="Lost",
    description=(
        "Win-back: when somebody counts as lost. The letter comes a few times at most, for one cause or for all, and "
        "no more as soon as they have bought."
    ),
    heading=HEADING,
    options=(
        days_after("Days until the first try", 1),
        Option("tries", "How many tries at most", "number", 1, low=1, high=5),
        Option("every", "Days from one try to the next", "number", 30, low=7, high=365),
        CAUSE,
    ),
    facts=SILENCE_FACTS,
    happened=_lost,
    day_fact="noticed_on",
    tries=_tries,
    barred_by=("complaint_open",),
)


# ── key accounts


def _silent(options: Mapping[str, Any], day: date, zones: Zones) -> Select[Any]:
    """On the day after which the last order lies longer back than the account may be silent."""
    own = func.coalesce(Score.usual_gap, 0) * int(options["percent"]) / 100
    least = int(options["least"])
    limit = func.coalesce(KeyAccount.quiet_days, case((own > least, own), else_=least))
    alarm_at = epoch(Score.last_purchase_at) + cast(limit * DAY, BigInteger)
    is_there = or_(
        *(
            and_(
                alarm_at >= int(start.timestamp()),
                alarm_at < int(end.timestamp()),
                scanned(Customer.zone).in_(names),
            )
            for (start, end), names in spans_of(day - timedelta(days=1), zones).items()
        )
    )
    found: Any = (
        select(
            KeyAccount.customer_id.label("customer_id"),
            (literal("since:") + cast(epoch(Score.last_purchase_at), String)).label("occasion_key"),
            json_object(silent_days=cast(limit, BigInteger)).label("facts"),
        )
        .join(Score, Score.customer_id == KeyAccount.customer_id)
        .join(Customer, Customer.id == KeyAccount.customer_id)
        .where(KeyAccount.ended_at.is_(None), KeyAccount.owner_id.is_not(None), is_there)
    )
    chosen: Select[Any] = found
    return chosen


KEY_ACCOUNT_SILENT = Occasion(
    name="key_account_silent",
    label="A key account is silent",
    description=(
        "A mail to the colleague who looks after it, once for each silence: when a key account has ordered nothing for "
        "longer than its own alarm, or than so many times its usual gap."
    ),
    heading=HEADING,
    subject="owner",
    options=(
        Option(
            "percent",
            "Percent of its usual gap",
            "number",
            200,
            low=100,
            high=1000,
            help="200: twice as long as usual. An account with an alarm of its own keeps that.",
        ),
        Option("least", "But not before so many days", "number", 30, low=1, high=365),
    ),
    facts=(MergeField("silent_days", "So many days it may be silent", "number", may_lack=False, example=60),),
    due=_silent,
)


OCCASIONS = (PHASE_CHANGED, CLASS_CHANGED, AT_RISK, LOST, KEY_ACCOUNT_SILENT, LAST_CALL)

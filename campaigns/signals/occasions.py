"""Occasions that a shop tells: a basket left behind, a complaint closed, a survey answered, or any event of its own."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, String, case, cast, exists, func, literal, select
from sqlalchemy.orm import Session, aliased

from campaigns.customers import Customer
from campaigns.db.expressions import json_number, json_object, json_text, scanned
from campaigns.merge import MergeField
from campaigns.occasions import Bar, Occasion, Option, Options, Zones, waiting
from campaigns.purchases import Purchase
from campaigns.signals.model import Signal
from campaigns.signals.queries import open_complaints
from campaigns.signals.rules import KNOWN, kind_words

HEADING = "What the shop tells"
MOST_KINDS = 200
LONGEST_KEY = 80

SIGNAL_FACTS = (
    MergeField("happened_on", "The day it happened", "text", may_lack=False, example="2026-11-20"),
    MergeField(
        "reference", "Its number: of the basket, the ticket, the answer", may_lack=False, example="T-1041"
    ),
)


def _key() -> Any:
    """Of the signal's own key, which stays the same if everything is told again; of its row where that is too long."""
    return case(
        (func.length(Signal.key) <= LONGEST_KEY, Signal.key), else_=literal("row:") + cast(Signal.id, String)
    )


def _told(kind: str, since: datetime, until: datetime) -> Select[Any]:
    return select(
        Signal.customer_id.label("customer_id"),
        _key().label("occasion_key"),
        Signal.at.label("at"),
        json_object(reference=cast(Signal.key, String)).label("facts"),
    ).where(Signal.kind == kind, Signal.at >= since, Signal.at < until)


def _kinds(session: Session) -> Sequence[tuple[str, str]]:
    own = session.scalars(select(Signal.kind).distinct().order_by(Signal.kind).limit(MOST_KINDS))
    return [(kind, kind_words(kind)) for kind in dict.fromkeys([*KNOWN, *own])]


def _any(options: Options, since: datetime, until: datetime) -> Select[Any]:
    return _told(str(options["kind"]), since, until)


SIGNAL = Occasion(
    name="signal",
    label="An event told by the shop",
    description="Anything that the shop, a form or a file tells us of a customer, by the name it is told under.",
    heading=HEADING,
    options=(
        Option("kind", "Which event", "pick", "", offered=_kinds, is_required=True, any_label="Choose one"),
        *waiting(1, "days"),
    ),
    facts=SIGNAL_FACTS,
    happened=_any,
    day_fact="happened_on",
)


def _baskets(_options: Options, since: datetime, until: datetime) -> Select[Any]:
    back = aliased(Signal)
    return _told("basket_abandoned", since, until).where(
        ~exists().where(Purchase.customer_id == Signal.customer_id, Purchase.purchased_at >= Signal.at),
        ~exists().where(
            back.customer_id == Signal.customer_id, back.kind == "basket_recovered", back.key == Signal.key
        ),
    )


BASKET_ABANDONED = Occasion(
    name="basket_abandoned",
    label="A basket left behind",
    description="Once for each basket that was left and neither taken up again nor followed by an order.",
    heading=HEADING,
    options=waiting(4, "hours"),
    facts=SIGNAL_FACTS,
    happened=_baskets,
    day_fact="happened_on",
    barred_by=("complaint_open",),
)


def _closed(_options: Options, since: datetime, until: datetime) -> Select[Any]:
    return _told("complaint_closed", since, until)


COMPLAINT_CLOSED = Occasion(
    name="complaint_closed",
    label="A complaint is closed",
    description="Once for each complaint, after it was closed, and not while another one is open: thanks for telling us.",
    heading=HEADING,
    options=waiting(2, "days"),
    facts=SIGNAL_FACTS,
    happened=_closed,
    day_fact="happened_on",
    barred_by=("complaint_open",),
)


def _problems(_options: Options, since: datetime, until: datetime) -> Select[Any]:
    return _told("service_problem_reported", since, until)


PROBLEM_REPORTED = Occasion(
    name="problem_reported",
    label="A problem was reported",
    description="Once for each problem somebody told us of, in the suggestion box or elsewhere: thanks for the remark.",
    heading=HEADING,
    options=waiting(1, "days"),
    facts=SIGNAL_FACTS,
    happened=_problems,
    day_fact="happened_on",
)


def _answers(options: Options, since: datetime, until: datetime) -> Select[Any]:
    found = _told("survey_answered", since, until)
    low, high = int(options["low"]), int(options["high"])
    if (low, high) == (0, 100):
        return found
    score = json_number(Signal.data, "score")
    return found.where(score >= low, score <= high)


SURVEY_ANSWERED = Occasion(
    name="survey_answered",
    label="A survey was answered",
    description="Once for each answer, of any score or of those between two limits.",
    heading=HEADING,
    options=(
        *waiting(1, "days"),
        Option(
            "low", "Score from", "number", 0, low=0, high=100, help="From 0 to 100: whatever was answered."
        ),
        Option("high", "Score to", "number", 100, low=0, high=100),
    ),
    facts=SIGNAL_FACTS,
    happened=_answers,
    day_fact="happened_on",
)


def _contracts(options: Options, day: date, zones: Zones) -> Select[Any]:
    ends = day - timedelta(days=int(options["days"]))
    found: Any = (
        select(
            Signal.customer_id.label("customer_id"),
            _key().label("occasion_key"),
            json_object(ends_on=literal(ends.isoformat()), reference=cast(Signal.key, String)).label("facts"),
        )
        .join(Customer, Customer.id == Signal.customer_id)
        .where(
            Signal.kind == "contract_ends",
            json_text(Signal.data, "date") == ends.isoformat(),
            scanned(Customer.zone).in_(list(zones)),
        )
    )
    chosen: Select[Any] = found
    return chosen


CONTRACT_ENDS = Occasion(
    name="contract_ends",
    label="A contract ends",
    description="Once for each contract whose last day the shop has told us.",
    heading=HEADING,
    options=(
        Option(
            "days",
            "Days after its end",
            "number",
            -30,
            low=-365,
            high=365,
            help="A negative number is before it.",
        ),
    ),
    facts=(
        MergeField("ends_on", "The day on which it ends", "text", may_lack=False, example="2026-12-31"),
        MergeField("reference", "Number of the contract", may_lack=False, example="C-2041"),
    ),
    due=_contracts,
    barred_by=("complaint_open",),
)

OCCASIONS = (
    BASKET_ABANDONED,
    COMPLAINT_CLOSED,
    PROBLEM_REPORTED,
    SURVEY_ANSWERED,
    CONTRACT_ENDS,
    SIGNAL,
)

BARS = (Bar("complaint_open", "a complaint is open", open_complaints),)

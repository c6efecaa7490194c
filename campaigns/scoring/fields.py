"""Fields of scores that a segment may ask, and shortcuts to figures of other rooms that a score keeps ready."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.customers import Customer
from campaigns.fields import Asked, Chosen, Field, Filter, Option, Rows, Shortcut
from campaigns.scoring.loyalty import LIGHTS, TYPES
from campaigns.scoring.model import CategoryFigure, KeyAccount, Score, Transition
from campaigns.scoring.relation import CAUSES, ENDING_LABELS, PHASE_WORDS, RISK_LABELS
from campaigns.scoring.rules import CLASSES, DEFINITIONS

HEADING = "Scores"


def _level(name: str, label: str, column: InstrumentedAttribute[int | None]) -> Field:
    return Field(
        f"score.{name}", label, HEADING, "number", column=column, table=Score, note=DEFINITIONS[name]
    )


def _classes(_session: Session) -> Sequence[Option]:
    return [Option(each.name, each.label) for each in CLASSES]


FIELDS = (
    Field(
        "score.class",
        "Customer class",
        HEADING,
        "choice",
        column=Score.rfm_class,
        table=Score,
        options=_classes,
        note="By recency, frequency and amount; every class's definition stands on the customer's page.",
    ),
    _level("r", "Recency class (1 to 5)", Score.r),
    _level("f", "Frequency class (1 to 5)", Score.f),
    _level("m", "Amount class (1 to 5)", Score.m),
    Field(
        "score.engagement",
        "Engagement",
        HEADING,
        "number",
        column=Score.engagement,
        table=Score,
        is_always_known=True,
        note="A human click counts 1 on its day, and half of what it counted after each half-life.",
    ),
    Field(
        "score.orders_year",
        "Orders in 365 days",
        HEADING,
        "count",
        column=Score.orders_12m,
        table=Score,
        note="Up to the moment of the score.",
    ),
    Field(
        "score.spent_year",
        "Amount spent in 365 days",
        HEADING,
        "money",
        column=Score.spent_12m,
        table=Score,
        is_always_known=True,
        note="Up to the moment of the score, refunds taken off.",
    ),
    Field(
        "score.mails_since_sign",
        "Mails since the last sign of life",
        HEADING,
        "count",
        column=Score.mails_since_sign,
        table=Score,
        note="Sent since the person last clicked, opened, bought or answered.",
    ),
    Field(
        "score.last_seen",
        "Last sign of life",
        HEADING,
        "moment",
        column=Score.last_seen_at,
        table=Score,
        note=DEFINITIONS["last_seen"],
    ),
    Field(
        "score.p_alive",
        "Probability of still being a customer (0 to 1)",
        HEADING,
        "number",
        column=Score.p_alive,
        table=Score,
        note="By the customer's own rhythm (BG/NBD); unknown for who ordered once or never.",
    ),
    Field(
        "score.expected_orders",
        "Orders expected in the next 365 days",
        HEADING,
        "number",
        column=Score.expected_orders,
        table=Score,
        note="Fitted on the shop's own orders; unknown while these are too few, and for who never bought.",
    ),
    Field(
        "score.expected_spent",
        "Amount expected in the next 365 days",
        HEADING,
        "money",
        column=Score.expected_spent,
        table=Score,
        note="The orders expected, each at the amount that the customer's own average lets expect.",
    ),
)


def _choice(name: str, label: str, column: Any, words: Mapping[str, str], note: str) -> Field:
    options = [Option(value, text) for value, text in words.items() if value]
    return Field(
        name,
        label,
        "Relation",
        "choice",
        column=column,
        table=Score,
        options=lambda _session: options,
        note=note,
    )


def _light(name: str) -> Field:
    return Field(
        f"light.{name}",
        f"{LIGHTS[name]} (1 yes, 0 no)",
        "Relation",
        "number",
        column=getattr(Score, name),
        table=Score,
        note="One of the five lights of the customer's page; unknown where nothing on record tells.",
    )


def _interest(asked: Asked) -> Chosen:
    figure = CategoryFigure
    chosen = select(figure.customer_id.label("customer_id"), func.sum(figure.interest).label("value"))
    if (category := asked.text("category")) is not None:
        chosen = chosen.where(figure.category == category)
    return chosen.group_by(figure.customer_id)


def _known_categories(session: Session) -> Sequence[Option]:
    found = select(CategoryFigure.category).distinct().order_by(CategoryFigure.category).limit(200)
    return [Option(word, word) for word in session.scalars(found)]


def _since(kind: str) -> Rows:
    def rows(asked: Asked) -> Chosen:  # noqa: ARG001 - the shape of all rows-fields
        row = Transition
        return select(row.customer_id.label("customer_id"), row.at.label("value")).where(
            row.kind == kind, row.until.is_(None)
        )

    return rows


def _is_key_account(asked: Asked) -> Chosen:  # noqa: ARG001
    is_one = Customer.id.in_(select(KeyAccount.customer_id).where(KeyAccount.ended_at.is_(None)))
    return select(Customer.id.label("customer_id"), is_one.label("value"))


RELATION = (
    _level("t", "Type of purchase class (1 to 5)", Score.t),
    _level("frat", "FRAT score (20 to 100)", Score.frat),
    Field(
        "score.categories",
        "Categories bought",
        HEADING,
        "count",
        column=Score.categories,
        table=Score,
        note="Different ones, in all orders.",
    ),
    Field(
        "score.basket",
        "Average basket",
        HEADING,
        "money",
        column=Score.basket,
        table=Score,
        is_always_known=True,
        note="What all orders were worth, divided by their number.",
    ),
    Field(
        "score.promotion_orders",
        "Orders right after a promotion",
        HEADING,
        "count",
        column=Score.promotion_orders,
        table=Score,
        note="Within 7 days after the person clicked in a mailing of the type promotion.",
    ),
    Field(
        "score.promotion_share",
        "Share of orders right after a promotion (0 to 1)",
        HEADING,
        "number",
        column=Score.promotion_orders * 1.0 / case((Score.orders > 0, Score.orders)),
        table=Score,
        note="Unknown for who never bought.",
    ),
    Field(
        "score.interest",
        "Interest",
        HEADING,
        "number",
        rows=_interest,
        filters=(Filter("category", "in the category", "text", _known_categories),),
        note="Clicks and orders by category, each counting half after the half-life of the settings.",
    ),
    _choice(
        "relation.phase",
        "Phase",
        Score.phase,
        {n: w[0] for n, w in PHASE_WORDS.items()},
        "Where the relation stands; the definitions stand on the customer's page.",
    ),
    Field("relation.phase_since", "In this phase since", "Relation", "moment", rows=_since("phase")),
    _choice(
        "relation.ended", "How it ended", Score.ended_how, ENDING_LABELS, "Only of relations in dissolution."
    ),
    _choice(
        "relation.risk",
        "Steady, at risk or lost",
        Score.risk,
        RISK_LABELS,
        "By the customer's own days between orders; unknown for who never bought.",
    ),
    Field(
        "relation.usual_gap",
        "Usual days between orders",
        "Relation",
        "number",
        column=Score.usual_gap,
        table=Score,
        note="The customer's own median from three days with an order on; before that the shop's.",
    ),
    _choice(
        "relation.cause",
        "Cause of the loss",
        Score.cause,
        {n: w[1] for n, w in CAUSES.items()},
        "As far as evidence tells; only of who is at risk, lost or gone.",
    ),
    _choice(
        "relation.loyalty",
        "Type of loyalty",
        Score.loyalty,
        {n: w[0] for n, w in TYPES.items()},
        "Solid, inertia, retention; unknown without evidence.",
    ),
    Field(
        "relation.behaviour",
        "Comes back (1 yes, 0 no)",
        "Relation",
        "number",
        column=Score.behaviour,
        table=Score,
        note="Orders on three days or more, and none overdue.",
    ),
    Field(
        "relation.attitude",
        "Attitude (1 for us, 0 indifferent, -1 against us)",
        "Relation",
        "number",
        column=Score.attitude,
        table=Score,
        note="By marks, complaints, clicks, replies and silence; unknown without any.",
    ),
    *(_light(name) for name in LIGHTS),
    Field(
        "balance.asked",
        "Promotions and surveys received",
        "Relation",
        "count",
        column=Score.asked,
        table=Score,
        note="In the 365 days up to the score: what we asked.",
    ),
    Field(
        "balance.given",
        "Advice, thanks and service received",
        "Relation",
        "count",
        column=Score.given,
        table=Score,
        note="In the 365 days up to the score: what we gave.",
    ),
    Field(
        "balance.net",
        "Relational balance (given less asked)",
        "Relation",
        "number",
        column=Score.given - Score.asked,
        table=Score,
        is_always_known=True,
        note="Below 0 we asked more than we gave.",
    ),
    Field(
        "value.expected",
        "Lifetime value",
        "Value",
        "money",
        column=Score.value,
        table=Score,
        note="Margin to come, discounted, with a churn that rises; unknown while the shop's past is too short.",
    ),
    Field(
        "value.low",
        "Lifetime value at least",
        "Value",
        "money",
        column=Score.value_low,
        table=Score,
        note="Exceeded by 19 of 20 such customers.",
    ),
    Field(
        "value.high",
        "Lifetime value at most",
        "Value",
        "money",
        column=Score.value_high,
        table=Score,
        note="Exceeded by one of 20 such customers.",
    ),
    Field(
        "value.constant",
        "Lifetime value with one churn for all",
        "Value",
        "money",
        column=Score.value_constant,
        table=Score,
        note="For comparison: the same churn for everybody and all years.",
    ),
    Field(
        "key_account.is_one",
        "Is a key account",
        "Relation",
        "boolean",
        rows=_is_key_account,
        is_always_known=True,
        note="Confirmed by a person, with a reason and an owner.",
    ),
)


SHORTCUTS = (
    Shortcut("purchases.count", column=Score.orders, table=Score),
    Shortcut("purchases.spent", column=Score.spent, table=Score),
    Shortcut("purchases.last", column=Score.last_purchase_at, table=Score),
    Shortcut("purchases.first", column=Score.first_purchase_at, table=Score),
    Shortcut("clicked.last", column=Score.last_click_at, table=Score),
    Shortcut("mails.last", column=Score.last_mail_at, table=Score),
    Shortcut("mails.received", column=Score.mails_sent, table=Score),
)
"""Only where the score's figure is the same as the one counted at query time: a test holds them together."""


def offer(session: Session) -> Iterator[Field | Shortcut]:  # noqa: ARG001 - the shape of all offers
    """All of them."""
    yield from FIELDS
    yield from RELATION
    yield from SHORTCUTS

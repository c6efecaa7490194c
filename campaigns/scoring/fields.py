"""Fields of scores that a segment may ask, and shortcuts to figures of other rooms that a score keeps ready."""

from collections.abc import Iterator, Sequence

from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.fields import Field, Option, Shortcut
from campaigns.scoring.model import Score
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
    yield from SHORTCUTS

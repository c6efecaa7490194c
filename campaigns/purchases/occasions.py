"""Occasions that lie in what was bought: some days after a purchase."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Select, String, cast, literal, select

from campaigns.db.expressions import json_object
from campaigns.merge import MergeField
from campaigns.occasions import Occasion, Options, days_after
from campaigns.purchases.model import Purchase


def _happened(_options: Options, since: datetime, until: datetime) -> Select[Any]:
    return select(
        Purchase.customer_id.label("customer_id"),
        (literal("order:") + Purchase.number).label("occasion_key"),
        Purchase.purchased_at.label("at"),
        json_object(
            order_number=cast(Purchase.number, String),
            amount=cast(Purchase.amount, BigInteger),
            currency=cast(Purchase.currency, String),
        ).label("facts"),
    ).where(
        Purchase.purchased_at >= since,
        Purchase.purchased_at < until,
        Purchase.status == "paid",
        Purchase.amount > 0,
        Purchase.refunded == 0,
    )


AFTER_PURCHASE = Occasion(
    name="after_purchase",
    label="After a purchase",
    description=(
        "Once for each order, some days after it; never for an order that was cancelled or of which "
        "anything was refunded."
    ),
    options=(days_after("Days after the order", 14),),
    facts=(
        MergeField("order_number", "Number of the order", may_lack=False, example="10023"),
        MergeField("bought_on", "Day of the order", "text", may_lack=False, example="2026-11-09"),
        MergeField("amount", "What was paid", "money", may_lack=False, example=4990),
        MergeField("currency", "Currency of the order", may_lack=False, example="EUR"),
    ),
    happened=_happened,
    day_fact="bought_on",
    heading="Purchases",
    barred_by=("complaint_open",),
)

OCCASIONS = (AFTER_PURCHASE,)

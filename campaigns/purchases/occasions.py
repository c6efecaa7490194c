"""Occasions that lie in what was bought: some days after a purchase."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import BigInteger, Select, String, and_, cast, literal, or_, select

from campaigns.clock import instant_of
from campaigns.customers import Customer
from campaigns.db.expressions import json_object
from campaigns.merge import MergeField
from campaigns.occasions import Occasion, Option, Zones
from campaigns.purchases.model import Purchase


def _due(options: Mapping[str, Any], day: date, zones: Zones) -> Select[Any]:
    bought_on = day - timedelta(days=int(options["days"]))
    spans = spans_of(bought_on, zones)
    within = or_(
        *(
            and_(Purchase.purchased_at >= start, Purchase.purchased_at < end, Customer.zone.in_(names))
            for (start, end), names in spans.items()
        )
    )
    query: Select[Any] = (
        select(
            Customer.id.label("customer_id"),
            (literal("order:") + Purchase.number).label("occasion_key"),
            json_object(
                order_number=cast(Purchase.number, String),
                bought_on=literal(bought_on.isoformat()),
                amount=cast(Purchase.amount, BigInteger),
                currency=cast(Purchase.currency, String),
            ).label("facts"),
        )
        .join(Customer, Customer.id == Purchase.customer_id)
        .where(
            Purchase.purchased_at >= min(start for start, _ in spans),  # lets the index choose the day
            Purchase.purchased_at < max(end for _, end in spans),
            within,
            Purchase.status == "paid",
            Purchase.amount > 0,
            Purchase.refunded == 0,
        )
    )
    return query


def spans_of(day: date, zones: Zones) -> dict[tuple[datetime, datetime], list[str]]:
    """First and last instant (half open) of that day on the walls of `zones` → the names that share them."""
    midnight = datetime.combine(day, time())
    spans = defaultdict(list)
    for name, zone in zones.items():
        span = (instant_of(midnight, zone), instant_of(midnight + timedelta(days=1), zone))
        spans[span].append(name)
    return spans


AFTER_PURCHASE = Occasion(
    name="after_purchase",
    label="After a purchase",
    description=(
        "Once for each order, some days after it; never for an order that was cancelled or of which "
        "anything was refunded."
    ),
    options=(Option("days", "Days after the order", "number", 14, low=1, high=365),),
    facts=(
        MergeField("order_number", "Number of the order", may_lack=False, example="10023"),
        MergeField("bought_on", "Day of the order", "text", may_lack=False, example="2026-11-09"),
        MergeField("amount", "What was paid", "money", may_lack=False, example=4990),
        MergeField("currency", "Currency of the order", may_lack=False, example="EUR"),
    ),
    due=_due,
)

OCCASIONS = (AFTER_PURCHASE,)

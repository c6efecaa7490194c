"""What a letter may say of what its reader bought: how many orders, and the last one with its lines."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.merge import MergeField, MergeSource
from campaigns.purchases.model import Line, Product, Purchase

LINES = 12
"""So many lines of the last order, at most."""

_LINE_FIELDS = (
    MergeField("name", "Product", may_lack=False, example="Blue scarf"),
    MergeField("category", "Category", example="Scarves"),
    MergeField("quantity", "How many", "number", may_lack=False, example=2),
    MergeField("amount", "Amount", "money", may_lack=False, example=3800),
    MergeField("currency", "Currency", may_lack=False, example="EUR"),
)
_EXAMPLE_LINES = [
    {"name": "Blue scarf", "category": "Scarves", "quantity": 2, "amount": 3800, "currency": "EUR"},
    {"name": "Wool socks", "category": "Socks", "quantity": 1, "amount": 1190, "currency": "EUR"},
]

FIELDS = (
    MergeField("orders", "Number of orders", "number", may_lack=False, example=3, longest=0),
    MergeField("last_on", "Day of the last order", "date", example=date(2026, 11, 9)),
    MergeField("last_number", "Number of the last order", example="10023"),
    MergeField("last_amount", "Amount of the last order", "money", example=4990, longest=123_456_789),
    MergeField("last_currency", "Currency of the last order", example="EUR"),
    MergeField(
        "last_lines",
        "What was in the last order",
        "list",
        may_lack=False,
        example=_EXAMPLE_LINES,
        longest=[],
        items=_LINE_FIELDS,
    ),
)

_NOTHING: dict[str, Any] = {
    "orders": 0,
    "last_on": None,
    "last_number": None,
    "last_amount": None,
    "last_currency": None,
    "last_lines": [],
}


def _load(session: Session, ids: Sequence[int], _now: datetime) -> dict[int, dict[str, Any]]:
    loaded = {customer_id: {**_NOTHING, "last_lines": []} for customer_id in ids}
    rank = func.row_number().over(
        partition_by=Purchase.customer_id, order_by=(Purchase.purchased_at.desc(), Purchase.id.desc())
    )
    orders = func.count().over(partition_by=Purchase.customer_id)
    columns = (Purchase.id, Purchase.customer_id, Purchase.number, Purchase.purchased_at)
    ranked = (
        select(*columns, Purchase.amount, Purchase.currency, rank.label("rank"), orders.label("orders"))
        .where(Purchase.customer_id.in_(ids), Purchase.status == "paid")
        .subquery()
    )
    last = session.execute(select(ranked).where(ranked.c.rank == 1)).all()
    lines = _lines(session, {row.id: row.currency for row in last})
    for row in last:
        loaded[row.customer_id] = {
            "orders": row.orders,
            "last_on": row.purchased_at.date(),
            "last_number": row.number,
            "last_amount": row.amount,
            "last_currency": row.currency,
            "last_lines": lines[row.id],
        }
    return loaded


def _lines(session: Session, currencies: dict[int, str]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    rows = session.execute(
        select(Line.purchase_id, Product.name, Product.number, Product.category, Line.quantity, Line.amount)
        .join(Product, Product.id == Line.product_id)
        .where(Line.purchase_id.in_(currencies), Line.quantity > 0)
        .order_by(Line.purchase_id, Line.id)
    )
    for row in rows:
        if len(found[row.purchase_id]) < LINES:
            found[row.purchase_id].append(
                {
                    "name": row.name or row.number,
                    "category": row.category or None,
                    "quantity": row.quantity,
                    "amount": row.amount,
                    "currency": currencies[row.purchase_id],
                }
            )
    return found


SOURCE = MergeSource("purchases", "Purchases", FIELDS, _load)

"""Fields of purchases that a segment may ask: how many, how much, when; of a product, a category, a period."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, cast, distinct, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.fields import Asked, Chosen, Field, Filter, Option, Options, Shortcut
from campaigns.purchases.model import Line, Product, Purchase

HEADING = "Purchases"
COUNTED = "Paid orders in the shop's currency; an order wholly given back or cancelled does not count."
MOST_OPTIONS = 200


def _words(column: InstrumentedAttribute[Any]) -> Options:
    def options(session: Session) -> Sequence[Option]:
        found = select(column).where(column != "").distinct().order_by(column).limit(MOST_OPTIONS)
        return [Option(word, word) for word in session.scalars(found)]

    return options


def _products(session: Session) -> Sequence[Option]:
    found = select(Product.number, Product.name).order_by(Product.name, Product.number).limit(MOST_OPTIONS)
    return [Option(number, name or number) for number, name in session.execute(found)]


FILTERS = (
    Filter("category", "in the category", "text", _words(Product.category)),
    Filter("product", "of the product", "text", _products),
    Filter("channel", "by the channel", "text", _words(Purchase.channel)),
    Filter("period", "in the period", "period"),
)


def _is_by_line(asked: Asked) -> bool:
    return asked.text("category") is not None or asked.text("product") is not None


def _counted(asked: Asked, *figures: ColumnElement[Any]) -> Chosen:
    """The orders that count, narrowed by the filters, one row per customer; of a product or category the
    lines bought (not those given back) are looked at."""
    chosen = (
        select(Purchase.customer_id.label("customer_id"), *figures)
        .where(
            Purchase.status == "paid",
            Purchase.currency == asked.scope.currency,
            *asked.within(Purchase.purchased_at),
        )
        .group_by(Purchase.customer_id)
    )
    if (channel := asked.text("channel")) is not None:
        chosen = chosen.where(Purchase.channel == channel)
    if _is_by_line(asked):
        chosen = chosen.join(Line, Line.purchase_id == Purchase.id).join(
            Product, Product.id == Line.product_id
        )
    if (category := asked.text("category")) is not None:
        chosen = chosen.where(Product.category == category)
    if (product := asked.text("product")) is not None:
        chosen = chosen.where(Product.number == product)
    return chosen


def _count(asked: Asked) -> Chosen:
    if not _is_by_line(asked):
        return _counted(asked, func.count().label("value"))
    return _counted(asked, func.count(distinct(Purchase.id)).label("value")).where(Line.quantity > 0)


def _spent(asked: Asked) -> Chosen:
    """Refunds taken off: what was refunded of an order is taken off its lines in proportion."""
    whole = case((Purchase.amount > 0, Purchase.amount), else_=1)
    kept = case((Purchase.amount > 0, Purchase.amount - Purchase.refunded), else_=1)
    of_line = case((Purchase.refunded == 0, Line.amount), else_=Line.amount * kept // whole)
    what = func.sum(of_line if _is_by_line(asked) else Purchase.amount - Purchase.refunded)
    return _counted(asked, cast(what, BigInteger).label("value"))


def _basket(asked: Asked) -> Chosen:
    """Amount by number of orders, in whole minor units; only of whole orders."""
    value = cast(func.sum(Purchase.amount - Purchase.refunded), BigInteger) // func.count()
    return _counted(asked, value.label("value"))


def _first(asked: Asked) -> Chosen:
    found = _counted(asked, func.min(Purchase.purchased_at).label("value"))
    return found.where(Line.quantity > 0) if _is_by_line(asked) else found


def _last(asked: Asked) -> Chosen:
    found = _counted(asked, func.max(Purchase.purchased_at).label("value"))
    return found.where(Line.quantity > 0) if _is_by_line(asked) else found


WHOLE_ORDERS = tuple(each for each in FILTERS if each.name in ("channel", "period"))

FIELDS = (
    Field(
        "purchases.count", "Number of orders", HEADING, "count", rows=_count, filters=FILTERS, note=COUNTED
    ),
    Field(
        "purchases.spent",
        "Amount spent",
        HEADING,
        "money",
        rows=_spent,
        filters=FILTERS,
        is_always_known=True,
        note=f"{COUNTED} Refunds are taken off. Who never ordered has spent 0.",
    ),
    Field(
        "purchases.basket",
        "Average basket",
        HEADING,
        "money",
        rows=_basket,
        filters=WHOLE_ORDERS,
        note=f"{COUNTED} Amount divided by number of orders.",
    ),
    Field(
        "purchases.last",
        "Last order",
        HEADING,
        "moment",
        rows=_last,
        filters=FILTERS,
        note=f"{COUNTED} Unknown for those who never ordered.",
    ),
    Field(
        "purchases.first",
        "First order",
        HEADING,
        "moment",
        rows=_first,
        filters=FILTERS,
        note=f"{COUNTED} Unknown for those who never ordered.",
    ),
)


def offer(session: Session) -> Iterator[Field | Shortcut]:  # noqa: ARG001 - the shape of all offers
    """All of them."""
    yield from FIELDS

"""Writes: orders with their lines, once each by their number, one or thousands at a time; refunds; returns."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.orm import Session

from campaigns.customers import get_customer
from campaigns.db import upsert
from campaigns.db.bulk import insert_rows, reserve_ids
from campaigns.db.expressions import among
from campaigns.errors import Conflict, Invalid
from campaigns.purchases.model import Line, Product, Purchase
from campaigns.purchases.queries import get_purchase
from campaigns.purchases.rules import STATUSES, Held, LineFacts, OrderFacts, read_currency, settle

Fate = Literal["new", "changed", "unchanged"]
BATCH = 2_000

_PURCHASE = (
    "number",
    "customer_id",
    "purchased_at",
    "amount",
    "refunded",
    "returned",
    "currency",
    "status",
    "channel",
    "import_id",
    "created_at",
    "updated_at",
)
_NEW = ("id", *_PURCHASE)
_columns_of = attrgetter(*_NEW)
_LINE = ("purchase_id", "product_id", "quantity", "unit_price", "amount")


def record_purchase(
    session: Session,
    *,
    number: str,
    customer_id: int,
    purchased_at: datetime,
    currency: str,
    now: datetime,
    amount: int | None = None,
    lines: Iterable[LineFacts] = (),
    refunded: int | None = None,
    status: str = "",
    channel: str = "",
) -> Fate:
    """Keep one order; told again with the same number it is brought up to date, never doubled.

    Amounts in minor units of `currency`; `amount` None is the sum of the lines.
    """
    get_customer(session, customer_id)
    facts = OrderFacts(
        number.strip(),
        customer_id,
        purchased_at,
        read_currency(currency),
        amount,
        tuple(lines),
        refunded,
        status,
        channel,
    )
    faults = _faults(facts)
    if faults:
        raise Invalid(" ".join(faults.values()), faults)
    return store_orders(session, [facts], now=now)[0]


def _faults(facts: OrderFacts) -> dict[str, str]:
    faults = {}
    if not facts.number or len(facts.number) > 100:
        faults["number"] = "An order needs a number of at most 100 characters."
    if facts.amount is None and not facts.lines:
        faults["amount"] = "An order needs an amount or lines."
    if facts.status and facts.status not in STATUSES:
        faults["status"] = f"{facts.status} is none of {', '.join(STATUSES)}."
    if facts.refunded is not None and not 0 <= facts.refunded <= max(facts.total, 0):
        faults["refunded"] = "No more can be refunded than was paid."
    return faults


def bulk_record_purchases(session: Session, orders: Iterable[OrderFacts], *, now: datetime) -> Counter[str]:
    """Keep many orders (checked by whoever made them), thousands a second; how many were new, changed, unchanged."""
    counts: Counter[str] = Counter()
    remaining = iter(orders)
    while batch := list(islice(remaining, BATCH)):
        counts.update(store_orders(session, batch, now=now))
    return counts


def record_refund(session: Session, number: str, *, now: datetime, amount: int | None = None) -> Purchase:
    """Note how much of an order has been given back in all (minor units; None: everything).

    The total, not one more instalment: told twice it counts once. Given back wholly, the order is `refunded`.
    """
    purchase = get_purchase(session, number)
    if purchase.status not in ("paid", "refunded"):
        raise Conflict(
            f"The order {number} is {STATUSES[purchase.status].lower()}: nothing of it can be refunded."
        )
    total = purchase.amount if amount is None else amount
    if not 0 <= total <= purchase.amount:
        raise Invalid("No more can be refunded than was paid.", {"amount": "More than was paid."})
    purchase.refunded = max(total, purchase.returned)
    purchase.status = "refunded" if purchase.amount and purchase.refunded == purchase.amount else "paid"
    purchase.updated_at = now
    session.flush()
    return purchase


@dataclass(slots=True)
class _Order:
    """An order while a batch is stored: what is on record, then what the batch makes of it."""

    number: str
    id: int | None = None
    customer_id: int = 0
    purchased_at: Any = None
    amount: int = 0
    refunded: int = 0
    returned: int = 0
    currency: str = ""
    status: str = ""
    channel: str = ""
    import_id: int | None = None
    created_at: Any = None
    updated_at: Any = None
    lines: list[LineFacts] = field(default_factory=list)
    is_touched: bool = False
    has_new_lines: bool = False


def store_orders(
    session: Session,
    orders: Sequence[OrderFacts],
    *,
    now: datetime,
    import_id: int | None = None,
    is_dry: bool = False,
) -> list[Fate]:
    """Keep a batch of orders, at most a few thousand; what became of each, in their order.

    `import_id`: an order written before by this same import gets these lines added, for files whose orders
    do not stand together. `is_dry` only tells.
    """
    known = _on_record(session, orders)
    fates = [_absorb(known, facts, now, import_id) for facts in orders]
    if not is_dry:
        touched = [order for order in known.values() if order.is_touched]
        _write(session, touched, now, import_id)
        _settle_returns(session, touched, now)
    return fates


def _on_record(session: Session, orders: Sequence[OrderFacts]) -> dict[str, _Order]:
    numbers = list({facts.number for facts in orders})
    columns = (
        Purchase.number,
        Purchase.id,
        Purchase.customer_id,
        Purchase.purchased_at,
        Purchase.amount,
        Purchase.refunded,
        Purchase.returned,
        Purchase.currency,
        Purchase.status,
        Purchase.channel,
        Purchase.import_id,
        Purchase.created_at,
    )
    rows = session.execute(select(*columns).where(among(Purchase.number, numbers)))
    known = {row.number: _Order(*row) for row in rows}
    by_id = {order.id: order for order in known.values()}
    if by_id:
        lines = (
            select(Line.purchase_id, Product.number, Line.quantity, Line.unit_price, Line.amount)
            .join(Product, Product.id == Line.product_id)
            .where(among(Line.purchase_id, by_id))
            .order_by(Line.id)
        )
        for purchase_id, product, quantity, price, amount in session.execute(lines):
            by_id[purchase_id].lines.append(LineFacts(product, quantity, price, amount))
    return known


def _absorb(known: dict[str, _Order], facts: OrderFacts, now: datetime, import_id: int | None) -> Fate:
    order = known.get(facts.number)
    if order is None:
        order = known[facts.number] = _Order(facts.number, created_at=now)
        _take(order, facts, import_id, is_more=False)
        return "new"
    is_more = import_id is not None and order.import_id == import_id and bool(facts.lines)
    if not is_more and _says_the_same(order, facts):
        return "unchanged"
    _take(order, facts, import_id, is_more=is_more)
    return "changed"


def _says_the_same(order: _Order, facts: OrderFacts) -> bool:
    if (order.customer_id, order.purchased_at, order.amount, order.currency) != (
        facts.customer_id,
        facts.purchased_at,
        facts.total,
        facts.currency,
    ):
        return False
    if (facts.status and facts.status != order.status) or (facts.channel and facts.channel != order.channel):
        return False
    if facts.refunded is not None and max(facts.refunded, order.returned) != order.refunded:
        return False
    return not facts.lines or _essence(order.lines) == _essence(facts.lines)


def _essence(lines: Iterable[LineFacts]) -> list[tuple[str, int, int, int]]:
    return sorted(
        (line.product, line.quantity, line.unit_price, line.total) for line in lines if line.product
    )


def _take(order: _Order, facts: OrderFacts, import_id: int | None, *, is_more: bool) -> None:
    order.customer_id, order.purchased_at, order.currency = (
        facts.customer_id,
        facts.purchased_at,
        facts.currency,
    )
    order.amount = order.amount + facts.total if is_more else facts.total
    order.channel = facts.channel or order.channel
    order.import_id = import_id
    order.is_touched = True
    if facts.lines:
        order.lines = [*order.lines, *facts.lines] if is_more else list(facts.lines)
        order.has_new_lines = True
    if facts.refunded is not None:
        order.refunded = max(facts.refunded, order.returned)
    order.refunded = min(order.refunded, max(order.amount, 0))
    order.status = _status(order, facts.status)


def _status(order: _Order, told: str) -> str:
    if told:
        return told
    if order.amount < 0:
        return "return"
    if order.amount and order.refunded == order.amount:
        return "refunded"
    return "cancelled" if order.status == "cancelled" else "paid"


def _write(session: Session, orders: list[_Order], now: datetime, import_id: int | None) -> None:
    fresh = [order for order in orders if order.id is None]
    changed = [order for order in orders if order.id is not None]
    for order in orders:
        order.import_id, order.updated_at = import_id, now
    for order, purchase_id in zip(fresh, reserve_ids(session, Purchase, len(fresh)), strict=True):
        order.id = purchase_id
    insert_rows(session, Purchase, _NEW, [_columns_of(order) for order in fresh])
    if changed:
        session.execute(update(Purchase), [_update_of(order) for order in changed])
        stale = [order.id for order in changed if order.has_new_lines]
        session.execute(delete(Line).where(among(Line.purchase_id, stale)))
    _write_lines(session, [order for order in orders if order.has_new_lines])


def _update_of(order: _Order) -> dict[str, Any]:
    kept = ("number", "returned", "created_at")
    return {"id": order.id} | {name: getattr(order, name) for name in _PURCHASE if name not in kept}


def _write_lines(session: Session, orders: list[_Order]) -> None:
    if not orders:
        return
    products = _products(session, (line for order in orders for line in order.lines))
    rows = [
        (order.id, products[line.product], line.quantity, line.unit_price, line.total)
        for order in orders
        for line in order.lines
        if line.product
    ]
    insert_rows(session, Line, _LINE, rows)


def _products(session: Session, lines: Iterable[LineFacts]) -> dict[str, int]:
    """Ids by number; unknown products are added, and a name or category that is told newly is kept."""
    told: dict[str, tuple[str, str]] = {}
    for line in lines:
        name, category = told.get(line.product, ("", ""))
        told[line.product] = (line.name or name, line.category or category)
    told.pop("", None)
    rows = select(Product.number, Product.id, Product.name, Product.category).where(
        among(Product.number, told)
    )
    known = {row.number: row for row in session.execute(rows)}
    changes = [
        {"id": row.id, "name": name or row.name, "category": category or row.category}
        for number, (name, category) in told.items()
        if (row := known.get(number))
        and (name or row.name, category or row.category) != (row.name, row.category)
    ]
    if changes:
        session.execute(update(Product), changes)
    missing = [
        {"number": number, "name": name, "category": category}
        for number, (name, category) in told.items()
        if number not in known
    ]
    if not missing:
        return {number: row.id for number, row in known.items()}
    for start in range(0, len(missing), 5_000):
        part = missing[start : start + 5_000]
        session.execute(upsert(session, Product, part, key=["number"], update=[]))
    again = select(Product.number, Product.id).where(among(Product.number, told))
    return dict(session.execute(again).all())


def _settle_returns(session: Session, touched: Sequence[_Order], now: datetime) -> None:
    """Take what customers gave back off the orders it came from, afresh: in whatever order files came in."""
    giving = _giving_back(session, touched)
    if not giving:
        return
    returns = _held(session, giving, Purchase.status == "return")
    products = {held.product_id for side in returns.values() for held in side}
    is_wanted: ColumnElement[bool] = Purchase.status.in_(("paid", "refunded"))
    if 0 not in products:
        is_wanted = and_(is_wanted, among(Line.product_id, products))
    bought = _held(session, giving, is_wanted)
    taken: dict[int, int] = {}
    for owner, given_back in returns.items():
        taken |= settle(bought.get(owner, ()), given_back)
    _apply_returns(session, giving, taken, now)


def _giving_back(session: Session, touched: Sequence[_Order]) -> list[int]:
    """Whose returns may come out otherwise now: of a touched return, or of an order older than a return."""
    earliest: dict[int, datetime] = {}
    for order in touched:
        known = earliest.get(order.customer_id)
        if known is None or order.purchased_at < known:
            earliest[order.customer_id] = order.purchased_at
    last = (
        select(Purchase.customer_id, func.max(Purchase.purchased_at))
        .where(among(Purchase.customer_id, earliest), Purchase.status == "return")
        .group_by(Purchase.customer_id)
    )
    return [customer_id for customer_id, at in session.execute(last) if at >= earliest[customer_id]]


def _held(
    session: Session, customer_ids: list[int], condition: ColumnElement[bool]
) -> dict[tuple[int, str], list[Held]]:
    """Pieces and money by customer and currency; an order without lines is one piece of product 0."""
    rows = (
        select(
            Purchase.customer_id,
            Purchase.currency,
            Purchase.id,
            func.coalesce(Line.product_id, 0).label("product_id"),
            Purchase.purchased_at,
            func.coalesce(func.sum(Line.quantity), 1).label("quantity"),
            func.coalesce(func.sum(Line.amount), Purchase.amount).label("amount"),
        )
        .join(Line, Line.purchase_id == Purchase.id, isouter=True)
        .where(among(Purchase.customer_id, customer_ids), condition)
        .group_by(Purchase.id, Line.product_id)
    )
    found: defaultdict[tuple[int, str], list[Held]] = defaultdict(list)
    for row in session.execute(rows):
        held = Held(row.id, row.product_id, row.purchased_at, int(row.quantity), int(row.amount))
        found[row.customer_id, row.currency].append(held)
    return found


def _apply_returns(session: Session, customer_ids: list[int], taken: dict[int, int], now: datetime) -> None:
    orders = select(
        Purchase.id, Purchase.amount, Purchase.refunded, Purchase.returned, Purchase.status
    ).where(among(Purchase.customer_id, customer_ids), Purchase.status.in_(("paid", "refunded")))
    changes = []
    for row in session.execute(orders):
        returned = min(taken.get(row.id, 0), max(row.amount, 0))
        if returned == row.returned:
            continue
        refunded = min(row.refunded - row.returned + returned, max(row.amount, 0))
        status = "refunded" if row.amount and refunded == row.amount else "paid"
        changes.append(
            {"id": row.id, "returned": returned, "refunded": refunded, "status": status, "updated_at": now}
        )
    if changes:
        session.execute(update(Purchase), changes)

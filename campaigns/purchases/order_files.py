"""Files of purchases: one line per order or one per line of an order, and how they become orders."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.customers import (
    Context,
    Convert,
    Customer,
    DayOrder,
    Options,
    Tally,
    Target,
    clean,
    normalise_address,
    plain_cell,
    read_moment,
    read_number,
)
from campaigns.db.expressions import among
from campaigns.errors import Invalid
from campaigns.purchases.actions import store_orders
from campaigns.purchases.rules import STATUSES, LineFacts, OrderFacts, read_currency, to_minor

_TARGETS = (
    Target("number", "Order number", "The same number counts once.", ("order", "order id", "order no", "invoice", "invoice no", "invoiceno", "basket id", "transaction id", "numero de commande", "commande", "no commande", "numero commande", "facture")),
    Target("email", "Customer's address", "", ("mail", "e-mail", "email address", "customer email", "courriel", "adresse mail", "adresse e-mail")),
    Target("customer_number", "Customer number", "", ("customer", "customer id", "customerid", "customer no", "household id", "client", "numero client", "code client", "id client")),
    Target("purchased_at", "Date", "With or without the time of day.", ("ordered at", "order date", "bought at", "invoice date", "invoicedate", "purchase date", "date de commande", "date commande", "date achat")),
    Target("amount", "Amount", "Of the order, or of the line.", ("total", "order total", "line total", "price", "sales value", "grand total", "montant", "montant ttc", "total ttc")),
    Target("currency", "Currency", "", ("devise", "monnaie")),
    Target("quantity", "Quantity", "Negative for goods given back.", ("qty", "quantite", "qte")),
    Target("unit_price", "Unit price", "", ("unitprice", "price per unit", "prix unitaire", "prix")),
    Target("product_number", "Product number", "", ("product", "product id", "sku", "stock code", "stockcode", "item", "reference", "ref", "article", "reference produit")),
    Target("product_name", "Product name", "", ("description", "item name", "product title", "designation", "libelle", "produit", "nom du produit")),
    Target("category", "Category", "", ("product category", "department", "categorie", "rayon", "famille")),
    Target("refunded", "Refunded", "How much of the order was given back in all.", ("refund", "refunded amount", "rembourse", "montant rembourse")),
    Target("status", "Status", "paid, refunded or cancelled.", ("state", "order status", "etat", "statut")),
    Target("channel", "Channel", "", ("shop", "store", "source", "canal", "magasin")),
)  # fmt: skip

_STATUS_WORDS = {
    "paid": "paid complete completed shipped delivered fulfilled processing ok payee paye livree expediee terminee",
    "refunded": "refunded rembourse remboursee",
    "cancelled": "cancelled canceled void annule annulee",
    "return": "return returned retour",
}
_STATUS = {word: status for status, words in _STATUS_WORDS.items() for word in words.split()}
LARGEST_QUANTITY = 10**7


class _Row(NamedTuple):
    """One line of a file: the order it belongs to, whose that is, and what it says."""

    number: str
    email: str
    customer_number: str
    purchased_at: datetime
    currency: str
    amount: int
    line: LineFacts | None
    refunded: int | None
    status: str
    channel: str


@dataclass
class _Order:
    """The rows of one order in a batch."""

    first: _Row
    rows: list[tuple[int, _Row]]


class OrderFiles:
    """The kind `purchases`."""

    name = "purchases"
    label = "Purchases"

    def targets(self, session: Session) -> Sequence[Target]:  # noqa: ARG002
        """The same for every shop."""
        return _TARGETS

    def faults(self, options: Options) -> dict[str, str]:
        """An order needs a number, a customer, a date and an amount."""
        chosen = set(options.mapping.values())
        missing = []
        if "number" not in chosen:
            missing.append("the order's number")
        if not chosen & {"email", "customer_number"}:
            missing.append("the customer's address or number")
        if "purchased_at" not in chosen:
            missing.append("the date")
        if "amount" not in chosen and not {"unit_price", "quantity"} <= chosen:
            missing.append("the amount (or quantity and unit price)")
        faults = {}
        if missing:
            faults["mapping"] = f"Say which column holds {', '.join(missing)}."
        try:
            read_currency(options.currency)
        except Invalid as error:
            faults["currency"] = str(error)
        if options.row not in ("line", "order"):
            faults["row"] = "Say whether a row of the file is an order or one line of an order."
        return faults

    def group(self, options: Options) -> Callable[[list[str]], str] | None:
        """Rows with the same order number."""
        position = options.column("number")
        if position is None or options.row == "order":
            return None
        return lambda fields: fields[position].strip() if position < len(fields) else ""

    def identity(self, facts: _Row) -> str:
        """The order's number."""
        return facts.number

    def converter(self, session: Session, options: Options, now: datetime) -> Convert:  # noqa: ARG002
        """From fields to one row of an order."""
        return _converter(options, now)

    def store(
        self, session: Session, rows: Sequence[tuple[int, _Row]], context: Context, tally: Tally
    ) -> None:
        """Find the customers, put the rows of an order together, and keep the orders."""
        known = _customers(session, rows)
        orders = _together(rows, is_by_line=context.options.row == "line")
        facts, kept = [], []
        for order in orders:
            fault, customer_id = _whose(order, known)
            if fault:
                for line, row in order.rows:
                    tally.add(line, "rejected", row.number, fault)
                continue
            kept.append(order)
            facts.append(_facts(order, customer_id))
        fates = store_orders(
            session, facts, now=context.now, import_id=context.import_id, is_dry=context.is_dry
        )
        for order, fate in zip(kept, fates, strict=True):
            for line, row in order.rows:
                tally.add(line, fate, row.number)


def _customers(session: Session, rows: Sequence[tuple[int, _Row]]) -> Mapping[str, int]:
    """Ids by address key and by number; addresses hold an @, numbers are looked up apart."""
    keys = {row.email for _, row in rows if row.email}
    numbers = {row.customer_number for _, row in rows if row.customer_number}
    known: dict[str, int] = {}
    for column, wanted, mark in ((Customer.number, numbers, "#"), (Customer.address_key, keys, "")):
        if wanted:
            found = session.execute(select(column, Customer.id).where(among(column, wanted)))
            known |= {f"{mark}{key}": customer_id for key, customer_id in found}
    return known


def _together(rows: Sequence[tuple[int, _Row]], *, is_by_line: bool) -> list[_Order]:
    if not is_by_line:
        return [_Order(row, [(line, row)]) for line, row in rows]
    orders: dict[str, _Order] = {}
    for line, row in rows:
        order = orders.get(row.number)
        if order is None:
            orders[row.number] = _Order(row, [(line, row)])
        else:
            order.rows.append((line, row))
    return list(orders.values())


def _whose(order: _Order, known: Mapping[str, int]) -> tuple[str, int]:
    """Why the order cannot be kept, or "" and the customer's id."""
    first = order.first
    for _, row in order.rows:
        if (row.email, row.customer_number, row.currency) != (
            first.email,
            first.customer_number,
            first.currency,
        ):
            return f"The order {first.number} has rows of different customers or currencies.", 0
    by_number = known.get(f"#{first.customer_number}") if first.customer_number else None
    by_email = known.get(first.email) if first.email else None
    if by_number is not None and by_email is not None and by_number != by_email:
        return f"The number {first.customer_number} and the address {first.email} are two customers.", 0
    found = by_number or by_email
    if found is None:
        said = first.email or f"number {first.customer_number}"
        return f"No customer is known by {said}; import the customers first.", 0
    return "", found


def _facts(order: _Order, customer_id: int) -> OrderFacts:
    first = order.first
    refunds = [row.refunded for _, row in order.rows if row.refunded is not None]
    return OrderFacts(
        number=first.number,
        customer_id=customer_id,
        purchased_at=first.purchased_at,
        currency=first.currency,
        amount=sum(row.amount for _, row in order.rows),
        lines=tuple(row.line for _, row in order.rows if row.line is not None),
        refunded=max(refunds) if refunds else None,
        status=first.status,
        channel=first.channel,
    )


def _converter(options: Options, now: datetime) -> Convert:
    position = options.column
    order, mark, zone = cast(DayOrder, options.day_order), options.decimal_mark, ZoneInfo(options.zone)
    default_currency = read_currency(options.currency)
    columns = {target: position(target) for target in {t.name for t in _TARGETS}}
    headings = {target: options.header[p] for target, p in columns.items() if p is not None}

    @lru_cache(4_096)
    def moment(text: str) -> datetime:
        found = read_moment(text, zone, order)
        if (found - now).days > 1:
            raise Invalid(f"“{text}” lies in the future.")
        return found

    numbers = lru_cache(4_096)(lambda text: read_number(_amount(text), mark))
    currencies = lru_cache(64)(read_currency)
    keys = lru_cache(4_096)(lambda text: normalise_address(text).key)
    readers: dict[str, Callable[[str], Any]] = {
        "number": lambda text: clean(text, 100, "The order number"),
        "email": keys,
        "customer_number": lambda text: clean(text, 100, "The customer number"),
        "purchased_at": moment,
        "amount": numbers,
        "currency": currencies,
        "quantity": lambda text: _quantity(numbers(text)),
        "unit_price": numbers,
        "product_number": lambda text: clean(text, 100, "The product number"),
        "product_name": lambda text: clean(text, 300, "The product name"),
        "category": lambda text: clean(text, 100, "The category"),
        "refunded": numbers,
        "status": _status,
        "channel": lambda text: clean(text, 40, "The channel"),
    }
    plan = [(p, target, headings[target], readers[target]) for target, p in columns.items() if p is not None]

    def convert(fields: list[str]) -> _Row:
        told: dict[str, Any] = {}
        for p, target, heading, read in plan:
            text = fields[p]
            if not text or text.isspace():
                continue
            try:
                told[target] = read(plain_cell(text) if text[0] == "'" else text.strip())
            except Invalid as error:
                raise Invalid(f"{heading}: {error}") from None
        return _row(told, default_currency, is_by_line=options.row == "line")

    return convert


def _row(told: Mapping[str, Any], default_currency: str, *, is_by_line: bool) -> _Row:
    for target, what in (("number", "The order's number"), ("purchased_at", "The date")):
        if target not in told:
            raise Invalid(f"{what} is missing.")
    if "email" not in told and "customer_number" not in told:
        raise Invalid("There is no customer: neither address nor number.")
    currency = told.get("currency", default_currency)
    quantity = told.get("quantity", 1)
    price: Decimal | None = told.get("unit_price")
    amount: Decimal | None = told.get("amount")
    if amount is None:
        if price is None:
            raise Invalid("The amount is missing.")
        amount = price * quantity
    minor = to_minor(amount, currency)
    line = None
    if is_by_line and "product_number" in told:
        each = price if price is not None else amount / quantity if quantity else amount
        line = LineFacts(
            told["product_number"],
            quantity,
            to_minor(each, currency),
            minor,
            told.get("product_name", ""),
            told.get("category", ""),
        )
    refunded = told.get("refunded")
    return _Row(
        told["number"],
        told.get("email", ""),
        told.get("customer_number", ""),
        told["purchased_at"],
        currency,
        minor,
        line,
        None if refunded is None else abs(to_minor(refunded, currency)),
        told.get("status", ""),
        told.get("channel", ""),
    )


def _amount(text: str) -> str:
    """Without signs of currencies; an amount in brackets is negative, as accountants write it."""
    plain = text.strip().strip("€£$¥ \u00a0\u202f")
    if plain.startswith("(") and plain.endswith(")"):
        plain = f"-{plain[1:-1].strip('€£$¥ ')}"
    return plain.removeprefix("EUR").removesuffix("EUR").strip()


def _quantity(number: Decimal) -> int:
    if number != number.to_integral_value() or abs(number) > LARGEST_QUANTITY:
        raise Invalid(f"“{number}” is not a whole number of pieces.")
    return int(number)


def _status(text: str) -> str:
    try:
        return _STATUS[text.strip().casefold().replace("é", "e")]
    except KeyError:
        raise Invalid(f"“{text[:40]}” is none of {', '.join(STATUSES)}.") from None


ORDER_FILES = OrderFiles()

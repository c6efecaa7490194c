"""Occasions that lie in what was bought: after an order, the first, the n-th, a large one, its years, the next one due."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from campaigns.customers import Customer
from campaigns.db.expressions import json_object, scanned
from campaigns.merge import MergeField
from campaigns.occasions import (
    LEAP,
    Occasion,
    Option,
    Options,
    Zones,
    anniversaries,
    days_after,
    kept_from,
    waiting,
)
from campaigns.purchases.model import Line, Product, Purchase, Rhythm
from campaigns.purchases.rhythms import refresh_rhythms
from campaigns.purchases.rules import NO_DECIMALS, THREE_DECIMALS

HEADING = "Purchases"
MOST_CHOICES = 500
MOST_YEARS = 40


# ── what may be picked


def _categories(session: Session) -> Sequence[tuple[str, str]]:
    found = select(Product.category).where(Product.category != "").distinct().order_by(Product.category)
    return [(word, word) for word in session.scalars(found.limit(MOST_CHOICES))]


def _products(session: Session) -> Sequence[tuple[str, str]]:
    found = select(Product.number, Product.name).order_by(Product.name, Product.number).limit(MOST_CHOICES)
    return [(number, f"{name} ({number})" if name else number) for number, name in session.execute(found)]


CATEGORY = Option(
    "category", "Only of the category", "pick", "", offered=_categories, any_label="Any category"
)
PRODUCT = Option("product", "Only of the product", "pick", "", offered=_products, any_label="Any product")


# ── orders


def _counts(purchase: Any) -> tuple[ColumnElement[bool], ...]:
    """The order is paid, and not given back entirely."""
    return (purchase.status == "paid", purchase.amount > 0, purchase.amount > purchase.refunded)


def _orders(since: datetime, until: datetime) -> Select[Any]:
    return select(
        Purchase.customer_id.label("customer_id"),
        (literal("order:") + Purchase.number).label("occasion_key"),
        Purchase.purchased_at.label("at"),
        json_object(
            order_number=cast(Purchase.number, String),
            amount=cast(Purchase.amount - Purchase.refunded, BigInteger),
            currency=cast(Purchase.currency, String),
        ).label("facts"),
    ).where(Purchase.purchased_at >= since, Purchase.purchased_at < until, *_counts(Purchase))


ORDER_FACTS = (
    MergeField("order_number", "Number of the order", may_lack=False, example="10023"),
    MergeField("bought_on", "Day of the order", "text", may_lack=False, example="2026-11-09"),
    MergeField("amount", "What was paid", "money", may_lack=False, example=4990),
    MergeField("currency", "Currency of the order", may_lack=False, example="EUR"),
)


def _held(options: Options) -> list[ColumnElement[bool]]:
    """The order holds something of the category and of the product asked for."""
    if not options.get("category") and not options.get("product"):
        return []
    line = select(Line.id).join(Product, Product.id == Line.product_id)
    line = line.where(Line.purchase_id == Purchase.id, Line.quantity > 0)
    if options.get("category"):
        line = line.where(Product.category == str(options["category"]))
    if options.get("product"):
        line = line.where(Product.number == str(options["product"]))
    return [line.exists()]


def _earlier(counted: Any) -> tuple[ColumnElement[bool], ...]:
    """`counted` is an order of the same customer before this one."""
    return (
        counted.customer_id == Purchase.customer_id,
        or_(
            counted.purchased_at < Purchase.purchased_at,
            and_(counted.purchased_at == Purchase.purchased_at, counted.id < Purchase.id),
        ),
        *_counts(counted),
    )


def _after_purchase(options: Options, since: datetime, until: datetime) -> Select[Any]:
    return _orders(since, until).where(Purchase.refunded == 0, *_held(options))


def _first(_options: Options, since: datetime, until: datetime) -> Select[Any]:
    earlier = aliased(Purchase)
    found = (
        _orders(since, until).where(Purchase.refunded == 0, ~exists().where(*_earlier(earlier))).subquery()
    )
    return select(found.c.customer_id, literal("first").label("occasion_key"), found.c.at, found.c.facts)


def _nth(options: Options, since: datetime, until: datetime) -> Select[Any]:
    number = int(options["number"])
    earlier = aliased(Purchase)
    before = select(func.count(earlier.id)).where(*_earlier(earlier)).correlate(Purchase).scalar_subquery()
    found = _orders(since, until).where(Purchase.refunded == 0, before == number - 1).subquery()
    key = literal(f"order-{number}").label("occasion_key")
    return select(found.c.customer_id, key, found.c.at, found.c.facts)


def _big(options: Options, since: datetime, until: datetime) -> Select[Any]:
    units = int(options["amount"])
    least = case(
        (Purchase.currency.in_(NO_DECIMALS), units),
        (Purchase.currency.in_(THREE_DECIMALS), units * 1000),
        else_=units * 100,
    )
    return _orders(since, until).where(Purchase.amount - Purchase.refunded >= least, *_held(options))


AFTER_PURCHASE = Occasion(
    name="after_purchase",
    label="After a purchase",
    description=(
        "Once for each order, some days after it: thanks and reassurance in the first days, advice on use and "
        "maintenance later; never for an order that was cancelled or of which anything was refunded."
    ),
    heading=HEADING,
    options=(days_after("Days after the order", 14), CATEGORY, PRODUCT),
    facts=ORDER_FACTS,
    happened=_after_purchase,
    day_fact="bought_on",
    barred_by=("complaint_open",),
)

FIRST_PURCHASE = Occasion(
    name="first_purchase",
    label="First purchase",
    description="Once, after the first order that was paid and kept.",
    heading=HEADING,
    options=waiting(1, "days"),
    facts=ORDER_FACTS,
    happened=_first,
    day_fact="bought_on",
    barred_by=("complaint_open",),
)

NTH_PURCHASE = Occasion(
    name="nth_purchase",
    label="The n-th purchase",
    description="Once, after the order that makes so many: the fifth, the tenth.",
    heading=HEADING,
    options=(Option("number", "Which order", "number", 5, low=2, high=1000), *waiting(1, "days")),
    facts=ORDER_FACTS,
    happened=_nth,
    day_fact="bought_on",
    barred_by=("complaint_open",),
)

BIG_BASKET = Occasion(
    name="big_basket",
    label="A large order",
    description="Once for each order of at least that amount.",
    heading=HEADING,
    options=(
        Option(
            "amount",
            "Worth at least",
            "number",
            200,
            low=1,
            high=10_000_000,
            help="In whole euros, or whatever currency the order was paid in.",
        ),
        *waiting(1, "days"),
        CATEGORY,
        PRODUCT,
    ),
    facts=ORDER_FACTS,
    happened=_big,
    day_fact="bought_on",
    barred_by=("complaint_open",),
)


# ── years since the first order


def _years(options: Options, day: date, zones: Zones) -> Select[Any]:
    year = int(options["year"])
    kept = day - timedelta(days=int(options["days"]))
    asked = anniversaries(kept, str(options["leap"]), (year,) if year else range(1, MOST_YEARS + 1))
    spans = kept_from(asked, zones)
    key = literal(str(kept.year)).label("occasion_key")
    if spans is None:
        return select(Customer.id.label("customer_id"), key, json_object().label("facts")).where(false())
    over_all, walls = spans
    at = Purchase.purchased_at
    earlier = aliased(Purchase)
    facts = json_object(years=walls.c.years, since=walls.c.since).label("facts")
    return (
        select(Purchase.customer_id.label("customer_id"), key, facts)
        .join(Customer, Customer.id == Purchase.customer_id)
        .join(
            walls,
            and_(
                walls.c.zone == scanned(Customer.zone),
                scanned(at) >= walls.c.begin,
                scanned(at) < walls.c.end,
            ),
        )
        .where(
            or_(*(and_(at >= begin, at < end) for begin, end in over_all)),
            *_counts(Purchase),
            ~exists().where(*_earlier(earlier)),
        )
    )


PURCHASE_ANNIVERSARY = Occasion(
    name="purchase_anniversary",
    label="Anniversary of the first purchase",
    description="Once a year, on the day of the first order.",
    heading=HEADING,
    options=(
        Option(
            "days",
            "Days after the day",
            "number",
            0,
            low=-30,
            high=30,
            help="A negative number is before it.",
        ),
        Option(
            "year",
            "Only of the year",
            "number",
            0,
            low=0,
            high=MOST_YEARS,
            help="0: every year; 10: after ten years.",
        ),
        LEAP,
    ),
    facts=(
        MergeField("years", "Years since the first order", "number", may_lack=False, example=5),
        MergeField("since", "Day of the first order", "text", may_lack=False, example="2021-11-23"),
    ),
    due=_years,
    apart_days=60,
)


# ── the next one, by the customer's own rhythm


def _replenishments(options: Options, day: date, zones: Zones) -> Select[Any]:
    kind, name = (
        ("product", options["product"]) if options.get("product") else ("category", options["category"])
    )
    due = day - timedelta(days=int(options["days"]))
    found: Any = (
        select(
            Rhythm.customer_id.label("customer_id"),
            (literal("after:") + Rhythm.last_number).label("occasion_key"),
            json_object(
                last_on=cast(Rhythm.last_on, String),
                expected_on=cast(Rhythm.next_on, String),
                every_days=cast(Rhythm.gap_days, Integer),
                what=cast(Rhythm.label, String),
            ).label("facts"),
        )
        .join(Customer, Customer.id == Rhythm.customer_id)
        .where(
            Rhythm.kind == kind,
            Rhythm.name == str(name or ""),
            Rhythm.next_on == due.isoformat(),
            scanned(Customer.zone).in_(list(zones)),
        )
    )
    chosen: Select[Any] = found
    return chosen


REPLENISHMENT = Occasion(
    name="replenishment",
    label="Time for more",
    description=(
        "When the next order is due by the customer's own rhythm: the middle one of the times that lay between "
        "their orders of the same thing. Only for those who bought it on three days at least, and have not since."
    ),
    heading=HEADING,
    options=(
        Option(
            "days",
            "Days after the expected day",
            "number",
            -3,
            low=-60,
            high=60,
            help="A negative number is before it.",
        ),
        Option(
            "category",
            "Of the category",
            "pick",
            "",
            offered=_categories,
            any_label="Orders of anything",
        ),
        Option("product", "Or of the product", "pick", "", offered=_products, any_label="No single product"),
    ),
    facts=(
        MergeField("last_on", "Day of the last order", "text", may_lack=False, example="2026-10-20"),
        MergeField(
            "expected_on", "Day on which the next is expected", "text", may_lack=False, example="2026-11-25"
        ),
        MergeField("every_days", "Their rhythm, in days", "number", may_lack=False, example=36),
        MergeField("what", "The category or the product; nothing for orders of anything", example="Coffee"),
    ),
    due=_replenishments,
    prepare=refresh_rhythms,
    barred_by=("complaint_open",),
)

OCCASIONS = (
    AFTER_PURCHASE,
    FIRST_PURCHASE,
    NTH_PURCHASE,
    BIG_BASKET,
    PURCHASE_ANNIVERSARY,
    REPLENISHMENT,
)

"""The rhythm in which each customer buys a thing again: kept up to date from what changed, a part at a time."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median_low
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, delete, or_, select
from sqlalchemy.orm import Session

from campaigns.db import upsert
from campaigns.db.bulk import insert_rows
from campaigns.db.expressions import among
from campaigns.fields import Fields
from campaigns.purchases.model import Line, Product, Purchase, Rhythm, RhythmMark

PART = 20_000
"""So many changed purchases are read in one go."""
FEWEST_DAYS = 3
"""Two gaps make a rhythm; one is chance."""
OVERLAP = timedelta(minutes=2)
"""What was written by a transaction that ended later than a younger one is read again for so long."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS = ("customer_id", "kind", "name", "label", "gap_days", "last_on", "last_number", "next_on")


def refresh_rhythms(
    session: Session,
    options: Mapping[str, Any],
    _fields: Fields,
    zone: ZoneInfo,
    now: datetime,
) -> int:
    """Bring the rhythms of what `options` name (a product, a category, or neither: anything) up to date with at most
    `PART` changed purchases; returns how many were read, 0 when all is known."""
    kind, name = _what(options)
    mark = _take_mark(session, kind, name)
    newer = or_(
        Purchase.updated_at > mark.changed_at,
        and_(Purchase.updated_at == mark.changed_at, Purchase.id > mark.purchase_id),
    )
    changed = session.execute(
        select(Purchase.updated_at, Purchase.id, Purchase.customer_id)
        .where(Purchase.updated_at >= mark.changed_at, newer)
        .order_by(Purchase.updated_at, Purchase.id)
        .limit(PART)
    ).all()
    if not changed:
        return 0
    customers = {row[2] for row in changed}
    _write(session, kind, name, customers, zone)
    is_all = len(changed) < PART
    mark.changed_at, mark.purchase_id = changed[-1][0], changed[-1][1]
    if is_all and now - OVERLAP < mark.changed_at:
        mark.changed_at, mark.purchase_id = now - OVERLAP, 0
    session.flush()
    return 0 if is_all else len(changed)


def _what(options: Mapping[str, Any]) -> tuple[str, str]:
    product = str(options.get("product") or "")
    return ("product", product) if product else ("category", str(options.get("category") or ""))


def _take_mark(session: Session, kind: str, name: str) -> RhythmMark:
    """The mark, locked: two processes read one after the other."""
    first = {"kind": kind, "name": name, "changed_at": BEGINNING, "purchase_id": 0}
    session.execute(upsert(session, RhythmMark, [first], key=("kind", "name"), update=()))
    chosen = select(RhythmMark).where(RhythmMark.kind == kind, RhythmMark.name == name).with_for_update()
    return session.scalars(chosen.execution_options(populate_existing=True)).one()


def _write(session: Session, kind: str, name: str, customers: set[int], zone: ZoneInfo) -> None:
    session.execute(
        delete(Rhythm)
        .where(Rhythm.kind == kind, Rhythm.name == name, among(Rhythm.customer_id, customers))
        .execution_options(synchronize_session=False)
    )
    label = session.scalar(select(Product.name).where(Product.number == name)) if kind == "product" else name
    bought: dict[int, dict[date, str]] = defaultdict(dict)
    for customer_id, at, number in session.execute(_orders(kind, name, customers)):
        bought[customer_id][at.astimezone(zone).date()] = number
    rows = []
    for customer_id, days in bought.items():
        gap = rhythm(days)
        if gap is None:
            continue
        last = max(days)
        next_on = (last + timedelta(days=gap)).isoformat()
        rows.append((customer_id, kind, name, label or "", gap, last.isoformat(), days[last], next_on))
    insert_rows(session, Rhythm, COLUMNS, rows)


def _orders(kind: str, name: str, customers: Iterable[int]) -> Select[Any]:
    orders: Any = select(Purchase.customer_id, Purchase.purchased_at, Purchase.number).where(
        among(Purchase.customer_id, customers),
        Purchase.status == "paid",
        Purchase.amount > Purchase.refunded,
    )
    if name:
        asked = Product.number == name if kind == "product" else Product.category == name
        line = select(Line.id).join(Product, Product.id == Line.product_id)
        line = line.where(Line.purchase_id == Purchase.id, Line.quantity > 0, asked)
        orders = orders.where(line.exists())
    found: Select[Any] = orders.order_by(Purchase.purchased_at, Purchase.id)
    return found


def rhythm(days: Iterable[date]) -> int | None:
    """The middle one of the days between purchases (of two middles the shorter); None for fewer than three days."""
    ordered = sorted(set(days))
    if len(ordered) < FEWEST_DAYS:
        return None
    return median_low((after - before).days for before, after in pairwise(ordered))

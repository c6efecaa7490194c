"""Writes: the scores of everybody or of those about whom something came in, their history, the stale."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, and_, case, cast, delete, exists, func, insert, literal, select
from sqlalchemy.orm import Session, aliased

from campaigns.config import Config, Stale
from campaigns.content import Version
from campaigns.customers import Customer
from campaigns.db import Database
from campaigns.db.bulk import store_columns
from campaigns.db.expressions import epoch
from campaigns.messages import Mailing
from campaigns.purchases import Line, Product, Purchase, digits
from campaigns.scoring.forecast import Forecast, fitted, foreseen
from campaigns.scoring.gather import Facts, counts, facts
from campaigns.scoring.lifetime import TooFew
from campaigns.scoring.model import Break, CategoryFigure, Mark, Score, Snapshot
from campaigns.scoring.queries import changed, marks, newest_numbers, stale_candidates, stored_limits
from campaigns.scoring.rules import (
    CLASS_NAMES,
    Integers,
    class_codes,
    days_since,
    fixed_limits,
    levels,
    quintile_limits,
    recency_levels,
)
from campaigns.suppression import suppress_many
from campaigns.tracking import Event

BATCH = 20_000
"""Rows of one writing transaction: a quarter of a second of the write lock."""

Limits = dict[str, tuple[float, ...]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Scored:
    """Facts with the classes that follow from them; columns as in `Facts`."""

    facts: Facts
    limits: Limits
    r: Integers
    f: Integers
    m: Integers
    codes: Integers
    forecast: Forecast | None = None

    def __len__(self) -> int:
        return len(self.facts)

    def class_name(self, place: int) -> str:
        return CLASS_NAMES[int(self.codes[place])]


def score_as_of(session: Session, *, now: datetime, config: Config) -> Scored:
    """Everybody's scores as of any moment, computed and not stored: what a dated list is made of."""
    known = facts(session, now=now, config=config)
    return _scored(known, limits_of(known, config))


def refresh(session: Session, *, now: datetime, config: Config, full: bool = False) -> int:
    """Score those about whom something new came in (or everybody), within the caller's transaction.

    Returns how many were scored. The others keep the classes of the last full refresh, whose limits apply;
    the first refresh ever is full. For a million customers at once see `refresh_everybody`.
    """
    since, limits = marks(session), stored_limits(session)
    is_full = full or not since or not limits
    numbers = newest_numbers(session)
    who = None if is_full else changed(since)
    known = facts(session, now=now, config=config, who=who)
    if is_full:
        scored = _scored(known, limits_of(known, config), _forecast_of(known))
    else:
        scored = _scored(known, limits, Forecast.from_parameters(limits))
    ahead = foreseen(known, scored.forecast)
    for start in range(0, len(scored), BATCH):
        _store(session, scored, slice(start, start + BATCH), ahead)
    _store_categories(session, known.ids if who is not None else None, now, config)
    if is_full:
        _store_limits(session, scored, now)
        _store_snapshot(session, now.astimezone(config.zone).date())
    _store_marks(session, numbers, now)
    return len(scored)


def refresh_everybody(
    database: Database, *, now: datetime, config: Config, progress: Progress | None = None
) -> int:
    """Score everybody without holding anybody up: read in one view, write in many short transactions.

    A row that a shorter refresh wrote meanwhile with a later `as_of` is left as it is.
    """
    with database.reading() as session:
        numbers = newest_numbers(session)
        known = facts(session, now=now, config=config)
    scored = _scored(known, limits_of(known, config), _forecast_of(known))
    ahead = foreseen(known, scored.forecast)
    on = now.astimezone(config.zone).date()
    for start in range(0, len(scored), BATCH):
        part = slice(start, start + BATCH)
        with database.transaction() as session:
            _store(session, scored, part, ahead)
            _store_snapshot(session, on, known.ids[part])
        if progress:
            progress(min(start + BATCH, len(scored)), len(scored))
    for start in range(0, len(scored), BATCH):
        part_ids = known.ids[start : start + BATCH]
        with database.transaction() as session:
            _store_categories_of(session, _between(part_ids), now, config)
    with database.transaction() as session:
        _store_limits(session, scored, now)
        _store_marks(session, numbers, now)
    return len(scored)


def limits_of(known: Facts, config: Config) -> Limits:
    """The limits between classes: those of the settings, or quintiles of everybody who ever bought."""
    buyers = known.orders > 0
    scores = config.scores
    return {
        "r": fixed_limits(scores.r_limits) or quintile_limits(days_since(known.last[buyers], known.now)),
        "f": fixed_limits(scores.f_limits) or quintile_limits(known.orders_12m[buyers]),
        "m": fixed_limits(scores.m_limits, 10 ** digits(config.shop.currency))
        or quintile_limits(known.spent[buyers]),
    }


def record_history(session: Session, moments: Iterable[datetime], *, config: Config) -> int:
    """Write what the classes were at past moments, as they follow from the data known today.

    For a shop that arrives with a past: the movement between two dates can then be shown at once. Replaces
    what was noted for those days; returns how many rows were written.
    """
    written = 0
    before: dict[int, tuple[int, ...]] = {}
    for moment in sorted(moments):
        on = moment.astimezone(config.zone).date().isoformat()
        session.execute(delete(Snapshot).where(Snapshot.on == on))
        scored = score_as_of(session, now=moment, config=config)
        state = np.stack([scored.r, scored.f, scored.m, scored.codes], axis=1)
        now_known = {
            who: tuple(row) for who, row in zip(scored.facts.ids.tolist(), state.tolist(), strict=True)
        }
        moved = np.fromiter((before.get(who) != state for who, state in now_known.items()), dtype=np.bool_)
        written += _store_moved(session, scored, moved, on)
        before = now_known
    return written


def retire_stale(
    session: Session, rule: Stale, *, now: datetime, by: str = "stale rule", only: Sequence[int] | None = None
) -> int:
    """Suppress who falls under the stale rule, each with its evidence; returns how many.

    `only`: the customers a person has confirmed; whoever gave a sign meanwhile is no candidate any more.
    """
    evidence = {
        row.address_key: stale_evidence(row, rule)
        for row in session.execute(stale_candidates(session, rule, now))
        if only is None or row.customer_id in only
    }
    return suppress_many(session, evidence, "stale", now=now, by=by)


def stale_evidence(row: Any, rule: Stale) -> str:
    """The sentence that goes into the register for one row of `stale_candidates`."""
    bought = (
        f"last order on {row.last_purchase_at:%Y-%m-%d}" if row.last_purchase_at else "never bought anything"
    )
    return (
        f"Written to {row.mails} times in {rule.days} days ({row.first_at:%Y-%m-%d} to "
        f"{row.last_at:%Y-%m-%d}) with no open, no click and no reply; {bought}."
    )


def _forecast_of(known: Facts) -> Forecast | None:
    try:
        return fitted(known)
    except TooFew:
        return None


def _scored(known: Facts, limits: Limits, forecast: Forecast | None = None) -> Scored:
    days = days_since(known.last, known.now)
    r = recency_levels(days, limits["r"])
    f = levels(known.orders_12m, limits["f"])
    m = levels(known.spent, limits["m"])
    codes = class_codes(known.orders, known.first, known.now, r, f, m)
    never = known.orders <= 0
    r, f, m = (np.where(never, 0, column) for column in (r, f, m))
    return Scored(known, limits, r, f, m, codes, forecast)


def _store(session: Session, scored: Scored, part: slice, ahead: Mapping[str, Any]) -> None:
    known = scored.facts
    orders = known.orders[part]
    columns: dict[str, Any] = {
        "customer_id": known.ids[part],
        "as_of": np.full(len(orders), known.now),
        "first_purchase_at": known.first[part],
        "last_purchase_at": known.last[part],
        "orders": orders,
        "orders_12m": known.orders_12m[part],
        "spent": known.spent[part],
        "spent_12m": known.spent_12m[part],
        "basket": known.spent[part] // np.maximum(orders, 1),
        "mails_sent": known.mails_sent[part],
        "mails_since_sign": known.mails_since_sign[part],
        "last_mail_at": known.last_mail[part],
        "last_open_at": known.last_open[part],
        "last_click_at": known.last_click[part],
        "last_seen_at": known.last_seen[part],
        "engagement": known.engagement[part],
        **_classes(scored, part),
        **{name: [0] * len(orders) for name in ("categories", "promotion_orders", "asked", "given")},
        **{name: [""] * len(orders) for name in ("risk", "phase", "ended_how", "cause", "loyalty")},
        **{name: column[part] for name, column in ahead.items()},
    }
    # A customer erased since the reading is gone: their row must not come back.
    still = _still_there(session, columns["customer_id"])
    if not still.all():
        columns = {name: _pick(values, still) for name, values in columns.items()}
    store_columns(session, Score, columns, key=["customer_id"], not_newer="as_of")


def _classes(scored: Scored, part: Any) -> dict[str, list[Any]]:
    return {
        "r": [value or None for value in scored.r[part].tolist()],
        "f": [value or None for value in scored.f[part].tolist()],
        "m": [value or None for value in scored.m[part].tolist()],
        "rfm_class": [CLASS_NAMES[code] for code in scored.codes[part].tolist()],
    }


def _still_there(session: Session, ids: Integers) -> Any:
    """Which of these sorted ids are customers still. New ones have higher ids, so that mostly counting is enough."""
    everybody = np.ones(len(ids), dtype=bool)
    if not len(ids):
        return everybody
    within = Customer.id.between(int(ids[0]), int(ids[-1]))
    if len(ids) == int(ids[-1]) - int(ids[0]) + 1 == session.scalar(select(func.count()).where(within)):
        return everybody
    return np.isin(ids, np.array(session.scalars(select(Customer.id).where(within)).all(), dtype=np.int64))


def _pick(values: Any, chosen: Any) -> Any:
    if isinstance(values, np.ndarray):
        return values[chosen]
    return [value for value, is_in in zip(values, chosen.tolist(), strict=True) if is_in]


def _store_limits(session: Session, scored: Scored, now: datetime) -> None:
    fitted_too = scored.forecast.parameters() if scored.forecast else {}
    limits = {**scored.limits, **fitted_too}
    session.execute(delete(Break))
    session.add_all(
        Break(measure=measure, level=level, limit=limit, as_of=now)
        for measure, cuts in limits.items()
        for level, limit in enumerate(cuts, start=1)
    )
    session.flush()


def _store_marks(session: Session, numbers: dict[str, int], now: datetime) -> None:
    session.execute(delete(Mark))
    session.add_all(Mark(source=source, number=number, at=now) for source, number in numbers.items())
    session.add(Mark(source="message", number=0, at=now))
    session.flush()


def _store_snapshot(session: Session, on: date, ids: Integers | None = None) -> None:
    """Note today's state of those whose state differs from the one noted last."""
    day = on.isoformat()
    is_today = Snapshot.on == day
    is_one_of: Any = literal(True)
    if ids is not None:
        if not len(ids):
            return
        is_today = and_(is_today, Snapshot.customer_id.between(int(ids[0]), int(ids[-1])))
        is_one_of = Score.customer_id.between(int(ids[0]), int(ids[-1]))
    session.execute(delete(Snapshot).where(is_today))
    noted, older = aliased(Snapshot), aliased(Snapshot)
    last = select(func.max(older.on)).where(older.customer_id == Score.customer_id).scalar_subquery()
    is_noted = exists().where(
        noted.customer_id == Score.customer_id,
        noted.on == last,
        noted.r.is_not_distinct_from(Score.r),
        noted.f.is_not_distinct_from(Score.f),
        noted.m.is_not_distinct_from(Score.m),
        noted.rfm_class == Score.rfm_class,
    )
    columns = [
        "customer_id",
        "on",
        "r",
        "f",
        "m",
        "rfm_class",
        "phase",
        "risk",
        "loyalty",
        "engagement",
        "orders",
        "spent",
    ]
    moved = select(
        Score.customer_id,
        literal(day),
        Score.r,
        Score.f,
        Score.m,
        Score.rfm_class,
        Score.phase,
        Score.risk,
        Score.loyalty,
        Score.engagement,
        Score.orders,
        Score.spent,
    ).where(is_one_of, ~is_noted)
    session.execute(insert(Snapshot).from_select(columns, moved))


def _store_moved(session: Session, scored: Scored, moved: Any, on: str) -> int:
    ids = scored.facts.ids[moved]
    columns = {
        "customer_id": ids,
        "on": [on] * len(ids),
        "engagement": scored.facts.engagement[moved],
        "orders": scored.facts.orders[moved],
        "spent": scored.facts.spent[moved],
        **{name: [""] * len(ids) for name in ("phase", "risk", "loyalty")},
        **_classes(scored, moved),
    }
    return store_columns(session, Snapshot, columns, key=["customer_id", "on"])


def _store_categories(session: Session, ids: Integers | None, now: datetime, config: Config) -> None:
    """Write afresh what these customers (None: all) bought and clicked by category."""
    if ids is None:
        _store_categories_of(session, lambda _: literal(True), now, config)
        return
    for start in range(0, len(ids), 5_000):
        _store_categories_of(session, _among(ids[start : start + 5_000].tolist()), now, config)


def _among(ids: list[int]) -> Callable[[Any], Any]:
    return lambda column: column.in_(ids)


def _between(ids: Integers) -> Callable[[Any], Any]:
    return lambda column: column.between(int(ids[0]), int(ids[-1]))


def _store_categories_of(
    session: Session, is_one: Callable[[Any], Any], now: datetime, config: Config
) -> None:
    session.execute(delete(CategoryFigure).where(is_one(CategoryFigure.customer_id)))
    # What was refunded of an order is taken off its lines in proportion.
    kept = case((Purchase.amount > 0, Purchase.amount - Purchase.refunded), else_=1)
    net = case(
        (Purchase.refunded == 0, Line.amount), else_=Line.amount * kept // _at_least_one(Purchase.amount)
    )
    bought = (
        select(
            Purchase.customer_id,
            Product.category,
            func.count(Purchase.id.distinct()),
            cast(func.sum(net), BigInteger),
            func.max(Purchase.purchased_at),
            literal(0),
            literal(0.0),
        )
        .join(Line, Line.purchase_id == Purchase.id)
        .join(Product, Product.id == Line.product_id)
        .where(
            is_one(Purchase.customer_id),
            counts(config.shop.currency),
            Purchase.purchased_at <= now,
            Product.category != "",
        )
        .group_by(Purchase.customer_id, Product.category)
    )
    columns = ["customer_id", "category", "orders", "spent", "last_purchase_at", "clicks", "interest"]
    session.execute(insert(CategoryFigure).from_select(columns, bought))
    _store_clicks(session, is_one(Event.customer_id), now)


def _at_least_one(amount: Any) -> Any:
    return case((amount > 0, amount), else_=1)


def _store_clicks(session: Session, is_one: Any, now: datetime) -> None:
    category_of = _link_categories(session)
    if not category_of:
        return
    clicks = session.execute(
        select(Event.customer_id, Event.mailing_id, Event.position, epoch(func.max(Event.at)))
        .where(
            is_one,
            Event.kind == "clicked",
            Event.judgement == "human",
            Event.at <= now,
            Event.customer_id.is_not(None),
            Event.mailing_id.in_({mailing for mailing, _ in category_of}),
        )
        .group_by(Event.customer_id, Event.message_id, Event.mailing_id, Event.position)
    )
    found: dict[tuple[int | None, str], list[int]] = {}
    for customer, mailing, position, at in clicks:
        category = category_of.get((mailing or 0, position or 0))
        if category:
            found.setdefault((customer, category), []).append(at)
    columns: dict[str, Any] = {
        "customer_id": [customer for customer, _ in found],
        "category": [category for _, category in found],
        "orders": [0] * len(found),
        "spent": [0] * len(found),
        "clicks": [len(moments) for moments in found.values()],
        "last_click_at": np.array([max(moments) for moments in found.values()], dtype=np.int64),
        "interest": [0.0] * len(found),
    }
    store_columns(
        session,
        CategoryFigure,
        columns,
        key=["customer_id", "category"],
        update=["clicks", "last_click_at"],
    )


def _link_categories(session: Session) -> dict[tuple[int, int], str]:
    """The category of each link that has one, by mailing and position."""
    found = {}
    for mailing, links in session.execute(
        select(Mailing.id, Version.links).join(Version, Version.id == Mailing.version_id)
    ):
        for position, link in enumerate(links or []):
            if link.get("category"):
                found[mailing, position] = str(link["category"])[:100]
    return found

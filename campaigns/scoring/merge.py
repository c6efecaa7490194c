"""What a letter may say of a customer's figures: the class they are in, what they spent, what they like."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.merge import MergeField, MergeSource
from campaigns.scoring.model import CategoryFigure, KeyAccount, Score

FIELDS = (
    MergeField("rfm_class", "Class of recency, frequency and amount", example="champions"),
    MergeField("orders", "Orders in all", "number", may_lack=False, example=7),
    MergeField("orders_12m", "Orders in twelve months", "number", may_lack=False, example=3),
    MergeField("spent", "Spent in all, in the shop's currency", "money", may_lack=False, example=48_900),
    MergeField("spent_12m", "Spent in twelve months", "money", may_lack=False, example=15_900),
    MergeField("last_seen_on", "Day of the last sign of life", "date", example=date(2026, 11, 2)),
    MergeField("category", "Category bought most", example="Scarves"),
    MergeField("interest", "Category of most interest by clicks and orders", example="Scarves"),
    MergeField("basket", "Average basket, in the shop's currency", "money", may_lack=False, example=6_980),
    MergeField("categories", "Categories bought", "number", may_lack=False, example=3),
    MergeField("frat", "FRAT score, 20 to 100", "number", example=85),
    MergeField("phase", "Phase of the relation", example="commitment"),
    MergeField("risk", "Steady, at_risk or lost by their own rhythm", example="steady"),
    MergeField("loyalty", "Type of loyalty", example="solid"),
    MergeField("usual_gap", "Usual days between orders, whole", "number", example=42),
    MergeField("days_silent", "Days since the last order", "number", example=12),
    MergeField("is_key_account", "Whether they are a key account", "boolean", may_lack=False, example=False),
)


def _load(session: Session, ids: Sequence[int], now: datetime) -> dict[int, dict[str, Any]]:
    loaded: dict[int, dict[str, Any]] = {customer_id: _values(None, now) for customer_id in ids}
    for score in session.scalars(select(Score).where(Score.customer_id.in_(ids))):
        loaded[score.customer_id] = _values(score, now)
    for customer_id, category in session.execute(_favourites(ids)):
        loaded[customer_id]["category"] = category or None
    for customer_id, category in session.execute(_interests(ids)):
        loaded[customer_id]["interest"] = category or None
    vital = select(KeyAccount.customer_id).where(
        KeyAccount.customer_id.in_(ids), KeyAccount.ended_at.is_(None)
    )
    for customer_id in session.scalars(vital):
        loaded[customer_id]["is_key_account"] = True
    return loaded


def _values(score: Score | None, now: datetime) -> dict[str, Any]:
    seen = score.last_seen_at if score else None
    bought = score.last_purchase_at if score else None
    return {
        "rfm_class": (score.rfm_class or None) if score else None,
        "orders": score.orders if score else 0,
        "orders_12m": score.orders_12m if score else 0,
        "spent": score.spent if score else 0,
        "spent_12m": score.spent_12m if score else 0,
        "last_seen_on": seen.date() if seen else None,
        "category": None,
        "interest": None,
        "basket": score.basket if score else 0,
        "categories": score.categories if score else 0,
        "frat": score.frat if score else None,
        "phase": (score.phase or None) if score else None,
        "risk": (score.risk or None) if score else None,
        "loyalty": (score.loyalty or None) if score else None,
        "usual_gap": round(score.usual_gap) if score and score.usual_gap is not None else None,
        "days_silent": (now - bought).days if bought else None,
        "is_key_account": False,
    }


def _favourites(ids: Sequence[int]) -> Any:
    rank = func.row_number().over(
        partition_by=CategoryFigure.customer_id,
        order_by=(CategoryFigure.orders.desc(), CategoryFigure.spent.desc(), CategoryFigure.category),
    )
    ranked = (
        select(CategoryFigure.customer_id, CategoryFigure.category, rank.label("rank"))
        .where(CategoryFigure.customer_id.in_(ids), CategoryFigure.orders > 0)
        .subquery()
    )
    return select(ranked.c.customer_id, ranked.c.category).where(ranked.c.rank == 1)


def _interests(ids: Sequence[int]) -> Any:
    rank = func.row_number().over(
        partition_by=CategoryFigure.customer_id,
        order_by=(CategoryFigure.interest.desc(), CategoryFigure.category),
    )
    ranked = (
        select(CategoryFigure.customer_id, CategoryFigure.category, rank.label("rank"))
        .where(CategoryFigure.customer_id.in_(ids), CategoryFigure.interest > 0)
        .subquery()
    )
    return select(ranked.c.customer_id, ranked.c.category).where(ranked.c.rank == 1)


SOURCE = MergeSource("score", "Scores", FIELDS, _load)

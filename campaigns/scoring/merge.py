"""What a letter may say of a customer's figures: the class they are in, what they spent, what they like."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.merge import MergeField, MergeSource
from campaigns.scoring.model import CategoryFigure, Score

FIELDS = (
    MergeField("rfm_class", "Class of recency, frequency and amount", example="champions"),
    MergeField("orders", "Orders in all", "number", may_lack=False, example=7),
    MergeField("orders_12m", "Orders in twelve months", "number", may_lack=False, example=3),
    MergeField("spent", "Spent in all, in the shop's currency", "money", may_lack=False, example=48_900),
    MergeField("spent_12m", "Spent in twelve months", "money", may_lack=False, example=15_900),
    MergeField("last_seen_on", "Day of the last sign of life", "date", example=date(2026, 11, 2)),
    MergeField("category", "Category bought most", example="Scarves"),
)


def _load(session: Session, ids: Sequence[int], _now: datetime) -> dict[int, dict[str, Any]]:
    loaded: dict[int, dict[str, Any]] = {customer_id: _values(None) for customer_id in ids}
    for score in session.scalars(select(Score).where(Score.customer_id.in_(ids))):
        loaded[score.customer_id] = _values(score)
    for customer_id, category in session.execute(_favourites(ids)):
        loaded[customer_id]["category"] = category or None
    return loaded


def _values(score: Score | None) -> dict[str, Any]:
    seen = score.last_seen_at if score else None
    return {
        "rfm_class": (score.rfm_class or None) if score else None,
        "orders": score.orders if score else 0,
        "orders_12m": score.orders_12m if score else 0,
        "spent": score.spent if score else 0,
        "spent_12m": score.spent_12m if score else 0,
        "last_seen_on": seen.date() if seen else None,
        "category": None,
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


SOURCE = MergeSource("score", "Scores", FIELDS, _load)

"""Reads: who bought what, and what that speaks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Exists, Select, Subquery, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.customers import Consent
from campaigns.purchases import Line, Product, Purchase
from campaigns.suggestions.model import Affinity, Learning
from campaigns.suggestions.rules import MOST_OF_ONE, Integers

MOST = 10
MOST_BEHIND = 100
"""So many of a customer's latest products are asked what they speak for."""


@dataclass(frozen=True)
class Suggestion:
    """A product for a customer: what it is, the product of theirs that speaks loudest for it, and how many bought both."""

    number: str
    name: str
    category: str
    because: str
    support: int
    score: float


def suggestions_for(
    session: Session, customer_ids: Sequence[int], *, most: int = MOST
) -> dict[int, list[Suggestion]]:
    """`{customer: suggestions, the best first}`; nobody's own purchases, nothing for who objected or has none.

    A product that the customer ever bought is never suggested, kept or given back.
    """
    found: dict[int, list[Suggestion]] = {customer_id: [] for customer_id in customer_ids}
    chosen = _best(customer_ids, most)
    suggested, reason = aliased(Product), aliased(Product)
    rows = (
        select(
            chosen.c.customer_id,
            chosen.c.score,
            chosen.c.support,
            suggested.number,
            suggested.name,
            suggested.category,
            reason.name,
            reason.number,
        )
        .join(suggested, suggested.id == chosen.c.suggested_id)
        .join(reason, reason.id == chosen.c.product_id)
        .order_by(chosen.c.customer_id, chosen.c.place)
    )
    for customer_id, score, support, number, name, category, because, because_number in session.execute(rows):
        found[customer_id].append(
            Suggestion(
                number, name or number, category, because or because_number, int(support), float(score)
            )
        )
    return found


def _best(customer_ids: Sequence[int], most: int) -> Subquery:
    """The best of each customer, one row a suggestion: the product that speaks loudest for it, and its place."""
    voices = _voices(customer_ids)
    whole = (voices.c.customer_id, voices.c.suggested_id)
    told = select(
        voices,
        func.sum(voices.c.weight).over(partition_by=whole).label("score"),
        func.row_number()
        .over(partition_by=whole, order_by=(voices.c.weight.desc(), voices.c.product_id))
        .label("loudness"),
    ).subquery()
    place = func.row_number().over(
        partition_by=told.c.customer_id, order_by=(told.c.score.desc(), told.c.suggested_id)
    )
    ranked = select(told, place.label("place")).where(told.c.loudness == 1).subquery()
    return select(ranked).where(ranked.c.place <= most).subquery()


def _voices(customer_ids: Sequence[int]) -> Subquery:
    """What each product of each customer speaks for, without what they have."""
    behind = _behind(customer_ids)
    own = (
        exists()
        .where(Purchase.id == Line.purchase_id)
        .where(Purchase.customer_id == behind.c.customer_id, Line.product_id == Affinity.suggested_id)
    )
    return (
        select(
            behind.c.customer_id,
            behind.c.product_id,
            Affinity.suggested_id,
            Affinity.weight,
            Affinity.support,
        )
        .join(Affinity, Affinity.product_id == behind.c.product_id)
        .where(~own)
        .subquery()
    )


def _behind(customer_ids: Sequence[int]) -> Subquery:
    """The latest products that each customer kept, unless they do not want suggestions made from them."""
    kept = _kept().where(Purchase.customer_id.in_(customer_ids), ~_has_objected()).subquery()
    place = func.row_number().over(
        partition_by=kept.c.customer_id, order_by=(kept.c.last_at.desc(), kept.c.product_id)
    )
    ranked = select(kept.c.customer_id, kept.c.product_id, place.label("place")).subquery()
    return select(ranked).where(ranked.c.place <= MOST_BEHIND).subquery()


def _kept() -> Select[int, int, datetime]:
    """`(customer_id, product_id, last_at)` of what was bought and not given back."""
    return (
        select(Purchase.customer_id, Line.product_id, func.max(Purchase.purchased_at).label("last_at"))
        .join(Line, Line.purchase_id == Purchase.id)
        .where(Purchase.status.in_(("paid", "return")))
        .group_by(Purchase.customer_id, Line.product_id)
        .having(func.sum(Line.quantity) > 0)
    )


def _has_objected() -> Exists:
    newer = aliased(Consent)
    is_last = ~exists().where(
        newer.customer_id == Consent.customer_id,
        newer.purpose == Consent.purpose,
        or_(newer.at > Consent.at, and_(newer.at == Consent.at, newer.id > Consent.id)),
    )
    return exists().where(
        and_(
            Consent.customer_id == Purchase.customer_id,
            Consent.purpose == "suggestions",
            Consent.is_granted.is_(False),
            is_last,
        )
    )


def what_everybody_bought(session: Session) -> tuple[Integers, Integers]:
    """Customers and products, as two columns of ids: each pair once, the latest of who bought very much."""
    kept = _kept().where(~_has_objected()).subquery()
    place = func.row_number().over(
        partition_by=kept.c.customer_id, order_by=(kept.c.last_at.desc(), kept.c.product_id)
    )
    ranked = select(kept.c.customer_id, kept.c.product_id, place.label("place")).subquery()
    pairs = select(ranked.c.customer_id, ranked.c.product_id).where(ranked.c.place <= MOST_OF_ONE)
    rows = np.fromiter(
        (number for pair in session.execute(pairs.execution_options(yield_per=10_000)) for number in pair),
        dtype=np.int64,
    ).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def learned(session: Session) -> Learning | None:
    """When and from how much the affinities were learned; None if never."""
    return session.get(Learning, 1)

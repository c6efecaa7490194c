"""Tables: which product goes with which, and when that was last learned."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base


class Affinity(Base):
    """How much the purchase of one product speaks for another, learned from everybody's purchases.

    `weight` is what having bought `product_id` adds to the score of `suggested_id`; `support` counts the
    customers who bought both.
    """

    __tablename__ = "affinity"

    product_id: Mapped[int] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"), primary_key=True)
    suggested_id: Mapped[int] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"), primary_key=True)
    weight: Mapped[float]
    support: Mapped[int]


class Learning(Base):
    """One row: when the affinities were learned, and from how many customers and products."""

    __tablename__ = "suggestion_learning"

    id: Mapped[int] = mapped_column(primary_key=True)
    learned_at: Mapped[datetime]
    customers: Mapped[int]
    products: Mapped[int]
    pairs: Mapped[int]

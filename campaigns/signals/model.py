"""Table: signals, one row for each thing that happened to a customer, told by a shop, a form or a file."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id


class Signal(Base):
    """Something that happened once: `key` (a ticket's number, a basket's) makes it count once, however often told.

    Never changed: a complaint that ends is another row, `complaint_closed` with the same key. Goes with its
    customer when they are erased.
    """

    __tablename__ = "signal"
    __table_args__ = (
        UniqueConstraint("customer_id", "kind", "key"),
        Index("ix_signal_kind_at", "kind", "at"),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))  # rules.KNOWN, or a shop's own word
    key: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]  # when it happened
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)  # a few plain values, see rules.read_data
    created_at: Mapped[datetime]  # when we were told

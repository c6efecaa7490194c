"""Tables: segments, which are saved rules; and of those that are watched who is in and who came and went."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id


class Segment(Base):
    """A rule that picks customers, computed afresh at each use."""

    __tablename__ = "segment"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    rule: Mapped[dict[str, Any]]
    created_by: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
    last_count: Mapped[int | None]
    counted_at: Mapped[datetime | None]


class Size(Base):
    """How many were in a segment on a day (of the team's zone), as last counted on it."""

    __tablename__ = "segment_size"

    segment_id: Mapped[int] = mapped_column(ForeignKey("segment.id", ondelete="CASCADE"), primary_key=True)
    on: Mapped[str] = mapped_column(String(10), primary_key=True)
    customers: Mapped[int]


class Watch(Base):
    """A segment that a letter or journey asks about: when its members were last compared with those before."""

    __tablename__ = "segment_watch"

    segment_id: Mapped[int] = mapped_column(ForeignKey("segment.id", ondelete="CASCADE"), primary_key=True)
    begun_at: Mapped[datetime]  # who was in then did not enter: they were there
    looked_at: Mapped[datetime]


class Member(Base):
    """Who was in a watched segment when it was last looked at."""

    __tablename__ = "segment_member"

    segment_id: Mapped[int] = mapped_column(ForeignKey("segment.id", ondelete="CASCADE"), primary_key=True)
    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Move(Base):
    """One customer entered a watched segment, or left it: seen at that moment."""

    __tablename__ = "segment_move"
    __table_args__ = (
        Index("ix_segment_move_segment_id_at", "segment_id", "at"),
        Index("ix_segment_move_customer_id", "customer_id", "segment_id"),
    )

    id: Mapped[Id]
    segment_id: Mapped[int] = mapped_column(ForeignKey("segment.id", ondelete="CASCADE"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    is_entry: Mapped[bool]

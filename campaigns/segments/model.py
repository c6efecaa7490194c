"""Tables: segments, which are saved rules."""

from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
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

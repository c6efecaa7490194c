"""Tables: leases (who is the clock) and runs (what was already done at which local moment)."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base


class Lease(Base):
    """A right that one process holds until a moment, unless it renews it."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200))
    until: Mapped[datetime]


class Run(Base):
    """One firing of one schedule. Inserted before any work: its key makes a second firing impossible.

    `local_moment` is wall-clock time ("2026-10-25T02:30"), so that a night with two 02:30 fires once.
    """

    __tablename__ = "run"

    schedule: Mapped[str] = mapped_column(String(200), primary_key=True)
    local_moment: Mapped[str] = mapped_column(String(32), primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    count: Mapped[int | None]
    error: Mapped[str | None]

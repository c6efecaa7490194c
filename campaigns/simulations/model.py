"""Tables: simulations, which play the days to come, and their rows: who would get what and when."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id

STATUSES = ("waiting", "running", "done", "failed")


class Simulation(Base):
    """One play of the days to come for a journey or a letter: what was asked, how far it is, what came of it."""

    __tablename__ = "simulation"
    __table_args__ = (Index("ix_simulation_kind_source_id", "kind", "source_id"),)

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(20))  # journey, letter
    source_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(200))  # as it was called then
    days: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[str] = mapped_column(String(10), default="waiting")
    progress: Mapped[int] = mapped_column(SmallInteger, default=0)  # percent
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error: Mapped[str] = mapped_column(String(500), default="")
    asked_by: Mapped[int | None]
    asked_at: Mapped[datetime]
    touched_at: Mapped[datetime]  # last sign of life of whoever plays it
    since: Mapped[datetime | None]  # the moment at which the play began
    finished_at: Mapped[datetime | None]


class Played(Base):
    """One mail that would be: to whom, what, when it would be queued and leave, or why it would not."""

    __tablename__ = "simulation_row"
    __table_args__ = (Index("ix_simulation_row_day", "simulation_id", "day"),)

    simulation_id: Mapped[int] = mapped_column(
        ForeignKey("simulation.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    source_id: Mapped[int]
    step: Mapped[str] = mapped_column(String(12), default="")  # of a journey
    occasion_key: Mapped[str] = mapped_column(String(100), default="")
    queued_at: Mapped[datetime]
    leaves_at: Mapped[datetime | None]
    day: Mapped[str] = mapped_column(String(10))  # on the shop's wall, on which it would leave (or be held)
    fate: Mapped[str] = mapped_column(String(10))  # sent, held, queued (still waiting at the end)
    reason: Mapped[str] = mapped_column(String(60), default="")

"""Tables: journeys, their versions, who is under way on them, and the trace each leaves."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id

STATUSES = ("draft", "on", "paused", "stopped")

STATES = ("travelling", "finished", "left", "held_out")
"""Where a traveller stands: every one is in exactly one of these."""

TASK_STATES = ("open", "done", "late", "cancelled")

_TRAVELLING = text("status = 'travelling'")
_OPEN = text("status = 'open'")
_WAITING = text("status = 'queued'")


class Journey(Base):
    """A way that customers are led along, step by step.

    `version_id` is the version on which new travellers begin; None before it is first switched on. `checked_at` is
    how far the entry by a segment has been asked.
    """

    __tablename__ = "journey"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200), unique=True)
    status: Mapped[str] = mapped_column(String(10), default="draft")
    version_id: Mapped[int | None]
    hold_out: Mapped[int] = mapped_column(SmallInteger, default=0)  # percent who enter and get nothing
    on_since: Mapped[datetime | None]  # nobody enters by an occasion from before
    checked_at: Mapped[datetime | None]
    because: Mapped[str] = mapped_column(String(500), default="")  # why nothing moves although it is on
    form_key: Mapped[str | None] = mapped_column(String(64), unique=True)  # a form sent twice makes one
    created_by: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class JourneyVersion(Base):
    """One wording of a journey's plan (see `rules.Plan`). Never changed once `used_at` is set."""

    __tablename__ = "journey_version"
    __table_args__ = (UniqueConstraint("journey_id", "number"),)

    id: Mapped[Id]
    journey_id: Mapped[int] = mapped_column(ForeignKey("journey.id", ondelete="CASCADE"))
    number: Mapped[int]
    plan: Mapped[dict[str, Any]]
    revision: Mapped[int] = mapped_column(default=0)  # counts the changes of a draft: a late one is refused
    used_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class JourneyMailing(Base):
    """What a step that sends says: the mailing opened for it when its version was switched on."""

    __tablename__ = "journey_mailing"

    version_id: Mapped[int] = mapped_column(
        ForeignKey("journey_version.id", ondelete="CASCADE"), primary_key=True
    )
    step: Mapped[str] = mapped_column(String(12), primary_key=True)
    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), index=True)


class Traveller(Base):
    """A customer on a journey, entered by one key, at one step (or at the end: status and outcome say which).

    `is_waiting`: the step has begun and ends at `due_at` at the latest; else `due_at` is when it begins.
    `arrived_at` is when the step was reached. The moments are those that were meant: a clock that came a little
    late does not shift them.
    """

    __tablename__ = "traveller"
    __table_args__ = (
        UniqueConstraint(
            "customer_id", "journey_id", "entry_key"
        ),  # the customer first: finds all of one's journeys
        Index(
            "ix_traveller_due", "version_id", "due_at", sqlite_where=_TRAVELLING, postgresql_where=_TRAVELLING
        ),
        Index("ix_traveller_journey_id_status", "journey_id", "status"),
    )

    id: Mapped[Id]
    journey_id: Mapped[int] = mapped_column(ForeignKey("journey.id", ondelete="CASCADE"))
    version_id: Mapped[int] = mapped_column(ForeignKey("journey_version.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    entry_key: Mapped[str] = mapped_column(String(100))
    facts: Mapped[dict[str, Any] | None]  # what the occasion told, for the letters
    status: Mapped[str] = mapped_column(String(10))
    outcome: Mapped[str] = mapped_column(String(20), default="")  # end, goal, or why they left
    step: Mapped[str] = mapped_column(String(12), default="")
    is_waiting: Mapped[bool] = mapped_column(default=False)
    entered_at: Mapped[datetime]
    arrived_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class Trace(Base):
    """One step that a traveller has done: unique, so that nobody does one twice, in whatever version."""

    __tablename__ = "journey_trace"

    traveller_id: Mapped[int] = mapped_column(
        ForeignKey("traveller.id", ondelete="CASCADE"), primary_key=True
    )
    step: Mapped[str] = mapped_column(String(12), primary_key=True)
    version_id: Mapped[int]
    arrived_at: Mapped[datetime]
    left_at: Mapped[datetime]
    result: Mapped[str] = mapped_column(String(20))


class StepCount(Base):
    """How many left a step with which result: kept with the traces, as counting those of a million takes too long.

    Step "" counts the entries (`entered`, `held_out`) and the ends by their outcome.
    """

    __tablename__ = "journey_count"

    version_id: Mapped[int] = mapped_column(
        ForeignKey("journey_version.id", ondelete="CASCADE"), primary_key=True
    )
    step: Mapped[str] = mapped_column(String(12), primary_key=True)
    result: Mapped[str] = mapped_column(String(20), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)


class Task(Base):
    """Something a member of staff is asked to do for a traveller. `results`: what may be answered."""

    __tablename__ = "journey_task"
    __table_args__ = (
        UniqueConstraint("traveller_id", "step"),
        Index("ix_journey_task_open", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: Mapped[Id]
    traveller_id: Mapped[int] = mapped_column(ForeignKey("traveller.id", ondelete="CASCADE"))
    step: Mapped[str] = mapped_column(String(12))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(Text, default="")
    staff_id: Mapped[int | None]  # None: whoever comes first
    results: Mapped[list[str]] = mapped_column(default=list)
    status: Mapped[str] = mapped_column(String(10), default="open")
    result: Mapped[str] = mapped_column(String(60), default="")
    remark: Mapped[str] = mapped_column(Text, default="")
    made_at: Mapped[datetime]
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by: Mapped[int | None]


class Notice(Base):
    """A webhook call to be made: written with the step, sent by a job, tried again until it is taken."""

    __tablename__ = "journey_notice"
    __table_args__ = (
        UniqueConstraint("traveller_id", "step"),
        Index("ix_journey_notice_due", "next_attempt_at", sqlite_where=_WAITING, postgresql_where=_WAITING),
    )

    id: Mapped[Id]
    traveller_id: Mapped[int] = mapped_column(ForeignKey("traveller.id", ondelete="CASCADE"))
    step: Mapped[str] = mapped_column(String(12))
    url: Mapped[str] = mapped_column(String(500))
    payload: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(10), default="queued")  # queued, sent, failed
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    answer: Mapped[str] = mapped_column(String(200), default="")
    made_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]

"""Tables: mailings (what is said once to many), messages (one mail to one recipient) and attempts.

Status is what we did; what happened to a message afterwards is an event in `tracking`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id
from campaigns.db.base import big

STATUSES = ("queued", "sending", "sent", "failed", "held", "cancelled", "unknown")
"""What was meant is always the sum of these. `unknown`: handed over, the answer never heard."""

HELD_REASONS = ("no_consent", "suppressed", "capped", "too_late", "no_address", "unreachable")
"""Why a message was held, in a word; `held_reason` may add a cause after a colon ("suppressed:stale")."""


class Mailing(Base):
    """What is said, by whom, tracked or not. Belongs to a newsletter, a letter, or a test."""

    __tablename__ = "mailing"
    __table_args__ = (Index("ix_mailing_kind_source_id", "kind", "source_id"),)

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(20))  # newsletter, letter, test
    source_id: Mapped[int | None]  # the newsletter's or letter's id
    name: Mapped[str] = mapped_column(String(200))
    version_id: Mapped[int] = mapped_column(ForeignKey("template_version.id"))
    subject: Mapped[str] = mapped_column(String(500))
    preheader: Mapped[str] = mapped_column(String(500), default="")
    sender_name: Mapped[str] = mapped_column(String(200), default="")
    sender_email: Mapped[str] = mapped_column(String(254))
    reply_to: Mapped[str] = mapped_column(String(254), default="")
    is_tracked: Mapped[bool] = mapped_column(default=True)
    status: Mapped[str] = mapped_column(String(12), default="open")  # open, paused, stopped
    stopped_because: Mapped[str] = mapped_column(Text, default="")
    is_guarded: Mapped[bool] = mapped_column(default=True)  # paused by itself when too much comes back
    priority: Mapped[int] = mapped_column(
        SmallInteger, default=5
    )  # lower leaves first: tests 1, letters 3, newsletters 5
    created_at: Mapped[datetime]


class Message(Base):
    """One mail to one customer. Unique by mailing, customer and occasion: nobody is greeted twice."""

    __tablename__ = "message"
    __table_args__ = (
        # The customer first: the same index finds all messages of a customer.
        UniqueConstraint("customer_id", "mailing_id", "occasion_key"),
        Index("ix_message_sent_at", "sent_at"),  # the last days; what the scorer has not seen yet
        Index(  # a claim walks the open mailings: each gives its due ones in order, without a sort
            "ix_message_due",
            "mailing_id",
            "next_attempt_at",
            sqlite_where=text("status = 'queued'"),
            postgresql_where=text("status = 'queued'"),
        ),
        Index("ix_message_mailing_id_status", "mailing_id", "status"),
        Index(
            "ix_message_lease",
            "lease_owner",
            "lease_until",
            sqlite_where=text("status = 'sending'"),
            postgresql_where=text("status = 'sending'"),
        ),
    )

    id: Mapped[Id]
    # No foreign key: mailings are never deleted, and checking a million rows one by one took a quarter of a launch.
    mailing_id: Mapped[int] = mapped_column(big)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id", ondelete="SET NULL"))
    occasion_key: Mapped[str] = mapped_column(String(100), default="")
    address: Mapped[str] = mapped_column(String(254))
    domain: Mapped[str] = mapped_column(String(253))
    status: Mapped[str] = mapped_column(String(10))
    held_reason: Mapped[str] = mapped_column(String(60), default="")
    is_tracked: Mapped[bool] = mapped_column(default=False)
    facts: Mapped[dict[str, Any] | None]  # plain values of the occasion (an order's number, an age)
    queued_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    reply_code: Mapped[int | None] = mapped_column(SmallInteger)
    reply: Mapped[str] = mapped_column(Text, default="")


class Attempt(Base):
    """One try that did not end in `sent`: when, at which step, and the server's words. A success is in the message."""

    __tablename__ = "attempt"

    id: Mapped[Id]
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    step: Mapped[str] = mapped_column(String(12))  # mail, rcpt, data, dot, fill, or decide
    code: Mapped[int | None] = mapped_column(SmallInteger)
    reply: Mapped[str] = mapped_column(Text, default="")
    outcome: Mapped[str] = mapped_column(String(12))  # retry, failed, unknown, as_sent, again
    by: Mapped[str] = mapped_column(String(254), default="")  # who decided, where a person did


class Halt(Base):
    """An emergency stop of all sending: in force until it is lifted; kept as evidence."""

    __tablename__ = "sending_halt"

    id: Mapped[Id]
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(254))
    because: Mapped[str] = mapped_column(Text, default="")
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str] = mapped_column(String(254), default="")


class Sender(Base):
    """A sender process as it last showed itself: alive, how fast, and what hinders it."""

    __tablename__ = "sender"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    host: Mapped[str] = mapped_column(String(255), default="")
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    sent: Mapped[int] = mapped_column(default=0)  # since its start
    waiting: Mapped[int] = mapped_column(default=0)  # claimed, not yet handed over
    per_second: Mapped[float] = mapped_column(default=0.0)
    trouble: Mapped[str] = mapped_column(Text, default="")  # what keeps it from sending, in words
    trouble_since: Mapped[datetime | None]

"""Tables: mailings (what is said once to many), messages (one mail to one recipient) and attempts.

Status is what we did; what happened to a message afterwards is an event in `tracking`.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id
from campaigns.db.base import big

STATUSES = ("queued", "sending", "sent", "failed", "held", "cancelled", "unknown")
"""What was meant is always the sum of these. `unknown`: handed over, the answer never heard."""

HELD_REASONS = (
    "no_consent",
    "suppressed",
    "capped",
    "too_late",
    "no_address",
    "unreachable",
    "holdout",
    "expired",
    "key_account",
)
"""Why a message was held, in a word; `held_reason` may add a cause after a colon ("suppressed:stale", "expired:pressure").

A *queued* message with a held_reason waits for that (pressure.REASONS): it leaves when it may, or expires."""


class Mailing(Base):
    """What is said, by whom, tracked or not. Belongs to a newsletter, a letter, or a test."""

    __tablename__ = "mailing"
    __table_args__ = (Index("ix_mailing_kind_source_id", "kind", "source_id"),)

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(20))  # newsletter, letter, test
    source_id: Mapped[int | None]  # the newsletter's or letter's id
    name: Mapped[str] = mapped_column(String(200))
    type: Mapped[str] = mapped_column(String(12), default="")  # rules.TYPES: what we ask or give; "" untold
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
    # How it is held back: see pressure.py.
    leaves_in_complaint: Mapped[bool] = mapped_column(default=False, server_default=false())
    wait_hours: Mapped[int] = mapped_column(default=24, server_default="24")  # held so long, then it expires
    holdout: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")  # percent left without
    created_at: Mapped[datetime]


class Message(Base):
    """One mail to one customer. Unique by mailing, customer and occasion: nobody is greeted twice."""

    __tablename__ = "message"
    __table_args__ = (
        # The customer first: the same index finds all messages of a customer.
        UniqueConstraint("customer_id", "mailing_id", "occasion_key"),
        Index(  # the last days; what the scorer has not seen yet. Rows that wait are not in it: a launch adds nothing
            "ix_message_sent_at",
            "sent_at",
            sqlite_where=text("sent_at IS NOT NULL"),
            postgresql_where=text("sent_at IS NOT NULL"),
        ),
        # Both the sums of a mailing and a claim, which takes the due ones of each open mailing in order. One
        # index for the two: each costs a launch of a million two seconds.
        Index("ix_message_mailing_id_status_next", "mailing_id", "status", "next_attempt_at"),
        Index(  # what a customer got in the last days: pressure looks there at each claim
            "ix_message_recent",
            "customer_id",
            "sent_at",
            "mailing_id",
            sqlite_where=text("sent_at IS NOT NULL"),
            postgresql_where=text("sent_at IS NOT NULL"),
        ),
        Index(
            "ix_message_unknown",
            "customer_id",
            sqlite_where=text("status = 'unknown'"),
            postgresql_where=text("status = 'unknown'"),
        ),
        Index(
            "ix_message_lease",
            "lease_owner",
            "lease_until",
            sqlite_where=text("status = 'sending'"),
            postgresql_where=text("status = 'sending'"),
        ),
    )

    id: Mapped[Id]
    # No foreign keys: a million rows checked one by one were half of a launch on PostgreSQL. Mailings are never
    # deleted, and whoever deletes a customer calls `forget_message` first, which empties the column.
    mailing_id: Mapped[int] = mapped_column(big)
    customer_id: Mapped[int | None] = mapped_column(big)
    occasion_key: Mapped[str] = mapped_column(String(100), default="")
    address: Mapped[str] = mapped_column(String(254))
    domain: Mapped[str] = mapped_column(String(253))
    status: Mapped[str] = mapped_column(String(10))
    held_reason: Mapped[str] = mapped_column(String(60), default="")
    waits_for: Mapped[str] = mapped_column(String(60), default="", server_default="")  # a pace: see pacing.py
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


class Pulse(Base):
    """One row: how often and when mail could last leave. The data folder keeps a copy (see gaps.py)."""

    __tablename__ = "sending_pulse"

    id: Mapped[Id]
    key: Mapped[str] = mapped_column(String(32))  # of this database, whatever its name
    beats: Mapped[int] = mapped_column(big)
    at: Mapped[datetime]


class Gap(Base):
    """A time in which nothing could leave, or that a restored backup knows nothing of: what was due in it waits
    for a person's decision; kept as evidence."""

    __tablename__ = "sending_gap"

    id: Mapped[Id]
    cause: Mapped[str] = mapped_column(String(12))  # stopped, restored
    since: Mapped[datetime]  # the last sign of life before it
    found_at: Mapped[datetime]
    due_until: Mapped[datetime]  # whatever was due by then is held back
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str] = mapped_column(String(254), default="")
    decision: Mapped[str] = mapped_column(String(12), default="")  # sent, cancelled; each: mailing by mailing


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


class Pace(Base):
    """A receiver that one sender process writes to more slowly, because it asked for it."""

    __tablename__ = "sending_pace"

    sender: Mapped[str] = mapped_column(String(100), primary_key=True)
    key: Mapped[str] = mapped_column(String(253), primary_key=True)  # a group of the settings, or a domain
    per_minute: Mapped[float]
    ceiling: Mapped[float]  # what it comes back to
    since: Mapped[datetime]
    seen_at: Mapped[datetime]
    because: Mapped[str] = mapped_column(String(200), default="")  # the server's words, without addresses


class DayCount(Base):
    """How much of a daily number is taken: counted up with each claim, and anew from the messages when it is full."""

    __tablename__ = "sending_day"

    key: Mapped[str] = mapped_column(String(253), primary_key=True)  # "*": everything
    day: Mapped[date] = mapped_column(primary_key=True)  # of the shop's zone
    taken: Mapped[int]
    counted_at: Mapped[datetime]


class DomainCheck(Base):
    """What the DNS last said about a domain that our letters come from."""

    __tablename__ = "domain_check"

    domain: Mapped[str] = mapped_column(String(253), primary_key=True)
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(254))
    findings: Mapped[dict[str, Any]]

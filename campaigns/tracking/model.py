"""Tables: events, which are what came back for a message."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id

KINDS = ("delivered", "deferred", "bounced", "opened", "clicked", "unsubscribed", "spam_reported", "replied")
"""What may come back. `delivered` means accepted by the next server; `opened` may be a machine."""

JUDGEMENTS = ("human", "machine", "suspect", "proxied")
"""Who was behind an open or a click, by the rules of `rules_version`."""


class Event(Base):
    """One thing that came back. No foreign keys: an event outlives the erased person, and arrives in bulk."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_message_id", "message_id"),
        Index("ix_event_customer_id_at", "customer_id", "at"),
        Index("ix_event_mailing_id_kind", "mailing_id", "kind"),
        Index("ix_event_at", "at"),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(14))
    at: Mapped[datetime]
    message_id: Mapped[int | None]
    mailing_id: Mapped[int | None]
    customer_id: Mapped[int | None]
    position: Mapped[int | None] = mapped_column(SmallInteger)  # of the link clicked
    judgement: Mapped[str] = mapped_column(String(8), default="")
    reasons: Mapped[str] = mapped_column(String(200), default="")  # words, separated by spaces
    rules_version: Mapped[int] = mapped_column(SmallInteger, default=0)
    method: Mapped[str] = mapped_column(String(8), default="")
    user_agent: Mapped[str] = mapped_column(String(400), default="")
    signs: Mapped[str] = mapped_column(String(100), default="")  # what its headers told, in words
    network: Mapped[str] = mapped_column(String(50), default="")  # a prefix, never the full address
    details: Mapped[dict[str, Any] | None]
    text: Mapped[str] = mapped_column(Text, default="")  # a bounce's words, an unsubscriber's reason


class Journal(Base):
    """How far each hit journal has been read into `event`: the same lines never count twice."""

    __tablename__ = "hit_journal"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    offset: Mapped[int]
    updated_at: Mapped[datetime]


class Receipt(Base):
    """A webhook request that was taken, by its signed name: the same one never counts twice."""

    __tablename__ = "hook_receipt"

    service: Mapped[str] = mapped_column(String(20), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)


class Inlet(Base):
    """A way in for returned mail that is meant to be at work: when it last was, and what hinders it."""

    __tablename__ = "returns_inlet"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)  # listener, mailbox
    seen_at: Mapped[datetime]
    trouble: Mapped[str] = mapped_column(Text, default="")  # one sentence for a person; empty: all is well
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    next_at: Mapped[datetime | None]  # after failures: not tried before


class LastOpen(Base):
    """The day on which somebody who did not agree to measuring last opened a letter: one date, overwritten.

    For the hygiene of the list alone (config: stale.hygiene_from); no time, no letter, no program.
    """

    __tablename__ = "last_open"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    on: Mapped[str] = mapped_column(String(10))  # ISO date in the team's zone


class AnonymousCount(Base):
    """How often a mailing was opened or clicked by people who did not agree to measuring, without whose."""

    __tablename__ = "anonymous_count"

    mailing_id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(14), primary_key=True)  # opened, clicked
    count: Mapped[int] = mapped_column(default=0)

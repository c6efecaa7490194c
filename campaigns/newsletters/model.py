"""Tables: newsletters, which say one thing to one segment at one moment."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id

STATUSES = ("draft", "scheduled", "sending", "paused", "sent", "cancelled")


class Newsletter(Base):
    """One segment, one template, one moment. `local_moment` and `zone` are what the marketer meant;
    `due_at` is the instant that follows from them."""

    __tablename__ = "newsletter"
    __table_args__ = (Index("ix_newsletter_status_due_at", "status", "due_at"),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200))
    type: Mapped[str] = mapped_column(String(12), default="")  # messages.TYPES: what it asks or gives
    segment_id: Mapped[int | None] = mapped_column(ForeignKey("segment.id"))
    template_id: Mapped[int | None] = mapped_column(ForeignKey("template.id"))
    subject: Mapped[str] = mapped_column(String(500), default="")
    preheader: Mapped[str] = mapped_column(String(500), default="")
    sender_name: Mapped[str] = mapped_column(String(200), default="")
    sender_email: Mapped[str] = mapped_column(String(254), default="")
    reply_to: Mapped[str] = mapped_column(String(254), default="")
    holdout: Mapped[int] = mapped_column(default=0, server_default="0")  # percent left without it, to compare
    status: Mapped[str] = mapped_column(String(12), default="draft")
    local_moment: Mapped[str | None] = mapped_column(String(16))  # "2026-11-30T09:00"
    zone: Mapped[str] = mapped_column(String(64), default="")
    due_at: Mapped[datetime | None]
    because: Mapped[str] = mapped_column(String(500), default="")  # why it waits, where Liaison paused it
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey("mailing.id"))
    launched_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    form_key: Mapped[str | None] = mapped_column(String(64), unique=True)  # a form sent twice makes one
    created_by: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

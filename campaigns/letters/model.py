"""Tables: letters, which are standing orders: an occasion, a delay, a template."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id


class Letter(Base):
    """A standing order. `options` belong to its occasion (days after, 29 February rule, category …);
    `hour` is the local hour in the customer's own zone."""

    __tablename__ = "letter"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200), unique=True)
    type: Mapped[str] = mapped_column(String(12), default="")  # messages.TYPES: what it asks or gives
    occasion: Mapped[str] = mapped_column(String(40))
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    hour: Mapped[int] = mapped_column(default=9)
    late: Mapped[str] = mapped_column(
        String(8), default="send"
    )  # rules.LATE: what becomes of it after a stop
    late_days: Mapped[int] = mapped_column(default=2)  # still sent if at most so late
    decided_until: Mapped[datetime | None]  # what was due before, and late, somebody has decided
    template_id: Mapped[int | None] = mapped_column(ForeignKey("template.id"))
    subject: Mapped[str] = mapped_column(String(500), default="")
    preheader: Mapped[str] = mapped_column(String(500), default="")
    sender_name: Mapped[str] = mapped_column(String(200), default="")
    sender_email: Mapped[str] = mapped_column(String(254), default="")
    reply_to: Mapped[str] = mapped_column(String(254), default="")
    leaves_in_complaint: Mapped[bool] = mapped_column(default=False, server_default=false())
    holdout: Mapped[int] = mapped_column(default=0, server_default="0")  # percent left without it, to compare
    is_on: Mapped[bool] = mapped_column(default=False)
    on_since: Mapped[datetime | None]  # nothing due before this moment leaves
    mailing_id: Mapped[int | None] = mapped_column(
        ForeignKey("mailing.id")
    )  # of the template's newest version
    form_key: Mapped[str | None] = mapped_column(String(64), unique=True)  # a form sent twice makes one
    because: Mapped[str] = mapped_column(String(500), default="")  # why nothing leaves although it is on
    created_by: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

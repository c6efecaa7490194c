"""Tables: templates and their versions. A version never changes once written."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id


class Template(Base):
    """Words written by marketers, under one name, through their versions."""

    __tablename__ = "template"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200), unique=True)
    purpose: Mapped[str] = mapped_column(
        String(40), default="newsletter"
    )  # newsletter, birthday, after_purchase, …
    language: Mapped[str] = mapped_column(String(10), default="en")
    version_id: Mapped[int | None]  # the newest version; no foreign key, as each would need the other first
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]


class Version(Base):
    """One wording of a template and what it was compiled to.

    `compiled` is what `content.fill` needs (HTML and text with Jinja spans, static links replaced by
    placeholders); `links` the targets in order of position, each `{"url": …, "text": …, "category": …}`.
    """

    __tablename__ = "template_version"
    __table_args__ = (UniqueConstraint("template_id", "number"),)

    id: Mapped[Id]
    template_id: Mapped[int] = mapped_column(ForeignKey("template.id"))
    number: Mapped[int]
    format: Mapped[str] = mapped_column(String(10))  # mjml, html
    source: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(String(500), default="")
    preheader: Mapped[str] = mapped_column(String(500), default="")
    compiled: Mapped[dict[str, Any]]
    links: Mapped[list[Any]] = mapped_column(default=list)
    fields: Mapped[list[str]] = mapped_column(default=list)
    created_by: Mapped[int | None]
    created_at: Mapped[datetime]

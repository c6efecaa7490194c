"""Tables: customers, their declared attributes, tags and consents, and the imports that brought them."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id


class Customer(Base):
    """A person (or company) we know.

    `address_key` is the normalised address (case folded, domain as A-label): unique, and what
    suppressions are joined on. `may_mail` and `may_track` restate the newest consent of their purpose, so
    that a million recipients can be chosen by one select; only `record_consent` writes them.
    """

    __tablename__ = "customer"
    __table_args__ = (
        CheckConstraint("birth_month BETWEEN 1 AND 12", name="birth_month"),
        CheckConstraint("birth_day BETWEEN 1 AND 31", name="birth_day"),
        Index("ix_customer_birth", "birth_month", "birth_day"),
        Index("ix_customer_zone", "zone"),  # which zones there are, without reading everybody
    )

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(254))
    address_key: Mapped[str] = mapped_column(String(254), unique=True)
    domain: Mapped[str] = mapped_column(String(253))
    number: Mapped[str | None] = mapped_column(String(100), unique=True)
    first_name: Mapped[str] = mapped_column(String(200), default="")
    last_name: Mapped[str] = mapped_column(String(200), default="")
    birth_month: Mapped[int | None] = mapped_column(SmallInteger)
    birth_day: Mapped[int | None] = mapped_column(SmallInteger)
    birth_year: Mapped[int | None] = mapped_column(SmallInteger)
    language: Mapped[str] = mapped_column(String(10), default="")
    zone: Mapped[str] = mapped_column(String(64), default="")
    country: Mapped[str] = mapped_column(String(2), default="")
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    may_mail: Mapped[bool] = mapped_column(default=False)
    may_track: Mapped[bool] = mapped_column(default=False)
    # What the person chose: at most one letter every so many days; none before a moment. None: as the shop does.
    every_days: Mapped[int | None] = mapped_column(SmallInteger)
    pause_until: Mapped[datetime | None]
    source: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(index=True)
    updated_at: Mapped[datetime]


class Attribute(Base):
    """A declared attribute of customers: its name, its type, its choices. Values of another type are refused."""

    __tablename__ = "customer_attribute"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    label: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))  # text number date boolean choice
    choices: Mapped[list[str]] = mapped_column(default=list)


class Tag(Base):
    """A word tied to a customer."""

    __tablename__ = "customer_tag"
    __table_args__ = (Index("ix_customer_tag_tag", "tag", "customer_id"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(60), primary_key=True)


class Consent(Base):
    """One act of agreeing or withdrawing: who, to what, when, by which act, in which words. Never changed."""

    __tablename__ = "consent"
    __table_args__ = (
        Index("ix_consent_customer_id_purpose_at", "customer_id", "purpose", "at"),
        Index("ix_consent_at", "at"),  # who agreed on that day: welcomes and anniversaries
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(20))  # mail, tracking
    is_granted: Mapped[bool]
    at: Mapped[datetime]
    act: Mapped[str] = mapped_column(String(40))  # import, form, staff, unsubscribe_page, one_click, …
    source: Mapped[str] = mapped_column(String(300), default="")  # file, page, counter
    legal_basis: Mapped[str] = mapped_column(String(40), default="")  # consent, existing_customer
    wording: Mapped[str] = mapped_column(String(100), default="")  # version of the text agreed to
    evidence: Mapped[str] = mapped_column(Text, default="")


class Import(Base):
    """One file on its way in: its mapping, how far it came, what became of its lines."""

    __tablename__ = "import_file"

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(20))  # customers, purchases, signals
    filename: Mapped[str] = mapped_column(String(300))
    path: Mapped[str] = mapped_column(String(500))  # our own copy, below the data folder
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)  # encoding, delimiter, mapping, …
    source: Mapped[str] = mapped_column(String(300), default="")
    legal_basis: Mapped[str] = mapped_column(String(40), default="")
    # uploaded → checking → checked → running → done; or failed, stopped
    status: Mapped[str] = mapped_column(String(20))
    size: Mapped[int] = mapped_column(default=0)  # bytes to read
    done: Mapped[int] = mapped_column(default=0)  # bytes read and committed
    at_line: Mapped[int] = mapped_column(default=0)  # line of the file that ends there
    lines: Mapped[int] = mapped_column(default=0)  # records read and committed
    # by the dry run and by the run itself: counts of new, changed, unchanged, suppressed, rejected; examples
    checked: Mapped[dict[str, Any]] = mapped_column(default=dict)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    rejected_size: Mapped[int] = mapped_column(default=0)  # bytes of the file of refused lines that count
    touched_at: Mapped[datetime | None]  # last sign of life of whoever reads it
    error: Mapped[str] = mapped_column(Text, default="")
    created_by: Mapped[int | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

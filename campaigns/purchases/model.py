"""Tables: products, purchases and their lines, and the rhythm in which somebody buys. Amounts in minor units with their currency."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id, Money


class Product(Base):
    """Something that can be bought, known by its number."""

    __tablename__ = "product"

    id: Mapped[Id]
    number: Mapped[str] = mapped_column(String(100), unique=True)
    name: Mapped[str] = mapped_column(String(300), default="")
    category: Mapped[str] = mapped_column(String(100), default="", index=True)


class Purchase(Base):
    """An order. `number` makes it count once, however often it is imported.

    `amount` is what was paid; `refunded` what was given back of it. A purchase wholly refunded has
    status `refunded`; one that never came about `cancelled`. A row of status `return` is no order: it lists
    what was given back (amount and lines negative, like the C-numbers of many shops), and its lines are
    taken off the earlier orders they came from: `returned` is the part of `refunded` that came so. What a
    customer is worth is therefore the sum of `amount - refunded` over status `paid`.
    """

    __tablename__ = "purchase"
    __table_args__ = (
        Index("ix_purchase_customer_id_purchased_at", "customer_id", "purchased_at"),
        Index("ix_purchase_purchased_at", "purchased_at"),
        Index("ix_purchase_updated_at", "updated_at"),  # what the scorer has not seen yet
    )

    id: Mapped[Id]
    number: Mapped[str] = mapped_column(String(100), unique=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    purchased_at: Mapped[datetime]
    amount: Mapped[Money]
    refunded: Mapped[Money]
    returned: Mapped[Money]
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(12), default="paid")  # paid refunded cancelled return
    channel: Mapped[str] = mapped_column(String(40), default="")
    import_id: Mapped[int | None]  # the file that wrote it last: its further lines are added, not put instead
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Line(Base):
    """What was in a purchase. A line given back has a negative quantity and amount."""

    __tablename__ = "purchase_line"

    id: Mapped[Id]
    purchase_id: Mapped[int] = mapped_column(ForeignKey("purchase.id", ondelete="CASCADE"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    quantity: Mapped[int]
    unit_price: Mapped[Money]
    amount: Mapped[int] = mapped_column(BigInteger)


class Rhythm(Base):
    """How often a customer buys a thing again, and when the next time is due by that: kept by `refresh_rhythms`.

    `kind` is category (an empty name: anything) or product (its number). Only who bought on three different days
    has one. `gap_days` is the middle of the days between them; days are those of the team's zone, as ISO text.
    """

    __tablename__ = "purchase_rhythm"
    __table_args__ = (Index("ix_purchase_rhythm_next", "kind", "name", "next_on"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    label: Mapped[str] = mapped_column(String(300), default="")
    gap_days: Mapped[int]
    last_on: Mapped[str] = mapped_column(String(10))
    last_number: Mapped[str] = mapped_column(String(100))
    next_on: Mapped[str] = mapped_column(String(10))


class RhythmMark(Base):
    """Up to which change of purchases the rhythms of one kind and name are known."""

    __tablename__ = "purchase_rhythm_mark"

    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    changed_at: Mapped[datetime]  # of the last purchase read
    purchase_id: Mapped[int] = mapped_column(BigInteger)  # and which, of those of the same instant

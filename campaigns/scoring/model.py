"""Tables: one row of figures per customer, kept up to date, and what was said of them on which day."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Money


class Score(Base):
    """The figures of one customer as of `as_of`: what segments ask and the customer's page explains.

    Amounts in minor units of the shop's currency, refunds taken off. `r`, `f`, `m` are classes 1–5, 5 the
    best, None for who never bought. `engagement` is a sum of human signs, each halved every half-life.
    `p_alive` to `expected_spent` are None until the shop's purchases allow a forecast.
    """

    __tablename__ = "score"
    __table_args__ = (
        Index("ix_score_last_purchase_at", "last_purchase_at"),
        Index("ix_score_spent", "spent"),
        Index("ix_score_rfm_class", "rfm_class"),
        Index("ix_score_engagement", "engagement"),
    )

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    as_of: Mapped[datetime]
    first_purchase_at: Mapped[datetime | None]
    last_purchase_at: Mapped[datetime | None]
    orders: Mapped[int] = mapped_column(default=0)
    orders_12m: Mapped[int] = mapped_column(default=0)
    spent: Mapped[Money]
    spent_12m: Mapped[Money]
    basket: Mapped[int] = mapped_column(BigInteger, default=0)  # average, of all orders
    mails_sent: Mapped[int] = mapped_column(default=0)
    mails_since_sign: Mapped[int] = mapped_column(default=0)  # sent since the last human sign of life
    last_mail_at: Mapped[datetime | None]
    last_open_at: Mapped[datetime | None]
    last_click_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]  # newest of purchase, human click, open, reply, consent
    engagement: Mapped[float] = mapped_column(default=0.0)
    r: Mapped[int | None] = mapped_column(SmallInteger)
    f: Mapped[int | None] = mapped_column(SmallInteger)
    m: Mapped[int | None] = mapped_column(SmallInteger)
    rfm_class: Mapped[str] = mapped_column(String(20), default="")
    p_alive: Mapped[float | None]  # probability of still being a customer; None for one order or none
    expected_orders: Mapped[float | None]  # orders in the next 365 days
    expected_spent: Mapped[float | None]  # and their amount


class CategoryFigure(Base):
    """What one customer bought and clicked in one category: narrow, so that it can be asked quickly."""

    __tablename__ = "category_figure"
    __table_args__ = (Index("ix_category_figure_category", "category", "customer_id"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    category: Mapped[str] = mapped_column(String(100), primary_key=True)
    orders: Mapped[int] = mapped_column(default=0)
    spent: Mapped[Money]
    last_purchase_at: Mapped[datetime | None]
    clicks: Mapped[int] = mapped_column(default=0)
    last_click_at: Mapped[datetime | None]


class Snapshot(Base):
    """What the scores were from a day on: a row is written only when one of r, f, m or the class has moved.

    The state on a day is a customer's newest row on or before it; so a year of days costs a few rows a
    customer and not 365.
    """

    __tablename__ = "score_snapshot"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    on: Mapped[str] = mapped_column(String(10), primary_key=True)  # ISO date in the team's zone
    r: Mapped[int | None] = mapped_column(SmallInteger)
    f: Mapped[int | None] = mapped_column(SmallInteger)
    m: Mapped[int | None] = mapped_column(SmallInteger)
    rfm_class: Mapped[str] = mapped_column(String(20), default="")
    engagement: Mapped[float] = mapped_column(default=0.0)
    orders: Mapped[int] = mapped_column(default=0)
    spent: Mapped[Money]


class Break(Base):
    """The limits between the classes of the last full refresh, and the fitted parameters of the forecast
    (`bgnbd`, `spend`): with them a changed customer can be scored alone."""

    __tablename__ = "score_break"

    measure: Mapped[str] = mapped_column(String(12), primary_key=True)
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    limit: Mapped[float]
    as_of: Mapped[datetime]


class Mark(Base):
    """How far the scorer has read: the newest id or moment of each source it already counted."""

    __tablename__ = "score_mark"

    source: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, default=0)
    at: Mapped[datetime]

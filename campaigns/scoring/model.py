"""Tables: one row of figures per customer, kept up to date, and what was said of them on which day."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id, Money


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
    categories: Mapped[int] = mapped_column(default=0)  # different ones bought, in all
    t: Mapped[int | None] = mapped_column(SmallInteger)  # type of purchase, class 1–5
    frat: Mapped[int | None] = mapped_column(SmallInteger)  # the four weighed together, 20–100
    promotion_orders: Mapped[int] = mapped_column(default=0)  # soon after a click in a promotion
    usual_gap: Mapped[float | None]  # days between orders, by the customer's own rhythm
    risk: Mapped[str] = mapped_column(String(8), default="")  # relation.RISKS; "" who never bought
    phase: Mapped[str] = mapped_column(String(12), default="")  # relation.PHASES
    ended_how: Mapped[str] = mapped_column(String(8), default="")  # relation.ENDINGS, in dissolution
    cause: Mapped[str] = mapped_column(String(16), default="")  # relation.CAUSES, of who is at risk or lost
    behaviour: Mapped[int | None] = mapped_column(SmallInteger)  # 1 comes back, 0 does not; None untold
    attitude: Mapped[int | None] = mapped_column(
        SmallInteger
    )  # 1 for us, 0 indifferent, -1 against; None untold
    loyalty: Mapped[str] = mapped_column(String(10), default="")  # loyalty.TYPES
    satisfied: Mapped[int | None] = mapped_column(SmallInteger)  # the five lights: 1 yes, 0 no, None unknown
    confident: Mapped[int | None] = mapped_column(SmallInteger)
    attached: Mapped[int | None] = mapped_column(SmallInteger)
    engaged: Mapped[int | None] = mapped_column(SmallInteger)
    cooperative: Mapped[int | None] = mapped_column(SmallInteger)
    asked: Mapped[int] = mapped_column(default=0)  # promotions and surveys sent in 365 days
    given: Mapped[int] = mapped_column(default=0)  # advice, thanks and service
    value: Mapped[int | None] = mapped_column(BigInteger)  # margin to come, discounted, churn rising
    value_low: Mapped[int | None] = mapped_column(BigInteger)  # with nine of ten between these two
    value_high: Mapped[int | None] = mapped_column(BigInteger)
    value_constant: Mapped[int | None] = mapped_column(BigInteger)  # the same with one churn for all years
    state: Mapped[int | None] = mapped_column(BigInteger)  # all classes packed, see states.py
    noted: Mapped[int | None] = mapped_column(BigInteger)  # the state of the newest snapshot


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
    interest: Mapped[float] = mapped_column(default=0.0)  # clicks and orders, each halved every half-life


class Transition(Base):
    """Since when a customer is in a phase, a class or a risk, and what they were before.

    `kind`: phase (everybody scored has exactly one open), class and risk (from the first change on). Written
    once; only `until` is set, when the next one begins. `source` is "" for the first known state. Of a phase
    that is dissolution, `how` tells who ended it; `value` is what the customer was worth just before.
    """

    __tablename__ = "score_transition"
    __table_args__ = (
        Index(
            "uq_score_transition_open",
            "customer_id",
            "kind",
            unique=True,
            sqlite_where=text("until IS NULL"),
            postgresql_where=text("until IS NULL"),
        ),
        Index("ix_score_transition_kind_at", "kind", "at"),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(8))
    source: Mapped[str] = mapped_column(String(20), default="")
    target: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]
    until: Mapped[datetime | None]
    how: Mapped[str] = mapped_column(String(8), default="")
    value: Mapped[int | None] = mapped_column(BigInteger)


class KeyAccount(Base):
    """A customer the shop cannot afford to lose, confirmed by a person; ended, never deleted.

    `may_promote`: the owner agrees that promotions go to this account, too.
    """

    __tablename__ = "key_account"
    __table_args__ = (
        Index(
            "uq_key_account_open",
            "customer_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    reason: Mapped[str] = mapped_column(String(12))  # accounts.REASONS
    because: Mapped[str] = mapped_column(String(500), default="")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("staff_user.id"))
    may_promote: Mapped[bool] = mapped_column(default=False)
    may_promote_since: Mapped[datetime | None]
    quiet_days: Mapped[int | None]  # silent for longer is an alarm; None: by the account's own rhythm
    confirmed_by: Mapped[int | None]
    confirmed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str] = mapped_column(String(500), default="")


class Snapshot(Base):
    """What the scores were from a day on: a row is written only when a class, the phase,
    the risk or the type of loyalty has moved.

    The state on a day is a customer's newest row on or before it; so a year of days costs a few rows a
    customer and not 365.
    """

    __tablename__ = "score_snapshot"

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    on: Mapped[str] = mapped_column(String(10), primary_key=True)  # ISO date in the team's zone
    r: Mapped[int | None] = mapped_column(SmallInteger)
    f: Mapped[int | None] = mapped_column(SmallInteger)
    m: Mapped[int | None] = mapped_column(SmallInteger)
    t: Mapped[int | None] = mapped_column(SmallInteger)
    rfm_class: Mapped[str] = mapped_column(String(20), default="")
    phase: Mapped[str] = mapped_column(String(12), default="")
    risk: Mapped[str] = mapped_column(String(8), default="")
    loyalty: Mapped[str] = mapped_column(String(10), default="")
    engagement: Mapped[float] = mapped_column(default=0.0)
    orders: Mapped[int] = mapped_column(default=0)
    spent: Mapped[Money]
    value: Mapped[int | None] = mapped_column(BigInteger)


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


class Sunset(Base):
    """The last call to one silent customer: begun by a person or the rule, ended by a sign of life or by silence.

    `outcome` is "" while it runs, then answered, suppressed, or stopped (by a person, or because the customer is
    kept out for another cause). The last letter is the message whose occasion_key is `sunset:<id>`.
    """

    __tablename__ = "sunset"
    __table_args__ = (
        Index(
            "uq_sunset_running",
            "customer_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_sunset_begun_at", "begun_at"),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    begun_at: Mapped[datetime]
    begun_by: Mapped[str] = mapped_column(String(254), default="")
    evidence: Mapped[str] = mapped_column(Text, default="")
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(12), default="")

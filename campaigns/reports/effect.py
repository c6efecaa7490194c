"""What a letter does: those who were to get it against those held out, by what they bought in the days after.

By intention to treat: all who were to get it count, whether or not it arrived, since nobody knows who of the held-out
would have been reached. Each customer counts once, from the first time the letter was due.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from statistics import NormalDist
from typing import Any

from sqlalchemy import Float, Select, and_, case, cast, func, or_, select
from sqlalchemy.orm import Session

from campaigns.db.expressions import later
from campaigns.journeys import Traveller
from campaigns.messages import Mailing, Message
from campaigns.purchases import Purchase
from campaigns.reports.delivery import Subject

DAYS = 30
"""So long after the letter was due a purchase counts."""
FEWEST = 30
"""With fewer in either group nothing is said: the interval of a mean would not hold (central limit theorem)."""
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Group:
    """Customers, how many of them bought, what they spent in all (minor units), and the sum of its squares."""

    size: int = 0
    buyers: int = 0
    spent: float = 0.0
    squares: float = 0.0

    @property
    def share(self) -> float:
        return self.buyers / self.size if self.size else 0.0

    @property
    def mean(self) -> float:
        return self.spent / self.size if self.size else 0.0

    @property
    def variance(self) -> float:
        """Of the amounts per person (n - 1)."""
        return max(self.squares - self.size * self.mean**2, 0.0) / (self.size - 1) if self.size > 1 else 0.0


@dataclass(frozen=True)
class Difference:
    """With the letter minus without, and its interval of 95 %."""

    value: float
    low: float
    high: float

    @property
    def is_shown(self) -> bool:
        """Whether the interval leaves zero out: else nothing is shown yet."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Effect:
    """Both groups after `days`; `waiting`: customers of whom the days are not over."""

    treated: Group
    held_out: Group
    waiting: int
    days: int = DAYS

    @property
    def is_measurable(self) -> bool:
        return min(self.treated.size, self.held_out.size) >= FEWEST

    @property
    def share(self) -> Difference:
        """Of the shares who bought."""
        return newcombe(self.treated.buyers, self.treated.size, self.held_out.buyers, self.held_out.size)

    @property
    def revenue(self) -> Difference:
        """Of the revenue per person, in minor units."""
        return welch(self.treated, self.held_out)


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The interval of a share (E. B. Wilson, 1927)."""
    share, z2 = part / whole, _Z**2
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = _Z / (1 + z2 / whole) * sqrt(share * (1 - share) / whole + z2 / (4 * whole**2))
    return middle - half, middle + half


def newcombe(part: int, whole: int, other_part: int, other_whole: int) -> Difference:
    """The difference of two shares by Wilson's intervals (R. G. Newcombe, Statistics in Medicine 17, 1998: method 10)."""
    one, other = part / whole, other_part / other_whole
    (low, high), (other_low, other_high) = wilson(part, whole), wilson(other_part, other_whole)
    value = one - other
    return Difference(
        value,
        value - sqrt((one - low) ** 2 + (other_high - other) ** 2),
        value + sqrt((high - one) ** 2 + (other - other_low) ** 2),
    )


def welch(one: Group, other: Group) -> Difference:
    """The difference of two means with unequal variances (B. L. Welch, Biometrika 34, 1947)."""
    value = one.mean - other.mean
    parts = (one.variance / one.size, other.variance / other.size)
    error = sqrt(sum(parts))
    if not error:
        return Difference(value, value, value)
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (one.size - 1) + parts[1] ** 2 / (other.size - 1))
    half = student(freedom) * error
    return Difference(value, value - half, value + half)


def student(freedom: float) -> float:
    """The 97.5 % quantile of Student's t (Abramowitz and Stegun 26.7.5; from 10 degrees on right to a thousandth)."""
    z = _Z
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


def effect(
    session: Session, kind: str, source_id: int, *, currency: str, now: datetime, days: int = DAYS
) -> Effect | None:
    """The effect of a letter or newsletter (`kind` and `source_id` of its mailings); None if it holds nobody out.

    Purchases count net of refunds, in `currency`, from the moment the letter was due.
    """
    mailings = select(Mailing.id).where(Mailing.kind == kind, Mailing.source_id == source_id)
    is_out = Message.held_reason == "holdout"
    any_out = select(Message.id).where(Message.mailing_id.in_(mailings), Message.status == "held", is_out)
    if session.scalar(any_out.limit(1)) is None:
        return None
    assigned = (
        select(
            Message.customer_id.label("customer_id"),
            func.min(Message.queued_at).label("at"),
            func.max(case((is_out, 1), else_=0)).label("is_out"),
        )
        .where(
            Message.mailing_id.in_(mailings),
            Message.customer_id.is_not(None),
            or_(Message.status != "held", is_out, Message.held_reason.startswith("expired:")),
        )
        .group_by(Message.customer_id)
        .subquery()
    )
    return _measured(session, assigned, currency, now, days)


def effect_of_journey(
    session: Session, journey_id: int, *, currency: str, now: datetime, days: int = DAYS
) -> Effect | None:
    """The effect of a journey on those it let in against those it held out; None if it holds nobody out.

    Purchases count from the moment somebody entered, or would have.
    """
    is_out = Traveller.status == "held_out"
    chosen = Traveller.journey_id == journey_id
    if session.scalar(select(Traveller.id).where(chosen, is_out).limit(1)) is None:
        return None
    assigned = (
        select(
            Traveller.customer_id.label("customer_id"),
            func.min(Traveller.entered_at).label("at"),
            func.max(case((is_out, 1), else_=0)).label("is_out"),
        )
        .where(chosen)
        .group_by(Traveller.customer_id)
        .subquery()
    )
    return _measured(session, assigned, currency, now, days)


def _measured(session: Session, assigned: Any, currency: str, now: datetime, days: int) -> Effect:
    """`assigned`: each customer once, since when (`at`), and whether held out (`is_out`)."""
    over = now - timedelta(days=days)
    waiting = session.scalar(select(func.count()).select_from(assigned).where(assigned.c.at > over)) or 0
    groups = {
        bool(row[0]): Group(*row[1:]) for row in session.execute(_groups(assigned, over, days, currency))
    }
    return Effect(groups.get(False, Group()), groups.get(True, Group()), waiting, days)


def effect_of(session: Session, about: Subject, *, currency: str, now: datetime) -> Effect | None:
    """The same of what a report is about."""
    if about.source_id is None:
        return None
    return effect(session, about.kind, about.source_id, currency=currency, now=now)


def _groups(assigned: Any, over: datetime, days: int, currency: str) -> Select[Any]:
    bought = and_(
        Purchase.customer_id == assigned.c.customer_id,
        Purchase.status == "paid",
        Purchase.currency == currency,
        Purchase.purchased_at >= assigned.c.at,
        Purchase.purchased_at < later(assigned.c.at, days * 86_400),
    )
    each = (
        select(
            assigned.c.is_out,
            func.count(Purchase.id).label("orders"),
            cast(func.coalesce(func.sum(Purchase.amount - Purchase.refunded), 0), Float).label("spent"),
        )
        .select_from(assigned)
        .outerjoin(Purchase, bought)
        .where(assigned.c.at <= over)
        .group_by(assigned.c.customer_id, assigned.c.is_out)
        .subquery()
    )
    return select(
        each.c.is_out,
        func.count(),
        func.sum(case((each.c.orders > 0, 1), else_=0)),
        func.sum(each.c.spent),
        func.sum(each.c.spent * each.c.spent),
    ).group_by(each.c.is_out)

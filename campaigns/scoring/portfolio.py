"""Reads over all customers: the portfolio's value, what losing costs, where value comes from, balance, causes, the grids."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.customers import Customer
from campaigns.messages import ASKED, GIVEN, Mailing, Message
from campaigns.scoring.loyalty import TYPES
from campaigns.scoring.model import CategoryFigure, Score, Transition
from campaigns.scoring.queries import stored_limits
from campaigns.scoring.relation import CAUSES, PHASES
from campaigns.scoring.scored import curve_of, value_rule
from campaigns.scoring.value import BackTest, Curve, Portfolio, WhatIf, multiplier, path, what_if

CHURNS = (0.05, 0.10)
"""The two churns that the seed sets side by side."""


def portfolio_value(session: Session) -> Portfolio | None:
    """All customers together as of the last full refresh; None while no churn is known. Amounts in minor units."""
    found = stored_limits(session).get("portfolio")
    return Portfolio(*(int(number) for number in found)) if found else None


def value_back_test(session: Session) -> BackTest | None:
    """The first year, foreseen a year before the last full refresh, against what came; None below two years of past."""
    found = stored_limits(session).get("backtest")
    return BackTest(*(int(number) for number in found)) if found else None


def churn_curve(session: Session) -> Curve | None:
    """The churn by inactivity that values are computed with."""
    return curve_of(stored_limits(session))


def churn_what_if(session: Session, *, config: Config, years: int = 10) -> list[WhatIf]:
    """5 % against 10 % (and the shop's own churn): the base left after each year, and the worth of a yearly margin of 1."""
    curve = churn_curve(session)
    churns = [*CHURNS, *([curve.overall] if curve else [])]
    return [what_if(churn, years=years, discount=config.value.discount) for churn in churns]


def paths(session: Session, *, config: Config) -> dict[str, list[tuple[tuple[float, ...], float]]]:
    """For who ordered once and who came back, by band of inactivity: the churn of each year and the multiplier."""
    curve, rule = churn_curve(session), value_rule(config)
    if curve is None:
        return {}
    found = {}
    for name, churns in (("once", curve.once), ("repeat", curve.repeat)):
        ways = [path(churn, curve.active, rule) for churn in churns]
        found[name] = [(way, multiplier(way, rule.discount)) for way in ways]
    return found


@dataclass(frozen=True)
class Group:
    """Some customers under one name: how many, their values summed (minor units), what they spent."""

    name: str
    customers: int
    value: int
    spent: int

    @property
    def average(self) -> int:
        return self.value // self.customers if self.customers else 0


def value_by_source(session: Session) -> list[Group]:
    """Lifetime value by where customers came from, the most valuable source first."""
    return _grouped(session, Customer.source)


def of_source(source: str) -> Select[Any]:
    """Ids of the customers behind one line of `value_by_source`."""
    return select(Customer.id).join(Score, Score.customer_id == Customer.id).where(Customer.source == source)


def of_country(country: str) -> Select[Any]:
    """Ids of the customers behind one line of `value_by_country`."""
    return (
        select(Customer.id).join(Score, Score.customer_id == Customer.id).where(Customer.country == country)
    )


def value_by_country(session: Session) -> list[Group]:
    """The same by country."""
    return _grouped(session, Customer.country)


def _grouped(session: Session, column: Any) -> list[Group]:
    rows = session.execute(
        select(column, func.count(), func.sum(Score.value), func.sum(Score.spent))
        .join(Score, Score.customer_id == Customer.id)
        .group_by(column)
    )
    groups = [
        Group(name or "", count, int(value or 0), int(spent or 0)) for name, count, value, spent in rows
    ]
    return sorted(groups, key=lambda group: (-group.value, group.name))


@dataclass(frozen=True)
class Loss:
    """The customers lost in one month ("2026-11", in the team's zone) and what they were worth just before."""

    month: str
    customers: int
    value: int


def cost_of_losing(session: Session, *, config: Config, since: datetime, until: datetime) -> list[Loss]:
    """Value of those who became lost, by month, oldest first."""
    row = Transition
    months: dict[str, list[int]] = {}
    for at, value in session.execute(select(row.at, row.value).where(_became_lost(since, until))):
        month = f"{at.astimezone(config.zone):%Y-%m}"
        count = months.setdefault(month, [0, 0])
        count[0] += 1
        count[1] += value or 0
    return [Loss(month, *count) for month, count in sorted(months.items())]


def lost_between(since: datetime, until: datetime) -> Select[Any]:
    """Ids of the customers who became lost then."""
    return select(Transition.customer_id).where(_became_lost(since, until)).distinct()


def _became_lost(since: datetime, until: datetime) -> Any:
    row = Transition
    return (row.kind == "risk") & (row.target == "lost") & (row.at >= since) & (row.at < until)


@dataclass(frozen=True)
class CauseSize:
    """One cause of loss: its branch of the tree (rupture, rencontre, other, unknown), words, how many, their value."""

    name: str
    branch: str
    label: str
    customers: int
    value: int


def lost_by_cause(session: Session) -> list[CauseSize]:
    """Who is lost now, by cause; what nothing tells comes last as unknown. The most frequent first."""
    rows = session.execute(
        select(Score.cause, func.count(), func.sum(Score.value))
        .where(Score.risk == "lost")
        .group_by(Score.cause)
    )
    found = []
    for name, count, value in rows:
        branch, label = CAUSES.get(name, ("unknown", "Unknown: nothing on record tells"))
        found.append(CauseSize(name, branch, label, count, int(value or 0)))
    return sorted(found, key=lambda each: (each.name == "", -each.customers, each.name))


def lost_because(cause: str) -> Select[Any]:
    """Ids of the lost customers of one cause ("" for unknown)."""
    return select(Score.customer_id).where(Score.risk == "lost", Score.cause == cause)


def phase_sizes(session: Session) -> dict[str, int]:
    """How many are in each phase, empty ones too."""
    found = dict(session.execute(select(Score.phase, func.count()).group_by(Score.phase)).all())
    return {name: found.get(name, 0) for name in PHASES}


def in_phase(phase: str, how: str | None = None) -> Select[Any]:
    """Ids of the customers in a phase, of dissolution also by how it came."""
    chosen = select(Score.customer_id).where(Score.phase == phase)
    return chosen if how is None else chosen.where(Score.ended_how == how)


def endings(session: Session) -> dict[str, int]:
    """How the relations in dissolution ended: by_them, by_us, both, silent."""
    rows = session.execute(
        select(Score.ended_how, func.count()).where(Score.phase == "dissolution").group_by(Score.ended_how)
    )
    return dict(rows.all())


def phase_flow(session: Session, since: datetime, until: datetime) -> dict[tuple[str, str], int]:
    """How many transitions went from which phase to which, from `since` up to `until`."""
    row = Transition
    rows = session.execute(
        select(row.source, row.target, func.count())
        .where(row.kind == "phase", row.source != "", row.at >= since, row.at < until)
        .group_by(row.source, row.target)
    )
    return {(source, target): count for source, target, count in rows}


def flowed(source: str, target: str, since: datetime, until: datetime) -> Select[Any]:
    """Ids of the customers behind one number of the flow."""
    row = Transition
    return (
        select(row.customer_id)
        .where(
            row.kind == "phase", row.source == source, row.target == target, row.at >= since, row.at < until
        )
        .distinct()
    )


def loyalty_sizes(session: Session) -> dict[tuple[int | None, int | None], int]:
    """How many stand where on the two axes, (behaviour, attitude); None: unknown."""
    rows = session.execute(
        select(Score.behaviour, Score.attitude, func.count()).group_by(Score.behaviour, Score.attitude)
    )
    return {(behaviour, attitude): count for behaviour, attitude, count in rows}


def in_quadrant(behaviour: int | None, attitude: int | None) -> Select[Any]:
    """Ids of the customers behind one number of the axes."""
    return select(Score.customer_id).where(
        Score.behaviour.is_not_distinct_from(behaviour), Score.attitude.is_not_distinct_from(attitude)
    )


def type_sizes(session: Session) -> dict[str, int]:
    """How many there are of each type of loyalty, empty ones too."""
    found = dict(session.execute(select(Score.loyalty, func.count()).group_by(Score.loyalty)).all())
    return {name: found.get(name, 0) for name in TYPES}


def of_type(loyalty: str) -> Select[Any]:
    """Ids of the customers of one type of loyalty."""
    return select(Score.customer_id).where(Score.loyalty == loyalty)


@dataclass(frozen=True)
class CategoryCell:
    """Those who bought in a category and are in a class of recency: how many, what they spent in it (minor units)."""

    category: str
    r: int
    customers: int
    spent: int


def category_grid(session: Session) -> dict[str, list[CategoryCell]]:
    """Type of purchase by recency: for each category (the largest first) five cells, R 1 to R 5."""
    figure = CategoryFigure
    rows = session.execute(
        select(figure.category, Score.r, func.count(), func.sum(figure.spent))
        .join(Score, Score.customer_id == figure.customer_id)
        .where(figure.orders > 0, figure.spent > 0, Score.r.is_not(None))
        .group_by(figure.category, Score.r)
    )
    found: dict[str, dict[int | None, tuple[int, int]]] = {}
    for category, r, count, spent in rows:
        found.setdefault(category, {})[r] = (count, int(spent or 0))
    size = {category: sum(spent for _, spent in cells.values()) for category, cells in found.items()}
    return {
        category: [CategoryCell(category, r, *found[category].get(r, (0, 0))) for r in range(1, 6)]
        for category in sorted(found, key=lambda each: (-size[each], each))
    }


def in_category_cell(category: str, r: int) -> Select[Any]:
    """Ids of the customers behind one cell of the grid."""
    figure = CategoryFigure
    return (
        select(figure.customer_id)
        .join(Score, Score.customer_id == figure.customer_id)
        .where(figure.category == category, figure.orders > 0, figure.spent > 0, Score.r == r)
    )


@dataclass(frozen=True)
class MailingBalance:
    """One mailing on the scale: its recipients, and how many of them got more asked than given with it."""

    type: str
    recipients: int
    negative: int


def balance_of_mailing(session: Session, mailing_id: int) -> MailingBalance:
    """How many of those a mailing was sent to stand below 0 in the last 365 days, as of their score."""
    kind = session.scalar(select(Mailing.type).where(Mailing.id == mailing_id)) or ""
    recipients, negative = session.execute(
        select(func.count(), func.count(case((Score.given < Score.asked, 1))))
        .select_from(Message)
        .join(Score, Score.customer_id == Message.customer_id)
        .where(Message.mailing_id == mailing_id, Message.status == "sent")
    ).one()
    return MailingBalance(kind, recipients, negative)


def balance_sizes(session: Session) -> dict[str, int]:
    """How many customers got more asked than given, as much, less, and nothing of either."""
    nothing = (Score.given == 0) & (Score.asked == 0)
    word = case(
        (nothing, "nothing"),
        (Score.given < Score.asked, "asked"),
        (Score.given == Score.asked, "even"),
        else_="given",
    )
    found: dict[str, int] = dict(session.execute(select(word, func.count()).group_by(word)).all())
    return {name: found.get(name, 0) for name in ("given", "even", "asked", "nothing")}


BALANCE_SIDES = {"asked": ASKED, "given": GIVEN}
"""Which types of mailings lie on which side."""

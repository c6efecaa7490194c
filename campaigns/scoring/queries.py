"""Reads: the score of one, the sizes of classes, who moved where, who has fallen silent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, exists, func, or_, select, union
from sqlalchemy.orm import Session, aliased

from campaigns.config import Config
from campaigns.customers import Consent, Customer
from campaigns.messages import Message
from campaigns.purchases import Purchase
from campaigns.scoring.explain import Sentence, band_words, sentences
from campaigns.scoring.gather import AnySelect
from campaigns.scoring.lifetime import NO_SHAPE, what_lacks
from campaigns.scoring.model import Break, CategoryFigure, Mark, Score, Snapshot, Transition
from campaigns.scoring.rules import CLASSES, RfmClass
from campaigns.scoring.tenure import CohortRow, cohort_rows
from campaigns.signals import Signal
from campaigns.suppression import Suppression
from campaigns.tracking import Event

DOUBTFUL = 0.5
"""Below this probability of still being a customer, the relation is more likely over than not."""

OVERLAP = timedelta(minutes=10)
"""How far behind its mark the scorer looks again: a long transaction may commit late what it wrote early."""


def score_of(session: Session, customer_id: int) -> Score | None:
    """The stored figures of one customer; None before the first refresh that knew them."""
    return session.get(Score, customer_id)


def explain(
    session: Session, customer_id: int, *, now: datetime, config: Config | None = None
) -> list[Sentence]:
    """Why this customer has these scores: sentences with the figures they come from, brought to `now`."""
    score = session.get(Score, customer_id)
    if score is None:
        return []
    return sentences(score, stored_limits(session), now=now, config=config or Config())


def favourite_categories(session: Session, customer_id: int, most: int = 5) -> list[CategoryFigure]:
    """The categories this customer bought or clicked in, the strongest first."""
    figure = CategoryFigure
    chosen = (
        select(figure)
        .where(figure.customer_id == customer_id)
        .order_by(figure.orders.desc(), figure.clicks.desc(), figure.category)
    )
    return list(session.scalars(chosen.limit(most)))


def stored_limits(session: Session) -> dict[str, tuple[float, ...]]:
    """The limits of the last full refresh by measure (`r` in days, `f` in orders, `m` in minor units)."""
    found: dict[str, list[float]] = {}
    for row in session.scalars(select(Break).order_by(Break.measure, Break.level)):
        found.setdefault(row.measure, []).append(row.limit)
    return {measure: tuple(limits) for measure, limits in found.items()}


def limit_words(session: Session, *, config: Config) -> dict[str, list[str]]:
    """What each class 1–5 of `r`, `f` and `m` holds, in words ("at most 30 days"); empty words before the first refresh."""
    limits = stored_limits(session)
    return {measure: band_words(measure, limits.get(measure, ()), config) for measure in ("r", "f", "m")}


def refreshed_at(session: Session) -> datetime | None:
    """When everybody was last scored."""
    return session.scalar(select(func.max(Break.as_of)))


@dataclass(frozen=True)
class ClassSize:
    """One named class with how many are in it and what they bought."""

    rfm_class: RfmClass
    customers: int
    spent: int
    share: float


def class_sizes(session: Session) -> list[ClassSize]:
    """All classes in their order, empty ones too; `share` is of all scored customers."""
    statement = select(Score.rfm_class, func.count(), func.sum(Score.spent)).group_by(Score.rfm_class)
    found = {name: (count, int(spent or 0)) for name, count, spent in session.execute(statement)}
    everybody = sum(count for count, _ in found.values()) or 1
    sizes = []
    for each in CLASSES:
        count, spent = found.get(each.name, (0, 0))
        sizes.append(ClassSize(each, count, spent, count / everybody))
    return sizes


@dataclass(frozen=True)
class Cell:
    """One field of the grid: its two classes, how many, what they spent."""

    r: int
    f: int
    customers: int
    spent: int

    @property
    def average(self) -> int:
        return self.spent // self.customers if self.customers else 0


def grid(session: Session) -> list[list[Cell]]:
    """Recency against frequency: five rows from F 5 down to F 1, each from R 1 to R 5."""
    statement = (
        select(Score.r, Score.f, func.count(), func.sum(Score.spent))
        .where(Score.r.is_not(None))
        .group_by(Score.r, Score.f)
    )
    found = {(r, f): (count, int(spent or 0)) for r, f, count, spent in session.execute(statement)}
    return [[Cell(r, f, *found.get((r, f), (0, 0))) for r in range(1, 6)] for f in range(5, 0, -1)]


@dataclass(frozen=True)
class Outlook:
    """What the forecast says of all buyers together for the next 365 days; amounts in minor units."""

    orders: float
    spent: int | None
    repeaters: int
    doubtful: int


def outlook(session: Session) -> Outlook | None:
    """The sum of all forecasts; None while there is none. `doubtful`: more likely gone than not."""
    statement = select(
        func.sum(Score.expected_orders),
        func.sum(Score.expected_spent),
        func.count(Score.p_alive),
        func.count(case((Score.p_alive < DOUBTFUL, 1))),
    )
    orders, spent, repeaters, doubtful = session.execute(statement).one()
    if orders is None:
        return None
    return Outlook(orders, None if spent is None else round(spent), repeaters, doubtful)


def why_no_forecast(session: Session, now: datetime) -> str:
    """What is missing for a forecast, in one sentence."""
    is_buyer = Score.orders > 0
    buyers, repeaters, first = session.execute(
        select(
            func.count(), func.count(case((Score.orders > 1, 1))), func.min(Score.first_purchase_at)
        ).where(is_buyer)
    ).one()
    span = (now - first).days if first else 0
    return what_lacks(buyers, repeaters, span) or NO_SHAPE


def doubtful() -> Select[Any]:
    """Ids of the customers with two orders or more who are more likely gone than not."""
    return select(Score.customer_id).where(Score.p_alive < DOUBTFUL)


def in_class(name: str) -> Select[Any]:
    """Ids of the customers of one class."""
    return select(Score.customer_id).where(Score.rfm_class == name)


def in_cell(r: int, f: int) -> Select[Any]:
    """Ids of the customers of one field of the grid."""
    return select(Score.customer_id).where(Score.r == r, Score.f == f)


def rows(ids: Select[Any] | None = None) -> AnySelect:
    """`(Customer, Score)` of everybody scored or of `ids`, the highest spender first."""
    chosen = select(Customer, Score).join(Score, Score.customer_id == Customer.id)
    if ids is not None:
        chosen = chosen.where(Score.customer_id.in_(ids))
    return chosen.order_by(Score.spent.desc(), Score.customer_id)


def snapshot_days(session: Session) -> list[str]:
    """The days on which some class moved, newest first."""
    return list(session.scalars(select(Snapshot.on).distinct().order_by(Snapshot.on.desc())))


def movement(session: Session, since: str, until: str) -> Mapping[tuple[str, str], int]:
    """How many went from which class to which between two ISO dates; "" for who was not known on the first."""
    before, after = _state_on(since, "before"), _state_on(until, "after")
    statement = (
        select(before.c.rfm_class, after.c.rfm_class, func.count())
        .select_from(after.outerjoin(before, before.c.customer_id == after.c.customer_id))
        .group_by(before.c.rfm_class, after.c.rfm_class)
    )
    return {(source or "", target): count for source, target, count in session.execute(statement)}


def moved(since: str, until: str, source: str, target: str) -> Select[Any]:
    """Ids of the customers behind one number of the movement matrix."""
    before, after = _state_on(since, "before"), _state_on(until, "after")
    return (
        select(after.c.customer_id)
        .select_from(after.outerjoin(before, before.c.customer_id == after.c.customer_id))
        .where(after.c.rfm_class == target, func.coalesce(before.c.rfm_class, "") == source)
    )


def _state_on(day: str, name: str) -> Any:
    newest = aliased(Snapshot)
    last = (
        select(func.max(newest.on))
        .where(newest.customer_id == Snapshot.customer_id, newest.on <= day)
        .scalar_subquery()
    )
    return select(Snapshot.customer_id, Snapshot.rfm_class).where(Snapshot.on == last).subquery(name)


def transitions(
    kind: str, *, since: datetime | None = None, until: datetime | None = None, is_first_too: bool = False
) -> AnySelect:
    """`(customer_id, source, target, at, how, value)` of the changes of a kind (phase, class, risk).

    From `since` up to but not including `until`. The first known state of a customer is no change; it comes
    along, with an empty source, only if asked for.
    """
    row = Transition
    chosen = select(row.customer_id, row.source, row.target, row.at, row.how, row.value).where(
        row.kind == kind
    )
    if since is not None:
        chosen = chosen.where(row.at >= since)
    if until is not None:
        chosen = chosen.where(row.at < until)
    return chosen if is_first_too else chosen.where(row.source != "")


def history_of(session: Session, customer_id: int) -> list[Transition]:
    """Every dated state of one customer, newest first."""
    chosen = select(Transition).where(Transition.customer_id == customer_id)
    return list(session.scalars(chosen.order_by(Transition.at.desc(), Transition.id.desc())))


def marks(session: Session) -> dict[str, Mark]:
    """How far each source was read."""
    found = session.scalars(select(Mark).execution_options(populate_existing=True))
    return {mark.source: mark for mark in found if mark.source != "turn"}


def newest_numbers(session: Session) -> dict[str, int]:
    """The highest id of each source at this moment."""
    sources = {
        "customer": Customer.id,
        "purchase": Purchase.id,
        "event": Event.id,
        "consent": Consent.id,
        "signal": Signal.id,
        "suppression": Suppression.id,
    }
    return {name: session.scalar(select(func.max(column))) or 0 for name, column in sources.items()}


def changed(since: Mapping[str, Mark]) -> Select[Any]:
    """Ids of the customers about whom something new came in after these marks."""

    def beyond(source: str) -> int:
        return since[source].number if source in since else 0

    parts = [
        select(Customer.id).where(Customer.id > beyond("customer")),
        select(Purchase.customer_id).where(Purchase.id > beyond("purchase")),
        select(Consent.customer_id).where(Consent.id > beyond("consent")),
        select(Event.customer_id).where(
            Event.id > beyond("event"),
            Event.customer_id.is_not(None),
            Event.kind.in_(("opened", "clicked", "replied")),
        ),
    ]
    if "signal" in since:
        parts.append(select(Signal.customer_id).where(Signal.id > beyond("signal")))
    if "suppression" in since:
        parts.append(
            select(Customer.id)
            .join(Suppression, Suppression.address_key == Customer.address_key)
            .where(
                or_(
                    Suppression.id > beyond("suppression"),
                    Suppression.lifted_at > since["suppression"].at - OVERLAP,
                )
            )
        )
    if "purchase" in since:
        parts.append(select(Purchase.customer_id).where(Purchase.updated_at > since["purchase"].at - OVERLAP))
    if "message" in since:
        parts.append(
            select(Message.customer_id).where(
                Message.status == "sent",
                Message.customer_id.is_not(None),
                Message.sent_at > since["message"].at - OVERLAP,
            )
        )
    return select(union(*parts).subquery("changed"))


def cohorts_of(session: Session, *, config: Config) -> list[CohortRow]:
    """Who still buys, by the month of the first order, as of the last full refresh."""
    kept = stored_limits(session).get("cohorts")
    noted_at = session.scalar(select(Break.as_of).where(Break.measure == "cohorts").limit(1))
    return cohort_rows(kept, noted_at, config.zone) if kept and noted_at else []


def in_cohort(month: str, since: int, *, config: Config) -> Select[Any]:
    """Ids of who first ordered in `month` ("2026-03", in the team's zone) and ordered `since` months later."""
    began, later = _month(month, config), _month(month, config, since)
    bought = exists().where(
        Purchase.customer_id == Score.customer_id,
        Purchase.status == "paid",
        Purchase.currency == config.shop.currency,
        Purchase.purchased_at >= later[0],
        Purchase.purchased_at < later[1],
    )
    return select(Score.customer_id).where(
        Score.first_purchase_at >= began[0], Score.first_purchase_at < began[1], bought
    )


def _month(month: str, config: Config, later: int = 0) -> tuple[datetime, datetime]:
    number = int(month[:4]) * 12 + int(month[5:7]) - 1 + later
    return _month_start(number, config), _month_start(number + 1, config)


def _month_start(number: int, config: Config) -> datetime:
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=config.zone)


def survival_of(session: Session) -> dict[str, tuple[float, ...]]:
    """The share of relations that last longer than 0, 1, 2 … months: of all buyers, and of who came back."""
    kept = stored_limits(session)
    return {name: kept[name] for name in ("survival", "survival_2") if name in kept}

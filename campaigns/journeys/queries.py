"""Journeys, what happens on them, one traveller's trace, and the tasks of the staff."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.content import Template, list_templates
from campaigns.customers import Customer, attributes
from campaigns.errors import NotFound
from campaigns.journeys.entering import Means
from campaigns.journeys.model import (
    Journey,
    JourneyMailing,
    JourneyVersion,
    Notice,
    StepCount,
    Task,
    Trace,
    Traveller,
)
from campaigns.journeys.rules import Known, Node, Plan, described, letters_before, nodes
from campaigns.messages import Message
from campaigns.segments import list_segments
from campaigns.staff import list_users


def get_journey(session: Session, journey_id: int) -> Journey:
    """The journey; NotFound if there is none."""
    journey = session.get(Journey, journey_id, populate_existing=True)
    if journey is None:
        raise NotFound(f"There is no journey {journey_id}.")
    return journey


def all_journeys(session: Session) -> Sequence[Journey]:
    """All journeys, by name; those stopped for good last."""
    return session.scalars(select(Journey).order_by(Journey.status == "stopped", Journey.name)).all()


def switched_on(session: Session) -> Sequence[int]:
    """Ids of the journeys that are on."""
    return session.scalars(select(Journey.id).where(Journey.status == "on").order_by(Journey.id)).all()


def get_version(session: Session, journey_id: int, version_id: int) -> JourneyVersion:
    """A version of this journey by its id; NotFound if it is none."""
    version = session.get(JourneyVersion, version_id, populate_existing=True)
    if version is None or version.journey_id != journey_id:
        raise NotFound("This journey has no such version.")
    return version


def newest_version(session: Session, journey_id: int) -> JourneyVersion:
    """The newest version: the draft, where there is one."""
    found = session.scalars(
        select(JourneyVersion)
        .where(JourneyVersion.journey_id == journey_id)
        .order_by(JourneyVersion.number.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise NotFound(f"There is no journey {journey_id}.")
    return found


def draft_of(session: Session, journey_id: int) -> JourneyVersion | None:
    """The version that was not used yet, if there is one."""
    newest = newest_version(session, journey_id)
    return newest if newest.used_at is None else None


def versions_of(session: Session, journey_id: int) -> Sequence[JourneyVersion]:
    """All versions, the newest first."""
    return session.scalars(
        select(JourneyVersion)
        .where(JourneyVersion.journey_id == journey_id)
        .order_by(JourneyVersion.number.desc())
    ).all()


def versions_under_way(session: Session, journey_id: int) -> Sequence[int]:
    """Ids of the versions on which somebody travels."""
    return session.scalars(
        select(JourneyVersion.id)
        .where(
            JourneyVersion.journey_id == journey_id,
            select(Traveller.id)
            .where(Traveller.version_id == JourneyVersion.id, Traveller.status == "travelling")
            .exists(),
        )
        .order_by(JourneyVersion.id)
    ).all()


def known_to(session: Session, means: Means) -> Known:
    """What a plan may name at this moment."""
    return Known(
        templates=frozenset(t.id for t in session.scalars(list_templates()) if t.version_id),
        segments=frozenset(segment.id for segment in list_segments(session)),
        occasions=frozenset(means.occasions),
        staff=frozenset(user.id for user in list_users(session)),
        attributes={each.name: (each.kind, tuple(each.choices)) for each in attributes(session)},
        is_http_allowed=means.is_http_allowed,
        may_notify=means.may_notify,
    )


# ── figures


@dataclass(frozen=True)
class Figures:
    """How a journey stands: `entered`, `travelling`, `held_out`, and the ended by outcome."""

    entered: int
    travelling: int
    held_out: int
    outcomes: Mapping[str, int]


def figures(session: Session, journey_id: int) -> Figures:
    """How many entered, are under way, were held out, and how the others ended; they add up."""
    rows = session.execute(
        select(Traveller.status, Traveller.outcome, func.count())
        .where(Traveller.journey_id == journey_id)
        .group_by(Traveller.status, Traveller.outcome)
    ).all()
    states: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    for status, outcome, count in rows:
        states[status] = states.get(status, 0) + count
        if status in ("finished", "left"):
            outcomes[outcome] = outcomes.get(outcome, 0) + count
    held = states.get("held_out", 0)
    return Figures(sum(states.values()) - held, states.get("travelling", 0), held, outcomes)


@dataclass(frozen=True)
class StepFigures:
    """Of one step: who stands there now, and how many left it with which result."""

    here: int
    passed: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.passed.values())


def step_figures(session: Session, version_ids: Sequence[int]) -> dict[str, StepFigures]:
    """Figures by step over these versions (a step keeps its key from one to the next)."""
    standing = session.execute(
        select(Traveller.step, func.count())
        .where(Traveller.version_id.in_(version_ids), Traveller.status == "travelling")
        .group_by(Traveller.step)
    )
    here = {row[0]: row[1] for row in standing}
    passed: dict[str, dict[str, int]] = {}
    for step, result, count in session.execute(
        select(StepCount.step, StepCount.result, func.sum(StepCount.count))
        .where(StepCount.version_id.in_(version_ids), StepCount.step != "")
        .group_by(StepCount.step, StepCount.result)
    ):
        passed.setdefault(step, {})[result] = int(count)
    return {key: StepFigures(here.get(key, 0), passed.get(key, {})) for key in {*here, *passed}}


# ── people


def travellers(journey_id: int, *, status: str = "", step: str = "") -> Select[Any]:
    """`(Traveller, Customer)` of a journey, the newest first; those in one state or at one step."""
    rows: Any = (
        select(Traveller, Customer)
        .join(Customer, Customer.id == Traveller.customer_id)
        .where(Traveller.journey_id == journey_id)
        .order_by(Traveller.id.desc())
    )
    if status:
        rows = rows.where(Traveller.status == status)
    if step:
        rows = rows.where(Traveller.step == step, Traveller.status == "travelling")
    chosen: Select[Any] = rows
    return chosen


def get_traveller(session: Session, journey_id: int, traveller_id: int) -> tuple[Traveller, Customer]:
    """A traveller of this journey with the customer; NotFound if there is none."""
    traveller = session.get(Traveller, traveller_id)
    if traveller is None or traveller.journey_id != journey_id:
        raise NotFound("This journey has no such traveller.")
    return traveller, session.get_one(Customer, traveller.customer_id)


def trace_of(session: Session, traveller_id: int) -> Sequence[Trace]:
    """The steps a traveller has done, in their order."""
    return session.scalars(
        select(Trace).where(Trace.traveller_id == traveller_id).order_by(Trace.left_at, Trace.arrived_at)
    ).all()


def messages_of(session: Session, traveller: Traveller) -> dict[str, Message]:
    """What each step of this traveller's way sent them, by the step's key."""
    rows = session.execute(
        select(JourneyMailing.step, Message)
        .join(Message, Message.mailing_id == JourneyMailing.mailing_id)
        .join(JourneyVersion, JourneyVersion.id == JourneyMailing.version_id)
        .where(
            JourneyVersion.journey_id == traveller.journey_id,
            Message.customer_id == traveller.customer_id,
            Message.occasion_key == traveller.entry_key,
        )
    )
    return {row[0]: row[1] for row in rows}


def journeys_of(session: Session, customer_id: int) -> Sequence[tuple[Traveller, Journey]]:
    """Every journey of this customer, the newest first."""
    rows = session.execute(
        select(Traveller, Journey)
        .join(Journey, Journey.id == Traveller.journey_id)
        .where(Traveller.customer_id == customer_id)
        .order_by(Traveller.entered_at.desc(), Traveller.id.desc())
    )
    return [(row[0], row[1]) for row in rows]


@dataclass(frozen=True)
class Why:
    """What made a message of a journey: the journey, its version, the step, and the way that led there."""

    journey: Journey
    version: int
    step: str
    path: str
    traveller_id: int | None
    entered_at: datetime | None
    entry_key: str


def why(session: Session, message: Message) -> Why | None:
    """Why somebody got this message: the step of the journey that sent it; None if no journey did."""
    row = session.execute(
        select(JourneyMailing, JourneyVersion, Journey)
        .join(JourneyVersion, JourneyVersion.id == JourneyMailing.version_id)
        .join(Journey, Journey.id == JourneyVersion.journey_id)
        .where(JourneyMailing.mailing_id == message.mailing_id)
    ).first()
    if row is None:
        return None
    sent, version, journey = row
    plan = Plan.read(version.plan)
    path = next((node.path for node in nodes(plan.steps) if node.key == sent.step), "")
    traveller = session.scalar(
        select(Traveller).where(
            Traveller.customer_id == message.customer_id,
            Traveller.journey_id == journey.id,
            Traveller.entry_key == message.occasion_key,
        )
    )
    return Why(
        journey,
        version.number,
        sent.step,
        path,
        traveller.id if traveller else None,
        traveller.entered_at if traveller else None,
        message.occasion_key,
    )


def mailings_by_step(session: Session, version_ids: Sequence[int]) -> dict[str, int]:
    """Step → mailing, of the newest of these versions that has it."""
    rows = session.execute(
        select(JourneyMailing.step, JourneyMailing.mailing_id)
        .where(JourneyMailing.version_id.in_(version_ids))
        .order_by(JourneyMailing.version_id)
    )
    return {row[0]: row[1] for row in rows}


# ── words


@dataclass(frozen=True)
class Names:
    """How people call what plans name by number."""

    templates: Mapping[int, str]
    segments: Mapping[int, str]
    occasions: Mapping[str, str]

    def of(self, plan: Plan, node: Node) -> str:
        """A step in a few words."""
        letters = {
            each.key: f"{each.path} {self.templates.get(each.step['template_id'], '')}".strip()
            for each in letters_before(plan.steps, node.key)
        }
        return described(
            node.step,
            {
                "templates": self.templates,
                "segments": self.segments,
                "occasions": self.occasions,
                "letters": letters,
            },
        )


def names(session: Session, means: Means) -> Names:
    """The names of everything a plan may speak of."""
    return Names(
        templates={row.id: row.name for row in session.execute(select(Template.id, Template.name))},
        segments={
            s.id: s.name for archived in (False, True) for s in list_segments(session, archived=archived)
        },
        occasions={name: occasion.label for name, occasion in means.occasions.items()},
    )


# ── tasks and notices


def tasks(*, staff_id: int | None = None, status: str = "open") -> Select[Any]:
    """`(Task, Customer, Journey)`: the tasks in one state, the most urgent first; only one person's, with nobody's."""
    rows: Any = (
        select(Task, Customer, Journey)
        .join(Customer, Customer.id == Task.customer_id)
        .join(Traveller, Traveller.id == Task.traveller_id)
        .join(Journey, Journey.id == Traveller.journey_id)
        .where(Task.status == status)
        .order_by(Task.due_at if status == "open" else Task.id.desc(), Task.id)
    )
    if staff_id is not None:
        rows = rows.where((Task.staff_id == staff_id) | Task.staff_id.is_(None))
    chosen: Select[Any] = rows
    return chosen


def get_task(session: Session, task_id: int) -> Task:
    """The task; NotFound if there is none."""
    task = session.get(Task, task_id, populate_existing=True)
    if task is None:
        raise NotFound("There is no such task.")
    return task


def count_tasks(session: Session) -> int:
    """How many tasks are open."""
    return session.scalar(select(func.count()).where(Task.status == "open")) or 0


def notices(journey_id: int) -> Select[Any]:
    """`Notice` rows of a journey, the newest first."""
    return (
        select(Notice)
        .join(Traveller, Traveller.id == Notice.traveller_id)
        .where(Traveller.journey_id == journey_id)
        .order_by(Notice.id.desc())
    )


def staff_names(session: Session) -> dict[int, str]:
    """Who a task may be given to."""
    return {user.id: user.name or user.email for user in list_users(session) if user.is_active}

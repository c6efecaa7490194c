"""A journey in a few lines, and a clock that ticks it on."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from campaigns import journeys
from campaigns.clock import FrozenClock
from campaigns.journeys import Journey
from campaigns.runtime import Runtime
from scheduler.jobs import advance_journeys
from tests.cast import bare_template, everybody

Spec = list[Any]
"""Steps as tests write them: `("send", {…})`, `("branch", {…}, {"yes": [...], "no": [...]})`."""


class Shop:
    """One Liaison with a journey or two."""

    def __init__(self, runtime: Runtime, clock: FrozenClock) -> None:
        self.runtime, self.clock = runtime, clock
        with runtime.transaction() as session:
            self.template_id = bare_template(session, now=clock.now(), name="Words").id
            self.everybody_id = everybody(session, runtime).id

    def plan(
        self, steps: Spec, *, name: str = "Welcome", is_on: bool = True, entry: Any = None, **frame: Any
    ) -> int:
        """Make a journey of these steps, by default entered by everybody at once; returns its id."""
        now = self.clock.now()
        with self.runtime.transaction() as session:
            journey = journeys.create(session, name=name, now=now)
            self.frame(session, journey, entry=entry, **frame)
            self._add(session, journey.id, steps, "start")
        if is_on:
            self.switch_on(journey.id)
        return journey.id

    def frame(self, session: Any, journey: Journey, *, entry: Any = None, **frame: Any) -> None:
        asked: dict[str, Any] = {
            "name": journey.name,
            "hold_out": 0,
            "entry": entry or {"by": "segment", "segment_id": self.everybody_id, "hour": -1},
            "again": "never",
            "again_days": 30,
            "goal": "",
            "goal_segment_id": None,
            "exits": ("unsubscribed", "suppressed", "complained"),
        } | frame
        journeys.set_frame(
            session, journey.id, occasions=self.runtime.occasions, now=self.clock.now(), **asked
        )

    def _add(self, session: Any, journey_id: int, steps: Spec, slot: str) -> None:
        for kind, *rest in steps:
            answers = dict(rest[0]) if rest else {}
            if kind == "send":
                answers.setdefault("template_id", self.template_id)
            key = journeys.add_step(
                session, journey_id, slot=slot, kind=kind, answers=answers, now=self.clock.now()
            )
            for arm, inside in (rest[1] if len(rest) > 1 else {}).items():
                self._add(session, journey_id, inside, f"{key}:{arm}")
            slot = f"after:{key}"

    def switch_on(self, journey_id: int) -> None:
        with self.runtime.transaction() as session:
            journeys.switch_on(session, journey_id, journeys.means_of(self.runtime), now=self.clock.now())

    def tick(self) -> int:
        return advance_journeys(self.runtime)

    def run(self, hours: float, *, every: float = 0) -> None:
        """Let so many hours go by: a tick whenever somebody is due, or every so many hours."""
        end = self.clock.now() + timedelta(hours=hours)
        while self.clock.now() < end:
            step = timedelta(hours=every) if every else self._next() - self.clock.now()
            self.clock.move_to(min(end, self.clock.now() + max(step, timedelta(seconds=1))))
            self.tick()

    def _next(self) -> datetime:
        now = self.clock.now()
        ask = select(func.min(journeys.Traveller.due_at)).where(journeys.Traveller.status == "travelling")
        return self.read(lambda s: s.scalar(ask)) or now + timedelta(days=400)

    def steps(self, journey_id: int) -> list[str]:
        """The keys of its newest version, in order."""
        with self.runtime.reading() as session:
            plan = journeys.Plan.read(journeys.newest_version(session, journey_id).plan)
        return [node.key for node in journeys.nodes(plan.steps)]

    def read(self, ask: Callable[[Any], Any]) -> Any:
        with self.runtime.reading() as session:
            return ask(session)

    def trace(self, customer_id: int) -> list[tuple[str, str, str]]:
        """(step, when it was left, result) of everything a customer did, in order."""
        with self.runtime.reading() as session:
            rows = (
                session.query(journeys.Trace)
                .join(journeys.Traveller, journeys.Traveller.id == journeys.Trace.traveller_id)
                .filter(journeys.Traveller.customer_id == customer_id)
                .order_by(journeys.Trace.left_at, journeys.Trace.step)
            )
            return [(row.step, row.left_at.strftime("%d %H:%M"), row.result) for row in rows]


@pytest.fixture
def shop(runtime: Runtime, clock: FrozenClock) -> Shop:
    return Shop(runtime, clock)

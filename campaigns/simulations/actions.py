"""Ask for a simulation, play it in the background, keep its rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, or_, select, update
from sqlalchemy.orm import Session

from campaigns.db.bulk import insert_rows
from campaigns.errors import Invalid
from campaigns.journeys import get_journey
from campaigns.letters import get_letter
from campaigns.simulations.model import Played, Simulation
from campaigns.simulations.rules import MOST_DAYS, Mail

SILENT = timedelta(minutes=10)
"""Whoever played it and gave no sign of life for so long is dead."""
KEPT = 3
"""Of one letter or journey so many simulations are kept."""


def ask(
    session: Session, *, kind: str, source_id: int, days: int = 30, by: int | None = None, now: datetime
) -> Simulation:
    """A simulation to be played; one of the same that is not finished yet is returned instead."""
    if not 1 <= days <= MOST_DAYS:
        raise Invalid("Too long.", {"days": f"Simulate from 1 to {MOST_DAYS} days."})
    name = _name(session, kind, source_id)
    there = session.scalar(
        select(Simulation).where(
            Simulation.kind == kind,
            Simulation.source_id == source_id,
            Simulation.status.in_(("waiting", "running")),
        )
    )
    if there is not None:
        return there
    _forget(session, kind, source_id)
    simulation = Simulation(
        kind=kind,
        source_id=source_id,
        name=name,
        days=days,
        status="waiting",
        progress=0,
        result={},
        error="",
        asked_by=by,
        asked_at=now,
        touched_at=now,
    )
    session.add(simulation)
    session.flush()
    return simulation


def _name(session: Session, kind: str, source_id: int) -> str:
    if kind == "journey":
        return get_journey(session, source_id).name
    if kind == "letter":
        return get_letter(session, source_id).name
    raise Invalid("Only letters and journeys can be simulated.")


def _forget(session: Session, kind: str, source_id: int) -> None:
    of_it = select(Simulation.id).where(Simulation.kind == kind, Simulation.source_id == source_id)
    kept = list(session.scalars(of_it.order_by(Simulation.id.desc()).limit(KEPT - 1)))
    old = list(session.scalars(of_it.where(Simulation.id.not_in(kept))))
    session.execute(delete(Played).where(Played.simulation_id.in_(old)))
    session.execute(delete(Simulation).where(Simulation.id.in_(old)))


def take(session: Session, *, now: datetime) -> Simulation | None:
    """The next one to be played, now this process's; one whose player died is begun anew."""
    is_dead = (Simulation.status == "running") & (Simulation.touched_at < now - SILENT)
    found = session.scalar(
        select(Simulation)
        .where(or_(Simulation.status == "waiting", is_dead))
        .order_by(Simulation.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if found is None:
        return None
    taken = session.execute(
        update(Simulation)
        .where(
            Simulation.id == found.id,
            Simulation.status == found.status,
            Simulation.touched_at == found.touched_at,
        )
        .values(status="running", touched_at=now, progress=0)
        .execution_options(synchronize_session="fetch")
    )
    return found if _rows(taken) else None


def note_progress(session: Session, simulation_id: int, percent: int, *, now: datetime) -> None:
    """A sign of life."""
    session.execute(
        update(Simulation)
        .where(Simulation.id == simulation_id, Simulation.status == "running")
        .values(progress=percent, touched_at=now)
    )


def keep(
    session: Session,
    simulation_id: int,
    mails: Sequence[Mail],
    summary: dict[str, Any],
    *,
    since: datetime,
    now: datetime,
) -> None:
    """Write down what came of it."""
    session.execute(delete(Played).where(Played.simulation_id == simulation_id))
    names = ("simulation_id", "number", *Mail.__dataclass_fields__)
    rows = [
        (simulation_id, n, *(getattr(mail, name) for name in Mail.__dataclass_fields__))
        for n, mail in enumerate(mails, 1)
    ]
    insert_rows(session, Played, names, rows)
    _end(session, simulation_id, now, status="done", progress=100, result=summary, since=since)


def fail(session: Session, simulation_id: int, because: str, *, now: datetime) -> None:
    """Write down why it could not be played."""
    _end(session, simulation_id, now, status="failed", error=because[:500])


def _end(session: Session, simulation_id: int, now: datetime, **values: Any) -> None:
    session.execute(
        update(Simulation)
        .where(Simulation.id == simulation_id, Simulation.status == "running")
        .values(finished_at=now, touched_at=now, **values)
        .execution_options(synchronize_session=False)
    )


def _rows(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount

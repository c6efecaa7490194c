"""Simulations and their rows."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.customers import Customer
from campaigns.errors import NotFound
from campaigns.simulations.model import Played, Simulation


def get_simulation(session: Session, simulation_id: int) -> Simulation:
    """The simulation; NotFound if there is none."""
    found = session.get(Simulation, simulation_id, populate_existing=True)
    if found is None:
        raise NotFound("There is no such simulation.")
    return found


def all_simulations() -> Select[Simulation]:
    """All of them, the newest first."""
    return select(Simulation).order_by(Simulation.id.desc())


def newest_of(session: Session, kind: str, source_id: int) -> Simulation | None:
    """The last one asked for of this letter or journey."""
    return session.scalar(
        select(Simulation)
        .where(Simulation.kind == kind, Simulation.source_id == source_id)
        .order_by(Simulation.id.desc())
        .limit(1)
    )


def is_any_waiting(session: Session) -> bool:
    """Whether one is to be played (or its player may have died)."""
    found = select(Simulation.id).where(Simulation.status.in_(("waiting", "running"))).limit(1)
    return session.scalar(found) is not None


def played(
    simulation: Simulation, *, day: str = "", step: str = "", fate: str = "", with_others: bool = False
) -> Select[Any]:
    """`(Played, Customer)` of a simulation in the order of time; by default only what was asked about.

    Who was erased since then is left out.
    """
    rows: Any = (
        select(Played, Customer)
        .join(Customer, Customer.id == Played.customer_id)
        .where(Played.simulation_id == simulation.id)
        .order_by(Played.number)
    )
    if not with_others:
        rows = rows.where(Played.kind == simulation.kind, Played.source_id == simulation.source_id)
    for column, value in ((Played.day, day), (Played.step, step), (Played.fate, fate)):
        if value:
            rows = rows.where(column == value)
    chosen: Select[Any] = rows
    return chosen


def sample(session: Session, simulation: Simulation, *, size: int = 15) -> list[tuple[Played, Customer]]:
    """Some people of it, the same ones each time, with everything they would get."""
    spread = (Played.customer_id * 7919) % 10007
    some = (
        select(Played.customer_id)
        .where(
            Played.simulation_id == simulation.id,
            Played.kind == simulation.kind,
            Played.source_id == simulation.source_id,
        )
        .group_by(Played.customer_id)
        .order_by(func.min(spread), Played.customer_id)
        .limit(size)
        .subquery()
    )
    rows = session.execute(
        played(simulation, with_others=True)
        .where(Played.customer_id.in_(select(some.c.customer_id)))
        .order_by(None)
        .order_by(Played.customer_id, Played.number)
        .limit(size * 20)
    )
    return [(row[0], row[1]) for row in rows]

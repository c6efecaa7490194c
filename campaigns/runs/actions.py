"""Take and give back a lease; begin and finish a run."""

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, or_, update
from sqlalchemy.orm import Session

from campaigns.db import upsert
from campaigns.runs.model import Lease, Run


def take_lease(session: Session, name: str, owner: str, *, now: datetime, seconds: float) -> bool:
    """Take the lease, or renew it, for `seconds` from `now`; False while another holds it.

    A lease may look longer than it was given for when the machine's clock went back; it is then taken
    over, as its end lies further away than any lease reaches.
    """
    until = now + timedelta(seconds=seconds)
    is_free = or_(
        Lease.owner == owner, Lease.until < now, Lease.until > now + timedelta(seconds=2 * seconds + 60)
    )
    taken = session.execute(update(Lease).where(Lease.name == name, is_free).values(owner=owner, until=until))
    if _rows(taken):
        return True
    row = {"name": name, "owner": owner, "until": until}
    written = upsert(session, Lease, [row], key=["name"], update=[]).returning(Lease.name)
    return session.scalar(written) is not None


def release_lease(session: Session, name: str, owner: str) -> bool:
    """Give the lease back, so that another need not wait for its end; False if it was not ours."""
    return _rows(session.execute(delete(Lease).where(Lease.name == name, Lease.owner == owner))) == 1


def begin_run(session: Session, schedule: str, local_moment: str, *, now: datetime) -> bool:
    """Write down that this firing begins; False if it was begun before, by anybody."""
    row = {"schedule": schedule, "local_moment": local_moment, "started_at": now}
    written = upsert(session, Run, [row], key=["schedule", "local_moment"], update=[])
    return session.scalar(written.returning(Run.schedule)) is not None


def finish_run(
    session: Session,
    schedule: str,
    local_moment: str,
    *,
    now: datetime,
    count: int | None = None,
    error: str | None = None,
) -> None:
    """Write down how it ended: how much it did, or what went wrong."""
    session.execute(
        update(Run)
        .where(Run.schedule == schedule, Run.local_moment == local_moment)
        .values(finished_at=now, count=count, error=error)
    )


def forget_runs(session: Session, *, before: datetime) -> int:
    """Delete the notes on runs begun before that moment; returns how many."""
    return _rows(session.execute(delete(Run).where(Run.started_at < before)))


def _rows(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount

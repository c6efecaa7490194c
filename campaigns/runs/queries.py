"""Who holds a lease, and what ran last."""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns.runs.model import Lease, Run


def holder(session: Session, name: str, *, now: datetime) -> str | None:
    """The owner of a lease in force, or None."""
    return session.scalar(select(Lease.owner).where(Lease.name == name, Lease.until >= now))


def last_runs(schedule: str | None = None) -> Select[Run]:
    """Runs, newest first; of one schedule or of all."""
    runs = select(Run).order_by(Run.started_at.desc())
    return runs if schedule is None else runs.where(Run.schedule == schedule)


def was_begun(session: Session, schedule: str, local_moment: str) -> bool:
    """Whether this firing has begun, whoever did it."""
    return session.get(Run, (schedule, local_moment)) is not None

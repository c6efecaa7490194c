"""Count what happens at each step, in the transaction in which it happens."""

from collections.abc import Mapping

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from campaigns.db import upsert
from campaigns.journeys.model import StepCount


def add_counts(session: Session, version_id: int, counts: Mapping[tuple[str, str], int]) -> None:
    """Add to the counts of `(step, result)`; always in the same order, so that two processes never wait for each
    other crosswise."""
    some = sorted((step, result, count) for (step, result), count in counts.items() if count)
    if not some:
        return
    rows = [
        {"version_id": version_id, "step": step, "result": result, "count": 0} for step, result, _ in some
    ]
    session.execute(upsert(session, StepCount, rows, key=["version_id", "step", "result"], update=[]))
    table = StepCount.__table__
    session.connection().execute(
        update(StepCount)
        .where(
            table.c.version_id == version_id,
            table.c.step == bindparam("of_step"),
            table.c.result == bindparam("of_result"),
        )
        .values(count=table.c["count"] + bindparam("more")),
        [{"of_step": step, "of_result": result, "more": count} for step, result, count in some],
    )

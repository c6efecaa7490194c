"""Steps a second of travellers under way, in batches of their own transactions; against the same steps written one by one."""

import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns import journeys
from campaigns.clock import FrozenClock
from campaigns.config import Config, DatabaseSettings
from campaigns.config import Data as DataSettings
from campaigns.db import Database, connect
from campaigns.db.tables import metadata
from campaigns.journeys import BATCH, Trace, Traveller
from campaigns.runtime import Runtime, assemble
from scheduler.jobs import advance_journeys
from tests.bench.bench_segments import _day, _series, postgres
from tests.bench.harness import machine, report
from tests.cast import bare_template, everybody

TRAVELLERS = int(os.environ.get("BENCH_TRAVELLERS", "200000"))
ONE_BY_ONE = 2_000
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def fill(database: Database) -> None:
    """The customers, by SQL alone."""
    with database.engine.begin() as connection:
        day = _day(connection)
        connection.execute(
            text(
                f"""INSERT INTO customer (id, email, address_key, domain, first_name, last_name, birth_month, birth_day,
                    language, zone, country, attributes, may_mail, may_track, source, created_at, updated_at)
                SELECT n, 'p' || n || '@shop.example', 'p' || n || '@shop.example', 'shop.example', 'N', 'L',
                    1 + n % 12, 1 + (n / 12) % 28, 'fr', CASE n % 3 WHEN 0 THEN 'Asia/Tokyo' ELSE '' END, 'FR',
                    '{{}}', n = n, n % 2 = 0, '', {day("90")}, {day("90")} FROM {_series(connection, TRAVELLERS)}"""
            )
        )
        if connection.dialect.name == "postgresql":
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence('customer', 'id'), max(id)) FROM customer")
            )


def planned(runtime: Runtime) -> int:
    """Letters, waits, a split, a branch by clicks and a tag: what journeys are made of."""
    now = runtime.clock.now()
    with runtime.transaction() as session:
        template, segment = bare_template(session, now=now), everybody(session, runtime)
        journey = journeys.create(session, name="Bench", now=now)
        frame: dict[str, Any] = {"again": "never", "again_days": 1, "goal": "bought", "goal_segment_id": None}
        journeys.set_frame(
            session,
            journey.id,
            name="Bench",
            hold_out=0,
            entry={"by": "segment", "segment_id": segment.id, "hour": -1},
            exits=("unsubscribed", "suppressed", "complained"),
            occasions=runtime.occasions,
            now=now,
            **frame,
        )
        slot = "start"
        for kind, answers in (
            ("wait", {"amount": 1, "unit": "hours"}),
            ("send", {"template_id": template.id}),
            ("wait", {"amount": 1, "unit": "days"}),
            ("branch", {"by": "clicked", "letter": "s2"}),
            ("split", {"share": 50}),
            ("change", {"what": "tag", "word": "led"}),
            ("wait", {"amount": 1, "unit": "days"}),
            ("send", {"template_id": template.id}),
        ):
            key = journeys.add_step(session, journey.id, slot=slot, kind=kind, answers=answers, now=now)
            slot = f"after:{key}"
        journeys.switch_on(session, journey.id, journeys.means_of(runtime), now=now)
        return journey.id


def one_by_one(database: Database) -> float:
    """The reference: a transaction for each step, as a loop over travellers with the ORM would write it."""
    began = time.perf_counter()
    with database.reading() as session:
        ids = [row[0] for row in session.query(Traveller.id).limit(ONE_BY_ONE)]
    for id_ in ids:
        with database.transaction() as session:
            _step(session, id_)
    return ONE_BY_ONE / (time.perf_counter() - began)


def _step(session: Session, id_: int) -> None:
    traveller = session.get_one(Traveller, id_)
    session.add(
        Trace(
            traveller_id=id_,
            step="x",
            version_id=traveller.version_id,
            arrived_at=traveller.arrived_at,
            left_at=NOW,
            result="passed",
        )
    )
    traveller.due_at = traveller.entered_at


def measure(database: Database, name: str, folder: Path) -> None:
    clock = FrozenClock(NOW)
    config = Config(
        database=DatabaseSettings(url=database.engine.url.render_as_string(hide_password=False)),
        data=DataSettings(folder=folder),
    )
    runtime = assemble(config, clock=clock, database=database)
    planned(runtime)
    began = time.perf_counter()
    advance_journeys(runtime)
    entered = time.perf_counter() - began
    spent = 0.0
    for _ in range(3):
        clock.advance(timedelta(days=1, hours=1))
        began = time.perf_counter()
        advance_journeys(runtime)
        spent += time.perf_counter() - began
    with database.reading() as session:
        steps = session.query(Trace).count()
        assert session.query(Traveller).filter_by(status="finished").count() == TRAVELLERS
    reference = one_by_one(database)
    report(
        f"journeys: steps ({name})",
        steps / spent,
        "steps/s",
        reference="a transaction for each step, steps/s",
        reference_value=reference,
        conditions=f"{TRAVELLERS:,} under way, {steps:,} steps (two letters each), batches of {BATCH:,}; "
        f"entering took {entered:.1f} s; {machine()}",
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="liaison-bench-") as folder:
        database = connect(f"sqlite:///{Path(folder) / 'bench.db'}")
        metadata().create_all(database.engine)
        fill(database)
        measure(database, "SQLite", Path(folder))
        database.dispose()
        with postgres() as server:
            if server is None:
                print("No PostgreSQL server answers: SQLite only.", flush=True)
                return
            metadata().create_all(server.engine)
            fill(server)
            measure(server, "PostgreSQL", Path(folder))


if __name__ == "__main__":
    main()

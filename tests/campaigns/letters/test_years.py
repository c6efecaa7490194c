"""Five years over thirty zones on a virtual clock: the letters that leave are those the calendar means, row by row."""

import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaigns.db import Database
from tests.campaigns.letters import years

ROOT = Path(__file__).resolve().parents[3]


def lived(database: Database, folder: Path, run: list[datetime], names: set[str]) -> set[years.Row]:
    url = database.engine.url.render_as_string(hide_password=False)
    runtime, clock = years.opened(url, folder, run[0])
    standings = [standing for standing in years.LETTERS if standing.name in names]
    years.people(runtime, standings)
    years.live(runtime, clock, run)
    assert years.expected(run, standings), "the table is not empty"
    return years.expected(run, standings) ^ years.found(database)


def test_the_days_around_29_february_and_the_change_of_clocks(sqlite: Database, tmp_path: Path) -> None:
    spans = [
        ("2027-02-26T00:00", 6),
        ("2027-03-28T00:00", 2),
        ("2028-02-28T00:00", 3),
        ("2028-05-19T12:00", 4),
    ]
    run = []
    for begin, days in spans:
        since = datetime.fromisoformat(begin).replace(tzinfo=UTC)
        run += years.ticks(since, since + timedelta(days=days), hours=3)
    assert lived(sqlite, tmp_path, run, {"birthday", "night"}) == set()


@pytest.mark.soak
def test_five_years_row_by_row(database: Database, tmp_path: Path) -> None:
    hours = 3 if database.engine.dialect.name == "sqlite" else 12
    everything = {standing.name for standing in years.LETTERS}
    assert lived(database, tmp_path, years.ticks(hours=hours), everything) == set()


@pytest.mark.soak
def test_stopped_at_random_moments_the_table_is_the_same(sqlite: Database, tmp_path: Path) -> None:
    assert stopped(sqlite, tmp_path, hours=6, end=years.END, seconds=8) == set()


def stopped(database: Database, folder: Path, *, hours: int, end: datetime, seconds: float) -> set[years.Row]:
    """Live the years in a process that is killed again and again; what differs from the table."""
    run = years.ticks(end=end, hours=hours)
    url = database.engine.url.render_as_string(hide_password=False)
    runtime, _ = years.opened(url, folder, run[0])
    years.people(runtime)
    chance = random.Random("kills")
    command = [sys.executable, "-m", "tests.campaigns.letters.years"]
    command += [url, str(folder), str(hours), end.isoformat()]
    code, kills = None, 0
    while code is None:
        with subprocess.Popen(command, cwd=ROOT) as process:
            try:
                code = process.wait(timeout=seconds * (0.5 + chance.random()) if kills < 40 else None)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                kills += 1
    assert code == 0
    assert kills >= 3
    return years.expected(run) ^ years.found(database)

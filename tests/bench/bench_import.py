"""A million customers by file: checked, de-duplicated, consents written down; in constant memory.

The reference, in the same run, is the least that could be done: `csv` and `executemany` of the same columns into a
bare table with one unique index, nothing checked, no consent, no resuming.
"""

import csv
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from campaigns.clock import SystemClock
from campaigns.customers import (
    CUSTOMER_FILES,
    Import,
    Options,
    begin_check,
    begin_run,
    check_import,
    get_import,
    open_upload,
    receive,
    run_import,
    set_options,
)
from campaigns.db import Database, connect
from campaigns.db.tables import metadata
from campaigns.suppression import suppressed_keys
from tests.bench.harness import machine, peak_memory_mb, report

CUSTOMERS = 200_000
KINDS = {CUSTOMER_FILES.name: CUSTOMER_FILES}


def lines(count: int) -> Iterator[str]:
    """Nine good lines in ten; the tenth has no address."""
    yield "mail;numero client;prenom;nom;naissance;pays\n"
    for i in range(count):
        address = f"person{i}@mail{i % 500}.example" if i % 10 else f"person{i}"
        yield f"{address};{i};Anna;Durand {i % 9973};19{50 + i % 50}-0{i % 9 + 1}-1{i % 9};FR\n"


def bring_in(database: Database, folder: Path, path: Path) -> Import:
    """Upload, mapping, dry run and run, as the page does it."""
    with path.open("rb") as stream:
        kept = receive(stream, folder)
    ways = {"suppressed": suppressed_keys(), "clock": SystemClock()}
    now = SystemClock().now()
    with database.transaction() as session:
        row = open_upload(session, CUSTOMER_FILES, kept, filename=path.name, now=now)
        options = Options.stored(row.options)
        set_options(session, row, CUSTOMER_FILES, options, source="bench", legal_basis="consent")
        number = row.id
        begin_check(session, row, now=now)
    check_import(database, number, KINDS, **ways)  # type: ignore[arg-type]
    with database.transaction() as session:
        begin_run(session, get_import(session, number), now=now)
    began = time.perf_counter()
    done = run_import(database, number, KINDS, **ways)  # type: ignore[arg-type]
    done.seconds = time.perf_counter() - began  # type: ignore[attr-defined]
    return done


def bare(folder: Path, path: Path) -> float:
    """Seconds for the same lines into a table without anything."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE c (id INTEGER PRIMARY KEY, m TEXT UNIQUE, n TEXT, f TEXT, l TEXT, b TEXT, p TEXT)"
    )
    began = time.perf_counter()
    with path.open(newline="") as file:
        rows = csv.reader(file, delimiter=";")
        next(rows)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO c (m, n, f, l, b, p) VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    took = time.perf_counter() - began
    connection.close()
    return took


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "people.csv"
        with path.open("w") as file:
            file.writelines(lines(CUSTOMERS))
        database = connect(f"sqlite:///{folder / 'liaison.db'}")
        metadata().create_all(database.engine)
        reference = CUSTOMERS / bare(folder, path)
        conditions = f"{CUSTOMERS:,} lines, one in ten bad, SQLite; {machine()}"
        for what, fate in (("import of new customers", "new"), ("the same file again", "unchanged")):
            done = bring_in(database, folder, path)
            assert done.counts == {fate: CUSTOMERS * 9 // 10, "rejected": CUSTOMERS // 10}, done.counts
            report(
                what,
                CUSTOMERS / done.seconds,  # type: ignore[attr-defined]
                "lines/s",
                reference="csv and executemany, nothing checked",
                reference_value=reference,
                memory_mb=peak_memory_mb(),
                conditions=conditions,
            )
        database.dispose()


if __name__ == "__main__":
    main()

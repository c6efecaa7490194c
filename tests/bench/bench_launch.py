"""A launch: a million recipients become rows, the held ones with their reason, on both databases.

Reference, in the same run: the same select written into a bare table without an index or a key.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import insert, select, text

from campaigns.content import compile_source, create_template, save_version, vocabulary
from campaigns.customers import Customer
from campaigns.db import Database, connect
from campaigns.db.bulk import insert_rows
from campaigns.db.tables import metadata
from campaigns.messages import enqueue, open_mailing
from campaigns.suppression import Suppression
from tests.bench.harness import machine, report

PEOPLE = int(os.environ.get("LIAISON_BENCH_PEOPLE", "1000000"))
SERVER = os.environ.get("LIAISON_TEST_POSTGRES", "postgresql://root@127.0.0.1/postgres")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_STEP = 50_000
_NAMES = (
    "email",
    "address_key",
    "domain",
    "first_name",
    "last_name",
    "language",
    "zone",
    "country",
    "may_mail",
    "may_track",
    "source",
    "attributes",
    "created_at",
    "updated_at",
)


def fill(database: Database) -> None:
    """The people: one in twenty has not agreed, one in fifty is suppressed."""
    metadata().create_all(database.engine)
    for first in range(0, PEOPLE, _STEP):
        rows = [_person(number) for number in range(first, min(first + _STEP, PEOPLE))]
        with database.transaction() as session:
            insert_rows(session, Customer, _NAMES, rows)
    with database.transaction() as session:
        session.execute(
            insert(Suppression),
            [
                {"address_key": _address(number), "cause": "hard_bounce", "since": NOW, "by": "bench"}
                for number in range(0, PEOPLE, 50)
            ],
        )
        if not database.is_sqlite:
            session.execute(text("ANALYZE"))  # as its own daemon does within a minute


def _address(number: int) -> str:
    return f"person{number}@d{number % 500}.example"


def _person(number: int) -> tuple[object, ...]:
    address, domain = _address(number), f"d{number % 500}.example"
    names = (f"Zoé{number % 997}", "Martin")
    return (
        address,
        address,
        domain,
        *names,
        "fr",
        "Europe/Paris",
        "FR",
        number % 20 != 0,
        True,
        "bench",
        {},
        NOW,
        NOW,
    )


def launch(database: Database) -> tuple[float, dict[str, int]]:
    """Seconds from the first statement to the end of the commit, and what became queued and held."""
    with database.transaction() as session:
        template = create_template(session, name=f"Bench {time.time()}", now=NOW)
        words = "<p>{{ shop.name }} <a href='{{ links.unsubscribe }}'>Unsubscribe</a></p>"
        compiled = compile_source(
            words,
            format="html",
            subject="News",
            preheader="",
            language="en",
            vocabulary=vocabulary(session, None, "newsletter"),
        )
        version = save_version(session, template.id, compiled=compiled, now=NOW, by=None)
    began = time.perf_counter()
    with database.transaction() as session:
        mailing = open_mailing(
            session,
            kind="newsletter",
            source_id=1,
            name="Bench",
            version_id=version.id,
            subject="News",
            sender_email="hello@shop.example",
            sender_name="",
            now=NOW,
        )
        found = enqueue(session, mailing.id, select(Customer.id), now=NOW)
    return time.perf_counter() - began, found


def bare(database: Database) -> float:
    """The same values into a table that has nothing but columns."""
    with database.transaction() as session:
        session.execute(text("CREATE TABLE bare (a BIGINT, b TEXT, c TEXT, d TEXT, e TEXT, f TEXT, g TEXT)"))
    began = time.perf_counter()
    with database.transaction() as session:
        session.execute(
            text(
                "INSERT INTO bare SELECT id, email, domain, 'queued', '', '2026-11-23 09:00:00', '' FROM customer"
            )
        )
    return time.perf_counter() - began


@contextmanager
def databases() -> Iterator[list[tuple[str, Database]]]:
    """SQLite, and PostgreSQL where a server answers."""
    with tempfile.TemporaryDirectory() as folder:
        found = [("SQLite", connect(f"sqlite:///{Path(folder) / 'launch.db'}"))]
        try:
            server = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
        except psycopg.OperationalError:
            yield found
            return
        name = sql.Identifier(f"liaison_bench_{os.getpid()}")
        with server:
            server.execute(sql.SQL("CREATE DATABASE {}").format(name))
            url = f"{SERVER.rpartition('/')[0]}/liaison_bench_{os.getpid()}"
            found.append(("PostgreSQL", connect(url.replace("postgresql://", "postgresql+psycopg://"))))
            try:
                yield found
            finally:
                found[-1][1].dispose()
                server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def main() -> None:
    with databases() as found:
        for name, database in found:
            fill(database)
            reference = bare(database)
            first, made = launch(database)
            second, _ = launch(database)  # the index of the customers' messages is no longer empty
            assert sum(made.values()) == PEOPLE, made
            for which, value in (("first", first), ("second", second)):
                report(
                    f"launch, {which} mailing, {name}",
                    value,
                    "s",
                    reference="the same values into a bare table, s",
                    reference_value=reference,
                    is_higher_better=False,
                    conditions=f"{PEOPLE:,} recipients: {made['queued']:,} queued, {made['held']:,} held; {machine()}",
                )


if __name__ == "__main__":
    main()

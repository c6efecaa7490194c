"""Counts of seven typical segments, by the compiled rule; against the same rules with every figure counted by joins."""

import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import Connection, text

from campaigns.config import Config
from campaigns.db import Database, connect
from campaigns.db.tables import metadata
from campaigns.fields import Catalogue, Scope, gather
from campaigns.scoring import refresh_everybody
from campaigns.segments import compile as compiling
from campaigns.segments.queries import count_of
from campaigns.segments.rules import parse
from tests.bench.harness import machine, report, seconds

CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "100000"))
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
SERVER = os.environ.get("LIAISON_TEST_POSTGRES", "postgresql://root@127.0.0.1/postgres")


def ask(field: str, op: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"field": field, "op": op, **({} if value is None else {"value": value}), **more}


RULES = {
    "French, ordered in 180 days, spent 100": {
        "all": [
            ask("customer.country", "is", "FR"),
            ask("purchases.last", "in_last", 180),
            ask("purchases.spent", "at_least", 100_00),
        ]
    },
    "asleep": {
        "all": [
            ask("purchases.count", "at_least", 2),
            ask("purchases.last", "not_in_last", 365, if_unknown=False),
        ]
    },
    "birthday in a week": {"all": [ask("customer.birthday", "in_next", 7)]},
    "clicked in 30 days": {"all": [ask("clicked.last", "in_last", 30)]},
    "spent 400, silent for 90 days": {
        "all": [
            ask("purchases.spent", "at_least", 400_00),
            {"none": [ask("clicked.last", "in_last", 90, if_unknown=False)]},
        ]
    },
    "never ordered, agrees": {
        "all": [ask("purchases.count", "equals", 0), ask("consent.mail", "truth", True)]
    },
    "ordered in category 3 in 90 days": {
        "all": [ask("purchases.count", "at_least", 1, where={"category": "c3", "period": {"last_days": 90}})]
    },
}


def fill(database: Database) -> None:
    """The customers with three orders each (a third has none), two lines an order, six events: by SQL alone."""
    with database.engine.begin() as connection:
        series = _series(connection, CUSTOMERS)
        orders = _series(connection, 3 * CUSTOMERS)
        events = _series(connection, 6 * CUSTOMERS)
        run = lambda sql: connection.execute(text(sql))  # noqa: E731
        day = _day(connection)
        run(
            f"""INSERT INTO customer (id, email, address_key, domain, first_name, last_name, birth_month, birth_day,
                language, zone, country, attributes, may_mail, may_track, source, created_at, updated_at)
            SELECT n, 'p' || n || '@shop.example', 'p' || n || '@shop.example', 'shop.example', 'N', 'L',
                1 + n % 12, 1 + (n / 12) % 28, 'fr', '', CASE n % 5 WHEN 0 THEN 'FR' WHEN 1 THEN 'BE' ELSE 'DE' END,
                '{{}}', n % 4 <> 0, n = n,
                '', {day("900")}, {day("900")} FROM {series}"""
        )
        run(
            "INSERT INTO product (id, number, name, category) SELECT n, 'P' || n, 'P' || n, 'c' || (n % 10) "
            f"FROM {_series(connection, 100)}"
        )
        # Spread by a multiplication with a large odd number, so that neighbours are not alike.
        run(
            f"""INSERT INTO purchase (id, number, customer_id, purchased_at, amount, refunded, returned, currency, status,
                channel, created_at, updated_at)
            SELECT n, 'O' || n, 1 + (n * 48271) % {CUSTOMERS * 2 // 3}, {day("(n * 7919) % 1000")},
                1000 + (n * 104729) % 20000, 0, 0, 'EUR', 'paid', 'web', {day("0")}, {day("0")} FROM {orders}"""
        )
        run(
            "INSERT INTO purchase_line (id, purchase_id, product_id, quantity, unit_price, amount) "
            f"SELECT n, 1 + n / 2, 1 + (n * 31) % 100, 1, 500, 500 FROM {_series(connection, 6 * CUSTOMERS - 1)}"
        )
        run(
            f"""INSERT INTO event (id, kind, at, customer_id, mailing_id, message_id, position, judgement, reasons,
                rules_version, method, user_agent, signs, network, text)
            SELECT n, CASE n % 4 WHEN 0 THEN 'clicked' ELSE 'opened' END, {day("(n * 6151) % 700")},
                1 + (n * 16807) % {CUSTOMERS}, 1 + n % 20, n, 0, CASE n % 9 WHEN 0 THEN 'machine' ELSE 'human' END,
                '', 1, 'GET', '', '', '', '' FROM {events}"""
        )
    refresh_everybody(database, now=NOW, config=Config())
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _series(connection: Connection, size: int) -> str:
    if connection.dialect.name == "postgresql":
        return f"generate_series(1, {size}::bigint) AS s(n)"
    return (
        f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {size}) SELECT n FROM s)"
    )


def _day(connection: Connection) -> Any:
    """Writes the moment so many days before now, as the database keeps it."""
    if connection.dialect.name == "postgresql":
        return lambda days: f"(timestamptz '{NOW.isoformat()}' - make_interval(days => ({days})::int))"
    plain = NOW.strftime("%Y-%m-%d %H:%M:%S")
    return lambda days: f"strftime('%Y-%m-%d %H:%M:%S.000000', '{plain}', '-' || ({days}) || ' days')"


def measure(database: Database, name: str) -> None:
    scope = Scope(NOW, PARIS, "EUR")
    with database.reading() as session:
        catalogue = gather("EUR").catalogue(session)
        slow = catalogue.without_shortcuts()
        ratios = []
        for label, rule in RULES.items():
            node = parse(rule, catalogue)

            def counted(book: Catalogue, node: Any = node) -> int:
                return count_of(session, compiling.members(node, book, scope))

            found, again = counted(catalogue), counted(slow)
            assert found == again, f"{label}: {found} by the score, {again} by joins"
            ours = seconds(lambda: counted(catalogue), times=5)
            theirs = seconds(lambda: counted(slow), times=3)
            ratios.append(theirs / ours)
            report(
                f"segment: {label}",
                ours * 1000,
                "ms",
                reference="the same count by joins at query time, ms",
                reference_value=theirs * 1000,
                is_higher_better=False,
                conditions=f"{name}, {CUSTOMERS:,} customers, {3 * CUSTOMERS:,} orders, {6 * CUSTOMERS:,} events, "
                f"{found:,} found; {machine()}",
            )
        print(f"{name}: {statistics.median(ratios):.1f} times as fast (median)", flush=True)


@contextmanager
def postgres() -> Iterator[Database | None]:
    """An empty database on the server of the tests; None where there is none."""
    name = f"liaison_bench_{os.getpid()}"
    try:
        with psycopg.connect(SERVER, autocommit=True, connect_timeout=3) as server:
            server.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
    except psycopg.OperationalError:
        yield None
        return
    database = connect(
        f"{SERVER.rpartition('/')[0]}/{name}".replace("postgresql://", "postgresql+psycopg://")
    )
    try:
        yield database
    finally:
        database.dispose()
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="liaison-bench-") as folder:
        database = connect(f"sqlite:///{Path(folder) / 'bench.db'}")
        metadata().create_all(database.engine)
        fill(database)
        measure(database, "SQLite")
        database.dispose()
    with postgres() as server:
        if server is None:
            print("No PostgreSQL server answers: SQLite only.", flush=True)
            return
        metadata().create_all(server.engine)
        fill(server)
        measure(server, "PostgreSQL")


if __name__ == "__main__":
    main()

"""Scores of everybody and of those who changed, against one pass of ntile windows in the same database.

Sizes: 10,000 and 100,000 customers with five purchases each; LIAISON_BENCH_CUSTOMERS=1000000 adds a size (a
minute to fill). LIAISON_BENCH_POSTGRES=<url of an empty database> measures PostgreSQL instead of SQLite.
"""

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import text

from campaigns.config import Config
from campaigns.customers import Customer
from campaigns.db import Database, connect
from campaigns.db.bulk import insert_rows
from campaigns.db.tables import metadata
from campaigns.purchases import Purchase
from campaigns.scoring import refresh, refresh_everybody
from tests.bench.harness import machine, report, seconds

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PER_CUSTOMER = 5
CHANGED = 20_000
CHUNK = 50_000
CONFIG = Config()

REFERENCE = """
SELECT count(*), sum(r + f + m) FROM (
    SELECT ntile(5) OVER (ORDER BY last) AS r, ntile(5) OVER (ORDER BY year) AS f, ntile(5) OVER (ORDER BY spent) AS m
    FROM (
        SELECT customer_id, max(purchased_at) AS last, sum(amount - refunded) AS spent,
               sum(CASE WHEN purchased_at > :since THEN 1 ELSE 0 END) AS year
        FROM purchase WHERE status = 'paid' GROUP BY customer_id
    ) AS figures
) AS classes
"""


def fill(database: Database, customers: int) -> None:
    """Customers 1…n with five purchases each, in the order of time as they would have come."""
    metadata().drop_all(database.engine)
    metadata().create_all(database.engine)
    people = "email address_key domain number first_name last_name language zone country attributes may_mail may_track source created_at updated_at"
    for start in range(1, customers + 1, CHUNK):
        rows = [
            (f"c{n}@example.com",) * 2
            + ("example.com", str(n), "", "", "", "", "", {}, True, True, "", NOW - timedelta(days=900), NOW)
            for n in range(start, min(start + CHUNK, customers + 1))
        ]
        with database.transaction() as session:
            insert_rows(session, Customer, people.split(), rows)
    buy(database, customers, customers * PER_CUSTOMER, first=1)


def buy(database: Database, customers: int, count: int, *, first: int, recent: bool = False) -> None:
    """`count` purchases by customers drawn unevenly."""
    names = "number customer_id purchased_at amount refunded returned currency status channel created_at updated_at"
    chance = np.random.default_rng(first)
    for start in range(0, count, CHUNK):
        with database.transaction() as session:
            insert_rows(
                session,
                Purchase,
                names.split(),
                list(purchases(chance, customers, first + start, min(CHUNK, count - start), recent)),
            )


def purchases(
    chance: np.random.Generator, customers: int, first: int, count: int, recent: bool
) -> Iterator[tuple[object, ...]]:
    who = 1 + (customers * chance.random(count) ** 1.6).astype(int)
    if recent:
        who = 1 + chance.permutation(customers)[:count]
    days = np.sort(chance.random(count) * (0.001 if recent else 1000))[::-1]
    for place in range(count):
        at = NOW - timedelta(days=float(days[place]))
        yield (
            str(first + place),
            int(who[place]),
            at,
            int(500 + 90 * days[place]),
            0,
            0,
            "EUR",
            "paid",
            "",
            at,
            at,
        )


def measure(database: Database, customers: int, name: str) -> None:
    """The figures of one size."""
    fill(database, customers)
    conditions = f"{name}, {customers:,} customers, {customers * PER_CUSTOMER:,} purchases, {machine()}"
    since = (NOW - timedelta(days=365)).replace(tzinfo=None if name == "SQLite" else UTC)

    def windows() -> None:
        with database.reading() as session:
            session.execute(
                text(REFERENCE), {"since": since.isoformat(sep=" ") if name == "SQLite" else since}
            ).all()

    reference = seconds(windows)
    full = seconds(lambda: refresh_everybody(database, now=NOW, config=CONFIG))
    report(
        f"scores_full_{customers}",
        full,
        "s",
        reference="ntile windows in SQL, not written back, s",
        reference_value=reference,
        is_higher_better=False,
        conditions=conditions,
    )
    count = min(CHANGED, customers // 2)
    buy(database, customers, count, first=customers * PER_CUSTOMER + 1, recent=True)

    def some() -> None:
        with database.transaction() as session:
            scored = refresh(session, now=NOW + timedelta(hours=1), config=CONFIG)
            assert count <= scored <= count + 1_000, f"{scored} of {count}"

    report(
        f"scores_changed_{count}_of_{customers}",
        seconds(some),
        "s",
        reference="scoring everybody, s",
        reference_value=full,
        is_higher_better=False,
        conditions=conditions,
    )


def main() -> None:
    sizes = [10_000, 100_000]
    if more := os.environ.get("LIAISON_BENCH_CUSTOMERS"):
        sizes.append(int(more))
    url = os.environ.get("LIAISON_BENCH_POSTGRES", "")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            database = connect(url or f"sqlite:///{Path(folder) / f'{size}.db'}")
            measure(database, size, "PostgreSQL" if url else "SQLite")
            database.dispose()


if __name__ == "__main__":
    main()

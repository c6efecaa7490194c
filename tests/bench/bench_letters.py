"""One pass of each occasion over a million customers: the query a minute's tick asks; against a plain look at everybody."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, func, select, text
from sqlalchemy.orm import Session

from campaigns import letters
from campaigns.config import Config
from campaigns.content import Version
from campaigns.customers import Customer
from campaigns.db import Database, connect
from campaigns.db.tables import metadata
from campaigns.fields import gather as gather_fields
from campaigns.letters import Letter
from campaigns.messages import Mailing
from campaigns.occasions import Occasion, gather
from campaigns.segments import Segment
from campaigns.staff import User
from tests.bench.harness import machine, report, seconds
from tests.cast import bare_template

CUSTOMERS = int(os.environ.get("BENCH_LETTER_CUSTOMERS", "1000000"))
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ZONE = Config().zone
SERVER = os.environ.get("LIAISON_TEST_POSTGRES", "postgresql://root@127.0.0.1/postgres")
ZONES = (
    "", "Europe/London", "Europe/Berlin", "Pacific/Kiritimati", "Asia/Kathmandu", "America/St_Johns", "America/New_York",
    "Australia/Eucla", "Pacific/Pago_Pago", "America/Sao_Paulo",
)  # fmt: skip
ASKED: dict[str, dict[str, Any]] = {
    "date_reached": {"attribute": "contract_end", "days": -30},
    "signal": {"kind": "visited_stand"},
    "segment_entered": {"segment": "1", "wait": 0},
    "segment_left": {"segment": "1", "wait": 0},
    "replenishment": {"category": "c3"},
    "lost": {"tries": 3},
}
"""Answers where the occasion needs some, or is dearer with them; all others are asked with their own defaults."""


def fill(database: Database) -> None:
    """Customers in ten zones with three orders each, a consent, a signal, a click and a change of class: by SQL alone."""
    with database.engine.begin() as connection:

        def run(sql: str) -> None:
            connection.execute(text(sql))

        everybody, day = _series(connection, CUSTOMERS), _day(connection)
        zone = "CASE n % 10 " + " ".join(f"WHEN {i} THEN '{name}'" for i, name in enumerate(ZONES)) + " END"
        ends = _text_of(connection, "(n * 7919) % 1000 - 500")
        run(
            f"""INSERT INTO customer (id, email, address_key, domain, first_name, last_name, birth_month, birth_day,
                language, zone, country, attributes, may_mail, may_track, source, created_at, updated_at)
            SELECT n, 'p' || n || '@shop.example', 'p' || n || '@shop.example', 'shop.example', 'N', 'L',
                1 + n % 12, 1 + (n / 12) % 28, 'fr', {zone}, CASE n % 5 WHEN 0 THEN 'FR' ELSE 'DE' END,
                {_json(connection, "contract_end", ends)}, n % 4 <> 0, n = n, '', {day("(n * 7919) % 2000")}, {day("900")}
            FROM {everybody}"""
        )
        run(
            f"""INSERT INTO consent (id, customer_id, purpose, is_granted, at, act, source, legal_basis, wording, evidence)
            SELECT n, n, 'mail', n = n, {day("(n * 7919) % 2000")}, 'form', '', '', '', '' FROM {everybody}"""
        )
        run(
            "INSERT INTO product (id, number, name, category) SELECT n, 'P' || n, 'P' || n, 'c' || (n % 10) "
            f"FROM {_series(connection, 100)}"
        )
        run(
            f"""INSERT INTO purchase (id, number, customer_id, purchased_at, amount, refunded, returned, currency, status,
                channel, created_at, updated_at)
            SELECT n, 'O' || n, 1 + (n * 48271) % {CUSTOMERS}, {day("(n * 7919) % 2000")}, 1000 + (n * 104729) % 30000, 0, 0,
                'EUR', 'paid', 'web', {day("0")}, {day("0")} FROM {_series(connection, 3 * CUSTOMERS)}"""
        )
        run(
            "INSERT INTO purchase_line (id, purchase_id, product_id, quantity, unit_price, amount) "
            f"SELECT n, n, 1 + (n * 31) % 100, 1, 500, 500 FROM {_series(connection, 3 * CUSTOMERS)}"
        )
        kinds = ("basket_abandoned", "complaint_closed", "survey_answered", "visited_stand", "document_downloaded",
                 "service_problem_reported", "contract_ends", "complaint_opened")  # fmt: skip
        kind = "CASE n % 8 " + " ".join(f"WHEN {i} THEN '{name}'" for i, name in enumerate(kinds)) + " END"
        run(
            f"""INSERT INTO signal (id, customer_id, kind, key, at, data, created_at)
            SELECT n, n, {kind}, 'K' || n, {day("(n * 6151) % 1000")}, {_json(connection, "date", ends)}, {day("0")}
            FROM {everybody}"""
        )
        _mailings(connection)
        run(
            f"""INSERT INTO event (id, kind, at, customer_id, mailing_id, message_id, position, judgement, reasons,
                rules_version, method, user_agent, signs, network, text)
            SELECT n, CASE n % 4 WHEN 0 THEN 'clicked' ELSE 'opened' END, {day("(n * 6151) % 700")},
                1 + (n * 16807) % {CUSTOMERS}, 1 + n % 20, n, n % 2, CASE n % 9 WHEN 0 THEN 'machine' ELSE 'human' END,
                '', 1, 'GET', '', '', '', '' FROM {_series(connection, 3 * CUSTOMERS)}"""
        )
        no = "n <> n" if connection.dialect.name == "postgresql" else "0"
        _scores(connection, run, everybody, day, no)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _scores(connection: Connection, run: Callable[[str], Any], everybody: str, day: Any, no: str) -> None:
    names, values = ["customer_id", "as_of"], ["n", day("0")]
    given = {
        "last_purchase_at": day("(n * 7919) % 2000"),
        "risk": "'lost'",
        "cause": "'contract'",
        "usual_gap": "40",
    }
    for column in metadata().tables["score"].columns:
        if column.name in given:
            names.append(column.name)
            values.append(given[column.name])
        elif not column.nullable and column.name not in names:
            names.append(column.name)
            values.append("''" if column.type.python_type is str else "0")
    run(f"INSERT INTO score ({', '.join(names)}) SELECT {', '.join(values)} FROM {everybody}")
    kind = "CASE n % 4 WHEN 0 THEN 'phase' WHEN 1 THEN 'class' ELSE 'risk' END"
    target = "CASE n % 4 WHEN 0 THEN 'expansion' WHEN 1 THEN 'champion' WHEN 2 THEN 'at_risk' ELSE 'lost' END"
    run(
        f"""INSERT INTO score_transition (id, customer_id, kind, source, target, at, how)
        SELECT n, n, {kind}, 'steady', {target}, {day("(n * 6151) % 700")}, '' FROM {everybody}"""
    )
    run(
        f"""INSERT INTO segment_move (id, segment_id, customer_id, at, is_entry)
        SELECT n, 1, n, {day("(n * 6151) % 700")}, n % 2 = 0 FROM {everybody}"""
    )
    run(f"INSERT INTO segment_member (segment_id, customer_id) SELECT 1, n FROM {everybody} WHERE n % 2 = 0")
    run(
        f"""INSERT INTO purchase_rhythm (customer_id, kind, name, label, gap_days, last_on, last_number, next_on)
        SELECT n, 'category', 'c3', 'c3', 40, '2026-10-01', 'O' || n, {_text_of(connection, "(n * 7919) % 400 - 200")}
        FROM {everybody}"""
    )
    run(
        f"""INSERT INTO key_account (id, customer_id, reason, because, owner_id, may_promote, confirmed_at, ended_because)
        SELECT n, n, 'reference', '', 1, {no}, {day("100")}, '' FROM {_series(connection, 1000)}"""
    )


def _mailings(connection: Connection) -> None:
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        template = bare_template(session, now=NOW)
        version = session.get_one(Version, template.version_id)
        version.links = [
            {"url": "https://shop.example/coffee", "text": "Coffee", "category": "Coffee"},
            {"url": "https://shop.example/list.pdf", "text": "List", "category": ""},
        ]
        for number in range(1, 21):
            session.add(
                Mailing(
                    kind="newsletter", name=f"News {number}", version_id=version.id, subject="S",
                    sender_email="s@shop.example", created_at=NOW,
                )
            )  # fmt: skip
        session.add(Segment(id=1, name="Half", rule={"all": []}, created_at=NOW, updated_at=NOW))
        session.add(User(id=1, email="owner@shop.example", name="Olga", password_hash="", created_at=NOW))
        session.commit()


def _series(connection: Connection, size: int) -> str:
    if connection.dialect.name == "postgresql":
        return f"generate_series(1, {size}::bigint) AS s(n)"
    return (
        f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {size}) SELECT n FROM s)"
    )


def _day(connection: Connection) -> Any:
    """Writes a moment so many days, and a part of one, before now, as the database keeps it."""
    if connection.dialect.name == "postgresql":
        return lambda days: (
            f"(timestamptz '{NOW.isoformat()}' - make_interval(days => ({days})::int, mins => (n % 1440)::int))"
        )
    plain = NOW.strftime("%Y-%m-%d %H:%M:%S")
    return lambda days: (
        f"strftime('%Y-%m-%d %H:%M:%S.000000', '{plain}', '-' || ({days}) || ' days', '-' || (n % 1440) || ' minutes')"
    )


def _text_of(connection: Connection, days: str) -> str:
    """A date so many days after now, as ISO text."""
    if connection.dialect.name == "postgresql":
        return f"to_char(date '{NOW.date()}' + ({days})::int, 'YYYY-MM-DD')"
    return f"date('{NOW.date()}', ({days}) || ' days')"


def _json(connection: Connection, key: str, value: str) -> str:
    make = "jsonb_build_object" if connection.dialect.name == "postgresql" else "json_object"
    return f"{make}('{key}', {value})"


def measure(database: Database, name: str) -> None:
    """A letter of each occasion that was off for two days: the whole pass, all zones and days, rows counted."""
    conditions = f"{name}, {CUSTOMERS:,} customers in {len(ZONES)} zones, 3 days at 9 o'clock, {machine()}"
    with database.reading() as session:
        everybody = seconds(
            lambda: session.scalar(select(func.count(Customer.id)).where(Customer.first_name == "N"))
        )
    for occasion in gather().values():
        try:
            options = occasion.read_options(ASKED.get(occasion.name, {}))
        except Exception:
            print(f"{occasion.name}: no answers are known for it", flush=True)
            continue
        found: list[int] = []
        took = seconds(partial(_note, found, database, occasion, options), times=2)
        report(
            f"letters due: {occasion.name} ({name})",
            took,
            "s",
            reference="counting all customers by one column, s",
            reference_value=everybody,
            is_higher_better=False,
            conditions=f"{conditions}; {found[0]:,} due",
        )
    took = seconds(lambda: _soon(database), times=1)
    report(
        f"letters: preview of 30 days of birthdays ({name})",
        took,
        "s",
        reference="counting all customers by one column, s",
        reference_value=everybody,
        is_higher_better=False,
        conditions=conditions,
    )


def _note(found: list[int], database: Database, occasion: Occasion, options: Any) -> None:
    found.append(_pass(database, occasion, options))


def _pass(database: Database, occasion: Occasion, options: Any) -> int:
    letter = _letter(occasion, options)
    with database.reading() as session:
        due = letters.due_now(session, letter, occasions={occasion.name: occasion}, zone=ZONE, now=NOW)
        return sum(session.scalar(select(func.count()).select_from(part.subquery())) or 0 for part in due)


def _soon(database: Database) -> int:
    occasion = gather()["birthday"]
    with database.reading() as session:
        letter = _letter(occasion, occasion.read_options({}))
        return letters.count_due_soon(session, letter, occasions={"birthday": occasion}, zone=ZONE, now=NOW)


def _letter(occasion: Occasion, options: Any) -> Letter:
    return Letter(
        id=1, name="Bench", occasion=occasion.name, options=options, hour=9, late="send", late_days=2,
        on_since=NOW - timedelta(days=400), is_on=True,
    )  # fmt: skip


def watch(database: Database, name: str) -> None:
    """How long the first rhythms of a category take, for 20,000 changed orders: what one step of the clock does."""
    occasion = gather()["replenishment"]
    assert occasion.prepare is not None
    prepare = occasion.prepare
    with database.transaction() as session:
        took = seconds(lambda: prepare(session, {"category": "c4"}, gather_fields("EUR"), ZONE, NOW))
    report(
        f"letters: rhythms of 20,000 changed orders ({name})", took, "s", reference="one minute's tick, s",
        reference_value=60, is_higher_better=False, conditions=f"{CUSTOMERS:,} customers, {3 * CUSTOMERS:,} orders",
    )  # fmt: skip


@contextmanager
def postgres() -> Iterator[str]:
    name = f"liaison_bench_{os.getpid()}"
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield SERVER.rpartition("/")[0].replace("postgresql://", "postgresql+psycopg://") + f"/{name}"
    finally:
        with psycopg.connect(SERVER, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def main() -> None:
    """With BENCH_LETTER_KEEP=FOLDER the filled SQLite database stays there and is used again."""
    with tempfile.TemporaryDirectory() as folder:
        _run(f"sqlite:///{Path(os.environ.get('BENCH_LETTER_KEEP', folder)) / 'letters.db'}", "SQLite")
    with postgres() as url:
        _run(url, "PostgreSQL")


def _run(url: str, name: str) -> None:
    database = connect(url)
    metadata().create_all(database.engine)
    with database.reading() as session:
        is_empty = session.scalar(select(func.count()).select_from(Mailing)) == 0
    if is_empty:
        fill(database)
    measure(database, name)
    watch(database, name)
    database.dispose()


if __name__ == "__main__":
    main()

"""A rehearsal stage: a session in which some tables are copies that vanish, and all others cannot be written.

Temporary tables hide those of the same name on both databases, so that the very code which acts on the real tables acts
on the copies. Nothing is locked but what a reader locks: on SQLite the copies lie in a database of the connection's
own, on PostgreSQL in its temporary schema. A statement that would write to a real table all the same is refused
(SQLite's authorizer, PostgreSQL's read-only transaction), and the transaction is rolled back at the end.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, Connection, Index, MetaData, Table, UniqueConstraint, text
from sqlalchemy.orm import Session

from campaigns.db.base import Base
from campaigns.db.engine import Database

_WRITES = frozenset((sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE))


@contextmanager
def shadow(database: Database, tables: Sequence[str]) -> Iterator[Session]:
    """A session that sees all tables as they stand now, and may write to copies of `tables` only.

    Whatever it does is gone at the end of the block. The copying takes a few seconds for a million rows.
    """
    engine = database.engine
    if not database.is_sqlite:  # one state of everything, however long it takes
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        if database.is_sqlite:  # before the transaction begins; a million messages are not for the memory
            raw.execute("PRAGMA temp_store=FILE")
        try:
            for name in tables:
                _copy(connection, Base.metadata.tables[name])
            if database.is_sqlite:
                raw.set_authorizer(_allow_copies_only)
            else:
                connection.execute(text("SET TRANSACTION READ ONLY"))
            with Session(
                connection, expire_on_commit=False, join_transaction_mode="rollback_only"
            ) as session:
                yield session
        finally:
            if database.is_sqlite:
                raw.set_authorizer(None)
            connection.rollback()
            connection.invalidate()  # closed for good: nobody else is to meet its temporary tables


def _allow_copies_only(action: int, table: str | None, _second: Any, place: str | None, _trigger: Any) -> int:
    # A table function (json_each) declares its shape in the schema when it is first used; nothing is written.
    is_real = place == "main" and table not in ("sqlite_master", "sqlite_schema")
    return sqlite3.SQLITE_DENY if action in _WRITES and is_real else sqlite3.SQLITE_OK


def _copy(connection: Connection, table: Table) -> None:
    twin = _twin(table)
    twin.create(connection)
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    place = (
        "main" if connection.dialect.name == "sqlite" else connection.scalar(text("SELECT current_schema()"))
    )
    copied = f'SELECT {names} FROM "{place}"."{table.name}"'  # noqa: S608 - names of our own tables
    connection.exec_driver_sql(f'INSERT INTO "{table.name}" ({names}) {copied}')
    if connection.dialect.name == "postgresql":
        _count_on(connection, table)
        connection.exec_driver_sql(f'ANALYZE "{table.name}"')


def _count_on(connection: Connection, table: Table) -> None:
    """New rows get the numbers after those that were copied."""
    column = table.autoincrement_column
    if column is not None:
        sequence = f"pg_get_serial_sequence('pg_temp.\"{table.name}\"', '{column.name}')"
        last = f'(SELECT coalesce(max("{column.name}"), 0) + 1 FROM "{table.name}")'  # noqa: S608 - as above
        connection.exec_driver_sql(f"SELECT setval({sequence}, {last}, false)")


def _twin(table: Table) -> Table:
    """The same columns, keys and indexes, as a temporary table without foreign keys."""
    columns = [
        Column(
            column.name,
            column.type,
            primary_key=column.primary_key,
            nullable=column.nullable,
            autoincrement=column.autoincrement,
            server_default=column.server_default,
        )
        for column in table.columns
    ]
    unique = [
        UniqueConstraint(*(column.name for column in constraint.columns))
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    ]
    twin = Table(table.name, MetaData(), *columns, *unique, prefixes=["TEMPORARY"])
    for index in table.indexes:
        where = {
            f"{name}_where": index.dialect_options[name]["where"]
            for name in ("sqlite", "postgresql")
            if index.dialect_options[name].get("where") is not None
        }
        Index(index.name, *(twin.c[column.name] for column in index.columns), unique=index.unique, **where)
    return twin

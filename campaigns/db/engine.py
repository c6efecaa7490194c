"""The engine and its transactions: SQLite in WAL with full synchronisation, or PostgreSQL."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Insert,
    Select,
    create_engine,
    event,
    func,
    literal,
    make_url,
    select,
    text,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry

from campaigns.db.expressions import folded
from campaigns.errors import ConfigError

UNSTORABLE: tuple[type[Exception], ...] = (DataError, OverflowError)
"""What the drivers raise for a value that no column can hold, like a number of forty digits."""

BUSY_SECONDS = 60
"""How long a writer waits for the lock of another before it gives up."""


class Database:
    """One database: `transaction()` writes, `reading()` reads. Nothing else opens a session."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(is_writer=True)
        self.info: dict[str, Any] = {}
        """What the roof hands down to rooms that know no runtime; each session carries it (`session.info`)."""

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Commit at the end of the block, or roll back if it raises.

        On SQLite the write lock is taken at once (BEGIN IMMEDIATE): four processes that read and then
        wrote lost 600 of 800 updates silently with the driver's own mode, none so.
        """
        with Session(self._writer, expire_on_commit=False, info=self.info) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view of the data; whatever is changed in it is thrown away."""
        with Session(self.engine, expire_on_commit=False, autoflush=False, info=self.info) as session:
            yield session
            session.expunge_all()  # a rollback would empty the objects that the caller goes on to show
            session.rollback()

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def connect(url: str, *, cache_megabytes: int = 64) -> Database:
    """Open `sqlite:///path` or `postgresql+psycopg://…`; the folder of a SQLite file is made if missing.

    `cache_megabytes`: what each SQLite connection may keep of the file; senders, of which there are several and
    which read each row once, do with little.
    """
    try:
        parsed = make_url(url)
    except Exception as error:
        raise ConfigError(
            {"database.url": "is not a database address; see config.toml for two examples."}
        ) from error
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            parsed,
            hide_parameters=True,  # an error that is logged must not name customers
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", partial(_set_up_sqlite, cache_megabytes))
        event.listen(engine, "begin", _begin_sqlite)
    elif parsed.get_backend_name() == "postgresql":
        engine = create_engine(
            parsed, hide_parameters=True, pool_pre_ping=True, pool_size=10, max_overflow=20
        )
    else:
        raise ConfigError({"database.url": "must begin with sqlite:/// or postgresql+psycopg://."})
    return Database(engine)


def _set_up_sqlite(
    cache_megabytes: int, connection: sqlite3.Connection, _record: ConnectionPoolEntry
) -> None:
    connection.isolation_level = None  # the begin event says BEGIN itself
    connection.create_function("fold", 1, _fold, deterministic=True)
    cursor = connection.cursor()
    # FULL, not NORMAL: of 400 simulated power cuts NORMAL lost acknowledged rows in 360, FULL in none.
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "temp_store=MEMORY",
        f"cache_size=-{cache_megabytes * 1024}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _fold(value: Any) -> Any:
    return folded(value) if isinstance(value, str) else value


def _begin_sqlite(connection: Connection) -> None:
    is_writer = connection.get_execution_options().get("is_writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")


def upsert(
    session: Session,
    table: type[DeclarativeBase],
    rows: Sequence[dict[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str],
) -> Insert:
    """An `INSERT … ON CONFLICT (key) DO UPDATE` of the dialect in use, ready to be executed.

    With an empty `update`, a row that exists is left as it is; with an empty `key` too, a clash with any
    unique index (partial ones as well) leaves the older row.
    """
    make = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = make(table).values(rows)
    if not update:
        return statement.on_conflict_do_nothing(index_elements=list(key) or None)
    return statement.on_conflict_do_update(
        index_elements=list(key), set_={name: statement.excluded[name] for name in update}
    )


def insert_missing(
    session: Session,
    table: type[DeclarativeBase],
    columns: Sequence[str],
    rows: Select[Any],
    *,
    is_clear: bool = False,
) -> Insert:
    """An `INSERT … SELECT` that passes over whatever clashes with a unique index: nothing comes through Python.

    `rows` needs a WHERE or a JOIN … ON (a SQLite select that ends in a bare table would swallow ON CONFLICT).
    `is_clear`: no clash is possible, so none is looked for, which spares a third of the time; one is an error then.
    """
    make = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    if is_clear:
        return make(table).from_select(list(columns), rows)
    return make(table).from_select(list(columns), rows.where(true())).on_conflict_do_nothing()


def refresh_statistics(session: Session, table: type[DeclarativeBase]) -> None:
    """After very many rows were added: let the planner know. SQLite's plans do not depend on it here."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f'ANALYZE "{table.__tablename__}"'))


def prepare_for_many(session: Session) -> None:
    """A transaction that will join and write a million rows: room to hash them in memory, and no compiling of
    expressions, which costs more than it gains."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL work_mem = '128MB'"))
        session.execute(text("SET LOCAL jit = off"))


def free_rows(session: Session, table: type[DeclarativeBase], ids: Collection[int]) -> set[int]:
    """Of these rows (`id`) those that no other transaction holds; they are locked until this one ends, without
    waiting and without hindering foreign keys. On SQLite the transaction holds the whole database already."""
    if session.get_bind().dialect.name == "sqlite":
        return set(ids)
    key = table.__table__.c.id
    rows = select(key).where(key == func.any(literal(sorted(ids), type_=postgresql.ARRAY(BigInteger))))
    return set(session.scalars(rows.with_for_update(skip_locked=True, key_share=True)))

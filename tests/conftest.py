"""What every test may ask for: a clock that stands still, both databases, a runtime, the cast."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from campaigns.clock import FrozenClock
from campaigns.config import Config, Data, DatabaseSettings
from campaigns.db import Database, connect
from campaigns.db.tables import metadata
from campaigns.runtime import Runtime, assemble

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""A Monday morning; 10:00 in Paris."""

SERVER = os.environ.get("LIAISON_TEST_POSTGRES", "postgresql://root@127.0.0.1/postgres")
IN_CI = bool(os.environ.get("CI"))


def missing(what: str) -> None:
    """Fail in CI, skip with a reason elsewhere: nothing is left out silently."""
    if IN_CI:
        pytest.fail(f"{what} In CI this is a failure.")
    pytest.skip(what)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; the test is skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("The real data (../shared/data) is not beside this checkout.")
    return folder


@pytest.fixture(scope="session")
def _sqlite_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.db"
    database = connect(f"sqlite:///{path}")
    metadata().create_all(database.engine)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return path


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[str]:
    name = f"liaison_test_{os.getpid()}"
    try:
        connection = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        missing("No PostgreSQL server answers at LIAISON_TEST_POSTGRES (default: this machine, user root).")
    with connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    base, _, _ = SERVER.rpartition("/")
    url = f"{base}/{name}".replace("postgresql://", "postgresql+psycopg://")
    database = connect(url)
    metadata().create_all(database.engine)
    database.dispose()
    yield url
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _empty_postgres(url: str) -> Database:
    database = connect(url)
    tables = ", ".join(f'"{table.name}"' for table in metadata().sorted_tables)
    with database.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    return database


@pytest.fixture
def sqlite(_sqlite_model: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite database with all tables."""
    path = tmp_path / "liaison.db"
    shutil.copy(_sqlite_model, path)
    database = connect(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture
def postgres(_postgres_server: str) -> Iterator[Database]:
    """An empty PostgreSQL database with all tables."""
    database = _empty_postgres(_postgres_server)
    yield database
    database.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Database:
    """Each database in turn: a test that asks for this runs on both."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def config(database: Database, tmp_path: Path) -> Config:
    """Settings with a data folder of the test's own."""
    url = database.engine.url.render_as_string(hide_password=False)
    return Config(database=DatabaseSettings(url=url), data=Data(folder=tmp_path / "data"))


@pytest.fixture
def runtime(config: Config, database: Database, clock: FrozenClock) -> Runtime:
    """An assembled Liaison on a frozen clock."""
    return assemble(config, clock=clock, database=database)

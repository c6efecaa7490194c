"""Transactions hold under contention, and moments keep their zone."""

import multiprocessing
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import StatementError

from campaigns.db import Database, connect
from campaigns.errors import ConfigError
from campaigns.runs.model import Lease

NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def _add_one_many_times(url: str, times: int) -> None:
    database = connect(url)
    for _ in range(times):
        with database.transaction() as session:
            value = int(session.scalars(select(Lease.owner)).one())
            session.execute(update(Lease).values(owner=str(value + 1)))
    database.dispose()


def test_two_processes_that_read_then_write_lose_nothing_on_sqlite(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        session.add(Lease(name="counter", owner="0", until=NOON))
    url = str(sqlite.engine.url)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_add_one_many_times, args=(url, 40)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with sqlite.reading() as session:
        assert session.scalars(select(Lease.owner)).one() == "80"


def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), database.transaction() as session:
        session.add(Lease(name="half", owner="me", until=NOON))
        session.flush()
        raise RuntimeError
    with database.reading() as session:
        assert session.scalars(select(Lease)).all() == []


def test_a_reading_block_changes_nothing(database: Database) -> None:
    with database.reading() as session:
        session.add(Lease(name="half", owner="me", until=NOON))
        session.flush()
    with database.reading() as session:
        assert session.scalars(select(Lease)).all() == []


def test_a_moment_comes_back_as_the_same_instant_in_utc(database: Database) -> None:
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    with database.transaction() as session:
        session.add(Lease(name="a", owner="me", until=NOON.astimezone(kathmandu)))
    with database.reading() as session:
        until = session.scalars(select(Lease.until)).one()
    assert until == NOON
    assert until.tzinfo is UTC


def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without its zone"), database.transaction() as session:
        session.add(Lease(name="a", owner="me", until=datetime(2026, 1, 1)))


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense"])
def test_another_kind_of_database_is_refused_in_words(url: str) -> None:
    with pytest.raises(ConfigError, match=r"database\.url"):
        connect(url)


def test_sqlite_is_durable(sqlite: Database) -> None:
    with sqlite.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1

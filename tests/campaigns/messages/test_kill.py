"""A sender that is killed at any moment sends nobody a second mail and forgets nobody."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from campaigns.clock import SystemClock
from campaigns.config import Config, Data, DatabaseSettings, Sending, Smtp
from campaigns.customers import Customer
from campaigns.db import Database
from campaigns.messages import Mailing, counts, enqueue, halt, is_finished, ledger, stop_mailing
from campaigns.runtime import Runtime, assemble
from campaigns.tracking import unsubscribe
from tests.campaigns.messages.conftest import add_customer
from tests.campaigns.messages.sender_process import sender
from tests.smtp_server import SmtpServer

WHOLE = 120.0
"""Seconds after which a run is taken to hang: only what depends on nothing else is judged sooner."""


def real(database: Database, folder: Path, server: SmtpServer, **sending: object) -> Runtime:
    """A runtime on the machine's clock, mailing to `server`."""
    config = Config(
        database=DatabaseSettings(url=database.engine.url.render_as_string(hide_password=False)),
        data=Data(folder=folder / "data"),
        smtp=Smtp(port=server.port),
        sending=Sending(**{"batch": 100, "connections": 4, "lease_seconds": 10} | sending),  # type: ignore[arg-type]
    )
    return assemble(config, clock=SystemClock(), database=database)


def launch(runtime: Runtime, make: Callable[..., Mailing], people: int) -> int:
    with runtime.transaction() as session:
        for number in range(people):
            add_customer(session, f"person{number}@shop{number % 7}.example")
        mailing = make(session)
        enqueue(session, mailing.id, select(Customer.id), now=runtime.clock.now())
        return mailing.id


def wait_until(is_so: Callable[[], bool], seconds: float = WHOLE) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "It took too long."
        time.sleep(0.02)


def check_the_sums(runtime: Runtime, server: SmtpServer, mailing_id: int, people: int) -> int:
    """Nobody twice, nobody missing except the unknown; returns how many are unknown."""
    with runtime.reading() as session:
        found = counts(session, mailing_id)
        unknown = {message.address for message in session.scalars(ledger(mailing_id, "unknown"))}
        sent = {message.address for message in session.scalars(ledger(mailing_id, "sent"))}
    got = set(server.recipients())
    assert not server.twice()
    assert sum(found.values()) == people
    assert found["sent"] + found["unknown"] == people
    assert sent <= got
    assert got <= sent | unknown
    return found["unknown"]


def killed(
    runtime: Runtime,
    server: SmtpServer,
    mailing_id: int,
    people: int,
    kills: int,
    seconds: float = WHOLE,
) -> int:
    """Send to all, the process killed so often at random moments; returns how many are unknown."""
    chance = random.Random(20261122)
    for _ in range(kills):
        with sender(runtime.config):
            until = min(len(server.accepted) + chance.randrange(1, people // kills), people - 60)
            wait_until(lambda until=until: len(server.accepted) >= until, seconds)  # type: ignore[misc]
            time.sleep(chance.random() / 20)
    folder = runtime.config.data.folder / "journal"
    with sender(runtime.config) as process:
        # The one before may have sent the last mail itself: then only its journal is left to settle.
        wait_until(lambda: finished(runtime, mailing_id) and alone(folder, process.pid), seconds)
        assert process.stopped(WHOLE) == 0
    assert not list(folder.iterdir())
    return check_the_sums(runtime, server, mailing_id, people)


def alone(folder: Path, pid: int | None) -> bool:
    """Whether this process keeps the only journal: it has begun, and settled what the dead ones left."""
    return [path.stem.split("-")[-2] for path in folder.glob("*.journal")] == [str(pid)]


def test_killed_at_ten_random_moments(
    sqlite: Database, tmp_path: Path, mailing: Callable[..., Mailing]
) -> None:
    with SmtpServer() as server:
        runtime = real(sqlite, tmp_path, server)
        assert killed(runtime, server, launch(runtime, mailing, 2000), 2000, 10) <= 10 * 4


@pytest.mark.parametrize(("people", "kills"), [(600, 3), pytest.param(2000, 10, marks=pytest.mark.soak)])
def test_killed_while_it_sends_from_postgres(
    postgres: Database, tmp_path: Path, mailing: Callable[..., Mailing], people: int, kills: int
) -> None:
    with SmtpServer() as server:
        runtime = real(postgres, tmp_path, server)
        assert killed(runtime, server, launch(runtime, mailing, people), people, kills) <= kills * 4


def finished(runtime: Runtime, mailing_id: int) -> bool:
    with runtime.reading() as session:
        return is_finished(session, mailing_id)


def nothing_under_way(runtime: Runtime, mailing_id: int) -> bool:
    with runtime.reading() as session:
        return counts(session, mailing_id)["sending"] == 0


def test_asked_to_stop_it_finishes_what_it_began(
    database: Database, tmp_path: Path, mailing: Callable[..., Mailing]
) -> None:
    with SmtpServer(most=30) as server:
        runtime = real(database, tmp_path, server)
        mailing_id = launch(runtime, mailing, 100)
        with sender(runtime.config) as process:
            wait_until(lambda: len(server.accepted) == 30)
            process.terminate()
            assert process.asked.wait(WHOLE)
            server.let_through(None)
            process.join(WHOLE)
            assert process.exitcode == 0
        with runtime.reading() as session:
            found = counts(session, mailing_id)
        assert found["unknown"] == found["sending"] == 0
        assert found["sent"] == len(server.recipients()) < 100
        assert not server.twice()


def test_two_senders_share_the_work(
    database: Database, tmp_path: Path, mailing: Callable[..., Mailing]
) -> None:
    with SmtpServer(most=20) as server:
        runtime = real(database, tmp_path, server, batch=20)
        mailing_id = launch(runtime, mailing, 200)
        with sender(runtime.config) as first, sender(runtime.config) as second:
            wait_until(lambda: server.open_connections > 4)  # more than one of them has
            server.let_through(None)
            wait_until(lambda: finished(runtime, mailing_id))
            assert (first.stopped(WHOLE), second.stopped(WHOLE)) == (0, 0)
        assert check_the_sums(runtime, server, mailing_id, 200) == 0


def test_who_unsubscribes_while_it_runs_gets_nothing_a_second_later(
    database: Database, tmp_path: Path, mailing: Callable[..., Mailing]
) -> None:
    with SmtpServer(most=10, delays={f"shop{n}.example": 0.05 for n in range(7)}) as server:
        runtime = real(database, tmp_path, server, batch=500, connections=2)
        mailing_id = launch(runtime, mailing, 200)
        with sender(runtime.config):
            wait_until(lambda: len(server.accepted) == 10)
            with runtime.transaction() as session:
                everybody = list(session.scalars(ledger(mailing_id)))
                leaving = everybody[100:]
                for message in leaving:
                    unsubscribe(session, message.id, act="one_click", now=runtime.clock.now())
                late = {message.address for message in leaving}
                server.let_through(None)
            done = time.monotonic()
            wait_until(lambda: finished(runtime, mailing_id))
        reached = [mail.at for mail in server.accepted if mail.recipient in late]
        last = max(reached, default=0)
        # The rule is a second; where this machine stood still meanwhile, that much more.
        assert last - done < 1 + server.stalls.seconds(done, last)
        with runtime.reading() as session:
            found = counts(session, mailing_id)
        assert found["cancelled"]
        assert found["sent"] + found["cancelled"] == 200


def test_an_emergency_holds_within_three_seconds(
    database: Database, tmp_path: Path, mailing: Callable[..., Mailing]
) -> None:
    with SmtpServer(most=10, delays={f"shop{n}.example": 0.05 for n in range(7)}) as server:
        runtime = real(database, tmp_path, server, batch=500, connections=2)
        mailing_id = launch(runtime, mailing, 400)
        with sender(runtime.config):
            wait_until(lambda: len(server.accepted) == 10)
            with runtime.transaction() as session:
                halt(session, because="wrong price", by="ann", now=runtime.clock.now())
                server.let_through(None)
            stopped = time.monotonic()
            wait_until(lambda: nothing_under_way(runtime, mailing_id))
            with runtime.transaction() as session:
                stop_mailing(session, mailing_id, because="wrong price", now=runtime.clock.now())
            wait_until(lambda: finished(runtime, mailing_id))
        last = max(mail.at for mail in server.accepted)
        assert last - stopped < 3 + server.stalls.seconds(stopped, last)
        with runtime.reading() as session:
            found = counts(session, mailing_id)
        assert found["sent"] == len(server.accepted)
        assert found["sent"] + found["cancelled"] == 400


def test_a_slow_destination_delays_no_letter_to_another(
    sqlite: Database, tmp_path: Path, mailing: Callable[..., Mailing]
) -> None:
    with SmtpServer(delays={"slow.example": 1.0}) as server:
        runtime = real(sqlite, tmp_path, server, batch=100, connections=3)
        with runtime.transaction() as session:
            for number in range(300):
                add_customer(session, f"person{number}@slow.example")
            newsletter = mailing(session)
            enqueue(session, newsletter.id, select(Customer.id), now=runtime.clock.now())
        with sender(runtime.config):
            wait_until(lambda: len(server.accepted) >= 3)
            with runtime.transaction() as session:
                alice = add_customer(session, "alice@quick.example")
                letter = mailing(session, kind="letter")
                enqueue(
                    session,
                    letter.id,
                    select(Customer.id).where(Customer.id == alice),
                    now=runtime.clock.now(),
                )
            wait_until(lambda: "alice@quick.example" in server.recipients())
        assert len(server.accepted) < 100  # she did not wait for the others

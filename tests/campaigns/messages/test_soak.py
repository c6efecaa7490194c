"""The long runs: two hundred thousand mails, thirty kills, several instances, full disks, locked and lost databases.

Run by `make soak`, which writes the figures of the last run to docs/benchmarks.md.
"""

import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text

from campaigns.customers import Customer
from campaigns.db import Database, connect
from campaigns.db.tables import metadata
from campaigns.messages import Mailing, counts, enqueue, ledger
from campaigns.runtime import Runtime
from tests.bench.bench_send import Course, ours, told
from tests.bench.harness import note
from tests.campaigns.messages.conftest import add_customer
from tests.campaigns.messages.sender_process import SenderProcess, sender
from tests.campaigns.messages.test_kill import check_the_sums, finished, killed, launch, real, wait_until
from tests.smtp_server import Fault, SmtpServer
from webapp.app import create_app

pytestmark = pytest.mark.soak

Make = Callable[..., Mailing]
LONG = 240.0


def test_memory_stays_flat_over_two_hundred_thousand(tmp_path: Path) -> None:
    course = Course(mails=200_000)
    result = ours(tmp_path, course)
    note(
        "memory after 100,000 and 200,000 mails",
        f"{result['mb_half']:.1f} and {result['mb_end']:.1f} MB a process",
        told(course, result),
    )
    assert result["mb_end"] <= result["mb_half"] * 1.05
    assert result["mb_end"] < 150


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_killed_at_thirty_random_moments(
    request: pytest.FixtureRequest, tmp_path: Path, mailing: Make, engine: str
) -> None:
    people, kills = 10_000, 30
    with SmtpServer() as server:
        runtime = real(request.getfixturevalue(engine), tmp_path, server)
        began = time.monotonic()
        unknown = killed(runtime, server, launch(runtime, mailing, people), people, kills, LONG)
        seconds = time.monotonic() - began
    note(
        f"kill -9 at {kills} random moments over {people:,}, {engine}",
        f"0 missing, 0 twice, {unknown} unknown",
        f"{seconds:.0f} s; at most {kills * 4} could be in flight",
    )
    assert unknown <= kills * 4


@pytest.mark.parametrize(("engine", "instances"), [("postgres", 2), ("postgres", 4), ("sqlite", 2)])
def test_several_instances_share_the_work(
    request: pytest.FixtureRequest, tmp_path: Path, mailing: Make, engine: str, instances: int
) -> None:
    people = 10_000
    database: Database = request.getfixturevalue(engine)
    with SmtpServer() as server, ExitStack() as stack:
        places = [real(database, tmp_path / str(number), server) for number in range(instances)]
        mailing_id = launch(places[0], mailing, people)
        began = time.monotonic()
        running = [stack.enter_context(sender(place.config)) for place in places]
        wait_until(lambda: finished(places[0], mailing_id), LONG)
        seconds = time.monotonic() - began
        assert [process.stopped(60) for process in running] == [0] * instances
        assert check_the_sums(places[0], server, mailing_id, people) == 0
        assert len(server.accepted) == people
    note(
        f"{instances} instances on {engine}, each with a data folder of its own",
        f"{people:,} recipients, {people:,} mails, 0 twice",
        f"{seconds:.0f} s",
    )


def _hold(path: str, seconds: float) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")


def test_a_database_locked_for_a_minute_holds_sending_up_and_no_more(
    sqlite: Database, tmp_path: Path, mailing: Make
) -> None:
    people = 1000
    with SmtpServer(most=200) as server:
        runtime = real(sqlite, tmp_path, server, lease_seconds=120)
        mailing_id = launch(runtime, mailing, people)
        with sender(runtime.config) as process:
            wait_until(lambda: len(server.accepted) == 200)
            holder = multiprocessing.get_context("spawn").Process(
                target=_hold, args=(str(sqlite.engine.url.database), 60.0)
            )
            holder.start()
            time.sleep(2)
            server.let_through(None)
            holder.join(90)
            assert process.is_alive()
            wait_until(lambda: finished(runtime, mailing_id))
            assert process.stopped(60) == 0
        unknown = check_the_sums(runtime, server, mailing_id, people)
    note(
        "SQLite locked for 60 s while it sends", f"0 missing, 0 twice, {unknown} unknown", "the same process"
    )


def test_a_database_whose_connections_are_cut_holds_sending_up_and_no_more(
    postgres: Database, tmp_path: Path, mailing: Make
) -> None:
    people = 3000
    with SmtpServer() as server:
        runtime = real(postgres, tmp_path, server)
        mailing_id = launch(runtime, mailing, people)
        with sender(runtime.config) as process:
            for round_ in range(10):
                wait_until(lambda n=round_: len(server.accepted) >= n * 250)  # type: ignore[misc]
                _cut(postgres)
            wait_until(lambda: finished(runtime, mailing_id), LONG)
            assert process.stopped(60) == 0
        unknown = check_the_sums(runtime, server, mailing_id, people)
    note(
        "PostgreSQL ends every connection, 10 times in one mailing",
        f"0 missing, 0 twice, {unknown} unknown",
        f"{people:,} mails, the same process",
    )
    assert unknown == 0


def _cut(database: Database) -> None:
    with database.engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    database.dispose()


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A PostgreSQL server of our own: its address, and how to restart it in an instant."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs or os.geteuid() != 0:
        pytest.skip("Needs PostgreSQL's own programs, and root to run them as another user.")
    data = folder / "cluster"
    data.mkdir()
    shutil.chown(data, "postgres")

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            ["runuser", "-u", "postgres", "--", str(programs[-1] / program), "-D", str(data), *arguments],
            check=True,
            capture_output=True,
            cwd="/",
        )

    run("initdb", "--auth=trust", "-U", "root")
    options = f"-p 55432 -k {data} -c listen_addresses=127.0.0.1"
    run("pg_ctl", "-w", "-l", str(data / "log"), "-o", options, "start")
    try:
        yield (
            "postgresql+psycopg://root@127.0.0.1:55432/postgres",
            lambda: run("pg_ctl", "-w", "-m", "immediate", "-l", str(data / "log"), "-o", options, "restart"),
        )
    finally:
        run("pg_ctl", "-m", "immediate", "stop")


def test_a_postgres_restarted_in_the_middle_loses_nobody(mailing: Make) -> None:
    people, restarts = 3000, 5
    with tempfile.TemporaryDirectory() as name, SmtpServer() as server:
        folder = Path(name)
        folder.chmod(0o755)
        with cluster(folder) as (url, restart):
            database = connect(url)
            metadata().create_all(database.engine)
            runtime = real(database, folder, server)
            mailing_id = launch(runtime, mailing, people)
            with sender(runtime.config) as process:
                for round_ in range(restarts):
                    wait_until(lambda n=round_: len(server.accepted) >= n * 500)  # type: ignore[misc]
                    restart()
                database.dispose()
                wait_until(lambda: _finished_at_last(runtime, mailing_id), LONG)
                assert process.stopped(60) == 0
            unknown = check_the_sums(runtime, server, mailing_id, people)
            database.dispose()
    note(
        f"PostgreSQL restarted at once, {restarts} times in one mailing",
        f"0 missing, 0 twice, {unknown} unknown",
        f"{people:,} mails, the same process",
    )
    assert unknown == 0


def _finished_at_last(runtime: Runtime, mailing_id: int) -> bool:
    try:
        return finished(runtime, mailing_id)
    except psycopg.OperationalError:
        return False


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own that is soon full."""
    if os.geteuid() != 0:
        pytest.skip("Only root may mount a file system.")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "liaison", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("This machine lets nobody mount a tmpfs.")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_up(disk: Path) -> Path:
    """Leave not a byte; returns the file that takes it all."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return ballast


def test_a_full_disk_stops_sending_refuses_unsubscriptions_and_passes_by_itself(
    _sqlite_model: Path, tmp_path: Path, mailing: Make
) -> None:
    people = 600
    with small_disk(tmp_path / "disk", 24) as disk, SmtpServer(most=100) as server:
        shutil.copy(_sqlite_model, disk / "liaison.db")
        database = connect(f"sqlite:///{disk / 'liaison.db'}")
        runtime = real(database, disk, server)
        mailing_id = launch(runtime, mailing, people)
        browser = create_app(runtime).test_client()
        with sender(runtime.config) as process:
            wait_until(lambda: len(server.accepted) == 100)
            with runtime.reading() as session:
                waiting = (
                    session.scalars(ledger(mailing_id, "queued")).first()
                    or session.scalars(ledger(mailing_id, "sending")).all()[-1]
                )
            ballast = fill_up(disk)
            server.let_through(None)
            said = _one_click(browser, runtime, waiting.id, mailing_id)
            assert said >= 500, "what could not be kept is never called done"
            time.sleep(10)
            assert process.is_alive()
            full = len(server.accepted)
            ballast.unlink()
            wait_until(lambda: _one_click(browser, runtime, waiting.id, mailing_id) < 300)
            wait_until(lambda: finished(runtime, mailing_id), LONG)
            assert process.stopped(60) == 0
        with runtime.reading() as session:
            found = counts(session, mailing_id)
        assert not server.twice()
        assert found["sent"] + found["unknown"] + found["cancelled"] == people
        assert found["sent"] <= len(server.accepted) <= found["sent"] + found["unknown"]
        database.dispose()
    note(
        "disk full for 10 s while it sends",
        f"0 missing, 0 twice, {found['unknown']} unknown; the unsubscription was answered {said}",
        f"{full - 100} mails left on the full disk; the same process went on",
    )


def _one_click(browser: object, runtime: Runtime, message_id: int, mailing_id: int) -> int:
    """A mail program's one-click unsubscription (RFC 8058); the status of the answer."""
    token = runtime.links.token(message_id, mailing_id)
    answer = browser.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"})  # type: ignore[attr-defined]
    return int(answer.status_code)


class _Cramped(SenderProcess):
    """Its files may not grow beyond some kilobytes: every longer journal is an I/O error."""

    def run(self) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
        super().run()


def test_a_journal_that_cannot_be_written_lets_no_mail_go_unnoted(
    postgres: Database, tmp_path: Path, mailing: Make
) -> None:
    people = 3000
    with SmtpServer() as server:
        runtime = real(postgres, tmp_path, server)
        mailing_id = launch(runtime, mailing, people)
        process = _Cramped(runtime.config)
        process.start()
        try:
            wait_until(lambda: finished(runtime, mailing_id), LONG)
            assert process.stopped(60) == 0
        finally:
            process.kill()
            process.join()
        unknown = check_the_sums(runtime, server, mailing_id, people)
    note("journal that fails with an I/O error every 30 KB", f"0 missing, 0 twice, {unknown} unknown", "")
    assert unknown == 0


def test_asked_to_stop_while_the_server_hangs_it_is_out_within_thirty_seconds(
    sqlite: Database, tmp_path: Path, mailing: Make
) -> None:
    people = 200
    with SmtpServer([Fault("dot", "hang", times=None, every=20)]) as server:
        runtime = real(sqlite, tmp_path, server)
        mailing_id = launch(runtime, mailing, people)
        with sender(runtime.config) as process:
            wait_until(lambda: len(server.accepted) >= 40)
            began = time.monotonic()
            assert process.stopped(60) == 0
            seconds = time.monotonic() - began
        with runtime.reading() as session:
            found = counts(session, mailing_id)
    note("SIGTERM while the mail server hangs", f"out after {seconds:.1f} s", f"{found['unknown']} unknown")
    assert seconds < 30
    assert found["sending"] == 0
    assert found["sent"] == len(server.accepted)


def test_ten_thousand_slow_mails_delay_no_letter_to_another(
    sqlite: Database, tmp_path: Path, mailing: Make
) -> None:
    with SmtpServer(delays={"slow.example": 2.0}) as server:
        runtime = real(sqlite, tmp_path, server, batch=500, lease_seconds=120)
        with runtime.transaction() as session:
            for number in range(10_000):
                add_customer(session, f"person{number}@slow.example")
            newsletter = mailing(session)
            enqueue(session, newsletter.id, select(Customer.id), now=runtime.clock.now())
        with sender(runtime.config):
            wait_until(lambda: len(server.accepted) >= 8)
            with runtime.transaction() as session:
                alice = add_customer(session, "alice@quick.example")
                letter = mailing(session, kind="letter")
                people = select(Customer.id).where(Customer.id == alice)
                enqueue(session, letter.id, people, now=runtime.clock.now())
            began = time.monotonic()
            wait_until(lambda: "alice@quick.example" in server.recipients())
            seconds = time.monotonic() - began
    note(
        "a letter behind 10,000 mails to a server that takes 2 s for each", f"left after {seconds:.1f} s", ""
    )
    assert seconds < 60

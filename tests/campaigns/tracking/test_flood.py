"""A hundred thousand returned mails at once, by SMTP and from a folder: none is lost, and 200 a second are kept."""

import multiprocessing
import os
import smtplib
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, insert, select

from campaigns.config import Config, Data, DatabaseSettings
from campaigns.customers import Customer, CustomerFacts, bulk_add_customers, normalise_address
from campaigns.db.migrate import upgrade
from campaigns.messages import Message
from campaigns.runtime import Runtime, assemble
from campaigns.suppression import count_by_cause
from campaigns.tracking import Event, ReturnsListener, read_spool
from scheduler import jobs
from tests.bench.harness import note
from tests.campaigns.tracking.story import mailing
from tests.campaigns.tracking.test_returned import dsn
from tests.conftest import NOW
from tests.dovecot import await_port, free_port
from webapp.cli import Settings
from webapp.commands.bounces import command

MANY = 100_000
FEW = 300
LINES = 2


def a_house(folder: Path, people: int) -> tuple[Runtime, int, list[int]]:
    """A Liaison on the disk, whose letter went to so many; the ids of its mailing and messages."""
    runtime = assemble(
        Config(
            database=DatabaseSettings(url=f"sqlite:///{folder / 'liaison.db'}"),
            data=Data(folder=folder / "data"),
        )
    )
    upgrade(runtime.database)
    with runtime.transaction() as session:
        letters = mailing(session)
        facts = [CustomerFacts(normalise_address(address(n))) for n in range(people)]
        bulk_add_customers(session, facts, source="test", now=NOW)
        ids = session.scalars(select(Customer.id).order_by(Customer.id)).all()
        rows = [
            {
                "mailing_id": letters, "customer_id": ids[n], "address": address(n), "domain": "shop.example",
                "status": "sent", "queued_at": NOW, "sent_at": NOW, "is_tracked": True, "occasion_key": "",
            }
            for n in range(people)
        ]  # fmt: skip
        session.execute(insert(Message), rows)
        return runtime, letters, list(session.scalars(select(Message.id).order_by(Message.id)))


def address(number: int) -> str:
    return f"c{number}@shop.example"


def listen(config: Config, port: int) -> None:
    """A listener in a process of its own, as `liaison serve` has it."""
    ReturnsListener(assemble(config), port=port).start()
    threading.Event().wait()


def bring(port: int, mails: list[tuple[str, bytes]]) -> None:
    """One server that brings mails back, some hundred a connection; ends with 1 if any was not taken."""
    for start in range(0, len(mails), 500):
        with smtplib.SMTP("127.0.0.1", port, timeout=120) as server:
            server.ehlo("mx.example")
            for to, raw in mails[start : start + 500]:
                server.mail("")
                if server.rcpt(to)[0] != 250 or server.data(raw)[0] != 250:
                    raise SystemExit(1)


def flood(folder: Path, people: int) -> tuple[float, float]:
    """By SMTP, read while they come in; returns how many a second were taken in, and kept."""
    runtime, letters, ids = a_house(folder, people)
    mails = []
    for number, message_id in enumerate(ids):
        token = runtime.links.token(message_id, letters, "bounce")
        raw = dsn(token=token, address=address(number), final=address(number))
        mails.append((f"bounce+{token}@shop.example", raw))
    runtime.database.dispose()  # the other processes open connections of their own
    port, fork = free_port(), multiprocessing.get_context("fork")
    listener = fork.Process(target=listen, args=(runtime.config, port), daemon=True)
    listener.start()
    await_port(port, folder / "none")
    began = time.perf_counter()
    lines = [
        fork.Process(target=bring, args=(port, mails[line::LINES]), daemon=True) for line in range(LINES)
    ]
    for line in lines:
        line.start()
    kept = 0
    while any(line.is_alive() for line in lines):
        kept += jobs.read_returned_mail(runtime)
        time.sleep(0.01)
    taken = time.perf_counter() - began
    kept += jobs.read_returned_mail(runtime)
    everything = time.perf_counter() - began
    listener.kill()
    assert [line.exitcode for line in lines] == [0] * LINES
    assert kept == people
    assert_all_are_kept(runtime, people)
    assert read_spool(runtime) == {}
    runtime.database.dispose()
    return people / taken, people / everything


def assert_all_are_kept(runtime: Runtime, people: int) -> None:
    with runtime.reading() as session:
        assert session.scalar(select(func.count(func.distinct(Event.message_id)))) == people
        assert session.scalar(select(func.count()).select_from(Event)) == people
        assert count_by_cause(session) == {"hard_bounce": people}


def read_folder(folder: Path, people: int) -> float:
    """From a folder, by the command; returns how many a second were kept."""
    runtime, letters, ids = a_house(folder, people)
    box = folder / "box"
    box.mkdir()
    for number, message_id in enumerate(ids):
        token = runtime.links.token(message_id, letters, "bounce")
        raw = dsn(token=token, address=address(number), final=address(number))
        (box / f"{number}.eml").write_bytes(raw)
    settings = Settings(None)
    settings.__dict__["runtime"] = runtime
    began = time.perf_counter()
    answer = CliRunner().invoke(command, ["read", str(box), "--apply"], obj=settings)
    took = time.perf_counter() - began
    assert answer.exit_code == 0, answer.output
    assert f"{people:,} bounced" in answer.output
    assert_all_are_kept(runtime, people)
    runtime.database.dispose()
    return people / took


def test_some_hundreds_at_once_are_all_kept(tmp_path: Path) -> None:
    flood(tmp_path, FEW)


@pytest.mark.soak
def test_a_hundred_thousand_at_once_are_all_kept(tmp_path: Path) -> None:
    people = int(os.environ.get("LIAISON_FLOOD", MANY))
    by_smtp, by_folder = tmp_path / "smtp", tmp_path / "folder"
    by_smtp.mkdir()
    by_folder.mkdir()
    taken, kept = flood(by_smtp, people)
    read = read_folder(by_folder, people)
    note(
        f"{people:,} returned mails at once",
        f"0 lost; by SMTP {taken:.0f}/s taken in, {kept:.0f}/s read and kept; from a folder {read:.0f}/s kept",
        f"{LINES} servers bring them, each mail on the disk before its 250, read while they come in; SQLite",
    )

"""After a long stop or a restored backup nothing stale leaves until a person has decided."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, literal, select

from campaigns.clock import FrozenClock
from campaigns.config import Config, Data, DatabaseSettings
from campaigns.customers import Customer
from campaigns.db import Database, connect
from campaigns.errors import Conflict
from campaigns.mail import MemoryMailer
from campaigns.messages import (
    Mailing,
    Sender,
    attempts,
    counts,
    enqueue,
    enqueue_occasions,
    gap_open,
    held_by_gap,
    of_gap,
    run_sender,
    send_due,
    senders,
    settle_gap,
    waiting,
)
from campaigns.messages.model import Message
from campaigns.runtime import Runtime, assemble
from scheduler.jobs import recover_claims
from tests.campaigns.messages.conftest import add_customer
from tests.campaigns.messages.test_kill import wait_until
from tests.campaigns.messages.test_sending import to
from tests.smtp_server import Fault, SmtpServer

Make = Callable[..., Mailing]


def quiet(runtime: Runtime) -> tuple[Runtime, MemoryMailer]:
    mailer = MemoryMailer()
    return replace(runtime, mailer=mailer), mailer


def launch(runtime: Runtime, make: Make, people: int = 2) -> int:
    with runtime.transaction() as session:
        there = session.scalar(select(func.count()).select_from(Customer)) or 0
        for number in range(there, people):
            add_customer(session, f"person{number}@shop.example")
        mailing = make(session)
        enqueue(session, mailing.id, select(Customer.id), now=runtime.clock.now())
        return mailing.id


def stopped(runtime: Runtime, clock: FrozenClock, make: Make, **off: int) -> int:
    """It sent, then was off for so long, with a newsletter of two waiting."""
    send_due(runtime)
    mailing_id = launch(runtime, make)
    clock.advance(timedelta(**off))
    return mailing_id


def states(runtime: Runtime, mailing_id: int) -> dict[str, int]:
    with runtime.reading() as session:
        return {state: n for state, n in counts(session, mailing_id).items() if n}


def settle(runtime: Runtime, *, is_sent: bool, mailing_id: int | None = None) -> int:
    with runtime.transaction() as session:
        gap = gap_open(session)
        assert gap is not None
        return settle_gap(
            session, gap.id, is_sent=is_sent, by="ann", now=runtime.clock.now(), mailing_id=mailing_id
        )


def test_after_a_long_stop_what_was_due_waits_and_what_is_new_leaves(
    runtime: Runtime, clock: FrozenClock, mailing: Make
) -> None:
    runtime, mailer = quiet(runtime)
    old = stopped(runtime, clock, mailing, days=3)
    assert send_due(runtime) == 0
    new = launch(runtime, mailing)
    assert send_due(runtime) == 2
    assert (states(runtime, old), states(runtime, new)) == ({"queued": 2}, {"sent": 2})
    with runtime.reading() as session:
        gap = gap_open(session)
        assert gap is not None
        assert gap.cause == "stopped"
        assert [(row[0].id, row[1]) for row in held_by_gap(session, gap)] == [(old, 2)]
        assert len(session.execute(of_gap(gap)).all()) == 2
        assert waiting(session, now=clock.now()) | {"oldest_due_at": None} == {
            "due": 0,
            "later": 0,
            "held_back": 2,
            "on_the_way": 0,
            "unknown": 0,
            "oldest_due_at": None,
        }
    assert settle(runtime, is_sent=True) == 2
    assert send_due(runtime) == 2
    assert len(mailer.outbox) == 4


def test_what_is_cancelled_after_a_stop_never_leaves(
    runtime: Runtime, clock: FrozenClock, mailing: Make
) -> None:
    runtime, mailer = quiet(runtime)
    first = stopped(runtime, clock, mailing, hours=7)
    second = launch(runtime, mailing)
    with runtime.transaction() as session:  # it waited, too
        for message in session.scalars(select(Message).where(Message.mailing_id == second)):
            message.queued_at = message.next_attempt_at = clock.now() - timedelta(hours=6, minutes=30)
    send_due(runtime)
    assert settle(runtime, is_sent=False, mailing_id=first) == 2
    with runtime.reading() as session:
        assert gap_open(session) is not None, "one mailing is decided, the other is not"
    assert settle(runtime, is_sent=True, mailing_id=second) == 2
    assert send_due(runtime) == 2
    assert states(runtime, first) == {"cancelled": 2}
    with runtime.transaction() as session:
        assert gap_open(session) is None
        with pytest.raises(Conflict):
            settle_gap(session, 1, is_sent=True, by="bob", now=clock.now())
    assert len(mailer.outbox) == 2


def test_a_short_stop_asks_nobody(runtime: Runtime, clock: FrozenClock, mailing: Make) -> None:
    runtime, _ = quiet(runtime)
    stopped(runtime, clock, mailing, hours=5)
    assert send_due(runtime) == 2


def test_a_letter_that_may_come_late_by_its_own_rule_leaves_after_a_stop(
    runtime: Runtime, clock: FrozenClock, mailing: Make
) -> None:
    runtime, mailer = quiet(runtime)
    stopped(runtime, clock, mailing, days=1)
    send_due(runtime)
    greet(runtime, mailing, due_at=clock.now() - timedelta(hours=20))
    assert send_due(runtime) == 1
    assert len(mailer.outbox) == 1


def greet(runtime: Runtime, make: Make, *, due_at: datetime) -> None:
    with runtime.transaction() as session:
        letter = make(session, kind="letter")
        due = select(
            Customer.id,
            literal("2026"),
            literal(due_at, type_=Message.next_attempt_at.type),
            literal({}, type_=Message.facts.type),
        ).where(Customer.email == "person0@shop.example")
        enqueue_occasions(session, letter.id, due, now=runtime.clock.now())


@pytest.fixture
def on_file(sqlite: Database, tmp_path: Path, clock: FrozenClock) -> Runtime:
    url = sqlite.engine.url.render_as_string(hide_password=False)
    config = Config(database=DatabaseSettings(url=url), data=Data(folder=tmp_path / "data"))
    return assemble(config, clock=clock, database=sqlite)


def test_a_restored_backup_sends_nothing_that_may_have_left_already(
    on_file: Runtime, clock: FrozenClock, mailing: Make, tmp_path: Path
) -> None:
    runtime, mailer = quiet(on_file)
    send_due(runtime)
    mailing_id = launch(runtime, mailing)
    path = Path(str(runtime.database.engine.url.database))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", [str(tmp_path / "backup.db")])
    clock.advance(timedelta(minutes=1))
    assert send_due(runtime) == 2
    runtime.database.dispose()

    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup.db", path)
    clock.advance(timedelta(minutes=1))
    restored = replace(runtime, database=connect(f"sqlite:///{path}"))
    assert states(restored, mailing_id) == {"queued": 2}
    assert send_due(restored) == 0
    greet(restored, mailing, due_at=clock.now() - timedelta(minutes=5))  # a letter of then, planned anew
    assert send_due(restored) == 0
    with restored.reading() as session:
        gap = gap_open(session)
        assert gap is not None
        assert gap.cause == "restored"
    assert settle(restored, is_sent=False) == 3
    assert send_due(restored) == 0
    restored.database.dispose()
    assert len(mailer.outbox) == 2


def test_another_database_on_the_same_folder_is_not_taken_for_a_backup(
    on_file: Runtime, clock: FrozenClock, mailing: Make
) -> None:
    runtime, _ = quiet(on_file)
    send_due(runtime)
    (runtime.config.data.folder / "pulse.json").write_text('{"key": "another", "beats": 999}')
    launch(runtime, mailing)
    assert send_due(runtime) == 2
    (runtime.config.data.folder / "pulse.json").write_text("torn")
    assert send_due(runtime) == 0
    with runtime.reading() as session:
        assert gap_open(session) is None


def test_a_mail_server_that_was_away_for_long_is_a_stop_too(
    on_file: Runtime, clock: FrozenClock, mailing: Make
) -> None:
    with SmtpServer() as once:
        port = once.port
    runtime = to(on_file, once)
    launch(runtime, mailing)
    stop = threading.Event()
    sender = threading.Thread(target=run_sender, args=(runtime, stop))
    sender.start()
    try:
        wait_until(lambda: any(each.trouble for each in shown(runtime)))
        clock.advance(timedelta(hours=7))
        with SmtpServer(port=port) as server:
            wait_until(lambda: is_gap(runtime), 60)
            new = launch(runtime, mailing)
            wait_until(lambda: states(runtime, new) == {"sent": 2})
            assert len(server.accepted) == 2
            stop.set()
            sender.join()
    finally:
        stop.set()
        sender.join()


def shown(runtime: Runtime) -> Sequence[Sender]:
    with runtime.reading() as session:
        return senders(session)


def is_gap(runtime: Runtime) -> bool:
    with runtime.reading() as session:
        return gap_open(session) is not None


def test_a_written_rule_may_end_what_is_unknown(runtime: Runtime, clock: FrozenClock, mailing: Make) -> None:
    sending = runtime.config.sending.model_copy(update={"unknown_is_sent_after_hours": 24})
    config = runtime.config.model_copy(update={"sending": sending})
    with SmtpServer([Fault("dot", "close", times=1)]) as server:
        ruled = to(replace(runtime, config=config), server, connections=1)
        mailing_id = launch(ruled, mailing)
        send_due(ruled)
        assert states(ruled, mailing_id) == {"sent": 1, "unknown": 1}
        clock.advance(timedelta(hours=23))
        recover_claims(ruled)
        assert states(ruled, mailing_id) == {"sent": 1, "unknown": 1}
        clock.advance(timedelta(hours=2))
        recover_claims(runtime)
        assert states(ruled, mailing_id) == {"sent": 1, "unknown": 1}, "without the rule a person is asked"
        recover_claims(ruled)
        assert states(ruled, mailing_id) == {"sent": 2}
        assert len(server.accepted) == 1
    with ruled.reading() as session:
        (message,) = session.scalars(select(Message).where(Message.reply_code.is_(None)))
        assert [each.by for each in attempts(session, message.id)] == ["", "the rule in config.toml"]

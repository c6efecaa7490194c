"""A provider's mailbox by IMAP and POP3 over TLS: Debian's dovecot on loopback, real mails, broken connections."""

import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from campaigns import suppression
from campaigns.clock import FrozenClock
from campaigns.config import Config, Mailbox
from campaigns.db import Database
from campaigns.runtime import Runtime
from campaigns.tracking import fetch_mailbox, silent_inlets, spool_folder
from campaigns.tracking.mailbox import BATCH
from scheduler import jobs
from tests.campaigns.tracking.story import events, letter
from tests.campaigns.tracking.test_returned import dsn
from tests.campaigns.tracking.test_spool import Crashing
from tests.conftest import missing
from tests.dovecot import PASSWORD, USER, Dovecot, dovecot_path


@pytest.fixture
def database(sqlite: Database) -> Database:
    """One engine is enough here: what is kept is proved for both beside the spool."""
    return sqlite


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    program = dovecot_path()
    if program is None:
        missing("Dovecot is not installed (Debian: apt-get install dovecot-imapd dovecot-pop3d).")
    assert program is not None
    made = Dovecot(program)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def dovecot(server: Dovecot) -> Dovecot:
    """With an empty mailbox."""
    for path in server.maildir.glob(".*"):
        shutil.rmtree(path)
    for name in ("new", "cur"):
        for file in (server.maildir / name).iterdir():
            file.unlink()
    return server


def reading(runtime: Runtime, dovecot: Dovecot, kind: str, **settings: object) -> Runtime:
    """The runtime with dovecot's mailbox in its configuration."""
    given = {
        "kind": kind,
        "host": "127.0.0.1",
        "port": dovecot.imap_port if kind == "imap" else dovecot.pop3_port,
        "username": USER,
        "password": SecretStr(PASSWORD),
        "ca_file": str(dovecot.certificate),
        **settings,
    }
    return with_mailbox(runtime, Mailbox(**given))  # type: ignore[arg-type]


def with_mailbox(runtime: Runtime, mailbox: Mailbox) -> Runtime:
    config: Config = runtime.config.model_copy(update={"mailbox": mailbox})
    return replace(runtime, config=config)


def a_bounce(runtime: Runtime, name: str = "alice") -> bytes:
    token = runtime.links.token(*letter(runtime, name), "bounce")
    address = f"{name}@shop.example"
    return dsn(token=token, address=address, final=address)


def troubles(runtime: Runtime) -> list[str]:
    with runtime.reading() as session:
        return [each.sentence for each in silent_inlets(session, now=runtime.clock.now())]


KINDS = pytest.mark.parametrize("kind", ["imap", "pop3"])


@KINDS
def test_a_bounce_in_the_mailbox_ends_in_the_register(runtime: Runtime, dovecot: Dovecot, kind: str) -> None:
    runtime = reading(runtime, dovecot, kind)
    long_line = b"Subject: x\r\nX-Long: " + b"a" * 50_000 + b"\r\n\r\nHello?\r\n.\r\nA line after a dot.\r\n"
    dovecot.put([a_bounce(runtime), long_line])
    assert jobs.fetch_returned_mail(runtime) == 2
    with runtime.reading() as session:
        assert list(session.scalars(suppression.suppressed_keys())) == ["alice@shop.example"]
    (left,) = (spool_folder(runtime.config) / "left").iterdir()
    assert b"A line after a dot." in left.read_bytes(), "what is for a person is thrown away nowhere"
    assert dovecot.left() == 0
    assert troubles(runtime) == []
    assert fetch_mailbox(runtime) == {}


@KINDS
def test_a_crash_before_the_result_is_kept_leaves_the_mail_in_its_box(
    runtime: Runtime, dovecot: Dovecot, kind: str
) -> None:
    runtime = reading(runtime, dovecot, kind)
    dovecot.put([a_bounce(runtime)])
    with pytest.raises(KeyboardInterrupt):
        fetch_mailbox(Crashing(runtime))
    assert dovecot.left() == 1
    assert fetch_mailbox(runtime) == {"bounced": 1}
    assert fetch_mailbox(runtime) == {}


@KINDS
def test_a_mail_that_was_kept_but_not_removed_changes_nothing_the_second_time(
    runtime: Runtime, dovecot: Dovecot, kind: str
) -> None:
    runtime = reading(runtime, dovecot, kind)
    raw = a_bounce(runtime)
    dovecot.put([raw])
    assert fetch_mailbox(runtime) == {"bounced": 1}
    dovecot.put([raw])  # as after a connection that broke before the server let go of it
    assert fetch_mailbox(runtime) == {"known": 1}
    assert len(events(runtime)) == 1


@KINDS
def test_a_large_mailbox_is_read_in_batches(runtime: Runtime, dovecot: Dovecot, kind: str) -> None:
    runtime = reading(runtime, dovecot, kind)
    dovecot.put([f"Subject: {number}\r\n\r\nhello".encode() for number in range(2 * BATCH + 5)])
    assert fetch_mailbox(runtime) == {"not_ours": 2 * BATCH + 5}
    assert dovecot.left() == 0


def test_what_was_read_is_moved_where_a_folder_is_named(runtime: Runtime, dovecot: Dovecot) -> None:
    runtime = reading(runtime, dovecot, "imap", moved_to="Read by Liaison")
    dovecot.put([a_bounce(runtime)])
    assert fetch_mailbox(runtime) == {"bounced": 1}
    assert (dovecot.left(), dovecot.left("Read by Liaison")) == (0, 1)


@KINDS
def test_a_wrong_password_is_told_once_and_tried_again_ever_later(
    runtime: Runtime, dovecot: Dovecot, clock: FrozenClock, kind: str
) -> None:
    wrong = reading(runtime, dovecot, kind, password=SecretStr("wrong"))
    dovecot.put([a_bounce(runtime)])
    assert jobs.fetch_returned_mail(wrong) == 0
    (told,) = troubles(runtime)
    assert "refuses the name returns or its password" in told
    assert "LIAISON_MAILBOX__PASSWORD" in told
    right = reading(runtime, dovecot, kind)
    assert fetch_mailbox(right) == {}, "not tried again at once: servers lock out who hammers"
    clock.advance(timedelta(minutes=11))
    assert fetch_mailbox(right) == {"bounced": 1}
    assert troubles(runtime) == []


@KINDS
def test_a_certificate_that_nobody_vouches_for_is_refused(
    runtime: Runtime, dovecot: Dovecot, kind: str
) -> None:
    fetch_mailbox(reading(runtime, dovecot, kind, ca_file=""))
    assert "mailbox.ca_file" in troubles(runtime)[0]


@KINDS
def test_a_server_that_is_gone_or_breaks_off_is_an_alarm_and_no_crash(
    runtime: Runtime, dovecot: Dovecot, clock: FrozenClock, kind: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
        hangs_up = threading.Thread(target=lambda: closing.accept()[0].close())
        hangs_up.start()
        assert fetch_mailbox(reading(runtime, dovecot, kind, port=port)) == {}
        hangs_up.join(5)
    assert "could not be read" in troubles(runtime)[0]
    clock.advance(timedelta(hours=1))
    assert fetch_mailbox(reading(runtime, dovecot, kind, port=port)) == {}, "nobody listens there any more"
    assert "could not be read" in troubles(runtime)[0]

"""Returned mail by SMTP: taken only for addresses of ours, on the disk before 250, removed after it was kept."""

import smtplib
from collections.abc import Iterator

import pytest

from campaigns import suppression
from campaigns.runtime import Runtime
from campaigns.tracking import ReturnsListener, read_spool, spool_folder
from scheduler import jobs
from tests.campaigns.tracking.story import letter
from tests.campaigns.tracking.test_ingest import Crashing as CrashingRoof
from tests.campaigns.tracking.test_returned import dsn


class Crashing(CrashingRoof):
    """A process that dies before its transaction is kept, and knows our links."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self.links = runtime.links


@pytest.fixture
def listener(runtime: Runtime) -> Iterator[ReturnsListener]:
    made = ReturnsListener(runtime, port=0)
    made.start()
    yield made
    made.stop()


def hand_over(listener: ReturnsListener, to: str, raw: bytes) -> int:
    """The reply code of a server that brings `raw` back with the null sender."""
    with smtplib.SMTP(listener.host, listener.port, timeout=10) as server:
        server.ehlo("mx.example")
        server.mail("")
        code, _ = server.rcpt(to)
        if code != 250:
            return code
        return server.data(raw)[0]


def test_a_bounce_comes_in_by_smtp_and_ends_in_the_register(
    runtime: Runtime, listener: ReturnsListener
) -> None:
    token = runtime.links.token(*letter(runtime), "bounce")
    assert hand_over(listener, f"bounce+{token}@shop.example", dsn(token="x" * 28)) == 250
    assert jobs.read_returned_mail(runtime) == 1
    with runtime.reading() as session:
        assert list(session.scalars(suppression.suppressed_keys())) == ["alice@shop.example"]
    assert list((spool_folder(runtime.config) / "new").iterdir()) == []


def test_only_addresses_of_ours_are_taken(runtime: Runtime, listener: ReturnsListener) -> None:
    web = runtime.links.token(*letter(runtime))
    for to in ("alice@shop.example", f"bounce+{'x' * 28}@shop.example", f"bounce+{web}@shop.example"):
        assert hand_over(listener, to, b"x") == 550
    assert hand_over(listener, f"unsubscribe+{web}@shop.example", b"Subject: unsubscribe\r\n\r\n") == 250
    assert read_spool(runtime) == {"unsubscribed": 1}


def test_what_is_about_no_letter_of_ours_is_put_aside_for_a_person(
    runtime: Runtime, listener: ReturnsListener
) -> None:
    assert hand_over(listener, "postmaster@shop.example", b"Subject: hello\r\n\r\nHello?") == 250
    assert read_spool(runtime) == {"not_ours": 1}
    (left,) = (spool_folder(runtime.config) / "left").iterdir()
    assert b"Hello?" in left.read_bytes()


def test_a_crash_before_the_result_is_kept_loses_no_mail(runtime: Runtime, listener: ReturnsListener) -> None:
    token = runtime.links.token(*letter(runtime), "bounce")
    hand_over(listener, f"bounce+{token}@shop.example", dsn(token=token))
    with pytest.raises(KeyboardInterrupt):
        read_spool(Crashing(runtime))
    assert read_spool(runtime) == {"bounced": 1}
    assert read_spool(runtime) == {}


def test_a_full_disk_is_told_to_the_sender(runtime: Runtime, listener: ReturnsListener) -> None:
    folder = spool_folder(runtime.config)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("a file where the folder should be")
    assert hand_over(listener, "postmaster@shop.example", b"Subject: x\r\n\r\nx") == 452

"""The sender against a real mail server: what leaves, what is held back, what each fault leads to."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dkim
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from campaigns.clock import FrozenClock
from campaigns.config import Config, Data, DatabaseSettings, Dkim, Sender, Smtp
from campaigns.customers import Customer
from campaigns.db import Database
from campaigns.errors import MailerError
from campaigns.mail import MemoryMailer, SmtpMailer
from campaigns.mail.dkim import new_key
from campaigns.messages import (
    Mailing,
    attempts,
    counts,
    enqueue,
    halt,
    held_by_reason,
    ledger,
    lift_halt,
    pause_mailing,
    send_due,
    send_test,
)
from campaigns.runtime import Runtime, assemble
from campaigns.suppression import suppress, suppressed_keys
from tests.campaigns.messages.conftest import add_customer
from tests.conftest import NOW
from tests.smtp_server import Fault, SmtpServer

Make = Callable[..., Mailing]
PATIENT = Smtp(connect_seconds=60, command_seconds=60, dot_seconds=60)
"""No busy machine is taken for a silent server."""
HASTY = Smtp(connect_seconds=1, command_seconds=1, dot_seconds=1)
"""For servers that hang: the fewer wait, the fewer could be taken wrongly."""


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


def to(runtime: Runtime, server: SmtpServer, smtp: Smtp = PATIENT, **sending: object) -> Runtime:
    """The runtime with its mail going to `server`."""
    smtp = smtp.model_copy(update={"port": server.port})
    settings = runtime.config.sending.model_copy(update=sending)
    config = runtime.config.model_copy(update={"smtp": smtp, "sending": settings})
    mailer = SmtpMailer(smtp, smtp.password.get_secret_value(), "shop.example")
    return replace(runtime, config=config, mailer=mailer)


def launch(runtime: Runtime, make: Make, people: int = 3, **values: object) -> int:
    with runtime.transaction() as session:
        for number in range(people):
            add_customer(session, f"person{number}@shop{number % 3}.example", first_name=f"Person {number}")
        mailing = make(session, **values)
        enqueue(session, mailing.id, select(Customer.id), now=runtime.clock.now())
        return mailing.id


def states(runtime: Runtime, mailing_id: int) -> dict[str, int]:
    with runtime.reading() as session:
        return {state: n for state, n in counts(session, mailing_id).items() if n}


def test_everybody_gets_the_mail_once(runtime: Runtime, mailing: Make, server: SmtpServer) -> None:
    runtime = to(runtime, server)
    mailing_id = launch(runtime, mailing, 30)
    assert send_due(runtime) == 30
    assert send_due(runtime) == 0
    assert states(runtime, mailing_id) == {"sent": 30}
    assert len(server.recipients()) == 30
    assert not server.twice()
    with runtime.reading() as session:
        first = session.scalars(ledger(mailing_id)).first()
        assert first is not None
        assert (first.reply_code, first.reply, first.sent_at) == (250, "2.0.0 kept", NOW)
    mail = server.accepted[0].content.decode()
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in mail
    assert server.accepted[0].sender.startswith("bounce+")
    assert not list((runtime.config.data.folder / "journal").iterdir())


def test_a_refused_recipient_stops_no_other(runtime: Runtime, mailing: Make) -> None:
    with SmtpServer([Fault("rcpt", "550 5.1.1 no such user", only="person1@")]) as server:
        runtime = to(runtime, server, connections=1)
        mailing_id = launch(runtime, mailing, 5)
        assert send_due(runtime) == 4
        assert states(runtime, mailing_id) == {"sent": 4, "failed": 1}
        assert len(server.recipients()) == 4
        with runtime.reading() as session:
            (message,) = session.scalars(ledger(mailing_id, "failed"))
            (attempt,) = attempts(session, message.id)
            assert (attempt.step, attempt.code, attempt.reply) == ("rcpt", 550, "5.1.1 no such user")
            assert list(session.scalars(suppressed_keys())) == ["person1@shop1.example"]


QUICK = {421, 450, 554}
REPLIES = [
    pytest.param(
        extensions,
        step,
        code,
        id=f"{extensions[0]}-{step}-{code}",
        marks=() if code in QUICK and (extensions[0] == "PIPELINING" or step != "dot") else pytest.mark.soak,
    )
    for extensions in (("PIPELINING",), ("8BITMIME",))
    for step in ("mail", "rcpt", "data", "dot")
    for code in (421, 450, 451, 452, 550, 552, 554)
]


@pytest.mark.parametrize(("extensions", "step", "code"), REPLIES)
def test_each_reply_is_taken_by_its_meaning(
    sqlite_runtime: Runtime, mailing: Make, step: str, code: int, extensions: tuple[str, ...]
) -> None:
    fault = Fault(step, f"{code} {code // 100}.9.9 as you asked", times=3)
    with SmtpServer([fault], extensions=extensions) as server:
        runtime = to(sqlite_runtime, server, connections=2, retry_first_seconds=60)
        mailing_id = launch(runtime, mailing, 8)
        send_due(runtime)
        assert not server.twice()
        if code < 500:
            assert states(runtime, mailing_id).keys() <= {"sent", "queued"}
            clock_of(runtime).advance(timedelta(hours=1))
            send_due(runtime)
            assert states(runtime, mailing_id) == {"sent": 8}
        else:
            assert states(runtime, mailing_id) == {"sent": 5, "failed": 3}
        assert len(server.recipients()) == states(runtime, mailing_id)["sent"]
        assert not server.twice()


@pytest.mark.parametrize("act", ["close", "reset", "hang", "garbage", "endless", "slow"])
@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "dot"])
def test_a_broken_dialogue_loses_nobody(sqlite_runtime: Runtime, mailing: Make, step: str, act: str) -> None:
    with SmtpServer([Fault(step, act, times=2)]) as server:
        smtp = HASTY if act == "hang" else PATIENT
        runtime = to(sqlite_runtime, server, smtp, connections=2, retry_first_seconds=60)
        mailing_id = launch(runtime, mailing, 6)
        send_due(runtime)
        clock_of(runtime).advance(timedelta(hours=1))
        send_due(runtime)
        found = states(runtime, mailing_id)
        if step == "dot" and act != "slow":
            assert found == {"sent": 4, "unknown": 2}
        else:
            assert found == {"sent": 6}
        assert len(server.recipients()) == found["sent"]
        assert not server.twice()


@pytest.mark.parametrize("act", ["close", "reset", "garbage", "endless", "421 4.7.0 later", "554 5.7.1 no"])
@pytest.mark.parametrize("step", ["connect", "ehlo", "auth"])
def test_a_server_that_lets_nobody_in_fails_nobody(
    sqlite_runtime: Runtime, mailing: Make, step: str, act: str
) -> None:
    smtp = PATIENT.model_copy(update={"username": "shop", "password": SecretStr("secret")})
    with SmtpServer([Fault(step, act, times=1)], login=("shop", "secret")) as server:
        runtime = to(sqlite_runtime, server, smtp, connections=1)
        mailing_id = launch(runtime, mailing, 3)
        send_due(runtime)
        assert states(runtime, mailing_id).keys() <= {"queued", "sent"}
        send_due(runtime)
        assert states(runtime, mailing_id) == {"sent": 3}
        assert len(server.recipients()) == 3


@pytest.mark.parametrize("step", ["connect", "ehlo"])
def test_a_server_that_hangs_holds_up_one_line_and_no_other(
    sqlite_runtime: Runtime, mailing: Make, step: str
) -> None:
    with SmtpServer([Fault(step, "hang", times=1)]) as server:
        runtime = to(sqlite_runtime, server, connections=2)
        mailing_id = launch(runtime, mailing, 6)
        assert send_due(runtime) == 6  # long before the line that hangs gives up
        assert states(runtime, mailing_id) == {"sent": 6}
        assert not server.twice()


def test_a_lost_answer_is_unknown_and_not_sent_again(runtime: Runtime, mailing: Make) -> None:
    with SmtpServer([Fault("dot", "close", times=None, every=3, store=True)]) as server:
        runtime = to(runtime, server, connections=2)
        mailing_id = launch(runtime, mailing, 30)
        send_due(runtime)
        for _ in range(3):  # who found the line lost before its turn; a whole day would be a gap (test_gaps)
            clock_of(runtime).advance(timedelta(hours=1))
            send_due(runtime)
        found = states(runtime, mailing_id)
        assert found == {"sent": 20, "unknown": 10}
        assert len(server.recipients()) == 30
        assert not server.twice()


def test_retries_grow_and_end_after_days(sqlite_runtime: Runtime, mailing: Make) -> None:
    with SmtpServer([Fault("rcpt", "450 4.2.0 later", times=None)]) as server:
        runtime = to(sqlite_runtime, server, connections=1)
        mailing_id = launch(runtime, mailing, 1)
        gaps = []
        while states(runtime, mailing_id) == {"queued": 1}:
            send_due(runtime)
            with runtime.reading() as session:
                (message,) = session.scalars(ledger(mailing_id))
                next_at = message.next_attempt_at
            if next_at is not None:
                gaps.append((next_at - runtime.clock.now()).total_seconds())
                clock_of(runtime).move_to(next_at)
        assert states(runtime, mailing_id) == {"failed": 1}
        assert gaps[0] >= 300
        assert gaps[1] > gaps[0]
        assert max(gaps) <= 14400 * 4 / 3
        assert 20 < len(gaps) < 40
        assert timedelta(days=3) < runtime.clock.now() - NOW <= timedelta(days=4)


def test_a_connection_used_up_is_followed_by_another(sqlite_runtime: Runtime, mailing: Make) -> None:
    with SmtpServer(most_per_connection=5) as server:
        runtime = to(sqlite_runtime, server, connections=2)
        mailing_id = launch(runtime, mailing, 40)
        assert send_due(runtime) == 40
        assert states(runtime, mailing_id) == {"sent": 40}
        assert not server.twice()


def test_who_left_meanwhile_is_not_written_to(runtime: Runtime, mailing: Make, server: SmtpServer) -> None:
    runtime = to(runtime, server)
    mailing_id = launch(runtime, mailing, 4)
    with runtime.transaction() as session:
        first, second, third, _ = session.scalars(select(Customer).order_by(Customer.id))
        first.may_mail = False
        suppress(session, second.address_key, "hard_bounce", evidence="", now=NOW, by="test")
        third.email, third.address_key, third.domain = "new@home.example", "new@home.example", "home.example"
    assert send_due(runtime) == 2
    with runtime.reading() as session:
        assert held_by_reason(session, mailing_id) == {"no_consent": 1, "suppressed:hard_bounce": 1}
    assert server.recipients() == ["new@home.example", "person3@shop0.example"]


def test_a_paused_mailing_and_an_emergency_stop_send_nothing(
    runtime: Runtime, mailing: Make, server: SmtpServer
) -> None:
    runtime = to(runtime, server)
    mailing_id = launch(runtime, mailing, 2)
    with runtime.transaction() as session:
        halt(session, because="wrong price", by="ann@shop.example", now=NOW)
    assert send_due(runtime) == 0
    with runtime.transaction() as session:
        lift_halt(session, by="ann@shop.example", now=NOW)
        pause_mailing(session, mailing_id)
    assert send_due(runtime) == 0
    assert states(runtime, mailing_id) == {"queued": 2}
    assert server.connections == 0


def test_memory_takes_what_a_server_would(runtime: Runtime, mailing: Make) -> None:
    mailer = MemoryMailer()
    runtime = replace(runtime, mailer=mailer)
    launch(runtime, mailing, 3)
    assert send_due(runtime) == 3
    assert [letter.recipient for letter in mailer.outbox] == [f"person{n}@shop{n}.example" for n in range(3)]


def test_an_address_beyond_ascii_waits_for_a_server_that_can(sqlite_runtime: Runtime, mailing: Make) -> None:
    for extensions, expected in ((("PIPELINING",), {"held": 1, "sent": 1}), (("SMTPUTF8",), {"sent": 2})):
        with SmtpServer(extensions=extensions) as server:
            runtime = to(sqlite_runtime, server)
            with runtime.transaction() as session:
                made = mailing(session)
                if not session.scalar(select(Customer.id).limit(1)):
                    add_customer(session, "jürgen@bücher.example")
                    add_customer(session, "anna@bücher.example")
                enqueue(session, made.id, select(Customer.id), now=NOW)
            send_due(runtime)
            assert states(runtime, made.id) == expected
            assert "anna@xn--bcher-kva.example" in server.recipients()


def clock_of(runtime: Runtime) -> FrozenClock:
    assert isinstance(runtime.clock, FrozenClock)
    return runtime.clock


@pytest.fixture
def sqlite_runtime(sqlite: Database, tmp_path: Path, clock: FrozenClock) -> Runtime:
    """For what has nothing to do with the database."""
    url = sqlite.engine.url.render_as_string(hide_password=False)
    config = Config(database=DatabaseSettings(url=url), data=Data(folder=tmp_path / "data"))
    return assemble(config, clock=clock, database=sqlite)


def test_a_signed_mail_verifies_by_another_program(sqlite_runtime: Runtime, mailing: Make) -> None:
    folder = sqlite_runtime.config.data.folder / "dkim"
    key = new_key(folder, domain="shop.example", selector="one")
    settings = {"dkim": Dkim(selector="one"), "sender": Sender(email="hello@shop.example")}
    mailer = MemoryMailer()
    config = sqlite_runtime.config.model_copy(update=settings)
    runtime = replace(sqlite_runtime, config=config, mailer=mailer)
    clock_of(runtime).move_to(NOW - timedelta(days=200))  # a verifier refuses a signature of tomorrow
    launch(runtime, mailing, 2)
    assert send_due(runtime) == 2
    name, text = key.record()
    published = {f"{name}.".encode(): text.encode()}
    for letter in mailer.outbox:
        assert letter.content.startswith(b"DKIM-Signature: ")
        assert dkim.verify(letter.content, dnsfunc=lambda asked, timeout=5: published.get(asked))


def test_a_value_that_is_missing_fails_one_message_and_says_why(
    sqlite_runtime: Runtime, mailing: Make
) -> None:
    mailer = MemoryMailer()
    runtime = replace(sqlite_runtime, mailer=mailer)
    mailing_id = launch(runtime, mailing, 3, subject="For {{ customer.first_name }}")
    with runtime.transaction() as session:
        session.scalars(select(Customer).order_by(Customer.id)).first().first_name = ""  # type: ignore[union-attr]
    assert send_due(runtime) == 2
    assert states(runtime, mailing_id) == {"sent": 2, "failed": 1}
    with runtime.reading() as session:
        (message,) = session.scalars(ledger(mailing_id, "failed"))
        (attempt,) = attempts(session, message.id)
        assert attempt.step == "fill"
        assert "customer.first_name" in attempt.reply


def test_a_test_goes_to_ones_own_address_with_a_customers_values(runtime: Runtime, mailing: Make) -> None:
    mailer = MemoryMailer()
    runtime = replace(runtime, mailer=mailer)
    with runtime.transaction() as session:
        alice = add_customer(session, "alice@home.example", first_name="Alice")
        version_id = mailing(session).version_id
    send_test(runtime, version_id=version_id, to="ann@shop.example", customer_id=alice)
    (letter,) = mailer.outbox
    assert letter.recipient == "ann@shop.example"
    assert b"Hello Alice" in letter.content


def test_a_test_that_is_refused_says_it_in_the_servers_words(runtime: Runtime, mailing: Make) -> None:
    with SmtpServer([Fault("rcpt", "550 5.1.1 who is that")]) as server:
        runtime = to(runtime, server)
        with runtime.transaction() as session:
            version_id = mailing(session).version_id
        with pytest.raises(MailerError, match="who is that"):
            send_test(runtime, version_id=version_id, to="ann@shop.example")

"""Ten thousand mails with hostile names, subjects and words, as a real server got them, checked by strict parsers."""

import random
import re
import smtplib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, message_from_string, policy
from email.errors import NonASCIILocalPartDefect
from email.headerregistry import DateHeader
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
from sqlalchemy import insert, select

from campaigns.customers import Customer
from campaigns.mail import MemoryMailer
from campaigns.messages import Mailing, enqueue, send_due
from campaigns.runtime import Runtime
from campaigns.tracking import ReturnsListener, read_spool
from tests.campaigns.mail.test_compose import HOSTILE, check_bytes
from tests.campaigns.messages.conftest import add_customer, add_version
from tests.campaigns.messages.test_sending import launch, sqlite_runtime, states, to
from tests.conftest import NOW
from tests.smtp_server import SmtpServer

__all__ = ["sqlite_runtime"]

Make = Callable[..., Mailing]
LOCALS = ("alice{0}", "o'brien{0}", "-dash{0}", "a.b+c{0}", "UPPER{0}", "x{0}=y", "jürgen{0}", "用户{0}")
DOMAINS = ("home.example", "bücher.example", "例え.example", "a-b.c.example")
SOURCE = """<html lang="en"><body><h1>{{ customer.first_name or "you" }}</h1><p>.</p>
<p>{{ customer.last_name or "." }}</p><p><a href="https://shop.example/news?a=1&amp;b=.">Read on</a></p>
<p>{{ shop.name }} <a href="{{ links.unsubscribe }}">Unsubscribe</a></p></body></html>
"""
ONCE = (
    "Message-ID",
    "Date",
    "From",
    "To",
    "Subject",
    "MIME-Version",
    "Content-Type",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Feedback-ID",
    "Precedence",
)


def hostile_people(session: object, count: int) -> None:
    chance = random.Random(20261123)
    words = [word.encode("utf-8", "replace").decode().replace("\0", "")[:200] for word in HOSTILE]
    people = []
    for number in range(count):
        address = f"{chance.choice(LOCALS).format(number)}@{chance.choice(DOMAINS)}"
        people.append(
            {
                "email": address,
                "address_key": f"{number}@x.example",
                "domain": address.rpartition("@")[2],
                "first_name": chance.choice(words)[:100] + chance.choice(words)[:90],
                "last_name": chance.choice(words),
                "may_mail": True,
                "may_track": True,
                "attributes": {},
                "created_at": NOW,
                "updated_at": NOW,
            }
        )
    session.execute(insert(Customer), people)  # type: ignore[attr-defined]


def check(raw: bytes, *, is_automatic: bool) -> EmailMessage:
    """What RFC 5322, 2045–2047, 2369, 2919, 3834 and 8058 ask of it."""
    ascii_ = re.sub(
        rb"[\x80-\xff]+", b"u", raw.partition(b"\r\n\r\n")[0]
    )  # RFC 6532: addresses may stand as they are
    check_bytes(ascii_ + b"\r\n\r\n" + raw.partition(b"\r\n\r\n")[2])
    message = message_from_string(raw.decode("utf-8"), policy=policy.SMTPUTF8)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    assert sorted(message.keys()) == sorted((*ONCE, "Auto-Submitted") if is_automatic else ONCE)
    for name, value in message.items():
        # RFC 6532 allows them beside SMTPUTF8; the parser knows RFC 5322 only.
        assert not [d for d in value.defects if not isinstance(d, NonASCIILocalPartDefect)], name
        assert not re.search(r"[\r\n]", str(value)), name
    assert isinstance(message["Date"], DateHeader)
    assert abs(parsedate_to_datetime(str(message["Date"])) - NOW) < timedelta(days=400)
    assert re.fullmatch(r"<m\.[A-Za-z0-9_-]{28}@shop\.example>", str(message["Message-ID"]))
    assert len(message["To"].addresses) == len(message["From"].addresses) == 1
    uris = re.findall(r"<([^<>]+)>", str(message["List-Unsubscribe"]))
    assert [urlsplit(uri).scheme for uri in uris] in (["https", "mailto"], ["http", "mailto"])
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.search(r"<[a-z]+\.shop\.example>$", str(message["List-Id"]))
    assert len(str(message["Feedback-ID"]).split(":")) == 4
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    for part in message.iter_parts():
        assert not part.defects
        part.get_content()
    return message


@pytest.mark.parametrize(
    ("people", "kind"),
    [(120, "letter"), pytest.param(10_000, "newsletter", marks=pytest.mark.soak)],
)
def test_every_mail_a_server_got_is_correct(
    sqlite_runtime: Runtime, mailing: Make, people: int, kind: str
) -> None:
    with SmtpServer(extensions=("PIPELINING", "8BITMIME", "SMTPUTF8")) as server:
        runtime = to(sqlite_runtime, server)
        with runtime.transaction() as session:
            hostile_people(session, people)
            subject = "{{ customer.first_name or 'you' }} and {{ customer.last_name or '.' }}"
            version = add_version(session, SOURCE)
            made = mailing(
                session,
                kind=kind,
                version_id=version,
                subject=subject,
                sender_name='The "shop"\r\nBcc: x@y.example',
            )
            enqueue(session, made.id, select(Customer.id), now=NOW)
        send_due(runtime)
        assert states(runtime, made.id) == {"sent": people}
        assert not server.twice()
        mails = list(server.accepted)
    ids = set()
    for mail in mails:
        message = check(mail.content, is_automatic=kind == "letter")
        assert message["To"].addresses[0].addr_spec == mail.recipient
        ids.add(str(message["Message-ID"]))
    assert len(ids) == people


def test_without_smtputf8_those_who_need_it_are_marked_with_the_reason(
    sqlite_runtime: Runtime, mailing: Make
) -> None:
    with SmtpServer(extensions=("PIPELINING",)) as server:
        runtime = to(sqlite_runtime, server)
        with runtime.transaction() as session:
            hostile_people(session, 200)
            made = mailing(session)
            enqueue(session, made.id, select(Customer.id), now=NOW)
        send_due(runtime)
        found = states(runtime, made.id)
        assert found.keys() == {"sent", "held"}
        assert sum(found.values()) == 200
        assert all(mail.recipient.isascii() for mail in server.accepted)
        assert len(server.accepted) == found["sent"]


def test_only_what_a_rule_sends_is_marked_as_automatic(sqlite_runtime: Runtime, mailing: Make) -> None:
    for kind, expected in (("newsletter", None), ("letter", "auto-generated")):
        mailer = MemoryMailer()
        runtime = replace(sqlite_runtime, mailer=mailer)
        with runtime.transaction() as session:
            person = add_customer(session, f"{kind}@home.example")
            made = mailing(session, kind=kind)
            enqueue(session, made.id, select(Customer.id).where(Customer.id == person), now=NOW)
        send_due(runtime)
        message = message_from_bytes(mailer.outbox[0].content, policy=policy.SMTP)
        assert message["Auto-Submitted"] == expected


def test_the_mail_that_asks_to_leave_is_read_by_our_own_listener(
    sqlite_runtime: Runtime, mailing: Make
) -> None:
    sender = sqlite_runtime.config.sender.model_copy(update={"bounce_domain": "returns.shop.example"})
    config = sqlite_runtime.config.model_copy(update={"sender": sender})
    mailer = MemoryMailer()
    runtime = replace(sqlite_runtime, config=config, mailer=mailer)
    launch(runtime, mailing, 1)
    send_due(runtime)
    message = message_from_bytes(mailer.outbox[0].content, policy=policy.SMTP)
    uri = urlsplit(re.findall(r"<(mailto:[^<>]+)>", str(message["List-Unsubscribe"]))[0])
    assert uri.path.endswith("@returns.shop.example"), "where returned mail is listened for"
    asking = EmailMessage()
    asking["From"], asking["To"], asking["Subject"] = "person0@shop0.example", uri.path, "unsubscribe"
    asking["Date"] = datetime.now(UTC)
    asking.set_content("")
    listener = ReturnsListener(runtime, port=0)
    listener.start()
    try:
        with smtplib.SMTP("127.0.0.1", listener.port) as client:
            client.send_message(asking)
    finally:
        listener.stop()
    assert read_spool(runtime)["unsubscribed"] == 1
    with runtime.reading() as session:
        assert session.scalar(select(Customer.may_mail)) is False

"""The page of sending: the queue, what must be decided, one message's story in the server's words."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from campaigns.customers import Customer
from campaigns.messages import Attempt, Halt, Message, Sender, enqueue, halt, open_mailing
from campaigns.tracking import record_bounce
from tests.campaigns.messages.conftest import add_customer, add_version
from tests.conftest import NOW


@pytest.fixture
def mailing_id(runtime):
    """A mailing to two people, still queued."""
    with runtime.transaction() as session:
        add_customer(session, "alice@home.example")
        add_customer(session, "bob@home.example", may_mail=False)
        mailing = open_mailing(
            session,
            kind="newsletter",
            source_id=1,
            name="November <news>",
            version_id=add_version(session),
            subject="",
            sender_name="The shop",
            sender_email="hello@shop.example",
            now=NOW,
        )
        enqueue(session, mailing.id, select(Customer.id), now=NOW)
        return mailing.id


def unknown(runtime, words="closed <by> peer"):
    with runtime.transaction() as session:
        session.execute(update(Message).where(Message.id == 1).values(status="unknown", reply=words))
        session.add(
            Attempt(message_id=1, at=NOW, step="dot", code=None, reply=words, outcome="unknown", by="")
        )


def status(runtime):
    with runtime.reading() as session:
        return session.get(Message, 1).status


def test_it_says_what_waits_and_that_no_sender_runs(client, runtime, mailing_id):
    text = client.get("/messages").text
    assert "Due now" in text
    assert "No sender is running" in text
    assert "Nothing to decide" in text
    with runtime.transaction() as session:
        session.add(
            Sender(
                name="sender-1",
                host="here",
                started_at=NOW,
                seen_at=NOW - timedelta(minutes=5),
                sent=1234,
                waiting=0,
                per_second=12.5,
                trouble="relay at auth: <535> wrong",
                trouble_since=NOW,
            )
        )
        halt(session, because="wrong price", by="ann@shop.example", now=NOW)
    text = client.get("/messages").text
    assert "silent" in text
    assert "1,234" in text
    assert "All sending is stopped" in text
    assert runtime.database is not None
    with runtime.reading() as session:
        assert session.scalar(select(Halt.because)) == "wrong price"


@pytest.mark.parametrize(("verdict", "then"), [("sent", "sent"), ("again", "queued")])
def test_an_unknown_is_decided_by_a_person(client, runtime, mailing_id, verdict, then):
    unknown(runtime)
    text = client.get("/messages").text
    assert "alice@home.example" in text
    assert "closed &lt;by&gt; peer" in text
    response = client.post("/messages/1/decide", data={"verdict": verdict, "from": "list"})
    assert response.status_code == 303
    assert status(runtime) == then
    again = client.post("/messages/1/decide", data={"verdict": verdict}, follow_redirects=True)
    assert "decided meanwhile" in again.text
    assert "administrator@shop.example" in client.get("/messages/1").text


def test_one_message_tells_its_story(client, runtime, mailing_id):
    text = client.get("/messages/1").text
    assert "alice@home.example" in text
    assert "November &lt;news&gt;" in text
    assert "@shop.example&gt;" in text
    assert "Next try" in text
    assert "No consent to mail is on record." in client.get("/messages/2").text
    with runtime.transaction() as session:
        session.add(
            Attempt(
                message_id=1,
                at=NOW,
                step="rcpt",
                code=450,
                reply="4.2.0 <b>later</b>",
                outcome="retry",
                by="",
            )
        )
    text = client.get("/messages/1").text
    assert "450 4.2.0 &lt;b&gt;later&lt;/b&gt;" in text
    assert client.get("/messages/99").status_code == 404


def test_a_reader_decides_nothing(log_in, runtime, mailing_id):
    unknown(runtime)
    auditor = log_in("auditor")
    assert auditor.get("/messages/1").status_code in (200, 403)
    assert auditor.post("/messages/1/decide", data={"verdict": "sent"}).status_code == 403
    assert status(runtime) == "unknown"


def test_why_a_letter_came_back_stands_there_with_the_lines_and_the_rule(client, log_in, runtime, mailing_id):
    with runtime.transaction() as session:
        record_bounce(
            session,
            1,
            code="5.0.0",
            text="host mx.home.example said: 550 unknown <b>user</b> (in reply to end of DATA)",
            is_hard=False,
            now=NOW,
            cause="address_unknown",
            rule="says_address_unknown_after_data",
            source="returned mail",
        )
        record_bounce(
            session, 1, code="5.1.1", text="550 5.1.1 gone", is_hard=True, now=NOW,
            cause="address_unknown", rule="status_code", source="dialogue",
        )  # fmt: skip
    for browser in (client, log_in("auditor")):
        text = browser.get("/messages/1").text
        assert "550 unknown &lt;b&gt;user&lt;/b&gt;" in text
        assert "only after the letter&#39;s content was seen" in text
        assert "<code>says_address_unknown_after_data</code>" in text
        assert "kept: the address itself is not proven dead" in text
        assert "dead: never written to again" in text
        assert '">\n' not in re.sub(r"<[^<>]*>", "", text), "no markup in an attribute"
        page = browser.get("/suppressions/1").text
        assert 'href="/messages/1"' in page
        assert "550 5.1.1 gone" in page

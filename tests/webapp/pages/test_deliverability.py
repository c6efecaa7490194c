"""Deliverability: every figure by receiver leads to its mails; paces and the sender's DNS are told in words."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import insert, update

from campaigns.config import Pacing, Sender
from campaigns.messages import Attempt, Message, open_mailing
from campaigns.messages.model import DayCount, Pace
from campaigns.reports import DELIVERY, Span, behind_delivery, by_receiver, fill_medians, last_answers
from campaigns.reports.deliverability import median
from campaigns.tracking import Event
from tests.campaigns.messages.conftest import add_customer, add_version
from tests.conftest import NOW
from tests.dns_server import NameServer
from webapp.context import KEY

DAY = timedelta(days=1)


@pytest.fixture
def mails(runtime):
    """Six mails to Google and two elsewhere, with everything that may become of one."""
    with runtime.transaction() as session:
        mailing = open_mailing(
            session,
            kind="newsletter",
            source_id=1,
            name="November",
            version_id=add_version(session),
            subject="",
            sender_name="The shop",
            sender_email="hello@shop.example",
            now=NOW - DAY,
        )
        who = {}
        for n, (domain, status, age) in enumerate(
            (
                ("gmail.com", "sent", 0),
                ("googlemail.com", "sent", 0),
                ("gmail.com", "sent", 2),
                ("gmail.com", "failed", 1),
                ("gmail.com", "queued", 0),
                ("gmail.com", "sent", 40),
                ("else.example", "sent", 1),
                ("else.example", "sent", 1),
            ),
            1,
        ):
            at = NOW - age * DAY
            customer_id = add_customer(session, f"person{n}@{domain}")
            message = Message(
                mailing_id=mailing.id,
                customer_id=customer_id,
                address=f"person{n}@{domain}",
                domain=domain,
                status=status,
                queued_at=at - timedelta(seconds=30 * n),
                sent_at=at if status == "sent" else None,
                next_attempt_at=NOW + timedelta(minutes=5) if status == "queued" else None,
                waits_for="pace:google" if status == "queued" else "",
                reply="",
            )
            session.add(message)
            session.flush()
            who[n] = message.id
        session.execute(
            insert(Attempt),
            [
                {
                    "message_id": who[1],
                    "at": NOW,
                    "step": "rcpt",
                    "code": 450,
                    "outcome": "retry",
                    "by": "",
                    "reply": "4.2.0 <person1@gmail.com> later",
                },
                {
                    "message_id": who[4],
                    "at": NOW - DAY,
                    "step": "rcpt",
                    "code": 550,
                    "outcome": "failed",
                    "by": "",
                    "reply": "5.1.1 person4 is unknown",
                },
            ],
        )
        for kind, message, judgement, details in (
            ("bounced", who[4], "", {"cause": "address_unknown"}),
            ("bounced", who[2], "", {"cause": "mailbox_full"}),
            ("opened", who[1], "human", None),
            ("opened", who[2], "machine", None),
            ("clicked", who[1], "human", None),
            ("clicked", who[1], "human", None),
            ("spam_reported", who[3], "", None),
        ):
            session.add(
                Event(
                    kind=kind,
                    at=NOW,
                    message_id=message,
                    mailing_id=mailing.id,
                    judgement=judgement,
                    details=details,
                )
            )
        return who


def lines(runtime, days=7):
    span = Span.last(days, now=NOW, zone=runtime.config.zone)
    with runtime.reading() as session:
        found = by_receiver(session, runtime.config.pacing, span)
        fill_medians(session, runtime.config.pacing, found, span)
    return {line.key: line for line in found}, span


def test_the_figures_of_a_receiver_are_what_they_are_called(runtime, mails):
    found, _span = lines(runtime)
    google = found["google"]
    assert {name: google.numbers[name] for name in DELIVERY} == {
        "sent": 3,
        "delivered": 2,
        "deferred": 1,
        "refused": 1,
        "bounced": 2,
        "spam_reported": 1,
        "opened": 1,
        "clicked": 1,
        "waiting": 1,
    }
    assert dict(google.causes) == {"address_unknown": 1, "mailbox_full": 1}
    assert list(google.by_day.values()) == [0, 0, 0, 0, 1, 0, 2]
    assert google.paced == 1
    assert google.median_seconds == 60
    assert found["else.example"].numbers["sent"] == 2
    assert lines(runtime, 90)[0]["google"].numbers["sent"] == 4


def test_behind_each_figure_stand_as_many_mails(runtime, mails):
    for days in (1, 7, 90):
        found, span = lines(runtime, days)
        for name in DELIVERY:
            chosen = behind_delivery(("gmail.com", "googlemail.com"), name, span)
            with runtime.reading() as session:
                assert len(session.execute(chosen).all()) == found["google"].numbers[name], (days, name)
        for cause, number in found["google"].causes.items():
            chosen = behind_delivery(("gmail.com", "googlemail.com"), "bounced", span, cause=cause)
            with runtime.reading() as session:
                assert len(session.execute(chosen).all()) == number


def test_last_answers_hold_no_address_and_no_name(runtime, mails):
    _found, span = lines(runtime)
    with runtime.reading() as session:
        told = [each.words for each in last_answers(session, ("gmail.com",), span)]
    assert told == ["5.1.1 <address> is unknown", "4.2.0 <address> later"]


@pytest.mark.parametrize(
    ("counted", "middle"), [({5: 1}, 5), ({1: 2, 9: 1}, 1), ({1: 1, 9: 1}, 1), ({1: 1, 60: 8}, 60)]
)
def test_the_middle_of_a_heap(counted, middle):
    assert median(counted) == middle


def test_the_page_tells_each_figure_and_links_it(client, runtime, mails):
    text = client.get("/deliverability").text
    assert "google" in text
    assert "else.example" in text
    assert "takes its turn" in text
    assert "/deliverability/google/bounced?days=7" in text
    for link in set(re.findall(r'href="(/deliverability/[^"]+)"', text)):
        assert client.get(link.replace("&amp;", "&")).status_code == 200, link
    assert "So many a minute, by the settings." in text
    assert "Not looked up yet." in text


def test_one_receiver_day_by_day(client, runtime, mails):
    text = client.get("/deliverability/google?days=30").text
    assert "gmail.com, googlemail.com" in text
    assert "the mailbox is full" in text
    assert "5.1.1 &lt;address&gt; is unknown" in text
    assert "person4" not in text
    assert client.get("/deliverability/nobody.example").status_code == 404
    assert client.get("/deliverability/google/nonsense").status_code == 404
    people = client.get("/deliverability/google/bounced?cause=mailbox_full").text
    assert "person2@googlemail.com" in people
    assert "person4@gmail.com" not in people
    waiting = client.get("/deliverability/google/waiting").text
    assert "It waits for its turn: google gets so many mails a minute." in waiting


def test_a_receiver_that_was_slowed_down_is_shown_with_its_words(client, runtime, mails):
    with runtime.transaction() as session:
        for sender, rate in (("one", 3.0), ("two", 4.0)):
            session.add(
                Pace(
                    sender=sender,
                    key="google",
                    per_minute=rate,
                    ceiling=3000,
                    since=NOW - timedelta(minutes=3),
                    seen_at=NOW,
                    because="421 4.7.28 unusual rate",
                )
            )
    page = client.get("/deliverability").text
    assert "slowed down" in page
    assert "It asked us to slow down, 3 minutes ago" in re.sub(r"<[^>]+>", "", page)
    assert "421 4.7.28 unusual rate" in client.get("/deliverability/google").text
    assert "7.0 mails a minute" in client.get("/deliverability/google").text


def configured(app, runtime, **sections):
    """The application goes on with other settings."""
    config = runtime.config.model_copy(update=sections)
    app.extensions[KEY] = replace(runtime, config=config)


def test_the_sender_is_looked_up_on_demand_and_explained(app, client, runtime, mails):
    zone = {
        ("shop.example", "TXT"): ['"v=spf1 ip4:192.0.2.0/24 ~all"'],
        ("shop.example", "MX"): ["10 mx.shop.example."],
        ("25.2.0.192.in-addr.arpa", "PTR"): ["mx.shop.example."],
        ("mx.shop.example", "A"): ["192.0.2.99"],
    }
    with NameServer(zone) as server:
        sender = Sender(email="hello@shop.example", addresses=["192.0.2.25"], name_server=server.where)
        configured(app, runtime, sender=sender)
        assert client.post("/deliverability/check", data={"domain": "victim.example"}).status_code == 303
        assert server.asked
        assert not any("victim" in name for name, _kind in server.asked)
    text = unescape(client.get("/deliverability").text)
    assert "It says which servers may send for this domain." in text
    assert "There is no policy" in text
    assert "_dmarc.shop.example TXT v=DMARC1; p=none; rua=mailto:postmaster@shop.example" in text
    assert "the name does not lead back to it" in text
    assert "Looked up" in text


def test_who_may_only_read_may_not_look_up(log_in, mails):
    auditor = log_in("auditor")
    assert "Look up now" not in auditor.get("/deliverability").text
    assert auditor.post("/deliverability/check").status_code == 403


def test_a_warm_up_is_a_table(app, client, runtime, mails):
    values = {"warm_up_from": "2026-11-22", "warm_up_first": 200, "warm_up_until": 1000, "letters_share": 0.2}
    with runtime.transaction() as session:
        session.add(DayCount(key="*", day=NOW.date(), taken=123, counted_at=NOW))
        session.execute(update(Message).where(Message.status == "queued").values(waits_for="quota:*"))
    configured(app, runtime, pacing=Pacing.model_validate(values))
    text = client.get("/deliverability").text
    assert "20 %" in text
    for words in ("22 Nov", "200", "400", "800", "1,000", "123 taken"):
        assert words in text, words


def test_sending_says_what_waits_for_its_turn_and_until_when(client, runtime, mails):
    text = client.get("/messages").text
    assert "Waiting for their turn" in text
    assert "Through by" in text
    detail = client.get(f"/messages/{mails[5]}").text
    assert "Asks again" in detail
    assert "google gets so many mails a minute" in detail

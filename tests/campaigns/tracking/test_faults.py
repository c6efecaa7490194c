"""What receivers hold against the sender: told with what to do, never held against a person."""

from datetime import timedelta

import pytest

from campaigns.config import Guard
from campaigns.reports import needs
from campaigns.runtime import Runtime
from campaigns.suppression import suppressed_keys
from campaigns.tracking import (
    advice,
    guard_mailings,
    judge_returns,
    keep_returned,
    read_returned,
    sender_faults,
)
from tests.campaigns.tracking.story import customer, mailing, message
from tests.campaigns.tracking.test_returned import dsn
from tests.conftest import NOW

OUTLOOK = "550 5.7.515 Access denied, sending domain shop.example doesn't meet the required authentication level. Spf= Fail"


def refused(runtime: Runtime, number: int, *, words: str = OUTLOOK, status: str = "5.7.515") -> None:
    """So many letters of one mailing that came back in these words."""
    with runtime.transaction() as session:
        letters = mailing(session)
        for n in range(number):
            address = f"c{n}@outlook.example"
            message_id = message(session, letters, customer(session, f"c{n}"), address=address)
            token = runtime.links.token(message_id, letters, "bounce")
            raw = dsn(token=token, address=address, final=address, status=status, words=words)
            assert keep_returned(session, read_returned(raw), runtime.links, now=NOW).outcome == "bounced"


def test_an_unproven_sender_is_an_alarm_with_what_to_do_and_suppresses_nobody(runtime: Runtime) -> None:
    refused(runtime, 3)
    with runtime.reading() as session:
        assert list(session.scalars(suppressed_keys())) == []
        (fault,) = sender_faults(session, now=NOW)
        (need,) = [
            each for each in needs(session, now=NOW, config=runtime.config) if each.name == "sender_fault"
        ]
    assert (fault.cause, fault.domain, fault.count) == ("authentication", "outlook.example", 3)
    assert "5.7.515 Access denied" in fault.words
    assert "SPF, DKIM and DMARC" in need.sentence
    assert "outlook.example refuses letters from shop.example" in need.title


def test_two_are_a_whim_and_last_months_are_history(runtime: Runtime) -> None:
    refused(runtime, 2)
    with runtime.reading() as session:
        assert sender_faults(session, now=NOW) == []
    with runtime.reading() as session:
        assert sender_faults(session, now=NOW + timedelta(days=30)) == []


def test_a_mailing_that_is_refused_for_the_senders_sake_pauses(runtime: Runtime) -> None:
    refused(runtime, 12)
    rule = Guard(from_sent=10)
    with runtime.transaction() as session:
        (danger,) = guard_mailings(session, rule, now=NOW)
    assert "12 letters refused for the sender's sake" in danger.sentence


def test_the_guards_limits_count_what_is_held_against_the_sender() -> None:
    assert judge_returns(1000, 0, 0, Guard(), refused=19)[0] == ""
    assert judge_returns(1000, 0, 0, Guard(), refused=20)[0] == "warn"
    assert judge_returns(1000, 0, 0, Guard(), refused=50)[0] == "stop"


@pytest.mark.parametrize(
    ("cause", "words", "told"),
    [
        ("authentication", "550 5.7.26 DMARC check failed", "DMARC record"),
        ("authentication", "550 SPF fail", "SPF record"),
        ("authentication", "550 DKIM signature missing", "liaison dkim new"),
        ("authentication", "550 no PTR record", "reverse name"),
        ("authentication", "530 Must issue a STARTTLS command first", "TLS"),
        ("spam", "554 blocked using zen.spamhaus.org", "blocklist"),
        ("spam", "550 high probability of spam", "asked"),
        ("policy", "550 rejected by local policy", "name the rule"),
    ],
)
def test_the_advice_follows_the_words(cause: str, words: str, told: str) -> None:
    assert told in advice(cause, words)

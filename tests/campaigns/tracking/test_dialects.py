"""What mail services post is understood, and nothing they might post makes us fall."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.tracking import SERVICES, Notice, explain, read_notices
from campaigns.tracking.notices import diagnose_notice

LABELS = {"complained": "spam_reported"}  # the field's word for what we call a spam report


@pytest.mark.parametrize("service", SERVICES)
def test_it_reads_the_recorded_payloads(service: str, shared_data: Path) -> None:
    for case in json.loads((shared_data / "webhooks" / f"{service}.json").read_text()):
        notices = read_notices(service, case["payload"])
        assert len(notices) >= len(case["expected"])
        for notice, expected in zip(notices, case["expected"], strict=False):
            said = {
                "event_type": notice.kind,
                "recipient": notice.recipient,
                "message_id": notice.message_id,
                "reject_reason": notice.reason or None,
                "mta_response": notice.reply or None,
            }
            wanted = {k: LABELS.get(str(v), v) for k, v in expected.items() if k in said}
            assert wanted == {k: said[k] for k in wanted}, case["case"]


def test_a_bounce_of_several_people_is_told_of_each() -> None:
    inner = {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": "Transient",
            "bounceSubType": "MailboxFull",
            "bouncedRecipients": [{"emailAddress": "a@example.com"}, {"emailAddress": "b@example.com"}],
        },
        "mail": {"messageId": "1", "headers": [{"name": "Message-ID", "value": "<ours@shop.example>"}]},
    }
    notices = read_notices("amazon_ses", {"Type": "Notification", "Message": json.dumps(inner)})
    assert [n.recipient for n in notices] == ["a@example.com", "b@example.com"]
    assert all(n.is_permanent is False and n.ids == ("<ours@shop.example>",) for n in notices)


@pytest.mark.parametrize(
    ("service", "payload", "kind"),
    [
        ("postmark", {"RecordType": "Bounce", "Type": "SpamNotification", "Email": "a@example.com"}, "bounced"),
        ("postmark", {"RecordType": "Bounce", "Type": "AutoResponder", "Email": "a@example.com"}, None),
        ("sendgrid", [{"event": "bounce", "type": "blocked", "email": "a@example.com"}], "bounced"),
        ("brevo", {"event": "something_new", "email": "a@example.com"}, None),
        ("mailgun", {"event-data": {"event": "failed", "severity": "permanent", "reason": "suppress-complaint", "recipient": "a@example.com"}}, "rejected"),
    ],
)  # fmt: skip
def test_what_says_nothing_of_the_address_is_no_permanent_bounce(
    service: str, payload: object, kind: str | None
) -> None:
    notices = read_notices(service, payload)
    assert [n.kind for n in notices] == ([kind] if kind else [])
    assert not any(n.is_permanent and n.kind == "bounced" for n in notices)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "event",
                    "Type",
                    "Message",
                    "mail",
                    "bounce",
                    "event-data",
                    "message",
                    "headers",
                    "email",
                    "timestamp",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(SERVICES)), json_values)
def test_any_json_is_read_or_passed_over(service: str, payload: object) -> None:
    assert isinstance(read_notices(service, payload), list)


CAUSES_OF = {
    # by the ends of the cases' names: cause, hard (by a person's reading of the payload)
    "NotificationsTests.test_bounce_event": ("address_unknown", True),
    "test_multiple_bounce_event": ("address_unknown", True),
    "test_dropped_bounced": ("address_unknown", False),
    "test_dropped_unsubscribed_event": ("undetermined", False),
    "test_failed_permanent_event": ("address_unknown", True),
    "test_rejected_event": ("undetermined", False),
    "test_dropped_bounce": ("address_unknown", False),
    "test_dropped_timed_out": ("temporary", False),
    "test_invalid_mailbox": ("address_unknown", True),
    "DeliveryTestCase.test_bounce_event": ("address_unknown", True),
    "test_subscription_change_bounce": ("undetermined", False),
    "test_soft_bounce_event": ("domain_unknown", False),
    "test_blocked": ("policy", False),
    "test_invalid_email": ("address_unknown", True),
}


@pytest.mark.parametrize("service", SERVICES)
def test_recorded_bounces_have_the_cause_that_a_mail_would_have(service: str, shared_data: Path) -> None:
    for case in json.loads((shared_data / "webhooks" / f"{service}.json").read_text()):
        for notice in read_notices(service, case["payload"]):
            if notice.kind in ("bounced", "rejected"):
                found = diagnose_notice(service, notice)
                wanted = next(what for name, what in CAUSES_OF.items() if case["case"].endswith(name))
                assert (found.cause, found.is_hard) == wanted, case["case"]
                assert explain(found.rule)


@pytest.mark.parametrize(
    ("notice", "cause", "is_hard"),
    [
        # the service says "permanent", the server's words say whose fault it is
        (Notice("bounced", "a@x", reply="550 5.7.1 blocked by spamhaus", is_permanent=True), "spam", False),
        (Notice("bounced", "a@x", reply="550 5.7.26 DMARC", is_permanent=True), "authentication", False),
        (Notice("bounced", "a@x", reply="552 5.2.2 over quota", is_permanent=True), "mailbox_full", False),
        (Notice("bounced", "a@x", reply="550 no such user", is_permanent=True), "address_unknown", True),
        (Notice("bounced", "a@x", reply="550 no such user", is_permanent=False), "address_unknown", False),
        (Notice("bounced", "a@x", reply="550 no such user"), "address_unknown", False),
        (Notice("bounced", "a@x", reply="450 no such user", is_permanent=True), "temporary", False),
        (Notice("bounced", "a@x", reason="blocked", reply="550 5.1.1 no such user"), "policy", False),
        (Notice("bounced", "a@x", description="Transient: MailboxFull", is_permanent=False), "mailbox_full", False),
        (Notice("bounced", "a@x", description="Transient: MessageTooLarge", is_permanent=False), "too_big", False),
    ],
)  # fmt: skip
def test_the_servers_words_count_more_than_the_services_verdict(
    notice: Notice, cause: str, is_hard: bool
) -> None:
    found = diagnose_notice("amazon_ses", notice)
    assert (found.cause, found.is_hard) == (cause, is_hard)

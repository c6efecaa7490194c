"""Mail services are believed when signed, fresh and new, and then only about mails of ours."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from campaigns.config import Config, Hooks
from campaigns.errors import Forbidden
from campaigns.messages import message_id_header
from campaigns.runtime import Runtime, assemble
from campaigns.suppression import Suppression
from campaigns.tracking import Event, check_sns, sns_subscribe_url
from tests.campaigns.tracking.story import letter
from tests.conftest import NOW
from webapp.app import create_app

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()
HOOKS = Hooks(
    sendgrid_public_key=PUBLIC,
    mailgun_signing_key="key-1",
    postmark_user="hook",
    postmark_password="a long password",
    brevo_user="hook",
    brevo_password="another password",
    brevo_networks=["192.0.2.0/24"],
)
STAMP = str(int(NOW.timestamp()))


@pytest.fixture
def runtime(runtime: Runtime) -> Runtime:
    config = Config(database=runtime.config.database, data=runtime.config.data, hooks=HOOKS)
    return assemble(config, clock=runtime.clock, database=runtime.database)


@pytest.fixture
def client(runtime: Runtime) -> FlaskClient:
    return create_app(runtime).test_client()


@pytest.fixture
def ours(runtime: Runtime) -> str:
    """The Message-ID of a letter that was sent to Alice."""
    message_id, mailing_id = letter(runtime, "alice")
    return message_id_header(runtime.links, message_id, mailing_id, "shop.example")


def suppressed(runtime: Runtime) -> dict[str, str]:
    with runtime.reading() as session:
        return {s.address_key: s.cause for s in session.scalars(select(Suppression))}


def events(runtime: Runtime) -> list[str]:
    with runtime.reading() as session:
        return list(session.scalars(select(Event.kind).order_by(Event.id)))


def mailgun(
    client: FlaskClient,
    event: Mapping[str, Any],
    *,
    token: str = "t1",
    stamp: str = STAMP,
    key: str = "key-1",
) -> TestResponse:
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return client.post(
        "/hooks/mailgun",
        json={"signature": {"timestamp": stamp, "token": token, "signature": signature}, "event-data": event},
    )


def dead(ours: str) -> dict[str, Any]:
    return {
        "event": "failed", "severity": "permanent", "reason": "bounce", "recipient": "alice@shop.example",
        "message": {"headers": {"message-id": ours.strip("<>")}},
        "delivery-status": {"code": 550, "message": "5.1.1 no such user"},
    }  # fmt: skip


def test_a_dead_address_is_suppressed_with_the_servers_words(
    client: FlaskClient, runtime: Runtime, ours: str
) -> None:
    assert mailgun(client, dead(ours)).status_code == 204
    assert suppressed(runtime) == {"alice@shop.example": "hard_bounce"}
    assert events(runtime)[-1] == "bounced"


def test_a_policy_refusal_suppresses_nobody(client: FlaskClient, runtime: Runtime, ours: str) -> None:
    event = dead(ours) | {"delivery-status": {"code": 550, "message": "5.7.515 not authenticated"}}
    assert mailgun(client, event).status_code == 204
    assert suppressed(runtime) == {}


def test_the_same_request_again_is_refused_and_counts_once(
    client: FlaskClient, runtime: Runtime, ours: str
) -> None:
    assert mailgun(client, dead(ours)).status_code == 204
    before = events(runtime)
    assert mailgun(client, dead(ours)).status_code == 409
    assert events(runtime) == before


@pytest.mark.parametrize(
    "how",
    [
        {"key": "another"},
        {"stamp": str(int((NOW - timedelta(days=1)).timestamp()))},
        {"stamp": str(int((NOW + timedelta(days=1)).timestamp()))},
        {"stamp": "never"},
    ],
    ids=["another key", "a day old", "from tomorrow", "no moment"],
)
def test_what_is_not_mailguns_or_not_fresh_changes_nothing(
    client: FlaskClient, runtime: Runtime, ours: str, how: dict[str, str]
) -> None:
    assert mailgun(client, dead(ours), **how).status_code == 403
    assert suppressed(runtime) == {}
    assert "bounced" not in events(runtime)


def test_a_signed_notice_about_a_stranger_changes_nothing(
    client: FlaskClient, runtime: Runtime, ours: str
) -> None:
    forged = dead("<m.AAAAAAAAAAAAAAAAAAAAAAAAAAAA@shop.example>")
    assert mailgun(client, forged).status_code == 204
    assert suppressed(runtime) == {}


def sendgrid(
    client: FlaskClient, events: list[Mapping[str, Any]], *, stamp: str = STAMP, signer: Any = None
) -> TestResponse:
    body = json.dumps(events).encode()
    signature = (
        signer(stamp.encode() + body)
        if signer
        else KEY.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    )
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
    }
    return client.post("/hooks/sendgrid", data=body, content_type="application/json", headers=headers)


def test_sendgrid_is_believed_by_its_key_only(client: FlaskClient, runtime: Runtime, ours: str) -> None:
    report = [
        {"event": "spamreport", "email": "alice@shop.example", "smtp-id": ours, "timestamp": int(STAMP)}
    ]
    other = ec.generate_private_key(ec.SECP256R1())
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for signer in (
        lambda data: other.sign(data, ec.ECDSA(hashes.SHA256())),
        lambda data: KEY.sign(data, ec.ECDSA(hashes.SHA512())),
        lambda data: stranger.sign(data, padding.PKCS1v15(), hashes.SHA256()),
        lambda _data: b"",
    ):
        assert sendgrid(client, report, signer=signer).status_code == 403
    assert suppressed(runtime) == {}
    assert sendgrid(client, report).status_code == 204
    assert suppressed(runtime) == {"alice@shop.example": "spam_report"}


def test_postmark_needs_name_and_password(client: FlaskClient, runtime: Runtime, ours: str) -> None:
    record = {
        "RecordType": "SpamComplaint",
        "Type": "SpamComplaint",
        "Email": "alice@shop.example",
        "Metadata": {"message": ours},
    }
    assert client.post("/hooks/postmark", json=record).status_code == 403
    assert client.post("/hooks/postmark", json=record, auth=("hook", "wrong")).status_code == 403
    assert suppressed(runtime) == {}
    assert client.post("/hooks/postmark", json=record, auth=("hook", "a long password")).status_code == 204
    assert suppressed(runtime) == {"alice@shop.example": "spam_report"}


def test_brevo_posts_from_its_own_networks(client: FlaskClient, runtime: Runtime, ours: str) -> None:
    event = {
        "event": "unsubscribe",
        "email": "alice@shop.example",
        "message-id": ours,
        "ts_epoch": int(STAMP) * 1000,
    }
    right = ("hook", "another password")
    far = {"REMOTE_ADDR": "198.51.100.9"}
    near = {"REMOTE_ADDR": "192.0.2.9"}
    assert client.post("/hooks/brevo", json=event, auth=right, environ_overrides=far).status_code == 403
    assert client.post("/hooks/brevo", json=event, auth=right, environ_overrides=near).status_code == 204
    assert suppressed(runtime) == {"alice@shop.example": "unsubscribed"}


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'"text"', b"null"])
def test_what_cannot_be_read_is_refused_in_words(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/hooks/sendgrid", data=body, content_type="application/json")
    assert answer.status_code in (400, 403)
    assert "Traceback" not in answer.text


def test_a_service_that_is_not_set_up_is_refused(client: FlaskClient) -> None:
    assert client.post("/hooks/amazon_ses", json={"Type": "Notification", "TopicArn": ""}).status_code == 403
    assert client.post("/hooks/elsewhere", json={}).status_code == 404
    assert client.get("/hooks/mailgun").status_code == 405


# Amazon: signed by a certificate that the message names, so its host is what must hold.

AMAZON = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
CERTIFICATE = (
    x509.CertificateBuilder()
    .subject_name(NAME)
    .issuer_name(NAME)
    .public_key(AMAZON.public_key())
    .serial_number(1)
    .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
    .sign(AMAZON, hashes.SHA256())
    .public_bytes(serialization.Encoding.PEM)
)
TOPIC = "arn:aws:sns:eu-west-3:1:ours"
GOOD_URL = "https://sns.eu-west-3.amazonaws.com/cert.pem"


def sns(version: str = "2", **changed: str) -> dict[str, str]:
    payload = {
        "Type": "Notification", "MessageId": "m1", "TopicArn": TOPIC, "Message": "{}",
        "Timestamp": NOW.isoformat().replace("+00:00", "Z"), "SignatureVersion": version, "SigningCertURL": GOOD_URL,
    }  # fmt: skip
    names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    text = "".join(f"{name}\n{payload[name]}\n" for name in names if name in payload)
    algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
    payload["Signature"] = base64.b64encode(
        AMAZON.sign(text.encode(), padding.PKCS1v15(), algorithm)
    ).decode()
    return payload | changed


def is_believed(payload: Mapping[str, Any], now: datetime = NOW) -> bool:
    try:
        check_sns(payload, topics=[TOPIC], fetch=lambda _url: CERTIFICATE, now=now)
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize("version", ["1", "2"])
def test_amazons_own_signature_is_believed(version: str) -> None:
    assert is_believed(sns(version))


@pytest.mark.parametrize(
    "changed",
    [
        {"Message": '{"a": 1}'},
        {"MessageId": "m2"},
        {"TopicArn": "arn:aws:sns:eu-west-3:2:theirs"},
        {"SignatureVersion": "0"},
        {"SignatureVersion": "1"},
        {"Signature": ""},
        {"SigningCertURL": "http://sns.eu-west-3.amazonaws.com/cert.pem"},
        {"SigningCertURL": "https://sns.eu-west-3.amazonaws.com.evil.example/cert.pem"},
        {"SigningCertURL": "https://sns.eu-west-3.amazonaws.com@evil.example/cert.pem"},
        {"SigningCertURL": "https://evil.example/sns.eu-west-3.amazonaws.com/cert.pem"},
        {"SigningCertURL": "https://s3.amazonaws.com/cert.pem"},
        {"SigningCertURL": ""},
    ],
    ids=str,
)
def test_anything_else_is_not(changed: dict[str, str]) -> None:
    assert not is_believed(sns(**changed))


def test_a_day_later_it_is_not_believed_any_more() -> None:
    assert not is_believed(sns(), NOW + timedelta(days=1))


def test_a_subscription_is_confirmed_at_amazon_only() -> None:
    assert sns_subscribe_url({"SubscribeURL": "https://sns.eu-west-3.amazonaws.com/?Action=Confirm"})
    with pytest.raises(Forbidden):
        sns_subscribe_url({"SubscribeURL": "https://169.254.169.254/latest/meta-data"})


def test_every_service_counts_the_same_request_once(client: FlaskClient, runtime: Runtime, ours: str) -> None:
    bounce = {"event": "bounce", "email": "alice@shop.example", "smtp-id": ours, "status": "5.1.1", "timestamp": int(STAMP), "reason": "550 5.1.1 gone"}  # fmt: skip
    record = {"RecordType": "Bounce", "Type": "HardBounce", "Email": "alice@shop.example", "Details": "550 5.1.1 gone", "Metadata": {"message": ours}}  # fmt: skip
    event = {"event": "hard_bounce", "email": "alice@shop.example", "message-id": ours, "reason": "550 5.1.1 gone"}  # fmt: skip
    near = {"REMOTE_ADDR": "192.0.2.9"}
    ways = (
        lambda: sendgrid(client, [bounce]),
        lambda: client.post("/hooks/postmark", json=record, auth=("hook", "a long password")),
        lambda: client.post(
            "/hooks/brevo", json=event, auth=("hook", "another password"), environ_overrides=near
        ),
    )
    for post in ways:
        assert post().status_code == 204
        before = events(runtime)
        assert post().status_code == 409
        assert events(runtime) == before
    stale = str(int((NOW - timedelta(days=1)).timestamp()))
    assert sendgrid(client, [bounce], stamp=stale).status_code == 403


def test_a_bounce_told_by_a_service_keeps_its_cause_and_the_rule(
    client: FlaskClient, runtime: Runtime, ours: str
) -> None:
    assert mailgun(client, dead(ours)).status_code == 204
    with runtime.reading() as session:
        details = session.scalars(select(Event.details).where(Event.kind == "bounced")).one()
    assert details == {
        "code": "5.1.1", "class": "hard", "cause": "address_unknown", "rule": "says_address_unknown",
        "source": "webhook of mailgun",
    }  # fmt: skip

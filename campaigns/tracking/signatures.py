"""Whether a webhook was really posted by its service. Pure but for the certificate that SNS names.

What the request says of its own algorithm, key or host is never believed: each service has one way, fixed here.
Every check returns a name for the request under which it is remembered, so that the same one never counts twice.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from campaigns.errors import Forbidden
from campaigns.tracking.dialects import LATE, _moment

_SNS_HOST = re.compile(r"sns\.[a-z0-9-]{3,30}\.amazonaws\.com(\.cn)?")
_SNS_NAMES = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
_SNS_NAMES["UnsubscribeConfirmation"] = _SNS_NAMES["SubscriptionConfirmation"]

Fetch = Callable[[str], bytes]


def check_sns(payload: Mapping[str, Any], *, topics: Sequence[str], fetch: Fetch, now: datetime) -> str:
    """Amazon SNS: RSA over the named fields, by a certificate from a host of Amazon's own; Forbidden if not so.

    `topics` are the configured ones: a rightly signed message of somebody else's topic is refused too.
    """
    names = _SNS_NAMES.get(str(payload.get("Type")))
    if names is None or str(payload.get("TopicArn")) not in topics:
        raise Forbidden("This topic is not one of ours.")
    _refuse_late(payload.get("Timestamp"), now)
    text = "".join(f"{name}\n{payload[name]}\n" for name in names if payload.get(name) is not None)
    # Version 1 is SHA-1, what AWS still does unless told otherwise; 2 is SHA-256. Nothing else is one of theirs.
    algorithm = {"1": hashes.SHA1(), "2": hashes.SHA256()}.get(str(payload.get("SignatureVersion")))  # noqa: S303
    if algorithm is None:
        raise Forbidden("This kind of signature is not known.")
    key = _sns_key(str(payload.get("SigningCertURL") or payload.get("SigningCertUrl") or ""), fetch)
    try:
        key.verify(_base64(payload.get("Signature")), text.encode(), padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        raise Forbidden("The signature is not right.") from None
    return str(payload.get("MessageId"))


def sns_subscribe_url(payload: Mapping[str, Any]) -> str:
    """The address that confirms a subscription, if it is on a host of Amazon's; Forbidden if not."""
    return _sns_url(str(payload.get("SubscribeURL") or ""))


def _sns_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_theirs = parts.scheme == "https" and parts.port in (None, 443) and not parts.username
    except ValueError:
        raise Forbidden("That is no address.") from None
    if not is_theirs or not _SNS_HOST.fullmatch(parts.hostname or ""):
        raise Forbidden("That address is not Amazon's.")
    return url


def _sns_key(url: str, fetch: Fetch) -> rsa.RSAPublicKey:
    if not urlsplit(_sns_url(url)).path.endswith(".pem"):
        raise Forbidden("That is not a certificate of Amazon's.")
    try:
        key = x509.load_pem_x509_certificate(fetch(url)).public_key()
    except (ValueError, OSError) as error:
        raise Forbidden("Amazon's certificate could not be read.") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise Forbidden("The certificate's key is of another kind.")
    return key


def check_sendgrid(body: bytes, headers: Mapping[str, str], *, public_key: str, now: datetime) -> str:
    """SendGrid: ECDSA with SHA-256 over timestamp and raw body, by the key shown in its settings."""
    stamp = headers.get("X-Twilio-Email-Event-Webhook-Timestamp", "")
    signature = headers.get("X-Twilio-Email-Event-Webhook-Signature", "")
    if not public_key or not stamp or not signature:
        raise Forbidden("The request is not signed.")
    _refuse_late(stamp, now)
    try:
        key = serialization.load_der_public_key(base64.b64decode(public_key))
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise Forbidden("The configured key is of another kind.")
        key.verify(_base64(signature), stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        raise Forbidden("The signature is not right.") from None
    return hashlib.sha256(stamp.encode() + body).hexdigest()


def check_mailgun(payload: Mapping[str, Any], *, signing_key: str, now: datetime) -> str:
    """Mailgun: HMAC-SHA256 over timestamp and token, both of the present form and of the older flat one."""
    given = payload.get("signature")
    part: Mapping[str, Any] = given if isinstance(given, Mapping) else payload
    stamp, token, signature = (str(part.get(name) or "") for name in ("timestamp", "token", "signature"))
    if not signing_key or not token or not signature:
        raise Forbidden("The request is not signed.")
    _refuse_late(stamp, now)
    right = hmac.new(signing_key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), signature.encode("utf-8", "replace")):
        raise Forbidden("The signature is not right.")
    return token


def check_basic(
    body: bytes, authorization: str, *, user: str, password: str, address: str, networks: Sequence[str] = ()
) -> str:
    """Postmark and Brevo sign nothing: a name and password in the address, and where given a list of networks."""
    if not user or not password:
        raise Forbidden("This service is not set up.")
    kind, _, said = authorization.partition(" ")
    right = f"{user}:{password}".encode()
    if kind.lower() != "basic" or not hmac.compare_digest(_base64(said), right):
        raise Forbidden("Name or password are not right.")
    if networks and not any(ip_address(address) in ip_network(network, strict=False) for network in networks):
        raise Forbidden("This address is not one of the service's.")
    return hashlib.sha256(body).hexdigest()


def _refuse_late(stamp: object, now: datetime) -> None:
    moment = _moment(stamp)
    if moment is None or not now - LATE <= moment <= now + LATE:
        raise Forbidden("The request is too old, or from the future.")


def _base64(text: object) -> bytes:
    try:
        return base64.b64decode(str(text or ""), validate=True)
    except (binascii.Error, ValueError):
        raise Forbidden("The signature is not right.") from None

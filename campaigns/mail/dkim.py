"""DKIM signatures (RFC 6376, relaxed/relaxed; rsa-sha256 of 2,048 bits by RFC 8301, Ed25519 by RFC 8463)."""

import base64
import contextlib
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from campaigns.errors import ConfigError, Invalid

SIGNED = (
    b"from",
    b"to",
    b"reply-to",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"list-id",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"feedback-id",
    b"auto-submitted",
)
"""Fields covered when they are there. From is named once more than it stands, so that none can be added
(RFC 6376 section 8.15); List-Unsubscribe and its Post must be covered for one click (RFC 8058 section 4)."""

_SELECTOR = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_SPACES = re.compile(rb"[ \t]+")
_FOLD = re.compile(rb"\r\n(?=[ \t])")


@dataclass(frozen=True)
class Key:
    """One private key and the selector under which its public half stands in the DNS."""

    domain: str
    selector: str
    private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

    @property
    def algorithm(self) -> str:
        return "rsa-sha256" if isinstance(self.private, rsa.RSAPrivateKey) else "ed25519-sha256"

    def record(self) -> tuple[str, str]:
        """Name and text of the DNS record to publish (RFC 6376 section 3.6.2)."""
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            kind = "rsa"
            raw = public.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        else:
            kind = "ed25519"
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return (
            f"{self.selector}._domainkey.{self.domain}",
            f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode()}",
        )


class Signer:
    """Signs whole messages with one key, or with two: RSA for all, Ed25519 for those who read it."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = tuple(keys)

    def sign(self, message: bytes, *, now: datetime) -> bytes:
        """The `DKIM-Signature` fields to put before `message` (CRLF line ends, as it will leave)."""
        head, _, body = message.partition(b"\r\n\r\n")
        fields = _fields(head)
        body_hash = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest())
        present = [(name, value) for name in SIGNED for found, value in fields if found == name]
        names = [name for name, _value in present] + [b"from"]
        signed = b"".join(name + b":" + value + b"\r\n" for name, value in present)
        return b"".join(self._field(key, signed, names, body_hash, now) for key in self._keys)

    @staticmethod
    def _field(key: Key, signed: bytes, names: Sequence[bytes], body_hash: bytes, now: datetime) -> bytes:
        tags = (
            f"v=1; a={key.algorithm}; c=relaxed/relaxed; d={key.domain};\r\n"
            f" s={key.selector}; t={int(now.timestamp())};\r\n h="
        ).encode()
        # One name a line at most 78 wide would waste space; a few to a line keeps every line far below 998.
        rows = [b":".join(names[i : i + 4]) for i in range(0, len(names), 4)]
        unsigned = tags + b":\r\n  ".join(rows) + b";\r\n bh=" + body_hash + b";\r\n b="
        # The field itself is signed with an empty b= and no line end (RFC 6376 section 3.7).
        data = signed + b"dkim-signature:" + _relaxed_value(unsigned)
        if isinstance(key.private, rsa.RSAPrivateKey):
            raw = key.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        else:  # RFC 8463 section 3: Ed25519 signs the SHA-256 of the data
            raw = key.private.sign(hashlib.sha256(data).digest())
        text = base64.b64encode(raw)
        folded = b"\r\n  ".join(text[i : i + 72] for i in range(0, len(text), 72))
        return b"DKIM-Signature: " + unsigned + folded + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """The body in relaxed form (RFC 6376 section 3.4.4): runs of blanks as one, none at line ends, no empty end."""
    # Most mails of ours are in this form already: looking is much quicker than rewriting.
    if b"\t" in body or b"  " in body or b" \r\n" in body:
        body = _SPACES.sub(b" ", body).replace(b" \r\n", b"\r\n")
    body = body.rstrip(b" ") if not body.endswith(b"\r\n") else body
    stripped = body.rstrip(b"\r\n") if body.endswith(b"\r\n\r\n") or body == b"\r\n" else body
    if not stripped:
        return b""
    return stripped if stripped.endswith(b"\r\n") else stripped + b"\r\n"


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """Every header field in relaxed form: lower-case name, unfolded value with single blanks."""
    fields = []
    for line in _FOLD.sub(b"", head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        fields.append((name.strip().lower(), _relaxed_value(value)))
    return fields


def _relaxed_value(value: bytes) -> bytes:
    return _SPACES.sub(b" ", _FOLD.sub(b"", value)).strip(b" \t")


def new_key(folder: Path, *, domain: str, selector: str, is_ed25519: bool = False) -> Key:
    """Make a key and keep it as `folder/<selector>.pem`, readable by its owner only; never over an older one."""
    if not _SELECTOR.fullmatch(selector):
        raise Invalid("A selector is letters, digits and hyphens, like `autumn2026`.")
    private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    if is_ed25519:
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{selector}.pem"
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Invalid(f"There is a key {selector!r} already; choose another selector.") from None
    with contextlib.closing(os.fdopen(descriptor, "wb")) as file:
        file.write(text)
    return Key(domain, selector, private)


def read_key(folder: Path, *, domain: str, selector: str) -> Key:
    """The key kept under `selector`; ConfigError if it is missing or no key of a kind that may sign."""
    path = folder / f"{selector}.pem"
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise ConfigError(
            {"dkim": f"there is no key {selector!r}; make it with `liaison dkim new {selector}`."}
        ) from None
    except (ValueError, TypeError) as error:
        raise ConfigError({"dkim": f"the file of key {selector!r} is not a private key in PEM."}) from error
    if isinstance(private, rsa.RSAPrivateKey):
        if private.key_size < 1024:  # RFC 8301 section 3.2: verifiers must not accept less
            raise ConfigError({"dkim": f"key {selector!r} is too short; make a new one of 2,048 bits."})
        return Key(domain, selector, private)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return Key(domain, selector, private)
    raise ConfigError({"dkim": f"key {selector!r} is neither RSA nor Ed25519."})

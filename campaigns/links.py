"""Signed public tokens: one for each message, read back from a URL without the database. Pure.

A token is 21 bytes as 28 base64url characters: message id (6 bytes, big-endian), mailing id (5 bytes), and
80 bits of HMAC-SHA256 over kind and both ids. All links of one mail carry the same token and differ by their
path (`/c/<token>/<position>`, `/o/<token>`, `/u/<token>`), so that a compiled mail holds a placeholder of the
same length and one replacement per recipient fills it. The token of a return path is of another kind, as third
parties see it: it opens nothing on the web.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

Kind = Literal["mail", "bounce"]

TOKEN_LENGTH = 28
TOKEN_PLACEHOLDER = "LIAISONxTOKENxLIAISONxTOKENx"  # noqa: S105 - no secret
"""Stands in compiled mails where the recipient's token goes; as long as a token."""
BASE_PLACEHOLDER = "https://base.liaison.invalid"
"""Stands in compiled mails for the public address, which may change after a version was compiled."""

CLICK, OPEN, UNSUBSCRIBE, PREFERENCES, VIEW = "/c/", "/o/", "/u/", "/p/", "/v/"
"""Public paths; a token follows, after `/c/` also `/` and the position of the link."""

HIDDEN_POSITION = 9_999
"""Position of the link that no person can see: who follows it is a machine. No letter has so many links."""

_MAC_BYTES = 10
_CODES: dict[Kind, bytes] = {"mail": b"m", "bounce": b"b"}


@dataclass(frozen=True, slots=True)
class Token:
    """What a good token says."""

    message_id: int
    mailing_id: int


class Links:
    """Makes and reads the tokens of one installation.

    `secrets`: the first signs, all are accepted, so that a key can be changed while letters of the
    old one still lie in mailboxes. `base_url`: public address, without a slash at its end.
    """

    def __init__(self, secrets: Sequence[str], base_url: str) -> None:
        if not secrets:
            raise ValueError("At least one secret is needed to sign links.")
        self.base_url = base_url.rstrip("/")
        self._keys = tuple(hashlib.sha256(b"liaison.links:" + s.encode()).digest() for s in secrets)

    def token(self, message_id: int, mailing_id: int, kind: Kind = "mail") -> str:
        """The 28 characters for this message."""
        body = message_id.to_bytes(6, "big") + mailing_id.to_bytes(5, "big")
        return base64.urlsafe_b64encode(body + _mac(self._keys[0], _CODES[kind] + body)).decode()

    def read(self, token: str, kind: Kind = "mail") -> Token | None:
        """What the token says, or None if it is not one of ours (altered, cut, of another kind)."""
        if len(token) != TOKEN_LENGTH:
            return None
        try:
            raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        body, mac = raw[:11], raw[11:]
        if not any(hmac.compare_digest(mac, _mac(key, _CODES[kind] + body)) for key in self._keys):
            return None
        return Token(int.from_bytes(body[:6], "big"), int.from_bytes(body[6:], "big"))

    def url(self, path: str, message_id: int, mailing_id: int) -> str:
        """The full address of one of the public paths (`UNSUBSCRIBE`, …) for this message."""
        return self.base_url + path + self.token(message_id, mailing_id)

    def sealed_click(self, token: str, position: int, target: str) -> str:
        """A click address for a target that belongs to one person only: the target is signed into it."""
        seal = self.seal("target", f"{token}/{position}/{target}")
        return f"{self.base_url}{CLICK}{token}/{position}?to={quote(target, safe='')}&s={seal}"

    def is_sealed_click(self, token: str, position: int, target: str, seal: str) -> bool:
        """Whether we made that address."""
        return self.is_sealed("target", f"{token}/{position}/{target}", seal)

    def seal(self, purpose: str, value: str) -> str:
        """80 bits of signature, as 20 hexadecimal digits, over any text."""
        return _mac(self._keys[0], f"{purpose}\0{value}".encode()).hex()

    def is_sealed(self, purpose: str, value: str, seal: str) -> bool:
        """Whether `seal` was made by us for this purpose and value."""
        said = seal.encode("utf-8", "replace")
        text = f"{purpose}\0{value}".encode()
        return any(hmac.compare_digest(said, _mac(key, text).hex().encode()) for key in self._keys)


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")[:_MAC_BYTES]

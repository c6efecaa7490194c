"""The register without addresses: a keyed hash stands for who was erased, and finds them again. Pure.

An entry reads `hmac:<key>:<64 hexadecimal digits>`, HMAC-SHA256 (RFC 2104) over the normalised address
(`customers.normalise_address(…).key`: lower case, NFC, domain as A-label). `<key>` names the secret that made it: eight
digits of a hash of the derived key. Without the secret an entry cannot be tried against a list of addresses; so the
secrets (`data/secret.key`) must be kept as long as the register, and a new one is put above the old ones.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence

MARK = "hmac:"


class Pepper:
    """Hashes by the first secret, recognises by all of them."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("At least one secret is needed to hash addresses.")
        keys = [hashlib.sha256(b"liaison.suppression:" + secret.encode()).digest() for secret in secrets]
        self._keys = [(hashlib.sha256(key).hexdigest()[:8], key) for key in keys]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the keys, the one in use first."""
        return tuple(name for name, _ in self._keys)

    def of(self, address_key: str) -> str:
        """What stands for this address from now on."""
        return _entry(*self._keys[0], address_key)

    def all_of(self, address_key: str) -> tuple[str, ...]:
        """Everything that may stand for it, by any of the secrets."""
        return tuple(_entry(name, key, address_key) for name, key in self._keys)

    def by_entry(self, address_keys: Iterable[str]) -> dict[str, str]:
        """Each possible entry → the address it would stand for."""
        return {entry: key for key in address_keys for entry in self.all_of(key)}


def _entry(name: str, key: bytes, address_key: str) -> str:
    return f"{MARK}{name}:{hmac.digest(key, address_key.encode(), 'sha256').hex()}"


def is_hashed(address_key: str) -> bool:
    """Whether an entry of the register holds no address but a hash."""
    return address_key.startswith(MARK)


def key_of(entry: str) -> str:
    """The name of the key that made this entry."""
    return entry.split(":", 2)[1]

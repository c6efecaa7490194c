"""Header values as bytes: cleaned, checked and encoded by rule before they come near a mail. Pure.

Nothing a customer or marketer wrote can add a header: line ends and other controls become spaces, and a text
that looks like an encoded word is itself encoded, so that `=0A` inside it stays the text it was.
"""

import base64
import re

import idna

from campaigns.errors import Invalid

SOFT = 76
"""Folding where possible: RFC 5322 2.1.1 asks for 78, RFC 2047 2 for 76 where encoded words stand."""
_LONGEST_WORD = 200
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN = re.compile(r"[ -~]*")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LOCAL_UTF8 = re.compile(r"[^\s\x00-\x20\x7f()<>@,;:\\\"\[\].]+(?:\.[^\s\x00-\x20\x7f()<>@,;:\\\"\[\].]+)*")
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.I
)


_UNWANTED = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff\\s]+"
)


def clean(text: str) -> str:
    """The text on one line: controls, line ends of every kind and overrides of direction become spaces."""
    return _UNWANTED.sub(" ", text).strip()


def unstructured(name: str, value: str) -> bytes:
    """`Name: value` with its CRLF, for a free text (a subject), folded at spaces or in encoded words."""
    value = clean(value)
    if _is_plain(value):
        return _folded(f"{name}:", value.split(" "))
    return _folded(f"{name}:", _encoded_words(value, len(name) + 2))


def mailbox(name: str, person: str, address: str) -> bytes:
    """`Name: "Person" <address>` with its CRLF; the address is taken as `wire_address` gave it."""
    person = clean(person)[:150].strip()
    if not person:
        return f"{name}: <{address}>\r\n".encode()
    if _ATOMS.fullmatch(person) and "=?" not in person:
        words = person.split(" ")
    elif _is_plain(person):
        words = ['"' + person.replace("\\", "\\\\").replace('"', '\\"') + '"']
    else:
        words = _encoded_words(person, len(name) + 2)
    return _folded(f"{name}:", [*words, f"<{address}>"])


def _is_plain(value: str) -> bool:
    return (
        _PLAIN.fullmatch(value) is not None
        and "=?" not in value
        and (len(value) <= _LONGEST_WORD or max(map(len, value.split(" "))) <= _LONGEST_WORD)
    )


def _encoded_words(value: str, column: int) -> list[str]:
    """RFC 2047 words of at most 75 characters that break between characters; the first leaves room for the name."""
    words, chunk, room = [], b"", (SOFT - column - 12) // 4 * 3
    whole = value.encode("utf-8", "replace")
    if len(whole) <= room:
        return [f"=?utf-8?b?{base64.b64encode(whole).decode()}?="]
    for character in value:
        raw = character.encode("utf-8", "replace")
        if len(chunk) + len(raw) > room:
            words.append(chunk)
            chunk, room = b"", 45
        chunk += raw
    words.append(chunk)
    return [f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in words]


def _folded(line: str, words: list[str]) -> bytes:
    lines = []
    for word in words:
        if len(line) + 1 + len(word) > SOFT and not line.endswith(":") and word:
            lines.append(line)
            line = ""
        line += " " + word
    return ("\r\n".join([*lines, line]) + "\r\n").encode()


def wire_domain(domain: str) -> str:
    """The domain as it stands on the wire, in A-labels (RFC 5891); raises Invalid."""
    try:
        ascii_ = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise Invalid(f"{domain!r} is not a domain that mail can be sent to.") from error
    if _DOMAIN.fullmatch(ascii_) is None:
        raise Invalid(f"{domain!r} is not a domain that mail can be sent to.")
    return ascii_


def wire_address(email: str) -> tuple[str, bool]:
    """The address for SMTP and header, and whether it needs SMTPUTF8 (RFC 6531); raises Invalid.

    Lengths by RFC 5321 4.5.3.1: local part 64 octets, path 254.
    """
    local, at, domain = email.rpartition("@")
    if not at:
        raise Invalid(f"{email!r} is not an address.")
    domain = wire_domain(domain)
    pattern = _LOCAL if local.isascii() else _LOCAL_UTF8
    if pattern.fullmatch(local) is None or (not local.isascii() and clean(local) != local):
        raise Invalid(f"{email!r} cannot be written to.")
    if (
        len(local.encode("utf-8", "replace")) > 64
        or len(f"{local}@{domain}".encode("utf-8", "replace")) > 254
    ):
        raise Invalid(f"{email!r} is longer than an address may be.")
    return f"{local}@{domain}", not local.isascii()

"""Mail addresses brought to one form, so that one mailbox is one customer."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from email_validator import EmailNotValidError, EmailSyntaxError, validate_email

from campaigns.errors import Invalid

LONGEST = 254
"""Octets of a path without its angle brackets (RFC 5321 section 4.5.3.1.3)."""

# Plain ASCII, an unquoted local part as nearly everybody has it; what does not match is not refused
# here but handed to email-validator, which knows the rest of RFC 5321, 5322 and 6531.
_PLAIN = re.compile(r"([A-Za-z0-9_](?:[A-Za-z0-9_+'-]|\.(?=[A-Za-z0-9_+'-])){0,63})@([A-Za-z0-9.-]{1,190})")
_PADDING = " \t\u00a0\u200b\ufeff"
_BREAKS = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")


class Address(NamedTuple):
    """One mailbox.

    `email` is written as given with its domain in ASCII (A-label, RFC 5890): fit for the wire.
    `key` is what makes it unique and what suppressions are joined on: lower case, NFC, A-label domain.
    """

    email: str
    key: str
    domain: str


def normalise_address(text: str) -> Address:
    """Check `text` and bring it to one form; raises Invalid with a sentence for the person who typed it.

    Letters are lowered, not case-folded in Unicode's sense: folding would make one mailbox of `straße`
    and `strasse`. A line end, NUL or U+2028 anywhere is refused, never trimmed: they are how headers are
    smuggled into mails.
    """
    if _BREAKS.search(text):
        raise Invalid("An address cannot hold a line end or a control character.")
    text = text.strip(_PADDING)
    plain = _PLAIN.fullmatch(text)
    if plain is None or len(plain[1]) > 64:
        return _by_the_book(text)
    domain, fault = _domain(plain[2])
    if fault:
        raise Invalid(fault)
    email = f"{plain[1]}@{domain}"
    if len(email) > LONGEST:
        raise Invalid("This address is too long: 254 characters are the most.")
    return Address(email, email.lower(), domain)


@lru_cache(maxsize=65_536)
def _domain(written: str) -> tuple[str, str]:
    """The A-label of a domain and "", or "" and what is wrong with it; remembered, as domains repeat."""
    try:
        return _checked(f"x@{written}").ascii_domain, ""
    except EmailNotValidError as error:
        return "", _sentence(error)


def _by_the_book(text: str) -> Address:
    if not text:
        raise Invalid("The address is missing.")
    if "@" not in text:
        raise Invalid("This is not a mail address: it has no @ sign.")
    if len(text) > 4 * LONGEST:
        raise Invalid("This address is too long: 254 characters are the most.")
    try:
        found = _checked(text)
    except EmailNotValidError as error:
        raise Invalid(_sentence(error)) from error
    email = f"{found.local_part}@{found.ascii_domain}"
    if len(email.encode()) > LONGEST:
        raise Invalid("This address is too long: 254 characters are the most.")
    return Address(email, unicodedata.normalize("NFC", email.lower()), str(found.ascii_domain))


class _Found(NamedTuple):
    local_part: str
    ascii_domain: str


def _checked(text: str) -> _Found:
    # Deliverability is not asked here: it would put the network into every form and import. The
    # reserved name .test (RFC 2606) is let in: it is what try-outs are made with.
    found = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    local, domain = found.local_part, found.ascii_domain
    if not local or not domain:
        raise EmailSyntaxError("This address is not complete.")
    return _Found(local, domain.lower())


def _sentence(error: EmailNotValidError) -> str:
    words = str(error)
    return words if words.endswith(".") else f"{words}."

"""Our signatures are checked by another implementation (dkimpy), on hostile mails too."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.errors import ConfigError, Invalid
from campaigns.links import TOKEN_LENGTH
from campaigns.mail import Frame, Manner
from campaigns.mail.dkim import Key, Signer, new_key, read_key

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # the referee refuses dates ahead of its own clock
MAIL = (
    b"From: Shop <hello@shop.example>\r\nTo: a@example.com\r\nSubject: =?utf-8?q?No=C3=ABl?=\r\n"
    b"Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@shop.example>\r\nMIME-Version: 1.0\r\n"
    b"List-Unsubscribe: <https://news.example/u/x>,\r\n <mailto:u@shop.example>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHello \r\n\r\n  two  blanks\t\r\n.\r\n\r\n\r\n"
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[Key]:
    folder = tmp_path_factory.mktemp("dkim")
    new_key(folder, domain="shop.example", selector="one")
    new_key(folder, domain="shop.example", selector="two", is_ed25519=True)
    return [read_key(folder, domain="shop.example", selector=name) for name in ("one", "two")]


def published(keys: list[Key]) -> Callable[..., bytes]:
    records = {f"{key.record()[0]}.".encode(): key.record()[1].encode() for key in keys}
    return lambda name, **_rest: records[name]


def is_right(message: bytes, keys: list[Key]) -> bool:
    found = dkim.DKIM(message)
    try:
        return all(found.verify(idx=i, dnsfunc=published(keys)) for i in range(len(keys)))
    except dkim.ValidationError:  # another body hash is told so
        return False


def test_both_signatures_are_right_by_another_program(keys: list[Key]) -> None:
    assert is_right(Signer(keys).sign(MAIL, now=NOW) + MAIL, keys)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hello", b"Hullo"),
        (b"hello@shop", b"evil@shop"),
        (b"https://news", b"https://evil"),
        (b"One-Click", b"Two-Click"),
        (b"To: a@", b"From: evil@example.com\r\nTo: a@"),
    ],
    ids=["body", "from", "unsubscribe", "unsubscribe post", "a second From"],
)
def test_any_change_that_matters_breaks_it(keys: list[Key], old: bytes, new: bytes) -> None:
    signed = Signer(keys).sign(MAIL, now=NOW) + MAIL
    assert not is_right(signed.replace(old, new, 1), keys[:1])


line = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=80)


@settings(max_examples=100, deadline=None)
@given(st.lists(line, max_size=12), line, st.integers(1, 4))
def test_hostile_mails_verify(keys: list[Key], body: list[str], subject: str, empty_lines: int) -> None:
    quoted = " ".join(subject.encode().hex(" ", 20).split(" ")) or "x"
    folded = f"Subject:  {quoted[:30]}\r\n\t {quoted[30:60] or 'y'}  \r\n".encode()
    text = "\r\n".join(body).encode() + b"\r\n" * empty_lines
    message = b"From: a@shop.example\r\n" + folded + b"\r\n" + text
    assert is_right(Signer(keys).sign(message, now=NOW) + message, keys)


words = st.text(st.characters(codec="utf-8"), max_size=200)
"""Anything: controls, line ends, bidi overrides, encoded words, dots at the beginning of a line."""
nasty = st.one_of(
    words, st.sampled_from(["=?utf-8?q?a=0D=0ABcc:_x?=", "a\r\nBcc: x@y", ".", "..\r\n.", " \t ", "=\r\n"])
)


def composed(name: str, subject: str, text: str, html: str) -> bytes:
    """A mail as the sender makes it, of whatever a customer and a marketer may have written."""
    manner = Manner(
        sender_name=name,
        sender_email="hello@shop.example",
        reply_to="answers@shop.example",
        list_name=name,
        list_key="newsletters",
        feedback="n1-1",
        is_automatic=True,
        base_url="https://news.example",
    )
    return Frame(manner, is_tight=True).mail(
        to_name=name,
        to_address="a@example.com",
        subject=subject,
        text=[text],
        html=[html],
        token="t" * TOKEN_LENGTH,
        message_id="<m.1@shop.example>",
        now=NOW,
    )


def verifies(keys: list[Key], name: str, subject: str, text: str, html: str) -> None:
    mail = composed(name, subject, text, html)
    field = Signer(keys).sign(mail, now=NOW)
    assert is_right(field + mail, keys)
    named = re.sub(rb"\s", b"", re.search(rb"h=([^;]+);", field)[1]).split(b":")  # type: ignore[index]
    assert named.count(b"from") == 2  # over-signed
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"subject", b"date", b"to", b"message-id"} <= set(
        named
    )


@settings(max_examples=60, deadline=None)
@given(nasty, nasty, nasty, nasty)
def test_whatever_is_written_the_composed_mail_verifies(
    keys: list[Key], name: str, subject: str, text: str, html: str
) -> None:
    verifies(keys, name, subject, text, html)


@pytest.mark.soak
@settings(max_examples=5000, deadline=None)
@given(nasty, nasty, nasty, nasty)
def test_thousands_of_hostile_mails_verify(
    keys: list[Key], name: str, subject: str, text: str, html: str
) -> None:
    verifies(keys, name, subject, text, html)


def test_lines_stay_short(keys: list[Key]) -> None:
    field = Signer(keys).sign(MAIL, now=NOW)
    assert max(map(len, field.split(b"\r\n"))) <= 120
    assert b"\n" not in field.replace(b"\r\n", b"")


def test_a_key_is_never_overwritten_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    new_key(tmp_path, domain="shop.example", selector="one")
    assert (tmp_path / "one.pem").stat().st_mode & 0o077 == 0
    with pytest.raises(Invalid, match="already"):
        new_key(tmp_path, domain="shop.example", selector="one")


@pytest.mark.parametrize("selector", ["", "../evil", "a.b", "-a", "a" * 64])
def test_a_selector_that_is_none_is_refused(tmp_path: Path, selector: str) -> None:
    with pytest.raises(Invalid):
        new_key(tmp_path, domain="shop.example", selector=selector)


def test_a_missing_or_broken_key_is_one_plain_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="liaison dkim new"):
        read_key(tmp_path, domain="shop.example", selector="none")
    (tmp_path / "bad.pem").write_text("not a key")
    with pytest.raises(ConfigError, match="not a private key"):
        read_key(tmp_path, domain="shop.example", selector="bad")

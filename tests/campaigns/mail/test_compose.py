"""Every mail correct: hostile names, subjects and bodies, checked by strict parsing."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.errors import Invalid
from campaigns.links import TOKEN_PLACEHOLDER, Links
from campaigns.mail import Frame, Manner, clean, wire_address
from campaigns.mail.printable import Table

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TOKEN = Links(["secret"], "https://shop.example").token(123456, 77)
ONCE = [
    "Message-ID",
    "Date",
    "From",
    "To",
    "Subject",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Feedback-ID",
    "Precedence",
    "Auto-Submitted",
]
HOSTILE = [
    "a\r\nBcc: evil@x.example",
    "=?utf-8?q?hi=0ABcc=3A_evil=40x=2Eexample?=",
    "=?utf-8?b?DQpCY2M6IGV2aWxAeC5leGFtcGxl?=",
    "\u2028Bcc: evil@x.example",
    "\x00\x85\x0b",
    "-oQ/tmp -X/tmp/x",
    '"; Bcc: evil@x.example',
    "\\",
    "é" * 200,
    "漢字" * 100,
    "word " * 120,
    "x" * 400,
    "👩‍👩‍👧‍👦" * 20,
    "<evil@x.example>, other@x.example",
    "a\ud800b",
    "",
    "  ",
    "?=",
]
texts = st.one_of(st.text(max_size=300), st.sampled_from(HOSTILE))
bodies = st.lists(
    st.one_of(
        st.text(max_size=400),
        st.sampled_from(
            [
                *HOSTILE,
                ".",
                "\n.",
                ".\r\n",
                "\r",
                "\n",
                " \n",
                "\t",
                "=",
                f"https://x.example/c/{TOKEN_PLACEHOLDER}/1",
            ]
        ),
    ),
    max_size=30,
)


def frame(**values: object) -> Frame:
    return Frame(
        Manner(
            **{  # type: ignore[arg-type]
                "sender_name": "The shop",
                "sender_email": "hello@shop.example",
                "reply_to": "answers@shop.example",
                "list_name": "The shop",
                "list_key": "newsletters",
                "feedback": "n1-2",
                "is_automatic": True,
                "base_url": "https://shop.example",
            }
            | values
        )
    )


def mail(made: Frame, **values: object) -> bytes:
    return made.mail(
        **{  # type: ignore[arg-type]
            "to_name": "Alice",
            "to_address": "alice@home.example",
            "subject": "Hello",
            "text": ["Hello"],
            "html": ["<p>Hello</p>"],
            "token": TOKEN,
            "message_id": "<m.1@shop.example>",
            "now": NOW,
        }
        | values
    )


def check_bytes(raw: bytes) -> None:
    """RFC 5322 2.1.1 and 2.3: CRLF only, lines of at most 998, nothing beyond ASCII, no dot at a line's head."""
    assert raw.isascii()
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\x00", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert not re.search(rb"(?m)^\.", raw)
    head, _, body = raw.partition(b"\r\n\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert not re.search(rb"(?m)[ \t]\r?$", body)
    for line in head.split(b"\r\n"):
        assert line.strip()
        assert re.match(rb"[A-Za-z-]+: |[ \t]\S", line), line
        if b"=?" in line:
            assert len(line) <= 76
        for word in re.findall(rb"=\?\S+\?=", line):
            assert len(word) <= 75


@settings(max_examples=150, deadline=None)
@given(name=texts, subject=texts, sender=texts, text=bodies, html=bodies)
def test_hostile_values_stay_values(
    name: str, subject: str, sender: str, text: list[str], html: list[str]
) -> None:
    raw = mail(
        frame(sender_name=sender, list_name=sender), to_name=name, subject=subject, text=text, html=html
    )
    check_bytes(raw)
    message = message_from_bytes(raw, policy=policy.SMTP)
    assert not message.defects
    assert sorted(message.keys()) == sorted(ONCE)
    assert [address.addr_spec for address in message["To"].addresses] == ["alice@home.example"]
    assert [address.addr_spec for address in message["From"].addresses] == ["hello@shop.example"]
    assert str(make_header(decode_header(raw_header(raw, "Subject")))) == clean(subject)
    parts = list(message.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    for part, pieces in zip(parts, (text, html), strict=True):
        assert part.get_content().replace("\r\n", "\n").rstrip("\n") == said(pieces)


def raw_header(raw: bytes, name: str) -> str:
    found = re.search(rb"(?m)^%b: ?((?:.*\r\n)(?:[ \t].*\r\n)*)" % name.encode(), raw)
    assert found is not None
    return found[1].decode().replace("\r\n", "").strip()


def said(pieces: list[str]) -> str:
    """What the reader should see of these pieces: line ends made one kind, controls gone, the token put in."""
    joined = "".join(piece.replace("\r\n", "\n").replace("\r", "\n") for piece in pieces)
    joined = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", joined)
    joined = joined.encode("utf-8", "replace").decode()
    return joined.replace(TOKEN_PLACEHOLDER, TOKEN).rstrip("\n")


@settings(max_examples=100, deadline=None)
@given(pieces=bodies)
def test_a_kept_piece_gives_the_same_bytes_as_a_new_one(pieces: list[str]) -> None:
    table = Table()
    first: list[bytes] = []
    again: list[bytes] = []
    fresh: list[bytes] = []
    table.join(pieces, first)
    table.join(pieces, again)
    Table().join(pieces, fresh)
    assert b"".join(first) == b"".join(again) == b"".join(fresh)


@settings(max_examples=200, deadline=None)
@given(before=st.integers(0, 200), after=st.integers(0, 100))
def test_a_token_is_never_broken(before: int, after: int) -> None:
    pieces = [
        "é" * (before % 7)
        + "x" * before
        + f'<a href="https://shop.example/c/{TOKEN_PLACEHOLDER}/12">'
        + "y" * after
    ]
    raw = mail(frame(), html=pieces)
    assert TOKEN_PLACEHOLDER.encode() not in raw
    assert raw.count(TOKEN.encode()) == 3  # the link, and twice in List-Unsubscribe
    check_bytes(raw)


def test_the_table_forgets_when_it_has_grown() -> None:
    table = Table()
    for number in range(3000):
        table.join([f"{number} " + "long " * 400], [])
    assert table._size < 5 << 20
    assert len(table._known) < 3000


def test_a_mailing_says_how_to_leave_it() -> None:
    head = mail(frame()).partition(b"\r\n\r\n")[0].decode()
    assert f"List-Unsubscribe: <https://shop.example/u/{TOKEN}>,\r\n" in head
    assert f" <mailto:unsubscribe+{TOKEN}@shop.example?subject=unsubscribe>" in head
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in head
    assert "List-Id: The shop <newsletters.shop.example>" in head
    assert "Feedback-ID: n1-2:newsletters:shop.example:liaison" in head
    assert "Reply-To: <answers@shop.example>" in head
    assert "Date: Mon, 23 Nov 2026 09:00:00 +0000" in head


@pytest.mark.parametrize(
    ("email", "wire", "needs_utf8"),
    [
        ("alice@home.example", "alice@home.example", False),
        ("-alice@home.example", "-alice@home.example", False),
        ("anna@bücher.example", "anna@xn--bcher-kva.example", False),
        ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example", True),
        ("用户@例え.example", "用户@xn--r8jz45g.example", True),
    ],
)
def test_addresses_go_right_onto_the_wire(email: str, wire: str, needs_utf8: bool) -> None:
    assert wire_address(email) == (wire, needs_utf8)


@pytest.mark.parametrize(
    "email",
    [
        "alice",
        "@home.example",
        "alice@",
        "a b@home.example",
        "a\r\n@home.example",
        "a>b@home.example",
        "alice@home..example",
        "alice@-home.example",
        "a\u2028@home.example",
        "x" * 65 + "@home.example",
        "alice@" + "x" * 64 + ".example",
        "a@home.example\r\nRCPT TO:<b@x.example>",
        "a,b@home.example",
        '"a"@b.example',
        "a@" + ".".join(["x" * 60] * 5),
    ],
)
def test_addresses_that_cannot_be_are_refused(email: str) -> None:
    with pytest.raises(Invalid):
        wire_address(email)


def test_an_address_beyond_ascii_stands_in_its_header_as_it_is() -> None:
    raw = mail(frame(), to_name="Jürgen", to_address="jürgen@xn--bcher-kva.example")
    assert "<jürgen@xn--bcher-kva.example>".encode() in raw

"""A returned mail taken apart, however broken: headers, texts, delivery-status fields, the original inside. Pure."""

import email
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.header import decode_header
from email.message import Message

MOST_BYTES = 512_000
"""Of a mail only so much is read: what was refused stands at its beginning, the original behind it."""

MOST_PARTS = 60
MOST_BOUNDARIES = 100
"""A mail with more parts within parts is read as plain text."""

MOST_TEXT = 24_000
MOST_HEADER = 2_000
_LINE_ENDS = re.compile(rb"\r\n?")
_TAGS = re.compile(
    r"<(?:script|style)\b.{0,20000}?</(?:script|style)\s*>|<!--.{0,20000}?-->|<[a-z/!][^<>]{0,2000}>",
    re.I | re.S,
)
_BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h\d|p)\b[^<>]{0,200}>", re.I)


@dataclass(slots=True)
class Parts:
    """What was found. `status` holds the bodies of delivery-status parts, `feedback` those of feedback reports,
    `originals` the (headers of the) mails that came back, `text` what was written for people."""

    headers: Message
    text: str = ""
    read_receipt: bool = False  # a disposition notification (RFC 8098)
    status: list[str] = field(default_factory=list)
    feedback: list[str] = field(default_factory=list)
    originals: list[str] = field(default_factory=list)
    _read: dict[str, list[str]] = field(default_factory=dict)

    def header(self, name: str) -> str:
        """One header, decoded and on one line; "" if it is not there."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        """Every header of that name."""
        if not self._read:
            for key, value in self.headers.raw_items():
                values = self._read.setdefault(key.lower(), [])
                if len(values) < 50:
                    values.append(decoded(str(value)[:MOST_HEADER]))
        return self._read.get(name.lower(), [])


def take_apart(raw: bytes) -> Parts:
    """Never raises: what cannot be read is left out."""
    raw = _LINE_ENDS.sub(b"\n", raw[:MOST_BYTES]).lstrip(b"\n \t\xef\xbb\xbf")
    raw = re.sub(rb"\A(?:>?From [^\n]*\n)+", b"", raw)
    message = _parsed(raw)
    parts = Parts(message)
    texts: list[str] = []
    pages: list[str] = []
    for count, part in enumerate(_walk(message)):
        if count >= MOST_PARTS:
            break
        _sort_in(part, parts, texts, pages)
    parts.text = "\n\n".join(texts) if any(text.strip() for text in texts) else "\n\n".join(pages)
    if not parts.text.strip() and not parts.status:
        # A multipart without its boundaries, or a type that says nothing: read it as it stands.
        parts.text = _decode(raw.partition(b"\n\n")[2], "")
    parts.text = parts.text[:MOST_TEXT]
    return parts


def _parsed(raw: bytes) -> Message:
    # The library compares each line with every boundary that is open: a mail of thousands takes minutes.
    is_labyrinth = raw.lower().count(b"boundary=") > MOST_BOUNDARIES
    try:
        if is_labyrinth:
            return email.message_from_bytes(raw.partition(b"\n\n")[0])
        return email.message_from_bytes(raw)
    except Exception:
        return Message()


def _walk(message: Message, depth: int = 0) -> Iterator[Message]:
    """All parts but the insides of the returned original."""
    yield message
    kind = _type(message)
    if depth > 8 or kind in (
        "message/rfc822",
        "message/global",
        "text/rfc822-headers",
        "message/global-headers",
    ):
        return
    if kind in _STATUS_TYPES:
        return
    payload = message.get_payload()
    if isinstance(payload, list):
        for part in payload:
            if isinstance(part, Message):
                yield from _walk(part, depth + 1)


_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_RECEIPT_TYPES = ("message/disposition-notification", "message/global-disposition-notification")
_FEEDBACK_TYPES = ("message/feedback-report",)
_ORIGINAL_TYPES = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/global-headers",
    "message/rfc822-headers",
)


def _type(part: Message) -> str:
    try:
        return part.get_content_type()
    except Exception:
        return "text/plain"


def _sort_in(part: Message, parts: Parts, texts: list[str], pages: list[str]) -> None:
    kind = _type(part)
    if kind in _STATUS_TYPES:
        parts.status.append(_source(part)[:MOST_TEXT])
    elif kind in _RECEIPT_TYPES:
        parts.read_receipt = True
    elif kind in _FEEDBACK_TYPES:
        parts.feedback.append(_source(part)[:MOST_TEXT])
    elif kind in _ORIGINAL_TYPES:
        parts.originals.append(_source(part)[:MOST_TEXT])
    elif part.is_multipart():
        preamble = part.preamble
        if isinstance(preamble, str) and len(preamble) > 200:  # some gateways write their report there
            texts.append(preamble)
    elif kind == "text/html":
        pages.append(_of_html(_text(part)[: 4 * MOST_TEXT]))
    elif kind.startswith("text/") or part.get("Content-Type") is None:
        texts.append(_text(part))


def _source(part: Message) -> str:
    """A part with parts of its own (or not), as text."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return "\n\n".join(_as_text(inner) for inner in payload if isinstance(inner, Message))
    return _text(part)


def _as_text(part: Message) -> str:
    head = "\n".join(f"{name}: {decoded(str(value)[:MOST_HEADER])}" for name, value in part.raw_items())
    payload = part.get_payload()
    if isinstance(payload, list):
        return (
            head
            + "\n\n"
            + "\n\n".join(_as_text(inner) for inner in payload[:5] if isinstance(inner, Message))
        )
    return f"{head}\n\n{_text(part)}"


def _text(part: Message) -> str:
    """The part's words, by its own charset or the first that fits."""
    try:
        raw = part.get_payload(decode=True)
    except Exception:
        raw = None
    if not isinstance(raw, bytes):
        payload = part.get_payload()
        return payload if isinstance(payload, str) else ""
    try:
        charset = part.get_content_charset() or ""
    except Exception:
        charset = ""
    return _decode(raw, charset)


def _decode(raw: bytes, charset: str) -> str:
    guesses = [charset] if charset else []
    if b"\x1b$" in raw:
        guesses.insert(0, "iso-2022-jp")
    guesses += ["utf-8"]
    if charset.lower() in ("gb2312", "gbk"):
        guesses.insert(0, "gb18030")
    for guess in guesses:
        try:
            return raw.decode(guess)
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    if charset.lower() not in ("", "us-ascii", "utf-8", "ascii"):
        try:
            return raw.decode(charset, "replace")
        except (LookupError, UnicodeDecodeError, ValueError):
            pass
    return raw.decode("latin-1")


def _of_html(page: str) -> str:
    plain = _TAGS.sub(" ", _BREAKS.sub("\n", _keep_addresses(page)))
    return html.unescape(plain)


def _keep_addresses(page: str) -> str:
    """`<alice@shop.example>` written raw into HTML is an address, no tag."""
    return re.sub(r"<([\w.+=-]+@[\w.-]+)>", r" \1 ", page)


def decoded(value: object) -> str:
    """A header's words (RFC 2047; raw ones of eight bits too), whatever charset they claim."""
    text = str(value)
    if not text.isascii():
        text = _decode(text.encode("utf-8", "surrogateescape"), "")
    if "=?" in text:
        try:
            pieces = decode_header(text)
        except Exception:
            pieces = [(text, None)]
        text = "".join(
            piece if isinstance(piece, str) else _decode(piece, charset or "") for piece, charset in pieces
        )
    return re.sub(r"\s*\n\s*", " ", text).strip()

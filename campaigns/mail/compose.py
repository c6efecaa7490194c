"""A mail as bytes: what all mails of a mailing share is made once, what is personal is put in by bytes."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from campaigns.links import TOKEN_LENGTH, TOKEN_PLACEHOLDER, UNSUBSCRIBE
from campaigns.mail.headers import mailbox, unstructured, wire_address
from campaigns.mail.printable import Table

_TOKEN = TOKEN_PLACEHOLDER.encode()


@dataclass(frozen=True, slots=True)
class Manner:
    """How the mails of one mailing are addressed and marked.

    `list_name` and `list_key` name the list for List-Id (RFC 2919): stable for all mailings of a kind.
    `feedback` is the Feedback-ID's campaign field. `is_automatic`: sent by a rule, not by a person's act
    (RFC 3834 asks for Auto-Submitted then). `returns_domain`: whose mail comes back to us, if not the sender's:
    there a mail that asks to leave is read.
    """

    sender_name: str
    sender_email: str
    reply_to: str = ""
    list_name: str = ""
    list_key: str = ""
    feedback: str = ""
    is_automatic: bool = False
    base_url: str = ""
    returns_domain: str = ""


class Frame:
    """Makes the mails of one mailing. Not to be shared between threads."""

    def __init__(self, manner: Manner, *, is_tight: bool = False) -> None:
        sender, _ = wire_address(manner.sender_email)
        self.domain = sender.rpartition("@")[2]
        head = mailbox("From", manner.sender_name, sender)
        if manner.reply_to and manner.reply_to != manner.sender_email:
            head += mailbox("Reply-To", "", wire_address(manner.reply_to)[0])
        if manner.list_key:
            head += _list_headers(manner, self.domain)
        if manner.is_automatic:
            head += b"Auto-Submitted: auto-generated\r\n"
        boundary = _boundary(head)
        self._html = Table(is_tight=is_tight)
        self._text = Table(is_tight=is_tight)
        self._head = head + (
            b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary="' + boundary + b'"\r\n'
        )
        self._before_text = _part(b"\r\n", boundary, b"plain")
        self._before_html = _part(b"\r\n", boundary, b"html")
        self._end = b"\r\n--" + boundary + b"--\r\n"
        self._plain = head + (
            b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        self._date: tuple[int, bytes] = (0, b"")

    def mail(
        self,
        *,
        to_name: str,
        to_address: str,
        subject: str,
        text: Iterable[str],
        html: Iterable[str] | None,
        token: str,
        message_id: str,
        now: datetime,
    ) -> bytes:
        """The complete mail: CRLF only, lines of at most 76 where the values allow it (998 always).

        `to_address` is as `wire_address` gave it; `token` (TOKEN_LENGTH characters) replaces the placeholder
        everywhere; `html` None makes a plain mail.
        """
        if len(token) != TOKEN_LENGTH:
            raise ValueError("A token has its own length.")
        out = [
            b"Message-ID: " + message_id.encode("ascii") + b"\r\n",
            self._date_header(now),
            mailbox("To", to_name, to_address),
            unstructured("Subject", subject),
        ]
        if html is None:
            out.append(self._plain)
            self._text.join(text, out)
        else:
            out += (self._head, self._before_text)
            self._text.join(text, out)
            out.append(self._before_html)
            self._html.join(html, out)
            out.append(self._end)
        return b"".join(out).replace(_TOKEN, token.encode("ascii"))

    def _date_header(self, now: datetime) -> bytes:
        second = int(now.timestamp())
        if self._date[0] != second:
            self._date = second, b"Date: " + format_datetime(now).encode() + b"\r\n"
        return self._date[1]


def _list_headers(manner: Manner, domain: str) -> bytes:
    """RFC 2369, RFC 2919, RFC 8058, and the Feedback-ID of the large receivers."""
    url = f"{manner.base_url}{UNSUBSCRIBE}{TOKEN_PLACEHOLDER}"
    mailto = f"mailto:unsubscribe+{TOKEN_PLACEHOLDER}@{manner.returns_domain or domain}?subject=unsubscribe"
    lines = [
        f"List-Unsubscribe: <{url}>,\r\n <{mailto}>\r\n".encode(),
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        mailbox("List-Id", manner.list_name, f"{manner.list_key}.{domain}"),
        # Four fields, the last one the sender's, by which receivers add up (Gmail's format).
        f"Feedback-ID: {manner.feedback}:{manner.list_key}:{domain}:liaison\r\n".encode(),
        b"Precedence: bulk\r\n",  # keeps vacation programs silent where they do not know List-Id
    ]
    return b"".join(lines)


def _boundary(head: bytes) -> bytes:
    # "=_" cannot occur in quoted-printable text, so no body can hold the boundary.
    return b"=_" + hashlib.sha256(head).hexdigest()[:24].encode()


def _part(before: bytes, boundary: bytes, kind: bytes) -> bytes:
    return (
        before + b"--" + boundary + b"\r\nContent-Type: text/" + kind + b"; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )

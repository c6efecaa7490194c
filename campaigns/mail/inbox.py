"""The built-in inbox: a mail server of our own that keeps what is sent to it, for the demonstration and for trials.

Nothing leaves the machine. Mails lie in a maildir; beside it `index.jsonl` has one line a mail, so that a page can
list the newest without opening them. Listens to loopback unless told otherwise; asks for no login.
"""

import json
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from campaigns.clock import Clock, SystemClock
from campaigns.errors import MailerError, NotFound
from campaigns.mail.listening import Listener

_KEY = re.compile(r"[0-9]{10,}\.[0-9a-f]{16}\.liaison")
_MOST_BYTES = 20 << 20
_TAIL = 4 << 20


@dataclass(frozen=True)
class Entry:
    """One mail of the inbox, as its list shows it. `at` is ISO 8601 in UTC, `size` in bytes."""

    key: str
    at: str
    sender: str
    recipient: str
    subject: str
    size: int


class InboxFolder:
    """The mails that were kept: written by the inbox's process, read by any other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._index = folder / "index.jsonl"

    def prepare(self) -> None:
        """Make the maildir."""
        for name in ("tmp", "new", "cur"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def keep(self, content: bytes, *, envelope_from: str, recipients: Sequence[str], clock: Clock) -> Entry:
        """Write one mail, then its line in the index; returns the line."""
        now = clock.now()
        key = f"{int(now.timestamp())}.{secrets.token_hex(8)}.liaison"
        trace = f"Return-Path: <{envelope_from}>\r\nDelivered-To: {', '.join(recipients)}\r\n".encode()
        temporary = self.folder / "tmp" / key
        temporary.write_bytes(trace + content)
        temporary.rename(self.folder / "new" / key)
        head = BytesHeaderParser(policy=policy.default).parsebytes(content)
        entry = Entry(
            key=key,
            at=now.isoformat(timespec="seconds"),
            sender=_said(head.get("From"))[:300],
            recipient=", ".join(recipients)[:300],
            subject=_said(head.get("Subject"))[:300],
            size=len(content),
        )
        line = json.dumps(asdict(entry), ensure_ascii=False).encode() + b"\n"
        file = os.open(self._index, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)
        return entry

    def newest(self, *, most: int = 100, text: str = "") -> list[Entry]:
        """The newest first; `text` must occur in address or subject."""
        if not self._index.exists():
            return []
        wanted, found = text.strip().casefold(), []
        for line in reversed(self._tail()):
            try:
                entry = Entry(**json.loads(line))
            except (ValueError, TypeError):
                continue  # cut at the beginning of the tail, or in the middle of being written
            if wanted in f"{entry.recipient} {entry.sender} {entry.subject}".casefold():
                found.append(entry)
                if len(found) == most:
                    break
        return found

    def _tail(self) -> list[bytes]:
        with self._index.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            return file.read().splitlines()

    def count(self) -> int:
        """How many mails lie there."""
        folder = self.folder / "new"
        return sum(1 for _ in os.scandir(folder)) if folder.exists() else 0

    def raw(self, key: str) -> bytes:
        """The mail's bytes; NotFound if there is none of this key."""
        path = self.folder / "new" / key
        if _KEY.fullmatch(key) is None or not path.is_file():
            raise NotFound("This mail is not in the inbox any more.")
        return path.read_bytes()

    def open(self, key: str) -> "Mail":
        """The mail, parsed; NotFound if there is none of this key."""
        return Mail(self.raw(key))

    def clear(self) -> None:
        """Throw everything away."""
        for path in (self.folder / "new").glob("*"):
            path.unlink()
        self._index.unlink(missing_ok=True)


class Mail:
    """A mail as a page shows it."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        message = message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.message = message
        self.subject = _said(message.get("Subject"))
        self.sender = _said(message.get("From"))
        self.recipient = _said(message.get("To"))
        self.date = _said(message.get("Date"))
        self.headers = [(name, _said(value)) for name, value in message.items()]
        self.html = self._part("html")
        self.text = self._part("plain")

    def _part(self, kind: str) -> str:
        part = self.message.get_body(preferencelist=(kind,))
        try:
            return str(part.get_content()) if part is not None else ""
        except (LookupError, ValueError):
            return ""

    @property
    def addresses(self) -> list[Address]:
        """To whom its header says it goes."""
        return list(getattr(self.message.get("To"), "addresses", ()))


def _said(value: Any) -> str:
    return " ".join(str(value or "").split())


class _Keeper:
    def __init__(self, folder: InboxFolder, clock: Clock) -> None:
        self._folder, self._clock = folder, clock

    async def handle_EHLO(  # noqa: N802 - the library's names
        self,
        server: Any,  # noqa: ARG002
        session: Any,
        envelope: Any,  # noqa: ARG002
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        # The library takes pipelined commands (it reads line by line), but does not say so.
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802
        content = envelope.content
        assert isinstance(content, bytes)
        self._folder.keep(
            content, envelope_from=envelope.mail_from or "", recipients=envelope.rcpt_tos, clock=self._clock
        )
        return "250 2.0.0 Kept in the built-in inbox"


class Inbox:
    """The server: `start` in any thread (it runs in one of its own), `stop` when done; `port` 0 finds a free one."""

    def __init__(self, folder: Path, host: str, port: int, *, clock: Clock | None = None) -> None:
        self.mails = InboxFolder(folder)
        self.host, self.port = host, port
        self._clock = clock or SystemClock()

    def start(self) -> None:
        """Listen; MailerError if the port is taken."""
        self.mails.prepare()
        keeper = _Keeper(self.mails, self._clock)
        self._listener = Listener(keeper, self.host, self.port, name="inbox", most_bytes=_MOST_BYTES)
        try:
            self._listener.start()
        except OSError as error:
            raise MailerError(
                f"The built-in inbox cannot listen on {self.host}:{self.port}: {error.strerror}."
            ) from error
        self.port = self._listener.port

    def stop(self) -> None:
        """Listen no more."""
        self._listener.stop()

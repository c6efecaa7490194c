"""Mailers that send nothing: one keeps the mails in memory, one writes them into a maildir."""

import mailbox
from pathlib import Path

from campaigns.mail.transport import Answer, Letter, Outlet


class MemoryMailer:
    """Keeps what it was given in `outbox`: for tests, and for looking at a mail before it is sent."""

    name = "memory"

    def __init__(self) -> None:
        self.outbox: list[Letter] = []

    def keep(self, letter: Letter) -> str:
        self.outbox.append(letter)
        return "kept"

    def line(self, outlet: Outlet) -> "KeepingLine":
        return KeepingLine(self, outlet)


class MaildirMailer(MemoryMailer):
    """Writes each mail into a maildir: nothing leaves this machine."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.name = f"the folder {folder}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._maildir = mailbox.Maildir(folder, create=True)

    def keep(self, letter: Letter) -> str:
        head = f"Delivered-To: {letter.recipient}\r\nReturn-Path: <{letter.sender}>\r\n".encode()
        key = self._maildir.add(head + letter.content)
        return f"kept as {key}"


class KeepingLine:
    """A line that takes everything there is as soon as it is woken."""

    is_busy = False

    def __init__(self, mailer: MemoryMailer, outlet: Outlet) -> None:
        self._mailer, self._outlet = mailer, outlet
        self._is_closed = False

    def wake(self) -> None:
        while not self._is_closed and (parcel := self._outlet.take()) is not None:
            content = self._outlet.content(parcel)
            if content is None:
                self._outlet.back(parcel, "Held back at the last moment.")
                continue
            letter = Letter(parcel.sender, parcel.recipient, content, parcel.needs_utf8)
            self._outlet.end(parcel, Answer("dot", 250, self._mailer.keep(letter)))

    def tick(self) -> None:
        """Nothing can time out."""

    def close(self) -> None:
        self._is_closed = True

    def abort(self) -> None:
        self._is_closed = True

    async def wait_closed(self) -> None:
        """Nothing is left of it."""

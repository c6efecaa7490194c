"""Returned mail on its way in: a listener of our own that keeps each mail on the disk before it says 250, and the
reader that removes one only after its result is kept."""

import asyncio
import contextlib
import hashlib
import os
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.orm import Session

from campaigns.clock import Clock
from campaigns.config import Config
from campaigns.errors import MailerError
from campaigns.links import Links
from campaigns.mail.listening import Listener
from campaigns.tracking.returned import read_returned
from campaigns.tracking.returned.boxes import mails_in
from campaigns.tracking.returns import is_for_a_person, keep_returned

BATCH = 100
MOST_BYTES = 10 << 20
_SIGNED = re.compile(r"(bounce|unsubscribe)\+([A-Za-z0-9_-]{28})@", re.IGNORECASE)


class Roof(Protocol):
    """What of the runtime is needed here."""

    @property
    def config(self) -> Config: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def links(self) -> Links: ...
    def transaction(self) -> AbstractContextManager[Session]: ...


def spool_folder(config: Config) -> Path:
    """A maildir: `new` to be read, `left` read and not about any letter of ours (for a person to look at)."""
    return config.data.folder / "returned"


def keep_mail(folder: Path, content: bytes, recipients: Sequence[str]) -> Path:
    """Write one mail so that a power cut does not lose it; its envelope recipients stand on top."""
    to = ", ".join(re.sub(r"[^\x21-\x7e]", "", recipient) for recipient in recipients)
    return _write(folder, "new", f"Delivered-To: {to}\r\n".encode() + content)


def put_aside(folder: Path, content: bytes) -> Path:
    """Keep for a person what is about no letter of ours; the same mail again is the same file."""
    return _write(folder, "left", content, hashlib.sha256(content).hexdigest()[:24])


def _write(folder: Path, kind: str, content: bytes, name: str = "") -> Path:
    for made in ("tmp", "new", "cur", "left"):
        (folder / made).mkdir(parents=True, exist_ok=True)
    key = f"{name or secrets.token_hex(12)}.eml"
    with (folder / "tmp" / key).open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    place = folder / kind / key
    (folder / "tmp" / key).rename(place)
    directory = os.open(folder / kind, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return place


def read_spool(runtime: Roof) -> Counter[str]:
    """Read what lies in the spool; returns how many mails had which outcome.

    A batch is kept in one transaction; only then are its files removed, or moved to `left` if they were about
    no letter of ours. Read twice after a crash, a mail changes nothing the second time.
    """
    folder = spool_folder(runtime.config)
    outcomes: Counter[str] = Counter()
    if not (folder / "new").is_dir():
        return outcomes
    while files := _some_of(folder / "new"):
        outcomes += _read_batch(runtime, files)
    return outcomes


def _some_of(folder: Path) -> list[Path]:
    """The first that the disk names: a folder of a hundred thousand is not listed whole for each batch."""
    with os.scandir(folder) as entries:
        mails = (Path(entry.path) for entry in entries if entry.name.endswith(".eml"))
        return sorted(islice(mails, BATCH))


def _read_batch(runtime: Roof, files: Iterable[Path]) -> Counter[str]:
    found = []
    for file in files:
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            found.append((file, [read_returned(raw) for _, raw in mails_in(file)]))
    outcomes: Counter[str] = Counter()
    now = runtime.clock.now()
    is_done = {}
    with runtime.transaction() as session:
        for file, mails in found:
            kept = [keep_returned(session, mail, runtime.links, now=now) for mail in mails]
            outcomes.update(each.outcome for each in kept)
            is_done[file] = not any(is_for_a_person(each) for each in kept)
    for file, done in is_done.items():
        with contextlib.suppress(FileNotFoundError):
            if done:
                file.unlink()
            else:
                file.rename(file.parent.parent / "left" / file.name)
    return outcomes


class ReturnsListener:
    """The SMTP server to which the return path's MX or a relay points; `port` 0 finds a free one.

    It takes mail for signed addresses of ours (`bounce+…`, `unsubscribe+…`) and for the local parts that
    config names (a feedback loop's); to all else it says 550, so that nobody can fill the disk.
    """

    def __init__(self, runtime: Roof, *, port: int | None = None) -> None:
        returns = runtime.config.returns
        self.host, self.port = returns.host, returns.port if port is None else port
        keeper = _Keeper(spool_folder(runtime.config), runtime.links, returns.addresses)
        self._listener = Listener(keeper, self.host, self.port, name="returns", most_bytes=MOST_BYTES)

    def start(self) -> None:
        """Listen in a thread; MailerError if the port is taken."""
        try:
            self._listener.start()
        except OSError as error:
            raise MailerError(
                f"Returned mail cannot be listened for on {self.host}:{self.port}: {error.strerror}."
            ) from error
        self.port = self._listener.port

    def stop(self) -> None:
        """Listen no more."""
        self._listener.stop()


class _Keeper:
    """What the listener says to RCPT and DATA."""

    def __init__(self, folder: Path, links: Links, addresses: Sequence[str]) -> None:
        self._folder, self._links = folder, links
        self._addresses = {address.casefold() for address in addresses}

    async def handle_RCPT(  # noqa: N802 - the library's names
        self,
        server: Any,  # noqa: ARG002
        session: Any,  # noqa: ARG002
        envelope: Any,
        address: str,
        options: list[str],  # noqa: ARG002
    ) -> str:
        if not self._is_ours(address):
            return "550 5.1.1 No such address here"
        if len(envelope.rcpt_tos) >= 20:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    def _is_ours(self, address: str) -> bool:
        signed = _SIGNED.match(address)
        if signed:
            kind = signed[1].lower()
            return self._links.read(signed[2], "bounce" if kind == "bounce" else "mail") is not None
        return address.rpartition("@")[0].casefold() in self._addresses

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802
        content = envelope.content
        assert isinstance(content, bytes)
        try:
            await asyncio.to_thread(keep_mail, self._folder, content, envelope.rcpt_tos)
        except OSError:
            return "452 4.3.1 It could not be kept; try again later"
        return "250 2.0.0 Kept"

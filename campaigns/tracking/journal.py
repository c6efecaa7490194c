"""The hit journal: each hit one line appended to a file at once, so that kill -9 loses none and no lock delays it.

A worker writes its own file and holds a lock on it; the ingester reads all files and removes one when it is
read to its end and nobody holds its lock any more (the system lets go when a process dies). A line is
kind, microseconds since 1970, message, mailing, position, method, network, signs, user agent; tabs between.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from campaigns.clock import Clock

SUFFIX = ".hits"
ROTATE_SECONDS = 60.0
MOST_AGENT = 400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_CONTROLS = dict.fromkeys((*range(32), 127), 32)
KINDS = {"o": "opened", "c": "clicked"}


@dataclass(frozen=True, slots=True)
class Line:
    """One hit as read back."""

    kind: str
    at: datetime
    message_id: int
    mailing_id: int
    position: int | None
    method: str
    network: str
    signs: str
    user_agent: str


class HitJournal:
    """Appends hits to a file of this process below `folder`; begins a new file now and then.

    `append` returns whether the whole line is in the file: False when the disk is full or the folder gone,
    and then the answer to the reader is given all the same.
    """

    def __init__(self, folder: Path, clock: Clock, *, rotate_seconds: float = ROTATE_SECONDS) -> None:
        self._folder = folder
        self._clock = clock
        self._rotate_seconds = rotate_seconds
        self._file = -1
        self._pid = 0
        self._until = 0.0
        self._is_torn = False
        self._lock = Lock()

    def append(
        self,
        kind: str,
        message_id: int,
        mailing_id: int,
        position: int | str,
        method: str,
        network: str,
        signs: str,
        user_agent: str,
    ) -> bool:
        """Keep one hit; `kind` is `o` or `c`, `user_agent` as WSGI gives it (bytes as Latin-1)."""
        if user_agent and not (user_agent.isascii() and user_agent.isprintable()):
            user_agent = user_agent.translate(_CONTROLS)
        at = (self._clock.now() - _EPOCH) // _MICRO
        line = (
            f"{kind}\t{at}\t{message_id}\t{mailing_id}\t{position}\t{method}\t{network}\t{signs}\t"
            f"{user_agent[:MOST_AGENT]}\n"
        ).encode("latin-1", "replace")
        with self._lock:  # among the threads of this process; it is held for some microseconds
            try:
                return self._write(line)
            except OSError:
                return False

    def _write(self, line: bytes) -> bool:
        if self._clock.monotonic() >= self._until or self._pid != os.getpid():
            self._begin()
        if self._is_torn:  # the last line was cut by a full disk: do not glue this one to it
            line = b"\n" + line
        self._is_torn = os.write(self._file, line) != len(line)
        return not self._is_torn

    def _begin(self) -> None:
        """Open the next file: under a hidden name until it is locked, so that the ingester never takes it away."""
        if self._pid == os.getpid():
            self.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{self._clock.now():%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        hidden = self._folder / f".{name}"
        file = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            hidden.rename(self._folder / name)
        except OSError:
            os.close(file)
            raise
        self._file, self._pid, self._is_torn = file, os.getpid(), False
        self._until = self._clock.monotonic() + self._rotate_seconds

    def close(self) -> None:
        """Let go of the file: it may be read to its end and removed."""
        if self._file >= 0 and self._pid == os.getpid():
            os.close(self._file)
        self._file, self._until = -1, 0.0


def files(folder: Path) -> list[Path]:
    """The journals there are, oldest first."""
    return sorted(folder.glob(f"[!.]*{SUFFIX}")) if folder.is_dir() else []


def read_from(path: Path, offset: int, most_bytes: int) -> tuple[list[bytes], int]:
    """Whole lines from `offset` on, and where the next begins. What is read has reached the disk."""
    with path.open("rb") as file:
        os.fdatasync(file.fileno())
        file.seek(offset)
        block = file.read(most_bytes)
    end = block.rfind(b"\n") + 1
    return block[:end].splitlines(), offset + end


def is_finished(path: Path, offset: int) -> bool:
    """Whether nobody writes to it any more and nothing whole is left after `offset`."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        file.seek(offset)
        return b"\n" not in file.read(65536)  # half a line of a dying process is no hit


def parse(lines: list[bytes]) -> Iterator[Line]:
    """The hits of these lines; a line that is none (cut, glued, foreign) is passed over."""
    for raw in lines:
        parts = raw.decode("utf-8", "replace").split("\t")
        if len(parts) != 9 or parts[0] not in KINDS:
            continue
        kind, at, message, mailing, position, method, network, signs, agent = parts
        try:
            moment = _EPOCH + int(at) * _MICRO
            where = int(position) if position else None
            yield Line(
                KINDS[kind],
                moment,
                int(message),
                int(mailing),
                where,
                method[:8],
                network[:50],
                signs[:100],
                agent,
            )
        except (ValueError, OverflowError):
            continue

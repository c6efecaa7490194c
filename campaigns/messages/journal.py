"""The journal of one sender process: intent before the content, outcome after the answer.

Two short appends a message that survive `kill -9` (they are in the system's hands when the call returns), so that
outcomes may go to the database in groups. A lock on the file tells whether its process still lives. After a
power cut the tail may be missing: the machine's boot id in the first line tells, and then whoever was claimed
without an outcome counts as unknown. docs/delivery.md says what follows from each state.
"""

import errno
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from campaigns.mail import Answer

_MOST_BYTES = 8 << 20
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """What changes when the machine starts anew; "" where the system does not tell."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class Journal:
    """Open for writing by one process. `owner` names it, as the rows it claims do."""

    def __init__(self, folder: Path, owner: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.owner = owner
        self.path = folder / f"{owner}.journal"
        self._head = json.dumps({"owner": owner, "boot": boot_id()}).encode() + b"\n"
        self._pending: dict[int, bytes] = {}
        self._is_torn = False
        self._lock = _locked(folder / f"{owner}.lock")
        self._file = self._begin(self.path, ())

    def intent(self, message_id: int, tries: int) -> None:
        """From now on the server may have it. OSError: it could not be kept, so the mail must not go."""
        line = b"i %d %d\n" % (message_id, tries)
        self._append(line)
        self._pending[message_id] = line

    def outcome(self, message_id: int, tries: int, answer: Answer) -> None:
        """What the server said."""
        words = json.dumps([answer.step, answer.code, answer.text]).encode()
        line = b"o %d %d %b\n" % (message_id, tries, words)
        self._pending[message_id] = self._pending.get(message_id, b"") + line
        self._append(line)

    def recorded(self, message_ids: Iterable[int]) -> None:
        """The database has these: the journal need not keep them."""
        for message_id in message_ids:
            self._pending.pop(message_id, None)
        if self._size > _MOST_BYTES or (not self._pending and self._size > 65536):
            self._renew()

    def close(self) -> None:
        """Everything is recorded: leave nothing behind."""
        os.close(self._file)
        if not self._pending:
            self.path.unlink(missing_ok=True)
            self.path.with_suffix(".lock").unlink(missing_ok=True)
        os.close(self._lock)

    def _append(self, line: bytes) -> None:
        if self._is_torn:
            self._renew()  # a line begun behind a torn one could not be read
        try:
            self._write(line)
        except OSError:  # the disk is full, or this file is broken: a fresh and shorter one may do
            self._renew()
            self._write(line)

    def _write(self, line: bytes) -> None:
        self._is_torn = True
        written = os.write(self._file, line)
        self._size += written
        if written != len(line):
            raise OSError(errno.ENOSPC, "The journal could not be written whole")
        self._is_torn = False

    def _begin(self, path: Path, lines: Iterable[bytes]) -> int:
        file = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND, 0o600)
        content = b"".join([self._head, *lines])
        try:
            if os.write(file, content) != len(content):
                raise OSError(errno.ENOSPC, "The journal could not be begun")
        except OSError:
            os.close(file)
            raise
        self._size = len(content)
        return file

    def _renew(self) -> None:
        fresh = self.path.with_suffix(".fresh")
        file = self._begin(fresh, self._pending.values())
        fresh.replace(self.path)
        os.close(self._file)
        self._file = file
        self._is_torn = False


def _locked(path: Path) -> int:
    while True:
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists() and path.stat().st_ino == os.fstat(lock).st_ino:
            return lock
        os.close(lock)  # somebody tidied it away between the two calls


@dataclass(frozen=True)
class Remains:
    """What a dead process left: for each message its tries before, and the answer if one was heard.

    `is_whole` False: the machine went down since, the end may be missing.
    """

    owner: str
    is_whole: bool
    intents: dict[int, int]
    outcomes: dict[int, tuple[int, Answer]]


def remains(folder: Path) -> Iterator[Remains]:
    """The journals whose process is dead; each is held locked while it is worked on, and removed after."""
    for path in sorted(folder.glob("*.lock")):
        try:
            lock = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        journal = path.with_suffix(".journal")
        try:
            if path.exists():  # another may have finished with it before we had the lock
                yield _read(journal)
                journal.unlink(missing_ok=True)
                path.with_suffix(".fresh").unlink(missing_ok=True)
                path.unlink(missing_ok=True)
        finally:
            os.close(lock)


def alive(folder: Path) -> set[str]:
    """Names of the owners whose lock is held by a living process."""
    names = set()
    for path in folder.glob("*.lock"):
        try:
            lock = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            names.add(path.stem)
        finally:
            os.close(lock)
    return names


def _read(path: Path) -> Remains:
    intents: dict[int, int] = {}
    outcomes: dict[int, tuple[int, Answer]] = {}
    head: dict[str, str] = {}
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    for line in lines:
        try:
            if line.startswith(b"{"):
                head = json.loads(line)
            elif line.startswith(b"i "):
                _, message_id, tries = line.split(b" ")
                intents[int(message_id)] = int(tries)
            elif line.startswith(b"o "):
                _, message_id, tries, words = line.split(b" ", 3)
                step, code, text = json.loads(words)
                outcomes[int(message_id)] = int(tries), Answer(step, code, text)
        except (ValueError, TypeError):
            continue  # the torn last line of a power cut
    return Remains(path.stem, head.get("boot") == boot_id(), intents, outcomes)

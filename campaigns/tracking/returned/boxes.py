"""Where returned mails lie: a file, a folder of files, an mbox, a maildir; one after the other, in constant memory."""

import re
from collections.abc import Iterator
from pathlib import Path

from campaigns.errors import NotFound
from campaigns.tracking.returned.parts import MOST_BYTES

_FROM_LINE = re.compile(rb"From \S+ +.{0,40}\d\d:\d\d")
_MOST_LINES = 1_000_000


def mails_in(path: Path) -> Iterator[tuple[str, bytes]]:
    """`(name, bytes)` of every mail at `path`; of a long mail its beginning. NotFound if nothing is there."""
    if path.is_dir():
        folders = [path / name for name in ("new", "cur") if (path / name).is_dir()] or [path]
        for folder in folders:
            for file in sorted(folder.iterdir()):
                if file.is_file() and not file.name.startswith("."):
                    yield from _of_file(file)
    elif path.is_file():
        yield from _of_file(path)
    else:
        raise NotFound(f"{path} is not there.")


def _of_file(path: Path) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as file:
        is_mbox = file.read(5) == b"From "
    if not is_mbox:
        with path.open("rb") as file:
            yield str(path), file.read(MOST_BYTES)
        return
    for number, mail in enumerate(_of_mbox(path), 1):
        yield f"{path}:{number}", mail


def _of_mbox(path: Path) -> Iterator[bytes]:
    """A mail begins at a line `From somebody moment` behind an empty line (RFC 4155)."""
    mail: list[bytes] = []
    size, is_after_empty = 0, True
    with path.open("rb") as file:
        for line in file:
            if is_after_empty and line.startswith(b"From ") and (not mail or _FROM_LINE.match(line)):
                if mail:
                    yield b"".join(mail)
                mail, size = [], 0
            elif size < MOST_BYTES:
                mail.append(line)
                size += len(line)
            is_after_empty = not line.strip()
    if mail:
        yield b"".join(mail)

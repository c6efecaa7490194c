"""Quoted-printable (RFC 2045 6.7) made for many mails of one wording: each static piece is encoded once.

A compiled template yields its output in pieces, and the static ones come back as the same strings for every
recipient. Their encoded form is kept in a table, so that per recipient only what is personal is encoded.
"""

import re
from collections.abc import Iterable

from campaigns.links import TOKEN_PLACEHOLDER

WIDTH = 75
"""Characters of a line before its soft break: 76 with the `=`."""
_SOFT_BREAK = b"=\r\n"
_MOST_BYTES = 4 << 20
_ESCAPES = [b"=%02X" % byte for byte in range(256)]
_UNSAFE = re.compile(rb"[^ -<>-~\n]")
_DROPPED = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])
_UNITS = re.compile(rb"=[0-9A-F]{2}|" + TOKEN_PLACEHOLDER.encode() + rb"|[^=]")

Encoded = tuple[int, int, bytes]
"""Length of the first line, length of the last (-1: there is only the first), the bytes."""


class Table:
    """The encoded forms of pieces seen; emptied when it has grown, so that memory stays flat.

    `is_tight` writes a space after a space as `=20`: the body is then its own relaxed canonical form
    (RFC 6376 3.4.4), and its DKIM hash is one pass over the bytes.
    """

    def __init__(self, *, is_tight: bool = False) -> None:
        self._known: dict[str, Encoded] = {}
        self._size = 0
        self._is_tight = is_tight

    def join(self, pieces: Iterable[str], out: list[bytes]) -> None:
        """Append the encoded text of `pieces` to `out`; it begins and ends at the beginning of a line."""
        known, column = self._known, 0
        add = out.append
        for piece in pieces:
            encoded = known.get(piece)
            if encoded is None:
                encoded = self._encode(piece)
            first, last, raw = encoded
            if column + first > WIDTH:
                add(_SOFT_BREAK)
                column = 0
            add(raw)
            column = column + first if last < 0 else last
        if column:
            add(b"\r\n")

    def _encode(self, piece: str) -> Encoded:
        encoded = encode(piece, is_tight=self._is_tight)
        self._size += len(encoded[2]) + len(piece) + 150
        if self._size > _MOST_BYTES:
            self._known.clear()
            self._size = len(encoded[2]) + len(piece) + 150
        self._known[piece] = encoded
        return encoded


def encode(piece: str, *, is_tight: bool = False) -> Encoded:
    """One piece, as if a line began with it; no line begins with a dot or ends with a space, no token is broken."""
    if "\r" in piece:
        piece = piece.replace("\r\n", "\n").replace("\r", "\n")
    raw = piece.translate(_DROPPED).encode("utf-8", "replace")
    raw = _UNSAFE.sub(lambda found: _ESCAPES[found[0][0]], raw)
    if is_tight:
        raw = re.sub(rb"(?<= ) ", b"=20", raw)
    lines: list[bytes] = []
    breaks: list[bytes] = []
    for line in raw.split(b"\n"):
        if line.endswith(b" "):
            line = line[:-1] + b"=20"
        parts = _wrapped(line)
        lines += parts
        breaks += [_SOFT_BREAK] * (len(parts) - 1) + [b"\r\n"]
    breaks[-1] = b""
    whole = b"".join(line + end for line, end in zip(lines, breaks, strict=True))
    return len(lines[0]), -1 if len(lines) == 1 else len(lines[-1]), whole


def _wrapped(line: bytes) -> list[bytes]:
    if line.startswith(b"."):
        line = b"=2E" + line[1:]
    if len(line) <= WIDTH:
        return [line]
    parts: list[bytes] = []
    current: list[bytes] = []
    length = 0
    for unit in _UNITS.findall(line):
        if length + len(unit) > WIDTH:
            parts.append(b"".join(current))
            current, length = [], 0
            unit = b"=2E" if unit == b"." else unit
        current.append(unit)
        length += len(unit)
    return [*parts, b"".join(current)]

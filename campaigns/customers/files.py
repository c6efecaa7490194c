"""Files of other programs read line by line: encoding and delimiter found, one bad line never stops the rest. Pure."""

import codecs
import csv
import gzip
import io
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from campaigns.errors import Invalid

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with a mark at its beginning (BOM)",
    "cp1252": "Windows (CP1252)",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16, little end first",
    "utf-16-be": "UTF-16, big end first",
}
DELIMITERS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Vertical bar"}

LONGEST_LINE = 1 << 20
LONGEST_RECORD = 1 << 18
"""Bytes of one record with line ends in its quotes; beyond, a quotation mark is taken for forgotten."""
LARGEST_UNPACKED = 8 << 30
"""A compressed file that grows beyond is refused: it was made to fill the disk."""
_CHUNK = 1 << 20
UNCLOSED = "A quotation mark is opened here and never closed."


class Record(NamedTuple):
    """One record: the line where it begins, its fields (or why it cannot be read), the byte after it, its last line."""

    line: int
    fields: list[str]
    fault: str
    end: int
    last: int


@dataclass(frozen=True)
class Form:
    """How a file is written."""

    encoding: str
    delimiter: str
    has_header: bool
    size: int


def keep(stream: BinaryIO, target: Path, *, limit: int | None = None) -> int:
    """Copy what is uploaded to our own file; its size in bytes. Raises Invalid beyond `limit`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with target.open("wb") as file:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if limit is not None and size > limit:
                raise Invalid(f"The file is larger than {limit >> 20} MB.")
            file.write(chunk)
    return size


def prepare(original: Path, target: Path, *, encoding: str = "") -> str:
    """Write `original` (plain or gzip) as UTF-8 with plain line ends to `target`; the encoding found or told.

    From then on a position is a byte of `target`, whatever the file was: an interrupted import goes on there.
    Line numbers are those of the original. Raises Invalid if this is no text.
    """
    with _opened(original) as stream:
        head = stream.read(_CHUNK)
    _refuse_other_files(head)
    encoding = encoding or _encoding(original, head)
    if encoding not in ENCODINGS:
        raise Invalid(f"{encoding} is not an encoding that is known here: {', '.join(ENCODINGS)}.")
    written = 0
    with (
        _opened(original) as stream,
        io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline=None) as text,
        target.open("w", encoding="utf-8", newline="\n") as file,
    ):
        while chunk := text.read(_CHUNK):
            if not written:
                chunk = chunk.removeprefix("\ufeff")
                _refuse_binary(chunk)
            written += len(chunk)
            if written > LARGEST_UNPACKED:
                raise Invalid("Unpacked, this file is larger than 8 GB.")
            file.write(chunk)
    if not written:
        raise Invalid("The file is empty.")
    return encoding


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not is_packed:
            yield file
            return
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked  # type: ignore[misc]
        except (EOFError, gzip.BadGzipFile, OSError) as error:
            raise Invalid("The compressed file is damaged.") from error


def _refuse_other_files(head: bytes) -> None:
    if not head.strip(b"\x00\r\n\t \xef\xbb\xbf"):
        raise Invalid("The file is empty.")
    if head[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise Invalid("This is a workbook or an archive, not a text file; in Excel, save it as “CSV UTF-8”.")
    if head[:5] == b"%PDF-" or head[:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0"):
        raise Invalid("This is a document or a picture, not a list of customers or purchases.")


def _encoding(path: Path, head: bytes) -> str:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = head[:4096]
    if len(sample) >= 4:
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        if odd > len(sample) // 5 and even < odd // 8:
            return "utf-16-le"
        if even > len(sample) // 5 and odd < even // 8:
            return "utf-16-be"
    return _eight_bit(path)


def _eight_bit(path: Path) -> str:
    """UTF-8 if it is so but for few bytes (those lines will be refused), else CP1252."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    good = bad = 0
    with _opened(path) as stream:
        while chunk := stream.read(_CHUNK):
            if chunk.isascii() and decoder.getstate() == (b"", 0):
                continue
            text = decoder.decode(chunk)
            wrong = text.count("\ufffd")
            bad += wrong
            good += sum(not c.isascii() for c in text) - wrong
    return "cp1252" if bad > good // 20 else "utf-8"


def _refuse_binary(text: str) -> None:
    sample = text[:65_536]
    strange = len(re.findall(r"[\x00-\x08\x0e-\x1f\x7f]", sample))
    if strange > max(8, len(sample) // 50):
        raise Invalid("This is not a text file. Export it as CSV.")


def find_form(path: Path, encoding: str, *, delimiter: str = "") -> Form:
    """How the prepared file is divided. A delimiter may be told instead."""
    with path.open("rb") as file:
        head = file.read(_CHUNK >> 2).decode("utf-8", "replace")
    if delimiter and delimiter not in DELIMITERS:
        raise Invalid(f"{delimiter} is not a delimiter that is known here: {' '.join(DELIMITERS)}.")
    delimiter = delimiter or _delimiter(head)
    return Form(encoding, delimiter, _has_header(path, delimiter), path.stat().st_size)


def _delimiter(head: str) -> str:
    """The sign that cuts the first lines into the most equal number of fields."""
    lines = [line for line in head.split("\n")[:60] if line.strip()]
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            widths = [len(fields) for fields in csv.reader(lines, delimiter=delimiter) if fields]
        except csv.Error:
            continue
        if not widths:
            continue
        usual = max(set(widths), key=widths.count)
        score = (widths.count(usual) / len(widths) if usual > 1 else 0.0, usual)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _has_header(path: Path, delimiter: str) -> bool:
    """A first line that holds an address, a number or nothing among its names is data already."""
    first = next((r for r in read(path, delimiter) if r.fields), None)
    if first is None:
        return True
    cells = [cell.strip() for cell in first.fields]
    return not any("@" in cell or re.fullmatch(r"[-+\d][\d.,/:\s-]*", cell) for cell in cells)


def header_of(path: Path, form: Form) -> list[str]:
    """The names of the columns, made different where the file repeats one."""
    first = next((r for r in read(path, form.delimiter) if r.fields), None)
    if first is None:
        raise Invalid("No line of this file can be read.")
    if not form.has_header:
        return [f"Column {position}" for position in range(1, len(first.fields) + 1)]
    names: list[str] = []
    for position, cell in enumerate(first.fields, 1):
        name = " ".join(cell.split())[:80] or f"Column {position}"
        count = 2
        while name in names:
            name, count = f"{' '.join(cell.split())[:80] or f'Column {position}'} ({count})", count + 1
        names.append(name)
    return names


def samples_of(path: Path, form: Form, width: int, *, most: int = 15, lines: int = 2_000) -> list[list[str]]:
    """For each column up to `most` different values from the first lines."""
    found: list[dict[str, None]] = [{} for _ in range(width)]
    for count, record in enumerate(records(path, form)):
        if count >= lines or all(len(values) >= most for values in found):
            break
        for values, cell in zip(found, record.fields, strict=False):
            if cell.strip() and len(values) < most:
                values[cell.strip()[:200]] = None
    return [list(values) for values in found]


def records(path: Path, form: Form, *, offset: int = 0, line: int = 0) -> Iterator[Record]:
    """The records after the header, from byte `offset` (whose line is `line` + 1) on."""
    is_header = form.has_header and not offset
    for record in read(path, form.delimiter, offset=offset, line=line):
        if is_header and (record.fields or record.fault):
            is_header = False
            continue
        yield record


class _Forgotten(Exception):
    """The record goes on too long: its quotation mark was never closed."""


class _Lines:
    """Feeds the csv reader with decoded lines and knows where the present record began."""

    def __init__(self, file: BinaryIO, position: int, line: int) -> None:
        file.seek(position)
        self.file = file
        self.position = self.start = self.first_end = position
        self.line = line
        self.is_over = False

    def __iter__(self) -> Iterator[str]:
        readline = self.file.readline
        while raw := readline(LONGEST_LINE):
            is_first = self.position == self.start
            self.position += len(raw)
            is_long = len(raw) == LONGEST_LINE and not raw.endswith(b"\n")
            if is_long:
                self._skip()
            self.line += 1
            if is_first:
                self.first_end = self.position
            if is_long or (self.position - self.start > LONGEST_RECORD and not is_first):
                raise _Forgotten
            yield raw.decode("utf-8")
        self.is_over = True

    def _skip(self) -> None:
        while raw := self.file.readline(LONGEST_LINE):
            self.position += len(raw)
            if raw.endswith(b"\n"):
                return


def read(path: Path, delimiter: str, *, offset: int = 0, line: int = 0) -> Iterator[Record]:
    """Every record of a prepared file that is not blank; one that cannot be read comes with its fault.

    After such a one, reading goes on with the next line of the file, whatever quotation marks said.
    """
    with path.open("rb") as file:
        while True:
            lines = _Lines(file, offset, line)
            fault = ""
            begun = line
            try:
                for fields in csv.reader(lines, delimiter=delimiter):
                    if lines.is_over and lines.position > lines.first_end:
                        fault = UNCLOSED
                        break
                    if any(fields):
                        yield Record(begun + 1, fields, "", lines.position, lines.line)
                    lines.start, begun = lines.position, lines.line
            except _Forgotten:
                is_long = lines.first_end - lines.start >= LONGEST_LINE
                fault = "This line is longer than a megabyte." if is_long else UNCLOSED
            except csv.Error:
                is_spanning = lines.position > lines.first_end
                fault = UNCLOSED if is_spanning else "A field of this line is longer than 131,072 characters."
            if not fault:
                return
            offset, line = lines.first_end, begun + 1
            yield Record(line, [], fault, offset, line)


def rejected_path(folder: Path, *, is_dry: bool) -> Path:
    """Where refused lines of an import are written: those of a dry run apart from those of the run."""
    return folder / ("rejected-dry.csv" if is_dry else "rejected.csv")


def write_rejected(
    path: Path,
    size: int,
    header: Sequence[str],
    rows: Iterable[tuple[int, str, Sequence[str]]],
    delimiter: str,
) -> int:
    """Add refused lines after byte `size` of the file (what stands beyond was never committed); its new size.

    Opened in a spreadsheet no cell of it is a formula; imported again, cells are what they were.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    if not size:
        writer.writerow(["line", "reason", *map(safe_cell, header)])
    for line, reason, fields in rows:
        writer.writerow([line, reason, *map(safe_cell, fields)])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(size)
        file.seek(size)
        # The mark at the beginning tells Excel that this is UTF-8.
        file.write((b"" if size else codecs.BOM_UTF8) + text.getvalue().encode())
        file.flush()
        return file.tell()


_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[-+]?\d[\d.,]*")


def safe_cell(text: str) -> str:
    """`text` as a cell that no spreadsheet takes for a formula; `plain_cell` gives it back unchanged."""
    if text and text[0] in "'=+-@\t\r" and _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def plain_cell(text: str) -> str:
    """What `safe_cell` was given."""
    if text[:1] == "'" and _FORMULA.match(text[1:]):
        return text[1:]
    return text


def remove(folder: Path) -> None:
    """Throw away what an import kept on disk."""
    shutil.rmtree(folder, ignore_errors=True)

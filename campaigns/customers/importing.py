"""One file on its way in: kept, looked at, mapped, tried dry, begun, stopped. For any kind of file."""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from campaigns.customers import files
from campaigns.customers.files import Form
from campaigns.customers.kinds import Kind, Options, guess
from campaigns.customers.model import Import
from campaigns.customers.rules import LEGAL_BASES, clean, read_tag
from campaigns.customers.values import day_order
from campaigns.errors import Conflict, Invalid, NotFound

_DATES = ("birthday", "purchased_at", "consented_at", "happened_at", "date")


@dataclass(frozen=True)
class Column:
    """A column as the mapping page shows it."""

    position: int
    name: str
    samples: list[str]
    guess: str


@dataclass(frozen=True)
class Preview:
    """What was found out about a file, before anything is decided."""

    form: Form
    columns: list[Column]
    options: Options
    day_order_is_open: bool


@dataclass(frozen=True)
class Upload:
    """A file that is kept, and how it was found to be written; no row of a table yet."""

    folder: Path
    form: Form
    header: list[str]
    samples: list[list[str]]


def receive(stream: BinaryIO, data: Path, *, limit: int | None = None, **told: Any) -> Upload:
    """Keep a file in a folder of its own below `data`, and find out how it is written (`told`: see `look_at`).

    Raises Invalid if it is no text, empty, or larger than `limit` bytes; nothing is kept then. Done before any
    transaction: a large file takes its time.
    """
    (data / "imports").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="", dir=data / "imports"))
    try:
        files.keep(stream, folder / "original", limit=limit)
        return look_at(folder, **told)
    except BaseException:
        files.remove(folder)
        raise


def look_at(
    folder: Path, *, encoding: str = "", delimiter: str = "", has_header: bool | None = None
) -> Upload:
    """How a kept file is written; what is told is taken instead of what would be found."""
    found = files.prepare(folder / "original", folder / "lines.csv", encoding=encoding)
    form = files.find_form(folder / "lines.csv", found, delimiter=delimiter)
    if has_header is not None:
        form = replace(form, has_header=has_header)
    header = files.header_of(folder / "lines.csv", form)
    return Upload(folder, form, header, files.samples_of(folder / "lines.csv", form, len(header)))


def open_upload(
    session: Session,
    kind: Kind,
    upload: Upload,
    *,
    filename: str,
    now: datetime,
    zone: str = "UTC",
    currency: str = "EUR",
    by: int | None = None,
) -> Import:
    """Begin an import with a guess of what its columns are. `filename` is shown, never used as a path."""
    shown = clean(Path(filename.replace("\\", "/")).name, 300, "The name of the file") or "file.csv"
    options = _guessed(session, kind, upload, zone, currency)
    row = Import(
        kind=kind.name,
        filename=shown,
        path=str(upload.folder),
        options=options.as_json(),
        status="uploaded",
        size=upload.form.size,
        created_by=by,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def read_again(session: Session, row: Import, kind: Kind, upload: Upload) -> Import:
    """Take the file as `look_at` was told that it is written: for a marketer who knows better."""
    if row.status not in ("uploaded", "checked"):
        raise Conflict("This file is being read already.")
    before = Options.stored(row.options)
    row.options = _guessed(session, kind, upload, before.zone, before.currency).as_json()
    row.size, row.status, row.checked = upload.form.size, "uploaded", {}
    session.flush()
    return row


def _guessed(session: Session, kind: Kind, upload: Upload, zone: str, currency: str) -> Options:
    mapping = guess(kind.targets(session), upload.header, upload.samples)
    return Options(
        encoding=upload.form.encoding,
        delimiter=upload.form.delimiter,
        has_header=upload.form.has_header,
        header=tuple(upload.header),
        mapping=mapping,
        day_order=_day_order(mapping, upload.samples) or "",
        decimal_mark="," if _has_decimal_comma(upload.samples, upload.form.delimiter) else ".",
        zone=zone,
        currency=currency,
        row="line" if {"product_number", "quantity", "unit_price"} & set(mapping.values()) else "order",
    )


def preview(row: Import) -> Preview:
    """Columns with up to 15 samples and the mapping as it stands."""
    options = Options.stored(row.options)
    form = _form(options, row.size)
    path = Path(row.path) / "lines.csv"
    if not path.exists():
        raise NotFound("The file of this import has been removed.")
    samples = files.samples_of(path, form, len(options.header))
    columns = [
        Column(position, name, samples[position], options.mapping.get(position, ""))
        for position, name in enumerate(options.header)
    ]
    return Preview(form, columns, options, _day_order(options.mapping, samples) is None)


def _form(options: Options, size: int) -> Form:
    return Form(options.encoding, options.delimiter, options.has_header, size)


def _day_order(mapping: Mapping[int, str], samples: list[list[str]]) -> str | None:
    dates = [position for position, target in mapping.items() if target in _DATES]
    return day_order([sample.split(" ")[0] for position in dates for sample in samples[position]])


def _has_decimal_comma(samples: list[list[str]], delimiter: str) -> bool:
    if delimiter == ",":
        return any(re.fullmatch(r"-?\d+,\d{1,2}", cell) for column in samples for cell in column)
    written = [
        cell for column in samples for cell in column if re.fullmatch(r"-?[\d\s.]*\d[.,]\d{1,2}", cell)
    ]
    return sum("," in cell[-3:] for cell in written) > len(written) / 2


def set_options(
    session: Session, row: Import, kind: Kind, options: Options, *, source: str, legal_basis: str
) -> Import:
    """Say how the file is to be read, where it comes from and on what ground; raises Invalid for all faults."""
    faults = dict(kind.faults(options))
    try:
        row.source = clean(source, 200, "The source")
        options = replace(options, tags=tuple(filter(None, map(read_tag, options.tags))))
    except Invalid as error:
        faults["source"] = str(error)
    if not row.source:
        faults["source"] = "Say where these people's data comes from: a till, a form, a fair."
    if legal_basis not in LEGAL_BASES:
        faults["legal_basis"] = f"Choose the legal basis: {', '.join(LEGAL_BASES)}."
    known = {target.name for target in kind.targets(session)}
    chosen = [target for target in options.mapping.values() if target]
    for target in chosen:
        if target not in known:
            faults["mapping"] = f"No column can be “{target}”."
        elif chosen.count(target) > 1:
            faults["mapping"] = f"Two columns are mapped to “{target}”: choose one."
    if any(not 0 <= position < len(options.header) for position in options.mapping):
        faults["mapping"] = "The mapping names a column that the file does not have."
    if faults:
        raise Invalid(" ".join(faults.values()), faults)
    row.legal_basis = legal_basis
    row.options = options.as_json()
    session.flush()
    return row


_FROM_THE_START = {"done": 0, "at_line": 0, "lines": 0, "rejected_size": 0, "error": "", "touched_at": None}


def begin_check(session: Session, row: Import, *, now: datetime | None = None) -> None:
    """Ask the clock for the dry run; with `now` the caller does it at once by `check_import`."""
    fresh = {**_FROM_THE_START, "touched_at": now}
    _move(session, row.id, ("uploaded", "checked"), "checking", checked={}, **fresh)


def begin_run(session: Session, row: Import, *, now: datetime | None = None) -> None:
    """Let it be imported by the clock. With `now` the caller reads it at once, and the clock only takes over
    when it falls silent."""
    fresh = {**_FROM_THE_START, "touched_at": now}
    _move(session, row.id, ("checked",), "running", counts={}, **fresh)


def stop_import(session: Session, row: Import, *, now: datetime) -> None:
    """Read no further. What was imported stays; imported again, the file counts nothing twice."""
    _move(session, row.id, ("uploaded", "checking", "checked", "running"), "stopped", finished_at=now)


def _move(session: Session, import_id: int, before: tuple[str, ...], after: str, **values: Any) -> None:
    statement = update(Import).where(Import.id == import_id, Import.status.in_(before))
    if session.connection().execute(statement.values(status=after, **values)).rowcount != 1:
        raise Conflict("This import has moved on meanwhile; look at it again.")
    session.expire_all()


def get_import(session: Session, import_id: int) -> Import:
    """One import; NotFound if there is none."""
    row = session.get(Import, import_id)
    if row is None:
        raise NotFound("There is no such import.")
    return row


def list_imports() -> Select[Import]:
    """All imports, newest first."""
    return select(Import).order_by(Import.id.desc())


def rejected_file(row: Import) -> Path:
    """The refused lines with their reasons: those of the run, or before it of the dry run. NotFound if none."""
    is_dry = row.status in ("checking", "checked") and not row.counts
    path = files.rejected_path(Path(row.path), is_dry=is_dry)
    if not row.rejected_size or not path.exists():
        raise NotFound("No line of this file was refused.")
    return path


def share_done(row: Import) -> float:
    """How far it has come, from 0 to 1."""
    return row.done / row.size if row.size else 0.0

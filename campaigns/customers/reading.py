"""Reads an import in batches: decided and written together with the position, so that no line counts twice."""

import gc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Select, or_, select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from campaigns.clock import Clock
from campaigns.customers import files
from campaigns.customers.bulk import Tally
from campaigns.customers.files import Form, Record
from campaigns.customers.importing import get_import
from campaigns.customers.kinds import Context, Kind, Options
from campaigns.customers.model import Import
from campaigns.db import Database
from campaigns.errors import Conflict, Invalid

T = TypeVar("T")
BATCH = 5_000
"""Records per transaction: 0.1 s of the write lock, so that clicks and sending go on beside an import."""
LONGEST_GROUP = 50_000
TRIES = 3
ABANDONED = timedelta(seconds=30)
"""After so long without a sign of life a running import is taken up by the clock."""


def check_import(
    database: Database, import_id: int, kinds: Mapping[str, Kind], *, suppressed: Select[Any], clock: Clock
) -> Import:
    """Dry run: everything is decided as if it were imported, nothing is written but the counts and examples."""
    return _Reading(database, import_id, kinds, suppressed, clock, is_dry=True).go()


def run_import(
    database: Database,
    import_id: int,
    kinds: Mapping[str, Kind],
    *,
    suppressed: Select[Any],
    clock: Clock,
    on_progress: Callable[[Import], None] | None = None,
) -> Import:
    """Import a `running` file to its end, from where it stands. Opens one transaction for each batch.

    The position is committed with the batch, so a batch is wholly there or not at all, whatever is killed.
    """
    return _Reading(database, import_id, kinds, suppressed, clock, is_dry=False).go(on_progress)


def continue_imports(
    database: Database, kinds: Mapping[str, Kind], *, suppressed: Select[Any], clock: Clock
) -> int:
    """The clock's part: check and import whatever waits or was left lying; records read. Never raises for one file."""
    count = 0
    while found := _next(database, clock.now()):
        import_id, is_dry = found
        row = _Reading(database, import_id, kinds, suppressed, clock, is_dry=is_dry).go()
        count += row.lines
    return count


def _next(database: Database, now: datetime) -> tuple[int, bool] | None:
    waiting = (
        select(Import.id, Import.status)
        .where(
            Import.status.in_(("checking", "running")),
            or_(Import.touched_at.is_(None), Import.touched_at < now - ABANDONED),
        )
        .order_by(Import.id)
        .limit(1)
    )
    with database.transaction() as session:
        row = session.execute(waiting).first()
        if row is None:
            return None
        session.execute(update(Import).where(Import.id == row.id).values(touched_at=now))
        return row.id, row.status == "checking"


@dataclass
class _Batch:
    """Records read and converted, outside of any transaction."""

    rows: list[tuple[int, Any]] = field(default_factory=list)
    fields: dict[int, list[str]] = field(default_factory=dict)
    groups: dict[int, str] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    end: int = 0
    line: int = 0

    def spoil(self) -> None:
        """Refuse whole groups of which one record was refused: half an order would be a wrong order."""
        if not self.groups:
            return
        bad = {self.groups[line]: line for line in self.refused if self.groups.get(line)}
        if not bad:
            return
        kept = []
        for line, facts in self.rows:
            culprit = bad.get(self.groups[line])
            if culprit is None:
                kept.append((line, facts))
            else:
                self.refused[line] = f"Line {culprit} of the same order was refused, so the order was."
        self.rows = kept


def _without_collecting(work: Callable[[], T]) -> T:
    """Do `work` with the collector of cycles at rest: a batch makes a million objects, none in a cycle, and
    the collector would look at them again and again (a third of the time)."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        return work()
    finally:
        if was_on:
            gc.enable()


class _Reading:
    """One import being read, by one process."""

    def __init__(
        self,
        database: Database,
        import_id: int,
        kinds: Mapping[str, Kind],
        suppressed: Select[Any],
        clock: Clock,
        *,
        is_dry: bool,
    ) -> None:
        self.database, self.import_id, self.clock, self.is_dry = database, import_id, clock, is_dry
        self.suppressed = suppressed
        with database.reading() as session:
            self.row = get_import(session, import_id)
            self.kind = kinds[self.row.kind]
            self.options = Options.stored(self.row.options)
            self.convert = self.kind.converter(session, self.options, clock.now())
            session.expunge(self.row)
        self.group = self.kind.group(self.options)
        self.status = "checking" if is_dry else "running"
        # A dry run finds nothing in the database of what it did not write: it remembers hashes.
        self.seen: dict[int, int] = {}

    def go(self, on_progress: Callable[[Import], None] | None = None) -> Import:
        """Read to the end; what stops it for good is kept on the row and told there."""
        tries = 0
        while self.row.status == self.status:
            before = self.row.done
            try:
                self._read_on(on_progress)
            except (Conflict, IntegrityError):
                # Another process went on with this file, or added a customer meanwhile: look again.
                self._reload()
                tries = tries + 1 if self.row.done == before else 0
                if tries > TRIES:
                    self._end("failed", "The database refused the same lines several times.")
            except (OSError, Invalid) as error:
                self._end("failed", f"The file could not be read on: {error}")
            except DataError:
                self._end("failed", f"The database refused a value after line {self.row.at_line}.")
        return self.row

    def _reload(self) -> None:
        with self.database.reading() as session:
            self.row = get_import(session, self.import_id)
            session.expunge(self.row)

    def _read_on(self, on_progress: Callable[[Import], None] | None) -> None:
        form = Form(self.options.encoding, self.options.delimiter, self.options.has_header, self.row.size)
        path = Path(self.row.path) / "lines.csv"
        batches = self._batches(files.records(path, form, offset=self.row.done, line=self.row.at_line))
        while (batch := _without_collecting(lambda: next(batches, None))) is not None:
            batch.spoil()
            _without_collecting(lambda: self._settle(batch))
            if on_progress is not None:
                on_progress(self.row)
        self._end("checked" if self.is_dry else "done")

    def _batches(self, source: Iterator[Record]) -> Iterator[_Batch]:
        """Cut the records into batches that never part a group, and convert them."""
        batch, before = _Batch(), ""
        width, convert, group = len(self.options.header), self.convert, self.group
        for line, fields, fault, end, last in source:
            key = group(fields) if group is not None and fields else ""
            size = len(batch.fields)
            if size >= BATCH and (not key or key != before or size >= LONGEST_GROUP):
                yield batch
                batch = _Batch()
            before, batch.end, batch.line = key, end, last
            batch.fields[line] = fields
            if key:
                batch.groups[line] = key
            if not fault and len(fields) != width:
                fault = f"{len(fields)} values, where the file has {width} columns."
            if fault:
                batch.refused[line] = fault
                continue
            try:
                batch.rows.append((line, convert(fields)))
            except Invalid as error:
                batch.refused[line] = str(error)
        if batch.fields:
            yield batch

    def _settle(self, batch: _Batch) -> None:
        """One transaction, in which first the position moves: of two processes only one goes on."""
        tally = Tally()
        if self.is_dry:
            with self.database.reading() as session:
                self._decide(session, batch, tally)
        with self.database.transaction() as session:
            self._claim(session, batch)
            if not self.is_dry:
                self._decide(session, batch, tally)
            values = self._told(batch, tally)
            session.execute(update(Import).where(Import.id == self.import_id).values(**values))
        for name, value in values.items():
            setattr(self.row, name, value)
        self.row.done = batch.end

    def _claim(self, session: Session, batch: _Batch) -> None:
        statement = update(Import).where(
            Import.id == self.import_id, Import.status == self.status, Import.done == self.row.done
        )
        if session.connection().execute(statement.values(done=batch.end)).rowcount != 1:
            raise Conflict("This import was stopped, or continued elsewhere.")

    def _decide(self, session: Session, batch: _Batch, tally: Tally) -> None:
        row, now = self.row, self.clock.now()
        for line, reason in batch.refused.items():
            tally.add(line, "rejected", "", reason)
        rows = self._first_seen(batch, tally) if self.is_dry else batch.rows
        context = Context(
            row.id,
            self.options,
            row.source,
            row.legal_basis,
            row.filename,
            self.suppressed,
            now,
            self.is_dry,
        )
        self.kind.store(session, rows, context, tally)

    def _first_seen(self, batch: _Batch, tally: Tally) -> list[tuple[int, Any]]:
        """Without those who came in an earlier batch: they are no longer new, but changed if told otherwise."""
        fresh: dict[int, int] = {}
        rows = []
        for line, facts in batch.rows:
            key, told = hash(self.kind.identity(facts)), hash(tuple(batch.fields[line]))
            before = self.seen.get(key)
            if before is None:
                rows.append((line, facts))
                fresh[key] = told
            else:
                tally.add(line, "unchanged" if before == told else "changed")
        self.seen |= fresh
        return rows

    def _told(self, batch: _Batch, tally: Tally) -> dict[str, Any]:
        """What the row says after this batch; refused lines are written to their file."""
        row = self.row
        so_far = row.checked if self.is_dry else row.counts
        counts = {**so_far}
        for fate, count in tally.counts.items():
            counts[fate] = counts.get(fate, 0) + count
        if self.is_dry:
            examples = {**so_far.get("examples", {})}
            for fate, found in tally.examples.items():
                examples[fate] = [*examples.get(fate, []), *found][: tally.most]
            counts["examples"] = examples
        refused = [(line, reason, batch.fields[line]) for line, reason in sorted(tally.rejected)]
        size = row.rejected_size
        if refused:
            path = files.rejected_path(Path(row.path), is_dry=self.is_dry)
            size = files.write_rejected(path, size, self.options.header, refused, self.options.delimiter)
        return {
            "checked" if self.is_dry else "counts": counts,
            "lines": row.lines + len(batch.fields),
            "at_line": batch.line,
            "rejected_size": size,
            "touched_at": self.clock.now(),
        }

    def _end(self, status: str, error: str = "") -> None:
        """Leave `checking` or `running`, unless somebody stopped it meanwhile."""
        values: dict[str, Any] = {"status": status, "error": error}
        if status != "checked":
            values["finished_at"] = self.clock.now()
        with self.database.transaction() as session:
            statement = update(Import).where(Import.id == self.import_id, Import.status == self.status)
            session.execute(statement.values(**values))
        self._reload()

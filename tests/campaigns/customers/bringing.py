"""How tests bring a file in: upload, options, dry run, run; with the real parts throughout."""

import io
from pathlib import Path
from typing import Any

from campaigns.clock import FrozenClock
from campaigns.customers import (
    CUSTOMER_FILES,
    Import,
    Options,
    begin_check,
    begin_run,
    check_import,
    get_import,
    open_upload,
    receive,
    run_import,
    set_options,
)
from campaigns.db import Database
from campaigns.purchases import ORDER_FILES
from campaigns.signals import SIGNAL_FILES
from campaigns.suppression import suppressed_keys
from tests.conftest import NOW

KINDS = {kind.name: kind for kind in (CUSTOMER_FILES, ORDER_FILES, SIGNAL_FILES)}


def upload(database: Database, folder: Path, data: bytes | str, kind: str = "customers", **told: Any) -> int:
    """Keep the file and take the guess; `told` changes options, source and legal basis. Gives the import's id."""
    content = data.encode() if isinstance(data, str) else data
    source = told.pop("source", "Till in Lyon")
    basis = told.pop("legal_basis", "consent")
    kept = receive(io.BytesIO(content), folder)
    with database.transaction() as session:
        row = open_upload(session, KINDS[kind], kept, filename="people.csv", now=NOW)
        options = Options.stored({**row.options, **told})
        set_options(session, row, KINDS[kind], options, source=source, legal_basis=basis)
        return row.id


def check(database: Database, import_id: int) -> Import:
    """The dry run."""
    with database.transaction() as session:
        begin_check(session, get_import(session, import_id))
    return check_import(database, import_id, KINDS, suppressed=suppressed_keys(), clock=FrozenClock(NOW))


def run(database: Database, import_id: int) -> Import:
    """The run itself."""
    with database.transaction() as session:
        begin_run(session, get_import(session, import_id), now=NOW)
    return run_import(database, import_id, KINDS, suppressed=suppressed_keys(), clock=FrozenClock(NOW))


def bring_in(
    database: Database, folder: Path, data: bytes | str, kind: str = "customers", **told: Any
) -> Import:
    """All of it."""
    import_id = upload(database, folder, data, kind, **told)
    assert check(database, import_id).status == "checked"
    return run(database, import_id)


def counts(row: Import) -> dict[str, int]:
    """The counts that are not zero."""
    return {fate: count for fate, count in row.counts.items() if count}

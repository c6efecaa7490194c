"""Files of signals: read by any spelling, counted once, bad lines returned."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from campaigns.customers import add_customer
from campaigns.db import Database
from campaigns.errors import Invalid
from campaigns.signals import Signal
from tests.campaigns.customers.bringing import bring_in, counts, upload
from tests.conftest import NOW

LINES = """Événement;Ticket;Client;Date;Commentaire;Date de fin
Réclamation ouverte;t1;17;20/11/2026 14:30;Colis abîmé;
Réclamation close;t1;17;21/11/2026;;
contract_ends;c9;17;21/11/2026;;31/12/2026
contract_ends;c8;17;21/11/2026;;
visite2;v1;17;21/11/2026;;
panier abandonné;b1;18;21/11/2026;;
Réclamation ouverte;t1;17;20/11/2026 14:30;Colis abîmé;
"""


def test_a_file_becomes_signals(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        ana = add_customer(session, email="ana@example.fr", number="17", now=NOW).id
    told = {"zone": "Europe/Paris", "legal_basis": "contract"}
    done = bring_in(database, tmp_path, LINES, "signals", **told)
    assert counts(done) == {"new": 3, "unchanged": 1, "rejected": 3}
    with database.reading() as session:
        rows = {(row.kind, row.key): row for row in session.scalars(select(Signal))}
        opened = rows["complaint_opened", "t1"]
        assert (opened.customer_id, opened.at) == (ana, datetime(2026, 11, 20, 13, 30, tzinfo=UTC))
        assert opened.data == {"text": "Colis abîmé"}
        assert rows["contract_ends", "c9"].data == {"date": "2026-12-31"}
    refused = list(
        csv.reader(io.StringIO((Path(done.path) / "rejected.csv").read_text("utf-8-sig")), delimiter=";")
    )
    assert [row[0] for row in refused[1:]] == ["5", "6", "7"]
    assert counts(bring_in(database, tmp_path, LINES, "signals", **told)) == {"unchanged": 4, "rejected": 3}


def test_without_a_number_the_moment_makes_it_count_once(sqlite: Database, tmp_path: Path) -> None:
    with sqlite.transaction() as session:
        add_customer(session, email="ana@example.fr", now=NOW)
    data = "event,mail,date\ndocument_downloaded,Ana@Example.fr,2026-11-20 10:00\n"
    assert counts(bring_in(sqlite, tmp_path, data, "signals")) == {"new": 1}
    assert counts(bring_in(sqlite, tmp_path, data, "signals")) == {"unchanged": 1}


def test_a_mapping_must_make_signals(sqlite: Database, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refused:
        upload(sqlite, tmp_path, "a,b\n1,2\n", "signals")
    assert "what happened" in refused.value.faults["mapping"]


@pytest.mark.parametrize(
    "line", ["x;y", "basket_abandoned;ana@example.fr;2030-01-01", ";ana@example.fr;2026-01-01"]
)
def test_a_line_that_cannot_be_right_is_refused(sqlite: Database, tmp_path: Path, line: str) -> None:
    with sqlite.transaction() as session:
        add_customer(session, email="ana@example.fr", now=NOW)
    data = f"event;mail;date\nbasket_abandoned;ana@example.fr;2026-01-01\n{line}\n"
    assert counts(bring_in(sqlite, tmp_path, data, "signals")) == {"new": 1, "rejected": 1}

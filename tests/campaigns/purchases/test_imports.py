"""Imports of purchases: rows put together to orders, in any currency, and real shops' files."""

import csv
import gzip
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from campaigns.customers import CustomerFacts, add_customer, bulk_add_customers, normalise_address
from campaigns.customers import reading as engine
from campaigns.db import Database
from campaigns.errors import Invalid
from campaigns.purchases import Line, Product, Purchase, get_purchase, lines_of
from tests.campaigns.customers.bringing import bring_in, check, counts, run, upload
from tests.conftest import NOW

LINES = """Commande;Client;Date de commande;Référence;Désignation;Catégorie;Quantité;Prix unitaire
A1;17;31/12/2025 14:30;cup;Cup;Kitchen;2;5,00
A1;17;31/12/2025 14:30;pen;Pen;Desk;1;1 002,50
A2;18;01/12/2025;cup;Cup;Kitchen;1;5,00
A3;17;02/12/2025;cup;Cup;Kitchen;x;5,00
A3;17;02/12/2025;pen;Pen;Desk;1;2,50
C4;17;03/01/2026;cup;Cup;Kitchen;-1;5,00
"""


@pytest.fixture
def ana(database: Database) -> int:
    with database.transaction() as session:
        return add_customer(session, email="ana@example.fr", number="17", now=NOW).id


def test_rows_become_orders(database: Database, ana: int, tmp_path: Path) -> None:
    import_id = upload(database, tmp_path, LINES, "purchases", zone="Europe/Paris", legal_basis="contract")
    told = check(database, import_id)
    assert (told.checked["new"], told.checked["rejected"]) == (3, 3)
    done = run(database, import_id)
    assert counts(done) == {"new": 3, "rejected": 3}
    with database.reading() as session:
        order = get_purchase(session, "A1")
        assert (order.customer_id, order.amount, order.currency, order.status) == (
            ana,
            101_250,
            "EUR",
            "paid",
        )
        assert order.purchased_at == datetime(2025, 12, 31, 13, 30, tzinfo=UTC)
        assert order.refunded == 500, "the cup of C4 is taken off it"
        bought = lines_of(session, [order.id])[order.id]
        assert [(p.number, p.name, p.category, x.quantity, x.unit_price) for x, p in bought] == [
            ("cup", "Cup", "Kitchen", 2, 500),
            ("pen", "Pen", "Desk", 1, 100_250),
        ]
        refused = (Path(done.path) / "rejected.csv").read_text("utf-8-sig")
        rows = list(csv.reader(io.StringIO(refused), delimiter=";"))
        assert [row[:2] for row in rows[1:]] == [
            ["4", "No customer is known by number 18; import the customers first."],
            ["5", "Quantité: “x” is not a number."],
            ["6", "Line 5 of the same order was refused, so the order was."],
        ]
    again = bring_in(database, tmp_path, LINES, "purchases", zone="Europe/Paris", legal_basis="contract")
    assert counts(again) == {"unchanged": 3, "rejected": 3}


def test_one_row_an_order_and_other_currencies(database: Database, ana: int, tmp_path: Path) -> None:
    data = "order,mail,date,total,currency,refunded,status\n1,ANA@example.fr,2025-12-01,1990,jpy,,shipped\n2,ana@example.fr,2025-12-01,19.905,TND,5,\n3,ana@example.fr,2025-12-01,£20.00,GBP,,annulée\n1,ana@example.fr,2025-12-01,1990,JPY,,\n4,ana@example.fr,2025-12-01,(20.00),,,\n"
    row = bring_in(database, tmp_path, data, "purchases")
    assert counts(row) == {"new": 4, "unchanged": 1}
    with database.reading() as session:
        kept = {
            p.number: (p.amount, p.refunded, p.currency, p.status) for p in session.scalars(select(Purchase))
        }
    assert kept == {
        "1": (1990, 0, "JPY", "paid"),
        "2": (19_905, 5_000, "TND", "paid"),
        "3": (2_000, 0, "GBP", "cancelled"),
        "4": (-2_000, 0, "EUR", "return"),
    }


def test_an_order_is_not_parted_by_the_end_of_a_batch(
    database: Database, ana: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BATCH", 3)
    head = "order,client,date,sku,quantity,unit price\n"
    rows = [f"A{i // 4},17,2025-12-01,p{i % 4},1,2.50\n" for i in range(40)]
    data = head + "".join(rows) + "A0,17,2025-12-01,late,1,1.00\n"
    row = bring_in(database, tmp_path, data, "purchases")
    assert row.lines == 41 and row.counts["new"] == 40
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Purchase)) == 10
        assert session.scalar(select(func.count()).select_from(Line)) == 41
        assert get_purchase(session, "A0").amount == 1_100, (
            "a line that comes later in the same file is added"
        )
        assert get_purchase(session, "A1").amount == 1_000


def test_a_mapping_must_make_orders(sqlite: Database, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refused:
        upload(sqlite, tmp_path, "a,b\n1,2\n", "purchases", currency="Euro")
    assert set(refused.value.faults) == {"mapping", "currency"}


@pytest.mark.parametrize("bad", ["", "1e400", "99999999999999999999", "abc", "1,2,3"])
def test_an_amount_that_cannot_be_right_is_refused(sqlite: Database, tmp_path: Path, bad: str) -> None:
    with sqlite.transaction() as session:
        add_customer(session, email="ana@example.fr", now=NOW)
    data = f'order,mail,date,total\n1,ana@example.fr,2025-12-01,"{bad}"\n'
    assert counts(bring_in(sqlite, tmp_path, data, "purchases")) == {"rejected": 1}


def with_customers(database: Database, numbers: set[str]) -> None:
    facts = (
        CustomerFacts(normalise_address(f"customer-{number}@example.com"), number=number)
        for number in sorted(numbers)
    )
    with database.transaction() as session:
        bulk_add_customers(session, facts, source="test", now=NOW)


def test_the_orders_of_a_real_music_shop(shared_data: Path, sqlite: Database, tmp_path: Path) -> None:
    data = gzip.decompress((shared_data / "purchases" / "cdnow_orders.csv.gz").read_bytes()).decode()
    rows = list(csv.DictReader(io.StringIO(data)))
    with_customers(sqlite, {row["customer_id"] for row in rows})
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["order", "customer id", "date", "amount"])
    writer.writerows([i, row["customer_id"], row["date"], row["amount"]] for i, row in enumerate(rows))
    row = bring_in(sqlite, tmp_path, gzip.compress(text.getvalue().encode()), "purchases", currency="USD")
    assert counts(row) == {"new": 46_292}
    with sqlite.reading() as session:
        total = sum(Decimal(row["amount"]) for row in rows)
        assert session.scalar(select(func.sum(Purchase.amount))) == total * 100


def test_the_lines_and_cancellations_of_a_real_gift_shop(
    shared_data: Path, database: Database, tmp_path: Path
) -> None:
    whole = gzip.decompress((shared_data / "purchases" / "online_retail_lines.csv.gz").read_bytes())
    packed = gzip.compress(b"".join(whole.splitlines(keepends=True)[:40_000]))
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode())))
    with_customers(database, {row["customer_id"] for row in rows})
    row = bring_in(database, tmp_path, packed, "purchases", currency="GBP", zone="Europe/London")
    assert row.counts.get("rejected", 0) == 0 and row.lines == len(rows)
    cancelled = {r["order_id"] for r in rows if r["order_id"].startswith("C")}
    with database.reading() as session:
        by_status = dict(
            session.execute(select(Purchase.status, func.count()).group_by(Purchase.status)).all()
        )
        assert by_status["return"] == len(cancelled)
        assert sum(by_status.values()) == len({r["order_id"] for r in rows})
        assert session.scalar(select(func.count()).select_from(Line)) == len(rows)
        assert session.scalar(select(func.count()).select_from(Product)) == len(
            {r["product_id"] for r in rows}
        )
        paid, refunded, given = session.execute(
            select(
                func.sum(Purchase.amount).filter(Purchase.status != "return"),
                func.sum(Purchase.refunded),
                func.sum(Purchase.amount).filter(Purchase.status == "return"),
            )
        ).one()
        assert by_status["refunded"] > 5 and 0 < refunded <= -given and refunded < paid

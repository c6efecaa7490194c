"""An order counts once whatever is told of it, and refunds and returns lower what it was worth."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.customers import add_customer
from campaigns.db import Database
from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.purchases import (
    LineFacts,
    OrderFacts,
    Product,
    bulk_record_purchases,
    get_purchase,
    lines_of,
    of_customer,
    record_purchase,
    record_refund,
)
from campaigns.purchases.actions import store_orders
from tests.conftest import NOW

CUP = LineFacts("cup", 2, 500, name="Cup", category="Kitchen")
PEN = LineFacts("pen", 1, 250, name="Pen", category="Desk")


def ana(session: Session) -> int:
    return add_customer(session, email="ana@example.fr", now=NOW).id


def order(session: Session, customer_id: int, number: str = "1", **more: Any) -> str:
    facts = {"purchased_at": NOW, "currency": "EUR", "now": NOW, "lines": (CUP, PEN)} | more
    return record_purchase(session, number=number, customer_id=customer_id, **facts)


def test_the_same_order_twice_counts_once(database: Database) -> None:
    with database.transaction() as session:
        who = ana(session)
        assert [order(session, who), order(session, who), order(session, who, lines=(PEN, CUP))] == [
            "new",
            "unchanged",
            "unchanged",
        ]
        assert order(session, who, lines=(CUP,)) == "changed"
    with database.reading() as session:
        found = session.scalars(of_customer(who)).one()
        assert (found.amount, found.refunded, found.status) == (1000, 0, "paid")
        [(line, product)] = lines_of(session, [found.id])[found.id]
        assert (line.quantity, line.amount, product.name, product.category) == (2, 1000, "Cup", "Kitchen")


def test_an_order_needs_a_number_an_amount_and_a_known_customer(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        who = ana(session)
        for bad in (
            {"number": " "},
            {"lines": ()},
            {"status": "lost"},
            {"refunded": 9999},
            {"currency": "Euros"},
        ):
            with pytest.raises(Invalid):
                order(session, who, **bad)
        with pytest.raises(NotFound):
            order(session, 999)


def test_a_refund_is_told_as_a_total(database: Database) -> None:
    with database.transaction() as session:
        who = ana(session)
        order(session, who)
        for _ in range(2):
            assert record_refund(session, "1", amount=300, now=NOW).refunded == 300
        assert get_purchase(session, "1").status == "paid"
        with pytest.raises(Invalid):
            record_refund(session, "1", amount=1251, now=NOW)
        assert record_refund(session, "1", now=NOW).status == "refunded"
        assert order(session, who) == "unchanged", "importing the order again does not undo its refund"
        order(session, who, number="2", status="cancelled")
        with pytest.raises(Conflict):
            record_refund(session, "2", now=NOW)


def test_goods_given_back_are_taken_off_their_order(database: Database) -> None:
    with database.transaction() as session:
        who = ana(session)
        back = (LineFacts("cup", -1, 500),)
        later = NOW + timedelta(days=9)
        assert order(session, who, number="C2", lines=back, purchased_at=later) == "new"
        order(session, who, number="1")
        order(session, who, number="0", purchased_at=NOW - timedelta(days=9))
        first = get_purchase(session, "1")
        assert (first.amount, first.refunded, first.returned, first.status) == (1250, 500, 500, "paid")
        assert get_purchase(session, "C2").status == "return"
        assert order(session, who, number="C2", lines=back, purchased_at=later) == "unchanged"
        order(
            session,
            who,
            number="C3",
            lines=(LineFacts("cup", -1, 500), LineFacts("pen", -1, 250)),
            purchased_at=later,
        )
        session.refresh(first)
        assert (first.refunded, first.status) == (1250, "refunded")
        session.expire_all()
        assert get_purchase(session, "0").refunded == 0


def test_many_orders_are_kept_at_once(database: Database) -> None:
    with database.transaction() as session:
        who = ana(session)
        facts = [
            OrderFacts(
                f"n{i}", who, NOW - timedelta(hours=i), "EUR", lines=(LineFacts(f"p{i % 50}", 1, 100 + i),)
            )
            for i in range(4_500)
        ]
        assert bulk_record_purchases(session, facts, now=NOW) == {"new": 4_500}
        assert bulk_record_purchases(session, [*facts[:10], facts[0]], now=NOW) == {"unchanged": 11}
        assert len(session.scalars(select(Product)).all()) == 50


def test_further_lines_of_the_same_import_are_added(database: Database) -> None:
    with database.transaction() as session:
        who = ana(session)
        first = OrderFacts("1", who, NOW, "EUR", lines=(CUP,))
        more = OrderFacts("1", who, NOW, "EUR", lines=(PEN,))
        assert store_orders(session, [first], now=NOW, import_id=5) == ["new"]
        assert store_orders(session, [more], now=NOW, import_id=5) == ["changed"]
        found = get_purchase(session, "1")
        session.refresh(found)
        assert found.amount == 1250 and len(lines_of(session, [found.id])[found.id]) == 2
        assert store_orders(session, [OrderFacts("1", who, NOW, "EUR", lines=(CUP, PEN))], now=NOW) == [
            "unchanged"
        ]


def test_a_dry_run_writes_nothing(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        who = ana(session)
        facts = OrderFacts("1", who, NOW, "EUR", amount=100)
        assert store_orders(session, [facts, facts], now=NOW, is_dry=True) == ["new", "unchanged"]
        with pytest.raises(NotFound):
            get_purchase(session, "1")

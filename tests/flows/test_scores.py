"""Real purchases through the scores: every figure as plain Python counts it, every customer in one class."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from campaigns.config import Config
from campaigns.db import Database
from campaigns.demonstration.files import FileOrder, read_orders
from campaigns.demonstration.people import invent
from campaigns.demonstration.store import store_people
from campaigns.purchases import bulk_record_purchases
from campaigns.scoring import CLASSES, class_sizes, grid, refresh, rows, score_as_of, stored_limits

CONFIG = Config()
YEAR = timedelta(days=365)


def stored(database: Database, orders: list[FileOrder]) -> dict[str, int]:
    """The orders of the file under invented names; ids of the customers by the file's number."""
    numbers = dict.fromkeys(order.customer for order in orders)
    people = invent(np.random.default_rng(1), len(numbers), orders[0].at)
    named = [
        replace(person, number=number, joined_at=orders[0].at, tags=())
        for person, number in zip(people, numbers, strict=True)
    ]
    with database.transaction() as session:
        ids = store_people(session, named, {})
        facts = [order.facts(ids, "EUR", timedelta(0)) for order in orders]
        bulk_record_purchases(session, facts, now=orders[-1].at)
    return ids


@pytest.fixture(scope="module")
def cdnow(shared_data: Path) -> list[FileOrder]:
    """The orders of every fourth customer."""
    orders = read_orders(shared_data / "purchases" / "cdnow_orders.csv.gz", "EUR")
    return [order for order in orders if int(order.customer) % 4 == 0]


def test_the_figures_of_cdnow_are_those_of_a_plain_count(sqlite: Database, cdnow: list[FileOrder]) -> None:
    ids = stored(sqlite, cdnow)
    now = datetime(1998, 7, 1, tzinfo=UTC)
    with sqlite.transaction() as session:
        assert refresh(session, now=now, config=CONFIG) == len(ids)
    history: dict[int, list[FileOrder]] = defaultdict(list)
    for order in cdnow:
        history[ids[order.customer]].append(order)
    with sqlite.reading() as session:
        limits = stored_limits(session)
        for customer, score in session.execute(rows()):
            orders = history[customer.id]
            recent = [order for order in orders if order.at > now - YEAR]
            spent = sum(line.total for order in orders for line in order.lines)
            assert (score.orders, score.orders_12m, score.spent) == (len(orders), len(recent), spent)
            days = (now - orders[-1].at).days
            assert score.r == 5 - sum(limit < days for limit in limits["r"])
            assert score.f == 1 + sum(limit < len(recent) for limit in limits["f"])
            assert score.m == 1 + sum(limit < spent for limit in limits["m"])
        sizes = class_sizes(session)
        assert sum(size.customers for size in sizes) == len(ids)
        assert sum(cell.customers for row in grid(session) for cell in row) == len(ids)


def test_a_past_day_of_cdnow_does_not_know_what_came_later(sqlite: Database, cdnow: list[FileOrder]) -> None:
    until = datetime(1997, 9, 30, 12, tzinfo=UTC)
    early = [order for order in cdnow if order.at <= until]
    stored(sqlite, cdnow)
    with sqlite.reading() as session:
        scored = score_as_of(session, now=until, config=CONFIG)
    assert int(scored.facts.orders.sum()) == len(early)
    assert int(scored.facts.spent.sum()) == sum(line.total for order in early for line in order.lines)
    assert int(scored.facts.last.max()) <= until.timestamp()


def test_the_gift_shop_with_its_returns_is_scored_and_one_order_is_never_loyal(
    sqlite: Database, shared_data: Path
) -> None:
    every = read_orders(shared_data / "purchases" / "online_retail_lines.csv.gz", "EUR")
    orders = [order for order in every if int(order.customer) % 5 == 0]
    ids = stored(sqlite, orders)
    now = datetime(2011, 12, 10, tzinfo=UTC)
    with sqlite.transaction() as session:
        assert refresh(session, now=now, config=CONFIG) == len(ids)
    loyal = {"champion", "loyal", "promising"}
    with sqlite.reading() as session:
        found = session.execute(rows()).all()
        assert {score.rfm_class for _, score in found} <= {each.name for each in CLASSES}
        assert all(score.orders > 1 for _, score in found if score.rfm_class in loyal)
        assert all(score.spent >= 0 for _, score in found)
        bought = sum(line.total for order in orders for line in order.lines if line.quantity > 0)
        given_back = -sum(line.total for order in orders for line in order.lines if line.quantity < 0)
        kept = sum(score.spent for _, score in found)
        # Goods that were bought before the file begins come back without an order to take them off.
        assert bought - given_back <= kept <= bought

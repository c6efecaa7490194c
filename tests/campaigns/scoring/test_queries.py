"""Who is stale, the sizes of the classes, the grid, and a score in words."""

import pytest
from sqlalchemy import select

from campaigns.clock import FrozenClock
from campaigns.config import Config, Stale
from campaigns.db import Database
from campaigns.scoring import (
    Score,
    class_sizes,
    explain,
    favourite_categories,
    grid,
    in_cell,
    in_class,
    refresh,
    stale_candidates,
)
from tests.campaigns.scoring.shop import Shop

RULE = Stale(mails=3, days=180, spare_buyer_days=365)


def silent(shop: Shop, name: str, **mail: bool) -> int:
    """Somebody written to three times, who never answered."""
    customer = shop.customer(name)
    for days in (20, 50, 80):
        shop.mailed(customer, days, **mail)
    return customer


@pytest.fixture
def config() -> Config:
    return Config()


def stale(shop: Shop) -> list[str]:
    rows = shop.session.execute(stale_candidates(shop.session, RULE, shop.now)).all()
    return sorted(row.email.partition("@")[0] for row in rows)


def test_silence_after_enough_mails_is_stale(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        silent(shop, "bob")
        machine = silent(shop, "machine")
        shop.hit(machine, 10, "opened", "machine")
        shop.hit(machine, 10, "clicked", "machine")
        assert stale(shop) == ["bob", "machine"]


@pytest.mark.parametrize(
    ("kind", "judgement"),
    [("opened", "human"), ("clicked", "human"), ("replied", "")],
)
def test_any_human_sign_keeps_a_customer(
    database: Database, clock: FrozenClock, kind: str, judgement: str
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        shop.hit(silent(shop, "reader"), 10, kind, judgement)
        assert stale(shop) == []


def test_buyers_and_those_who_agreed_lately_are_spared(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        shop.bought(silent(shop, "buyer"), 300)
        shop.bought(silent(shop, "former"), 400)
        shop.agreed(silent(shop, "agreed"), 10)
        shop.agreed(silent(shop, "imported"), 10, act="import")
        assert stale(shop) == ["former", "imported"]


def test_the_silence_of_who_refused_tracking_proves_nothing(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        silent(shop, "private", is_tracked=False)
        assert stale(shop) == []


def test_two_mails_or_old_ones_are_not_enough(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        few = shop.customer("few")
        for days in (20, 50, 181):
            shop.mailed(few, days)
        shop.mailed(few, 10, status="failed")
        assert stale(shop) == []


def test_the_classes_add_up_to_everybody(database: Database, clock: FrozenClock, config: Config) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        for place in range(20):
            customer = shop.customer(f"c{place}")
            for nth in range(place % 5):
                shop.bought(customer, 5 * place + 50 * nth, 1000)
        refresh(session, now=clock.now(), config=config)
        sizes = class_sizes(session)
        assert sum(size.customers for size in sizes) == 20
        assert sum(size.share for size in sizes) == pytest.approx(1)
        for size in sizes:
            assert len(session.scalars(in_class(size.rfm_class.name)).all()) == size.customers
        cells = [cell for row in grid(session) for cell in row]
        assert (len(cells), cells[0].f, cells[0].r) == (25, 5, 1)
        assert sum(cell.customers for cell in cells) == 16  # four never bought
        for cell in cells:
            assert len(session.scalars(in_cell(cell.r, cell.f)).all()) == cell.customers


def test_a_score_is_told_in_words_with_its_figures(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice = shop.customer("alice")
        for days in (12, 100, 500):
            shop.bought(alice, days, 4000)
        for place in range(9):
            shop.bought(shop.customer(f"c{place}"), 20 + place, 1000 + place)
        shop.hit(alice, 3)
        refresh(session, now=clock.now(), config=config)
        said = {each.measure: each for each in explain(session, alice, now=clock.now(), config=config)}
        assert said["class"].value == "Champions"
        assert said["r"].text.startswith("The last order was 12 days ago, on 11 November 2026: R 5 (up to ")
        assert said["f"].text.startswith(
            "2 orders in the last 365 days: F 5 (2 orders or more). 3 orders in all"
        )
        assert said["m"].text.startswith("All orders were worth 120.00 EUR with refunds taken off, 40.00 EUR")
        assert "last click 3 days ago" in said["engagement"].text
        assert said["mails"].text == "We wrote 1 time, 0 times since the last sign of life."
        assert said["last_seen"].text == "Last seen 3 days ago, on 20 November 2026, by a click."


def test_who_never_bought_is_told_so(database: Database, clock: FrozenClock, config: Config) -> None:
    with database.transaction() as session:
        bob = Shop(session, clock.now()).customer("bob")
        assert explain(session, bob, now=clock.now(), config=config) == []
        refresh(session, now=clock.now(), config=config)
        said = [each.text for each in explain(session, bob, now=clock.now(), config=config)]
        assert said[0].startswith("Never bought: no order that counts")
        assert said[-1] == "No sign of life on record."
        row = session.scalars(select(Score)).one()
        assert (row.r, row.f, row.m, row.rfm_class) == (None, None, None, "never")
        assert favourite_categories(session, bob) == []

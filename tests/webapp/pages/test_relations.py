"""The page of relations: phases, loyalty, causes, cohorts; every number opens the customers behind it."""

import re

import pytest

from campaigns.clock import FrozenClock
from campaigns.runtime import Runtime
from campaigns.scoring import record_history, refresh
from tests.campaigns.scoring.shop import Shop
from tests.webapp.conftest import Browser

NUMBER = re.compile(r'href="(/relations/customers\?[^"]+)" aria-label="([^"]*): (\d+) customers?"')


@pytest.fixture
def shop(runtime: Runtime, clock: FrozenClock) -> None:
    """Buyers who came at different times and some of whom stopped, with a year of history."""
    now = clock.now()
    with runtime.transaction() as session:
        shop = Shop(session, now)
        shop.customer("known")
        for place in range(12):
            customer = shop.customer(f"c{place}")
            for nth in range(1 + place % 5):
                shop.bought(customer, 10 * place + 60 * nth + 1, 900 * place + 100)
        refresh(session, now=now, config=runtime.config)
        moments = [shop.ago(days) for days in (300, 200, 100)]
        record_history(session, moments, config=runtime.config)


def test_an_empty_shop_says_what_will_come(client: Browser) -> None:
    assert "No relation is known yet" in client.get("/relations").text


def test_every_number_of_the_page_opens_its_customers(shop: None, client: Browser) -> None:
    text = client.get("/relations").text
    numbers = NUMBER.findall(text)
    for kind in ("phase=", "from=", "behaviour=", "loyalty=", "cohort="):
        assert any(kind in address for address, _, _ in numbers), f"No number of {kind}"
    for address, words, count in numbers:
        listed = client.get(address.replace("&amp;", "&")).text
        assert listed.count("@example.com</span>") == int(count), f"{words}: {address}"


def test_the_phases_hold_everybody_once(shop: None, client: Browser) -> None:
    found = [(a, int(n)) for a, _, n in NUMBER.findall(client.get("/relations").text)]
    assert sum(count for address, count in found if re.fullmatch(r".*\?phase=\w+", address)) == 13


def test_how_long_relations_last_is_told_month_by_month(shop: None, client: Browser) -> None:
    text = client.get("/relations").text
    assert "Survival of relations" in text
    assert len(re.findall(r"<tr><td>\d+</td>", text)) == 37


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "phase=love",
        "from=awareness&to=love",
        "behaviour=7&attitude=1",
        "loyalty=x",
        "cause=x",
        "cohort=2026",
    ],
)
def test_a_list_of_what_is_not_there_is_not_found(client: Browser, asked: str) -> None:
    assert client.get(f"/relations/customers?{asked}").status_code == 404

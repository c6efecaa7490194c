"""The page of value: the portfolio, the churn behind it, what losing costs; every number opens its customers."""

import re

import pytest

from campaigns.clock import FrozenClock
from campaigns.runtime import Runtime
from campaigns.scoring import portfolio_value, record_history, refresh
from tests.campaigns.scoring.shop import Shop
from tests.webapp.conftest import Browser

NUMBER = re.compile(r'href="(/value/customers\?[^"]+)" aria-label="([^"]*): (\d+) customers?"')


@pytest.fixture
def shop(runtime: Runtime, clock: FrozenClock) -> None:
    """A hundred and twenty buyers of a year ago, half of whom came back since, and five who were lost meanwhile."""
    now = clock.now()
    with runtime.transaction() as session:
        shop = Shop(session, now)
        for place in range(120):
            customer = shop.customer(f"c{place}")
            shop.bought(customer, 900 - place, 5000)
            shop.bought(customer, 420 + place, 4000)
            if place % 2:
                shop.bought(customer, 1 + place, 3000)
        for place in range(5):
            customer = shop.customer(f"gone{place}")
            for days in (640, 630, 620):
                shop.bought(customer, days, 2000)
        refresh(session, now=now, config=runtime.config)
        record_history(session, [shop.ago(days) for days in (700, 360, 100)], config=runtime.config)


def test_without_a_churn_the_page_says_what_is_missing(client: Browser) -> None:
    assert "a hundred buyers who were known a year ago" in client.get("/value").text


def test_the_portfolio_is_the_sum_and_the_numbers_open_their_customers(
    shop: None, client: Browser, runtime: Runtime
) -> None:
    text = client.get("/value").text
    with runtime.reading() as session:
        portfolio = portfolio_value(session)
    assert portfolio is not None
    assert f"of {portfolio.customers} buyers" in text
    numbers = NUMBER.findall(text)
    for kind in ("source=", "country=", "lost="):
        assert any(kind in address for address, _, _ in numbers), f"No number of {kind}"
    for address, words, count in numbers:
        listed = client.get(address.replace("&amp;", "&")).text
        of = re.search(r"of (\d+)</span>", listed)
        assert of is not None, address
        assert int(of[1]) == int(count), f"{words}: {address}"


@pytest.mark.parametrize("asked", ["", "lost=soon", "category=Tea&r=9"])
def test_a_list_of_what_is_not_there_is_not_found(client: Browser, asked: str) -> None:
    assert client.get(f"/value/customers?{asked}").status_code == 404

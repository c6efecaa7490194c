"""The page of scores: numbers open the customers behind them, the silent are left alone only when told."""

import csv
import io
import re

import pytest

from campaigns.clock import FrozenClock
from campaigns.runtime import Runtime
from campaigns.scoring import class_sizes, record_history, refresh
from campaigns.suppression import causes_in_force
from tests.campaigns.scoring.shop import Shop
from tests.webapp.conftest import Browser


@pytest.fixture
def shop(runtime: Runtime, clock: FrozenClock) -> None:
    """Twelve buyers of different zeal, one silent customer, scores of two days."""
    now = clock.now()
    with runtime.transaction() as session:
        shop = Shop(session, now)
        for place in range(12):
            customer = shop.customer(f"c{place}")
            for nth in range(1 + place % 4):
                shop.bought(customer, 8 * place + 70 * nth + 1, 900 * place + 100)
        silent = shop.customer("silent")
        for nth in range(8):
            shop.mailed(silent, 10 + 15 * nth)
        record_history(session, [shop.ago(120)], config=runtime.config)
        refresh(session, now=now, config=runtime.config)


def test_an_empty_shop_says_what_will_come(client: Browser) -> None:
    assert "Nobody is scored yet" in client.get("/scores").text


def test_every_number_of_the_page_opens_its_customers(shop: None, client: Browser, runtime: Runtime) -> None:
    text = client.get("/scores").text
    with runtime.reading() as session:
        for size in class_sizes(session):
            listed = client.get(f"/scores/customers?class={size.rfm_class.name}").text
            assert len(re.findall(r"@example\.com</span>", listed)) == size.customers
            assert size.rfm_class.definition in text
    cells = re.findall(r'href="(/scores/customers\?r=\d&amp;f=\d)"[^>]*><b>(\d+)</b>', text)
    assert sum(int(count) for _, count in cells) == 12
    for address, count in cells:
        assert client.get(address.replace("&amp;", "&")).text.count("@example.com</span>") == int(count)
    moves = re.findall(r'href="(/scores/customers\?since=[^"]+)">(\d+)</a>', text)
    assert moves
    for address, count in moves:
        assert client.get(address.replace("&amp;", "&")).text.count("@example.com</span>") == int(count)


def test_a_class_that_is_none_is_not_found(client: Browser) -> None:
    assert client.get("/scores/customers?class=rich").status_code == 404


def test_refreshing_counts_those_who_changed(shop: None, client: Browser) -> None:
    client.get("/scores")
    answer = client.post("/scores/refresh", follow_redirects=True)
    assert "scored afresh" in answer.text or "up to date" in answer.text


def test_the_silent_are_listed_with_the_reason_and_left_alone_when_told(
    shop: None, client: Browser, runtime: Runtime
) -> None:
    text = client.get("/scores/stale").text
    assert "silent@example.com" in text
    assert "Written to 8 times in 180 days" in text
    chosen = re.findall(r'name="customer" value="(\d+)"', text)
    assert "Nobody was chosen" in client.post("/scores/stale", data={}, follow_redirects=True).text
    answer = client.post("/scores/stale", data={"customer": chosen}, follow_redirects=True)
    assert "1 address is left alone" in answer.text
    with runtime.reading() as session:
        assert causes_in_force(session, "silent@example.com") == ["stale"]
    assert "Nobody has fallen silent" in client.get("/scores/stale").text


def test_the_export_holds_everybody_as_of_the_day_asked(shop: None, client: Browser) -> None:
    answer = client.get("/scores/export.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert len(rows) == 13
    past = list(
        csv.DictReader(io.StringIO(client.get("/scores/export.csv?as_of=2026-06-01").text.lstrip("\ufeff")))
    )
    assert sum(int(row["orders"]) for row in past) < sum(int(row["orders"]) for row in rows)
    assert past[0]["as_of"].startswith("2026-06-02T00:00")


def test_who_is_not_logged_in_sees_nothing(stranger: Browser) -> None:
    assert stranger.get("/scores").status_code == 303


def test_a_last_call_is_begun_and_stopped_by_the_page(shop: None, client: Browser, runtime: Runtime) -> None:
    text = client.get("/scores/stale").text
    chosen = re.findall(r'name="customer" value="(\d+)"', text)
    answer = client.post("/scores/stale/call", data={"customer": chosen}, follow_redirects=True)
    assert "1 customer gets a last letter" in answer.text and "not yet" in answer.text
    stop = re.search(r'action="(/scores/stale/\d+/stop)"', answer.text)
    assert stop is not None
    assert "Stopped; nothing follows" in client.post(stop[1], follow_redirects=True).text
    assert "It had ended already" in client.post(stop[1], follow_redirects=True).text
    with runtime.reading() as session:
        assert causes_in_force(session, "silent@example.com") == []

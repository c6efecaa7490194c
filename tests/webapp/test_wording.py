"""How figures, money and moments are written."""

from datetime import UTC, date, datetime, timedelta

import pytest

from webapp import wording
from webapp.wording import browser, day, money, number, percent, plain_json, plural, span


@pytest.fixture(autouse=True)
def request_context(app):
    with app.test_request_context("/login"):
        yield


def test_figures_are_grouped_and_nothing_is_a_dash():
    assert number(12345.6) == "12,346"
    assert number(None) == "–"
    assert number(0) == "0"


def test_a_share_of_nothing_is_no_share():
    assert percent(1, 8) == "12.5 %"
    assert percent(0, 8) == "0.0 %"
    assert percent(1, 0) == percent(None) == "–"


def test_money_is_in_the_shops_currency_unless_it_says_another():
    assert money(123456) == "1,234.56 EUR"
    assert money(-50, "GBP") == "-0.50 GBP"
    assert money(None) == "–"


def test_a_moment_is_shown_in_the_teams_zone_and_kept_exactly():
    shown = wording.moment(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    assert "23 Nov 2026, 10:00" in shown
    assert 'datetime="2026-11-23T09:00:00+00:00"' in shown
    assert wording.moment(None) == "–"


def test_an_instant_is_dated_by_the_teams_calendar():
    assert day(datetime(2026, 11, 23, 23, 30, tzinfo=UTC)) == "24 Nov 2026"
    assert day(date(2026, 11, 23)) == "23 Nov 2026"
    assert day(None) == "–"


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (timedelta(seconds=59), "a moment"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=23, minutes=59), "23 hours"),
        (timedelta(days=29), "29 days"),
        (timedelta(days=31), "1 month"),
        (timedelta(days=800), "2 years"),
    ],
)
def test_a_span_is_said_in_its_largest_unit(gap, words):
    assert span(gap) == words


def test_ago_looks_both_ways(clock):
    now = clock.now()
    assert ">3 hours ago<" in wording.ago(now - timedelta(hours=3))
    assert ">in 2 days<" in wording.ago(now + timedelta(days=2))
    assert ">just now<" in wording.ago(now)
    assert wording.ago(None) == "never"


def test_one_is_not_many():
    assert plural(1, "customer") == "1 customer"
    assert plural(2000, "address", "addresses") == "2,000 addresses"


def test_data_in_a_page_cannot_end_its_script_element():
    assert "</script>" not in plain_json({"name": "</script><script>alert(1)</script>"})


def test_a_browser_is_named_as_its_owner_would():
    assert (
        browser("Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0")
        == "Firefox on Linux"
    )
    assert browser("curl/8") == "A browser"

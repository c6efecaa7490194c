"""The segment editor in a real browser: quick with its script, whole without it."""

import re

import pytest
from playwright.sync_api import expect

from campaigns.config import Config, Data, DatabaseSettings
from campaigns.db import connect
from campaigns.db.tables import metadata
from campaigns.runtime import assemble
from campaigns.segments import list_segments
from tests.browser.stage import application, served, window
from tests.campaigns.segments.world import World

MEANT = {
    "all": [
        {"field": "customer.tags", "op": "has_any", "value": ["vip"]},
        {"none": [{"field": "purchases.last", "op": "in_last", "value": 90, "if_unknown": False}]},
    ]
}


@pytest.fixture
def shop(tmp_path):
    """A shop of forty customers, served; its runtime and the size of the segment that the tests build."""
    url = f"sqlite:///{tmp_path / 'liaison.db'}"
    database = connect(url)
    metadata().create_all(database.engine)
    runtime = assemble(
        Config(database=DatabaseSettings(url=url), data=Data(folder=tmp_path)), database=database
    )
    with runtime.transaction() as session:
        World(4, runtime.clock.now(), size=40).fill(session)
    yield runtime
    database.dispose()


def build(page) -> None:
    """Choose the two conditions; what each choice asks next appears by the script alone."""
    page.get_by_label("Name").fill("Important and gone quiet")
    page.locator("[id='r.0.field']").select_option("customer.tags")
    page.get_by_label("vip").check()
    page.locator("button[value='group:r']").click()
    page.locator("[id='r.1.match']").select_option("none")
    page.locator("[id='r.1.0.field']").select_option("purchases.last")
    page.locator("[name='r.1.0.value']").fill("90")
    page.get_by_label("Customers of whom this is not known").select_option("no")


def test_it_answers_while_one_types_and_keeps_the_focus(chromium, shop):
    with served(application(shop)) as base, window(chromium, base) as shown:
        shown.log_in()
        shown.go("/segments/new")
        page = shown.page
        build(page)
        expect(page.locator("#outcome")).to_have_text(re.compile(r"^\s*\d+ of 40"))
        expect(page.locator("[id='r.1.0.count']")).not_to_be_empty()
        counted = re.match(r"\d+", page.locator("#outcome").inner_text())[0]
        page.locator("button[value='add:r']").click()
        expect(page.locator("[id='r.2.field']")).to_be_focused()
        assert page.locator("#outcome").inner_text().startswith(counted), "a blank condition changes nothing"
        page.locator("button[value='remove:r.2']").click()
        expect(page.locator("button[value='add:r']")).to_be_focused()
        assert shown.unsound() == []
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_url(re.compile(r"/segments/\d+$"))
        assert f"{counted} of 40 customers" in page.locator("main").inner_text()
        page.get_by_label("Address or customer number").fill("#1")
        page.get_by_role("button", name="Ask").click()
        page.wait_for_url(re.compile("customer="))
        assert shown.unsound() == []
    with shop.reading() as session:
        assert [each.rule for each in list_segments(session)] == [MEANT]


def test_it_works_without_any_script(chromium, shop):
    with served(application(shop)) as base, window(chromium, base, java_script_enabled=False) as shown:
        shown.log_in()
        page = shown.page
        page.goto(base + "/segments/new")
        page.get_by_label("Name").fill("Important and gone quiet")
        page.locator("[id='r.0.field']").select_option("customer.tags")
        page.get_by_role("button", name="Choose").click()
        page.get_by_label("vip").check()
        page.locator("button[value='group:r']").click()
        page.locator("[id='r.1.match']").select_option("none")
        page.locator("[id='r.1.0.field']").select_option("purchases.last")
        page.get_by_role("button", name="Choose").last.click()
        page.locator("[name='r.1.0.value']").fill("90")
        page.get_by_label("Customers of whom this is not known").select_option("no")
        page.get_by_role("button", name="Count now").click()
        assert re.match(r"\d+ of 40 customers", page.locator("#outcome").inner_text())
        page.get_by_role("button", name="Save", exact=True).click()
        assert re.search(r"/segments/\d+$", page.url)
    with shop.reading() as session:
        assert [each.rule for each in list_segments(session)] == [MEANT]

"""A journey in a real browser: built on the canvas with mouse and keys, and as a list of forms without a script."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.stage import window
from tests.browser.test_story import house

__all__ = ["house"]

pytestmark = pytest.mark.browser

NAME = "Three weeks of welcome"


def box(page: Page, words: str) -> object:
    return page.locator("[data-box]", has_text=words).first


def test_it_is_built_on_the_canvas_and_by_keys(house, chromium):
    with window(chromium, house.base) as shown:
        page = shown.page
        shown.log_in()

        # who enters
        shown.go("/journeys/new")
        page.get_by_label("Name").fill(NAME)
        page.get_by_role("button", name="Go on").click()
        page.get_by_label("Which segment").select_option(label="Everybody")
        page.get_by_label("At what hour").select_option("-1")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("The journey has no step yet.")).to_be_visible()

        # a letter, by the plus of the canvas
        expect(page.locator("[data-way]")).to_have_class(re.compile("canvas"))
        page.locator("[data-slot='start'] a").click()
        page.get_by_role("button", name="Send a letter").click()
        page.get_by_label("Template").select_option(index=_newsletter(page))
        page.get_by_label("Subject").fill("Welcome, dear reader")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".way-words")).to_have_count(1)

        # a wait behind it, by keys alone
        expect(page.locator("[data-way]")).to_have_class(re.compile("canvas"))  # the script has come
        page.locator("[data-way]").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("a")
        page.get_by_role("button", name="Wait some time").focus()
        page.keyboard.press("Enter")
        page.get_by_label("How long").focus()
        page.keyboard.press("Control+A")
        page.keyboard.type("2")
        page.keyboard.press("Enter")
        expect(page.locator(".way-words")).to_have_text([re.compile("Send"), "Wait 2 days"])

        # a split, and the wait pulled into one of its ways
        page.locator("[data-slot='after:s2'] a").click()
        page.get_by_role("button", name="Split by chance").click()
        page.get_by_role("button", name="Save").click()
        wait, place = box(page, "Wait 2 days"), page.locator("[data-slot='s3:a'] a")
        wait.drag_to(place, source_position={"x": 12, "y": 12})
        expect(page.locator("[data-arm='s3:a'] .way-words")).to_have_text("Wait 2 days")

        # up and down by keys; the focus stays with the step
        box(page, "By chance").focus()
        page.keyboard.press("Alt+ArrowUp")
        expect(page.locator(".way-words").first).to_have_text(re.compile("By chance"))
        expect(box(page, "By chance")).to_be_focused()
        page.keyboard.press("Alt+ArrowDown")
        expect(page.locator(".way-words").first).to_have_text(re.compile("Send"))
        page.locator("[data-slot='after:s3'] a").click()
        page.get_by_role("button", name="End here").click()
        box(page, "End").focus()
        page.keyboard.press("Delete")
        expect(page.locator(".way-words")).to_have_count(3)


def test_without_a_script_it_is_a_list_of_forms(house, chromium):
    with window(chromium, house.base, java_script_enabled=False) as shown:
        page = shown.page
        page.goto(house.base + "/login")
        page.get_by_label("E-mail").fill("ada@shop.example")
        page.get_by_label("Password").fill("correct horse battery")
        page.get_by_role("button", name="Log in").click()
        page.goto(house.base + "/journeys/new")
        page.get_by_label("Name").fill("By forms alone")
        page.get_by_role("button", name="Go on").click()
        page.get_by_role("button", name="Save").click()
        for kind in ("Wait some time", "Split by chance"):
            page.locator("[data-slot='start'] a").click()
            page.get_by_role("button", name=kind).click()
            page.get_by_role("button", name="Save").click()
        expect(page.locator(".way-words")).to_have_text([re.compile("By chance"), "Wait 3 days"])
        page.get_by_role("button", name=re.compile("^Up: 2")).click()
        expect(page.locator(".way-words")).to_have_text(["Wait 3 days", re.compile("By chance")])
        page.get_by_role("button", name=re.compile("^Remove 2")).click()
        expect(page.locator(".way-words")).to_have_text(["Wait 3 days"])


def _newsletter(page: Page) -> int:
    """The first template that is written for everybody."""
    expect(page.get_by_label("Template")).to_be_visible()
    labels = page.get_by_label("Template").locator("option").all_inner_texts()
    return next(n for n, words in enumerate(labels) if "ewsletter" in words)

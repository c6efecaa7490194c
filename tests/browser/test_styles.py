"""The living style page: every part of macros.html in a browser, in light and dark, wide and narrow."""

from pathlib import Path

import pytest
from flask import render_template_string

from campaigns.config import Config, Data, DatabaseSettings
from campaigns.db import Page
from campaigns.runtime import assemble
from tests.browser.stage import application, served, window
from webapp.security import admin_blueprint

pytestmark = pytest.mark.browser
TWICE = """
    const form = document.querySelector('form[action="/account/password"]');
    form.noValidate = true;
    form.querySelector("button").click();
    form.querySelector("button").click();
"""
SOURCE = Path(__file__).with_name("styles.html").read_text()


@pytest.fixture
def address(sqlite, clock, tmp_path):
    url = sqlite.engine.url.render_as_string(hide_password=False)
    config = Config(database=DatabaseSettings(url=url), data=Data(folder=tmp_path / "data"))
    app = application(assemble(config, clock=clock, database=sqlite))
    styles = admin_blueprint("styles")
    page = Page(rows=list(range(50)), number=2, size=50, total=480)
    styles.get("")(lambda: render_template_string(SOURCE, now=clock.now(), page=page))
    app.register_blueprint(styles)
    with served(app) as base:
        yield base


def test_every_part_is_sound(chromium, address):
    with window(chromium, address) as shown:
        shown.log_in()
        shown.go("/styles")
        assert shown.unsound() == []


def test_the_drawer_opens_and_closes_by_keyboard(chromium, address):
    with window(chromium, address, "narrow") as shown:
        shown.log_in()
        shown.go("/today")
        menu = shown.page.get_by_role("navigation", name="Pages")
        assert not menu.is_visible()
        shown.page.keyboard.press("Tab")  # skip link
        shown.page.keyboard.press("Tab")  # brand
        shown.page.keyboard.press("Tab")
        shown.page.keyboard.press("Enter")
        menu.get_by_role("link", name="Today").wait_for(state="visible")
        shown.page.keyboard.press("Escape")
        menu.get_by_role("link", name="Today").wait_for(state="hidden")


def test_the_drawer_works_without_scripts(chromium, address):
    with window(chromium, address, "narrow", java_script_enabled=False) as shown:
        shown.log_in()
        shown.page.get_by_role("link", name="Menu").click()
        shown.page.get_by_role("link", name="Settings").click()
        assert shown.page.get_by_role("heading", level=1).inner_text() == "Settings"


def test_the_skip_link_leads_to_the_content(chromium, address):
    with window(chromium, address) as shown:
        shown.log_in()
        shown.go("/today")
        shown.page.keyboard.press("Tab")
        assert shown.page.evaluate("document.activeElement.textContent") == "Skip to the content"
        shown.page.keyboard.press("Enter")
        assert shown.page.evaluate("document.activeElement.id") == "main"


def test_the_theme_follows_the_system_until_one_chooses(chromium, address):
    with window(chromium, address, scheme="dark") as shown:
        shown.log_in()
        theme = "document.documentElement.dataset.bsTheme"
        assert shown.page.evaluate(theme) == "dark"
        shown.page.get_by_role("button", name="Switch between light and dark").click()
        assert shown.page.evaluate(theme) == "light"
        shown.go("/settings")
        assert shown.page.evaluate(theme) == "light"


def test_a_form_pressed_twice_is_sent_once(chromium, address):
    with window(chromium, address) as shown:
        shown.log_in()
        shown.go("/account")
        sent = []
        shown.page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
        with shown.page.expect_navigation():
            shown.page.evaluate(TWICE)
        assert len(sent) == 1

"""Chromium for the tests: a failure in CI where it is missing, a skip elsewhere."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.stage import chromium_path, has_assets, launch
from tests.conftest import missing


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; each takes a fresh profile of it (`stage.window`)."""
    if chromium_path() is None:
        missing("No Chromium is installed (Debian: apt-get install chromium).")
    if not has_assets():
        missing("The scripts and styles are not built (python hatch_build.py).")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()

"""Pictures of the pages from the demonstration shop: `python -m tests.browser.screenshots OUTDIR [PATH …]`.

Each page in light and dark, 1280 and 320 pixels wide: `today-light-wide.png`. Without paths, the pages of the menu,
the first newsletter's report and the first customer.
"""

import sys
import tempfile
from pathlib import Path

from flask import Flask
from playwright.sync_api import sync_playwright

from campaigns import demonstration
from campaigns.clock import SystemClock
from campaigns.config import Config, Data, DatabaseSettings, Inbox, Shop
from campaigns.db.migrate import upgrade
from campaigns.runtime import Runtime, assemble
from tests.browser.crawl import crawl
from tests.browser.stage import EMAIL, PASSWORD, SCHEMES, SIZES, application, launch, served, window
from tests.webapp.conftest import Browser


def shop(folder: Path, customers: int = 5000) -> Runtime:
    """The demonstration shop in `folder`, made at the first call and kept."""
    config = Config(
        shop=Shop(name=demonstration.SHOP_NAME),
        database=DatabaseSettings(url=f"sqlite:///{folder}/liaison.db"),
        data=Data(folder=folder),
        inbox=Inbox(is_on=True),
    )
    is_new = not (folder / "liaison.db").exists()
    runtime = assemble(config, clock=SystemClock())
    if is_new:
        upgrade(runtime.database)
        demonstration.build(runtime, customers=customers, now=runtime.clock.now(), progress=print)
    return runtime


def take(out: Path, paths: list[str]) -> None:
    """Write the pictures of `paths` (all pages if none) into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        runtime = shop(Path(folder))
        app = application(runtime)
        paths = paths or _all(app)
        browser = launch(playwright)
        with served(app) as base:
            for scheme in SCHEMES:
                for size in SIZES:
                    with window(browser, base, size, scheme) as shown:
                        shown.log_in()
                        for path in paths:
                            shown.go(path)
                            name = path.strip("/").replace("/", "-").partition("?")[0]
                            shown.page.screenshot(path=out / f"{name}-{scheme}-{size}.png")
                            print(f"{name}-{scheme}-{size}.png")
        browser.close()
        runtime.database.dispose()


def _all(app: Flask) -> list[str]:
    app.test_client_class = Browser
    client = app.test_client()
    client.log_in(EMAIL, PASSWORD)
    return list(crawl(app, client).pages.values())


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2:])

"""What browser tests and screenshots stand on: where Chromium is, the pages served, a window that notes every fault."""

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from axe_playwright_python.base import AXE_SCRIPT
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Response, Route
from werkzeug.serving import WSGIRequestHandler, make_server

from campaigns.runtime import Runtime
from campaigns.staff import add_user
from webapp.app import create_app
from webapp.wording import STATIC

EMAIL, PASSWORD = "ada@shop.example", "correct horse battery"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SIZES = {"wide": (1280, 860), "narrow": (320, 720)}
SCHEMES = ("light", "dark")
DOT = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
NOTE_VIOLATIONS = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation",
        (event) => window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""


# Letters stand in frames where nothing runs: axe would wait a minute for an answer from each.
SERIOUS = """
    async () => {
        const found = await axe.run(document, {resultTypes: ["violations"], iframes: false});
        return found.violations
            .filter((violation) => ["serious", "critical"].includes(violation.impact))
            .flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${node.html.slice(0, 160)}`));
    }
"""
SETTLE = """
    (scheme) => {
        document.documentElement.dataset.bsTheme = scheme;
        return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    }
"""
WIDEST = """
    [...document.querySelectorAll("body *")]
        .filter((one) => one.getBoundingClientRect().right > innerWidth && !one.closest(".table-responsive"))
        .slice(0, 3).map((one) => one.outerHTML.slice(0, 120)).join(" | ")
"""


def chromium_path() -> str | None:
    """Debian's Chromium, or the like; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def has_assets() -> bool:
    """Whether `python hatch_build.py` has run."""
    return (STATIC / "liaison.css").exists()


def launch(playwright: Playwright) -> Browser:
    """Start Chromium."""
    return playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))


class Silent(WSGIRequestHandler):
    """Serves without a line for each request."""

    def log(self, type: str, message: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The application on a free port of this machine; gives its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Window:
    """One page of a browser, with everything that went wrong on it."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Open a path of ours, and forget the faults of the page before."""
        self.faults.clear()
        self.page.goto(self.base + path)

    def log_in(self, email: str = EMAIL, password: str = PASSWORD) -> None:
        """By the form."""
        self.go("/login")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(re.compile("/today"))

    def hear(self, message: ConsoleMessage) -> None:
        """Note an error of the console; what failed to load is seen more precisely by `see`."""
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.faults.append(message.text)

    def see(self, response: Response) -> None:
        """Note a part of the page that did not come; the page itself may well answer 404."""
        if response.status >= 400 and response.request.resource_type != "document":
            self.faults.append(f"{response.status} {response.url}")

    def complaints(self) -> list[str]:
        """Errors of the console, scripts that failed, and what the policy had to forbid."""
        return self.faults + list(self.page.evaluate("window.violations || []"))

    def look(self, size: str, scheme: str) -> None:
        """Make the window wide or narrow, the system light or dark."""
        width, height = SIZES[size]
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme=scheme)
        self.page.evaluate(SETTLE, scheme)

    def unsound(self) -> list[str]:
        """What is wrong with the page in any of the four looks: axe, the console, the policy, the width."""
        said = self.complaints()
        self.page.evaluate(AXE_SCRIPT)
        for size in SIZES:
            for scheme in SCHEMES:
                self.look(size, scheme)
                said += [f"{size} {scheme}: {each}" for each in self.page.evaluate(SERIOUS)]
            if (width := self.page.evaluate("document.documentElement.scrollWidth")) > SIZES[size][0]:
                said.append(f"{size}: {width} px wide, by {self.page.evaluate(WIDEST)}")
        return said


@contextmanager
def window(
    browser: Browser, base: str, size: str = "wide", scheme: str = "light", **more: object
) -> Iterator[Window]:
    """A fresh profile with one page open; nothing but our own server is reached."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce", **more
    )
    context.add_init_script(NOTE_VIOLATIONS)
    context.route(lambda url: not url.startswith(base), _foreign)
    page = context.new_page()
    shown = Window(page, base)
    page.on("console", shown.hear)
    page.on("response", shown.see)
    page.on("pageerror", lambda error: shown.faults.append(str(error)))
    try:
        yield shown
    finally:
        context.close()


def _foreign(route: Route) -> None:
    if route.request.resource_type == "image":
        route.fulfill(body=DOT, content_type="image/gif")
    else:
        route.fulfill(body="A page of the shop.", content_type="text/plain")


def application(runtime: Runtime) -> Flask:
    """The pages over a runtime, with one administrator who can log in."""
    with runtime.transaction() as session:
        add_user(session, email=EMAIL, name="Ada Martin", password=PASSWORD, now=runtime.clock.now())
    return create_app(runtime)

"""One newsletter's whole life, in a browser, against the real thing: `liaison serve` with its clock, senders and inbox.

A segment is made, a newsletter scheduled for the next minute; it arrives; a link in it is clicked; score and timeline
move; the reader unsubscribes; and the report adds up.
"""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from campaigns import demonstration
from campaigns.config import load
from campaigns.customers import search
from campaigns.db.migrate import upgrade
from campaigns.runtime import Runtime, assemble
from campaigns.scoring import score_of
from campaigns.staff import add_user
from campaigns.suppression import causes_in_force
from campaigns.tracking import events_of
from tests.browser.stage import EMAIL, PASSWORD, window

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
FAMILY = "Proofreader"
CONFIG = """
[shop]
name = "The Paper Kettle"
zone = "Europe/Paris"
[database]
url = "sqlite:///{folder}/liaison.db"
[data]
folder = "{folder}"
[web]
port = {web}
base_url = "http://127.0.0.1:{web}"
[smtp]
port = {mail}
[inbox]
is_on = true
port = {mail}
[sending]
processes = 1
[scores]
refresh_seconds = 1
"""


@dataclass(frozen=True)
class House:
    """A running Liaison: its address, and a runtime of our own on the same data."""

    base: str
    runtime: Runtime


@pytest.fixture
def house(tmp_path, chromium):
    """`liaison serve` on a small demonstration shop in which a whole family has one name."""
    web, mail = _free_port(), _free_port()
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(folder=tmp_path.as_posix(), web=web, mail=mail))
    runtime = assemble(load(path))
    upgrade(runtime.database)
    now = runtime.clock.now()
    demonstration.build(runtime, customers=60, now=now)
    with runtime.transaction() as session:
        add_user(session, email=EMAIL, name="Ada Martin", password=PASSWORD, now=now)
        for customer in session.scalars(search("", consent="tracking").limit(12)):
            customer.last_name = FAMILY
    command = [sys.executable, "-m", "webapp.cli", "--config", str(path), "serve"]
    with (tmp_path / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "PYTHONWARNINGS": ""}
        )
    try:
        base = f"http://127.0.0.1:{web}"
        until(lambda: _answers(f"{base}/login"), 60, lambda: (tmp_path / "serve.log").read_text())
        yield House(base, runtime)
    finally:
        process.terminate()
        code = process.wait(60)
        runtime.database.dispose()
    assert code == 0, (tmp_path / "serve.log").read_text()


def test_a_newsletter_from_the_form_to_the_suppression(house, chromium):
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
    with window(
        chromium, house.base, user_agent=agent
    ) as shown:  # a headless browser would be known for a machine
        page = shown.page
        shown.log_in()

        # a segment
        shown.go("/segments/new")
        page.get_by_label("Name", exact=True).fill("The family")
        with page.expect_response("**/segments/new"):
            page.get_by_label("What to ask").select_option("customer.last_name")
        page.get_by_label("Value", exact=True).fill(FAMILY)
        page.get_by_role("button", name="Save").click()
        page.get_by_role("heading", name="The family").wait_for()
        assert "12" in page.locator("main").inner_text()

        # a newsletter for the next minute
        shown.go("/newsletters/new")
        page.get_by_label("Name", exact=True).fill("For the family")
        page.get_by_label("Template").select_option(index=_index(page, "Template", "ewsletter"))
        page.get_by_label("Subject").fill("A letter for the family")
        page.get_by_label("Segment").select_option(label=_option(page, "Segment", "The family"))
        page.get_by_label("At this moment:").check()
        moment = house.runtime.clock.now().astimezone(house.runtime.config.zone) + timedelta(seconds=70)
        page.get_by_label("Date and time").fill(moment.strftime("%Y-%m-%dT%H:%M"))
        page.get_by_label("On the clocks of").select_option("Europe/Paris")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("heading", name="For the family").wait_for()
        assert "scheduled" in page.locator("main").inner_text()
        newsletter = page.url

        # it arrives
        def arrived() -> bool:
            shown.go("/inbox?search=letter+for+the+family")
            return page.get_by_role("link", name="A letter for the family").count() == 12

        until(arrived, 120, every=1)
        recipient = page.locator("tbody tr").first.locator("td").first.inner_text()
        with house.runtime.reading() as session:
            reader = session.scalars(search(recipient)).one()
            before = score_of(session, reader.id).engagement

        # a link in it is clicked
        time.sleep(2)  # who opens a letter within a second of its delivery is rightly taken for a machine
        page.get_by_role("link", name="A letter for the family").first.click()
        page.wait_for_load_state("networkidle")
        letter = page.frame_locator("iframe")
        with page.expect_popup() as opened:
            letter.locator('a[href*="/c/"]:not([tabindex])').last.click()
        opened.value.wait_for_load_state()
        assert not opened.value.url.startswith(house.base)
        opened.value.close()

        # timeline and score move
        def moved() -> bool:
            shown.go(f"/customers/{reader.id}")
            is_told = re.search("click", page.locator("main").inner_text(), re.IGNORECASE) is not None
            with house.runtime.reading() as session:
                return is_told and score_of(session, reader.id).engagement > before

        until(moved, 30, lambda: _events(house.runtime, reader.id), every=1)

        # the reader unsubscribes
        shown.go("/inbox?search=" + recipient)
        page.get_by_role("link", name="A letter for the family").first.click()
        page.wait_for_url("**/*.liaison")
        page.wait_for_load_state("networkidle")  # the letter's own frame, too
        link = page.frame_locator("iframe").get_by_role("link", name="Unsubscribe")
        leaving = page.context.new_page()
        leaving.goto(link.get_attribute("href"))
        leaving.locator("button.btn-primary").click()  # in the language of the reader
        leaving.wait_for_load_state()

        def is_left_alone() -> bool:
            with house.runtime.reading() as session:
                return bool(causes_in_force(session, reader.address_key))

        until(is_left_alone, 20)

        # the report adds up
        page.goto(newsletter)
        until(lambda: page.reload() and "sent" in page.locator(".page-header").inner_text(), 30, every=1)
        page.get_by_role("link", name="The whole report").click()
        page.get_by_role("heading", name="What we did").wait_for()
        did = _figures(page, "What became of what was meant")
        back = _figures(page, "What came back")
        assert did["Meant"] == 12 == sum(number for name, number in did.items() if name != "Meant")
        assert did["Sent"] == 12
        assert back["Clicked"] >= 1
        assert back["Unsubscribed"] == 1
        assert shown.complaints() == []


def until(
    is_true: Callable[[], object], seconds: float, said: Callable[[], str] = str, *, every: float = 0.2
) -> None:
    """Ask again and again until it is so; fail after so many seconds, with what was said meanwhile."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, f"not within {seconds} seconds. {said()}"
        time.sleep(every)


def _events(runtime: Runtime, customer_id: int) -> str:
    with runtime.reading() as session:
        events = session.scalars(events_of(customer_id).limit(5)).all()
        return "; ".join(f"{each.kind} {each.judgement} {each.at:%H:%M:%S}" for each in events)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _option(page, label, begins):
    options = page.get_by_label(label).locator("option").all_inner_texts()
    return next(option for option in options if option.strip().startswith(begins))


def _index(page, label, part):
    options = page.get_by_label(label).locator("option").all_inner_texts()
    return next(place for place, option in enumerate(options) if part in option)


def _figures(page, caption):
    """name → figure of the rows of a table; the finer rows below one are left out."""
    rows = page.get_by_role("table", name=caption).locator("tbody tr:not(.sub)")
    cells = [row.locator("th, td").all_inner_texts() for row in rows.all()]
    return {name.strip().splitlines()[0]: int(figure.replace(",", "")) for name, figure, *_ in cells}

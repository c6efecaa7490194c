"""A ready-made programme, in a browser: its reason read, its letters got, switched on, and the mail in the inbox."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser

from campaigns.clock import FrozenClock
from campaigns.mail import SmtpMailer
from campaigns.mail.inbox import Inbox
from campaigns.messages import send_due
from campaigns.runtime import Runtime
from campaigns.signals import record
from scheduler.jobs import launch_letters
from tests.browser.stage import application, served, window
from tests.cast import person

pytestmark = pytest.mark.browser


@pytest.fixture
def posting(sqlite, tmp_path, clock: FrozenClock) -> Iterator[Runtime]:
    """A runtime whose mails go to its own inbox, by SMTP."""
    from campaigns.config import Config, Data, DatabaseSettings, Smtp
    from campaigns.config import Inbox as InboxSettings
    from campaigns.runtime import assemble

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = sqlite.engine.url.render_as_string(hide_password=False)
    config = Config(
        database=DatabaseSettings(url=url),
        data=Data(folder=tmp_path / "data"),
        smtp=Smtp(port=port),
        inbox=InboxSettings(is_on=True, port=port),
    )
    inbox = Inbox(config.data.folder / "inbox", "127.0.0.1", port, clock=clock)
    inbox.start()
    runtime = assemble(config, clock=clock, database=sqlite)
    yield replace(runtime, mailer=SmtpMailer(config.smtp, "", "shop.example"))
    inbox.stop()


def test_a_programme_is_picked_and_its_letter_arrives(
    posting: Runtime, clock: FrozenClock, chromium: Browser
) -> None:
    with posting.transaction() as session:
        zoe = person(session, "zoe@customers.example", now=clock.now(), first_name="Zoé", language="fr").id
        record(session, zoe, kind="complaint_opened", key="T-7", at=clock.now())
    with served(application(posting)) as base, window(chromium, base) as shown:
        page = shown.page
        shown.log_in()
        shown.go("/programmes")
        page.get_by_role("link", name="Thanks for a complaint or a problem told").click()
        page.get_by_label("Français").check()
        page.get_by_role("button", name="Get the letters").click()
        page.get_by_text("2 letters are yours now, switched off").wait_for()
        page.get_by_role("link", name="Merci après une plainte").click()
        page.get_by_text("Switch on", exact=True).first.click()
        page.locator("details[open] button").first.click()
        page.locator(".page-header").get_by_text("on", exact=True).wait_for()

        # the complaint is closed; two days later, in the morning, the thank-you leaves
        clock.advance(timedelta(hours=1))
        with posting.transaction() as session:
            record(session, zoe, kind="complaint_closed", key="T-7", at=clock.now())
        clock.advance(timedelta(days=1))
        assert (launch_letters(posting), send_due(posting)) == (0, 0)
        clock.advance(timedelta(days=1))
        assert (launch_letters(posting), send_due(posting)) == (1, 1)
        shown.log_in()  # two days later
        shown.go("/inbox")
        page.get_by_role("link", name="Merci de nous l’avoir dit, Zoé").click()
        letter = page.frame_locator("iframe")
        letter.get_by_role("heading", name="Merci de nous l’avoir dit").wait_for()
        letter.get_by_role("link", name="Me désabonner").wait_for()
        assert "T-7" in letter.locator("body").inner_text().replace("‑", "-").upper()
        assert shown.complaints() == []

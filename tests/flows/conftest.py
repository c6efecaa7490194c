"""A whole Liaison for a story: both databases in turn, a clock that is moved, a real mail server, two browsers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from campaigns.clock import FrozenClock
from campaigns.config import Config, PressureSettings, Scores, Smtp, Stale
from campaigns.db import Database
from campaigns.messages import send_due
from campaigns.runtime import Runtime, assemble
from campaigns.staff import add_user
from scheduler.timetable import timetable
from tests.smtp_server import Fault, SmtpServer
from tests.webapp.conftest import PASSWORD, Browser
from webapp.app import create_app

FIREFOX = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept-Language": "en",
}


@dataclass
class Story:
    """What the chapters of a story need."""

    runtime: Runtime
    clock: FrozenClock
    server: SmtpServer
    marketer: Browser
    reader: FlaskClient

    def pass_time(self, span: timedelta) -> None:
        """Let time pass, then let every job of the timetable and a sender do what is due."""
        self.clock.advance(span)
        self.work()

    def work(self) -> None:
        """One round of the clock, of the sender, and of the clock again."""
        for _ in range(2):
            for tick in timetable(self.runtime.config):
                tick.job(self.runtime)
            send_due(self.runtime)

    def mails(self, address: str) -> list[EmailMessage]:
        """What arrived for that address, oldest first, parsed."""
        return [
            message_from_bytes(mail.content, policy=policy.default)  # type: ignore[misc]
            for mail in self.server.accepted
            if mail.recipient == address
        ]

    def visit(self, url: str) -> str:
        """Follow a link of a mail as a person does; returns where it leads."""
        parts = urlsplit(url)
        answer = self.reader.get(f"{parts.path}?{parts.query}", headers=FIREFOX)
        assert answer.status_code == 302, answer.text[:300]
        return answer.location


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    """Takes every mail but those to Denis, whose mailbox is gone."""
    with SmtpServer([Fault("rcpt", "550 5.1.1 No such mailbox", times=None, only="denis@")]) as running:
        yield running


@pytest.fixture
def story(config: Config, database: Database, clock: FrozenClock, server: SmtpServer) -> Story:
    settings = config.model_copy(
        update={
            "smtp": Smtp(host=server.host, port=server.port),
            "stale": Stale(mails=3, days=60, acts_by_itself=True),
            "scores": Scores(full_hour=0),
            "pressure": PressureSettings(mails=0),  # these stories write every day, and are not about that
        }
    )
    runtime = assemble(settings, clock=clock, database=database)
    with runtime.transaction() as session:
        add_user(
            session,
            email="marketer@shop.example",
            name="Marketer",
            password=PASSWORD,
            role="marketer",
            now=clock.now(),
        )
    app = create_app(runtime)
    app.testing = True
    app.test_client_class = Browser
    return Story(runtime, clock, server, app.test_client(), FlaskClient(app, use_cookies=False))

"""A scanner that follows every link of every mail with HEAD, GET and a real browser that runs the pages' scripts."""

import http.client
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import html as lxml_html
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Error
from sqlalchemy import func, select

from campaigns import content
from campaigns.clock import SystemClock
from campaigns.config import Config, Data, DatabaseSettings
from campaigns.customers import Consent, Customer
from campaigns.db import Database
from campaigns.messages import open_mailing, web_version
from campaigns.runtime import Runtime, assemble
from campaigns.scoring import refresh, score_of
from campaigns.suppression import register
from campaigns.tracking import ingest
from tests.browser.stage import Window, served, window
from tests.campaigns.tracking.story import customer, events, message
from tests.conftest import NOW
from webapp.app import create_app

pytestmark = pytest.mark.browser

AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
HEADERS = {"User-Agent": AGENT, "Accept-Language": "en-GB,en;q=0.9"}
NAMES = ("alice", "bob", "chloe", "denis")
SOURCE = """<!doctype html><html lang="en"><head><title>News</title></head><body>
<p>Dear {{ customer.first_name or "friend" }}, <a href="https://shop.example/wine">wine</a>,
<a href="https://shop.example/tea">tea</a>, <a href="https://shop.example/?n={{ customer.number or 'x' }}">yours</a></p>
<p><a href="{{ links.view }}">web</a> <a href="{{ links.preferences }}">choose</a>
<a href="{{ links.unsubscribe }}">unsubscribe</a></p></body></html>"""


@pytest.fixture
def shop(sqlite: Database, tmp_path: Path) -> Runtime:
    """Four readers who got a newsletter an hour ago, on a clock that runs."""
    url = sqlite.engine.url.render_as_string(hide_password=False)
    config = Config(database=DatabaseSettings(url=url), data=Data(folder=tmp_path / "data"))
    return assemble(config, clock=SystemClock(), database=sqlite)


def letters(runtime: Runtime) -> list[str]:
    """The HTML of each reader's letter."""
    now = runtime.clock.now()
    with runtime.transaction() as session:
        template = content.create_template(session, name="News", now=now)
        version = content.save_version(
            session, template.id, format="html", source=SOURCE, subject="News", now=now, by=None
        )
        mailing = open_mailing(
            session,
            kind="newsletter",
            source_id=1,
            name="News",
            version_id=version.id,
            subject="News",
            sender_name="",
            sender_email="hello@shop.example",
            now=now,
        )
        ids = [
            message(
                session,
                mailing.id,
                customer(session, name),
                address=f"{name}@shop.example",
                sent_at=now - timedelta(hours=1),
            )
            for name in NAMES
        ]
    with runtime.reading() as session:
        return [web_version(session, runtime, id_) for id_ in ids]


def paths_in(letter: str) -> list[str]:
    """Every address of ours in a letter, links and pictures, as a scanner finds them."""
    tree = lxml_html.fromstring(letter)
    found = [*tree.xpath("//a/@href"), *tree.xpath("//img/@src")]
    return [f"{parts.path}?{parts.query}" for parts in map(urlsplit, found) if "/" in parts.path]


def look(shown: Window, path: str) -> None:
    """Open it; the shop's own site, to which clicks lead, is not reached from here, and its error page may be late."""
    for _ in range(3):
        try:
            shown.go(path)
        except Error as error:
            if "interrupted" in str(error):
                continue
        return


def facts(runtime: Runtime) -> dict[str, object]:
    with runtime.reading() as session:
        return {
            "consents": session.scalar(select(func.count()).select_from(Consent)),
            "may": session.execute(select(Customer.may_mail, Customer.may_track, Customer.language)).all(),
            "register": session.scalars(register(is_in_force=None)).all(),
        }


def test_a_scanner_changes_nothing_and_counts_for_nothing(shop: Runtime, chromium: Chromium) -> None:
    every = letters(shop)
    before = facts(shop)
    with served(create_app(shop)) as base, window(chromium, base, user_agent=AGENT, locale="en-GB") as shown:
        host = urlsplit(base).netloc
        for letter in every:
            paths = paths_in(letter)
            assert len(paths) == 8  # three links, three ways, the hidden link, the picture
            for path in paths:
                for method in ("HEAD", "GET"):
                    line = http.client.HTTPConnection(host, timeout=10)
                    line.request(method, path, headers=HEADERS)
                    assert line.getresponse().read() is not None
                    line.close()
                look(shown, path)
    ingest(shop)
    hits = events(shop)
    assert len(hits) >= len(NAMES) * 8
    assert {hit.kind for hit in hits} == {"opened", "clicked"}
    assert {hit.judgement for hit in hits} == {"machine"}
    assert facts(shop) == before
    later = max(shop.clock.now(), NOW) + timedelta(days=1)  # the readers are known since NOW
    with shop.transaction() as session:
        refresh(session, now=later, config=shop.config)
        scores = [score_of(session, id_) for id_ in session.scalars(select(Customer.id))]
        assert [(score.engagement, score.last_click_at, score.last_open_at) for score in scores if score] == [
            (0, None, None)
        ] * len(NAMES)


def test_without_the_hidden_link_it_is_known_as_well(shop: Runtime, chromium: Chromium) -> None:
    tracking = shop.config.tracking.model_copy(update={"hidden_link": False})
    plain = replace(shop, config=shop.config.model_copy(update={"tracking": tracking}))
    letter = letters(plain)[0]
    assert "/9999" not in letter
    with served(create_app(plain)) as base, window(chromium, base, user_agent=AGENT, locale="en-GB") as shown:
        for path in paths_in(letter):
            look(shown, path)
    ingest(plain)
    assert {hit.judgement for hit in events(plain)} == {"machine"}

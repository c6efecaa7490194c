"""Every page there is, in a real browser: axe, the console, the content policy, the width of a phone."""

import re
from io import BytesIO

import pytest
from sqlalchemy import select

from campaigns import journeys, segments, simulations
from campaigns.mail.inbox import InboxFolder
from campaigns.messages import Message
from scheduler.jobs import advance_journeys, run_simulations
from tests.browser.crawl import crawl, endpoints
from tests.browser.screenshots import shop
from tests.browser.stage import EMAIL, PASSWORD, application, served, window
from tests.webapp.conftest import Browser

pytestmark = pytest.mark.browser

WHILE_IT_RUNS = {"imports.progress", "imports.rejected", "messages.late"}
"""Linked only from an import that runs or has refused lines, and after a long stop: tests/webapp/pages/test_imports.py
and tests/webapp/test_standing.py see them."""
MAIL = b"""\
From: Shop <hello@shop.example>\r
To: zoe@mail.example\r
Subject: Spring\r
Content-Type: text/html; charset=utf-8\r
\r
<!doctype html><html lang="en"><head><title>Spring</title></head><body><h1>Spring</h1><p>is here.</p></body></html>
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The demonstration shop, with a small crowd; read only."""
    runtime = shop(tmp_path_factory.mktemp("shop"), customers=400)
    with runtime.transaction() as session:  # as if an answer had never been heard
        session.scalars(select(Message).where(Message.status == "sent").limit(1)).one().status = "unknown"
    lead(runtime)
    mails = InboxFolder(runtime.config.data.folder / "inbox")
    mails.prepare()
    mails.keep(MAIL, envelope_from="b@shop.example", recipients=["zoe@mail.example"], clock=runtime.clock)
    yield application(runtime)
    runtime.database.dispose()


def lead(runtime):
    """A journey with people on it, a newer version of it, and a simulation."""
    now, means = runtime.clock.now(), journeys.means_of(runtime)
    with runtime.transaction() as session:
        journey = journeys.create(session, name="Back again", now=now, by=None)
        asleep = segments.find_segment(session, "Asleep")
        journeys.set_frame(
            session,
            journey.id,
            name="Back again",
            hold_out=20,
            entry={"by": "segment", "segment_id": asleep.id, "hour": -1},
            again="never",
            again_days=90,
            goal="bought",
            goal_segment_id=None,
            exits=("unsubscribed", "suppressed", "complained"),
            occasions=runtime.occasions,
            now=now,
        )
        answers = {"what": "tag", "word": "asked back"}
        key = journeys.add_step(session, journey.id, slot="start", kind="change", answers=answers, now=now)
        journeys.add_step(session, journey.id, slot=f"after:{key}", kind="wait", now=now)
        journeys.switch_on(session, journey.id, means, now=now)
        number = journey.id
    assert advance_journeys(runtime) > 0
    with runtime.transaction() as session:
        journeys.add_step(session, number, slot="start", kind="wait", now=now)
        journeys.switch_on(session, number, means, now=now)
        simulations.ask(session, kind="journey", source_id=number, now=now)
    run_simulations(runtime)


@pytest.fixture(scope="module")
def found(app):
    """What the links of the admin lead to."""
    app.test_client_class = Browser
    client = app.test_client()
    client.log_in(EMAIL, PASSWORD)
    people = BytesIO(b"E-mail,First name\nzoe@mail.example,Zoe\nnot an address,Bob\n")
    token = {"csrf_token": client.token}
    client.post("/imports/new", data={**token, "kind": "customers", "file": (people, "people.csv")})
    return crawl(app, client)


def test_no_link_of_the_admin_is_broken(found):
    assert found.broken == []


def test_every_page_can_be_reached_by_links(app, found):
    assert endpoints(app, "admin") - set(found.pages) - set(found.files) == WHILE_IT_RUNS


def test_every_page_of_the_admin_is_sound(chromium, app, found):
    with served(app) as base, window(chromium, base) as shown:
        shown.log_in()
        assert faults(shown, found.pages.values()) == {}


def test_every_page_for_recipients_is_sound(chromium, app):
    runtime = app.extensions["liaison"]
    with runtime.reading() as session:
        token = runtime.links.token(*session.execute(select(Message.id, Message.mailing_id).limit(1)).one())
    with served(app) as base, window(chromium, base) as shown:
        assert faults(shown, ["/login", "/nowhere", *_public(app, token)]) == {}


def faults(shown, paths):
    """What is wrong with each of these pages; the sound ones are left out."""
    found = {}
    for path in paths:
        shown.go(path)
        if said := shown.unsound():
            found[path] = said
    return found


def _public(app, token):
    for rule in app.url_map.iter_rules():
        if rule.endpoint in endpoints(app, "public") and rule.arguments <= {"token", "rest"}:
            path = re.sub(r"<[^>]+>", token, rule.rule)
            if app.test_client().get(path).mimetype == "text/html":
                yield path

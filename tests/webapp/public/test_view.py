"""The letter on the web: filled for its reader, and harmless."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns import content
from campaigns.customers import find_customer, record_consent
from campaigns.messages import open_mailing
from campaigns.runtime import Runtime
from campaigns.tracking import ingest
from tests.campaigns.tracking.story import customer, message
from tests.conftest import NOW

SOURCE = """<!doctype html><html lang="en"><head><title>News</title></head><body>
<p>Dear {{ customer.first_name or "friend" }}, <a href="https://shop.example/wine">wine</a></p>
<p><a href="{{ links.view }}">web</a> <a href="{{ links.unsubscribe }}">unsubscribe</a></p></body></html>"""


@pytest.fixture
def person(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


def token_of(runtime: Runtime) -> str:
    with runtime.transaction() as session:
        template = content.create_template(session, name="News", now=NOW)
        version = content.save_version(
            session,
            template.id,
            format="html",
            source=SOURCE,
            subject="News",
            preheader="",
            now=NOW,
            by=None,
        )
        mailing = open_mailing(
            session,
            kind="newsletter",
            source_id=1,
            name="News",
            version_id=version.id,
            subject="News",
            preheader="",
            sender_name="",
            sender_email="hello@shop.example",
            reply_to="",
            is_tracked=True,
            priority=5,
            now=NOW,
        )
        made = message(session, mailing.id, customer(session))
        return runtime.links.token(made, mailing.id)


def test_the_letter_is_filled_for_its_reader_and_nothing_runs_in_it(
    runtime: Runtime, person: FlaskClient
) -> None:
    token = token_of(runtime)
    answer = person.get(f"/v/{token}")
    assert answer.status_code == 200
    assert "Dear Alice" in answer.text
    assert f"/u/{token}" in answer.text
    assert f"/c/{token}/0" in answer.text
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    assert ingest(runtime) == 0


def test_a_bad_link_is_a_friendly_page(runtime: Runtime, person: FlaskClient) -> None:
    for token in ("nonsense", runtime.links.token(99, 1)):
        answer = person.get(f"/v/{token}")
        assert answer.status_code == 404
        assert "leads nowhere" in answer.text


def test_who_withdrew_their_consent_to_measuring_is_not_measured_here(
    runtime: Runtime, person: FlaskClient
) -> None:
    token = token_of(runtime)
    with runtime.transaction() as session:
        found = find_customer(session, "alice@shop.example")
        record_consent(session, found.id, purpose="tracking", is_granted=False, act="preferences", now=NOW)
    shown = person.get(f"/v/{token}").text
    assert "Dear Alice" in shown and "/c/" not in shown and "/o/" not in shown

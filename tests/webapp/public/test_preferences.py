"""The preferences page: what is chosen counts at once, and only what was changed is written."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.runtime import Runtime
from campaigns.tracking import Reader, reader
from tests.webapp.public.story import token_of
from webapp.public.words import WORDS


@pytest.fixture
def person(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


def state(runtime: Runtime, token: str) -> Reader:
    said = runtime.links.read(token)
    assert said is not None
    with runtime.reading() as session:
        return reader(session, said.message_id)


def test_choices_are_kept_and_shown(runtime: Runtime, person: FlaskClient) -> None:
    token = token_of(runtime)
    assert person.get(f"/p/{token}").text.count("checked") == 3
    answer = person.post(f"/p/{token}", data={"form": "preferences", "mail": "yes", "language": "en"})
    assert answer.status_code == 303
    text = person.get(answer.location).text
    assert "Saved" in text
    assert text.count("checked") == 1
    assert not state(runtime, token).may_track
    assert not state(runtime, token).may_suggest


def test_a_post_that_is_not_the_form_changes_nothing(runtime: Runtime, person: FlaskClient) -> None:
    token = token_of(runtime)
    assert person.post(f"/p/{token}", data={}).status_code == 400
    assert person.post(f"/p/{token}", data=b"{}", content_type="application/json").status_code == 400
    assert state(runtime, token).may_mail
    assert state(runtime, token).may_track


def test_an_unknown_language_is_left_alone(runtime: Runtime, person: FlaskClient) -> None:
    token = token_of(runtime)
    person.post(
        f"/p/{token}", data={"form": "preferences", "mail": "yes", "tracking": "yes", "language": "<script>"}
    )
    assert state(runtime, token).language == ""


def test_a_rhythm_and_a_pause_are_kept_and_can_be_ended(runtime: Runtime, person: FlaskClient) -> None:
    token, now = token_of(runtime), runtime.clock.now()
    usual = {"form": "preferences", "mail": "yes", "tracking": "yes"}
    person.post(f"/p/{token}", data={**usual, "pace": "30", "pause": "3"})
    who = state(runtime, token)
    assert (who.every_days, who.pause_until) == (30, now + timedelta(days=91))
    text = person.get(f"/p/{token}").text
    assert '<option value="30" selected>One a month at most' in text
    assert '<option value="kept" selected>Until 22/02/2027' in text
    person.post(f"/p/{token}", data={**usual, "pace": "7", "pause": "kept"})
    who = state(runtime, token)
    assert (who.every_days, who.pause_until) == (7, now + timedelta(days=91))
    person.post(f"/p/{token}", data={**usual, "pace": "99", "pause": "x"})
    assert (state(runtime, token).every_days, state(runtime, token).pause_until) == (None, None)


def test_both_languages_say_the_same_things() -> None:
    assert WORDS["en"].keys() == WORDS["fr"].keys()
    for key, text in WORDS["en"].items():
        assert ("{address}" in text) == ("{address}" in WORDS["fr"][key]), key

"""The unsubscribe page asks on GET and obeys on POST; one click obeys at once, again and again."""

import shutil
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.runtime import Runtime
from campaigns.tracking import Reader, reader
from tests.campaigns.tracking.story import events, letter
from tests.webapp.public.story import token_of


@pytest.fixture
def person(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


def state(runtime: Runtime, token: str) -> Reader:
    said = runtime.links.read(token)
    assert said is not None
    with runtime.reading() as session:
        return reader(session, said.message_id)


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_looking_changes_nothing(runtime: Runtime, person: FlaskClient, method: str) -> None:
    token = token_of(runtime)
    answer = getattr(person, method)(f"/u/{token}?List-Unsubscribe=One-Click&act=unsubscribe")
    assert answer.status_code == 200
    assert not state(runtime, token).is_unsubscribed
    assert "Set-Cookie" not in answer.headers
    assert events(runtime) == []


def test_the_page_asks_and_shows_the_address_only_in_part(runtime: Runtime, person: FlaskClient) -> None:
    text = person.get(f"/u/{token_of(runtime)}").text
    assert "al…@shop.example" in text
    assert "alice@shop.example" not in text
    assert text.count("<button") == 1


def test_the_button_unsubscribes_and_the_page_offers_to_undo(runtime: Runtime, person: FlaskClient) -> None:
    token = token_of(runtime)
    answer = person.post(f"/u/{token}", data={"act": "unsubscribe"})
    assert (answer.status_code, answer.location) == (303, f"/u/{token}")
    assert state(runtime, token).is_unsubscribed
    assert "That was a mistake" in person.get(f"/u/{token}").text
    person.post(f"/u/{token}", data={"act": "reason", "reason": "Trop de lettres"})
    assert events(runtime)[0].text == "Trop de lettres"
    person.post(f"/u/{token}", data={"act": "undo"})
    assert not state(runtime, token).is_unsubscribed
    assert state(runtime, token).may_mail


@pytest.mark.parametrize(
    "request_",
    [
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"data": {"List-Unsubscribe": "One-Click"}, "content_type": "multipart/form-data"},
        {"data": b"List-Unsubscribe=One-Click", "content_type": "application/x-www-form-urlencoded"},
        {"data": b"List-Unsubscribe=One-Click\r\n", "content_type": "text/plain"},
    ],
)
def test_one_click_obeys_without_page_cookie_or_redirect(
    runtime: Runtime, person: FlaskClient, request_: dict
) -> None:
    token = token_of(runtime)
    for _ in range(3):
        answer = person.post(f"/u/{token}", **request_)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert "Location" not in answer.headers
        assert "<html" not in answer.text
    assert state(runtime, token).is_unsubscribed
    assert [event.details for event in events(runtime)] == [{"act": "one_click"}]


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"data": {"List-Unsubscribe": "Two-Clicks"}},
        {"data": {"act": "everything"}},
        {"data": b"\xff\x00" * 50, "content_type": "multipart/form-data; boundary=x"},
        {"data": b"{}", "content_type": "application/json"},
    ],
)
def test_any_other_post_changes_nothing(runtime: Runtime, person: FlaskClient, request_: dict) -> None:
    token = token_of(runtime)
    assert person.post(f"/u/{token}", **request_).status_code == 400
    assert not state(runtime, token).is_unsubscribed


def test_a_huge_body_is_refused(runtime: Runtime, person: FlaskClient) -> None:
    token = token_of(runtime)
    answer = person.post(f"/u/{token}", data={"act": "reason", "reason": "x" * 200_000})
    assert answer.status_code == 413


def test_a_bad_token_is_a_friendly_page(runtime: Runtime, person: FlaskClient) -> None:
    bounce = runtime.links.token(1, 1, "bounce")
    gone = runtime.links.token(4711, 1)
    for token in ("nonsense", bounce, gone):
        for answer in (
            person.get(f"/u/{token}"),
            person.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"}),
        ):
            assert answer.status_code == 404
            assert "leads nowhere" in answer.text


def test_what_cannot_be_kept_is_never_called_done(runtime: Runtime, app: Flask) -> None:
    token = token_of(runtime)
    runtime.database.dispose()
    url = runtime.database.engine.url.database
    shutil.move(url, f"{url}.away")
    with Path(url).open("wb") as file:
        file.write(b"x" * 4096)
    person = app.test_client(use_cookies=False)
    for data in ({"List-Unsubscribe": "One-Click"}, {"act": "unsubscribe"}):
        assert person.post(f"/u/{token}", data=data).status_code >= 500
    runtime.database.dispose()
    shutil.move(f"{url}.away", url)
    assert not state(runtime, token).is_unsubscribed


def test_the_page_speaks_the_customers_language(runtime: Runtime, person: FlaskClient) -> None:
    token = token_of(runtime)
    person.post(f"/p/{token}", data={"form": "preferences", "mail": "yes", "language": "fr"})
    answer = person.get(f"/u/{token}", headers={"Accept-Language": "en"})
    assert 'lang="fr"' in answer.text
    assert "Plus de lettres" in answer.text


def test_a_scanner_that_follows_everything_unsubscribes_nobody(runtime: Runtime, person: FlaskClient) -> None:
    message_id, mailing_id = letter(runtime)
    token = runtime.links.token(message_id, mailing_id)
    for path in (f"/u/{token}", f"/p/{token}", f"/c/{token}/0", f"/c/{token}/1", f"/o/{token}"):
        for method in ("get", "head", "options"):
            getattr(person, method)(path)
    assert not state(runtime, token).is_unsubscribed
    assert state(runtime, token).may_mail
    assert state(runtime, token).may_track

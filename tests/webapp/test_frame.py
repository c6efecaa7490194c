"""The frame: who gets in, what every answer carries, how errors look."""

import re
from datetime import timedelta

import pytest

from campaigns.errors import Conflict, Forbidden, Invalid, LiaisonError, NotFound
from campaigns.staff import get_user, set_active
from tests.webapp.conftest import PASSWORD
from webapp.app import create_app
from webapp.errors import status_of
from webapp.security import letter_response, local_path


def test_a_stranger_is_sent_to_the_login(stranger):
    response = stranger.get("/today?x=1")
    assert response.status_code == 303
    assert response.location == "/login?next=/today?x%3D1"


def test_htmx_sends_the_whole_page_to_the_login(stranger):
    response = stranger.get("/today", headers={"HX-Request": "true"})
    assert response.headers["HX-Redirect"] == "/login"


def test_a_login_ends_on_the_server_not_only_in_the_browser(client):
    kept = client.get_cookie("liaison").value
    assert client.post("/login/out").status_code == 303
    client.set_cookie("liaison", kept)
    assert client.get("/account").status_code == 303


def test_a_login_ends_by_itself(client, clock):
    clock.advance(timedelta(hours=12))
    assert client.get("/account").status_code == 303


def test_a_user_switched_off_is_out_at_once(client, log_in, runtime):
    auditor = log_in("auditor")
    with runtime.transaction() as session:
        set_active(session, get_user(session, "auditor@shop.example"), False)
    assert auditor.get("/today").status_code == 303


def test_every_answer_carries_the_headers(client, stranger):
    for browser, path in [
        (client, "/today"),
        (stranger, "/login"),
        (stranger, "/nowhere"),
        (client, "/static/seal.svg"),
    ]:
        with browser.get(path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "unsafe" not in policy
            for rule in (
                "default-src 'none'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action 'self'",
            ):
                assert rule in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "same-origin"


def test_the_nonce_is_another_for_each_answer_and_stands_in_the_page(client):
    first, second = client.get("/today"), client.get("/today")
    words = [r.headers["Content-Security-Policy"].split("'nonce-")[1].split("'")[0] for r in (first, second)]
    assert words[0] != words[1]
    assert f'nonce="{words[0]}"' in first.text


def test_admin_pages_are_kept_by_nobody(client, stranger):
    assert client.get("/today").headers["Cache-Control"] == "no-store"
    assert stranger.get("/login").headers["Cache-Control"] == "no-store"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client, stranger):
    cookie = stranger.get("/login").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie


def test_behind_https_the_cookie_belongs_to_this_host_alone(runtime, log_in):
    log_in("auditor")
    secure = runtime.config.model_copy(
        update={"security": runtime.config.security.model_copy(update={"cookie_secure": True})}
    )
    app = create_app(type(runtime)(**{**vars(runtime), "config": secure}))
    response = app.test_client().get("/login", base_url="https://liaison.example")
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-liaison=") and "Secure" in cookie and "Domain" not in cookie
    assert "max-age" in response.headers["Strict-Transport-Security"]


def test_a_form_without_token_is_refused_and_says_so(client):
    client.token = ""
    response = client.post("/login/out")
    assert response.status_code == 400
    assert "Nothing was changed" in response.text
    assert client.get("/account").status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
def test_a_form_from_a_foreign_site_is_refused(client, origin):
    assert client.post("/login/out", headers={"Origin": origin}).status_code == 400
    assert client.get("/account").status_code == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [(NotFound, 404), (Invalid, 400), (Conflict, 409), (Forbidden, 403), (LiaisonError, 500)],
)
def test_each_error_has_its_status(error, status):
    assert status_of(error("No.")) == status


def test_an_error_is_a_page_with_a_sentence_and_never_a_traceback(app, client):
    app.view_functions["today.show"] = lambda: 1 / 0
    response = client.get("/today")
    assert response.status_code == 500
    assert "Something broke on our side" in response.text
    assert "ZeroDivisionError" not in response.text and "Traceback" not in response.text


def test_a_fault_of_a_form_names_the_field(app, client):
    def view():
        raise Invalid("The form has a fault.", {"name": "Give it a name."})

    app.view_functions["today.show"] = view
    response = client.get("/today")
    assert response.status_code == 400
    assert "Give it a name." in response.text


def test_a_program_gets_its_error_as_json(client):
    response = client.get("/nowhere", headers={"Accept": "application/json"})
    assert response.status_code == 404
    assert response.json["error"] == "This page does not exist, or it has moved."


def test_a_wrong_method_says_which_are_right(client):
    response = client.open("/today", method="DELETE")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


def test_an_upload_that_is_too_large_is_refused_with_a_sentence(app, client):
    app.config["MAX_CONTENT_LENGTH"] = 1000
    response = client.post("/login", data={"email": "x" * 2000})
    assert response.status_code == 413
    assert "upload_megabytes" in response.text


PAYLOADS = [
    "//evil.example", "https://evil.example", "http:evil.example", "/\\evil.example", "\\\\evil.example",
    "/\t/evil.example", "///evil.example", "javascript:alert(1)", "data:text/html,x", "evil.example",
    "/\n/evil.example", "https:/evil.example", "//evil.example/%2f..", " //evil.example", "", None,
    "\x00//evil.example", "/ /evil.example", "HTTPS://evil.example", "//evil.example\\@localhost", "@evil.example",
]  # fmt: skip


@pytest.mark.parametrize("target", PAYLOADS)
def test_nobody_is_sent_to_a_foreign_host(target):
    assert local_path(target) == "/"


@pytest.mark.parametrize("target", ["/today", "/customers?search=a%20b&page=2", "/customers/12#timeline"])
def test_a_path_of_ours_is_kept(target):
    assert local_path(target) == target


def test_logging_in_goes_where_the_person_was_going_but_never_away(log_in, app):
    log_in("auditor")
    for asked, goes in [("/customers?page=2", "/customers?page=2"), ("//evil.example/", "/")]:
        assert app.test_client().log_in("auditor@shop.example", next=asked).location == goes


def test_a_letter_shown_in_a_frame_can_run_nothing(app):
    policy = letter_response("<p>Hello</p>").headers["Content-Security-Policy"]
    assert "script-src" not in policy and "default-src 'none'" in policy
    assert (
        "sandbox allow-popups" in policy
        and "allow-scripts" not in policy
        and "allow-same-origin" not in policy
    )


def test_wrong_passwords_are_limited(client, app, runtime):
    stranger = app.test_client()
    tries = runtime.config.security.login_tries
    answers = [
        stranger.log_in("administrator@shop.example", f"wrong {n}").status_code for n in range(tries + 1)
    ]
    assert answers == [401] * tries + [429]
    assert stranger.log_in("administrator@shop.example", PASSWORD).status_code == 429


def test_a_known_and_an_unknown_address_get_the_same_page(client, app):
    stranger = app.test_client()
    pages = []
    for email in ("administrator@shop.example", "nobody@shop.example"):
        response = stranger.log_in(email, "wrong")
        pages.append((response.status_code, _without_noise(response.text.replace(email, "EMAIL"))))
    assert pages[0] == pages[1]


def test_the_menu_shows_what_one_may_read(log_in):
    assert 'href="/newsletters"' in log_in("auditor").get("/today").text
    assert 'href="/newsletters"' not in log_in("support").get("/today").text


def test_the_inbox_is_in_the_menu_only_when_it_is_on(client):
    assert 'href="/inbox"' not in client.get("/today").text


def test_a_built_file_is_kept_for_as_long_as_it_does_not_change(client):
    address = re.search(r'href="(/static/liaison\.css[^"]*)"', client.get("/today").text)[1]
    with client.get(address) as response:
        if response.status_code == 200:
            assert "immutable" in response.headers["Cache-Control"]


def _without_noise(text: str) -> str:
    return re.sub(r'(nonce|value)="[^"]*"', "", text)

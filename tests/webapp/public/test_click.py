"""Clicks and opens over HTTP: only to where the letter led, quietly, and friendly when there is nothing."""

import random
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.links import HIDDEN_POSITION
from campaigns.runtime import Runtime
from campaigns.tracking import ingest
from tests.campaigns.tracking.story import events, letter
from tests.webapp.public.story import token_of
from webapp.app import create_app
from webapp.hits import PIXEL, Networks, signs
from webapp.security import ALWAYS, TRANSPORT


@pytest.fixture
def reader(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


def test_a_click_leads_to_where_the_letter_led(runtime: Runtime, reader: FlaskClient) -> None:
    token = token_of(runtime)
    answer = reader.get(f"/c/{token}/0", headers={"Accept-Language": "fr"})
    assert (answer.status_code, answer.location, answer.data) == (302, "https://shop.example/wine", b"")
    assert reader.get(f"/c/{token}/1").location == "https://shop.example/%C3%A9?a=1"
    for name, said in (("Referrer-Policy", "no-referrer"), ("X-Robots-Tag", "noindex, nofollow")):
        assert answer.headers[name] == said
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    assert ingest(runtime) == 2
    assert [(event.kind, event.position, event.signs) for event in events(runtime)] == [
        ("clicked", 0, ""),
        ("clicked", 1, "no_language"),
    ]


def test_an_open_is_a_transparent_point(runtime: Runtime, reader: FlaskClient) -> None:
    answer = reader.get(f"/o/{token_of(runtime)}")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/gif", PIXEL)
    assert PIXEL.startswith(b"GIF89a\x01\x00\x01\x00")
    assert "no-store" in answer.headers["Cache-Control"]
    assert ingest(runtime) == 1
    assert events(runtime)[0].kind == "opened"


def test_the_hidden_link_leads_home_and_marks_who_followed_it(runtime: Runtime, reader: FlaskClient) -> None:
    token = token_of(runtime)
    answer = reader.get(f"/c/{token}/{HIDDEN_POSITION}", headers={"Accept-Language": "fr"})
    assert (answer.status_code, answer.location) == (302, runtime.config.shop.site)
    ingest(runtime)
    (event,) = events(runtime)
    assert (event.kind, event.position, event.signs, event.judgement) == (
        "clicked",
        None,
        "hidden",
        "machine",
    )


def test_hits_bear_the_same_security_headers_as_pages(runtime: Runtime) -> None:
    security = runtime.config.security.model_copy(update={"cookie_secure": True})
    app = create_app(replace(runtime, config=runtime.config.model_copy(update={"security": security})))
    browser = app.test_client(use_cookies=False)
    token = token_of(runtime)
    page = browser.get("/login").headers
    for path in (f"/c/{token}/0", f"/o/{token}", f"/c/{token}/{HIDDEN_POSITION}"):
        headers = browser.get(path).headers
        for name in (*ALWAYS, TRANSPORT[0], "Content-Security-Policy"):
            assert len(headers.getlist(name)) == 1 and name in page
        assert headers["Strict-Transport-Security"] == page["Strict-Transport-Security"]
    assert "Strict-Transport-Security" not in create_app(runtime).test_client().get(f"/o/{token}").headers


def test_a_head_is_answered_without_a_body_and_noted_as_such(runtime: Runtime, reader: FlaskClient) -> None:
    token = token_of(runtime)
    assert reader.head(f"/c/{token}/0").status_code == 302
    assert reader.head(f"/o/{token}").data == b""
    ingest(runtime)
    assert [(event.method, event.judgement) for event in events(runtime)] == [("HEAD", "machine")] * 2


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch", "options"])
def test_other_methods_count_nothing_and_lead_nowhere(
    runtime: Runtime, reader: FlaskClient, method: str
) -> None:
    token = token_of(runtime)
    for path in (f"/c/{token}/0", f"/o/{token}"):
        answer = getattr(reader, method)(path)
        assert answer.status_code in (200, 404, 405)
        assert "Location" not in answer.headers
    assert ingest(runtime) == 0


def test_a_bad_link_gets_a_friendly_page_in_the_readers_language(
    runtime: Runtime, reader: FlaskClient
) -> None:
    answer = reader.get("/c/nonsense/0", headers={"Accept-Language": "fr-FR,fr;q=0.9"})
    assert answer.status_code == 404
    assert "Ce lien ne mène nulle part" in answer.text
    assert 'href="https://shop.example"' in answer.text
    assert "Set-Cookie" not in answer.headers
    assert reader.get("/o/nonsense").data == PIXEL
    assert ingest(runtime) == 0


def test_a_position_that_the_letter_has_not_leads_nowhere(runtime: Runtime, reader: FlaskClient) -> None:
    token = token_of(runtime)
    for where in (
        "2",
        "3",
        "99",
        "-1",
        "",
        "0/1",
        "x",
        "٣",
        "00000000000000000000001",
        "0x0",
        "1e1",
        "%30%00",
    ):
        assert reader.get(f"/c/{token}/{where}").status_code == 404, where
    assert ingest(runtime) == 0


def test_altered_tokens_are_never_counted_nor_redirected(runtime: Runtime, reader: FlaskClient) -> None:
    token = token_of(runtime)
    chance = random.Random(7)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/%. "
    for _ in range(2_000):
        place = chance.randrange(len(token))
        altered = token[:place] + chance.choice(letters.replace(token[place], "")) + token[place + 1 :]
        if runtime.links.read(altered) is not None:
            continue  # the last character's spare bits: the same token
        assert reader.get(f"/c/{altered}/0").status_code != 302
    bounce = runtime.links.token(1, 1, "bounce")
    assert reader.get(f"/c/{bounce}/0").status_code == 404
    assert ingest(runtime) == 0


def test_a_sealed_target_is_followed_and_nothing_else_is(runtime: Runtime, reader: FlaskClient) -> None:
    token, other = token_of(runtime), token_of(runtime, "bob")
    sealed = runtime.links.sealed_click(token, 2, "https://shop.example/card?no=17&x=é")
    path = sealed.removeprefix(runtime.links.base_url)
    assert reader.get(path).location == "https://shop.example/card?no=17&x=%C3%A9"
    for bad in (
        path.replace("shop.example", "evil.example"),
        path.replace(token, other),
        path.replace("/2?", "/1?"),
        path[:-1] + ("0" if path[-1] != "0" else "1"),
        path.replace("&s=", "&s=x&s="),
    ):
        assert reader.get(bad).location is None
    script = runtime.links.sealed_click(token, 2, "javascript:alert(1)").removeprefix(runtime.links.base_url)
    assert reader.get(script).location is None


@pytest.mark.parametrize(
    "payload",
    [
        "?url=https://evil.example",
        "?to=https://evil.example&s=00000000000000000000",
        "?next=//evil.example",
        "//evil.example",
        "/https://evil.example",
        "/%2f%2fevil.example",
        "/..%2f..%2fevil.example",
        "/\\evil.example",
        "/%0d%0aLocation:%20https://evil.example",
        "?to[]=https://evil.example",
    ],
)
def test_no_payload_leads_to_a_foreign_host(runtime: Runtime, reader: FlaskClient, payload: str) -> None:
    for link in (f"/c/{token_of(runtime)}/0{payload}", f"/c{payload}", f"/c/{payload}", f"/o/{payload}"):
        answer = reader.get(link)
        assert urlsplit(answer.location or "").hostname in (None, "localhost", "shop.example")


def test_targets_that_are_no_web_addresses_lead_nowhere(runtime: Runtime, reader: FlaskClient) -> None:
    bad = [
        "javascript:alert(1)",
        "data:text/html,x",
        "mailto:a@b.example",
        "https://a.example/\r\nX: y",
        "//a",
    ]
    token = token_of(runtime, links=bad)
    for position in range(len(bad)):
        assert reader.get(f"/c/{token}/{position}").status_code == 404


def test_links_work_after_the_person_is_gone_and_a_key_was_changed(
    runtime: Runtime, reader: FlaskClient
) -> None:
    message_id, mailing_id = letter(runtime, "gone")
    token = runtime.links.token(message_id + 1000, mailing_id)  # a message no longer on record
    assert reader.get(f"/c/{token}/0").status_code == 302
    assert ingest(runtime) == 0


def test_a_known_link_works_while_the_database_is_gone(runtime: Runtime, app: Flask, tmp_path) -> None:
    token, unknown = token_of(runtime), runtime.links.token(1, 999)
    reader = app.test_client(use_cookies=False)
    assert reader.get(f"/c/{token}/0").status_code == 302
    runtime.database.dispose()
    url = runtime.database.engine.url.database
    shutil.move(url, f"{url}.away")
    with Path(url).open("wb") as file:  # something that is no database stands there
        file.write(b"x" * 4096)
    assert reader.get(f"/c/{token}/0").status_code == 302
    answer = reader.get(f"/c/{unknown}/0")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    runtime.database.dispose()
    shutil.move(f"{url}.away", url)
    assert ingest(runtime) == 2


def test_only_a_prefix_of_the_address_is_kept(runtime: Runtime) -> None:
    networks = Networks(runtime.config)
    for address, prefix in (
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("unix:", ""),
        ("", ""),
    ):
        assert networks.of({"REMOTE_ADDR": address}) == prefix
    spoofed = {"REMOTE_ADDR": "192.0.2.77", "HTTP_X_FORWARDED_FOR": "198.51.100.9"}
    assert networks.of(spoofed) == "192.0.2.0/24"  # no proxy is trusted: anybody may write that header


def test_behind_proxies_the_last_trusted_word_counts(runtime: Runtime) -> None:
    web = runtime.config.web.model_copy(update={"trusted_proxies": 2})
    networks = Networks(runtime.config.model_copy(update={"web": web}))
    environ = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "6.6.6.6, 192.0.2.77, 10.0.0.2"}
    assert networks.of(environ) == "192.0.2.0/24"
    assert networks.of({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.1.1.1"}) == "10.0.0.0/24"


def test_prefetching_is_noted() -> None:
    assert signs({"HTTP_SEC_PURPOSE": "prefetch;prerender", "HTTP_ACCEPT_LANGUAGE": "fr"}) == "prefetch"
    assert signs({"HTTP_X_MOZ": "prefetch"}) == "prefetch no_language"
    assert signs({"HTTP_ACCEPT_LANGUAGE": "fr"}) == ""

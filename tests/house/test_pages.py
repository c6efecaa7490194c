"""The rules about pages: every route has its guard, every change its token, every page its mirror."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule

from campaigns.clock import FrozenClock
from campaigns.config import Config, Data, DatabaseSettings
from campaigns.db import Database
from campaigns.runtime import assemble
from campaigns.staff import ROLES, add_user, may
from tests.conftest import NOW
from tests.webapp.conftest import PASSWORD, Browser
from webapp.app import BLUEPRINTS, create_app
from webapp.security import READS, kind
from webapp.wording import MENU

ROOT = Path(__file__).resolve().parents[2]
FRAME = {"static", "home"}
"""Endpoints without a blueprint: the built files, and the address `/`, which only points to Today."""


@pytest.fixture
def app(sqlite: Database, tmp_path: Path) -> Iterator[Flask]:
    url = sqlite.engine.url.render_as_string(hide_password=False)
    config = Config(database=DatabaseSettings(url=url), data=Data(folder=tmp_path / "data"))
    app = create_app(assemble(config, clock=FrozenClock(NOW), database=sqlite))
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app


def routes(app: Flask, *kinds: str) -> list[tuple[str, str, str]]:
    """(blueprint, method, an address that fits) of every route of blueprints of these kinds."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint in FRAME:
            continue
        blueprint = app.blueprints[rule.endpoint.rpartition(".")[0]]
        if kind(blueprint) in kinds:
            methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            found += [(blueprint.name, method, address(rule)) for method in sorted(methods)]
    return found


def address(rule: Rule) -> str:
    """The rule with 1 for each of its arguments."""
    return re.sub(r"<[^>]+>", "1", rule.rule)


def test_every_blueprint_is_of_one_of_the_kinds():
    for blueprint in BLUEPRINTS:
        assert kind(blueprint) in ("admin", "open", "public", "api"), (
            f"{blueprint.name}: make it with admin_blueprint, public_blueprint or api_blueprint of webapp/security.py"
        )


def test_only_the_login_is_open():
    assert [b.name for b in BLUEPRINTS if kind(b) == "open"] == ["login"]


def test_every_route_belongs_to_a_blueprint(app):
    loose = {rule.endpoint for rule in app.url_map.iter_rules() if "." not in rule.endpoint} - FRAME
    assert not loose, f"hang {loose} on a blueprint, so that a guard stands before it"


def test_a_stranger_gets_no_page_of_the_admin(app):
    stranger = app.test_client()
    for _, method, path in routes(app, "admin"):
        if method == "GET":
            response = stranger.get(path)
            assert response.status_code == 303, f"GET {path} answered a stranger with {response.status_code}"
            assert response.location.startswith("/login")


def test_every_change_asks_for_the_token_and_for_our_own_origin(app):
    client = log_in(app, "administrator")
    for _, method, path in routes(app, "admin", "open"):
        if method not in READS:
            for headers in ({}, {"Origin": "https://evil.example"}):
                response = client.open(path, method=method, data={"csrf_token": "forged"}, headers=headers)
                assert response.status_code == 400, f"{method} {path} took a forged form"


def test_nothing_is_changed_by_asking(app):
    client = log_in(app, "administrator")
    for _, method, path in routes(app, "admin", "open"):
        if method not in READS:
            beside = {m for _, m, p in routes(app, "admin", "open") if p == path}
            if "GET" not in beside:
                assert client.get(path).status_code in (404, 405), f"GET {path} should not be answered"


@pytest.mark.parametrize("role", ROLES)
def test_every_route_keeps_to_the_table_of_rights(app, role):
    client = log_in(app, role)
    for page, method, path in routes(app, "admin"):
        act = "read" if method in READS else "write"
        response = client.open(path, method=method)
        response.close()
        refused = response.status_code == 403
        assert refused == (not may(role, page, act)), (
            f"{role}: {method} {path} answered {response.status_code}"
        )


def test_public_pages_set_no_cookie(app):
    stranger = app.test_client()
    for _, method, path in routes(app, "public"):
        response = stranger.open(path, method=method)
        assert "Set-Cookie" not in response.headers, f"{method} {path} set a cookie"
        assert response.status_code != 500, f"{method} {path} broke on a bad token"


def test_every_page_has_its_url_its_templates_and_its_tests():
    pages = {path.stem for path in (ROOT / "webapp" / "pages").iterdir() if not path.name.startswith("__")}
    names = {b.name: b.url_prefix for b in BLUEPRINTS if kind(b) in ("admin", "open")}
    assert names == {page: f"/{page}" for page in pages}, "a page is named like its module and its URL"
    for page in sorted(pages):
        assert (ROOT / "templates" / "web" / page).is_dir(), f"templates/web/{page}/ is missing"
        tests = ROOT / "tests" / "webapp" / "pages" / f"test_{page}.py"
        assert tests.exists(), f"{tests.relative_to(ROOT)} is missing"


def test_every_folder_of_templates_has_its_page():
    web = ROOT / "templates" / "web"
    pages = {path.stem for path in (ROOT / "webapp" / "pages").iterdir()} | {"public"}
    assert {path.name for path in web.iterdir() if path.is_dir()} <= pages


def test_the_menu_leads_to_pages_only():
    pages = {b.name for b in BLUEPRINTS}
    lost = {entry.page for _, entries in MENU for entry in entries} - pages
    assert not lost, f"the menu shows {lost}, which no blueprint answers"


def test_views_hold_no_queries():
    for path in sorted((ROOT / "webapp").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            taken = set()
            if isinstance(node, ast.Import):
                taken = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                taken = {f"{node.module}.{alias.name}" for alias in node.names}
            taken = {name for name in taken if name.split(".")[0] == "sqlalchemy"} - {
                "sqlalchemy.orm.Session"
            }
            assert not taken, (
                f"{path.relative_to(ROOT)} takes {taken}: it may hold a session and pass it on; "
                "the question itself belongs to a door of campaigns"
            )


def test_templates_carry_no_inline_style_or_handler():
    for path in sorted((ROOT / "templates" / "web").rglob("*.html")):
        text = path.read_text()
        for forbidden in (' style="', " onclick=", " onchange=", " onsubmit=", "javascript:"):
            assert forbidden not in text, (
                f"{path.relative_to(ROOT)} has {forbidden.strip()}: the policy forbids it"
            )


def log_in(app: Flask, role: str) -> Browser:
    """A browser in which somebody with this role is logged in."""
    with app.extensions["liaison"].transaction() as session:
        add_user(session, email=f"{role}@shop.example", name=role, password=PASSWORD, role=role, now=NOW)
    app.test_client_class = Browser
    client = app.test_client()
    assert client.log_in(f"{role}@shop.example").status_code == 303
    return client

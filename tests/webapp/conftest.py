"""The application in a test: an empty shop on SQLite, and a client that is logged in."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from campaigns.clock import FrozenClock
from campaigns.config import Config, Data, DatabaseSettings
from campaigns.db import Database
from campaigns.runtime import Runtime, assemble
from campaigns.staff import add_user, begin_login
from webapp.app import create_app
from webapp.security import LOGIN

PASSWORD = "correct horse battery"


class Browser(FlaskClient):
    """A test client that reads the CSRF token of its last page and sends it with each form."""

    token = ""

    def open(self, *args: object, **kwargs: object) -> TestResponse:
        if kwargs.get("method") == "POST" and isinstance(kwargs.get("data"), dict | None):
            kwargs["data"] = {"csrf_token": self.token, **(kwargs.get("data") or {})}
        response = super().open(*args, **kwargs)
        if found := re.search(r'name="csrf_token" value="([^"]+)"', _text(response)):
            self.token = found[1]
        return response

    def log_in(self, email: str, password: str = PASSWORD, **more: str) -> TestResponse:
        """Fill the form of the login page."""
        self.get("/login")
        response = self.post("/login", data={"email": email, "password": password, **more})
        if response.status_code == 303:
            self.get("/account")  # the token of the new session
        return response


def _text(response: TestResponse) -> str:
    return response.text if response.mimetype == "text/html" else ""


@pytest.fixture
def runtime(sqlite: Database, tmp_path: object, clock: FrozenClock) -> Runtime:
    """Pages are tested on SQLite; what differs between databases is tested in the rooms."""
    url = sqlite.engine.url.render_as_string(hide_password=False)
    config = Config(database=DatabaseSettings(url=url), data=Data(folder=tmp_path / "data"))
    return assemble(config, clock=clock, database=sqlite)


@pytest.fixture
def app(runtime: Runtime) -> Flask:
    app = create_app(runtime)
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.test_client_class = Browser
    return app


@pytest.fixture
def stranger(app: Flask) -> Browser:
    """A browser that is not logged in."""
    return app.test_client()


@pytest.fixture
def log_in(app: Flask, runtime: Runtime) -> Callable[[str], Browser]:
    """`log_in("auditor")` → a browser of somebody with this role."""

    def make(role: str) -> Browser:
        with runtime.transaction() as session:
            user = add_user(
                session,
                email=f"{role}@shop.example",
                name=role.title(),
                password=PASSWORD,
                role=role,
                now=runtime.clock.now(),
            )
            token = begin_login(
                session,
                user,
                address="127.0.0.1",
                agent="Firefox",
                lasts=timedelta(hours=12),
                now=runtime.clock.now(),
            )
        client = app.test_client()
        with (
            client.session_transaction() as cookie
        ):  # the form itself has its own tests; hashing is slow on purpose
            cookie[LOGIN] = token
        client.get("/account")
        return client

    return make


@pytest.fixture
def client(log_in: Callable[[str], Browser]) -> Browser:
    """A browser in which an administrator is logged in: `client.post("/customers", data={…})`."""
    return log_in("administrator")

"""A small shop for the messages' tests: customers with and without consent, a version, an open mailing."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.clock import FrozenClock
from campaigns.config import Config, Data, DatabaseSettings
from campaigns.content import (
    Compiled,
    Template,
    compile_source,
    create_template,
    save_version,
    vocabulary,
)
from campaigns.customers import Customer
from campaigns.db import Database
from campaigns.messages import Mailing, open_mailing
from campaigns.runtime import Runtime, assemble
from tests.conftest import NOW


def add_customer(session: Session, email: str, *, now: datetime = NOW, **values: Any) -> int:
    domain = email.rpartition("@")[2]
    row = Customer(
        email=email,
        address_key=email.casefold(),
        domain=domain,
        **{"first_name": email.partition("@")[0].capitalize(), "may_mail": True, "may_track": True} | values,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    return row.id


SOURCE = """<html lang="en"><body><h1>News for {{ customer.first_name or "you" }}</h1>
<p>A line — with accents é, a dot below:</p>
<p>.</p>
<p><a href="https://shop.example/news">Read on</a></p>
<p>{{ shop.name }}, 1 Example Street. <a href="{{ links.unsubscribe }}">Unsubscribe</a></p></body></html>
"""


_COMPILED: dict[str, Compiled] = {}


def add_version(session: Session, source: str = SOURCE, *, now: datetime = NOW) -> int:
    """A version of a template of its own; the same source is compiled once."""
    if source not in _COMPILED:
        _COMPILED[source] = compile_source(
            source,
            format="html",
            subject="Hello {{ customer.first_name or 'there' }}",
            preheader="",
            language="en",
            vocabulary=vocabulary(session, None, "newsletter"),
        )
    number = session.scalar(select(func.count()).select_from(Template))
    template = create_template(session, name=f"Template {number}", now=now)
    return save_version(session, template.id, compiled=_COMPILED[source], now=now, by=None).id


@pytest.fixture
def mailing() -> Callable[..., Mailing]:
    def make(session: Session, **values: Any) -> Mailing:
        return open_mailing(
            session,
            **{
                "kind": "newsletter",
                "source_id": 1,
                "name": "November",
                "version_id": values.get("version_id") or add_version(session),
                "subject": "",
                "sender_name": "The shop",
                "sender_email": "hello@shop.example",
                "now": NOW,
            }
            | values,
        )

    return make


@pytest.fixture
def sqlite_runtime(sqlite: Database, tmp_path: Path, clock: FrozenClock) -> Runtime:
    """For what has nothing to do with the database."""
    url = sqlite.engine.url.render_as_string(hide_password=False)
    config = Config(database=DatabaseSettings(url=url), data=Data(folder=tmp_path / "data"))
    return assemble(config, clock=clock, database=sqlite)

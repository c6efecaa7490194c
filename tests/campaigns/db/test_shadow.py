"""On the rehearsal stage everything is as it is, and nothing stays."""

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from campaigns.customers import Customer, Tag, add_tag
from campaigns.db import Database
from campaigns.db.shadow import shadow
from campaigns.runtime import Runtime
from campaigns.suppression import Suppression, suppress
from tests.cast import person
from tests.conftest import NOW


def test_copies_are_written_and_vanish(runtime: Runtime, database: Database) -> None:
    with runtime.transaction() as session:
        alice = person(session, "alice@shop.example", now=NOW).id
    with shadow(database, ("customer", "customer_tag")) as session:
        add_tag(session, alice, "played")
        bob = person_in_play(session)
        assert bob > alice
        session.execute(update(Customer).values(first_name="Played"))
        session.flush()
        assert session.scalar(select(func.count()).select_from(Tag)) == 1
        assert session.scalar(select(func.count()).select_from(Customer)) == 2
        with runtime.transaction() as real:  # nobody waits for the play
            assert real.scalar(select(func.count()).select_from(Customer)) == 1
            add_tag(real, alice, "real")
    with runtime.reading() as session:
        assert session.scalars(select(Tag.tag)).all() == ["real"]
        assert session.scalars(select(Customer.first_name)).all() == [""]


def person_in_play(session: object) -> int:
    from campaigns.customers import add_customer

    return add_customer(session, email="bob@shop.example", now=NOW).id  # type: ignore[arg-type]


def test_what_is_no_copy_cannot_be_written(runtime: Runtime, database: Database) -> None:
    with shadow(database, ("customer",)) as session, pytest.raises(DBAPIError):
        suppress(session, "x@shop.example", "by_hand", evidence="", now=NOW, by="test")
        session.flush()
    with runtime.reading() as session:
        assert session.scalar(select(func.count()).select_from(Suppression)) == 0
    with shadow(database, ("customer", "suppression")) as session:
        suppress(session, "x@shop.example", "by_hand", evidence="", now=NOW, by="test")

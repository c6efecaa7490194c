"""Forgotten for good: no address in any table, and no way back but the person's own."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.customers import (
    FORGOTTEN,
    Customer,
    CustomerFacts,
    Import,
    add_customer,
    bulk_add_customers,
    change_customer,
    find_customer,
    normalise_address,
)
from campaigns.db.tables import metadata
from campaigns.errors import Conflict, NotFound
from campaigns.messages import Message
from campaigns.privacy import erase_customer
from campaigns.purchases import record_purchase
from campaigns.runtime import Runtime, assemble
from campaigns.suppression import Pepper, count_unreadable, forgotten, suppress, take_over, welcome_back
from campaigns.tracking import Event, record_bounce, record_event, unsubscribe
from tests.campaigns.tracking.story import letter
from tests.conftest import NOW

ADDRESS = "alice@shop.example"


@pytest.fixture
def alice(runtime: Runtime) -> int:
    """Somebody with a letter, hits, a bounce, an order, an old address and an import that shows her."""
    message_id, mailing_id = letter(runtime, "alice")
    with runtime.transaction() as session:
        who = find_customer(session, ADDRESS)
        record_event(
            session,
            "clicked",
            at=NOW,
            message_id=message_id,
            mailing_id=mailing_id,
            customer_id=who.id,
            judgement="human",
            user_agent="Mozilla/5.0 (for Alice)",
            network="192.0.2.0/24",
        )
        record_bounce(
            session, message_id, code="4.2.2", text=f"<{ADDRESS}>: mailbox full", is_hard=False, now=NOW
        )
        record_purchase(
            session, number="1", customer_id=who.id, purchased_at=NOW, currency="EUR", amount=100, now=NOW
        )
        suppress(session, ADDRESS, "hard_bounce", evidence=f"550 {ADDRESS}", now=NOW, by=ADDRESS)
        session.add(
            Import(
                kind="customers",
                filename="a.csv",
                path="a",
                status="done",
                created_at=NOW,
                counts={"new": 1, "examples": {"new": [{"who": ADDRESS.title()}]}},
            )
        )
        return who.id


def erase(runtime: Runtime, who: int) -> int:
    with runtime.transaction() as session:
        return erase_customer(session, who, runtime.pepper, now=NOW, by="eve@shop.example")


def tables_with(session: Session, word: str) -> list[str]:
    """The tables of which any row holds this word."""
    found = []
    for table in metadata().sorted_tables:
        rows = session.execute(text(f'SELECT * FROM "{table.name}"')).all()
        if any(word.casefold() in str(value).casefold() for row in rows for value in row):
            found.append(table.name)
    return found


def test_no_table_holds_the_address_any_more_and_the_mails_stay_counted(runtime: Runtime, alice: int) -> None:
    with runtime.reading() as session:
        assert tables_with(session, ADDRESS)
    assert erase(runtime, alice) == 1
    with runtime.reading() as session:
        assert tables_with(session, ADDRESS) == []
        assert tables_with(session, "for Alice") == []
        assert len(session.scalars(select(Message)).all()) == 1
        assert {event.customer_id for event in session.scalars(select(Event))} == {None}
        assert sorted(forgotten(session, [ADDRESS], runtime.pepper)[ADDRESS]) == ["erased", "hard_bounce"]
    with pytest.raises(NotFound):
        erase(runtime, alice)


@pytest.mark.parametrize("written", [ADDRESS, "  ALICE@Shop.Example ", "Alice@SHOP.EXAMPLE"])
def test_nobody_brings_the_person_back(runtime: Runtime, alice: int, written: str) -> None:
    erase(runtime, alice)
    with runtime.transaction() as session:
        with pytest.raises(Conflict, match="asked to be forgotten"):
            add_customer(session, email=written, now=NOW)
        bob = add_customer(session, email="bob@shop.example", now=NOW)
        with pytest.raises(Conflict, match="asked to be forgotten"):
            change_customer(session, bob.id, email=written, now=NOW)
        rows = [
            CustomerFacts(address=normalise_address(address), number=number)
            for address, number in ((written, ""), (written, "17"), ("carol@shop.example", ""))
        ]
        assert bulk_add_customers(session, rows, source="x", now=NOW) == {"rejected": 2, "new": 1}
        assert tables_with(session, ADDRESS) == []
    assert "sign-up form" in FORGOTTEN


def test_a_new_secret_above_the_old_one_still_knows_them(runtime: Runtime, alice: int) -> None:
    erase(runtime, alice)
    path = runtime.config.data.folder / "secret.key"
    old = path.read_text()
    path.write_text("a-new-secret\n" + old)
    rotated = assemble(runtime.config, clock=runtime.clock, database=runtime.database)
    with rotated.transaction() as session:
        with pytest.raises(Conflict):
            add_customer(session, email=ADDRESS, now=NOW)
        assert count_unreadable(session, rotated.pepper) == 0
        assert count_unreadable(session, Pepper(["a-new-secret"])) == 2
        assert forgotten(session, [ADDRESS], Pepper(["a-new-secret"])) == {}


def test_the_person_comes_back_by_themselves_and_may_be_erased_again(runtime: Runtime, alice: int) -> None:
    erase(runtime, alice)
    later = NOW + timedelta(days=1)
    with runtime.transaction() as session:
        assert welcome_back(session, ADDRESS, runtime.pepper, because="Confirmed a sign-up.", now=later) == 2
        again = add_customer(session, email=ADDRESS, now=later).id
    for _ in range(2):
        erase(runtime, again)
        with runtime.transaction() as session:
            assert forgotten(session, [ADDRESS], runtime.pepper) == {ADDRESS: ["erased"]}
            welcome_back(session, ADDRESS, runtime.pepper, because="Again.", now=later)
            again = add_customer(session, email=ADDRESS, now=later).id


def test_an_unsubscription_of_somebody_erased_stays_in_force_as_a_hash(runtime: Runtime) -> None:
    message_id, _ = letter(runtime, "alice")
    with runtime.transaction() as session:
        unsubscribe(session, message_id, act="unsubscribe_page", now=NOW)
        who = find_customer(session, ADDRESS).id
    erase(runtime, who)
    with runtime.reading() as session:
        assert sorted(forgotten(session, [ADDRESS], runtime.pepper)[ADDRESS]) == ["erased", "unsubscribed"]
        assert tables_with(session, ADDRESS) == []


def test_a_register_moves_to_another_house_with_its_secret(runtime: Runtime) -> None:
    pepper = Pepper(["theirs"])
    entries: list[dict[str, Any]] = [
        {"address": pepper.of(ADDRESS), "cause": "erased", "since": "2026-01-01T00:00:00+00:00"},
        {"address": " Bob@Shop.example", "cause": "unsubscribed"},
        {"address": "carol@shop.example"},
    ]
    with runtime.transaction() as session:
        assert take_over(session, json.loads(json.dumps(entries)), now=NOW, by="eve") == 3
        assert take_over(session, entries, now=NOW, by="eve") == 0
        assert forgotten(session, [ADDRESS], pepper) == {ADDRESS: ["erased"]}
        assert forgotten(session, [ADDRESS], runtime.pepper) == {}
        assert session.scalar(select(Customer.id)) is None


def test_a_gate_is_laid_on_every_assembled_database(runtime: Runtime) -> None:
    assert replace(runtime).database.info

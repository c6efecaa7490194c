"""Customers are added once, changed in place, and consent is a log that decides."""

from datetime import timedelta

import pytest

from campaigns.customers import (
    add_customer,
    add_tag,
    attributes,
    change_attribute,
    change_customer,
    consents,
    declare_attribute,
    find_customer,
    get_customer,
    record_consent,
    remove_tag,
    search,
    tags,
    tags_of,
)
from campaigns.db import Database
from campaigns.errors import Conflict, Invalid, NotFound
from tests.conftest import NOW


def test_a_customer_is_kept_with_what_is_known(database: Database) -> None:
    with database.transaction() as session:
        declare_attribute(session, label="Shoe size", kind="number")
        made = add_customer(
            session,
            email="Ana@Example.fr",
            number=" 17 ",
            first_name="Ana",
            birthday="29 February",
            language="fr",
            zone="Europe/Paris",
            country="France",
            attributes={"shoe_size": "38"},
            tags=["VIP"],
            now=NOW,
        )
    with database.reading() as session:
        found = find_customer(session, "ANA@example.fr")
        assert found.id == made.id and found.email == "Ana@example.fr" and found.number == "17"
        assert (found.birth_month, found.birth_day, found.birth_year) == (2, 29, None)
        assert found.country == "FR" and found.attributes == {"shoe_size": 38}
        assert not found.may_mail and not found.may_track
        assert tags_of(session, [made.id]) == {made.id: ["vip"]} and tags(session) == [("vip", 1)]
        assert find_customer(session, "17").id == find_customer(session, f"#{made.id}").id == made.id


def test_the_same_mailbox_is_never_two_customers(database: Database) -> None:
    with database.transaction() as session:
        add_customer(session, email="ana@example.fr", number="1", now=NOW)
        other = add_customer(session, email="bob@example.fr", now=NOW)
        with pytest.raises(Conflict, match="address"):
            add_customer(session, email="ANA@EXAMPLE.FR", now=NOW)
        with pytest.raises(Conflict, match="number"):
            change_customer(session, other.id, number="1", now=NOW)


def test_all_faults_are_told_together(sqlite: Database) -> None:
    with sqlite.transaction() as session, pytest.raises(Invalid) as refused:
        add_customer(
            session, email="nobody", birthday="31/02/2000", zone="Nowhere", attributes={"size": 1}, now=NOW
        )
    assert set(refused.value.faults) == {"email", "birthday", "zone", "attributes.size"}


def test_a_change_touches_what_it_names(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        declare_attribute(session, label="Level", kind="choice", choices=["gold", "silver"])
        made = add_customer(
            session, email="ana@example.fr", first_name="Ana", attributes={"level": "gold"}, now=NOW
        )
        later = NOW + timedelta(days=1)
        change_customer(session, made.id, last_name="López", now=later)
        assert (made.first_name, made.last_name, made.attributes) == ("Ana", "López", {"level": "gold"})
        assert made.updated_at == later
        change_customer(session, made.id, attributes={"level": ""}, birthday="", now=later)
        assert made.attributes == {}


def test_the_newest_act_decides_and_all_are_kept(database: Database) -> None:
    with database.transaction() as session:
        made = add_customer(session, email="ana@example.fr", now=NOW)
        for hours, is_granted in ((0, True), (2, False), (1, True)):
            record_consent(
                session,
                made.id,
                purpose="mail",
                is_granted=is_granted,
                act="form",
                source="shop.example/join",
                legal_basis="consent",
                wording="2026-1",
                at=NOW + timedelta(hours=hours),
                now=NOW + timedelta(hours=3),
            )
        record_consent(session, made.id, purpose="tracking", is_granted=True, act="form", now=NOW)
    with database.reading() as session:
        found = get_customer(session, made.id)
        assert not found.may_mail, "a consent written down late does not outdo a later withdrawal"
        assert found.may_track
        proof = consents(session, made.id)
        assert [c.is_granted for c in proof if c.purpose == "mail"] == [False, True, True]
        assert proof[0].wording == "2026-1"


def test_a_consent_names_a_known_purpose_and_no_future(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        made = add_customer(session, email="ana@example.fr", now=NOW)
        with pytest.raises(Invalid):
            record_consent(session, made.id, purpose="everything", is_granted=True, act="form", now=NOW)
        with pytest.raises(Invalid):
            record_consent(
                session,
                made.id,
                purpose="mail",
                is_granted=True,
                act="form",
                at=NOW + timedelta(days=1),
                now=NOW,
            )
        with pytest.raises(NotFound):
            record_consent(session, 999, purpose="mail", is_granted=True, act="form", now=NOW)


def test_an_attribute_is_declared_once_and_keeps_used_choices(database: Database) -> None:
    with database.transaction() as session:
        level = declare_attribute(
            session, label="Loyalty level", kind="choice", choices=["gold", "silver", "gold"]
        )
        assert (level.name, level.choices) == ("loyalty_level", ["gold", "silver"])
        with pytest.raises(Conflict):
            declare_attribute(session, label="Loyalty Level", kind="text")
        for wrong in ({"kind": "blob"}, {"kind": "choice", "choices": ["one"]}):
            with pytest.raises(Invalid):
                declare_attribute(session, label="Other", **wrong)  # type: ignore[arg-type]
        add_customer(session, email="a@example.fr", attributes={"loyalty_level": "Silver"}, now=NOW)
        with pytest.raises(Conflict, match="silver"):
            change_attribute(session, "loyalty_level", label="Level", choices=["gold", "bronze"])
        change_attribute(session, "loyalty_level", label="Level", choices=["silver", "bronze"])
        assert [(a.label, a.choices) for a in attributes(session)] == [("Level", ["silver", "bronze"])]


def test_search_finds_by_name_address_and_number(database: Database) -> None:
    with database.transaction() as session:
        ana = add_customer(
            session, email="ana@example.fr", first_name="Ana", last_name="LÓPEZ", number="A-1", now=NOW
        )
        bob = add_customer(session, email="bob_50%@example.fr", first_name="Bob", now=NOW)
        record_consent(session, ana.id, purpose="mail", is_granted=True, act="form", now=NOW)
        add_tag(session, bob.id, "vip")
        asked = {
            "": [bob.id, ana.id],
            "lópez": [ana.id],
            "ana lópez": [ana.id],
            "ANA@example.fr": [ana.id],
            "A-1": [ana.id],
            "50%": [bob.id],
            "_5": [bob.id],
            "nobody": [],
        }
        for text, ids in asked.items():
            assert [c.id for c in session.scalars(search(text))] == ids, text
        assert [c.id for c in session.scalars(search(consent="mail"))] == [ana.id]
        assert [c.id for c in session.scalars(search(consent="no_mail"))] == [bob.id]
        assert [c.id for c in session.scalars(search(tag="vip"))] == [bob.id]


def test_a_tag_is_tied_once(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        made = add_customer(session, email="ana@example.fr", now=NOW)
        assert add_tag(session, made.id, "VIP") and not add_tag(session, made.id, "vip ")
        assert remove_tag(session, made.id, "vip") and not remove_tag(session, made.id, "vip")
        with pytest.raises(Invalid):
            add_tag(session, made.id, "  ")

"""The register of suppressions: entering, lifting, and what it never forgets."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from campaigns import suppression
from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.runtime import Runtime
from tests.conftest import NOW


def put(runtime: Runtime, key: str, cause: str = "hard_bounce") -> bool:
    with runtime.transaction() as session:
        return suppression.suppress(session, key, cause, evidence="550 5.1.1", now=NOW, by="sender")


def entry(runtime: Runtime, key: str) -> suppression.Suppression:
    with runtime.reading() as session:
        return session.scalars(suppression.of_address(key)).first()


def test_a_suppressed_address_is_among_the_keys_in_force(runtime: Runtime) -> None:
    assert put(runtime, "denis@shop.example")
    with runtime.reading() as session:
        assert session.scalars(suppression.suppressed_keys()).all() == ["denis@shop.example"]
        assert suppression.causes_in_force(session, "denis@shop.example") == ["hard_bounce"]
        assert suppression.causes_in_force(session, "alice@shop.example") == []


def test_the_same_cause_twice_keeps_the_first_evidence(runtime: Runtime) -> None:
    assert put(runtime, "denis@shop.example")
    with runtime.transaction() as session:
        again = suppression.suppress(
            session, "denis@shop.example", "hard_bounce", evidence="later", now=NOW, by="x"
        )
    assert not again
    assert entry(runtime, "denis@shop.example").evidence == "550 5.1.1"


def test_an_address_may_have_several_causes_and_lifting_one_leaves_the_other(runtime: Runtime) -> None:
    put(runtime, "denis@shop.example", "hard_bounce")
    put(runtime, "denis@shop.example", "stale")
    with runtime.transaction() as session:
        assert suppression.lift_cause(
            session, "denis@shop.example", "stale", because="bought again", by="scores", now=NOW
        )
        assert suppression.causes_in_force(session, "denis@shop.example") == ["hard_bounce"]


def test_many_are_entered_at_once_and_only_new_ones_counted(runtime: Runtime) -> None:
    put(runtime, "c7@shop.example", "stale")
    evidence = {f"c{number}@shop.example": "8 mails, silent" for number in range(4500)}
    with runtime.transaction() as session:
        assert suppression.suppress_many(session, evidence, "stale", now=NOW, by="retire") == 4499
        assert suppression.count_by_cause(session) == {"stale": 4500}


def test_a_lifted_entry_stays_with_who_and_why_and_may_come_back(runtime: Runtime) -> None:
    put(runtime, "denis@shop.example")
    with runtime.transaction() as session:
        row = suppression.lift(
            session,
            entry(runtime, "denis@shop.example").id,
            because="Denis rang, his box works again",
            by="anna@shop.example",
            now=NOW + timedelta(days=1),
        )
        assert (row.lifted_by, row.lifted_because) == ("anna@shop.example", "Denis rang, his box works again")
        assert session.scalars(suppression.suppressed_keys()).all() == []
    assert put(runtime, "denis@shop.example")
    with runtime.reading() as session:
        assert len(session.scalars(suppression.of_address("denis@shop.example")).all()) == 2


def test_lifting_needs_a_reason(runtime: Runtime) -> None:
    put(runtime, "denis@shop.example")
    row = entry(runtime, "denis@shop.example")
    with runtime.transaction() as session, pytest.raises(Invalid):
        suppression.lift(session, row.id, because="  ", by="anna", now=NOW)


def test_lifting_twice_is_a_conflict_and_nothing_there_is_not_found(runtime: Runtime) -> None:
    put(runtime, "denis@shop.example")
    row = entry(runtime, "denis@shop.example")
    with runtime.transaction() as session:
        suppression.lift(session, row.id, because="asked", by="anna", now=NOW)
    with runtime.transaction() as session, pytest.raises(Conflict):
        suppression.lift(session, row.id, because="asked", by="anna", now=NOW)
    with runtime.transaction() as session, pytest.raises(NotFound):
        suppression.lift(session, 12345, because="asked", by="anna", now=NOW)


@pytest.mark.parametrize("cause", ["unsubscribed", "spam_report"])
def test_what_the_person_asked_for_is_not_lifted_by_our_hand(runtime: Runtime, cause: str) -> None:
    put(runtime, "chloe@shop.example", cause)
    row = entry(runtime, "chloe@shop.example")
    with runtime.transaction() as session, pytest.raises(Conflict):
        suppression.lift(session, row.id, because="we miss her", by="anna", now=NOW)


def test_an_unknown_cause_is_refused(runtime: Runtime) -> None:
    with runtime.transaction() as session, pytest.raises(Invalid):
        suppression.suppress(session, "a@shop.example", "whim", evidence="", now=NOW, by="x")


def test_by_hand_the_address_is_normalised_and_a_reason_asked_for(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        with pytest.raises(Invalid):
            suppression.suppress_by_hand(session, "a@shop.example", because="", by="anna", now=NOW)
        suppression.suppress_by_hand(
            session, "  Eve@Shop.EXAMPLE ", because="Her lawyer wrote", by="anna", now=NOW
        )
        assert session.scalars(suppression.suppressed_keys()).all() == ["eve@shop.example"]
        with pytest.raises(Invalid):
            suppression.suppress_by_hand(session, "no address", because="x", by="anna", now=NOW)


def test_the_register_is_searched_and_filtered(runtime: Runtime) -> None:
    put(runtime, "denis@shop.example")
    put(runtime, "bob_1@shop.example", "stale")
    with runtime.transaction() as session:
        session.execute(select(1))
        found = session.scalars(suppression.register(text="BOB_")).all()
        assert [row.address_key for row in found] == ["bob_1@shop.example"]
        assert len(session.scalars(suppression.register(cause="hard_bounce")).all()) == 1
        assert session.scalars(suppression.register(since=NOW + timedelta(days=1))).all() == []
        assert session.scalars(suppression.register(is_in_force=False)).all() == []
        assert len(session.scalars(suppression.register(is_in_force=None)).all()) == 2

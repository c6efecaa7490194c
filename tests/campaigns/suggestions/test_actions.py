"""Suggestions come with their reason, leave out what somebody has or gave back, and who objected."""

from datetime import timedelta

from sqlalchemy.orm import Session

from campaigns.customers import add_customer, record_consent
from campaigns.db import Database
from campaigns.purchases import LineFacts, record_purchase, record_refund
from campaigns.suggestions import Suggestion, learned, refresh, suggestions_for
from campaigns.suggestions.merge import SOURCE
from tests.conftest import NOW

TEA, POT, SUGAR = (
    LineFacts(name.lower(), 1, 500, name=name, category="Tea") for name in ("Tea", "Pot", "Sugar")
)
HAMMER = LineFacts("hammer", 1, 900, name="Hammer", category="Tools")


def buyer(session: Session, name: str, *lines: LineFacts) -> int:
    who = add_customer(session, email=f"{name}@example.fr", now=NOW).id
    for number, line in enumerate(lines):
        record_purchase(
            session,
            number=f"{name}-{number}",
            customer_id=who,
            purchased_at=NOW - timedelta(days=10 - number),
            currency="EUR",
            lines=(line,),
            now=NOW,
        )
    return who


def crowd(session: Session) -> None:
    for number in range(8):
        buyer(session, f"all{number}", TEA, POT, SUGAR)
    for number in range(6):
        buyer(session, f"two{number}", TEA, POT)
    for number in range(6):
        buyer(session, f"tool{number}", HAMMER)


def shown(database: Database, who: int) -> list[Suggestion]:
    with database.reading() as session:
        return suggestions_for(session, [who])[who]


def test_who_bought_tea_is_shown_what_others_bought_with_it(database: Database) -> None:
    with database.transaction() as session:
        crowd(session)
        ana = buyer(session, "ana", TEA)
        bob = buyer(session, "bob")
    assert refresh(database, least_support=3, now=NOW) == 6
    first, second = shown(database, ana)
    assert (first.name, first.because, first.support) == ("Pot", "Tea", 14)
    assert (second.name, second.support) == ("Sugar", 8)
    assert first.score > second.score
    assert shown(database, bob) == []
    with database.reading() as session:
        last = learned(session)
        assert last is not None
        assert (last.customers, last.products, last.pairs) == (21, 4, 6)


def test_what_was_given_back_is_neither_a_reason_nor_suggested_again(database: Database) -> None:
    with database.transaction() as session:
        crowd(session)
        ana = buyer(session, "ana", TEA, POT)
        record_refund(session, "ana-1", amount=500, now=NOW)
        bob = buyer(session, "bob", TEA)
        record_refund(session, "bob-0", amount=500, now=NOW)
    refresh(database, least_support=3, now=NOW)
    assert [found.name for found in shown(database, ana)] == ["Sugar"]
    assert shown(database, bob) == []


def test_below_the_limit_of_support_nothing_is_suggested(database: Database) -> None:
    with database.transaction() as session:
        crowd(session)
        ana = buyer(session, "ana", TEA)
    refresh(database, least_support=9, now=NOW)
    assert [found.name for found in shown(database, ana)] == ["Pot"]
    refresh(database, least_support=50, now=NOW)
    assert shown(database, ana) == []


def test_who_objects_is_shown_nothing_until_they_agree_again(database: Database) -> None:
    with database.transaction() as session:
        crowd(session)
        ana = buyer(session, "ana", TEA)
        record_consent(session, ana, purpose="suggestions", is_granted=False, act="preferences", now=NOW)
    refresh(database, least_support=3, now=NOW)
    assert shown(database, ana) == []
    with database.transaction() as session:
        record_consent(session, ana, purpose="suggestions", is_granted=True, act="preferences", now=NOW)
    assert shown(database, ana)


def test_a_letter_finds_them_under_suggestions(database: Database) -> None:
    with database.transaction() as session:
        crowd(session)
        ana = buyer(session, "ana", TEA)
    refresh(database, least_support=3, now=NOW)
    with database.reading() as session:
        given = SOURCE.load(session, [ana], NOW)[ana]["products"]
    assert given[0] == {"name": "Pot", "number": "pot", "category": "Tea", "because": "Tea", "support": 14}


def test_learning_from_nothing_keeps_nothing(database: Database) -> None:
    assert refresh(database, least_support=3, now=NOW) == 0

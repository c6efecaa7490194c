"""Signals are recorded once; a complaint is open until it is closed; both databases."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.customers import Customer
from campaigns.db import Database
from campaigns.errors import Invalid, NotFound
from campaigns.fields import gather
from campaigns.segments import members
from campaigns.signals import (
    Signal,
    SignalFacts,
    bulk_record,
    of_customer,
    open_complaints,
    open_complaints_of,
    record,
    signals_of,
)
from tests.cast import person
from tests.conftest import NOW

DAY = timedelta(days=1)


@pytest.fixture
def ana(database: Database) -> int:
    with database.transaction() as session:
        return person(session, "ana@example.fr", now=NOW - 90 * DAY).id


def told(session: Session, customer_id: int, kind: str, key: str, days_ago: float = 0) -> bool:
    return record(session, customer_id, kind=kind, key=key, at=NOW - days_ago * DAY, now=NOW)


def test_the_same_signal_counts_once(database: Database, ana: int) -> None:
    with database.transaction() as session:
        assert told(session, ana, "survey_answered", "s1")
        assert not told(session, ana, "survey_answered", "s1", days_ago=3)
        assert told(session, ana, "survey_answered", "s2")
        assert [row.key for row in of_customer(session, ana)] == ["s2", "s1"]
        rows = session.execute(signals_of("survey_answered", since=NOW, until=NOW + DAY)).all()
        assert sorted(row.key for row in rows) == ["s1", "s2"]
        assert session.execute(signals_of("survey_answered", until=NOW)).all() == []


def test_what_cannot_be_kept_is_refused(database: Database, ana: int) -> None:
    with database.transaction() as session:
        for faulty in ({"key": " "}, {"kind": "x"}, {"at": NOW + DAY}, {"data": {"a": [1]}}):
            given = {"kind": "survey_answered", "key": "s1", "at": NOW, **faulty}
            with pytest.raises(Invalid):
                record(session, ana, now=NOW, **given)
        with pytest.raises(NotFound):
            record(session, 999, kind="survey_answered", key="s1", at=NOW)


def test_a_complaint_is_open_until_it_is_closed(database: Database, ana: int) -> None:
    with database.transaction() as session:
        told(session, ana, "complaint_opened", "t1", days_ago=5)
        told(session, ana, "complaint_opened", "t2", days_ago=4)
        told(session, ana, "complaint_closed", "t1", days_ago=3)
        assert session.scalars(open_complaints()).all() == [ana]
        assert [c.key for c in open_complaints_of(session, ana)] == ["t2"]
        told(session, ana, "complaint_closed", "t2")
        assert session.scalars(open_complaints()).all() == []


def test_an_end_before_the_beginning_closes_nothing(database: Database, ana: int) -> None:
    with database.transaction() as session:
        told(session, ana, "complaint_closed", "t1", days_ago=9)
        told(session, ana, "complaint_opened", "t1", days_ago=5)
        assert session.scalars(open_complaints()).all() == [ana]


def test_many_are_recorded_at_once(database: Database, ana: int) -> None:
    facts = [SignalFacts(ana, "basket_abandoned", f"b{i % 3}", NOW, {"amount": i}) for i in range(4)]
    with database.transaction() as session:
        assert bulk_record(session, facts, now=NOW, is_dry=True) == ["new", "new", "new", "unchanged"]
        assert session.scalar(select(func.count()).select_from(Signal)) == 0
        assert bulk_record(session, facts, now=NOW) == ["new", "new", "new", "unchanged"]
        assert bulk_record(session, facts, now=NOW) == ["unchanged"] * 4
        assert of_customer(session, ana)[-1].data == {"amount": 0}


def test_segments_ask_signals(database: Database, ana: int) -> None:
    with database.transaction() as session:
        ben = person(session, "ben@example.fr", now=NOW).id
        told(session, ana, "complaint_opened", "t1", days_ago=5)
        told(session, ben, "document_downloaded", "catalogue", days_ago=40)
        fields = gather("EUR")

        def who(condition: dict[str, object]) -> set[int]:
            chosen = members(session, {"all": [condition]}, fields, now=NOW, zone=ZoneInfo("Europe/Paris"))
            return set(session.scalars(chosen))

        assert who({"field": "signals.open_complaint", "op": "truth", "value": True}) == {ana}
        assert who({"field": "signals.open_complaint", "op": "truth", "value": False}) == {ben}
        recent = {"field": "signals.last", "where": {"kind": "document_downloaded"}, "if_unknown": False}
        assert who({**recent, "op": "in_last", "value": 50}) == {ben}
        assert who({**recent, "op": "in_last", "value": 30}) == set()


def test_they_go_with_their_customer(database: Database, ana: int) -> None:
    with database.transaction() as session:
        told(session, ana, "complaint_opened", "t1")
        session.delete(session.get(Customer, ana))
        session.flush()
        assert session.scalar(select(func.count()).select_from(Signal)) == 0

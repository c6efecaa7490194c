"""Programmes become letters of the shop's own; a letter to a colleague never reaches the customer."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from campaigns.clock import FrozenClock
from campaigns.content import programmes
from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.letters import all_letters, begin_programme, begun_programmes, launch_due, switch, tell_owners
from campaigns.mail import MemoryMailer
from campaigns.runtime import Runtime
from campaigns.scoring import KeyAccount, Score
from campaigns.signals import of_customer
from campaigns.staff import add_user
from scheduler.jobs import launch_letters
from tests.cast import person


def begin(runtime: Runtime, name: str, language: str = "en") -> list[int]:
    with runtime.transaction() as session:
        made = begin_programme(
            session,
            name,
            language,
            occasions=runtime.occasions,
            sources=runtime.merge_sources,
            config=runtime.config,
            now=runtime.clock.now(),
        )
        return [letter.id for letter in made]


def test_each_is_shipped_in_both_languages_with_a_reason() -> None:
    assert [programme.name for programme in programmes()] == [
        "welcome",
        "reassurance",
        "satisfaction",
        "birthday",
        "anniversary",
        "advice",
        "replenishment",
        "complaint",
        "win_back",
        "key_account",
    ]
    for programme in programmes():
        for language in ("en", "fr"):
            assert 200 < len(programme.reasons[language]) < 700
            for step in programme.steps:
                words = step.words[language]
                assert ("lettre.mjml" in words.source) == (language == "fr")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_letter_of_every_programme_is_fit_to_leave(runtime: Runtime, language: str) -> None:
    """Its words pass the trials with worst-case customers, its options its occasion, and it can be switched on."""
    if runtime.database.is_sqlite:
        for programme in programmes():
            assert len(begin(runtime, programme.name, language)) == len(programme.steps)
        with runtime.transaction() as session:
            assert begun_programmes(session) == {programme.name for programme in programmes()}
            for letter in all_letters(session):
                assert not letter.is_on
                assert switch(session, letter.id, is_on=True, now=runtime.clock.now()).is_on


def test_begun_twice_nothing_is_doubled(runtime: Runtime) -> None:
    assert begin(runtime, "birthday") == begin(runtime, "birthday")
    with pytest.raises(Invalid):
        begin(runtime, "birthday", "de")
    with pytest.raises(NotFound):
        begin(runtime, "christmas")


def test_a_silent_key_account_is_told_to_its_owner_once_and_never_to_the_customer(
    runtime: Runtime, clock: FrozenClock
) -> None:
    mailer = MemoryMailer()
    runtime = replace(runtime, mailer=mailer)
    (letter_id,) = begin(runtime, "key_account")
    with runtime.transaction() as session:
        switch(session, letter_id, is_on=True, now=clock.now())
        owner = add_user(
            session, email="ada@shop.example", name="Ada", password="correct horse battery", now=clock.now()
        )
        big = person(session, "big@customers.example", now=clock.now(), first_name="Big").id
        _silent(session, big, owner.id, clock.now() - timedelta(days=28))
    for _ in range(6):
        clock.advance(timedelta(days=1))
        launch_letters(runtime)
    assert [letter.recipient for letter in mailer.outbox] == ["ada@shop.example"]
    with runtime.reading() as session:
        assert [signal.kind for signal in of_customer(session, big)] == ["owner_told"]
    assert tell_owners(runtime, letter_id) == 0
    with runtime.transaction() as session, pytest.raises(Conflict):
        launch_due(
            session,
            letter_id,
            occasions=runtime.occasions,
            zone=runtime.config.zone,
            sender=runtime.config.sender,
            now=clock.now(),
        )


def _silent(session: Session, customer_id: int, owner_id: int, last: datetime) -> None:
    session.add(KeyAccount(customer_id=customer_id, reason="reference", owner_id=owner_id, confirmed_at=last))
    session.add(Score(customer_id=customer_id, as_of=last, last_purchase_at=last))
    session.flush()

"""The letters' pages: written for an occasion, switched on and off, with who is due."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from campaigns import letters
from campaigns.clock import FrozenClock
from campaigns.customers import Customer, declare_attribute
from campaigns.messages import enqueue, open_mailing
from campaigns.runtime import Runtime
from tests.cast import bare_template, person
from tests.webapp.conftest import Browser


@pytest.fixture
def papers(runtime: Runtime) -> dict[str, str]:
    now = runtime.clock.now()
    with runtime.transaction() as session:
        person(session, "alice@shop.example", now=now, first_name="Alice", birthday="1980-11-30")
        return {
            "name": "Birthday wishes",
            "template_id": str(bare_template(session, now=now).id),
            "option_days": "0",
            "option_leap": "28",
            "hour": "9",
            "late_days": "2",
        }


@pytest.fixture
def marketer(log_in: Callable[[str], Browser]) -> Browser:
    return log_in("marketer")


def test_one_begins_with_the_occasion(marketer: Browser) -> None:
    assert "No letter yet" in marketer.get("/letters").text
    page = marketer.get("/letters/new").text
    assert "/letters/new?occasion=birthday" in page
    assert "/letters/new?occasion=after_purchase" in page
    assert "Born on 29 February" in marketer.get("/letters/new?occasion=birthday").text
    assert marketer.get("/letters/new?occasion=eclipse").status_code == 404


def test_it_is_written_switched_on_and_shows_who_is_due(
    marketer: Browser, runtime: Runtime, papers: dict[str, str]
) -> None:
    made = marketer.post("/letters/new?occasion=birthday", data={**papers, "form_key": "k"})
    assert made.status_code == 303
    assert (
        marketer.post("/letters/new?occasion=birthday", data={**papers, "form_key": "k"}).location
        == made.location
    )
    page = marketer.get(made.location).text
    assert "Alice" in page
    assert "Turns 46" in page
    for _ in range(2):
        assert marketer.post(made.location + "/switch", data={"is_on": "yes"}).status_code == 303
    with runtime.reading() as session:
        (letter,) = letters.all_letters(session)
        assert letter.is_on
        assert letter.on_since == runtime.clock.now()
    assert "Birthday wishes" in marketer.get("/letters").text
    marketer.post(made.location + "/edit", data={**papers, "hour": "11"})
    marketer.post(made.location + "/switch", data={"is_on": "no"})
    with runtime.reading() as session:
        (letter,) = letters.all_letters(session)
        assert (letter.is_on, letter.hour) == (False, 11)


def test_wrong_answers_are_said_and_kept(marketer: Browser, runtime: Runtime, papers: dict[str, str]) -> None:
    page = marketer.post(
        "/letters/new?occasion=birthday", data={**papers, "option_days": "99", "name": "Ännchen"}
    )
    assert page.status_code == 400
    assert "from -30 to 30" in page.text
    assert "Ännchen" in page.text
    page = marketer.post("/letters/new?occasion=birthday", data={**papers, "hour": "", "late_days": "many"})
    assert page.status_code == 400
    with runtime.reading() as session:
        assert letters.all_letters(session) == []


def test_one_without_a_template_is_not_switched_on_and_says_why(
    marketer: Browser, runtime: Runtime, papers: dict[str, str]
) -> None:
    where = marketer.post("/letters/new?occasion=birthday", data={**papers, "template_id": ""}).location
    marketer.post(where + "/switch", data={"is_on": "yes"})
    assert "Choose a template." in marketer.get(where).text
    with runtime.reading() as session:
        assert not letters.all_letters(session)[0].is_on


def test_each_occasion_asks_its_own_questions_in_plain_fields(marketer: Browser, runtime: Runtime) -> None:
    for occasion in runtime.occasions.values():
        page = marketer.get(f"/letters/new?occasion={occasion.name}")
        assert page.status_code == 200
        for option in occasion.options:
            assert f'name="option_{option.name}"' in page.text, (occasion.name, option.name)


def test_what_has_to_be_chosen_is_asked_for(
    marketer: Browser, runtime: Runtime, papers: dict[str, str]
) -> None:
    with runtime.transaction() as session:
        declare_attribute(session, name="contract_end", label="End of contract", kind="date")
    assert "End of contract" in marketer.get("/letters/new?occasion=date_reached").text
    answers = {**papers, "option_days": "-30", "option_again": "once"}
    page = marketer.post("/letters/new?occasion=date_reached", data=answers)
    assert page.status_code == 400
    assert "needs an answer here" in page.text
    answers["option_attribute"] = "contract_end"
    made = marketer.post("/letters/new?occasion=date_reached", data=answers)
    assert made.status_code == 303
    assert "End of contract" in marketer.get(made.location).text


def test_what_is_late_is_decided_on_the_page_and_a_letter_is_stopped_there(
    log_in: Callable[[str], Browser], runtime: Runtime, clock: FrozenClock, papers: dict[str, str]
) -> None:
    marketer = log_in("marketer")
    made = marketer.post("/letters/new?occasion=birthday", data={**papers, "late": "ask"}).location
    marketer.post(made + "/switch", data={"is_on": "yes"})
    clock.move_to(datetime(2026, 12, 3, 8, tzinfo=UTC))
    marketer = log_in("administrator")
    page = marketer.get(made).text
    assert "asks what becomes of that" in page
    assert marketer.post(made + "/late", data={"is_sent": "yes"}).status_code == 303
    page = marketer.get(made).text
    assert "asks what becomes of that" not in page
    assert "Its wordings" in page
    marketer.post(made + "/stop", data={"because": "A wrong price."})
    page = marketer.get(made).text
    assert "A wrong price." in page
    assert "Why some got nothing" in page
    with runtime.reading() as session:
        (letter,) = letters.all_letters(session)
        assert not letter.is_on
        assert letters.count_messages(session, letter.id) == {"cancelled": 1}


def test_its_effect_is_shown_only_when_there_is_one(
    marketer: Browser, runtime: Runtime, papers: dict[str, str]
) -> None:
    made = marketer.post("/letters/new?occasion=birthday", data={**papers, "form_key": "e", "holdout": "50"})
    letter_id = int(made.location.rpartition("/")[2])
    assert "What it does" not in marketer.get(made.location).text, "nobody is held out yet"
    then = runtime.clock.now() - timedelta(days=60)
    with runtime.transaction() as session:
        people = [person(session, f"p{n}@shop.example", now=then).id for n in range(150)]
        mailing = open_mailing(
            session,
            kind="letter",
            source_id=letter_id,
            name="Birthday wishes",
            version_id=1,
            subject="Hello",
            sender_name="",
            sender_email="hello@shop.example",
            holdout=50,
            now=then,
        )
        enqueue(session, mailing.id, select(Customer.id).where(Customer.id.in_(people)), now=then)
    page = marketer.get(made.location).text
    assert "What it does" in page and "not shown: its interval holds zero" in page
    assert "What it does" in marketer.get(f"/reports/{mailing.id}").text

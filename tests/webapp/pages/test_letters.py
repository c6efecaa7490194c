"""The letters' pages: written for an occasion, switched on and off, with who is due."""

from collections.abc import Callable

import pytest

from campaigns import letters
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

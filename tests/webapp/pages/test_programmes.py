"""The programmes' pages: a reason for each, and one press makes its letters, switched off."""

from collections.abc import Callable

import pytest

from campaigns import letters
from campaigns.content import programmes
from campaigns.runtime import Runtime
from tests.webapp.conftest import Browser


@pytest.fixture
def marketer(log_in: Callable[[str], Browser]) -> Browser:
    return log_in("marketer")


def test_every_programme_says_why(marketer: Browser) -> None:
    page = marketer.get("/programmes").text
    for programme in programmes():
        assert f"/programmes/{programme.name}" in page
    assert "A relationship is judged by its first days" in page
    assert "Une relation se juge à ses premiers jours" in marketer.get("/programmes/welcome?language=fr").text
    assert marketer.get("/programmes/nothing").status_code == 404


def test_picked_it_gives_letters_that_are_off_and_ready(runtime: Runtime, marketer: Browser) -> None:
    answer = marketer.post("/programmes/win_back", data={"language": "fr"})
    assert answer.status_code == 303
    page = marketer.get(answer.location).text
    assert "switched off" in page and "Reconquête\u00a0: déçu" in page
    assert marketer.post("/programmes/win_back", data={"language": "fr"}).status_code == 303
    with runtime.transaction() as session:
        made = letters.all_letters(session)
        assert len(made) == 3 and not any(letter.is_on for letter in made)
        assert {letter.holdout for letter in made} == {10}
        for letter in made:
            assert letters.switch(session, letter.id, is_on=True, now=runtime.clock.now()).is_on
    assert "begun" in marketer.get("/programmes").text


def test_who_only_reads_cannot_begin_one(log_in: Callable[[str], Browser]) -> None:
    auditor = log_in("auditor")
    assert "Get the letters" not in auditor.get("/programmes/welcome").text
    assert auditor.post("/programmes/welcome", data={"language": "en"}).status_code == 403

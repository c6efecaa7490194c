"""The page of a simulation: asked for, played in the background, read day by day and as a file."""

from collections.abc import Callable

import pytest

from campaigns import letters
from campaigns.letters import Plan
from campaigns.runtime import Runtime
from scheduler.jobs import run_simulations
from tests.cast import bare_template, person
from tests.webapp.conftest import Browser


@pytest.fixture
def marketer(log_in: Callable[[str], Browser]) -> Browser:
    return log_in("marketer")


@pytest.fixture
def letter(runtime: Runtime) -> int:
    now = runtime.clock.now()
    with runtime.transaction() as session:
        person(session, "alice@shop.example", now=now, first_name="=Alice", birthday="11-24")
        person(session, "bob@shop.example", now=now, first_name="Bob", birthday="11-24", agrees=False)
        plan = Plan(name="Birthday", occasion="birthday", template_id=bare_template(session, now=now).id)
        return letters.create(session, plan, occasions=runtime.occasions, now=now).id


def test_a_letter_is_played_and_told(marketer: Browser, runtime: Runtime, letter: int) -> None:
    assert "No simulation yet" in marketer.get("/simulations").text
    asked = marketer.post("/simulations", data={"about": f"letter:{letter}", "days": "3"})
    assert asked.location == "/simulations/1"
    assert "being played" in marketer.get(asked.location).text
    run_simulations(runtime)
    page = marketer.get(asked.location).text
    assert "2026-11-24" in page
    assert "no consent" in page
    assert "Bob" in marketer.get("/simulations/1/rows?fate=held").text
    rows = marketer.get("/simulations/1/rows.csv").text.splitlines()
    assert len(rows) == 3
    assert "alice@shop.example" in rows[1]
    assert "Birthday" in marketer.get("/simulations").text


@pytest.mark.parametrize("about", ["letter:x", "newsletter:1", "letter:", "letter:77"])
def test_only_what_there_is_can_be_played(marketer: Browser, about: str) -> None:
    assert marketer.post("/simulations", data={"about": about}).status_code in (400, 404)


def test_what_cannot_be_played_says_why(marketer: Browser, runtime: Runtime, letter: int) -> None:
    assert marketer.post("/simulations", data={"about": f"letter:{letter}", "days": "900"}).status_code == 400
    assert marketer.get("/simulations/9").status_code == 404

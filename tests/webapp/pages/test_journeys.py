"""The pages of journeys: planned by forms, switched on, watched; every form works without a script."""

import re
from collections.abc import Callable

import pytest

from campaigns import journeys
from campaigns.runtime import Runtime
from scheduler.jobs import advance_journeys
from tests.cast import bare_template, everybody, person
from tests.webapp.conftest import Browser


@pytest.fixture
def marketer(log_in: Callable[[str], Browser]) -> Browser:
    return log_in("marketer")


@pytest.fixture
def papers(runtime: Runtime) -> dict[str, str]:
    now = runtime.clock.now()
    with runtime.transaction() as session:
        person(session, "alice@shop.example", now=now, first_name="Alice")
        template = bare_template(session, now=now, name="Hello letter")
        segment = everybody(session, runtime)
    return {"template_id": str(template.id), "segment_id": str(segment.id)}


def begun(marketer: Browser, papers: dict[str, str], **frame: str) -> str:
    """A journey entered by everybody, without a step; its address."""
    made = marketer.post("/journeys/new", data={"name": "Welcome", "form_key": "k"})
    assert made.status_code == 303
    place = made.location.removesuffix("/frame")
    answers = {"name": "Welcome", "by": "segment", "segment_id": papers["segment_id"], "hour": "-1", **frame}
    answers |= {"again": "never", "again_days": "30", "exits": "unsubscribed", "hold_out": "0"}
    assert marketer.post(f"{place}/frame", data=answers).location == f"{place}/edit"
    return place


def add(marketer: Browser, place: str, slot: str, kind: str, **answers: str) -> str:
    """Add a step and answer its questions; returns its key."""
    made = marketer.post(f"{place}/steps/new", data={"slot": slot, "kind": kind})
    key = re.search(r"(s\d+)$", made.location.replace("#step-", "/"))
    assert key, made.location
    if answers:
        kept = marketer.post(f"{place}/steps/{key[1]}", data=answers)
        assert kept.status_code == 303, kept.text
    return key[1]


def test_one_is_planned_step_by_step_switched_on_and_watched(
    marketer: Browser, runtime: Runtime, papers: dict[str, str]
) -> None:
    assert "No journey yet" in marketer.get("/journeys").text
    place = begun(marketer, papers)
    assert "no step yet" in marketer.get(f"{place}/edit").text
    send = add(marketer, place, "start", "send", template_id=papers["template_id"], subject="")
    wait = add(marketer, place, f"after:{send}", "wait", amount="2", unit="days")
    branch = add(marketer, place, f"after:{wait}", "branch", by="clicked", letter=send, segment_id="")
    add(marketer, place, f"{branch}:no", "change", what="tag", word="quiet", value="")
    page = marketer.get(f"{place}/edit").text
    assert "Send “Hello letter”" in page
    assert "Wait 2 days" in page
    assert "Clicked in “1 Hello letter”?" in page
    assert "Add the tag “quiet”" in page
    assert page.index("Wait 2 days") < page.index("Add the tag")
    assert marketer.post(f"{place}/switch", data={"to": "on"}).location == place
    advance_journeys(runtime)
    page = marketer.get(place).text
    assert re.search(r"<b>1</b> here", page)
    people = marketer.get(f"{place}/travellers").text
    assert "Alice" in people
    trace = marketer.get(f"{place}/travellers/1").text
    assert "1 Send “Hello letter”" in trace
    assert "here now" in trace
    assert "Welcome" in marketer.get("/journeys").text


def test_steps_are_moved_and_removed(marketer: Browser, papers: dict[str, str]) -> None:
    place = begun(marketer, papers)
    one = add(marketer, place, "start", "wait", amount="1", unit="days")
    two = add(marketer, place, f"after:{one}", "wait", amount="2", unit="days")
    split = add(marketer, place, f"after:{two}", "split", share="50")

    def order() -> list[str]:
        return re.findall(r'data-step="(s\d+)"', marketer.get(f"{place}/edit").text)

    marketer.post(f"{place}/steps/{two}/move", data={"by": "-1"})
    assert order() == [two, one, split]
    marketer.post(f"{place}/steps/{two}/move", data={"slot": f"{split}:b"})
    assert order() == [one, split, two]
    marketer.post(f"{place}/steps/{split}/move", data={"slot": f"{split}:a"})
    assert "into itself" in marketer.get(f"{place}/edit").text
    marketer.post(f"{place}/steps/{split}/remove")
    assert order() == [one]


def test_a_form_for_an_older_state_is_refused(marketer: Browser, papers: dict[str, str]) -> None:
    place = begun(marketer, papers)
    add(marketer, place, "start", "end")
    marketer.post(f"{place}/steps/new", data={"slot": "start", "kind": "end", "revision": "0"})
    assert "Somebody else changed this journey" in marketer.get(f"{place}/edit").text


def test_what_is_wrong_is_said_at_the_step_and_nothing_is_switched_on(
    marketer: Browser, papers: dict[str, str], runtime: Runtime
) -> None:
    place = begun(marketer, papers)
    key = add(marketer, place, "start", "send")
    assert "Choose a template for the letter" in marketer.get(f"{place}/edit").text
    bad = marketer.post(f"{place}/steps/{key}", data={"template_id": "999", "subject": ""})
    assert bad.status_code == 400
    assert marketer.post(f"{place}/switch", data={"to": "on"}).location == f"{place}/edit"
    with runtime.reading() as session:
        assert journeys.all_journeys(session)[0].status == "draft"


def test_a_change_of_one_in_use_begins_a_version_and_travellers_move_by_a_mapping(
    marketer: Browser, runtime: Runtime, papers: dict[str, str]
) -> None:
    place = begun(marketer, papers)
    wait = add(marketer, place, "start", "wait", amount="9", unit="days")
    marketer.post(f"{place}/switch", data={"to": "on"})
    advance_journeys(runtime)
    add(marketer, place, f"after:{wait}", "change", what="tag", word="done", value="")
    assert "Version 2 is being written" in marketer.get(place).text
    marketer.post(f"{place}/switch", data={"to": "on"})
    assert "still under way" in marketer.get(place).text
    assert "(1 here)" in marketer.get(f"{place}/versions/1").text
    marketer.post(f"{place}/versions/1", data={f"to_{wait}": wait})
    assert "1 traveller goes on" in marketer.get(place).text
    assert "still under way" not in marketer.get(place).text


def test_the_entry_asks_the_occasions_own_questions(marketer: Browser, papers: dict[str, str]) -> None:
    place = begun(marketer, papers)
    page = marketer.get(f"{place}/frame?occasion=birthday").text
    assert "Born on 29 February" in page
    answers = {"name": "Welcome", "by": "occasion", "occasion": "birthday", "hour": "9", "late_days": "2"}
    answers |= {
        "option_days": "0",
        "option_leap": "28",
        "again": "each",
        "again_days": "30",
        "hold_out": "10",
    }
    assert marketer.post(f"{place}/frame", data=answers).status_code == 303
    page = marketer.get(f"{place}/edit").text
    assert "By the occasion" in page
    assert marketer.post(f"{place}/frame", data={**answers, "hold_out": "80"}).status_code == 400


def test_pause_stop_and_copy(marketer: Browser, papers: dict[str, str], runtime: Runtime) -> None:
    place = begun(marketer, papers)
    add(marketer, place, "start", "wait", amount="1", unit="days")
    for to, status in (
        ("on", "on"),
        ("pause", "paused"),
        ("on", "on"),
        ("stop", "stopped"),
        ("stop", "stopped"),
    ):
        marketer.post(f"{place}/switch", data={"to": to})
        with runtime.reading() as session:
            assert journeys.get_journey(session, 1).status == status
    assert marketer.post(f"{place}/duplicate").location == "/journeys/2/edit"
    assert "Wait 1 day" in marketer.get("/journeys/2/edit").text


def test_an_auditor_reads_and_changes_nothing(
    log_in: Callable[[str], Browser], papers: dict[str, str], marketer: Browser
) -> None:
    place = begun(marketer, papers)
    auditor = log_in("auditor")
    assert auditor.get(place).status_code == 200
    assert auditor.post(f"{place}/switch", data={"to": "on"}).status_code == 403


def test_a_message_names_the_step_that_sent_it(
    marketer: Browser, runtime: Runtime, papers: dict[str, str]
) -> None:
    place = begun(marketer, papers)
    add(marketer, place, "start", "send", template_id=papers["template_id"], subject="")
    marketer.post(f"{place}/switch", data={"to": "on"})
    advance_journeys(runtime)
    page = marketer.get("/messages/1").text
    assert "Why they got this" in page
    assert f"{place}/travellers/1" in page
    assert "Journey" in marketer.get("/reports").text

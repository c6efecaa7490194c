"""The newsletters' pages: what one writes is kept, what one presses twice happens once."""

import re
from collections.abc import Callable

import pytest

from campaigns import newsletters
from campaigns.newsletters import Newsletter
from campaigns.runtime import Runtime
from scheduler.jobs import finish_newsletters, launch_due
from tests.cast import bare_template, everybody, person
from tests.webapp.conftest import Browser


@pytest.fixture
def papers(runtime: Runtime) -> dict[str, str]:
    """A form that is fit to leave, to Alice and not to Bob."""
    now = runtime.clock.now()
    with runtime.transaction() as session:
        person(session, "alice@shop.example", now=now, first_name="Alice")
        person(session, "bob@shop.example", now=now, agrees=False)
        template, segment = bare_template(session, now=now), everybody(session, runtime)
        return {
            "name": "Spring",
            "subject": "Hello <you>",
            "template_id": str(template.id),
            "segment_id": str(segment.id),
            "sender_email": "hello@shop.example",
            "zone": "Europe/Paris",
            "when": "later",
        }


@pytest.fixture
def marketer(log_in: Callable[[str], Browser]) -> Browser:
    return log_in("marketer")


def only(runtime: Runtime) -> Newsletter:
    with runtime.reading() as session:
        (newsletter,) = newsletters.every(session)
        return newsletter


def test_an_empty_house_says_how_to_begin(marketer: Browser) -> None:
    page = marketer.get("/newsletters").text
    assert "No newsletter yet" in page
    assert 'href="/newsletters/new"' in page


def test_a_draft_is_written_scheduled_moved_and_cancelled(
    marketer: Browser, runtime: Runtime, papers: dict[str, str]
) -> None:
    page = marketer.get("/newsletters/new").text
    papers["form_key"] = re.findall(r'name="form_key" value="([^"]+)"', page)[0]
    first = marketer.post("/newsletters/new", data=papers)
    again = marketer.post("/newsletters/new", data=papers)
    assert first.status_code == again.status_code == 303
    assert first.location == again.location, "a form that is sent twice makes one"
    page = marketer.get(first.location).text
    assert "Hello &lt;you&gt;" in page
    assert "of 2 in the segment" in page
    where = {"when": "at", "moment": "2026-11-24T09:00", "zone": "Europe/Paris"}
    assert marketer.post(first.location + "/schedule", data=where).status_code == 303
    assert marketer.post(first.location + "/schedule", data=where).status_code == 303
    assert (only(runtime).status, only(runtime).local_moment) == ("scheduled", "2026-11-24T09:00")
    changed = marketer.post(first.location + "/edit", data={**papers, "name": "Summer", **where})
    assert changed.status_code == 303
    assert (only(runtime).name, only(runtime).status) == ("Summer", "scheduled")
    marketer.post(first.location + "/unschedule")
    assert only(runtime).status == "draft"
    marketer.post(first.location + "/cancel")
    assert only(runtime).status == "cancelled"
    refused = marketer.post(first.location + "/schedule", data=where)
    assert refused.status_code == 409
    assert "was cancelled" in refused.text


def test_what_cannot_be_used_is_said_beside_its_field_and_nothing_is_lost(
    marketer: Browser, runtime: Runtime, papers: dict[str, str]
) -> None:
    wrong = {**papers, "template_id": "", "sender_email": "nobody", "when": "at", "moment": "soon"}
    page = marketer.post("/newsletters/new", data=wrong)
    assert page.status_code == 400
    assert "Choose a template." in page.text
    assert 'value="Spring"' in page.text
    with runtime.reading() as session:
        assert newsletters.every(session) == []


def test_sent_now_it_shows_its_progress_and_its_recipients(
    marketer: Browser, runtime: Runtime, papers: dict[str, str]
) -> None:
    where = marketer.post("/newsletters/new", data={**papers, "when": "now"}).location
    assert launch_due(runtime) == 1
    page = marketer.get(where).text
    assert "1 message still to leave" in page
    assert "alice@shop.example" in page
    moved = marketer.get(where + "/progress?status=scheduled")
    assert (moved.status_code, moved.headers["HX-Refresh"]) == (204, "true")
    assert "still to leave" in marketer.get(where + "/progress?status=sending").text
    held = marketer.get(where + "/recipients?status=held").text
    assert "bob@shop.example" in held
    assert "No consent" in held
    assert "alice@shop.example" not in held
    marketer.post(where + "/pause")
    assert "Go on" in marketer.get(where).text
    marketer.post(where + "/resume")
    marketer.post(where + "/cancel")
    assert finish_newsletters(runtime) == 0
    assert only(runtime).status == "cancelled"


def test_an_auditor_reads_and_changes_nothing(
    log_in: Callable[[str], Browser], runtime: Runtime, papers: dict[str, str], marketer: Browser
) -> None:
    where = marketer.post("/newsletters/new", data=papers).location
    auditor = log_in("auditor")
    page = auditor.get(where)
    assert page.status_code == 200
    assert "Send now" not in page.text
    assert auditor.post(where + "/cancel").status_code == 403
    assert only(runtime).status == "draft"


def test_what_is_not_there_is_not_there(marketer: Browser) -> None:
    for path in ("/newsletters/7", "/newsletters/7/edit", "/newsletters/7/progress", "/newsletters/x"):
        assert marketer.get(path).status_code == 404
    assert marketer.get("/newsletters?page=9&status=nonsense&text=%00").status_code == 200

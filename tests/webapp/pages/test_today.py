"""The first page."""

from campaigns.messages import halted
from campaigns.reports import Week
from campaigns.runs import take_lease
from webapp.pages.today import ACTIONS, usual


def test_an_empty_shop_has_a_calm_day(client, runtime):
    with runtime.transaction() as session:
        take_lease(session, "clock", "me", now=runtime.clock.now(), seconds=20)
    page = client.get("/today").text
    assert "Nothing waits for you" in page
    assert "Nothing today" in page
    assert "Monday, 23 November 2026" in page


def test_each_need_leads_to_a_page_there_is(app):
    assert {endpoint for _, endpoint, _ in ACTIONS.values()} <= set(app.view_functions)


def test_all_sending_is_stopped_and_resumed(client, runtime):
    client.post("/today/halt", data={"because": "wrong price"})
    page = client.get("/today").text
    assert "All sending is stopped" in page and "wrong price" in page
    client.post("/today/resume")
    with runtime.reading() as session:
        assert halted(session) is None


def test_who_only_reads_sees_no_button_to_stop(log_in):
    assert "Stop all sending" not in log_in("auditor").get("/today").text


def test_a_figure_is_set_against_its_own_past(app):
    with app.test_request_context():
        week = Week("sent", "Sent", "", 500, (0,) * 7, (100, 400))
        assert usual(week) == "More than usual: 100–400"
        assert usual(Week("sent", "Sent", "", 5, (0,) * 7, None)) == "Too early to know what is usual"

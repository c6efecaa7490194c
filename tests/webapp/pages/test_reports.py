"""The reports' pages: the list, one mailing, whoever stands behind a number."""

import re
from collections.abc import Callable

import pytest

from campaigns import reports
from campaigns.reports import NUMBERS
from campaigns.runtime import Runtime
from campaigns.tracking import HitJournal, hits_folder, ingest
from tests.campaigns.reports import ledger
from tests.campaigns.tracking.story import letter
from tests.webapp.conftest import Browser

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def marketer(log_in: Callable[[str], Browser]) -> Browser:
    return log_in("marketer")


@pytest.fixture
def mailing_id(runtime: Runtime) -> int:
    with runtime.transaction() as session:
        return ledger.random_mailing(session, runtime.clock.now(), size=70).id


def test_the_empty_page_says_what_will_stand_here(marketer: Browser) -> None:
    assert "Nothing was sent yet" in marketer.get("/reports").text


def test_the_list_shows_each_mailing_with_its_rates(marketer: Browser, mailing_id: int) -> None:
    page = marketer.get("/reports").text
    assert f"/reports/{mailing_id}" in page
    assert "newsletter 7" in page
    assert "Nothing was sent yet" in marketer.get("/reports?kind=letter").text
    assert "newsletter 7" in marketer.get("/reports?kind=x' OR 1=1").text
    assert marketer.get("/reports?page=99").status_code == 200


def test_every_number_on_the_page_opens_its_list(
    marketer: Browser, runtime: Runtime, mailing_id: int
) -> None:
    page = marketer.get(f"/reports/{mailing_id}").text
    with runtime.reading() as session:
        stats = reports.delivery_stats(session, [mailing_id])
    links = set(re.findall(rf'href="(/reports/{mailing_id}/[^"]+)">([\d,]+)<', page))
    assert len(links) > 20
    for address, number in links:
        listed = marketer.get(address.replace("&amp;", "&"))
        assert listed.status_code == 200
        assert f"of {number}\n" in listed.text.replace("</span>", "\n"), address
    for name in ("meant", "sent", "failed", "held", "clicked"):
        assert f">{stats[name]:,}<" in page


def test_a_list_leaves_as_a_file_without_formulas(
    marketer: Browser, runtime: Runtime, mailing_id: int
) -> None:
    from sqlalchemy import update

    from campaigns.customers import Customer

    with runtime.transaction() as session:
        session.execute(update(Customer).values(last_name="@SUM(A1)"))
    answer = marketer.get(f"/reports/{mailing_id}/meant.csv")
    assert answer.mimetype == "text/csv"
    assert len(answer.text.splitlines()) == 71
    assert ",'@SUM(A1)," in answer.text
    whole = marketer.get("/reports/all.csv").text.splitlines()
    assert whole[0].lstrip("\ufeff").startswith("Kind,Name,Subject")
    assert whole[1].startswith("newsletter,newsletter 7")


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_has_a_page_and_a_file(marketer: Browser, mailing_id: int, name: str) -> None:
    assert marketer.get(f"/reports/{mailing_id}/{name}").status_code == 200
    assert marketer.get(f"/reports/{mailing_id}/{name}.csv").status_code == 200


def test_what_there_is_not_is_not_found(marketer: Browser, mailing_id: int) -> None:
    for address in (
        "999",
        f"{mailing_id}/nothing",
        f"{mailing_id}/nothing.csv",
        f"{mailing_id}/clicked?link=https://x",
    ):
        assert marketer.get(f"/reports/{address}").status_code == 404
    assert marketer.get(f"/reports/{mailing_id}/sent?link=https://shop.example/a").status_code == 404
    assert marketer.get(f"/reports/{mailing_id}/sent?domain=' OR '1'='1").text.count("<tr>") <= 1


def test_a_person_decides_about_the_unknown(marketer: Browser, runtime: Runtime, mailing_id: int) -> None:
    with runtime.reading() as session:
        rows = session.execute(reports.behind([mailing_id], "unknown")).all()
        ids = [message.id for message, _ in rows]
        before = reports.delivery_stats(session, [mailing_id])
    assert len(ids) >= 2
    address = f"/reports/{mailing_id}/decide"
    assert "Tick the messages" in marketer.post(address, data={"verdict": "sent"}, follow_redirects=True).text
    marketer.post(address, data={"verdict": "sent", "message": [str(ids[0])]})
    marketer.post(address, data={"verdict": "again", "message": [str(each) for each in ids[1:]]})
    assert marketer.post(address, data={"verdict": "sent", "message": [str(ids[0])]}).status_code == 409
    with runtime.reading() as session:
        after = reports.delivery_stats(session, [mailing_id])
    assert (after["unknown"], after["sent"]) == (0, before["sent"] + 1)
    assert after["queued"] == before["queued"] + len(ids) - 1
    assert after.meant == before.meant


def test_failed_ones_are_tried_again(marketer: Browser, runtime: Runtime, mailing_id: int) -> None:
    assert marketer.post(f"/reports/{mailing_id}/try-again").status_code == 303
    with runtime.reading() as session:
        assert reports.delivery_stats(session, [mailing_id]).meant == 70


def test_words_from_outside_are_shown_as_words(marketer: Browser, runtime: Runtime, mailing_id: int) -> None:
    from sqlalchemy import update

    from campaigns.messages import Message

    with runtime.transaction() as session:
        session.execute(update(Message).values(reply="<script>alert(1)</script>", domain="<img src=x>"))
    for address in (f"/reports/{mailing_id}", f"/reports/{mailing_id}/meant"):
        assert "<script>alert" not in marketer.get(address).text
        assert "<img src=x" not in marketer.get(address).text


def test_an_auditor_reads_and_decides_nothing(log_in: Callable[[str], Browser], mailing_id: int) -> None:
    auditor = log_in("auditor")
    assert auditor.get(f"/reports/{mailing_id}").status_code == 200
    assert auditor.post(f"/reports/{mailing_id}/decide", data={"verdict": "sent"}).status_code == 403


def test_sums_of_those_who_did_not_agree_stand_apart(marketer: Browser, runtime: Runtime) -> None:
    message_id, mailing_id = letter(runtime, "bob", may_track=False)
    journal = HitJournal(hits_folder(runtime.config), runtime.clock)
    for position in range(3):
        journal.append("c", message_id, mailing_id, position, "GET", "", "", FIREFOX)
    ingest(runtime)
    text = marketer.get(f"/reports/{mailing_id}").text
    assert "opened 0 times and clicked 3 times" in text and "Nobody knows whose" in text
    assert "A person followed a link at least once" in text  # the definition stands beside the figure

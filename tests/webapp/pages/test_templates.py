"""The pages of templates: made from a starter, edited, refused at its line, previewed, restored, put away."""

import re
from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest

from campaigns.content import get_template, newest_version, versions
from campaigns.customers import add_customer
from campaigns.mail import MemoryMailer
from campaigns.runtime import Runtime

LETTER = '<p>Hello {{ customer.first_name or "you" }}</p>\n<a href="{{ links.unsubscribe }}">out</a>'


def make(client, name="Spring", start="blank-html") -> int:
    client.get("/templates/new")
    response = client.post(
        "/templates/new", data={"name": name, "start": start, "purpose": "newsletter", "language": "en"}
    )
    assert response.status_code == 303, response.text
    return int(re.search(r"/templates/(\d+)/edit", response.location)[1])


def save(client, template_id: int, source: str, **more: str):
    page = client.get(f"/templates/{template_id}/edit")
    based_on = re.search(r'name="based_on" value="(\d*)"', page.text)[1]
    words = {
        "format": "html",
        "subject": "Hi",
        "preheader": "",
        "source": source,
        "based_on": based_on,
        **more,
    }
    return client.post(f"/templates/{template_id}/edit", data=words)


@pytest.mark.parametrize(
    "start", ["Newsletter", "Birthday", "After a purchase", "Win back", "blank-mjml", "blank-html"]
)
def test_a_template_begins_with_what_was_chosen(client, start: str) -> None:
    number = make(client, start=start)
    assert client.get(f"/templates/{number}").status_code == 200
    assert "<html" in client.get(f"/templates/{number}/body").text


def test_a_name_is_needed_and_stands_only_once(client) -> None:
    make(client)
    for name in ("", "Spring"):
        response = client.post("/templates/new", data={"name": name, "start": "blank-html"})
        assert response.status_code == 400 and "is-invalid" in response.text


def test_saving_makes_a_version_and_the_same_words_make_none(client, runtime: Runtime) -> None:
    number = make(client)
    assert save(client, number, LETTER).status_code == 303
    assert save(client, number, LETTER.replace("\n", "\r\n")).status_code == 303
    with runtime.reading() as session:
        assert [v.number for v in versions(session, number)] == [2, 1]
        assert newest_version(session, number).source == LETTER


def test_a_fault_is_shown_at_its_line_and_nothing_is_lost(client, runtime: Runtime) -> None:
    number = make(client)
    response = save(client, number, LETTER.replace("first_name", "frist_name"), subject="{{ customer.nme }}")
    assert response.status_code == 400
    assert "Line 1" in response.text and "did you mean customer.first_name" in response.text
    assert "{{ customer.frist_name or &#34;you&#34; }}" in response.text
    with runtime.reading() as session:
        assert newest_version(session, number).number == 1


def test_two_authors_do_not_overwrite_each_other(client, runtime: Runtime) -> None:
    number = make(client)
    page = client.get(f"/templates/{number}/edit").text
    old = re.search(r'name="based_on" value="(\d+)"', page)[1]
    assert save(client, number, LETTER).status_code == 303
    response = save(client, number, LETTER + "<p>mine</p>", based_on=old)
    assert response.status_code == 409
    assert (
        "Somebody saved version 2 meanwhile" in response.text and "&lt;p&gt;mine&lt;/p&gt;" in response.text
    )
    with runtime.reading() as session:
        assert newest_version(session, number).source == LETTER


def test_it_can_be_read_as_any_customer(client, runtime: Runtime) -> None:
    number = make(client)
    save(client, number, LETTER)
    with runtime.transaction() as session:
        customer = add_customer(
            session, email="zoe@customer.example", first_name="Zoé", now=runtime.clock.now()
        )
        reader = customer.id
    assert f"reader={reader}" in client.get(f"/templates/{number}?find=zoe").text
    assert "Hello Zoé" in client.get(f"/templates/{number}/body?reader={reader}").text
    assert "Hello you" in client.get(f"/templates/{number}/body?reader=nothing").text
    assert "Maximiliane" in client.get(f"/templates/{number}/body?reader=longest").text


def test_a_preview_runs_nothing_and_calls_no_one(client) -> None:
    number = make(client)
    response = client.get(f"/templates/{number}/body")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy and "script-src" not in policy
    assert (
        "img-src 'none'"
        in client.get(f"/templates/{number}/body?images=off").headers["Content-Security-Policy"]
    )
    assert 'sandbox="' in client.get(f"/templates/{number}").text
    assert "/o/" not in response.text


def test_words_not_yet_saved_can_be_looked_at(client, runtime: Runtime) -> None:
    number = make(client)
    client.get(f"/templates/{number}/edit")
    words = {"format": "html", "subject": "x", "preheader": "", "source": LETTER, "reader": "nothing"}
    assert "Hello you" in client.post(f"/templates/{number}/draft", data=words).text
    broken = client.post(f"/templates/{number}/draft", data={**words, "source": "<script>alert(1)</script>"})
    assert "Scripts" in broken.text and "<script" not in broken.text
    with runtime.reading() as session:
        assert newest_version(session, number).number == 1


def test_the_dark_rules_can_be_looked_at(client) -> None:
    number = make(client, start="Newsletter")
    assert "(prefers-color-scheme: dark)" not in client.get(f"/templates/{number}/body?scheme=dark").text


def test_an_older_version_can_be_compared_and_restored(client, runtime: Runtime) -> None:
    number = make(client)
    save(client, number, LETTER)
    with runtime.reading() as session:
        second, first = versions(session, number)
    page = client.get(f"/templates/{number}/versions?version={second.id}").text
    assert "What version 2 changed" in page and 'class="added"' in page
    client.post(f"/templates/{number}/versions/{first.id}/restore")
    with runtime.reading() as session:
        assert newest_version(session, number).number == 3
        assert newest_version(session, number).source == first.source


def test_it_can_be_renamed_copied_put_away_and_taken_back(client, runtime: Runtime) -> None:
    number = make(client)
    client.get(f"/templates/{number}")
    client.post(
        f"/templates/{number}/settings", data={"name": "Autumn", "purpose": "birthday", "language": "fr"}
    )
    assert client.post(f"/templates/{number}/duplicate", data={"name": "Autumn 2"}).status_code == 303
    client.post(f"/templates/{number}/archive")
    assert "Autumn 2" in client.get("/templates").text
    assert (
        ">Autumn<" not in client.get("/templates").text
        and ">Autumn<" in client.get("/templates?archived=yes").text
    )
    client.post(f"/templates/{number}/unarchive")
    with runtime.reading() as session:
        template = get_template(session, number)
        assert (template.name, template.purpose, template.language) == ("Autumn", "birthday", "fr")


def test_nobody_changes_words_without_the_right(log_in, client) -> None:
    number = make(client)
    auditor = log_in("auditor")
    assert auditor.get(f"/templates/{number}").status_code == 200
    assert auditor.post(f"/templates/{number}/archive").status_code == 403


def test_what_is_not_there_is_said_plainly(client) -> None:
    for address in (
        "/templates/999",
        "/templates/999/edit",
        "/templates/999/body",
        "/templates/999/versions",
    ):
        assert client.get(address).status_code == 404


@pytest.fixture
def mailer() -> MemoryMailer:
    return MemoryMailer()


@pytest.fixture
def runtime(runtime: Runtime, mailer: MemoryMailer) -> Runtime:
    """Letters are kept in memory, so that a test letter can be read."""
    return replace(runtime, mailer=mailer)


def test_a_test_letter_reaches_ones_own_mailbox(client, mailer: MemoryMailer) -> None:
    number = make(client, start="After a purchase")
    client.get(f"/templates/{number}")
    sent = client.post(f"/templates/{number}/test", data={"to": "me@shop.example", "reader": "usual"})
    assert "A test letter is on its way to me@shop.example" in client.get(sent.location).text
    mail = message_from_bytes(mailer.outbox[0].content, policy=default)
    assert mailer.outbox[0].recipient == "me@shop.example"
    said = mail.get_body(("plain",)).get_content()
    assert "Hello Alice" in said and "On November 9, 2026" in said
    wrong = client.post(f"/templates/{number}/test", data={"to": "nobody", "reader": "usual"})
    assert "alert-danger" in client.get(wrong.location).text and len(mailer.outbox) == 1

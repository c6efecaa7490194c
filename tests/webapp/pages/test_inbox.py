"""The built-in inbox."""

from email.message import EmailMessage

import pytest

from campaigns.mail.inbox import InboxFolder

HTML = '<html><head><title>x</title></head><body><h1>Hello Zoé</h1><script>alert(1)</script><a href="https://shop.example">Shop</a></body></html>'


@pytest.fixture
def kept(runtime, clock):
    """One mail in the inbox."""
    folder = InboxFolder(runtime.config.data.folder / "inbox")
    folder.prepare()
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = (
        "Shop <hello@shop.example>",
        "zoe@customers.example",
        "Spring is here",
    )
    mail["X-Note"] = "kept whole"
    mail.set_content("Hello Zoé, see https://shop.example/spring")
    mail.add_alternative(HTML, subtype="html")
    return folder.keep(
        mail.as_bytes(), envelope_from="b@shop.example", recipients=["zoe@customers.example"], clock=clock
    )


def test_it_lists_what_arrived(client, kept):
    page = client.get("/inbox").text
    assert "Spring is here" in page and "zoe@customers.example" in page


def test_it_finds_by_address(client, kept):
    assert "Spring is here" in client.get("/inbox?search=ZOE@").text
    assert "Nothing found" in client.get("/inbox?search=bob@").text


def test_an_empty_inbox_says_how_to_fill_it(client):
    assert "No mail yet" in client.get("/inbox").text


def test_a_mail_is_shown_in_a_frame_where_nothing_runs(client, kept):
    assert "sandbox=" in client.get(f"/inbox/{kept.key}").text
    body = client.get(f"/inbox/{kept.key}/body")
    assert "Hello Zoé" in body.text
    assert "script-src" not in body.headers["Content-Security-Policy"]
    assert "sandbox" in body.headers["Content-Security-Policy"]


def test_its_links_open_in_a_new_tab(client, kept):
    assert '<base target="_blank">' in client.get(f"/inbox/{kept.key}/body").text


def test_it_is_read_as_text_and_by_its_headers(client, kept):
    assert 'href="https://shop.example/spring"' in client.get(f"/inbox/{kept.key}?view=text").text
    assert "kept whole" in client.get(f"/inbox/{kept.key}?view=headers").text


def test_the_source_is_every_byte(client, kept):
    response = client.get(f"/inbox/{kept.key}/source")
    assert response.mimetype == "message/rfc822"
    assert b"X-Note: kept whole" in response.data


@pytest.mark.parametrize(
    "key", ["nothing", "..", "1700000000.0123456789abcdef.liaison", "%2e%2e%2fsecret.key"]
)
def test_what_is_not_there_is_said(client, key):
    assert client.get(f"/inbox/{key}").status_code == 404

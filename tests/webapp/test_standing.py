"""What holds for all sending is said on every page: a stop, late mails, the sandbox."""

import re
from datetime import timedelta

from sqlalchemy import select

from campaigns.config import Sandbox
from campaigns.customers import Customer
from campaigns.messages import Gap, Message, enqueue, open_mailing
from campaigns.runtime import assemble
from tests.campaigns.messages.conftest import add_customer, add_version
from tests.conftest import NOW
from webapp.app import create_app


def fill(runtime):
    """Liaison was off for three days with a newsletter to two waiting."""
    then = NOW - timedelta(days=3)
    with runtime.transaction() as session:
        add_customer(session, "alice@home.example")
        add_customer(session, "bob@home.example")
        for name in ("November", "Sale"):
            mailing = open_mailing(
                session,
                kind="newsletter",
                source_id=1,
                name=name,
                version_id=add_version(session),
                subject="",
                sender_name="The shop",
                sender_email="hello@shop.example",
                now=then,
            )
            enqueue(session, mailing.id, select(Customer.id), now=then)
        session.add(
            Gap(cause="stopped", since=then, found_at=NOW, due_until=NOW - timedelta(hours=6), decided_by="")
        )


def states(runtime):
    with runtime.reading() as session:
        return sorted(session.scalars(select(Message.status)))


def test_late_mails_are_announced_and_decided_mailing_by_mailing(client, runtime):
    fill(runtime)
    page = client.get("/customers").text
    assert 'href="/messages/late"' in page
    assert "4 mails should have left while Liaison was off" in client.get("/today").text
    page = client.get("/messages/late").text
    assert "November" in page and "alice@home.example" in page
    client.post("/messages/late/1", data={"verdict": "cancel", "mailing": "1"})
    assert states(runtime) == ["cancelled", "cancelled", "queued", "queued"]
    client.post("/messages/late/1", data={"verdict": "send"})
    assert states(runtime) == ["cancelled", "cancelled", "queued", "queued"]
    assert "Nothing is late" in client.get("/messages/late").text
    page = client.post("/messages/late/1", data={"verdict": "send"}, follow_redirects=True).text
    assert "decided meanwhile" in page
    assert 'href="/messages/late"' not in client.get("/customers").text


def test_who_only_reads_decides_nothing(log_in, runtime):
    fill(runtime)
    reader = log_in("auditor")
    assert "Send all" not in reader.get("/messages/late").text
    assert reader.post("/messages/late/1", data={"verdict": "send"}).status_code == 403


def test_the_stop_stands_on_every_page(client):
    client.get("/today")
    client.post("/today/halt", data={"because": "wrong <price>"})
    page = client.get("/customers").text
    assert "All sending is stopped" in page and "wrong &lt;price&gt;" in page


def test_the_sandbox_stands_on_every_page_and_its_inbox_in_the_menu(client, app, runtime):
    assert "Sandbox" not in client.get("/customers").text
    config = runtime.config.model_copy(update={"sandbox": Sandbox(is_on=True, allowed=["ann@shop.example"])})
    other = create_app(assemble(config, clock=runtime.clock, database=runtime.database))
    other.testing = True
    browser = other.test_client()
    with browser.session_transaction() as new, client.session_transaction() as old:
        new.update(old)
    page = browser.get("/customers").text
    assert "Sandbox: nobody but ann@shop.example gets mail" in page
    assert re.search(r'<a href="/inbox"', page)

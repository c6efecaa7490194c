"""The last call: a silent customer gets one more letter, answers or not, and comes back by buying."""

from dataclasses import replace
from datetime import timedelta

import pytest

from campaigns import letters, purchases
from campaigns.config import Stale
from campaigns.content import create_template, save_version
from campaigns.customers import find_customer
from campaigns.messages import Message
from campaigns.suppression import causes_in_force
from tests.cast import person
from tests.flows.conftest import Story

SOURCE = """<html lang="en"><body><p>Shall we go on writing to you?</p>
<p><a href="https://shop.example/stay">Yes, please</a></p>
<p>{{ shop.name }}. <a href="{{ links.unsubscribe }}">Unsubscribe</a></p></body></html>"""
RULE = Stale(mails=3, days=180, letter_first=True, wait_days=20, acts_by_itself=True)


@pytest.fixture
def silent(story: Story) -> Story:
    """Bob and Alice were written to three times; a letter for the last call is on."""
    now = story.clock.now()
    with story.runtime.transaction() as session:
        template = create_template(session, name="Last call", now=now)
        version = save_version(
            session, template.id, format="html", source=SOURCE, subject="Still there?", now=now, by=None
        )
        plan = letters.Plan("Last call", "last_call", hour=9, template_id=template.id)
        letter = letters.create(session, plan, occasions=story.runtime.occasions, now=now)
        letters.switch(session, letter.id, is_on=True, now=now)
        for name in ("bob", "alice"):
            who = person(session, f"{name}@shop.example", now=now - timedelta(days=300), tracked=True)
            for days in (10, 40, 70):
                session.add(_mail(who.id, version.id, now - timedelta(days=days), days))
    config = story.runtime.config.model_copy(update={"stale": RULE})
    story.runtime = replace(story.runtime, config=config)
    return story


def _mail(customer_id: int, mailing_id: int, at: object, key: int) -> Message:
    return Message(
        mailing_id=10_000 + mailing_id,
        customer_id=customer_id,
        occasion_key=str(key),
        address="x@shop.example",
        domain="shop.example",
        status="sent",
        is_tracked=True,
        queued_at=at,
        sent_at=at,
    )


def test_the_last_call_is_answered_or_not_and_an_order_lifts_it(silent: Story) -> None:
    story = silent
    story.pass_time(timedelta(days=1))  # the daily job calls them; the letter leaves at its hour
    story.pass_time(timedelta(days=1))
    assert [len(story.mails(f"{name}@shop.example")) for name in ("bob", "alice")] == [1, 1]
    body = story.mails("alice@shop.example")[0].get_body(("html",))
    link = body.get_content().split('href="', 2)[1].partition('"')[0]  # type: ignore[union-attr]
    story.clock.advance(timedelta(hours=2))
    story.visit(link)
    for days in (1, 19, 2):
        story.pass_time(timedelta(days=days))
    with story.runtime.reading() as session:
        assert causes_in_force(session, "bob@shop.example") == ["stale"]
        assert causes_in_force(session, "alice@shop.example") == []
    assert len(story.mails("alice@shop.example")) == 1  # not asked again and again
    now = story.clock.now()
    with story.runtime.transaction() as session:
        bob = find_customer(session, "bob@shop.example")
        purchases.record_purchase(
            session, number="77", customer_id=bob.id, purchased_at=now, currency="EUR", amount=1000, now=now
        )
    story.pass_time(timedelta(minutes=5))
    with story.runtime.reading() as session:
        assert causes_in_force(session, "bob@shop.example") == []

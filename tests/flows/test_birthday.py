"""A letter's year: written by the form, sent in each customer's own morning, through stops and changed clocks."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from campaigns import letters
from campaigns.content import create_template, save_version
from tests.cast import person
from tests.flows.conftest import Story

SOURCE = """<html lang="en"><body><h1>Happy birthday {{ customer.first_name or "to you" }}</h1>
{% if letter.age %}<p>{{ letter.age }} is a good number.</p>{% endif %}
<p><a href="https://shop.example/present">Your present</a></p>
<p>{{ shop.name }}. <a href="{{ links.unsubscribe }}">Unsubscribe</a></p></body></html>"""

PEOPLE = {
    "kiri": {"zone": "Pacific/Kiritimati", "birthday": "1990-12-24"},  # +14
    "kath": {"zone": "Asia/Kathmandu", "birthday": "12-24"},  # +5:45, no year
    "pago": {"zone": "Pacific/Pago_Pago", "birthday": "1960-12-24"},  # -11
    "leap": {"zone": "Europe/Paris", "birthday": "2000-02-29"},
    "none": {"zone": "Europe/Paris"},
}


@pytest.fixture
def letter_id(story: Story) -> int:
    """Written and switched on by the pages, as a marketer does it."""
    now = story.clock.now()
    with story.runtime.transaction() as session:
        for name, fields in PEOPLE.items():
            person(session, f"{name}@shop.example", now=now, first_name=name.title(), **fields)
        person(session, "eve@shop.example", now=now, birthday="12-24", agrees=False)
        template = create_template(session, name="Birthday", purpose="birthday", now=now)
        save_version(
            session, template.id, format="html", source=SOURCE, subject="Happy birthday", now=now, by=None
        )
        papers = {"name": "Birthday", "template_id": str(template.id), "hour": "9", "late_days": "2"}
    story.marketer.log_in("marketer@shop.example")
    made = story.marketer.post("/letters/new?occasion=birthday", data=papers)
    assert made.status_code == 303, made.text
    assert story.marketer.post(made.location + "/switch", data={"is_on": "yes"}).status_code == 303
    return int(made.location.rpartition("/")[2])


def to(story: Story, moment: str) -> None:
    story.clock.move_to(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    story.work()


def test_each_is_greeted_once_a_year_in_their_own_morning(story: Story, letter_id: int) -> None:
    story.work()
    assert story.server.accepted == []
    for moment, names in (
        ("2026-12-23T18:59", []),
        ("2026-12-23T19:00", ["kiri"]),
        ("2026-12-24T03:14", []),
        ("2026-12-24T03:15", ["kath"]),
        ("2026-12-24T19:59", []),
        ("2026-12-24T20:00", ["pago"]),
        ("2026-12-25T20:00", []),
        ("2027-02-28T07:59", []),
        ("2027-02-28T08:00", ["leap"]),  # the 28th stands for the 29th
        ("2027-03-01T08:00", []),
    ):
        before = len(story.server.accepted)
        to(story, moment)
        arrived = [mail.recipient.partition("@")[0] for mail in story.server.accepted[before:]]
        assert arrived == names, moment
    (mail,) = story.mails("kiri@shop.example")
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "Happy birthday Kiri" in html
    assert "36 is a good number" in html
    (mail,) = story.mails("kath@shop.example")
    assert not re.search(r"\d+ is a good", mail.get_body(("html",)).get_content())  # type: ignore[union-attr]
    with story.runtime.reading() as session:
        assert letters.count_messages(session, letter_id) == {"sent": 4, "held": 1}

    # The clock of the machine goes wrong by an hour, a day, ten years, and is set right: nobody is greeted again.
    for wrong in (timedelta(hours=-1), timedelta(days=-1), timedelta(days=1), timedelta(days=-3650)):
        story.clock.advance(wrong)
        story.work()
        story.clock.advance(-wrong)
        story.work()
    assert len(story.server.accepted) == 4


def test_three_days_off_over_a_birthday_sends_what_the_rule_says_and_tells_the_rest(
    story: Story, letter_id: int
) -> None:
    to(story, "2026-12-22T12:00")
    to(story, "2026-12-26T12:00")  # was off from the 22nd: kiri and kath are too late, pago is not
    assert story.server.recipients() == ["pago@shop.example"]
    page = story.marketer
    page.log_in("marketer@shop.example")
    shown = page.get(f"/letters/{letter_id}").text
    assert "Passed over" in shown
    assert "kiri@shop.example" in shown.partition("Passed over")[2]
    assert "pago@shop.example" not in shown.partition("Passed over")[2]

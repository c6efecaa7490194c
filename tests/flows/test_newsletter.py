"""One newsletter, from form to suppression: start reading here.

The form leaves a scheduled newsletter, the tick leaves queued messages, the sender leaves sent ones, the click
leaves an event, the scorer leaves a score, silence leaves a suppression, and the next newsletter leaves out whom
it should. Every hand is a real one: pages, jobs, sender, mail server, database.
"""

import json
import re
from datetime import timedelta
from email.message import EmailMessage
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from campaigns import messages, newsletters, reports, scoring
from campaigns.content import create_template, save_version
from campaigns.customers import find_customer
from campaigns.newsletters import Newsletter
from campaigns.purchases import record_purchase
from campaigns.suppression import causes_in_force
from tests.cast import everybody, person
from tests.flows.conftest import FIREFOX, Story
from webapp.commands import newsletter as newsletter_command

SOURCE = """<html lang="en"><body><h1>Good morning {{ customer.first_name or "dear reader" }}</h1>
<p>The new tea has come: <a href="https://shop.example/tea">Look at it</a>.</p>
<p>{{ shop.name }}. <a href="{{ links.unsubscribe }}">Unsubscribe</a></p></body></html>"""

EVERYBODY = ("alice", "bob", "chloe", "denis", "eve", "frank")


@pytest.fixture
def papers(story: Story) -> dict[str, str]:
    """The cast, the template and the segment; returns what the marketer fills into the form."""
    now = story.clock.now()
    with story.runtime.transaction() as session:
        for name in EVERYBODY:
            customer = person(
                session,
                f"{name}@shop.example",
                now=now - timedelta(days=400),
                first_name=name.title(),
                agrees=name != "eve",
                tracked=name not in ("eve", "frank"),
            )
            if name == "frank":  # cannot be seen to read, but he buys
                record_purchase(
                    session,
                    number="A1",
                    customer_id=customer.id,
                    purchased_at=now - timedelta(days=10),
                    amount=4990,
                    currency="EUR",
                    now=now,
                )
        template = create_template(session, name="Tea", now=now)
        save_version(session, template.id, format="html", source=SOURCE, subject="New tea", now=now, by=None)
        segment = everybody(session, story.runtime)
        return {"template_id": str(template.id), "segment_id": str(segment.id), "zone": "Europe/Paris"}


def plan(story: Story, papers: dict[str, str], name: str) -> int:
    """Write a newsletter by the form, for nine o'clock tomorrow in Paris."""
    tomorrow = story.clock.now().astimezone(story.runtime.config.zone) + timedelta(days=1)
    assert story.marketer.log_in("marketer@shop.example").status_code == 303  # logins end after hours
    answer = story.marketer.post(
        "/newsletters/new",
        data={**papers, "name": name, "when": "at", "moment": f"{tomorrow:%Y-%m-%d}T09:00", "form_key": name},
    )
    assert answer.status_code == 303, answer.text
    return int(answer.location.rpartition("/")[2])


def read(story: Story, newsletter_id: int) -> Newsletter:
    with story.runtime.reading() as session:
        return newsletters.get_newsletter(session, newsletter_id)


def ledger(story: Story, newsletter_id: int) -> dict[str, int]:
    mailing_id = read(story, newsletter_id).mailing_id
    assert mailing_id is not None
    with story.runtime.reading() as session:
        return {status: count for status, count in messages.counts(session, mailing_id).items() if count}


def links_of(mail: EmailMessage) -> list[str]:
    body = mail.get_body(("html",))
    assert body is not None
    return re.findall(r'href="([^"]+)"', body.get_content())


def test_one_newsletter_from_form_to_suppression(story: Story, papers: dict[str, str]) -> None:
    # The form leaves a row; nothing leaves before its moment.
    first = plan(story, papers, "First")
    story.work()
    assert read(story, first).status == "scheduled"
    assert story.server.accepted == []

    # At nine in Paris the clock launches it and the sender hands it over.
    story.pass_time(timedelta(hours=23))
    assert read(story, first).status == "sent"
    assert sorted(story.server.recipients()) == [
        f"{n}@shop.example" for n in ("alice", "bob", "chloe", "frank")
    ]
    assert ledger(story, first) == {"sent": 4, "failed": 1, "held": 1}

    # The mail is what the standards ask for, and each has its own way out.
    (mail,) = story.mails("alice@shop.example")
    assert mail["Subject"] == "New tea"
    assert mail["From"] == "Liaison <hello@shop.example>"
    assert re.fullmatch(r"<m\.[\w-]{28}@shop\.example>", mail["Message-ID"])
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "Good morning Alice" in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "Look at it" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    click = next(url for url in links_of(mail) if "/c/" in url)
    (direct,) = story.mails("frank@shop.example")
    assert "https://shop.example/tea" in links_of(direct), "he did not agree to be tracked"

    # Alice clicks an hour later, as people do; her score rises by the next run.
    with story.runtime.reading() as session:
        alice = find_customer(session, "alice@shop.example").id
        before = scoring.score_of(session, alice)
    story.clock.advance(timedelta(hours=1))
    assert story.visit(click) == "https://shop.example/tea"
    story.pass_time(timedelta(minutes=5))
    with story.runtime.reading() as session:
        after = scoring.score_of(session, alice)
        assert after is not None
        assert after.last_click_at is not None
        assert after.engagement > (before.engagement if before else 0)
        assert "event" in [moment.kind for moment in reports.timeline(session, alice).rows]

    # Chloé asks to be left alone, by the button of her mail program.
    (mail,) = story.mails("chloe@shop.example")
    out = re.findall(r"<(https?:[^>]+)>", mail["List-Unsubscribe"])[0]
    answer = story.reader.post(urlsplit(out).path, data={"List-Unsubscribe": "One-Click"}, headers=FIREFOX)
    assert answer.status_code in (200, 202, 204)

    # The second and third leave her out, and Denis, whose mailbox is gone; Bob stays silent.
    for name in ("Second", "Third"):
        newsletter_id = plan(story, papers, name)
        story.pass_time(timedelta(days=1))
        assert ledger(story, newsletter_id) == {"sent": 3, "held": 3}

    # After three without a sign the daily job lets Bob be; Alice gave one, and Frank bought.
    story.pass_time(timedelta(days=1))
    with story.runtime.reading() as session:
        causes = {name: sorted(_causes(session, name)) for name in EVERYBODY}
    assert causes == {
        "alice": [],
        "bob": ["stale"],
        "chloe": ["unsubscribed"],
        "denis": ["hard_bounce"],
        "eve": [],
        "frank": [],
    }

    # So the circle closes: the fourth goes to two, and says of the other four why not.
    fourth = plan(story, papers, "Fourth")
    story.pass_time(timedelta(days=1))
    last = sorted(mail.recipient for mail in story.server.accepted[-2:])
    assert last == ["alice@shop.example", "frank@shop.example"]
    assert ledger(story, fourth) == {"sent": 2, "held": 4}
    result = CliRunner().invoke(
        newsletter_command.command,
        ["show", str(fourth), "--json"],
        obj=_Settings(story),
        catch_exceptions=False,
    )
    said = json.loads(result.output)
    assert said["meant"] == sum(said["ledger"].values()) == len(EVERYBODY)
    assert said["held"] == {
        "no_consent": 1,
        "suppressed:hard_bounce": 1,
        "suppressed:stale": 1,
        "suppressed:unsubscribed": 1,
    }
    ids = [mail.message_id for mail in story.server.accepted]
    assert len(set(ids)) == len(ids) == 4 + 3 + 3 + 2, "no message left twice"


def _causes(session: object, name: str) -> list[str]:
    return [str(getattr(c, "cause", c)) for c in causes_in_force(session, f"{name}@shop.example")]  # type: ignore[arg-type]


class _Settings:
    """What a command gets from the command line's joint."""

    def __init__(self, story: Story) -> None:
        self.runtime = story.runtime
        self.config = story.runtime.config

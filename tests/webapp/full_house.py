"""A small shop with at least one row behind every page of the admin, for tests that try them all."""

import io
import itertools
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from campaigns import content, customers, letters, messages, newsletters, purchases, scoring, suppression
from campaigns.letters import Plan
from campaigns.newsletters import Draft
from campaigns.purchases import LineFacts
from campaigns.runs.model import Run
from campaigns.runtime import Runtime
from campaigns.tracking import Event
from scheduler import jobs
from tests.campaigns.tracking.story import letter
from tests.cast import everybody, person
from tests.webapp.conftest import Browser

SOURCE = """<html><body><p>Dear {{ customer.first_name or "you" }} {{ customer.last_name or "there" }}</p>
<p><a href="https://shop.example/wine">Wine</a> <a href="{{ links.unsubscribe }}">Out</a></p></body></html>"""
FILE = "email;first_name;last_name\nzoe@home.example;Zoe;Zed\nnobody;Nemo;\n"


@dataclass(frozen=True)
class House:
    """What stands in the shop: `token` is that of a newsletter in Bob's hands, of the message and mailing named."""

    token: str
    message_id: int
    mailing_id: int


def furnish(runtime: Runtime, client: Browser) -> House:
    """Fill the shop through its own doors."""
    now = runtime.clock.now()
    message_id, mailing_id = letter(runtime)
    with runtime.transaction() as session:
        customers.declare_attribute(session, label="Shelf", kind="text", name="shelf")
        customers.declare_attribute(
            session, label="Size", kind="choice", choices=["small", "large"], name="size"
        )
        bob = person(
            session, "bob@home.example", now=now, first_name="Bob", last_name="Bold", number="C-2",
            birthday="1980-11-23", attributes={"shelf": "wine", "size": "small"},
        )  # fmt: skip
        for tag in ("vip", "fair"):
            customers.add_tag(session, bob.id, tag)
        for days, customer_id in ((3, bob.id), (40, bob.id), (9, 1)):
            purchases.record_purchase(
                session, number=f"O-{days}", customer_id=customer_id, purchased_at=now - timedelta(days=days),
                lines=[LineFacts(product="P1", name="Wine", category="Drinks", quantity=2, unit_price=900)],
                currency="EUR", channel="web", now=now,
            )  # fmt: skip
        suppression.suppress_by_hand(session, "carl@home.example", because="asked", by="ann", now=now)
        template = content.create_template(
            session, name="Spring", purpose="newsletter", language="en", now=now
        )
        for subject in ("Hello {{ customer.first_name or 'you' }}", "Hello again"):
            content.save_version(
                session, template.id, format="html", source=SOURCE, subject=subject, preheader="Wine",
                now=now, by=None, config=runtime.config, sources=runtime.merge_sources,
            )  # fmt: skip
        segment = everybody(session, runtime)
        draft = Draft(
            name="Launched", subject="", template_id=template.id, segment_id=segment.id,
            sender_name="The shop", sender_email="hello@shop.example",
        )  # fmt: skip
        made = newsletters.create(session, draft, now=now)
        newsletters.schedule(session, made.id, local_moment=None, zone="Europe/Paris", now=now)
        newsletters.duplicate(session, made.id, now=now)
        plan = Plan(
            name="Wishes", occasion="birthday", options={"days": 0, "leap": 28}, hour=9, late_days=2,
            template_id=template.id,
        )  # fmt: skip
        letters.create(session, plan, occasions=runtime.occasions, now=now)
        for kind, words in (("bounced", "550 no"), ("unsubscribed", "too many"), ("opened", "")):
            session.add(
                Event(
                    kind=kind, at=now, message_id=message_id, mailing_id=mailing_id, customer_id=1,
                    judgement="human" if kind == "opened" else "", user_agent="Firefox", text=words,
                )
            )  # fmt: skip
        session.add(messages.Attempt(message_id=message_id, at=now, step="rcpt", code=451, reply="later", outcome="retry"))  # fmt: skip
        session.add(
            messages.Sender(name="sender-1", host="here", started_at=now, seen_at=now, trouble="none")
        )
        messages.halt(session, because="a try", by="ann@shop.example", now=now)
        session.add(Run(schedule="letter:1", local_moment="2026-11-23T09:00", started_at=now, error="why"))
        scoring.refresh(session, now=now, config=runtime.config)
    client.get("/imports/new")
    file = (io.BytesIO(FILE.encode()), "people.csv")
    client.post("/imports/new", data={"kind": "customers", "file": file})
    client.post(
        "/imports/1/check",
        data={
            "column-0": "email", "column-1": "first_name", "column-2": "last_name", "source": "Fair",
            "legal_basis": "consent", "tags": "fair",
        },
    )  # fmt: skip
    jobs.launch_due(runtime)
    with runtime.transaction() as session:
        sent = session.scalars(select(messages.Message).where(messages.Message.customer_id == bob.id)).one()
        sent.status, sent.sent_at, sent.reply_code, sent.reply = "sent", now, 250, "250 ok"
        return House(runtime.links.token(sent.id, sent.mailing_id), sent.id, sent.mailing_id)


def addresses(app: Flask, house: House, *, method: str = "GET") -> list[str]:
    """Every address there is for this method, with the numbers of rows that exist."""
    found = []
    for rule in app.url_map.iter_rules():
        if method not in (rule.methods or ()) or rule.endpoint == "static":
            continue
        choices = [_choices(rule.endpoint, name, house) for name in sorted(rule.arguments)]
        for values in itertools.product(*choices):
            with app.test_request_context():
                found.append(
                    app.url_for(rule.endpoint, **dict(zip(sorted(rule.arguments), values, strict=True)))
                )
    return found


def _choices(endpoint: str, name: str, house: House) -> tuple[object, ...]:
    known: dict[str, tuple[object, ...]] = {
        "token": (house.token,),
        "service": ("postmark",),
        "rest": ("x",),
        "key": ("1.0.liaison",) if endpoint.startswith("inbox") else ("nobody",),
        "number": ("sent", "clicked", "bounced", "unsubscribed"),
        "name": ("shelf", "size"),
        "version_id": (2,),
        "letter_id": (1,),
        "import_id": (1,),
        "suppression_id": (1,),
        "segment_id": (1,),
        "newsletter_id": (1, 2),
        "customer_id": (1, 2),
        "template_id": (2,),
        "mailing_id": (1, 2),
        "message_id": (1, 2, 3),
    }
    return known[name]

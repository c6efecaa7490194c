"""A small shop with at least one row behind every page of the admin, for tests that try them all."""

import io
import itertools
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from campaigns import (
    content,
    customers,
    journeys,
    letters,
    messages,
    newsletters,
    purchases,
    scoring,
    signups,
    simulations,
    suppression,
)
from campaigns.letters import Plan
from campaigns.messages import Gap
from campaigns.newsletters import Draft
from campaigns.purchases import LineFacts
from campaigns.runs.model import Run
from campaigns.runtime import Runtime
from campaigns.scoring.model import Sunset
from campaigns.staff import list_users
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
    """What stands in the shop: `token` is that of a newsletter in Bob's hands, of the message and mailing named.

    `signup` is the token of somebody who has not confirmed yet, `steps` are the keys of the journey's steps.
    """

    token: str
    message_id: int
    mailing_id: int
    signup: str
    steps: tuple[str, ...]


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
    steps = _lead_along(runtime, segment.id, template.id)
    signup = _watch_over(runtime, bob.id)
    with runtime.transaction() as session:
        sent = session.scalars(select(messages.Message).where(messages.Message.customer_id == bob.id)).one()
        sent.status, sent.sent_at, sent.reply_code, sent.reply = "sent", now, 250, "250 ok"
        token = runtime.links.token(sent.id, sent.mailing_id)
        return House(token, sent.id, sent.mailing_id, signup, steps)


def _lead_along(runtime: Runtime, segment_id: int, template_id: int) -> tuple[str, ...]:
    """A journey with a traveller, a task, a notice, a draft behind its first version, and what is played of it."""
    now = runtime.clock.now()
    with runtime.transaction() as session:
        journey = journeys.create(session, name="Calls", now=now)
        journeys.set_frame(
            session, journey.id, name="Calls", hold_out=0,
            entry={"by": "segment", "segment_id": segment_id, "hour": -1}, again="never", again_days=1,
            goal="", goal_segment_id=None, exits=(), occasions=runtime.occasions, now=now,
        )  # fmt: skip
        steps, slot = [], "start"
        for kind, answers in (
            ("change", {"what": "tag", "word": "called"}),
            ("task", {"title": "Call her", "note": "About the wine"}),
            ("send", {"template_id": template_id}),
        ):
            key = journeys.add_step(session, journey.id, slot=slot, kind=kind, answers=answers, now=now)
            steps.append(key)
            slot = f"after:{key}"
        journeys.switch_on(session, journey.id, journeys.means_of(runtime), now=now)
    jobs.advance_journeys(runtime)
    with runtime.transaction() as session:
        session.add(
            journeys.Notice(
                traveller_id=1, step=steps[0], url="https://hooks.example/in", payload={}, status="failed",
                attempts=9, answer="500", made_at=now,
            )
        )  # fmt: skip
        steps.append(journeys.add_step(session, journey.id, slot=slot, kind="split", now=now))
        for kind, source_id in (("journey", journey.id), ("letter", 1)):
            simulations.ask(session, kind=kind, source_id=source_id, days=3, now=now)
    jobs.run_simulations(runtime)
    return tuple(steps)


def _watch_over(runtime: Runtime, customer_id: int) -> str:
    """A key account, a last call, a gap in the sending, and a sign-up, whose token is returned."""
    now = runtime.clock.now()
    with runtime.transaction() as session:
        owner = list_users(session)[0]
        scoring.confirm_account(
            session, customer_id, reason="reference", because="The town hall", owner_id=owner.id, now=now
        )
        since = now - timedelta(days=400)
        session.add(Sunset(customer_id=1, begun_at=now, begun_by="ann", evidence="silent"))
        session.add(Gap(cause="stopped", since=since, found_at=since, due_until=since, decided_by=""))
        asked = signups.ask(
            session, "dora@home.example", language="en", may_track=True, network="192.0.2.0/24", now=now
        )
        assert asked is not None
        return signups.token_of(runtime.links, asked.id)


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
    page = endpoint.partition(".")[0]
    own: dict[tuple[str, str], tuple[object, ...]] = {
        ("signup", "token"): (house.signup,),
        ("inbox", "key"): ("1.0.liaison",),
        ("segments", "key"): ("nobody",),
        ("journeys", "key"): house.steps,
        ("journeys", "version_id"): (1, 2),
        ("deliverability", "key"): ("shop.example", "home.example"),
        ("deliverability", "number"): ("sent", "deferred", "bounced", "waiting"),
        ("programmes", "name"): ("birthday", "key_account"),
    }
    known: dict[str, tuple[object, ...]] = {
        "token": (house.token,),
        "service": ("postmark",),
        "rest": ("x",),
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
        "gap_id": (1,),
        "sunset_id": (1,),
        "account_id": (1,),
        "journey_id": (1,),
        "traveller_id": (1, 2),
        "simulation_id": (1, 2),
        "task_id": (1, 2),
    }
    return own.get((page, name)) or known[name]

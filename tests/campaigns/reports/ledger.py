"""A mailing whose messages ended in every way there is, with random reactions; repeatable."""

import random
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns.content.model import Template, Version
from campaigns.customers.model import Customer
from campaigns.messages.model import Mailing, Message
from campaigns.tracking.model import Event

DOMAINS = ("mail.example", "post.example", "web.example")
ENDS = ("sent", "sent", "sent", "failed", "held", "cancelled", "unknown", "queued", "sending")
REASONS = ("no_consent", "suppressed:stale", "suppressed:hard_bounce", "too_late")
LINKS = [
    {"url": "https://shop.example/a", "text": "First", "category": "wine"},
    {"url": "https://shop.example/b", "text": "Second", "category": ""},
    {"url": "https://shop.example/never", "text": "Never followed", "category": ""},
]


def template(session: Session, now: datetime) -> int:
    """A version to hang mailings on; returns its id."""
    made = Template(name="t", created_at=now, updated_at=now)
    session.add(made)
    session.flush()
    version = Version(
        template_id=made.id, number=1, format="html", source="", compiled={}, links=LINKS, created_at=now
    )
    session.add(version)
    session.flush()
    return version.id


def customer(session: Session, number: int, now: datetime, domain: str = "mail.example") -> Customer:
    made = Customer(
        email=f"c{number}@{domain}",
        address_key=f"c{number}@{domain}",
        domain=domain,
        number=f"N{number}",
        first_name=f"Name {number}",
        may_mail=True,
        created_at=now,
        updated_at=now,
    )
    session.add(made)
    session.flush()
    return made


def mailing(
    session: Session, version_id: int, now: datetime, kind: str = "newsletter", source: int | None = 7
) -> Mailing:
    made = Mailing(
        kind=kind,
        source_id=source,
        name=f"{kind} {source}",
        version_id=version_id,
        subject="Hello",
        sender_email="a@shop.example",
        created_at=now,
    )
    session.add(made)
    session.flush()
    return made


def message(
    session: Session, of: Mailing, to: Customer, status: str, at: datetime, reason: str = ""
) -> Message:
    made = Message(
        mailing_id=of.id,
        customer_id=to.id,
        address=to.email,
        domain=to.domain,
        status=status,
        held_reason=reason,
        is_tracked=True,
        queued_at=at,
        sent_at=at if status == "sent" else None,
    )
    session.add(made)
    session.flush()
    return made


def event(
    session: Session, of: Message, kind: str, at: datetime, judgement: str = "", position: int | None = None
) -> None:
    session.add(
        Event(
            kind=kind,
            at=at,
            message_id=of.id,
            mailing_id=of.mailing_id,
            customer_id=of.customer_id,
            judgement=judgement,
            position=position,
        )
    )
    session.flush()


def random_mailing(session: Session, now: datetime, *, seed: int = 1, size: int = 80) -> Mailing:
    """One newsletter with `size` messages."""
    dice = random.Random(seed)
    made = mailing(session, template(session, now), now)
    for number in range(size):
        to = customer(session, number, now, dice.choice(DOMAINS))
        status = dice.choice(ENDS)
        reason = dice.choice(REASONS) if status == "held" else ""
        sent = message(session, made, to, status, now - timedelta(hours=dice.randrange(20)), reason)
        if status == "failed" or (status == "sent" and dice.random() < 0.1):
            event(session, sent, "bounced", now)
        if status == "sent":
            _reactions(session, sent, dice, now)
        sent.is_tracked = dice.random() < 0.8
        if dice.random() < 0.05:
            sent.customer_id = None  # erased since; the ledger stays
    session.flush()
    return made


def _reactions(session: Session, sent: Message, dice: random.Random, now: datetime) -> None:
    judgements = ("human", "human", "machine", "suspect", "proxied")
    for kind in ("opened", "clicked"):
        for _ in range(dice.choice((0, 0, 1, 3))):
            judgement = dice.choice(judgements if kind == "opened" else judgements[:4])
            at = now - timedelta(minutes=dice.randrange(600))
            event(session, sent, kind, at, judgement, dice.choice((0, 1)) if kind == "clicked" else None)
    for kind in ("unsubscribed", "spam_reported", "replied"):
        if dice.random() < 0.1:
            event(session, sent, kind, now)

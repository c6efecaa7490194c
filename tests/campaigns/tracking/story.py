"""A letter that was sent, as the tests of tracking need it: a customer, a mailing with links, its message."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import customers, messages, tracking
from campaigns.content import Template, Version
from campaigns.runtime import Runtime
from tests.conftest import NOW

LINKS = [
    "https://shop.example/wine",
    "https://shop.example/é?a=1",
    "https://shop.example/{{ customer.number }}",
]


def customer(session: Session, name: str = "alice", *, may_track: bool = True) -> int:
    """Somebody who agreed to letters and, unless said otherwise, to tracking."""
    person = customers.add_customer(session, email=f"{name}@shop.example", first_name=name.title(), now=NOW)
    for purpose, is_granted in (("mail", True), ("tracking", may_track)):
        customers.record_consent(
            session,
            person.id,
            purpose=purpose,
            is_granted=is_granted,
            act="form",
            legal_basis="consent",
            now=NOW,
        )
    return person.id


def mailing(session: Session, links: list[str] | None = None, *, kind: str = "newsletter") -> int:
    """A mailing of a version with these links."""
    number = len(session.scalars(select(Template.id)).all()) + 1
    template = Template(name=f"News {number}", created_at=NOW, updated_at=NOW)
    session.add(template)
    session.flush()
    version = Version(
        template_id=template.id,
        number=1,
        format="html",
        source="",
        compiled={},
        links=[{"url": url, "text": "", "category": ""} for url in (LINKS if links is None else links)],
        fields=[],
        created_at=NOW,
    )
    session.add(version)
    session.flush()
    made = messages.Mailing(
        kind=kind,
        name="News",
        version_id=version.id,
        subject="News",
        sender_email="hello@shop.example",
        created_at=NOW,
    )
    session.add(made)
    session.flush()
    return made.id


def message(
    session: Session,
    mailing_id: int,
    customer_id: int | None,
    *,
    address: str = "alice@shop.example",
    sent_at: datetime | None = NOW,
    status: str = "sent",
    is_tracked: bool = True,
) -> int:
    """One message of it, sent unless said otherwise."""
    made = messages.Message(
        mailing_id=mailing_id,
        customer_id=customer_id,
        address=address,
        domain=address.rpartition("@")[2],
        status=status,
        is_tracked=is_tracked,
        queued_at=NOW,
        next_attempt_at=NOW if status == "queued" else None,
        sent_at=sent_at if status == "sent" else None,
    )
    session.add(made)
    session.flush()
    return made.id


def letter(
    runtime: Runtime, name: str = "alice", *, may_track: bool = True, **options: Any
) -> tuple[int, int]:
    """The ids of a sent message and its mailing."""
    with runtime.transaction() as session:
        person = customer(session, name, may_track=may_track)
        mail = mailing(session, options.pop("links", None))
        return message(session, mail, person, address=f"{name}@shop.example", **options), mail


def events(runtime: Runtime) -> list[tracking.Event]:
    """All of them, in the order they were kept."""
    with runtime.reading() as session:
        return list(session.scalars(select(tracking.Event).order_by(tracking.Event.id)))

"""What the webhooks' notices lead to: events, and where an address is dead or annoyed, its suppression."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.db import upsert
from campaigns.errors import Conflict, NotFound
from campaigns.links import TOKEN_LENGTH, Links
from campaigns.messages import Refusal, is_hard
from campaigns.tracking.actions import record_bounce, record_event, record_spam_report, unsubscribe
from campaigns.tracking.dialects import Notice, ids_of
from campaigns.tracking.model import Receipt
from campaigns.tracking.queries import reader

_OURS = re.compile(rf"m\.([A-Za-z0-9_-]{{{TOKEN_LENGTH}}})@")
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_CODE = re.compile(r"\b([45]\d\d)\b")


def take_notices(
    session: Session, service: str, receipt: str, notices: Sequence[Notice], *, links: Links, now: datetime
) -> int:
    """Keep what a signed request told, once; returns how many notices were about mails of ours.

    `receipt` names the request: the same one again raises Conflict and changes nothing. A notice whose
    Message-ID is not one that we signed is passed over, whoever signed the request.
    """
    row = {"service": service, "key": receipt[:200], "at": now}
    written = upsert(session, Receipt, [row], key=["service", "key"], update=[])
    if session.scalar(written.returning(Receipt.key)) is None:
        raise Conflict("This request was taken before.")
    return sum(_take(session, service, notice, links, now) for notice in notices)


def _take(session: Session, service: str, notice: Notice, links: Links, now: datetime) -> bool:
    message_id = _message_of(notice, links)
    if message_id is None:
        return False
    try:
        who = reader(session, message_id)
    except NotFound:
        return False
    words = notice.reply or notice.description
    at = min(notice.at or now, now)
    if notice.kind in ("bounced", "rejected"):
        is_dead = notice.kind == "bounced" and _is_dead(notice, message_id)
        status = notice.status or _found(_STATUS, words)
        record_bounce(
            session, message_id, code=status, text=words, is_hard=is_dead, now=now,
            cause=notice.reason, rule=f"webhook {service}", source="webhook",
        )  # fmt: skip
    elif notice.kind == "spam_reported":
        record_spam_report(
            session, message_id, evidence=words or "Told by the mail service.", now=now, by=service
        )
    elif notice.kind == "unsubscribed":
        unsubscribe(session, message_id, act="mail_service", now=now)
    elif notice.kind in ("delivered", "deferred"):
        record_event(
            session, notice.kind, at=at, message_id=message_id, mailing_id=who.mailing_id,
            customer_id=who.customer_id, text=words, details={"source": "webhook", "service": service},
        )  # fmt: skip
    # Opens and clicks are ours to judge, by our own links and only with the person's consent.
    return True


def _message_of(notice: Notice, links: Links) -> int | None:
    for text in ids_of(notice):
        found = _OURS.search(text)
        if found and (token := links.read(found[1], "bounce")):
            return token.message_id
    return None


def _is_dead(notice: Notice, message_id: int) -> bool:
    """Whether the address itself is dead: the service says permanent, and the server's words do not say otherwise."""
    words = notice.reply or notice.description
    status = notice.status or _found(_STATUS, words)
    code = int(_found(_CODE, words) or 0)
    if notice.is_permanent is False or notice.reason in ("blocked", "spam"):
        return False
    if status or code:
        return is_hard(Refusal(message_id, "rcpt", code, status, words))
    return notice.is_permanent is True


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""

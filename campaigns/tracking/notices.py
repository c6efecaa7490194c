"""What the webhooks' notices lead to: events, and where an address is dead or annoyed, its suppression."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.db import upsert
from campaigns.errors import Conflict, NotFound
from campaigns.links import TOKEN_LENGTH, Links
from campaigns.tracking.actions import record_bounce, record_event, record_spam_report, unsubscribe
from campaigns.tracking.dialects import Notice, ids_of
from campaigns.tracking.model import Receipt
from campaigns.tracking.queries import reader
from campaigns.tracking.returned.diagnosis import Diagnosis, diagnose, status_of

_OURS = re.compile(rf"m\.([A-Za-z0-9_-]{{{TOKEN_LENGTH}}})@")


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
        found = diagnose_notice(service, notice)
        record_bounce(
            session, message_id, code=notice.status or status_of(words), text=words, is_hard=found.is_hard,
            now=now, cause=found.cause, rule=found.rule, source=f"webhook of {service}",
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


def diagnose_notice(service: str, notice: Notice) -> Diagnosis:
    """Why a bounce that a service tells of came back: by the receiving server's words, as of a mail read by us.

    The service's own verdict decides where these say nothing, and can only soften where they do. What it did not
    even try ("rejected") is never held against the address.
    """
    told = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", notice.description) if service in _TELLING else ""
    said = notice.reply or told  # "MailboxFull" is two words
    found = diagnose(notice.status, said, step="rcpt" if notice.is_permanent else "")
    if notice.kind == "rejected":
        cause = _NOT_TRIED.get(notice.reason, found.cause)
        return Diagnosis(cause, False, "service_did_not_try")
    if notice.reason in _OURS_TO_MEND and (found.is_hard or found.cause in ("undetermined", "temporary")):
        return Diagnosis(_OURS_TO_MEND[notice.reason], False, "service_says_blocked")
    if notice.is_permanent is False and found.is_hard:
        return Diagnosis(found.cause, False, f"{found.rule}_for_now")
    if notice.is_permanent and found.cause == "undetermined":
        return Diagnosis("address_unknown", True, "service_says_permanent")
    return found


_TELLING = ("amazon_ses", "mailgun")
"""Whose description is about this bounce; the others' is a text about the kind of bounce."""

_OURS_TO_MEND = {"blocked": "policy", "spam": "spam"}
_NOT_TRIED = {
    "bounced": "address_unknown",
    "invalid": "address_unknown",
    "spam": "spam_report",
    "unsubscribed": "undetermined",
    "blocked": "policy",
}

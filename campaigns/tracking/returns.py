"""What follows from a returned mail: whose it is (by our signature only), and what is kept and done."""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.errors import NotFound
from campaigns.links import Links, Token
from campaigns.tracking.actions import record_bounce, record_event, record_spam_report, unsubscribe
from campaigns.tracking.model import Event
from campaigns.tracking.queries import Reader, reader
from campaigns.tracking.returned import Recipient, Returned

_RETURN_PATH = re.compile(r"\bbounce\+([A-Za-z0-9_-]{28})@", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<m\.([A-Za-z0-9_-]{28})@")
_UNSUBSCRIBE = re.compile(r"\bunsubscribe\+([A-Za-z0-9_-]{28})@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done with one mail: `bounced`, `deferred`, `delivered`, `spam_reported`, `unsubscribed`, or, with
    nothing changed, `known`, `not_ours` (no signature of ours), `gone` (its message is no longer on record),
    `left_alone` (an automatic answer), `answered` (a letter that nobody but a person can read)."""

    outcome: str
    message_id: int | None = None


def is_for_a_person(kept: Kept) -> bool:
    """Whether its mail must not be thrown away: nothing of it is kept in the tables."""
    return kept.outcome in ("not_ours", "answered")


def whose(returned: Returned, links: Links) -> Token | None:
    """The message it is about: by the signed return path it was sent to, else by our Message-ID in what came back.

    Nothing else counts, least of all an address that anybody may write into a mail.
    """
    paths = [found for address in returned.to for found in _RETURN_PATH.findall(address)]
    ids = [found for said in returned.message_ids for found in _MESSAGE_ID.findall(said)]
    return next((token for text in (*paths, *ids) if (token := links.read(text, "bounce"))), None)


def keep_returned(
    session: Session, returned: Returned, links: Links, *, now: datetime, source: str = "returned mail"
) -> Kept:
    """Keep what a returned mail says. Read the same mail again, and nothing changes."""
    # Mail programs that unsubscribe for their user mark such a mail as written by a machine, as RFC 3834 asks.
    if returned.kind in ("other", "auto_reply") and (token := _asks_to_leave(returned, links)):
        return _leave(session, token, now)
    token = whose(returned, links)
    if token is None:
        return Kept("not_ours")
    try:
        who = reader(session, token.message_id)
    except NotFound:
        return Kept("gone", token.message_id)
    return Kept(_keep(session, returned, who, now, source), who.message_id)


def _asks_to_leave(returned: Returned, links: Links) -> Token | None:
    """The mailto address of List-Unsubscribe, with a token of ours."""
    said = [found for address in returned.to for found in _UNSUBSCRIBE.findall(address)]
    return next((token for text in said if (token := links.read(text))), None)


def _leave(session: Session, token: Token, now: datetime) -> Kept:
    try:
        is_new = unsubscribe(session, token.message_id, act="mailto", now=now)
    except NotFound:
        return Kept("gone", token.message_id)
    return Kept("unsubscribed" if is_new else "known", token.message_id)


def _keep(session: Session, returned: Returned, who: Reader, now: datetime, source: str) -> str:
    if returned.kind == "spam_report":
        evidence = returned.recipients[0].evidence if returned.recipients else returned.rule
        is_new = record_spam_report(session, who.message_id, evidence=evidence, now=now)
        return "spam_reported" if is_new else "known"
    if returned.kind == "success":
        if _is_known(session, "delivered", who):
            return "known"
        record_event(
            session,
            "delivered",
            at=now,
            message_id=who.message_id,
            mailing_id=who.mailing_id,
            customer_id=who.customer_id,
            details={"source": source},
        )
        return "delivered"
    if returned.kind != "bounce":
        return "answered" if returned.kind == "other" else "left_alone"
    return _keep_bounce(session, _meant(returned, who), who, now, source)


def _meant(returned: Returned, who: Reader) -> Recipient:
    """Which of the recipients is ours. One that is somebody else (a forward) is never held against our address."""
    keys = {key.casefold() for key in who.keys} | {who.email.casefold()}
    for recipient in returned.recipients:
        if recipient.address.casefold() in keys:
            return recipient
    if not returned.recipients:
        return Recipient("", "soft", "undetermined", "", returned.rule, returned.rule)
    first = returned.recipients[0]
    if _is_like(first.address, keys):
        return first
    return replace(first, class_="soft", rule=f"{first.rule}_elsewhere")


def _is_like(address: str, keys: set[str]) -> bool:
    """Same local part or same domain: rewritten on the way, not forwarded to somebody else."""
    local, _, domain = address.casefold().rpartition("@")
    return any(local == key.rpartition("@")[0] or domain == key.rpartition("@")[2] for key in keys if key)


def _is_known(session: Session, kind: str, who: Reader) -> bool:
    known = select(Event.id).where(Event.message_id == who.message_id, Event.kind == kind).limit(1)
    return session.scalar(known) is not None


def _keep_bounce(session: Session, found: Recipient, who: Reader, now: datetime, source: str) -> str:
    text = found.evidence or "The mail came back without saying why."
    if found.is_delayed:
        if _is_known(session, "deferred", who):
            return "known"
        record_event(
            session,
            "deferred",
            at=now,
            message_id=who.message_id,
            mailing_id=who.mailing_id,
            customer_id=who.customer_id,
            text=text,
            details={"code": found.status, "cause": found.cause, "rule": found.rule, "source": source},
        )
        return "deferred"
    is_new = record_bounce(
        session,
        who.message_id,
        code=found.status,
        text=text,
        is_hard=found.class_ == "hard",
        now=now,
        cause=found.cause,
        rule=found.rule,
        source=source,
        who=who,
    )
    return "bounced" if is_new else "known"

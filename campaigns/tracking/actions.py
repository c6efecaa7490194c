"""Writes: what came back, and what follows from it at once for consent and suppression."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, insert, or_, select, update
from sqlalchemy.orm import Session

from campaigns.customers import change_customer, choose_pace, get_customer, record_consent
from campaigns.messages import Message, cancel_queued
from campaigns.signals import record
from campaigns.suppression import lift_cause, suppress
from campaigns.tracking.model import KINDS, Event
from campaigns.tracking.queries import Reader, reader

_CHUNK = 1_000
_MOST_TEXT = 20_000


def record_event(session: Session, kind: str, *, at: datetime, **values: Any) -> int:
    """Keep one event and return its id; `values` are columns of `Event`."""
    row = Event(**_row({"kind": kind, "at": at, **values}))
    session.add(row)
    session.flush()
    return row.id


def record_events(session: Session, events: Iterable[Mapping[str, Any]]) -> int:
    """Keep many, each a mapping of columns with at least `kind` and `at`; returns how many."""
    rows = [_row(event) for event in events]
    for start in range(0, len(rows), _CHUNK):
        session.execute(insert(Event), rows[start : start + _CHUNK])
    return len(rows)


def _row(event: Mapping[str, Any]) -> dict[str, Any]:
    if event["kind"] not in KINDS:
        raise ValueError(f"{event['kind']!r} is no kind of event.")
    return {**_EMPTY, **event, "text": str(event.get("text", "")).replace("\0", "")[:_MOST_TEXT]}


_EMPTY: dict[str, Any] = {
    "message_id": None,
    "mailing_id": None,
    "customer_id": None,
    "position": None,
    "judgement": "",
    "reasons": "",
    "rules_version": 0,
    "method": "",
    "user_agent": "",
    "signs": "",
    "network": "",
    "details": None,
    "text": "",
}


def _event_of(session: Session, kind: str, who: Reader, now: datetime, **values: Any) -> None:
    record_event(
        session,
        kind,
        at=now,
        message_id=who.message_id,
        mailing_id=who.mailing_id,
        customer_id=who.customer_id,
        **values,
    )


def unsubscribe(session: Session, message_id: int, *, act: str, now: datetime, reason: str = "") -> bool:
    """No more letters to whoever holds this message: consent, register and queue, in the caller's transaction.

    `act` says how: unsubscribe_page, one_click, mailto, preferences. Asked again it changes nothing and
    returns False. Once the transaction is committed it has reached the disk on both databases, so a page
    may say "done" only after the block has ended well.
    """
    who = reader(session, message_id)
    if who.is_test or (who.is_unsubscribed and not who.may_mail):
        return False
    evidence = f"Asked through letter {message_id} ({act})."
    for key in who.keys:
        suppress(session, key, "unsubscribed", evidence=evidence, now=now, by=act, message_id=message_id)
    if who.customer_id is not None:
        _withdraw(session, who.customer_id, act, evidence, now)
    _event_of(session, "unsubscribed", who, now, text=reason, details={"act": act})
    return True


def _withdraw(session: Session, customer_id: int, act: str, evidence: str, now: datetime) -> None:
    record_consent(
        session, customer_id, purpose="mail", is_granted=False, act=act, evidence=evidence, now=now
    )
    cancel_queued(session, customer_id, because="unsubscribed", now=now)


def give_reason(session: Session, message_id: int, reason: str) -> bool:
    """Add the person's own words to their unsubscription; False if there is none for this message."""
    newest = (
        select(Event.id)
        .where(Event.message_id == message_id, Event.kind == "unsubscribed")
        .order_by(Event.id.desc())
        .limit(1)
    )
    row = session.scalar(newest)
    if row is None or not reason.strip():
        return False
    words = reason.strip().replace("\0", "")[:2_000]
    session.execute(update(Event).where(Event.id == row).values(text=words))
    return True


def undo_unsubscribe(session: Session, message_id: int, *, act: str, now: datetime) -> bool:
    """The person takes it back: a new consent is recorded, and only their own refusal lifted.

    False if they were not unsubscribed. Letters cancelled meanwhile stay cancelled. NotFound after erasure.
    """
    who = reader(session, message_id)
    if who.customer_id is None or (who.may_mail and not who.is_unsubscribed):
        return False
    evidence = f"Taken back through letter {message_id}."
    for key in who.keys:
        lift_cause(session, key, "unsubscribed", because="Taken back by the person.", by=act, now=now)
    record_consent(
        session,
        who.customer_id,
        purpose="mail",
        is_granted=True,
        act=act,
        source="preferences page",
        legal_basis="consent",
        evidence=evidence,
        now=now,
    )
    return True


@dataclass(frozen=True)
class Pace:
    """How often somebody wants letters: at most one in `every_days` days, none before `pause_until`."""

    every_days: int | None = None
    pause_until: datetime | None = None


def set_preferences(
    session: Session,
    message_id: int,
    *,
    may_mail: bool,
    may_track: bool,
    language: str,
    now: datetime,
    reason: str = "",
    pace: Pace | None = None,
    may_suggest: bool | None = None,
) -> list[str]:
    """What the preferences page was told; returns the words of what changed (mail, tracking, suggestions, language,
    pace). None leaves a thing as it is."""
    who = reader(session, message_id)
    if who.customer_id is None:
        return (
            ["mail"] if not may_mail and unsubscribe(session, message_id, act="preferences", now=now) else []
        )
    changed = []
    if may_mail != (who.may_mail and not who.is_unsubscribed):
        if may_mail:
            undo_unsubscribe(session, message_id, act="preferences", now=now)
        else:
            unsubscribe(session, message_id, act="preferences", now=now, reason=reason)
        changed.append("mail")
    for purpose, wish, is_so in (
        ("tracking", may_track, who.may_track),
        ("suggestions", may_suggest, who.may_suggest),
    ):
        if wish is None or wish == is_so:
            continue
        record_consent(
            session,
            who.customer_id,
            purpose=purpose,
            is_granted=wish,
            act="preferences",
            source="preferences page",
            legal_basis="consent",
            evidence=f"Chosen through letter {message_id}.",
            now=now,
        )
        changed.append(purpose)
    if language and language != get_customer(session, who.customer_id).language:
        change_customer(session, who.customer_id, language=language, now=now)
        changed.append("language")
    if pace is not None and choose_pace(
        session, who.customer_id, every_days=pace.every_days, pause_until=pace.pause_until, now=now
    ):
        changed.append("pace")
        until = pace.pause_until.date().isoformat() if pace.pause_until else None
        told = {"every_days": pace.every_days, "pause_until": until, "letter": message_id}
        record(session, who.customer_id, kind="pace_chosen", key=now.isoformat(), at=now, data=told)
    return changed


def record_bounce(
    session: Session,
    message_id: int,
    *,
    code: str,
    text: str,
    is_hard: bool,
    now: datetime,
    cause: str = "",
    rule: str = "",
    source: str = "dialogue",
    who: Reader | None = None,
) -> bool:
    """A message was refused or came back; a dead address is suppressed at once, and only a dead one.

    `code` is the enhanced status (or the reply code), `text` the server's words kept as evidence, `source`
    where they came from (dialogue, returned, webhook). The same news twice is kept once: False. `who`: its
    holder, where the caller knows already.
    """
    who = who or reader(session, message_id)
    details = {
        "code": code,
        "class": "hard" if is_hard else "soft",
        "cause": cause,
        "rule": rule,
        "source": source,
    }
    known = select(Event.details).where(Event.message_id == message_id, Event.kind == "bounced")
    if any(old == details for old in session.scalars(known)):
        return False
    _event_of(session, "bounced", who, now, text=text, details=details)
    if is_hard:
        suppress(
            session, who.address_key, "hard_bounce", evidence=text, now=now, by=source, message_id=message_id
        )
    return True


def record_spam_report(
    session: Session, message_id: int, *, evidence: str, now: datetime, by: str = "feedback loop"
) -> bool:
    """The person pressed "spam" (RFC 5965): never again, by this address or the present one. False if known."""
    who = reader(session, message_id)
    new = [
        suppress(session, key, "spam_report", evidence=evidence, now=now, by=by, message_id=message_id)
        for key in who.keys
    ]
    if not any(new):
        return False
    if who.customer_id is not None:
        _withdraw(session, who.customer_id, "spam_report", evidence, now)
    _event_of(session, "spam_reported", who, now, text=evidence)
    return True


def forget_events(session: Session, customer_id: int) -> int:
    """For erasure: what came back stays counted, but tells nothing of the person. Returns how many events."""
    its_messages = select(Message.id).where(Message.customer_id == customer_id)
    forgotten = session.execute(
        update(Event)
        .where(or_(Event.customer_id == customer_id, Event.message_id.in_(its_messages)))
        .values(customer_id=None, user_agent="", network="", signs="", text="")
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", forgotten).rowcount

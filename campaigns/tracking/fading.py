"""Mailboxes that fade: full or not answering again and again, by a written rule, and reset by any sign of life."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.config import Fading
from campaigns.customers import Customer
from campaigns.messages import Message
from campaigns.suppression import suppress_many
from campaigns.tracking.model import Event

COUNTED = (
    *("mailbox_full", "temporary", "disabled", "undetermined", ""),
    *(
        "address_unknown",
        "domain_unknown",
        "moved",
    ),  # soft where the words were no proof (see returned.diagnosis)
)
"""Soft causes that speak of the mailbox; what speaks of us (spam, policy, authentication, rate) never counts."""

QUIET = timedelta(days=5)
"""A letter that has not come back after so long has arrived (RFC 5321 4.5.4.1: servers try for four to five days)."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """One soft bounce: which letter, when, in which words."""

    message_id: int
    at: datetime
    words: str


def has_faded(
    bounces: Sequence[Bounce], signs: Sequence[datetime], rule: Fading, *, now: datetime
) -> list[Bounce]:
    """The bounces that make the case, newest last; empty if there is none. Pure.

    Counted are letters (not reports) that bounced since the last sign of life within `within_days`: at least
    `bounces` of them, the first and the last at least `spread_days` apart.
    """
    since = max([now - timedelta(days=rule.within_days), *signs])
    by_letter: dict[int, Bounce] = {}
    for bounce in sorted(bounces, key=lambda bounce: bounce.at):
        if bounce.at > since:
            by_letter.setdefault(bounce.message_id, bounce)
    case = list(by_letter.values())
    if len(case) < rule.bounces or case[-1].at - case[0].at < timedelta(days=rule.spread_days):
        return []
    return case


def retire_faded(session: Session, rule: Fading, *, now: datetime) -> int:
    """Suppress the faded ones with cause `unreachable` and their bounces as evidence; returns how many are new."""
    ids = _candidates(session, rule, now)
    bounces, signs = _bounces(session, ids, rule, now), _signs(session, ids, now)
    evidence, letters = {}, {}
    keys = _keys(session, ids)
    for customer_id in ids:
        case = has_faded(bounces.get(customer_id, []), signs.get(customer_id, []), rule, now=now)
        if case and customer_id in keys:
            key = keys[customer_id]
            evidence[key] = "\n".join(f"{bounce.at:%Y-%m-%d}: {_first_line(bounce.words)}" for bounce in case)
            letters[key] = case[-1].message_id
    return suppress_many(
        session, evidence, "unreachable", now=now, by="retire_faded", message_ids=dict(letters)
    )


def _first_line(words: str) -> str:
    return next((line for line in words.splitlines() if line.strip()), "")[:300]


def _candidates(session: Session, rule: Fading, now: datetime) -> list[int]:
    letters = func.count(func.distinct(Event.message_id))
    rows = (
        select(Event.customer_id)
        .where(
            Event.kind == "bounced",
            Event.at > now - timedelta(days=rule.within_days),
            Event.customer_id.is_not(None),
        )
        .group_by(Event.customer_id)
        .having(letters >= rule.bounces)
    )
    return [customer_id for customer_id in session.scalars(rows) if customer_id is not None]


def _chunks(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + 500] for start in range(0, len(ids), 500)]


def _bounces(session: Session, ids: Sequence[int], rule: Fading, now: datetime) -> Mapping[int, list[Bounce]]:
    found: dict[int, list[Bounce]] = {}
    for chunk in _chunks(ids):
        rows = session.execute(
            select(Event.customer_id, Event.message_id, Event.at, Event.text, Event.details).where(
                Event.customer_id.in_(chunk),
                Event.kind == "bounced",
                Event.at > now - timedelta(days=rule.within_days),
            )
        )
        for customer_id, message_id, at, words, details in rows:
            facts = details or {}
            if facts.get("class") == "soft" and facts.get("cause", "") in COUNTED and message_id:
                found.setdefault(int(customer_id or 0), []).append(Bounce(message_id, at, words))
    return found


def _signs(session: Session, ids: Sequence[int], now: datetime) -> Mapping[int, list[datetime]]:
    """When each was last known to be reached: a human hit, an answer, a delivery told, a letter that stayed away."""
    found: dict[int, list[datetime]] = {}
    came_back = select(Event.message_id).where(
        Event.kind.in_(("bounced", "deferred")), Event.message_id == Message.id
    )
    for chunk in _chunks(ids):
        hits = select(Event.customer_id, func.max(Event.at)).where(
            Event.customer_id.in_(chunk),
            (Event.kind.in_(("opened", "clicked")) & (Event.judgement == "human"))
            | Event.kind.in_(("replied", "delivered")),
        )
        arrived = select(Message.customer_id, func.max(Message.sent_at)).where(
            Message.customer_id.in_(chunk),
            Message.status == "sent",
            Message.sent_at < now - QUIET,
            ~came_back.exists(),
        )
        for rows in (hits.group_by(Event.customer_id), arrived.group_by(Message.customer_id)):
            for customer_id, at in session.execute(rows):
                if at is not None:
                    found.setdefault(int(customer_id or 0), []).append(at)
    return found


def _keys(session: Session, ids: Sequence[int]) -> Mapping[int, str]:
    found: dict[int, str] = {}
    for chunk in _chunks(ids):
        for customer_id, key in session.execute(
            select(Customer.id, Customer.address_key).where(Customer.id.in_(chunk))
        ):
            found[customer_id] = key
    return found

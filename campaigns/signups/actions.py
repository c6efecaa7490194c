"""Writes: a request is noted, confirmed by the person, or forgotten."""

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, update
from sqlalchemy.orm import Session

from campaigns.customers import add_customer, find_customer, normalise_address, record_consent
from campaigns.errors import NotFound
from campaigns.signups.model import SignUp
from campaigns.signups.queries import MOST_BY_ADDRESS, asked_lately
from campaigns.signups.rules import NEWEST
from campaigns.suppression import Pepper, lift_cause, welcome_back

LIFTED = ("unsubscribed", "spam_report", "stale", "hard_bounce", "unreachable")
"""Causes that a confirmed sign-up ends: the person wants letters, and their mailbox has just worked."""


def ask(
    session: Session, email: str, *, language: str, may_track: bool, network: str, now: datetime
) -> SignUp | None:
    """Note a request; None if this address was asked for often enough today. Invalid for what is no address.

    Nothing tells whether the address is known: the same happens for everybody.
    """
    address = normalise_address(email)
    if asked_lately(session, address.key, now=now) >= MOST_BY_ADDRESS:
        return None
    row = SignUp(
        email=address.email,
        address_key=address.key,
        language=language[:10],
        may_track=may_track,
        wording=NEWEST,
        asked_at=now,
        network=network,
        tries=0,
    )
    session.add(row)
    session.flush()
    return row


def mark_sent(session: Session, signup_id: int, *, now: datetime) -> None:
    """The mail server took the confirmation mail."""
    session.execute(update(SignUp).where(SignUp.id == signup_id).values(sent_at=now))


def confirm(session: Session, row: SignUp, pepper: Pepper, *, network: str, now: datetime) -> bool:
    """The person pressed the button: now, and only now, they agree. False if they had confirmed before.

    The proof: when it was asked and confirmed, from which network prefixes, and which version of the sentences.
    """
    first = session.scalar(
        update(SignUp)
        .where(SignUp.id == row.id, SignUp.confirmed_at.is_(None))
        .values(confirmed_at=now)
        .returning(SignUp.id)
    )
    if first is None:
        return False
    because = "Confirmed a sign-up of their own."
    welcome_back(session, row.address_key, pepper, because=because, now=now)
    for cause in LIFTED:
        lift_cause(session, row.address_key, cause, because=because, by="the person", now=now)
    evidence = f"Asked {row.asked_at.isoformat()} from {row.network or 'nowhere known'}, confirmed from {network or 'nowhere known'}."
    customer_id = _customer(session, row, now)
    for purpose, is_granted in (("mail", True), ("tracking", row.may_track)):
        if is_granted:
            record_consent(
                session,
                customer_id,
                purpose=purpose,
                is_granted=True,
                act="form",
                source="sign-up page",
                legal_basis="consent",
                wording=row.wording,
                evidence=evidence,
                now=now,
            )
    return True


def _customer(session: Session, row: SignUp, now: datetime) -> int:
    try:
        return find_customer(session, row.email).id
    except NotFound:
        return add_customer(
            session, email=row.email, language=row.language, source="sign-up page", now=now
        ).id


def forget_unconfirmed(session: Session, *, now: datetime, days: int) -> int:
    """Delete every request older than `days`: the unconfirmed leave no trace, of the others the consent is the proof."""
    gone = session.execute(delete(SignUp).where(SignUp.asked_at < now - timedelta(days=days)))
    return cast("CursorResult[Any]", gone).rowcount

"""Writes: put an address into the register, and take it out again with a reason."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.customers import normalise_address
from campaigns.db import upsert
from campaigns.errors import Conflict, Invalid
from campaigns.suppression.hashing import Pepper, is_hashed
from campaigns.suppression.model import Suppression
from campaigns.suppression.queries import get_suppression
from campaigns.suppression.rules import CAUSES, may_be_lifted_by_hand

_MOST_EVIDENCE = 20_000
_CHUNK = 2_000
_HASHED = re.compile(r"hmac:[0-9a-f]{8}:[0-9a-f]{64}")


def suppress(
    session: Session,
    address_key: str,
    cause: str,
    *,
    evidence: str,
    now: datetime,
    by: str,
    message_id: int | None = None,
) -> bool:
    """Leave this address alone from now on; False if it already was, for this cause (the first evidence stays).

    `address_key` is normalised (`customers.normalise_address(…).key`); `by` a person's address or a job's name.
    """
    made = suppress_many(
        session, {address_key: evidence}, cause, now=now, by=by, message_ids={address_key: message_id}
    )
    return made == 1


def suppress_many(
    session: Session,
    evidence: Mapping[str, str],
    cause: str,
    *,
    now: datetime,
    by: str,
    message_ids: Mapping[str, int | None] | None = None,
) -> int:
    """The same for many: `evidence` by address key. Returns how many were not yet suppressed for this cause."""
    if cause not in CAUSES:
        raise Invalid(f"{cause!r} is not a cause of suppression; the causes are {', '.join(CAUSES)}.")
    keys = list(evidence)
    made = 0
    for start in range(0, len(keys), _CHUNK):
        chunk: list[dict[str, Any]] = [
            {
                "address_key": key,
                "cause": cause,
                "since": now,
                "evidence": evidence[key].replace("\0", "")[:_MOST_EVIDENCE],
                "message_id": (message_ids or {}).get(key),
                "by": by,
                "lifted_by": "",
                "lifted_because": "",
            }
            for key in keys[start : start + _CHUNK]
        ]
        made += _insert(session, chunk)
    return made


def _insert(session: Session, rows: list[dict[str, Any]]) -> int:
    statement = upsert(session, Suppression, rows, key=(), update=()).returning(Suppression.id)
    return len(session.scalars(statement).all())


def suppress_by_hand(session: Session, address: str, *, because: str, by: str, now: datetime) -> bool:
    """Enter an address as somebody wrote it; a reason must be given. Invalid names the field at fault."""
    if not because.strip():
        raise Invalid("Say why this address must not be written to.", {"because": "Give a reason."})
    key = normalise_address(address).key
    return suppress(session, key, "by_hand", evidence=because.strip(), now=now, by=by)


def lift(session: Session, suppression_id: int, *, because: str, by: str, now: datetime) -> Suppression:
    """Write to this address again, as far as this entry goes; the entry stays, with who lifted it and why.

    Conflict if it was lifted already or if only the person can undo it (a new consent of their own).
    """
    row = get_suppression(session, suppression_id)
    if not because.strip():
        raise Invalid("Say why this address may be written to again.", {"because": "Give a reason."})
    if not may_be_lifted_by_hand(row.cause):
        raise Conflict(
            f"“{CAUSES[row.cause].label}” falls only by a new consent of the person, not by our hand."
        )
    lifted = (
        update(Suppression)
        .where(Suppression.id == suppression_id, Suppression.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by=by, lifted_because=because.strip())
        .returning(Suppression.id)
    )
    if session.scalar(lifted) is None:
        raise Conflict("This entry was lifted already.")
    session.refresh(row)
    return row


def lift_cause(
    session: Session, address_key: str, cause: str, *, because: str, by: str, now: datetime
) -> bool:
    """Lift what stands in force for this address and cause; False if nothing does.

    For what undoes a cause by itself: the person's new consent, a purchase or a human sign (stale).
    """
    lifted = (
        update(Suppression)
        .where(
            Suppression.address_key == address_key,
            Suppression.cause == cause,
            Suppression.lifted_at.is_(None),
        )
        .values(lifted_at=now, lifted_by=by, lifted_because=because)
        .returning(Suppression.id)
    )
    return session.scalar(lifted) is not None


def forget_address(session: Session, address_key: str, pepper: Pepper, *, now: datetime, by: str) -> None:
    """After erasure: the register knows this address by a keyed hash only, and keeps it out.

    What stood against it stays in force; its evidence, which may hold words or addresses of the person, goes.
    """
    entry = pepper.of(address_key)
    there = set(
        session.scalars(
            select(Suppression.cause).where(Suppression.address_key == entry, Suppression.lifted_at.is_(None))
        )
    )
    rows = select(Suppression).where(Suppression.address_key == address_key).order_by(Suppression.id)
    for row in session.scalars(rows).all():
        if row.lifted_at is None and row.cause in there:
            session.delete(row)
            continue
        row.address_key = entry
        row.evidence = row.lifted_because = ""
        row.message_id = None
        row.by = "" if "@" in row.by else row.by
        row.lifted_by = "" if "@" in row.lifted_by else row.lifted_by
    session.flush()
    suppress(session, entry, "erased", evidence="Asked to be forgotten.", now=now, by=by)


def welcome_back(session: Session, address_key: str, pepper: Pepper, *, because: str, now: datetime) -> int:
    """The person comes back by an act of their own: what the hashes kept out is lifted; returns how many entries.

    Only after a proof that the mailbox is theirs (a confirmed sign-up).
    """
    lifted = session.scalars(
        update(Suppression)
        .where(Suppression.address_key.in_(pepper.all_of(address_key)), Suppression.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by="the person", lifted_because=because)
        .returning(Suppression.id)
    )
    return len(lifted.all())


def take_over(session: Session, entries: Iterable[Mapping[str, Any]], *, now: datetime, by: str) -> int:
    """Enter a register brought from elsewhere; returns how many entries were new.

    Each a mapping with `address` (an address, or `hmac:…` made with one of our secrets), `cause`, and if known
    `since` (ISO 8601, aware) and `evidence`. Invalid names the first line that cannot be used; nothing is entered then.
    """
    rows = []
    for number, entry in enumerate(entries, 1):
        address, cause = str(entry.get("address", "")), str(entry.get("cause", "by_hand"))
        if cause not in CAUSES:
            raise Invalid(f"Line {number}: {cause!r} is not a cause of suppression.")
        try:
            key = address if is_hashed(address) else normalise_address(address).key
            since = datetime.fromisoformat(str(entry["since"])) if entry.get("since") else now
        except (Invalid, ValueError) as error:
            raise Invalid(f"Line {number}: {error}") from error
        if since.tzinfo is None:
            raise Invalid(f"Line {number}: {since} names no zone; write 2026-11-23T09:00:00+00:00.")
        if is_hashed(key) and not _HASHED.fullmatch(key):
            raise Invalid(f"Line {number}: this is no hash of an address.")
        rows.append(
            {
                "address_key": key,
                "cause": cause,
                "since": since,
                "evidence": str(entry.get("evidence", "")).replace("\0", "")[:_MOST_EVIDENCE],
                "message_id": None,
                "by": by,
                "lifted_by": "",
                "lifted_because": "",
            }
        )
    return sum(_insert(session, rows[start : start + _CHUNK]) for start in range(0, len(rows), _CHUNK))

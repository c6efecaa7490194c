"""Writes: put an address into the register, and take it out again with a reason."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from campaigns.customers import normalise_address
from campaigns.db import upsert
from campaigns.errors import Conflict, Invalid
from campaigns.suppression.model import Suppression
from campaigns.suppression.queries import get_suppression
from campaigns.suppression.rules import CAUSES, may_be_lifted_by_hand

_MOST_EVIDENCE = 20_000
_CHUNK = 2_000


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

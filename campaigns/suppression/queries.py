"""Reads: who is suppressed, for which causes, and the register with its filters."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.db.expressions import among
from campaigns.errors import NotFound
from campaigns.suppression.hashing import MARK, Pepper, key_of
from campaigns.suppression.model import Suppression


def suppressed_keys() -> Select[str]:
    """The address keys in force, to be composed (`Customer.address_key.not_in(suppressed_keys())`)."""
    return select(Suppression.address_key).where(Suppression.lifted_at.is_(None))


def in_force() -> Select[str, str]:
    """`(address_key, cause)` of every suppression in force; an address may stand there with several causes."""
    return select(Suppression.address_key, Suppression.cause).where(Suppression.lifted_at.is_(None))


def causes_in_force(session: Session, address_key: str) -> list[str]:
    """Why this address is not written to, oldest cause first; empty if it may be."""
    rows = (
        select(Suppression.cause)
        .where(Suppression.address_key == address_key, Suppression.lifted_at.is_(None))
        .order_by(Suppression.since, Suppression.id)
    )
    return list(session.scalars(rows))


def of_address(address_key: str) -> Select[Suppression]:
    """The whole history of one address, lifted ones too, newest first."""
    return (
        select(Suppression)
        .where(Suppression.address_key == address_key)
        .order_by(Suppression.since.desc(), Suppression.id.desc())
    )


def get_suppression(session: Session, suppression_id: int) -> Suppression:
    """One entry of the register; NotFound if there is none."""
    row = session.get(Suppression, suppression_id)
    if row is None:
        raise NotFound("There is no such entry in the register of suppressions.")
    return row


def register(
    *,
    text: str = "",
    cause: str = "",
    is_in_force: bool | None = True,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Select[Suppression]:
    """The register, newest first. `text` is a part of the address; `is_in_force` None shows lifted ones too."""
    rows = select(Suppression).order_by(Suppression.since.desc(), Suppression.id.desc())
    if text.strip():
        rows = rows.where(Suppression.address_key.contains(text.strip().casefold(), autoescape=True))
    if cause:
        rows = rows.where(Suppression.cause == cause)
    if is_in_force is not None:
        rows = rows.where(
            Suppression.lifted_at.is_(None) if is_in_force else Suppression.lifted_at.is_not(None)
        )
    if since is not None:
        rows = rows.where(Suppression.since >= since)
    if until is not None:
        rows = rows.where(Suppression.since < until)
    return rows


def count_by_cause(session: Session) -> Mapping[str, int]:
    """How many addresses are suppressed now, by cause."""
    rows = (
        select(Suppression.cause, func.count())
        .where(Suppression.lifted_at.is_(None))
        .group_by(Suppression.cause)
    )
    return {row[0]: row[1] for row in session.execute(rows)}


def forgotten(session: Session, address_keys: Collection[str], pepper: Pepper) -> dict[str, list[str]]:
    """Which of these addresses belong to somebody who was erased: by address, the causes in force."""
    found: dict[str, list[str]] = {}
    is_any = select(Suppression.id).where(Suppression.address_key.startswith(MARK)).limit(1)
    if not address_keys or session.scalar(is_any) is None:
        return found
    entries = pepper.by_entry(address_keys)
    rows = select(Suppression.address_key, Suppression.cause).where(
        among(Suppression.address_key, list(entries)), Suppression.lifted_at.is_(None)
    )
    for entry, cause in session.execute(rows):
        found.setdefault(entries[entry], []).append(cause)
    return found


def count_unreadable(session: Session, pepper: Pepper) -> int:
    """Hashed entries in force whose secret is gone: nobody can be recognised by them any more."""
    rows = select(Suppression.address_key).where(
        Suppression.address_key.startswith(MARK), Suppression.lifted_at.is_(None)
    )
    return sum(key_of(entry) not in pepper.names for entry in session.scalars(rows))

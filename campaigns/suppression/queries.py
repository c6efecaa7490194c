"""Reads: who is suppressed, for which causes, and the register with its filters."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.errors import NotFound
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

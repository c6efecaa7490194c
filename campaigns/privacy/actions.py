"""Writes: the erasure of one person (GDPR 17) through all rooms, and the question that keeps them out afterwards."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from campaigns.customers import Customer, Gate, Import, get_customer, normalise_address
from campaigns.errors import Invalid
from campaigns.messages import Message, cancel_queued, forget_message
from campaigns.suppression import Pepper, forget_address, forgotten
from campaigns.tracking import forget_events

ERASED = "(erased)"


def erase_customer(session: Session, customer_id: int, pepper: Pepper, *, now: datetime, by: str) -> int:
    """Erase a person; returns how many messages of theirs stay counted without them.

    Profile, consents, orders, scores and signals go. Mails and what came back for them stay as numbers, so that the
    totals of a mailing do not change, but name nobody. The register keeps a keyed hash of every address that was
    written to, so that no import brings the person back. NotFound if there is no such customer.
    """
    customer = get_customer(session, customer_id)
    its_messages = select(Message.id).where(Message.customer_id == customer_id)
    addresses = {
        customer.email,
        *session.scalars(select(Message.address).where(Message.customer_id == customer_id)),
    }
    keys = {customer.address_key, *filter(None, map(_key, addresses))}
    cancel_queued(session, customer_id, because="erased", now=now)
    forget_events(session, customer_id)
    messages = forget_message(session, its_messages)
    _forget_in_imports(session, {*addresses, *keys})
    session.execute(
        delete(Customer).where(Customer.id == customer_id).execution_options(synchronize_session="fetch")
    )
    for key in sorted(keys):
        forget_address(session, key, pepper, now=now, by=by)
    return messages


def _key(address: str) -> str:
    try:
        return normalise_address(address).key
    except Invalid:
        return ""


def _forget_in_imports(session: Session, words: Collection[str]) -> None:
    """The examples that imports keep of their lines may show the person: those are taken out."""
    for row in session.scalars(select(Import)):
        for name in ("checked", "counts", "options"):
            told = getattr(row, name)
            clean = _without(told, words)
            if clean != told:
                setattr(row, name, clean)
    session.flush()


def _without(value: Any, words: Collection[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(each, words) for key, each in value.items()}
    if isinstance(value, list):
        return [_without(each, words) for each in value]
    if isinstance(value, str) and any(word and word.casefold() in value.casefold() for word in words):
        return ERASED
    return value


def address_gate(pepper: Pepper) -> Gate:
    """What the roof lays on the database (`customers.GATE`): of some addresses, those of people who were erased."""

    def barred(session: Session, address_keys: Collection[str]) -> set[str]:
        return set(forgotten(session, address_keys, pepper))

    return barred

"""Addresses that may not come in again: a question which a higher room answers, handed down by the roof.

Customers come before suppression in the order of rooms; so `assemble` lays the question on the database
(`Database.info`), and every session of it carries it to wherever a customer is made or given another address.
"""

from collections.abc import Callable, Collection

from sqlalchemy.orm import Session

Gate = Callable[[Session, Collection[str]], Collection[str]]
"""Of these address keys, those of people who were erased at their wish."""

GATE = "address_gate"
FORGOTTEN = (
    "Whoever has this address asked to be forgotten, and is kept out. They can come back only by themselves: by the "
    "sign-up form, with a confirmation."
)


def barred(session: Session, address_keys: Collection[str]) -> set[str]:
    """Which of these must not be taken in; none where no gate was laid on the database."""
    gate: Gate | None = session.info.get(GATE)
    return set(gate(session, address_keys)) if gate is not None and address_keys else set()

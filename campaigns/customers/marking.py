"""Change one thing of many customers at once: a tag tied or untied, an attribute set."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, literal, select, update
from sqlalchemy.orm import Session

from campaigns.customers.model import Customer, Tag
from campaigns.customers.queries import declared
from campaigns.customers.rules import read_tag, typed
from campaigns.db import insert_missing
from campaigns.db.expressions import among
from campaigns.errors import Invalid


def tag_customers(session: Session, ids: Sequence[int], tag: str) -> None:
    """Tie a tag to these customers; who has it keeps it."""
    tag = read_tag(tag)
    if not tag:
        raise Invalid("The tag is empty.", {"tag": "Write a word."})
    those: Any = select(Customer.id, literal(tag)).where(among(Customer.id, ids))
    session.execute(insert_missing(session, Tag, ("customer_id", "tag"), those))


def untag_customers(session: Session, ids: Sequence[int], tag: str) -> None:
    """Untie a tag from these customers; who has it not is left alone."""
    gone = delete(Tag).where(among(Tag.customer_id, ids), Tag.tag == read_tag(tag))
    session.execute(gone.execution_options(synchronize_session=False))


def change_attribute_of(
    session: Session, ids: Sequence[int], name: str, value: Any, *, now: datetime
) -> None:
    """Set a declared attribute of these customers to `value`, as a form would; "" or None takes it away."""
    known = declared(session)
    if name not in known:
        raise Invalid(f"No attribute is called {name}; declare it first.")
    kept = typed(known[name], value)
    found = session.execute(select(Customer.id, Customer.attributes).where(among(Customer.id, ids)))
    rows = []
    for id_, attributes in found:
        changed = {key: word for key, word in attributes.items() if key != name}
        if kept is not None:
            changed[name] = kept
        if changed != attributes:
            rows.append({"of_id": id_, "attributes": changed, "updated_at": now})
    if rows:
        table = Customer.__table__
        wanted = update(table).where(table.c.id == bindparam("of_id"))  # type: ignore[arg-type]
        session.connection().execute(wanted, rows)

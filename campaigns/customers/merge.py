"""What a letter may say of the customer it is written to."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.customers.model import Customer
from campaigns.customers.queries import attributes
from campaigns.merge import MergeField, MergeKind, MergeSource

_KINDS: dict[str, tuple[MergeKind, Any, Any]] = {
    "text": ("text", "Example", "Wolfeschlegelsteinhausenbergerdorff"),
    "choice": ("text", "Example", "Example"),
    "number": ("number", 42, 1_234_567),
    "date": ("date", date(2026, 11, 23), date(2026, 9, 30)),
    "boolean": ("boolean", True, False),
}
"""Kind of a declared attribute → kind, example and longest of its merge field."""

_COLUMNS = (
    Customer.id,
    Customer.email,
    Customer.first_name,
    Customer.last_name,
    Customer.number,
    Customer.language,
    Customer.country,
    Customer.attributes,
)

FIELDS = (
    MergeField("first_name", "First name", example="Alice", longest="Maximiliane-Friederike Alexandrina"),
    MergeField("last_name", "Last name", example="Martin", longest="Wolfeschlegelsteinhausenbergerdorff"),
    MergeField(
        "name",
        "First and last name",
        example="Alice Martin",
        longest="Maximiliane-Friederike Wolfeschlegelsteinhausenbergerdorff",
    ),
    MergeField(
        "email",
        "E-mail address",
        may_lack=False,
        example="alice@customer.example",
        longest="maximiliane-friederike.wolfeschlegelsteinhausen@department.customer.example",
    ),
    MergeField("number", "Customer number", example="C-1042", longest="CUSTOMER-2026-000001042"),
    MergeField("language", "Language", example="en"),
    MergeField("country", "Country", example="FR"),
)


def _load(session: Session, ids: Sequence[int], _now: datetime) -> dict[int, dict[str, Any]]:
    rows = session.execute(select(*_COLUMNS).where(Customer.id.in_(ids)))
    return {row.id: _values(row) for row in rows}


def _values(row: Any) -> dict[str, Any]:
    return {
        "first_name": row.first_name or None,
        "last_name": row.last_name or None,
        "name": f"{row.first_name} {row.last_name}".strip() or None,
        "email": row.email,
        "number": row.number or None,
        "language": row.language or None,
        "country": row.country or None,
        "attributes": {
            name: None if value == "" else value for name, value in (row.attributes or {}).items()
        },
    }


def _declared(session: Session) -> tuple[MergeField, ...]:
    made = []
    for attribute in attributes(session):
        kind, example, longest = _KINDS[attribute.kind]
        choices = attribute.choices or []
        if choices:
            example, longest = choices[0], max(choices, key=len)
        name = f"attributes.{attribute.name}"
        made.append(MergeField(name, attribute.label, kind, example=example, longest=longest))
    return tuple(made)


SOURCE = MergeSource("customer", "Customer", FIELDS, _load, _declared)

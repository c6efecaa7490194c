"""What a template may name: the shape in which rooms declare their merge fields. Gathered by the roof.

`{{ customer.first_name }}` is the field `first_name` of the source `customer`. A value that a customer lacks is
None, never an empty string, so that one fallback (`or "there"`) covers every kind of absence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from sqlalchemy.orm import Session

from campaigns import ROOMS

MergeKind = Literal["text", "number", "money", "date", "boolean", "list"]


@dataclass(frozen=True)
class MergeField:
    """One value that can be merged into a letter.

    `name` may be dotted (`attributes.shoe_size`). `may_lack`: some customers have none, so that a template
    must give a fallback. `example` is what a trial fills in (plain value of `kind`; money in minor units);
    `longest` the longest that occurs in practice. A list has the fields of its items in `items`.
    """

    name: str
    label: str
    kind: MergeKind = "text"
    may_lack: bool = True
    example: Any = None
    longest: Any = None
    items: tuple["MergeField", ...] = ()


def _none(_session: Session) -> tuple[MergeField, ...]:
    return ()


@dataclass(frozen=True)
class MergeSource:
    """A family of values under one name.

    `load(session, customer_ids, now)` gives `{customer_id: {field: plain value}}` for all ids at once (plain:
    str, int, float, bool, date, None, lists and dicts of these); dotted fields are nested dicts.
    `declared(session)` gives fields known only to the database (attributes declared by the team).
    """

    name: str
    label: str
    fields: tuple[MergeField, ...]
    load: Callable[[Session, Sequence[int], datetime], dict[int, dict[str, Any]]]
    declared: Callable[[Session], tuple[MergeField, ...]] = _none


def gather() -> dict[str, MergeSource]:
    """The source of every room that has a `merge.py` (its `SOURCE`), by name, in the order of ROOMS."""
    found = (
        import_module(f"campaigns.{room}.merge").SOURCE
        for room in ROOMS
        if find_spec(f"campaigns.{room}.merge")
    )
    return {source.name: source for source in found}

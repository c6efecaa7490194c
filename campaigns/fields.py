"""What a segment may ask: the shape in which rooms declare their fields. Gathered by the roof.

A room's `fields.py` holds `offer(session) -> Iterable[Field | Shortcut]`. A field is one figure per customer,
told in one of three ways: a column of the customer, a column of a table with one row per customer, or a select
of `(customer_id, value)`. Segments compile rules over fields and know no table; a new field needs no change there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import Select
from sqlalchemy.orm import Session

from campaigns import ROOMS

Kind = Literal[
    "text", "choice", "set", "number", "money", "count", "moment", "date", "anniversary", "boolean"
]
"""What a value is. `money`: minor units; `count`: whole and never unknown; `moment`: an instant, asked by local
days; `date`: ISO text; `anniversary`: a month and a day; `set`: several words (tags)."""

FilterKind = Literal["choice", "text", "period"]


@dataclass(frozen=True)
class Option:
    """One value that may be picked, and how people call it."""

    value: str
    label: str


Options = Callable[[Session], Sequence[Option]]


@dataclass(frozen=True)
class Filter:
    """What narrows a figure: a category, a mailing, a period. `options` of a `choice` are all there is; of a
    `text` they are suggestions."""

    name: str
    label: str
    kind: FilterKind
    options: Options | None = None


@dataclass(frozen=True)
class Scope:
    """When and where a rule is read: one instant, the team's zone, the currency that amounts are added in."""

    now: datetime
    zone: ZoneInfo
    currency: str

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def midnight(self, day: date) -> datetime:
        """The instant at which `day` begins in the zone."""
        return datetime.combine(day, time.min, self.zone)

    def days_ago(self, days: int) -> date:
        return self.today - timedelta(days=days)


@dataclass(frozen=True)
class Span:
    """From one instant (included) to another (not included); None: without end."""

    since: datetime | None
    until: datetime | None

    def over(self, column: Any) -> list[Any]:
        """The conditions that keep `column` within the span."""
        parts = []
        if self.since is not None:
            parts.append(column >= self.since)
        if self.until is not None:
            parts.append(column < self.until)
        return parts


@dataclass(frozen=True)
class Asked:
    """What a rows-field is asked with: the scope, and the filters given (`period` as a Span, others as text)."""

    scope: Scope
    filters: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """The filter's word, if it was given."""
        return self.filters.get(name)

    def within(self, column: Any) -> list[Any]:
        """Conditions on `column` for the period asked; without one, nothing later than today counts."""
        span = self.filters.get("period")
        if span is None:
            span = Span(None, self.scope.midnight(self.scope.today + timedelta(days=1)))
        return span.over(column)


Chosen: TypeAlias = Select[*tuple[Any, ...]]
Rows = Callable[[Asked], Chosen]
"""Gives `(customer_id, value)`: at most one row per customer, for a `set` one per word."""


@dataclass(frozen=True)
class Field:
    """One figure of a customer that a rule may ask.

    `name` never changes (saved rules hold it). Where the value lies: `column` alone, an expression over the
    customer's own row (of an `anniversary`, the pair month, day); `column` with `table`, a mapped class with
    one row per customer under `customer_id`; or `rows`. Empty text counts as unknown.
    """

    name: str
    label: str
    heading: str
    kind: Kind
    column: Any = None
    table: Any = None
    rows: Rows | None = None
    filters: tuple[Filter, ...] = ()
    options: Options | None = None
    note: str = ""
    is_always_known: bool = False

    @property
    def may_be_unknown(self) -> bool:
        """Whether a customer may have no value, so that a rule has to say what becomes of them."""
        return self.kind not in ("count", "set") and not self.is_always_known


@dataclass(frozen=True)
class Shortcut:
    """The same figure as `field` asked with exactly `filters`, kept ready by a higher room."""

    field: str
    filters: frozenset[str] = frozenset()
    column: Any = None
    table: Any = None
    rows: Rows | None = None


Offer = Callable[[Session], Iterable[Field | Shortcut]]


class Catalogue(Mapping[str, Field]):
    """All fields there are at this moment, by name; iterates in the order in which rooms stand."""

    def __init__(self, offered: Iterable[Field | Shortcut], currency: str) -> None:
        self.currency = currency
        self._fields: dict[str, Field] = {}
        self._shortcuts: dict[tuple[str, frozenset[str]], Shortcut] = {}
        for each in offered:
            if isinstance(each, Field):
                self._fields[each.name] = each
            else:
                self._shortcuts[each.field, each.filters] = each

    def __getitem__(self, name: str) -> Field:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def shortcut(self, name: str, filters: Iterable[str]) -> Shortcut | None:
        """The ready figure for this field asked with these filters, if a room keeps one."""
        return self._shortcuts.get((name, frozenset(filters)))

    def without_shortcuts(self) -> "Catalogue":
        """The same fields, all counted at query time: what shortcuts are checked against."""
        return Catalogue(self._fields.values(), self.currency)

    def by_heading(self) -> dict[str, list[Field]]:
        """Fields under their headings, for a list to pick from."""
        headings: dict[str, list[Field]] = {}
        for each in self._fields.values():
            headings.setdefault(each.heading, []).append(each)
        return headings


@dataclass(frozen=True)
class Fields:
    """What all rooms offer. `catalogue(session)` reads it, with the attributes declared at this moment."""

    offers: tuple[Offer, ...]
    currency: str

    def catalogue(self, session: Session) -> Catalogue:
        """All fields as they stand now."""
        return Catalogue((each for offer in self.offers for each in offer(session)), self.currency)


def gather(currency: str) -> Fields:
    """The offers of every room that has a `fields.py`, in the order of ROOMS."""
    here = Path(__file__).parent  # looked at as files: asking for the module would load every room
    rooms = [room for room in ROOMS if (here / room / "fields.py").is_file()]
    return Fields(tuple(import_module(f"campaigns.{room}.fields").offer for room in rooms), currency)

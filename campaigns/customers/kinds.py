"""What a file of any kind is made of: targets for its columns, options, and what a kind must be able to do."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Select
from sqlalchemy.orm import Session

from campaigns.customers.bulk import Tally

FATES = ("new", "changed", "unchanged", "suppressed", "rejected")
"""What becomes of a line; each has exactly one, so that they add up to the lines read."""


@dataclass(frozen=True)
class Target:
    """Something that a column can be: `spellings` are names under which other programs export it."""

    name: str
    label: str
    help: str = ""
    spellings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """How a file is to be read. `mapping`: position of a column (from 0) → name of a target."""

    encoding: str = "utf-8"
    delimiter: str = ","
    has_header: bool = True
    header: tuple[str, ...] = ()
    mapping: Mapping[int, str] = field(default_factory=dict)
    day_order: str = ""
    decimal_mark: str = "."
    zone: str = "UTC"
    currency: str = "EUR"
    tags: tuple[str, ...] = ()
    may_track: bool = False
    wording: str = ""
    row: str = "line"

    def column(self, target: str) -> int | None:
        """The position of the column mapped to `target`."""
        return next((position for position, name in self.mapping.items() if name == target), None)

    @classmethod
    def stored(cls, kept: Mapping[str, Any]) -> "Options":
        """From the JSON of an Import row."""
        made = {**kept, "mapping": {int(k): v for k, v in kept.get("mapping", {}).items()}}
        made |= {name: tuple(kept.get(name, ())) for name in ("header", "tags")}
        return cls(**made)

    def as_json(self) -> dict[str, Any]:
        """For the Import row."""
        return {
            **asdict(self),
            "mapping": {str(k): v for k, v in self.mapping.items()},
            "header": list(self.header),
            "tags": list(self.tags),
        }


@dataclass(frozen=True)
class Context:
    """What a kind is given to store a batch with."""

    import_id: int
    options: Options
    source: str
    legal_basis: str
    filename: str
    suppressed: Select[Any]
    now: datetime
    is_dry: bool


Convert = Callable[[list[str]], Any]


class Kind(Protocol):
    """What differs between files of customers, of purchases and of signals; the roof gathers them."""

    name: str
    label: str

    def targets(self, session: Session) -> Sequence[Target]:
        """What a column can be."""
        ...

    def faults(self, options: Options) -> dict[str, str]:
        """What is missing or contradictory in a mapping, by field."""
        ...

    def converter(self, session: Session, options: Options, now: datetime) -> Convert:
        """A function from fields to facts that raises Invalid with the reason."""
        ...

    def group(self, options: Options) -> Callable[[list[str]], str] | None:
        """A function from fields to what ties neighbouring records into one (an order's number), or None."""
        ...

    def identity(self, facts: Any) -> str:
        """What makes two records mean the same customer or order."""
        ...

    def store(
        self, session: Session, rows: Sequence[tuple[int, Any]], context: Context, tally: Tally
    ) -> None:
        """Store `(line, facts)` rows, or only decide them when `context.is_dry`."""
        ...


def guess(targets: Sequence[Target], header: Sequence[str], samples: Sequence[list[str]]) -> dict[int, str]:
    """What each column probably is: by its name, else, for addresses, by what stands in it. Each target once."""
    by_name: dict[str, str] = {}
    for target in targets:
        for spelling in (target.name, target.label, *target.spellings):
            by_name.setdefault(folded_name(spelling), target.name)
    mapping: dict[int, str] = {}
    for position, name in enumerate(header):
        target_name = by_name.get(folded_name(name))
        if target_name and target_name not in mapping.values():
            mapping[position] = target_name
    names = {target.name for target in targets}
    if "email" in names and "email" not in mapping.values():
        for position, values in enumerate(samples):
            if position not in mapping and values and sum("@" in v for v in values) > 0.8 * len(values):
                mapping[position] = "email"
                break
    return mapping


def folded_name(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "".join(c for c in plain if c.isalnum())

"""What a letter may answer to: the shape in which rooms declare their occasions. Gathered by the roof."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Select

from campaigns import ROOMS
from campaigns.errors import Invalid
from campaigns.merge import MergeField

Zones = Mapping[str, ZoneInfo]
"""What stands in `customer.zone` → the zone that is meant ("" → the shop's)."""


@dataclass(frozen=True)
class Option:
    """One question that the form of a letter asks for this occasion."""

    name: str
    label: str
    kind: Literal["number", "choice"]
    default: int | str
    low: int = 0
    high: int = 365
    choices: tuple[tuple[str, str], ...] = ()
    help: str = ""

    def read(self, given: Any) -> int | str:
        """The value of what was given (None or "": the default); raises Invalid with one sentence."""
        if given is None or given == "":
            return self.default
        if self.kind == "choice":
            if str(given) not in dict(self.choices):
                raise Invalid(f"Choose one of: {', '.join(label for _, label in self.choices)}.")
            return str(given)
        try:
            number = int(given)
        except (TypeError, ValueError):
            raise Invalid("Write a whole number.") from None
        if not self.low <= number <= self.high:
            raise Invalid(f"Write a number from {self.low} to {self.high}.")
        return number


@dataclass(frozen=True)
class Occasion:
    """Something in a customer's life with us that may call for a letter.

    `due(options, day, zones)` selects `(customer_id, occasion_key, facts)` of those living in `zones` for
    whom the letter is due on their local `day`. The same key never comes twice for one customer; `facts` is a
    JSON object that the template reads as `letter.…`: the fields declared here.
    """

    name: str
    label: str
    description: str
    options: tuple[Option, ...]
    facts: tuple[MergeField, ...]
    due: Callable[[Mapping[str, Any], date, Zones], Select[Any]]

    def read_options(self, given: Mapping[str, Any]) -> dict[str, int | str]:
        """Every option's value; raises Invalid naming each wrong one."""
        values, faults = {}, {}
        for option in self.options:
            try:
                values[option.name] = option.read(given.get(option.name))
            except Invalid as error:
                faults[option.name] = str(error)
        if faults:
            raise Invalid("Some answers cannot be used.", faults)
        return values


def gather() -> dict[str, Occasion]:
    """Every occasion of every room (its `occasions.OCCASIONS`), by name."""
    found = (
        import_module(f"campaigns.{room}.occasions").OCCASIONS
        for room in ROOMS
        if find_spec(f"campaigns.{room}.occasions")
    )
    return {occasion.name: occasion for offered in found for occasion in offered}

"""What a letter or a journey may answer to: the shape in which rooms declare their occasions. Gathered by the roof.

The contract. A room's `occasions.py` holds `OCCASIONS`, a tuple of `Occasion`, and may hold `BARS`. An occasion is a
query with a key, told in one of two ways:

- `due(options, day, zones)`: a day of the calendar (a birthday, a contract's end). It selects
  `(customer_id, occasion_key, facts)` of those living in `zones` for whom the letter is due on their local `day`;
  the options' own "days before or after" are already counted in.
- `happened(options, since, until)`: something that happened at an instant (an order, a click, a signal). It selects
  `(customer_id, occasion_key, at, facts)` with `since <= at < until`. It knows nothing of waiting, hours or zones:
  `letters.called` adds them, by the options named `days` (or `wait` with `unit`), on the customer's own clock.

The key names the occasion for good ("2026", "order:123"): one customer's key stands for one instant (the first, where
it could recur), it is at most 90 characters long, and whoever uses the occasion acts once for each key, whatever
crashes. `facts` is a JSON object that a template reads as `letter.…`: exactly the fields declared in `facts`.

`subject` says who is written to: the customer, or (`owner`) the member of staff who looks after them.
`bars` keep an occasion back while they last (an open complaint): a bar selects ids of customers, is offered by the
room that knows it (`BARS`) and named by the occasion (`barred_by`), which need not know that room.
`prepare` brings a stored state up to date (who is in a segment) before anybody asks; whoever uses the occasion calls it
first, within a transaction of its own, each time. It is idempotent.
`apart_days`: a second key of one customer so soon after the last is no new occasion (a birthday that was moved).
`tries` gives the further days on which an event is answered again (win-back), each with a key of its own.
`day_fact` names the fact that `letters.called` fills in: the local day (ISO text) on which it happened.

Whoever uses occasions takes them from `runtime.occasions`, asks `letters.called(...)` for what falls in a span of
time, and writes what it did under (its own id, customer_id, occasion_key).
"""

import calendar
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Select
from sqlalchemy.orm import Session

from campaigns import ROOMS
from campaigns.clock import instant_of
from campaigns.db.expressions import rows_of
from campaigns.errors import Invalid
from campaigns.fields import Fields
from campaigns.merge import MergeField

Zones = Mapping[str, ZoneInfo]
"""What stands in `customer.zone` → the zone that is meant ("" → the shop's)."""

Options = Mapping[str, Any]
Choices = Callable[[Session], Sequence[tuple[str, str]]]
"""What may be picked at this moment: (value, label)."""

LONGEST_TEXT = 200
EARLIEST_YEAR = 1900


@dataclass(frozen=True)
class Option:
    """One question that the form of a letter asks for this occasion.

    `number`: a whole number from `low` to `high`. `choice`: one of `choices`. `pick`: one of what `offered` finds in
    the database, or "" (`any_label` says what that means). `text`: a few words. `is_required`: "" is refused.
    """

    name: str
    label: str
    kind: Literal["number", "choice", "pick", "text"]
    default: int | str
    low: int = 0
    high: int = 365
    choices: tuple[tuple[str, str], ...] = ()
    help: str = ""
    offered: Choices | None = None
    any_label: str = ""
    is_required: bool = False

    def read(self, given: Any) -> int | str:
        """The value of what was given (None or "": the default); raises Invalid with one sentence."""
        if given is None or str(given).strip() == "":
            if self.is_required and self.default == "":
                raise Invalid("This occasion needs an answer here.")
            return self.default
        if self.kind == "choice":
            if str(given) not in dict(self.choices):
                raise Invalid(f"Choose one of: {', '.join(label for _, label in self.choices)}.")
            return str(given)
        if self.kind == "number":
            return self._number(given)
        return _line(str(given))

    def _number(self, given: Any) -> int:
        try:
            number = int(given)
        except (TypeError, ValueError):
            raise Invalid("Write a whole number.") from None
        if not self.low <= number <= self.high:
            raise Invalid(f"Write a number from {self.low} to {self.high}.")
        return number


def _line(text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST_TEXT:
        raise Invalid(f"This is too long: at most {LONGEST_TEXT} characters.")
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise Invalid("This must stay on one line, without control characters.")
    return text


def days_after(label: str, default: int, *, low: int = 0, high: int = 365, help: str = "") -> Option:
    """The option `days`: whole days after what happened, then at the letter's hour; 0 is the same day, at once if the
    hour has passed."""
    return Option("days", label, "number", default, low=low, high=high, help=help)


def waiting(default: int, unit: Literal["hours", "days"], *, help: str = "") -> tuple[Option, Option]:
    """The options `wait` and `unit`: so many hours after what happened, at any time of the day; or so many days, then
    at the letter's hour."""
    return (
        Option("wait", "Wait", "number", default, low=0, high=365, help=help),
        Option("unit", "Counted in", "choice", unit, choices=(("hours", "hours"), ("days", "days"))),
    )


@dataclass(frozen=True)
class Bar:
    """A state of a customer in which some occasions are kept back: its name, the words for it, who is in it."""

    name: str
    label: str
    customers: Callable[[], Select[Any]]


@dataclass(frozen=True)
class Occasion:
    """Something in a customer's life with us that may call for a letter. See the head of this file."""

    name: str
    label: str
    description: str
    options: tuple[Option, ...]
    facts: tuple[MergeField, ...]
    due: Callable[[Options, date, Zones], Select[Any]] | None = None
    happened: Callable[[Options, datetime, datetime], Select[Any]] | None = None
    heading: str = "Other"
    subject: Literal["customer", "owner"] = "customer"
    barred_by: tuple[str, ...] = ()
    prepare: Callable[[Session, Options, Fields, ZoneInfo, datetime], int] | None = None
    apart_days: int = 0
    tries: Callable[[Options], Sequence[int]] = lambda _options: (0,)
    day_fact: str = ""
    bars: tuple[Bar, ...] = ()  # filled in by gather

    def offered(self, session: Session) -> dict[str, Sequence[tuple[str, str]]]:
        """What may be picked now for each option that asks the database."""
        return {option.name: option.offered(session) for option in self.options if option.offered is not None}

    def read_options(self, given: Options) -> dict[str, int | str]:
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


@dataclass(frozen=True)
class Wait:
    """How long after what happened: so many whole days on the customer's calendar, or so many hours."""

    days: int = 0
    hours: int | None = None


def wait_of(options: Options) -> Wait:
    """What the options `days`, or `wait` and `unit`, say."""
    if "unit" not in options:
        return Wait(days=int(options.get("days", 0)))
    number = int(options.get("wait", 0))
    return Wait(hours=number) if options["unit"] == "hours" else Wait(days=number)


# ── days of the calendar, for the rooms


def spans_of(day: date, zones: Zones) -> dict[tuple[datetime, datetime], list[str]]:
    """First instant of that day on the walls of `zones`, and the first one after it → the names that share them."""
    spans: dict[tuple[datetime, datetime], list[str]] = defaultdict(list)
    for name, zone in zones.items():
        spans[_dawn(day, zone), _dawn(day + timedelta(days=1), zone)].append(name)
    return spans


@lru_cache(maxsize=200_000)
def _dawn(day: date, zone: ZoneInfo) -> datetime:
    return instant_of(_midnight(day), zone)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


LEAP = Option(
    "leap",
    "For 29 February",
    "choice",
    "28",
    choices=(("28", "28 February"), ("1", "1 March")),
    help="The day on which it is kept in the other three years.",
)


def kept_on(day: date, leap: str) -> list[tuple[int, int]]:
    """The yearly days (month, day) that are kept on that day; `leap`: where 29 February goes, "28" or "1"."""
    kept = [(day.month, day.day)]
    stand_in = (2, 28) if leap == "28" else (3, 1)
    if not calendar.isleap(day.year) and kept[0] == stand_in:
        kept.append((2, 29))
    return kept


def anniversaries(day: date, leap: str, years: Iterable[int]) -> Iterator[tuple[int, date]]:
    """(years gone by, the day itself) of what is kept on that day."""
    for month, day_of_month in kept_on(day, leap):
        for number in years:
            year = day.year - number
            if year >= EARLIEST_YEAR and (month != 2 or day_of_month != 29 or calendar.isleap(year)):
                yield number, date(year, month, day_of_month)


def kept_from(
    begun: Iterable[tuple[int, date]], zones: Zones
) -> tuple[list[tuple[datetime, datetime]], Any] | None:
    """For what began on one of those days: the spans of these days over all zones, to find the rows by an index, and
    a subquery `(zone, years, since, begin, end)` of the days on the walls of each zone. None: no such day, or nobody."""
    over_all: list[tuple[datetime, datetime]] = []
    walls: list[dict[str, str | int | datetime]] = []
    for number, day in begun:
        spans = spans_of(day, zones)
        if not spans:
            return None
        over_all.append((min(start for start, _ in spans), max(end for _, end in spans)))
        walls += [
            {"zone": name, "years": number, "since": day.isoformat(), "begin": start, "end": end}
            for (start, end), names in spans.items()
            for name in names
        ]
    return (over_all, rows_of(walls)) if walls else None


def gather() -> dict[str, Occasion]:
    """Every occasion of every room (its `occasions.OCCASIONS`) by name, with the bars that rooms offer for it."""
    modules = [
        import_module(f"campaigns.{room}.occasions")
        for room in ROOMS
        if find_spec(f"campaigns.{room}.occasions")
    ]
    bars: dict[str, Bar] = {bar.name: bar for module in modules for bar in getattr(module, "BARS", ())}
    offered = [occasion for module in modules for occasion in module.OCCASIONS]
    return {
        occasion.name: replace(
            occasion, bars=tuple(bars[name] for name in occasion.barred_by if name in bars)
        )
        for occasion in offered
    }

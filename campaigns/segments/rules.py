"""The rule language: what may be written, what is wrong with it in a sentence, and whether a value meets it. Pure.

A rule is JSON. A group is `{"all": […]}`, `{"any": […]}` or `{"none": […]}`; a condition is
`{"field": …, "op": …, "value": …}`, with `"where": {filter: value}` to narrow a figure (a category, a mailing, a
period) and `"if_unknown": true | false`: whether customers of whom the value is not known meet the condition.
That answer is asked for wherever it is not plain: with negative operators, and below `none`.
"""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as part
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Literal

from campaigns.errors import Invalid
from campaigns.fields import Catalogue, Field, FilterKind, Kind

MOST_CONDITIONS = 40
"""Each may cost a join; SQLite joins 64 tables at most."""
MOST_DEPTH = 5
MOST_WORDS = 100
MOST_TEXT = 200
MOST_DAYS = 36_500
YEAR = 366
LIMIT = 10**15
"""Numbers beyond this are mistakes, and would not fit the columns."""

Match = Literal["all", "any", "none"]
MATCHES: tuple[Match, ...] = ("all", "any", "none")

Argument = Literal["none", "word", "words", "amount", "amounts", "days", "day", "span", "month", "truth"]


@dataclass(frozen=True)
class Operator:
    """How a value may be compared. `positive` names the operator that this one denies; `words` speak of the
    value in a sentence ("… is at least 3")."""

    name: str
    label: str
    argument: Argument
    words: str
    positive: str = ""


OPERATORS: Mapping[str, Operator] = {
    each.name: each
    for each in (
        Operator("is", "is", "word", "is {}"),
        Operator("is_not", "is not", "word", "is not {}", positive="is"),
        Operator("one_of", "is one of", "words", "is one of {}"),
        Operator("none_of", "is none of", "words", "is none of {}", positive="one_of"),
        Operator("contains", "contains", "word", "contains {}"),
        Operator("not_contains", "does not contain", "word", "does not contain {}", positive="contains"),
        Operator("starts_with", "begins with", "word", "begins with {}"),
        Operator("ends_with", "ends with", "word", "ends with {}"),
        Operator("has_any", "has one of", "words", "has one of {}"),
        Operator("has_all", "has all of", "words", "has all of {}"),
        Operator("has_none", "has none of", "words", "has none of {}", positive="has_any"),
        Operator("equals", "is exactly", "amount", "is exactly {}"),
        Operator("at_least", "is at least", "amount", "is at least {}"),
        Operator("at_most", "is at most", "amount", "is at most {}"),
        Operator("between", "is between", "amounts", "is between {}"),
        Operator("in_last", "is in the last … days", "days", "is in the last {}"),
        Operator(
            "not_in_last", "is not in the last … days", "days", "is not in the last {}", positive="in_last"
        ),
        Operator("in_next", "is in the next … days", "days", "is in the next {}"),
        Operator("before", "is before", "day", "is before {}"),
        Operator("from", "is on or after", "day", "is on or after {}"),
        Operator("within", "is between (days)", "span", "is between {}"),
        Operator("in_month", "is in the month", "month", "is in {}"),
        Operator("truth", "is", "truth", "{}"),
        Operator("known", "is known", "none", "is known"),
        Operator("unknown", "is not known", "none", "is not known"),
    )
}

_TEXT = ("is", "is_not", "one_of", "none_of", "contains", "not_contains", "starts_with", "ends_with")
_AMOUNT = ("at_least", "at_most", "equals", "between")
_DATE = ("in_last", "not_in_last", "in_next", "before", "from", "within")
_MAYBE = ("known", "unknown")

OPERATORS_OF: Mapping[Kind, tuple[str, ...]] = {
    "text": (*_TEXT, *_MAYBE),
    "choice": ("is", "is_not", "one_of", "none_of", *_MAYBE),
    "set": ("has_any", "has_all", "has_none", *_MAYBE),
    "number": (*_AMOUNT, *_MAYBE),
    "money": (*_AMOUNT, *_MAYBE),
    "count": _AMOUNT,
    "moment": (*_DATE, *_MAYBE),
    "date": (*_DATE, *_MAYBE),
    "anniversary": ("in_next", "in_last", "in_month", *_MAYBE),
    "boolean": ("truth", *_MAYBE),
}
"""Which operators a kind of value knows; the first is the one offered first."""


def operators(asked: Field) -> tuple[Operator, ...]:
    """The operators of a field; those about the unknown only where there can be something unknown."""
    has_unknown = asked.may_be_unknown or asked.kind == "set"
    return tuple(OPERATORS[o] for o in OPERATORS_OF[asked.kind] if has_unknown or o not in _MAYBE)


@dataclass(frozen=True)
class Condition:
    """One question about one figure. `value` is typed by the operator's argument: words as a tuple, days as
    dates, amounts as numbers (money in minor units), a span as a pair. `filters` are texts, the period as it
    was written. `path` says where it stands in the rule (RFC 6901)."""

    field: str
    kind: Kind
    op: str
    value: Any = None
    filters: Mapping[str, Any] = part(default_factory=dict)
    if_unknown: bool | None = None
    path: str = ""

    @property
    def operator(self) -> Operator:
        return OPERATORS[self.op]


@dataclass(frozen=True)
class Group:
    """Conditions and groups of which all, any or none must hold. A group of nothing picks everybody."""

    match: Match
    members: tuple["Group | Condition", ...] = ()
    path: str = ""


Node = Group | Condition
Choices = Callable[[Field], Collection[str] | None]
"""The values a field may have where these are a closed list; None where any word may be asked."""


def conditions(node: Node) -> Iterator[Condition]:
    """All conditions, in the order in which they are written."""
    if isinstance(node, Condition):
        yield node
    else:
        for member in node.members:
            yield from conditions(member)


def parse(rule: Any, catalogue: Catalogue, choices: Choices = lambda _field: None) -> Group:
    """Read a rule; Invalid names every fault by its path (`/all/0/value`) with a sentence."""
    return _Reader(catalogue, choices).read(rule)


def written(node: Node) -> dict[str, Any]:
    """The JSON of a rule that was read: the same meaning, in one spelling."""
    if isinstance(node, Group):
        return {node.match: [written(member) for member in node.members]}
    found: dict[str, Any] = {"field": node.field, "op": node.op}
    if node.operator.argument != "none":
        found["value"] = _plain(node.value)
    if node.filters:
        found["where"] = dict(node.filters)
    if node.if_unknown is not None:
        found["if_unknown"] = node.if_unknown
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


class _Fault(Exception):
    """One sentence about one place; `path` is empty where the catcher knows it."""

    def __init__(self, sentence: str, path: str = "") -> None:
        super().__init__(sentence)
        self.path = path


class _Reader:
    """Reads one rule, collecting what is wrong with it."""

    def __init__(self, catalogue: Catalogue, choices: Choices) -> None:
        self.catalogue = catalogue
        self.choices = choices
        self.faults: dict[str, str] = {}
        self.count = 0

    def read(self, rule: Any) -> Group:
        found = self._node(rule, "", 1, is_denied=False)
        if found is not None and not isinstance(found, Group):
            self.faults[""] = "A rule begins with a group: all, any or none."
        if self.count > MOST_CONDITIONS:
            self.faults[""] = f"The rule has {self.count} conditions; {MOST_CONDITIONS} are the most."
        if self.faults:
            first = next(iter(self.faults.items()))
            raise Invalid(f"The rule cannot be used: {_at(first[0])}{first[1]}", self.faults)
        assert isinstance(found, Group)
        return found

    def _node(self, node: Any, path: str, depth: int, *, is_denied: bool) -> Node | None:
        try:
            if not isinstance(node, Mapping):
                raise _Fault("Here must be a group or a condition.")
            if "field" in node:
                return self._condition(node, path, is_denied)
            return self._group(node, path, depth, is_denied)
        except _Fault as fault:
            self._note(fault.path or path, fault)
            return None

    def _note(self, path: str, fault: _Fault) -> None:
        self.faults.setdefault(path, str(fault))

    def _group(self, node: Mapping[str, Any], path: str, depth: int, is_denied: bool) -> Group:
        words = [word for word in MATCHES if word in node]
        if len(words) != 1 or len(node) != 1:
            raise _Fault("A group has one key: all, any or none; a condition names its field.")
        match = words[0]
        members = node[match]
        if not isinstance(members, list):
            raise _Fault("A group holds a list of conditions and groups.", f"{path}/{match}")
        if depth > MOST_DEPTH:
            raise _Fault(f"Groups may stand in each other {MOST_DEPTH} deep, not deeper.")
        if not members and depth > 1:
            raise _Fault("This group is empty: add a condition or remove it.")
        if len(members) > MOST_CONDITIONS:
            raise _Fault(f"The group has {len(members)} members; {MOST_CONDITIONS} are the most.")
        denied = is_denied != (match == "none")
        read = [
            self._node(member, f"{path}/{match}/{index}", depth + 1, is_denied=denied)
            for index, member in enumerate(members)
        ]
        return Group(match, tuple(each for each in read if each is not None), path)

    def _condition(self, node: Mapping[str, Any], path: str, is_denied: bool) -> Condition:
        self.count += 1
        if extra := sorted(map(str, set(node) - {"field", "op", "value", "where", "if_unknown"})):
            raise _Fault(f"A condition has no “{extra[0][:60]}”.")
        name, op = node["field"], node.get("op")
        if name == "":
            raise _Fault("Choose what to ask.", f"{path}/field")
        if not isinstance(name, str) or name not in self.catalogue:
            raise _Fault("There is no such field.", f"{path}/field")
        asked = self.catalogue[name]
        known = {each.name: each for each in operators(asked)}
        if not isinstance(op, str) or op not in known:
            raise _Fault(f"“{asked.label}” is compared by {', '.join(known)}.", f"{path}/op")
        return Condition(
            name,
            asked.kind,
            op,
            self._try(f"{path}/value", lambda: self._value(asked, known[op], node)),
            self._filters(asked, node.get("where", {}), f"{path}/where"),
            self._try(f"{path}/if_unknown", lambda: _if_unknown(asked, known[op], node, is_denied)),
            path,
        )

    def _try(self, path: str, read: Callable[[], Any]) -> Any:
        """What `read` gives; None after noting what is wrong, so that the other parts are looked at too."""
        try:
            return read()
        except _Fault as fault:
            self._note(path, fault)
            return None

    def _value(self, asked: Field, operator: Operator, node: Mapping[str, Any]) -> Any:
        given = node.get("value")
        if operator.argument == "none":
            if given is not None:
                raise _Fault("This comparison takes no value.")
            return None
        value = _ARGUMENTS[operator.argument](given, asked.kind)
        allowed = self.choices(asked) if operator.argument in ("word", "words") else None
        if allowed is not None:
            for word in value if isinstance(value, tuple) else (value,):
                if word not in allowed:
                    raise _Fault(f"“{word}” is not one of the values of “{asked.label}”.")
        return value

    def _filters(self, asked: Field, given: Any, path: str) -> dict[str, Any]:
        if not isinstance(given, Mapping):
            self._note(path, _Fault("Filters are written by their names."))
            return {}
        known = {each.name: each for each in asked.filters}
        if extra := sorted(str(name) for name in given if name not in known):
            self._note(path, _Fault(f"“{asked.label}” has no filter “{extra[0][:60]}”."))
        read = {
            name: self._try(f"{path}/{name}", partial(_FILTERS[each.kind], given[name]))
            for name, each in known.items()
            if name in given
        }
        return {name: value for name, value in read.items() if value is not None}


def _if_unknown(asked: Field, operator: Operator, node: Mapping[str, Any], is_denied: bool) -> bool | None:
    answer = node.get("if_unknown")
    if answer is not None and not isinstance(answer, bool):
        raise _Fault("Write true or false.")
    if answer is not None and (not asked.may_be_unknown or operator.name in _MAYBE):
        raise _Fault("Here nothing can be unknown: leave this out.")
    if answer is None and is_asked_about_unknown(asked, operator, is_denied=is_denied):
        raise _Fault(f"Say whether customers whose “{asked.label}” is not known meet this condition.")
    return answer


def is_asked_about_unknown(asked: Field, operator: Operator, *, is_denied: bool) -> bool:
    """Whether a rule must say what becomes of customers without a value: it is never guessed."""
    return asked.may_be_unknown and operator.name not in _MAYBE and (bool(operator.positive) or is_denied)


def _at(path: str) -> str:
    return f"at {path}, " if path else ""


# ── arguments: each returns the typed value or raises a _Fault


def _word(value: Any, kind: Kind) -> str:  # noqa: ARG001 - one shape for all
    if not isinstance(value, str) or not value.strip():
        raise _Fault("Write a word.")
    if len(value) > MOST_TEXT:
        raise _Fault(f"The word is longer than {MOST_TEXT} characters.")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise _Fault("The word holds a character that cannot be stored.")
    return value


def _words(value: Any, kind: Kind) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise _Fault("Choose at least one value.")
    if len(value) > MOST_WORDS:
        raise _Fault(f"Choose {MOST_WORDS} values at most.")
    return tuple(dict.fromkeys(_word(each, kind) for each in value))


def _amount(value: Any, kind: Kind) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LIMIT:
        raise _Fault("Write a number.")
    if isinstance(value, float) and not math.isfinite(value):
        raise _Fault("Write a number.")
    if kind in ("money", "count"):
        if value != int(value):
            raise _Fault("Write a whole number" + (" of minor units (cents)." if kind == "money" else "."))
        value = int(value)
    if kind == "count" and value < 0:
        raise _Fault("A number of times is not below 0.")
    return float(value) if isinstance(value, float) else int(value)


def _amounts(value: Any, kind: Kind) -> tuple[int | float, int | float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise _Fault("Write two numbers, from and to.")
    low, high = _amount(value[0], kind), _amount(value[1], kind)
    if low > high:
        raise _Fault("The first number is above the second.")
    return low, high


def _days(value: Any, kind: Kind) -> int:
    most = YEAR if kind == "anniversary" else MOST_DAYS
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise _Fault(f"Write a number of days from 0 (today) to {most}.")
    return value


def _day(value: Any, kind: Kind) -> date:  # noqa: ARG001
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise _Fault(f"{value} is not a day of the calendar.") from None
        if 1800 <= day.year <= 2200:
            return day
    raise _Fault("Write a day as in 2026-12-31.")


def _span(value: Any, kind: Kind) -> tuple[date, date]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise _Fault("Write two days, from and to.")
    since, until = _day(value[0], kind), _day(value[1], kind)
    if since > until:
        raise _Fault("The first day is after the second.")
    return since, until


def _month(value: Any, kind: Kind) -> int:  # noqa: ARG001
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 12:
        raise _Fault("Write a month from 1 to 12.")
    return value


def _truth(value: Any, kind: Kind) -> bool:  # noqa: ARG001
    if not isinstance(value, bool):
        raise _Fault("Write true or false.")
    return value


_ARGUMENTS: Mapping[Argument, Callable[[Any, Kind], Any]] = {
    "word": _word,
    "words": _words,
    "amount": _amount,
    "amounts": _amounts,
    "days": _days,
    "day": _day,
    "span": _span,
    "month": _month,
    "truth": _truth,
}


def _filter_word(value: Any) -> str:
    return _word(value, "text")


def _period(value: Any) -> dict[str, Any]:
    """`{"last_days": n}`, or `{"from": day, "to": day}` with one of both at least."""
    if not isinstance(value, Mapping) or not value:
        raise _Fault('Write a period as {"last_days": 30} or {"from": "2026-01-01", "to": "2026-12-31"}.')
    if set(value) == {"last_days"}:
        return {"last_days": _days(value["last_days"], "moment")}
    if not set(value) <= {"from", "to"}:
        raise _Fault("A period is the last days, or from a day to a day.")
    days = {name: _day(value[name], "moment") for name in ("from", "to") if name in value}
    if len(days) == 2 and days["from"] > days["to"]:
        raise _Fault("The first day is after the second.")
    return {name: day.isoformat() for name, day in days.items()}


_FILTERS: Mapping[FilterKind, Callable[[Any], Any]] = {
    "choice": _filter_word,
    "text": _filter_word,
    "period": _period,
}


# ── meaning: whether a value meets a condition


def holds(condition: Condition, value: Any, today: date) -> bool:
    """Whether a customer with this value meets the condition.

    `value`: None if unknown; text, number, bool; a local `date` for moments and dates; (month, day) for an
    anniversary; a collection of words for a set.
    """
    is_unknown = value is None or value == "" or (condition.kind == "set" and not value)
    if condition.op == "unknown":
        return is_unknown
    if condition.op == "known":
        return not is_unknown
    if is_unknown and condition.kind != "set":
        return bool(condition.if_unknown)
    name = condition.operator.positive or condition.op
    return _MEANING[name](condition, value, today) != bool(condition.operator.positive)


def birthdays_between(since: date, until: date) -> list[tuple[int, int, int]]:
    """The birthdays from `since` to `until`, both included, as `(month, first day, last day)`.

    Born on 29 February is kept on 28 February in the years that have no 29th.
    """
    found = []
    day = since
    while day <= until:
        last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        end = min(last, until)
        is_stand_in = (end.month, end.day, last.day) == (2, 28, 28)
        found.append((day.month, day.day, 29 if is_stand_in else end.day))
        day = last + timedelta(days=1)
    return found


def _in_days(value: date, since: date, until: date) -> bool:
    return since <= value <= until


def _in_last(condition: Condition, value: Any, today: date) -> bool:
    since = today - timedelta(days=condition.value)
    if condition.kind == "anniversary":
        return _is_birthday_in(value, since, today)
    return _in_days(value, since, today)


def _in_next(condition: Condition, value: Any, today: date) -> bool:
    until = today + timedelta(days=condition.value)
    if condition.kind == "anniversary":
        return _is_birthday_in(value, today, until)
    return _in_days(value, today, until)


def _is_birthday_in(value: tuple[int, int], since: date, until: date) -> bool:
    month, day = value
    return any(m == month and low <= day <= high for m, low, high in birthdays_between(since, until))


_MEANING: Mapping[str, Callable[[Condition, Any, date], bool]] = {
    "is": lambda c, value, _t: _same(c, value) == _same(c, c.value),
    "one_of": lambda c, value, _t: _same(c, value) in {_same(c, word) for word in c.value},
    "contains": lambda c, value, _t: c.value.lower() in value.lower(),
    "starts_with": lambda c, value, _t: value.lower().startswith(c.value.lower()),
    "ends_with": lambda c, value, _t: value.lower().endswith(c.value.lower()),
    "has_any": lambda c, value, _t: bool(set(c.value) & set(value)),
    "has_all": lambda c, value, _t: set(c.value) <= set(value),
    "equals": lambda c, value, _t: bool(value == c.value),
    "at_least": lambda c, value, _t: bool(value >= c.value),
    "at_most": lambda c, value, _t: bool(value <= c.value),
    "between": lambda c, value, _t: bool(c.value[0] <= value <= c.value[1]),
    "in_last": _in_last,
    "in_next": _in_next,
    "before": lambda c, value, _t: bool(value < c.value),
    "from": lambda c, value, _t: bool(value >= c.value),
    "within": lambda c, value, _t: bool(c.value[0] <= value <= c.value[1]),
    "in_month": lambda c, value, _t: bool(value[0] == c.value),
    "truth": lambda c, value, _t: bool(value) == c.value,
}


def _same(condition: Condition, word: str) -> str:
    return word if condition.kind == "choice" else word.lower()


def local_day(value: datetime | None, zone: Any) -> date | None:
    """The day on which an instant lies in a zone."""
    return None if value is None else value.astimezone(zone).date()

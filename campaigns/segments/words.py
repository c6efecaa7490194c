"""Rules and values in plain words, for the list, the explanation and the command line. Pure."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from campaigns.fields import Catalogue, Field, Filter
from campaigns.segments.rules import Condition, Group, Node

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
MATCH_WORDS = {"all": "all of these", "any": "at least one of these", "none": "none of these"}

Labels = Mapping[tuple[str, str], str]
"""How people call a value: by (field or filter name, value). What is missing is shown as it is."""


def sentence(condition: Condition, catalogue: Catalogue, labels: Labels | None = None) -> str:
    """“Last order is not in the last 365 days (unknown: does not count)”."""
    field = catalogue[condition.field]
    known = labels or {}
    words = condition.operator.words.format(_value(condition, field, catalogue.currency, known))
    filters = [
        _filter(each, condition.filters[each.name], known)
        for each in field.filters
        if each.name in condition.filters
    ]
    subject = " ".join([field.label, *filters])
    return f"{subject} {words}{_unknown(condition)}"


def _unknown(condition: Condition) -> str:
    if condition.if_unknown is None:
        return ""
    return f" (not known: {'counts' if condition.if_unknown else 'does not count'})"


def _value(condition: Condition, field: Field, currency: str, labels: Labels) -> str:
    value, kind = condition.value, condition.operator.argument
    if kind in ("word", "words"):
        words = value if isinstance(value, tuple) else (value,)
        return " or ".join(f"“{labels.get((field.name, word), word)}”" for word in words)
    if kind == "amount":
        return amount(value, field, currency)
    if kind == "amounts":
        return f"{amount(value[0], field, currency)} and {amount(value[1], field, currency)}"
    if kind == "days":
        return days(value)
    if kind == "day":
        return day(value)
    if kind == "span":
        return f"{day(value[0])} and {day(value[1])}"
    if kind == "month":
        return MONTHS[value - 1]
    if kind == "truth":
        return "yes" if value else "no"
    return ""


def _filter(filter_: Filter, value: Any, labels: Labels) -> str:
    if filter_.kind != "period":
        return f"{filter_.label} “{labels.get((filter_.name, value), value)}”"
    if "last_days" in value:
        return f"in the last {days(value['last_days'])}"
    parts = [f"{word} {day(date.fromisoformat(value[word]))}" for word in ("from", "to") if word in value]
    return " ".join(parts)


def amount(value: float, field: Field, currency: str) -> str:
    """A number as people write it: money in its currency's units."""
    if field.kind == "money":
        return f"{value / 100:,.2f} {currency}"
    return f"{value:g}" if isinstance(value, float) else f"{value:,}"


def days(number: int) -> str:
    """“today”, “1 day”, “30 days”."""
    return "0 days (today)" if number == 0 else f"{number} day" if number == 1 else f"{number} days"


def day(value: date) -> str:
    """“23 November 2026”."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def shown(value: Any, field: Field, currency: str, labels: Labels | None = None) -> str:
    """A customer's value in words; “not known” where there is none. Shapes as in `rules.holds`."""
    known = labels or {}
    if value is None or value == "":
        return "not known"
    if field.kind == "set":
        return ", ".join(known.get((field.name, word), word) for word in sorted(value)) or "none"
    if field.kind in ("count", "number", "money"):
        return amount(value, field, currency)
    if field.kind in ("moment", "date"):
        return day(value)
    if field.kind == "anniversary":
        return f"{value[1]} {MONTHS[value[0] - 1]}"
    if field.kind == "boolean":
        return "yes" if value else "no"
    return known.get((field.name, str(value)), str(value))


def summary(node: Node, catalogue: Catalogue, labels: Labels | None = None) -> str:
    """The whole rule in one line."""
    if isinstance(node, Condition):
        return sentence(node, catalogue, labels)
    assert isinstance(node, Group)
    if not node.members:
        return "Everybody"
    parts = [summary(each, catalogue, labels) for each in node.members]
    if node.match == "none":
        return "none of: " + "; ".join(parts)
    joined = (" and " if node.match == "all" else " or ").join(parts)
    return joined if node.path == "" or len(parts) == 1 else f"({joined})"

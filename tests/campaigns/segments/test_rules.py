"""The rule language by itself: what may be written, what is said of a fault, what a value means."""

from datetime import date
from typing import Any

import pytest

from campaigns.errors import Invalid
from campaigns.fields import Catalogue, Field, Filter
from campaigns.segments.rules import (
    MOST_CONDITIONS,
    Condition,
    birthdays_between,
    conditions,
    holds,
    parse,
    written,
)
from campaigns.segments.words import summary

PERIOD = Filter("period", "in the period", "period")
CATEGORY = Filter("category", "in the category", "text")
CATALOGUE = Catalogue(
    [
        Field("name", "Name", "Person", "text"),
        Field("class", "Class", "Person", "choice"),
        Field("tags", "Tags", "Person", "set"),
        Field("age", "Age", "Person", "number"),
        Field("spent", "Spent", "Orders", "money", is_always_known=True),
        Field("orders", "Orders", "Orders", "count", filters=(CATEGORY, PERIOD)),
        Field("last", "Last order", "Orders", "moment", filters=(PERIOD,)),
        Field("contract", "Contract", "Person", "date"),
        Field("birthday", "Birthday", "Person", "anniversary"),
        Field("agrees", "Agrees", "Person", "boolean", is_always_known=True),
    ],
    "EUR",
)
TODAY = date(2026, 11, 23)


def faults(rule: Any, **choices: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        parse(rule, CATALOGUE, lambda field: choices.get(field.name))
    return caught.value.faults


def one(**condition: Any) -> dict[str, Any]:
    return {"all": [condition]}


@pytest.mark.parametrize(
    "rule",
    [
        {"all": []},
        one(field="name", op="is", value="Zoé"),
        one(field="name", op="is_not", value="Zoé", if_unknown=True),
        one(field="tags", op="has_all", value=["a", "b"]),
        one(field="spent", op="between", value=[0, 100]),
        one(field="orders", op="at_least", value=1, where={"category": "wine", "period": {"last_days": 30}}),
        one(
            field="orders", op="equals", value=0, where={"period": {"from": "2026-01-01", "to": "2026-06-30"}}
        ),
        one(field="last", op="not_in_last", value=90, if_unknown=False),
        one(field="contract", op="within", value=["2026-01-01", "2026-12-31"]),
        one(field="birthday", op="in_next", value=7),
        one(field="agrees", op="truth", value=True),
        {"any": [one(field="name", op="unknown"), {"none": [one(field="age", op="known")]}]},
    ],
)
def test_a_good_rule_is_read_and_written_back_unchanged(rule: Any) -> None:
    node = parse(rule, CATALOGUE)
    assert written(node) == rule
    assert summary(node, CATALOGUE)


@pytest.mark.parametrize(
    ("rule", "path", "words"),
    [
        ("all", "", "group or a condition"),
        (None, "", "group or a condition"),
        ([], "", "group or a condition"),
        ({}, "", "one key"),
        ({"all": [], "any": []}, "", "one key"),
        ({"all": "x"}, "/all", "list"),
        ({"field": "name", "op": "known"}, "", "begins with a group"),
        ({"all": [{"any": []}]}, "/all/0", "empty"),
        ({"all": [7]}, "/all/0", "group or a condition"),
        (one(field="nme", op="is", value="x"), "/all/0/field", "no such field"),
        (one(field=["name"], op="is", value="x"), "/all/0/field", "no such field"),
        (one(field="name", op="like", value="x"), "/all/0/op", "is compared by"),
        (one(field="agrees", op="unknown"), "/all/0/op", "is compared by"),
        (one(field="name", op="is"), "/all/0/value", "Write a word"),
        (one(field="name", op="is", value=" "), "/all/0/value", "Write a word"),
        (one(field="name", op="is", value="x" * 201), "/all/0/value", "longer"),
        (one(field="name", op="is", value="a\0b"), "/all/0/value", "cannot be stored"),
        (one(field="name", op="is", value="\ud800"), "/all/0/value", "cannot be stored"),
        (one(field="name", op="one_of", value=[]), "/all/0/value", "at least one"),
        (one(field="name", op="one_of", value=["x"] * 101), "/all/0/value", "100"),
        (one(field="name", op="known", value="x"), "/all/0/value", "no value"),
        (one(field="age", op="at_least", value="7"), "/all/0/value", "number"),
        (one(field="age", op="at_least", value=True), "/all/0/value", "number"),
        (one(field="age", op="at_least", value=float("nan")), "/all/0/value", "number"),
        (one(field="age", op="at_least", value=10**400), "/all/0/value", "number"),
        (one(field="spent", op="at_least", value=1.5), "/all/0/value", "whole number"),
        (one(field="orders", op="at_least", value=-1), "/all/0/value", "below 0"),
        (one(field="spent", op="between", value=[9, 1]), "/all/0/value", "above"),
        (one(field="last", op="in_last", value=-1), "/all/0/value", "number of days"),
        (one(field="birthday", op="in_next", value=400), "/all/0/value", "366"),
        (one(field="last", op="before", value="23.11.2026"), "/all/0/value", "2026-12-31"),
        (one(field="last", op="before", value="2026-02-30"), "/all/0/value", "calendar"),
        (one(field="last", op="within", value=["2026-12-31", "2026-01-01"]), "/all/0/value", "after"),
        (one(field="birthday", op="in_month", value=13), "/all/0/value", "1 to 12"),
        (one(field="agrees", op="truth", value="yes"), "/all/0/value", "true or false"),
        (one(field="orders", op="equals", value=0, where={"shop": "x"}), "/all/0/where", "no filter"),
        (one(field="orders", op="equals", value=0, where=[]), "/all/0/where", "by their names"),
        (
            one(field="orders", op="equals", value=0, where={"period": {"days": 3}}),
            "/all/0/where/period",
            "A period is",
        ),
        (one(field="name", op="is", value="x", extra=1), "/all/0", "extra"),
        (one(field="name", op="is", value="x", if_unknown="no"), "/all/0/if_unknown", "true or false"),
        (one(field="orders", op="equals", value=0, if_unknown=True), "/all/0/if_unknown", "leave this out"),
    ],
)
def test_each_fault_is_named_by_its_place_with_a_sentence(rule: Any, path: str, words: str) -> None:
    found = faults(rule)
    assert path in found
    assert words in found[path]


def test_all_faults_are_told_at_once() -> None:
    rule = {"all": [{"field": "x"}, {"field": "last", "op": "not_in_last", "value": -3}]}
    assert set(faults(rule)) == {"/all/0/field", "/all/1/value", "/all/1/if_unknown"}


def test_a_word_outside_a_closed_choice_is_refused() -> None:
    assert (
        "not one of the values"
        in faults(one(field="class", op="is", value="x"), **{"class": {"a"}})["/all/0/value"]
    )


@pytest.mark.parametrize("op", ["is_not", "none_of", "not_contains"])
def test_a_negative_comparison_must_say_what_becomes_of_the_unknown(op: str) -> None:
    value = ["x"] if op == "none_of" else "x"
    assert "is not known" in faults(one(field="name", op=op, value=value))["/all/0/if_unknown"]
    assert parse(one(field="name", op=op, value=value, if_unknown=False), CATALOGUE)


def test_below_none_even_a_positive_comparison_must_say_it() -> None:
    condition = {"field": "last", "op": "in_last", "value": 90}
    assert "/none/0/if_unknown" in faults({"none": [condition]})
    assert parse({"none": [{**condition, "if_unknown": False}]}, CATALOGUE)
    assert parse({"none": [{"none": [condition]}]}, CATALOGUE), "denied twice is not denied"


def test_size_and_depth_are_bounded() -> None:
    condition = {"field": "name", "op": "known"}
    many = {"all": [{"any": [condition] * MOST_CONDITIONS}, condition]}
    assert "the most" in faults(many)[""]
    deep: Any = condition
    for _ in range(2000):
        deep = {"all": [deep]}
    assert any("deep" in sentence for sentence in faults(deep).values())


def test_birthdays_over_the_turn_of_the_year() -> None:
    assert birthdays_between(date(2026, 12, 30), date(2027, 1, 2)) == [(12, 30, 31), (1, 1, 2)]


@pytest.mark.parametrize(
    ("since", "until", "is_in"),
    [
        (date(2027, 2, 28), date(2027, 2, 28), True),  # no 29th this year: kept on the 28th
        (date(2028, 2, 28), date(2028, 2, 28), False),
        (date(2028, 2, 29), date(2028, 2, 29), True),
        (date(2027, 3, 1), date(2027, 3, 31), False),
        (date(2027, 2, 1), date(2027, 2, 27), False),
        (date(2026, 11, 23), date(2027, 11, 23), True),
    ],
)
def test_the_29th_of_february(since: date, until: date, is_in: bool) -> None:
    assert any(m == 2 and low <= 29 <= high for m, low, high in birthdays_between(since, until)) is is_in


@pytest.mark.parametrize(
    ("op", "value", "found", "if_unknown", "answer"),
    [
        ("in_last", 0, TODAY, None, True),
        ("in_last", 30, date(2026, 10, 24), None, True),
        ("in_last", 30, date(2026, 10, 23), None, False),
        ("in_last", 30, date(2026, 11, 24), None, False),
        ("not_in_last", 30, date(2026, 10, 23), False, True),
        ("not_in_last", 30, None, False, False),
        ("not_in_last", 30, None, True, True),
        ("in_last", 30, None, None, False),
        ("unknown", None, None, None, True),
        ("known", None, None, None, False),
    ],
)
def test_a_value_that_is_not_known_is_a_case_of_its_own(
    op: str, value: Any, found: Any, if_unknown: bool | None, answer: bool
) -> None:
    assert holds(Condition("last", "moment", op, value, {}, if_unknown), found, TODAY) is answer


def test_every_condition_is_found_with_its_path() -> None:
    rule = {"any": [one(field="name", op="known"), {"none": [{"field": "age", "op": "known"}]}]}
    assert [each.path for each in conditions(parse(rule, CATALOGUE))] == ["/any/0/all/0", "/any/1/none/0"]


def test_a_rule_in_words() -> None:
    rule = {
        "all": [
            {
                "field": "orders",
                "op": "at_least",
                "value": 2,
                "where": {"category": "wine", "period": {"last_days": 1}},
            },
            {"field": "last", "op": "not_in_last", "value": 365, "if_unknown": False},
            {
                "any": [
                    {"field": "spent", "op": "at_least", "value": 123456},
                    {"field": "name", "op": "unknown"},
                ]
            },
        ]
    }
    assert summary(parse(rule, CATALOGUE), CATALOGUE) == (
        "Orders in the category “wine” in the last 1 day is at least 2 and "
        "Last order is not in the last 365 days (not known: does not count) and "
        "(Spent is at least 1,234.56 EUR or Name is not known)"
    )

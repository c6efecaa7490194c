"""Ready-made segments, to be copied and changed. Each is a rule over fields that every shop has."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ready:
    """One of them: `key` is how a page asks for it."""

    key: str
    name: str
    description: str
    rule: dict[str, Any]


def _condition(field: str, op: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"field": field, "op": op, **({} if value is None else {"value": value}), **more}


READY = (
    Ready(
        "loyal",
        "Loyal customers",
        "Bought often and recently: the relation to look after.",
        {"all": [_condition("score.class", "one_of", ["champion", "loyal"])]},
    ),
    Ready(
        "new",
        "New customers",
        "First order in the last 90 days: the moment to thank and reassure.",
        {"all": [_condition("purchases.first", "in_last", 90)]},
    ),
    Ready(
        "one_time",
        "One-time buyers",
        "A single order, more than 90 days ago: a transaction that has not become a relation.",
        {
            "all": [
                _condition("purchases.count", "equals", 1),
                _condition("purchases.last", "not_in_last", 90, if_unknown=False),
            ]
        },
    ),
    Ready(
        "asleep",
        "Asleep",
        "Bought at least twice, and not in the last year. Those who never ordered are not among them.",
        {
            "all": [
                _condition("purchases.count", "at_least", 2),
                _condition("purchases.last", "not_in_last", 365, if_unknown=False),
            ]
        },
    ),
    Ready(
        "birthdays",
        "Birthdays this week",
        "Birthday today or in the next 6 days.",
        {"all": [_condition("customer.birthday", "in_next", 6)]},
    ),
    Ready(
        "big_spenders",
        "Big spenders",
        "Among the fifth of buyers who spent the most.",
        {"all": [_condition("score.m", "at_least", 5)]},
    ),
    Ready(
        "clicked",
        "Clicked in 30 days",
        "A person, not a machine, clicked in one of our mails.",
        {"all": [_condition("clicked.last", "in_last", 30)]},
    ),
    Ready(
        "never_bought",
        "Never bought",
        "Known to us, without a single order that counts.",
        {"all": [_condition("purchases.count", "equals", 0)]},
    ),
    Ready("everybody", "Everybody", "All customers. Only those who agreed are ever written to.", {"all": []}),
)

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
    Ready(
        "champions",
        "Champions",
        "The best by recency, frequency and amount, with three orders or more: to be thanked, not pushed.",
        {"all": [_condition("score.class", "one_of", ["champion"])]},
    ),
    Ready(
        "at_risk",
        "At risk",
        "Silent for longer than their own rhythm lets expect, and not lost yet: the moment to ask how they are.",
        {"all": [_condition("relation.risk", "one_of", ["at_risk"])]},
    ),
    Ready(
        "lost",
        "Lost",
        "Silent for far longer than their own rhythm. Those who asked for no letters get none anyway.",
        {"all": [_condition("relation.risk", "one_of", ["lost"])]},
    ),
    Ready(
        "lost_discontent",
        "Lost after discontent",
        "Lost, with a complaint or a problem before the silence: apologise before you invite.",
        {
            "all": [
                _condition("relation.risk", "one_of", ["lost"]),
                _condition("relation.cause", "one_of", ["dissatisfied", "repeated_failures"]),
            ]
        },
    ),
    Ready(
        "big_baskets",
        "Big baskets",
        "Two orders or more, of 100.00 or more on average: change the amount to what is much in your shop.",
        {
            "all": [
                _condition("score.basket", "at_least", 100_00),
                _condition("purchases.count", "at_least", 2),
            ]
        },
    ),
    Ready(
        "promotion_only",
        "Promotion-only buyers",
        "At least three orders, every one right after a click in a promotion: attached to the price.",
        {
            "all": [
                _condition("purchases.count", "at_least", 3),
                _condition("score.promotion_share", "at_least", 1),
            ]
        },
    ),
    Ready(
        "interested",
        "Interested in a category",
        "Clicked or bought lately; choose the category in the condition.",
        {"all": [_condition("score.interest", "at_least", 1)]},
    ),
    Ready(
        "solid",
        "Solid customers",
        "Come back in their own rhythm and show that they are for us: who may recommend us.",
        {"all": [_condition("relation.loyalty", "one_of", ["solid"])]},
    ),
    Ready(
        "fragile",
        "Loyal in figures, fragile in fact",
        "Come back by habit or for want of a choice, and may leave at the first occasion.",
        {"all": [_condition("relation.loyalty", "one_of", ["inertia", "retention"])]},
    ),
    Ready(
        "we_only_ask",
        "We only ask",
        "Got promotions or surveys in the last year, and neither advice nor thanks nor service.",
        {
            "all": [
                _condition("balance.asked", "at_least", 1),
                _condition("balance.given", "equals", 0),
            ]
        },
    ),
    Ready(
        "key_accounts",
        "Key accounts",
        "Confirmed by a person, with a reason and an owner.",
        {"all": [_condition("key_account.is_one", "truth", True)]},
    ),
    Ready(
        "quiet_key_accounts",
        "Quiet key accounts",
        "Key accounts that are silent beyond their own rhythm: call them.",
        {
            "all": [
                _condition("key_account.is_one", "truth", True),
                _condition("relation.risk", "one_of", ["at_risk", "lost"]),
            ]
        },
    ),
    Ready("everybody", "Everybody", "All customers. Only those who agreed are ever written to.", {"all": []}),
)

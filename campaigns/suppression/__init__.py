"""Whom we must not write to: an address, the cause, since when, and what shows it. Knows addresses, never campaigns."""

from campaigns.suppression.actions import (
    forget_address,
    lift,
    lift_cause,
    suppress,
    suppress_by_hand,
    suppress_many,
    take_over,
    welcome_back,
)
from campaigns.suppression.hashing import Pepper, is_hashed
from campaigns.suppression.model import Suppression
from campaigns.suppression.queries import (
    causes_in_force,
    count_by_cause,
    count_unreadable,
    forgotten,
    get_suppression,
    in_force,
    of_address,
    register,
    suppressed_keys,
)
from campaigns.suppression.rules import CAUSES, Cause, may_be_lifted_by_hand

__all__ = [
    "CAUSES",
    "Cause",
    "Pepper",
    "Suppression",
    "causes_in_force",
    "count_by_cause",
    "count_unreadable",
    "forget_address",
    "forgotten",
    "get_suppression",
    "in_force",
    "is_hashed",
    "lift",
    "lift_cause",
    "may_be_lifted_by_hand",
    "of_address",
    "register",
    "suppress",
    "suppress_by_hand",
    "suppress_many",
    "suppressed_keys",
    "take_over",
    "welcome_back",
]

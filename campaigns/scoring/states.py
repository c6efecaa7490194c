"""Every class of a customer in one number, so that a night's changes among a million are found by one comparison."""

from typing import Any

import numpy as np

from campaigns.scoring.loyalty import TYPE_NAMES
from campaigns.scoring.relation import PHASES, RISKS
from campaigns.scoring.rules import CLASS_NAMES, Integers

FIELDS = (("r", 3), ("f", 3), ("m", 3), ("t", 3), ("codes", 4), ("phases", 3), ("risks", 2), ("types", 2))
"""The columns of `Scored` in it, with their bits."""
NAMES = {
    "class": ("codes", CLASS_NAMES),
    "phase": ("phases", PHASES),
    "risk": ("risks", RISKS),
    "loyalty": ("types", TYPE_NAMES),
}
"""The kinds whose change is noted, with the words of their codes."""


def packed_state(scored: Any) -> Integers:
    """The number of everybody."""
    found = np.zeros(len(scored), dtype=np.int64)
    for name, bits in FIELDS:
        found = found << bits | getattr(scored, name)
    return found


def unpacked(states: Integers, column: str) -> Integers:
    """One column out of the numbers."""
    shift = 0
    for name, bits in reversed(FIELDS):
        if name == column:
            found: Integers = states >> shift & (1 << bits) - 1
            return found
        shift += bits
    raise KeyError(column)

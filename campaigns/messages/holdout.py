"""Who is left without a letter, to see what the letter does: a stable draw by letter and customer. Pure.

The same customer stays held out of the same letter for good, whatever its wording, so that the two groups can be
compared; another letter draws others. The draw is arithmetic that both databases and Python do alike: the id, modulo
the prime 2³¹−1, goes through a line and a parabola whose coefficients come from a hash of the letter's name.
"""

from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement

PRIME = 2**31 - 1
"""Products of two numbers below it stay below 2⁶², within the whole numbers of both databases."""
MOST = 50
"""Percent: more than half would no longer be a letter with a comparison."""


def coefficients(salt: str) -> tuple[int, int, int]:
    """Three numbers below the prime, the first and last not zero."""
    digest = sha256(salt.encode()).digest()
    a, b, c = (int.from_bytes(digest[n : n + 8], "big") for n in (0, 8, 16))
    return a % (PRIME - 1) + 1, b % PRIME, c % (PRIME - 1) + 1


def draw(customer_id: int, salt: str) -> int:
    """0 to 99 for a customer."""
    return int(_draw(customer_id, salt))


def is_held_out(customer_id: int, salt: str, percent: int) -> bool:
    """Whether this customer is among the `percent` left without."""
    return draw(customer_id, salt) < percent


def held_out(customer_id: Any, salt: str, percent: int) -> ColumnElement[bool]:
    """The same for a column of ids."""
    return _draw(customer_id, salt) < percent  # type: ignore[no-any-return]


def _draw(number: Any, salt: str) -> Any:
    a, b, c = coefficients(salt)
    x = (number % PRIME * a + b) % PRIME
    return (x * x % PRIME * c + x) % PRIME % 100

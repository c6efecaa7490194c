"""Let the invented customers buy: each at their own rate until they drop out, in the shop's seasons."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from campaigns.demonstration.catalogue import CATEGORIES, CATEGORY_SEASON, ITEMS, SEASON, Item
from campaigns.demonstration.people import Person

_SHELF = {category: [item for item in ITEMS if item.category == category] for category in CATEGORIES}
_BUSIEST = max(SEASON)


@dataclass(frozen=True)
class Order:
    """One invented order with its lines `(item, quantity)` and what was refunded of it, in minor units."""

    person: Person
    at: datetime
    channel: str
    lines: tuple[tuple[Item, int], ...]
    refunded: int = 0
    is_cancelled: bool = False

    @property
    def amount(self) -> int:
        return sum(item.price * quantity for item, quantity in self.lines)


def buy(chance: np.random.Generator, people: list[Person], now: datetime) -> list[Order]:
    """Every order up to `now`, oldest first."""
    orders = [order for person in people if person.does_buy for order in _orders_of(chance, person, now)]
    return sorted(orders, key=lambda order: (order.at, order.person.number))


def _orders_of(chance: np.random.Generator, person: Person, now: datetime) -> Iterator[Order]:
    at = person.joined_at + timedelta(minutes=float(chance.integers(2, 40)))
    while at < now:
        yield _order(chance, person, at)
        if chance.random() < person.dropout:
            return
        at = _next(chance, person, at)


def _next(chance: np.random.Generator, person: Person, at: datetime) -> datetime:
    """The next moment of a Poisson process whose rate follows the seasons: by thinning."""
    while True:
        at += timedelta(days=float(chance.exponential(1 / max(person.rate * _BUSIEST, 1e-4))))
        if at.year > 9000 or chance.random() * _BUSIEST <= SEASON[at.month - 1]:
            return at.replace(hour=int(chance.integers(7, 22)), minute=int(chance.integers(0, 60)))


def _order(chance: np.random.Generator, person: Person, at: datetime) -> Order:
    lines = tuple(_line(chance, person, at) for _ in range(1 + int(chance.poisson(0.9))))
    is_wholesale = "wholesale" in person.tags
    if is_wholesale:
        lines = tuple((item, quantity * 12) for item, quantity in lines)
    channel = "shop" if person.source == "shop counter" and chance.random() < 0.7 else "web"
    order = Order(person, at.replace(second=int(chance.integers(0, 60)), microsecond=0), channel, lines)
    fate = chance.random()
    if fate < 0.012:
        return Order(person, order.at, channel, lines, refunded=order.amount)
    if fate < 0.04:
        item, quantity = lines[0]
        return Order(person, order.at, channel, lines, refunded=item.price * quantity)
    return Order(person, order.at, channel, lines, is_cancelled=fate > 0.992)


def _line(chance: np.random.Generator, person: Person, at: datetime) -> tuple[Item, int]:
    pull = [
        taste * CATEGORY_SEASON.get(category, SEASON)[at.month - 1]
        for taste, category in zip(person.tastes, CATEGORIES, strict=True)
    ]
    shares = np.cumsum(pull) / sum(pull)
    shelf = _SHELF[CATEGORIES[int(np.searchsorted(shares, chance.random()))]]
    # Nearer to the front of the shelf sells more.
    place = min(int(chance.exponential(len(shelf) / 2.5)), len(shelf) - 1)
    return shelf[place], 1 + int(chance.random() < 0.14)

"""Invent the demonstration's customers: names, addresses, birthdays, where they live, how they behave."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from campaigns.demonstration.catalogue import (
    CATEGORIES,
    COUNTRIES,
    DOMAINS,
    FIRST_NAMES,
    LAST_NAMES,
    SOURCES,
    TAGS,
)

YEARS = 3
DAYS = YEARS * 365


@dataclass(frozen=True)
class Person:
    """One invented customer. `rate` is orders a day while active, `dropout` the chance to leave after each order."""

    number: str
    first_name: str
    last_name: str
    email: str
    language: str
    zone: str
    country: str
    source: str
    birthday: tuple[int | None, int, int] | None
    tags: tuple[str, ...]
    joined_at: datetime
    does_buy: bool
    rate: float
    dropout: float
    tastes: tuple[float, ...]
    reading: float
    clicking: float
    opens_by: str
    agrees_to_mail: bool
    agrees_to_tracking: bool


def invent(chance: np.random.Generator, count: int, now: datetime) -> list[Person]:
    """`count` people who joined in the last three years, the shop growing; the same seed gives the same people."""
    taken: set[str] = set()
    # A shop that grows: the density of arrivals rises to half as much again.
    joined_days_ago = DAYS * (1 - np.sqrt(1 + 1.25 * chance.random(count)) * 2 + 2).clip(0, 1)
    ages = np.sort(joined_days_ago)[::-1]
    return [_person(chance, f"C{10_001 + place}", float(ages[place]), now, taken) for place in range(count)]


def _person(
    chance: np.random.Generator, number: str, days_ago: float, now: datetime, taken: set[str]
) -> Person:
    country, language, zone, _ = COUNTRIES[_pick(chance, [share for *_, share in COUNTRIES])]
    first = str(chance.choice(FIRST_NAMES[language].split()))
    last = str(chance.choice(LAST_NAMES[language].split()))
    does_buy = chance.random() < 0.86
    agrees = chance.random() < 0.9
    is_reader = chance.random() < 0.85
    domain, _ = DOMAINS[_pick(chance, [share for _, share in DOMAINS])]
    source, _ = SOURCES[_pick(chance, [share for _, share in SOURCES])]
    return Person(
        number=number,
        first_name=first,
        last_name=last,
        email=_address(first, last, domain, chance, taken),
        language=language,
        zone=zone if chance.random() < 0.8 else "",
        country=country,
        source=source,
        birthday=_birthday(chance),
        tags=tuple(tag for tag, share in TAGS if chance.random() < share),
        joined_at=_at_daytime(chance, now - timedelta(days=days_ago), now),
        does_buy=does_buy,
        rate=float(chance.gamma(0.9, 1 / 150)),
        dropout=float(chance.beta(0.8, 3.8)),
        tastes=tuple(chance.dirichlet([0.9] + [0.45] * (len(CATEGORIES) - 1)).tolist()),
        reading=float(chance.beta(2.2, 2.4)) if is_reader else float(chance.beta(0.3, 20)),
        clicking=float(chance.beta(1.3, 5)),
        opens_by=("human", "proxied", "machine")[_pick(chance, [0.5, 0.28, 0.22])],
        agrees_to_mail=agrees,
        agrees_to_tracking=agrees and chance.random() < 0.84,
    )


def _birthday(chance: np.random.Generator) -> tuple[int | None, int, int] | None:
    """Three in four told theirs, a quarter of them without the year, a few born on 29 February."""
    if chance.random() > 0.74:
        return None
    if chance.random() < 0.006:
        return (int(chance.choice([1964, 1976, 1984, 1988, 1992, 1996])), 2, 29)
    day = datetime(1900 + int(chance.normal(81, 14)), 1, 1) + timedelta(days=int(chance.integers(0, 365)))  # noqa: DTZ001 - a birthday has no zone
    year = None if chance.random() < 0.25 else min(day.year, 2007)
    return (year, day.month, 28 if (day.month, day.day) == (2, 29) else day.day)


def _address(first: str, last: str, domain: str, chance: np.random.Generator, taken: set[str]) -> str:
    plain_first, plain_last = _ascii(first), _ascii(last)
    shapes = [
        f"{plain_first}.{plain_last}",
        f"{plain_first}{plain_last[:1]}",
        f"{plain_first[:1]}.{plain_last}",
        f"{plain_first}{int(chance.integers(1, 99))}",
    ]
    local = shapes[_pick(chance, [0.55, 0.15, 0.15, 0.15])]
    email = f"{local}@{domain}"
    suffix = 2
    while email in taken:
        email = f"{local}{suffix}@{domain}"
        suffix += 1
    taken.add(email)
    return email


def _ascii(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.lower().replace("ß", "ss"))
    return re.sub("[^a-z]", "", decomposed)


def _at_daytime(chance: np.random.Generator, moment: datetime, now: datetime) -> datetime:
    at = moment.replace(
        hour=int(chance.integers(7, 21)), minute=int(chance.integers(0, 60)), second=0, microsecond=0
    )
    return min(at, now - timedelta(minutes=5))


def _pick(chance: np.random.Generator, shares: list[float]) -> int:
    point = chance.random() * sum(shares)
    for place, share in enumerate(shares):
        point -= share
        if point < 0:
            return place
    return len(shares) - 1

"""How long relations last: who still buys, by the month of the first order, and the survival curve. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from campaigns.scoring.rules import DAY, Floats, Integers

COHORTS = 24
"""So many months are kept, each with as many months since."""
MONTH_DAYS = 30.4375
SURVIVAL_MONTHS = 36


def month_starts(now: int, zone: ZoneInfo) -> Integers:
    """The beginnings of the last 24 months of the team's calendar and of the next, in seconds since 1970."""
    here = datetime.fromtimestamp(now, zone)
    newest = here.year * 12 + here.month - 1
    months = range(newest - COHORTS + 1, newest + 2)
    moments = [datetime(month // 12, month % 12 + 1, 1, tzinfo=zone) for month in months]
    return np.array([int(moment.timestamp()) for moment in moments], dtype=np.int64)


def cohorts(place: Integers, at: Integers, first: Integers, starts: Integers) -> Integers:
    """How many of the customers who first ordered in month i ordered in month i + k: a square, rows by i.

    `place` and `at` are one entry an order, `first` one a customer (any value below `starts[0]` for none).
    """
    size = len(starts) - 1
    began = np.searchsorted(starts, first, side="right") - 1
    month = np.searchsorted(starts, at, side="right") - 1
    own = began[place]
    inside = (own >= 0) & (own < size) & (month >= own) & (month < size)
    seen = np.unique(place[inside] * size + month[inside])  # once a customer and month
    who, when = seen // size, seen % size
    cells: Integers = np.bincount(began[who] * size + when - began[who], minlength=size * size)
    return cells.reshape(size, size)


@dataclass(frozen=True)
class CohortRow:
    """The customers who first ordered in one month ("2026-03"): how many, and how many of them ordered each month since."""

    month: str
    customers: int
    active: tuple[int, ...]


def cohort_rows(cells: Sequence[float], now: datetime, zone: ZoneInfo) -> list[CohortRow]:
    """The square as rows, the oldest month first; months in which nobody began are left out."""
    square = np.array(cells, dtype=np.int64).reshape(COHORTS, COHORTS)
    starts = month_starts(int(now.timestamp()), zone)
    names = [f"{datetime.fromtimestamp(int(start), zone):%Y-%m}" for start in starts[:-1]]
    return [
        CohortRow(name, int(row[0]), tuple(int(count) for count in row[: COHORTS - place]))
        for place, (name, row) in enumerate(zip(names, square, strict=True))
        if row[0]
    ]


def survival(days: Floats, is_lost: Integers) -> Floats:
    """The share of relations that last longer than 0, 1, 2 … 36 months.

    E. L. Kaplan and P. Meier, "Nonparametric Estimation from Incomplete Observations" (1958): `days` is how long
    a relation has been seen, to its last order where it was lost, else until today. Empty when nobody is known.
    """
    if not len(days):
        return np.zeros(0)
    month = np.minimum(days / MONTH_DAYS, SURVIVAL_MONTHS + 1).astype(np.int64)
    size = SURVIVAL_MONTHS + 2
    ended = np.bincount(month[is_lost > 0], minlength=size)
    seen = np.bincount(month, minlength=size)
    at_risk = len(days) - np.concatenate([[0], np.cumsum(seen)[:-1]])
    stays: Floats = np.where(at_risk > 0, 1 - ended / np.maximum(at_risk, 1), 1.0)
    return np.asarray(np.cumprod(stays)[: SURVIVAL_MONTHS + 1], dtype=np.float64)


def lasted(first: Integers, last: Integers, is_lost: Integers, now: int) -> Floats:
    """How many days each relation has been seen: from the first order to the last if it was lost, else to `now`."""
    until = np.where(is_lost > 0, last, now)
    return np.asarray((until - first) / DAY, dtype=np.float64)

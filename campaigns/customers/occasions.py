"""Occasions that lie in a customer's life: the birthday."""

import calendar
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Select, and_, case, literal, or_, select

from campaigns.customers.model import Customer
from campaigns.db.expressions import json_object
from campaigns.merge import MergeField
from campaigns.occasions import Occasion, Option, Zones


def birthdays_kept_on(day: date, leap: str) -> list[tuple[int, int]]:
    """The (month, day) of birth that are kept on that day; `leap`: where 29 February goes, "28" or "1"."""
    kept = [(day.month, day.day)]
    stand_in = (2, 28) if leap == "28" else (3, 1)
    if not calendar.isleap(day.year) and kept[0] == stand_in:
        kept.append((2, 29))
    return kept


def _due(options: Mapping[str, Any], day: date, zones: Zones) -> Select[Any]:
    birthday = day - timedelta(days=int(options["days"]))
    kept = birthdays_kept_on(birthday, str(options["leap"]))
    age = case((Customer.birth_year < birthday.year, birthday.year - Customer.birth_year), else_=None)
    return select(
        Customer.id.label("customer_id"),
        literal(str(birthday.year)).label("occasion_key"),
        json_object(age=age, birthday=literal(birthday.isoformat())).label("facts"),
    ).where(
        or_(*(and_(Customer.birth_month == m, Customer.birth_day == d) for m, d in kept)),
        Customer.zone.in_(list(zones)),
    )


BIRTHDAY = Occasion(
    name="birthday",
    label="Birthday",
    description="Once a year, on the customer's birthday, in the morning of their own time zone.",
    options=(
        Option(
            "days",
            "Days after the birthday",
            "number",
            0,
            low=-30,
            high=30,
            help="0 on the day itself; a negative number before it.",
        ),
        Option(
            "leap",
            "Born on 29 February",
            "choice",
            "28",
            choices=(("28", "28 February"), ("1", "1 March")),
            help="The day on which they are greeted in the other three years.",
        ),
    ),
    facts=(
        MergeField("age", "Age reached; none when the year of birth is not known", "number", example=40),
        MergeField("birthday", "The birthday in this year", "text", may_lack=False, example="2026-11-23"),
    ),
    due=_due,
)

OCCASIONS = (BIRTHDAY,)

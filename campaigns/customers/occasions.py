"""Occasions that lie in a customer's life: the birthday, the years with us, the first consent, a date of their own."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from campaigns.customers.model import Attribute, Consent, Customer
from campaigns.db.expressions import json_object, json_text, scanned
from campaigns.merge import MergeField
from campaigns.occasions import (
    LEAP,
    Occasion,
    Option,
    Options,
    Zones,
    anniversaries,
    kept_from,
    kept_on,
    waiting,
)

LIFE = "In their life"
WITH_US = "In their life with us"

MOST_YEARS = 40
NOT_THEIR_OWN = ("import", "demonstration")
"""Acts of consent that were only copied from elsewhere: the person did nothing at that moment."""


def _birthdays(options: Options, day: date, zones: Zones) -> Select[Any]:
    birthday = day - timedelta(days=int(options["days"]))
    kept = kept_on(birthday, str(options["leap"]))
    age = case((Customer.birth_year < birthday.year, birthday.year - Customer.birth_year), else_=None)
    return select(
        Customer.id.label("customer_id"),
        literal(str(birthday.year)).label("occasion_key"),
        json_object(age=age, birthday=literal(birthday.isoformat())).label("facts"),
    ).where(
        or_(*(and_(Customer.birth_month == m, Customer.birth_day == d) for m, d in kept)),
        scanned(Customer.zone).in_(list(zones)),
    )


BIRTHDAY = Occasion(
    name="birthday",
    label="Birthday",
    description="Once a year, on the customer's birthday, in the morning of their own time zone.",
    heading=LIFE,
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
            choices=LEAP.choices,
            help="The day on which they are greeted in the other three years.",
        ),
    ),
    facts=(
        MergeField("age", "Age reached; none when the year of birth is not known", "number", example=40),
        MergeField("birthday", "The birthday in this year", "text", may_lack=False, example="2026-11-23"),
    ),
    due=_birthdays,
    apart_days=60,
)


def _is_first_grant() -> tuple[ColumnElement[bool], ...]:
    """The row is the first consent of its customer to mail."""
    earlier = aliased(Consent)
    before = exists().where(
        earlier.customer_id == Consent.customer_id,
        earlier.purpose == "mail",
        earlier.is_granted,
        or_(earlier.at < Consent.at, and_(earlier.at == Consent.at, earlier.id < Consent.id)),
    )
    return (Consent.purpose == "mail", Consent.is_granted.is_(True), ~before)


def _memberships(options: Options, day: date, zones: Zones) -> Select[Any]:
    year = int(options["year"])
    kept = day - timedelta(days=int(options["days"]))
    asked = anniversaries(kept, str(options["leap"]), (year,) if year else range(1, MOST_YEARS + 1))
    spans = kept_from(asked, zones)
    key = literal(str(kept.year)).label("occasion_key")
    if spans is None:
        return select(Customer.id.label("customer_id"), key, json_object().label("facts")).where(false())
    over_all, walls = spans
    at: Any = Consent.at if options["counted"] == "consent" else Customer.created_at
    facts = json_object(years=walls.c.years, since=walls.c.since).label("facts")
    found: Any = select(Customer.id.label("customer_id"), key, facts)
    if options["counted"] == "consent":
        found = found.join(Consent, Consent.customer_id == Customer.id).where(*_is_first_grant())
    on_wall = and_(
        walls.c.zone == scanned(Customer.zone), scanned(at) >= walls.c.begin, scanned(at) < walls.c.end
    )
    chosen: Select[Any] = found.join(walls, on_wall).where(
        or_(*(and_(at >= begin, at < end) for begin, end in over_all))
    )
    return chosen


YEAR = Option(
    "year",
    "Only of the year",
    "number",
    0,
    low=0,
    high=MOST_YEARS,
    help="0: every year; 10: only after ten years.",
)
AROUND = Option(
    "days", "Days after the day", "number", 0, low=-30, high=30, help="A negative number is before it."
)

MEMBERSHIP_ANNIVERSARY = Occasion(
    name="membership_anniversary",
    label="Anniversary of membership",
    description="Once a year, on the day on which they joined us: their first consent, or the day we came to know them.",
    heading=WITH_US,
    options=(
        Option(
            "counted",
            "Counted from",
            "choice",
            "consent",
            choices=(("consent", "their first consent to letters"), ("known", "the day of their record")),
        ),
        AROUND,
        YEAR,
        LEAP,
    ),
    facts=(
        MergeField("years", "Years with us", "number", may_lack=False, example=5),
        MergeField("since", "The day they joined", "text", may_lack=False, example="2021-11-23"),
    ),
    due=_memberships,
    apart_days=60,
)


def _welcomes(options: Options, since: datetime, until: datetime) -> Select[Any]:
    found: Any = select(
        Consent.customer_id.label("customer_id"),
        literal("welcome").label("occasion_key"),
        Consent.at.label("at"),
        json_object(act=cast(Consent.act, String)).label("facts"),
    ).where(Consent.at >= since, Consent.at < until, *_is_first_grant())
    if options["acts"] == "own":
        found = found.where(Consent.act.not_in(NOT_THEIR_OWN))
    chosen: Select[Any] = found
    return chosen


WELCOME = Occasion(
    name="welcome",
    label="Welcome",
    description="Once, after somebody first agreed to letters.",
    heading=WITH_US,
    options=(
        *waiting(0, "hours", help="0: at once."),
        Option(
            "acts",
            "Who agreed",
            "choice",
            "own",
            choices=(("own", "by themselves or at our counter"), ("any", "also those imported from a file")),
        ),
    ),
    facts=(MergeField("act", "How they agreed", may_lack=False, example="form"),),
    happened=_welcomes,
)


def _date_attributes(session: Session) -> Sequence[tuple[str, str]]:
    found = select(Attribute.name, Attribute.label).where(Attribute.kind == "date").order_by(Attribute.label)
    return [(name, label or name) for name, label in session.execute(found)]


def _dates(options: Options, day: date, zones: Zones) -> Select[Any]:
    reached = day - timedelta(days=int(options["days"]))
    value = json_text(Customer.attributes, str(options["attribute"]))
    years: ColumnElement[int] = literal(0)
    if options["again"] == "once":
        tests, key = [value == reached.isoformat()], literal(reached.isoformat())
    else:
        ends = [f"-{month:02d}-{number:02d}" for month, number in kept_on(reached, str(options["leap"]))]
        tests = [func.substr(value, 5, 6).in_(ends), func.substr(value, 1, 4) < str(reached.year)]
        key, years = (
            literal(str(reached.year)),
            literal(reached.year) - cast(func.substr(value, 1, 4), Customer.id.type),
        )
    return select(
        Customer.id.label("customer_id"),
        key.label("occasion_key"),
        json_object(date=cast(value, String), reached=literal(reached.isoformat()), years=years).label(
            "facts"
        ),
    ).where(scanned(Customer.zone).in_(list(zones)), *tests)


DATE_REACHED = Occasion(
    name="date_reached",
    label="A date of their own",
    description="A date kept with the customer is reached: the end of a contract, of a warranty, a next visit.",
    heading=LIFE,
    options=(
        Option(
            "attribute",
            "Which date",
            "pick",
            "",
            offered=_date_attributes,
            is_required=True,
            any_label="Choose one",
        ),
        Option(
            "days",
            "Days after the date",
            "number",
            0,
            low=-365,
            high=365,
            help="A negative number is before it.",
        ),
        Option(
            "again",
            "How often",
            "choice",
            "once",
            choices=(("once", "once, on that very day"), ("yearly", "every year from the next one on")),
        ),
        LEAP,
    ),
    facts=(
        MergeField("date", "The date itself", "text", may_lack=False, example="2026-12-31"),
        MergeField(
            "reached", "The day it is kept on this time", "text", may_lack=False, example="2026-12-31"
        ),
        MergeField("years", "Years since then; 0 for the day itself", "number", may_lack=False, example=0),
    ),
    due=_dates,
)

OCCASIONS = (BIRTHDAY, DATE_REACHED, WELCOME, MEMBERSHIP_ANNIVERSARY)

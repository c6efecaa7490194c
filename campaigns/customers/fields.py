"""Fields of customers that a segment may ask: who they are, their declared attributes, tags and consents."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.customers.model import Attribute, Consent, Customer, Tag
from campaigns.db.expressions import json_boolean, json_number, json_text
from campaigns.fields import Asked, Chosen, Field, Kind, Option, Options, Shortcut

PERSON = "Customer"
CONSENT = "Consent"
ATTRIBUTES = "Attributes"

MOST_OPTIONS = 200
"""So many values are suggested at most; others can be typed."""


def _words(column: InstrumentedAttribute[Any]) -> Options:
    """The values that occur in a column, as suggestions."""

    def options(session: Session) -> Sequence[Option]:
        found = select(column).where(column != "").distinct().order_by(column).limit(MOST_OPTIONS)
        return [Option(word, word) for word in session.scalars(found)]

    return options


def _tags(asked: Asked) -> Chosen:  # noqa: ARG001 - the shape of all rows-fields
    return select(Tag.customer_id.label("customer_id"), Tag.tag.label("value"))


def _age(asked: Asked) -> Chosen:
    """Whole years on the scope's day; unknown without the year of birth."""
    today = asked.scope.today
    has_passed = Customer.birth_month * 100 + Customer.birth_day <= today.month * 100 + today.day
    years = today.year - Customer.birth_year - case((has_passed, 0), else_=1)
    return select(Customer.id.label("customer_id"), years.label("value")).where(
        Customer.birth_year.is_not(None), Customer.birth_month.is_not(None), Customer.birth_day.is_not(None)
    )


def _consented_at(asked: Asked) -> Chosen:
    """When the person last agreed to letters, whatever came afterwards."""
    return (
        select(Consent.customer_id.label("customer_id"), func.max(Consent.at).label("value"))
        .where(Consent.purpose == "mail", Consent.is_granted, *asked.within(Consent.at))
        .group_by(Consent.customer_id)
    )


def _attribute_column(name: str, kind: str) -> ColumnElement[Any]:
    """The value by its declared type only: a value of another type counts as unknown."""
    if kind == "number":
        return json_number(Customer.attributes, name)
    if kind == "boolean":
        return json_boolean(Customer.attributes, name)
    return json_text(Customer.attributes, name)


def _attribute(declared: Attribute) -> Field:
    kinds: dict[str, Kind] = {"number": "number", "date": "date", "boolean": "boolean", "choice": "choice"}
    choices = [Option(choice, choice) for choice in declared.choices or ()]
    return Field(
        f"attribute.{declared.name}",
        declared.label or declared.name,
        ATTRIBUTES,
        kinds.get(declared.kind, "text"),
        column=_attribute_column(declared.name, declared.kind),
        options=(lambda _session: choices) if choices else None,
    )


FIELDS = (
    Field("customer.email", "E-mail address", PERSON, "text", column=Customer.email, is_always_known=True),
    Field(
        "customer.domain",
        "Domain of the address",
        PERSON,
        "text",
        column=Customer.domain,
        is_always_known=True,
        note="What stands behind the @.",
    ),
    Field("customer.number", "Customer number", PERSON, "text", column=Customer.number),
    Field("customer.first_name", "First name", PERSON, "text", column=Customer.first_name),
    Field("customer.last_name", "Last name", PERSON, "text", column=Customer.last_name),
    Field(
        "customer.birthday",
        "Birthday",
        PERSON,
        "anniversary",
        column=(Customer.birth_month, Customer.birth_day),
        note="Those born on 29 February count on 28 February in the other years.",
    ),
    Field(
        "customer.age", "Age", PERSON, "number", rows=_age, note="In whole years, where the year is known."
    ),
    Field(
        "customer.language",
        "Language",
        PERSON,
        "text",
        column=Customer.language,
        options=_words(Customer.language),
    ),
    Field(
        "customer.country",
        "Country",
        PERSON,
        "text",
        column=Customer.country,
        options=_words(Customer.country),
        note="Two letters, as in FR.",
    ),
    Field("customer.zone", "Time zone", PERSON, "text", column=Customer.zone, options=_words(Customer.zone)),
    Field(
        "customer.source", "Source", PERSON, "text", column=Customer.source, options=_words(Customer.source)
    ),
    Field(
        "customer.created", "Known since", PERSON, "moment", column=Customer.created_at, is_always_known=True
    ),
    Field("customer.tags", "Tags", PERSON, "set", rows=_tags, options=_words(Tag.tag)),
    Field(
        "consent.mail",
        "Agrees to letters",
        CONSENT,
        "boolean",
        column=Customer.may_mail,
        is_always_known=True,
        note="The newest consent on record. Without it nothing is sent, whatever the segment says.",
    ),
    Field(
        "consent.tracking",
        "Agrees to tracking",
        CONSENT,
        "boolean",
        column=Customer.may_track,
        is_always_known=True,
        note="Of those who do not, opens and clicks are never known.",
    ),
    Field(
        "consent.given",
        "Agreed to letters on",
        CONSENT,
        "moment",
        rows=_consented_at,
        note="The last time, whether or not it was withdrawn afterwards.",
    ),
)


def offer(session: Session) -> Iterator[Field | Shortcut]:
    """All of them, with the attributes declared at this moment."""
    yield from FIELDS
    yield from map(_attribute, session.scalars(select(Attribute).order_by(Attribute.label)))

"""Writes: customers, their attributes, tags and consents, one at a time."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.customers.addresses import normalise_address
from campaigns.customers.gate import FORGOTTEN, barred
from campaigns.customers.model import Attribute, Consent, Customer, Tag
from campaigns.customers.queries import declared, get_attribute, get_customer
from campaigns.customers.rules import (
    KINDS,
    LONGEST,
    PURPOSES,
    attribute_name,
    check_choices,
    clean,
    read_country,
    read_language,
    read_tag,
    read_zone,
    typed,
)
from campaigns.customers.values import Birthday, check_birthday, read_birthday
from campaigns.errors import Conflict, Invalid

LONGEST_PACE = 366
_READERS: Mapping[str, Callable[[str], Any]] = {
    "number": lambda text: clean(text, LONGEST["number"], "The number") or None,
    "first_name": lambda text: clean(text, LONGEST["first_name"], "The first name"),
    "last_name": lambda text: clean(text, LONGEST["last_name"], "The last name"),
    "language": read_language,
    "zone": read_zone,
    "country": read_country,
    "source": lambda text: clean(text, LONGEST["source"], "The source"),
}


def add_customer(
    session: Session,
    *,
    email: str,
    now: datetime,
    birthday: Birthday | str | None = None,
    attributes: Mapping[str, Any] | None = None,
    tags: Iterable[str] = (),
    **fields: str | None,
) -> Customer:
    """Add a person; `fields`: number, first_name, last_name, language, zone, country, source.

    Raises Invalid with a sentence for every field that cannot be used, Conflict if the address or the number
    is another customer's already. Nobody may be written to before `record_consent`.
    """
    given = {"email": email, "birthday": birthday, "attributes": attributes or {}, **fields}
    values = _checked(session, given, known={})
    _refuse_twins(session, values, but=None)
    customer = Customer(**values, may_mail=False, may_track=False, created_at=now, updated_at=now)
    session.add(customer)
    session.flush()
    for tag in tags:
        add_tag(session, customer.id, tag)
    return customer


def change_customer(session: Session, customer_id: int, *, now: datetime, **changes: Any) -> Customer:
    """Change the named fields (as in `add_customer`); an attribute given as None or "" is taken away.

    A new address keeps the consents: they are the person's, not the mailbox's.
    """
    customer = get_customer(session, customer_id)
    values = _checked(session, changes, known=customer.attributes)
    _refuse_twins(session, values, but=customer_id)
    for name, value in values.items():
        setattr(customer, name, value)
    customer.updated_at = now
    session.flush()
    return customer


def _checked(session: Session, given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that `given` fills; all faults are reported together."""
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, value in given.items():
        try:
            if name == "email":
                address = normalise_address(value or "")
                values |= {"email": address.email, "address_key": address.key, "domain": address.domain}
            elif name == "birthday":
                values |= _birthday_columns(value)
            elif name == "attributes":
                values["attributes"] = _typed_attributes(session, value or {}, known, faults)
            elif name in _READERS:
                values[name] = _READERS[name](value or "")
            else:
                raise Invalid(f"A customer has no field {name}.")
        except Invalid as error:
            faults[name] = str(error)
    if faults:
        raise Invalid(" ".join(faults.values()), faults)
    return values


def _birthday_columns(value: Birthday | str | None) -> dict[str, int | None]:
    if isinstance(value, str):
        value = read_birthday(value) if value.strip() else None
    elif value is not None:
        value = check_birthday(value)
    month, day, year = value or (None, None, None)
    return {"birth_month": month, "birth_day": day, "birth_year": year}


def _typed_attributes(
    session: Session, given: Mapping[str, Any], known: Mapping[str, Any], faults: dict[str, str]
) -> dict[str, Any]:
    allowed = declared(session) if given else {}
    made = dict(known)
    for name, value in given.items():
        if name not in allowed:
            faults[f"attributes.{name}"] = f"No attribute is called {name}; declare it first."
            continue
        try:
            kept = typed(allowed[name], value)
        except Invalid as error:
            faults[f"attributes.{name}"] = str(error)
            continue
        if kept is None:
            made.pop(name, None)
        else:
            made[name] = kept
    return made


def _refuse_twins(session: Session, values: Mapping[str, Any], but: int | None) -> None:
    if "address_key" in values and barred(session, [values["address_key"]]):
        raise Conflict(FORGOTTEN)
    for column, said in ((Customer.address_key, "address"), (Customer.number, "number")):
        value = values.get(column.key)
        if value is None:
            continue
        twin = session.scalar(select(Customer).where(column == value))
        if twin is not None and twin.id != but:
            shown = values.get("email") if said == "address" else value
            raise Conflict(f"Another customer already has the {said} {shown}.")


RESTATED = {"mail": "may_mail", "tracking": "may_track"}
"""Purposes whose newest consent stands on the customer, too."""


def record_consent(
    session: Session,
    customer_id: int,
    *,
    purpose: str,
    is_granted: bool,
    act: str,
    now: datetime,
    source: str = "",
    legal_basis: str = "",
    wording: str = "",
    evidence: str = "",
    at: datetime | None = None,
) -> Consent:
    """Write down one act of agreeing or withdrawing, and restate what is allowed now.

    `act` names what the person (or we) did: form, import, staff, unsubscribe_page, one_click, preferences.
    `at` is when it was done, if before `now`; the act with the latest moment decides.
    """
    if purpose not in PURPOSES:
        raise Invalid(f"{purpose} is not something one can agree to here: {', '.join(PURPOSES)}.")
    if at is not None and at > now:
        raise Invalid("A consent cannot lie in the future.")
    customer = get_customer(session, customer_id)
    consent = Consent(
        customer_id=customer_id,
        purpose=purpose,
        is_granted=is_granted,
        at=at or now,
        act=act,
        source=source[:300],
        legal_basis=legal_basis,
        wording=wording[:100],
        evidence=evidence,
    )
    session.add(consent)
    session.flush()
    newest = (
        select(Consent.is_granted)
        .where(Consent.customer_id == customer_id, Consent.purpose == purpose)
        .order_by(Consent.at.desc(), Consent.id.desc())
        .limit(1)
    )
    if purpose in RESTATED:
        setattr(customer, RESTATED[purpose], bool(session.scalar(newest)))
    customer.updated_at = now
    session.flush()
    return consent


def choose_pace(
    session: Session, customer_id: int, *, every_days: int | None, pause_until: datetime | None, now: datetime
) -> bool:
    """What the person asked for: at most one letter in `every_days` days (None: as the shop does), none before
    `pause_until`. False if it was so already. Thanks and answers to their own orders leave all the same."""
    if every_days is not None and not 1 <= every_days <= LONGEST_PACE:
        raise Invalid(f"Choose a number of days from 1 to {LONGEST_PACE}.")
    customer = get_customer(session, customer_id)
    if pause_until is not None and pause_until <= now:
        pause_until = None
    if (customer.every_days, customer.pause_until) == (every_days, pause_until):
        return False
    customer.every_days, customer.pause_until, customer.updated_at = every_days, pause_until, now
    session.flush()
    return True


def declare_attribute(
    session: Session, *, label: str, kind: str, choices: Iterable[str] = (), name: str = ""
) -> Attribute:
    """Declare an attribute of customers; its name, if not given, is made from the label."""
    label = clean(label, 200, "The label")
    name = attribute_name(name or label)
    if kind not in KINDS:
        raise Invalid(f"{kind} is not a type of attribute: {', '.join(KINDS)}.", {"kind": "Choose a type."})
    if session.get(Attribute, name) is not None:
        raise Conflict(f"An attribute is already called {name}.")
    attribute = Attribute(name=name, label=label, kind=kind, choices=check_choices(kind, list(choices)))
    session.add(attribute)
    session.flush()
    return attribute


def change_attribute(session: Session, name: str, *, label: str, choices: Iterable[str] = ()) -> Attribute:
    """Another label, more choices. A choice that customers have may not go; the type never changes."""
    attribute = get_attribute(session, name)
    wanted = check_choices(attribute.kind, list(choices))
    for gone in set(attribute.choices) - set(wanted):
        count = _count_with(session, name, gone)
        if count:
            raise Conflict(f"“{gone}” cannot be removed: {count} customers have it.")
    attribute.label = clean(label, 200, "The label")
    attribute.choices = wanted
    session.flush()
    return attribute


def _count_with(session: Session, name: str, value: str) -> int:
    from campaigns.db.expressions import json_text

    rows = select(func.count()).select_from(Customer).where(json_text(Customer.attributes, name) == value)
    return session.scalar(rows) or 0


def add_tag(session: Session, customer_id: int, tag: str) -> bool:
    """Tie a tag to a customer; False if it was tied already."""
    tag = read_tag(tag)
    if not tag:
        raise Invalid("The tag is empty.", {"tag": "Write a word."})
    get_customer(session, customer_id)
    if session.get(Tag, (customer_id, tag)) is not None:
        return False
    session.add(Tag(customer_id=customer_id, tag=tag))
    session.flush()
    return True


def remove_tag(session: Session, customer_id: int, tag: str) -> bool:
    """Untie a tag; False if it was not there."""
    found = session.get(Tag, (customer_id, tag))
    if found is None:
        return False
    session.delete(found)
    session.flush()
    return True

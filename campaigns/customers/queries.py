"""Reads: one customer, the list with its search, declared attributes, tags, consents."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session

from campaigns.customers.addresses import normalise_address
from campaigns.customers.model import Attribute, Consent, Customer, Tag
from campaigns.customers.rules import Declared
from campaigns.db.expressions import fold, folded
from campaigns.errors import Invalid, NotFound


def get_customer(session: Session, customer_id: int) -> Customer:
    """The customer; NotFound if there is none."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise NotFound("There is no such customer.")
    return customer


def find_customer(session: Session, who: str) -> Customer:
    """The customer with exactly this address, number or, written `#12`, id; NotFound says which was meant."""
    who = who.strip()
    if who.startswith("#") and who[1:].isdecimal() and len(who) < 20:
        return get_customer(session, int(who[1:]))
    condition = Customer.number == who
    if "@" in who:
        condition = Customer.address_key == normalise_address(who).key
    customer = session.scalar(select(Customer).where(condition))
    if customer is None:
        raise NotFound(f"Nobody has the {'address' if '@' in who else 'number'} {who}.")
    return customer


def search(text: str = "", *, tag: str = "", consent: str = "") -> Select[Customer]:
    """Customers whose name, address or number holds every word of `text`, newest first.

    `consent`: `mail`, `no_mail`, `tracking` or "". `tag`: one tag exactly.
    """
    rows = select(Customer).order_by(Customer.id.desc())
    for word in text.split()[:8]:
        rows = rows.where(_holds(word))
    if tag:
        rows = rows.where(exists().where(Tag.customer_id == Customer.id, Tag.tag == tag))
    if consent == "mail":
        rows = rows.where(Customer.may_mail)
    elif consent == "no_mail":
        rows = rows.where(~Customer.may_mail)
    elif consent == "tracking":
        rows = rows.where(Customer.may_track)
    return rows


def _holds(word: str) -> ColumnElement[bool]:
    if "@" in word:
        try:  # a whole address is found by its index, however many customers there are
            return Customer.address_key == normalise_address(word).key
        except Invalid:
            return Customer.address_key.contains(word.lower(), autoescape=True)
    plain = folded(word)
    return or_(
        fold(Customer.first_name).contains(plain, autoescape=True),
        fold(Customer.last_name).contains(plain, autoescape=True),
        Customer.address_key.contains(plain, autoescape=True),
        Customer.number == word,
    )


def attributes(session: Session) -> list[Attribute]:
    """The declared attributes, by label."""
    return list(session.scalars(select(Attribute).order_by(Attribute.label, Attribute.name)))


def get_attribute(session: Session, name: str) -> Attribute:
    """One declared attribute; NotFound if there is none."""
    attribute = session.get(Attribute, name)
    if attribute is None:
        raise NotFound(f"No attribute is called {name}.")
    return attribute


def declared(session: Session) -> dict[str, Declared]:
    """The declared attributes by name, as plain values for rules and imports."""
    return {a.name: Declared(a.name, a.label, a.kind, tuple(a.choices)) for a in attributes(session)}


def tags_of(session: Session, customer_ids: Sequence[int]) -> dict[int, list[str]]:
    """`{customer_id: tags in order}` for these customers."""
    found: dict[int, list[str]] = {customer_id: [] for customer_id in customer_ids}
    rows = select(Tag.customer_id, Tag.tag).where(Tag.customer_id.in_(customer_ids)).order_by(Tag.tag)
    for customer_id, tag in session.execute(rows):
        found[customer_id].append(tag)
    return found


def tags(session: Session) -> list[tuple[str, int]]:
    """Every tag in use with the number of customers who have it, by name."""
    rows = select(Tag.tag, func.count()).group_by(Tag.tag).order_by(Tag.tag)
    return [(tag, count) for tag, count in session.execute(rows)]


def consents(session: Session, customer_id: int) -> list[Consent]:
    """Every act of agreeing or withdrawing of one customer, newest first: the proof."""
    rows = (
        select(Consent)
        .where(Consent.customer_id == customer_id)
        .order_by(Consent.at.desc(), Consent.id.desc())
    )
    return list(session.scalars(rows))


def has_objected(session: Session, customer_id: int, purpose: str) -> bool:
    """Whether the last thing said of this purpose was no."""
    newest = (
        select(Consent.is_granted)
        .where(Consent.customer_id == customer_id, Consent.purpose == purpose)
        .order_by(Consent.at.desc(), Consent.id.desc())
        .limit(1)
    )
    return session.scalar(newest) is False


def count_customers(session: Session) -> int:
    """How many customers there are."""
    return session.scalar(select(func.count()).select_from(Customer)) or 0

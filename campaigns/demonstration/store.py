"""Write the invented shop into the tables, in bulk: people, what they bought, what was sent and came back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.customers import Consent, Customer, Tag, declare_attribute
from campaigns.db.bulk import insert_rows
from campaigns.demonstration.buying import Order
from campaigns.demonstration.catalogue import CATEGORIES, ITEMS
from campaigns.demonstration.people import Person
from campaigns.demonstration.writing import NETWORKS, Echo, Loss, Past
from campaigns.messages import Mailing, Message
from campaigns.purchases import Line, Product, Purchase
from campaigns.suppression import suppress
from campaigns.tracking import Event

WORDING = "newsletter-2024-01"
ACTS = {"website": "form", "shop counter": "counter", "paper fair": "counter"}
_T = TypeVar("_T")


def store_people(session: Session, people: Sequence[Person], lost: Mapping[str, Loss]) -> dict[str, int]:
    """Customers with attributes, tags and consents; returns their ids by number."""
    declare_attribute(session, label="Favourite shelf", kind="choice", choices=CATEGORIES)
    declare_attribute(session, label="Wants gift wrapping", kind="boolean")
    names = [
        "email",
        "address_key",
        "domain",
        "number",
        "first_name",
        "last_name",
        "birth_month",
        "birth_day",
        "birth_year",
        "language",
        "zone",
        "country",
        "attributes",
        "may_mail",
        "may_track",
        "source",
        "created_at",
        "updated_at",
    ]
    insert_rows(session, Customer, names, [_customer(person, lost) for person in people])
    ids = _ids(session, Customer.number, Customer.id)
    tags = [(ids[person.number], tag) for person in people for tag in person.tags]
    insert_rows(session, Tag, ["customer_id", "tag"], tags)
    consents = [row for person in people for row in _consents(person, ids[person.number], lost)]
    columns = [
        "customer_id",
        "purpose",
        "is_granted",
        "at",
        "act",
        "source",
        "legal_basis",
        "wording",
        "evidence",
    ]
    insert_rows(session, Consent, columns, consents)
    return ids


def store_purchases(
    session: Session, orders: Sequence[tuple[str, Order]], customers: Mapping[str, int], currency: str
) -> None:
    """Products, orders and their lines."""
    insert_rows(
        session, Product, ["number", "name", "category"], [(i.number, i.name, i.category) for i in ITEMS]
    )
    products = _ids(session, Product.number, Product.id)
    names = [
        "number",
        "customer_id",
        "purchased_at",
        "amount",
        "refunded",
        "returned",
        "currency",
        "status",
        "channel",
        "created_at",
        "updated_at",
    ]
    rows = [_purchase(number, order, customers[order.person.number], currency) for number, order in orders]
    insert_rows(session, Purchase, names, rows)
    purchases = _ids(session, Purchase.number, Purchase.id)
    lines = [
        (purchases[number], products[item.number], quantity, item.price, item.price * quantity)
        for number, order in orders
        for item, quantity in order.lines
    ]
    insert_rows(session, Line, ["purchase_id", "product_id", "quantity", "unit_price", "amount"], lines)


def store_past(session: Session, past: Past, mailing: Mailing, customers: Mapping[str, int]) -> None:
    """The messages of a mailing and what came back for them."""
    names = [
        "mailing_id",
        "customer_id",
        "occasion_key",
        "address",
        "domain",
        "status",
        "held_reason",
        "is_tracked",
        "facts",
        "queued_at",
        "attempts",
        "sent_at",
        "reply_code",
        "reply",
    ]
    rows = []
    for sent in past.sendings:
        email = sent.person.email
        is_sent = sent.status == "sent"
        rows.append(
            (
                mailing.id,
                customers[sent.person.number],
                sent.occasion_key,
                email,
                email.rpartition("@")[2],
                sent.status,
                sent.held_reason,
                sent.person.agrees_to_tracking,
                sent.facts,
                sent.at,
                int(sent.status != "held"),
                sent.at + timedelta(seconds=2) if is_sent else None,
                sent.code,
                sent.reply,
            )
        )
    insert_rows(session, Message, names, rows)
    found = session.execute(
        select(Message.customer_id, Message.occasion_key, Message.id).where(Message.mailing_id == mailing.id)
    )
    messages = {(customer, key): message for customer, key, message in found}
    events = [_event(past, echo, mailing.id, customers, messages) for echo in past.echoes]
    columns = [
        "kind",
        "at",
        "message_id",
        "mailing_id",
        "customer_id",
        "position",
        "judgement",
        "reasons",
        "rules_version",
        "method",
        "user_agent",
        "signs",
        "network",
        "text",
    ]
    for part in _parts(events, 5_000):
        insert_rows(session, Event, columns, part)


def store_losses(session: Session, lost: Mapping[str, Loss], emails: Mapping[str, str]) -> None:
    """The register of suppressions: each loss with its evidence and day."""
    for number, loss in sorted(lost.items(), key=lambda each: each[1].at):
        by = "mail server" if loss.cause == "hard_bounce" else "the person"
        suppress(session, emails[number], loss.cause, evidence=loss.evidence, now=loss.at, by=by)


def backdate(session: Session, mailing: Mailing, at: datetime) -> None:
    """A mailing was opened when its first message left, not when the demonstration was built."""
    session.execute(update(Mailing).where(Mailing.id == mailing.id).values(created_at=at))


def _customer(person: Person, lost: Mapping[str, Loss]) -> tuple[Any, ...]:
    year, month, day = person.birthday or (None, None, None)
    refused = person.number in lost and lost[person.number].cause != "hard_bounce"
    best = max(range(len(CATEGORIES)), key=lambda place: person.tastes[place])
    attributes: dict[str, Any] = {}
    if person.tastes[best] > 0.4:
        attributes["favourite_shelf"] = CATEGORIES[best]
    if person.tastes[-1] > 0.3:
        attributes["wants_gift_wrapping"] = True
    return (
        person.email,
        person.email,
        person.email.rpartition("@")[2],
        person.number,
        person.first_name,
        person.last_name,
        month,
        day,
        year,
        person.language,
        person.zone,
        person.country,
        attributes,
        person.agrees_to_mail and not refused,
        person.agrees_to_tracking and not refused,
        person.source,
        person.joined_at,
        person.joined_at,
    )


def _consents(person: Person, customer: int, lost: Mapping[str, Loss]) -> Iterator[tuple[Any, ...]]:
    act = ACTS.get(person.source, "form")
    evidence = "Signed the card at the counter." if act == "counter" else "Confirmed by the link in our mail."
    granted = (
        ("mail", person.agrees_to_mail),
        ("tracking", person.agrees_to_tracking),
    )
    for purpose, is_granted in granted:
        if is_granted:
            at = person.joined_at + timedelta(minutes=1)
            yield customer, purpose, True, at, act, person.source, "consent", WORDING, evidence
    loss = lost.get(person.number)
    if loss and loss.cause in ("unsubscribed", "spam_report"):
        act = "unsubscribe_page" if loss.cause == "unsubscribed" else "spam_report"
        yield customer, "mail", False, loss.at, act, "letter", "", "", loss.evidence


def _purchase(number: str, order: Order, customer: int, currency: str) -> tuple[Any, ...]:
    is_whole = order.refunded >= order.amount
    status = "cancelled" if order.is_cancelled else "refunded" if is_whole else "paid"
    changed = order.at + timedelta(days=9) if order.refunded else order.at
    return (
        number,
        customer,
        order.at,
        order.amount,
        order.refunded,
        0,
        currency,
        status,
        order.channel,
        order.at,
        changed,
    )


def _event(
    past: Past, echo: Echo, mailing: int, customers: Mapping[str, int], messages: Mapping[Any, int]
) -> tuple[Any, ...]:
    sending = past.sendings[echo.sending]
    customer = customers[sending.person.number]
    is_hit = echo.kind in ("opened", "clicked")
    return (
        echo.kind,
        echo.at,
        messages[customer, sending.occasion_key],
        mailing,
        customer,
        echo.position,
        echo.judgement,
        echo.reasons,
        1 if is_hit else 0,
        "GET" if is_hit else "",
        echo.user_agent,
        "",
        NETWORKS[customer % len(NETWORKS)] if is_hit else "",
        echo.text,
    )


def _ids(session: Session, number: Any, identity: Any) -> dict[str, int]:
    return {str(name): int(found) for name, found in session.execute(select(number, identity))}


def _parts(rows: Iterable[_T], size: int) -> Iterator[list[_T]]:
    remaining = iter(rows)
    while part := list(islice(remaining, size)):
        yield part

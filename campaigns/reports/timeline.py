"""Everything that happened between a customer and us, on one line: newest first, paged."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.content import get_version
from campaigns.customers import Consent, Customer, get_customer
from campaigns.db.paging import Page
from campaigns.messages import REASONS, Mailing, Message
from campaigns.purchases import Line, Product, Purchase
from campaigns.reports.numbers import held_words
from campaigns.scoring import CLASS_BY_NAME, Snapshot
from campaigns.signals import Signal, kind_words
from campaigns.suppression import CAUSES, Suppression
from campaigns.tracking import Event


@dataclass(frozen=True)
class Moment:
    """One thing that happened. `kind` is one of KINDS; `status` what a badge may show (a message's state, a
    judgement, a cause); `mailing_id` leads to the report where there is one; `amount` in minor units."""

    at: datetime
    kind: str
    title: str
    text: str = ""
    status: str = ""
    mailing_id: int | None = None
    message_id: int | None = None
    amount: int | None = None
    currency: str = ""
    is_day: bool = False


KINDS = {
    "known": "Entered",
    "consent": "Consent",
    "purchase": "Purchase",
    "signal": "Signal",
    "message": "Mail",
    "event": "Reaction",
    "suppression": "Suppression",
    "score": "Class",
}
"""What a timeline is made of, and how each is called."""

Source = Callable[[Session, Customer, int], Iterable[Moment]]


def timeline(
    session: Session,
    customer_id: int,
    *,
    number: int = 1,
    size: int = 50,
    kinds: frozenset[str] = frozenset(),
) -> Page:
    """One page of the customer's history, newest first; NotFound if there is no such customer.

    `rows` are Moments. `kinds` narrows it to some of KINDS; empty means all.
    """
    customer = get_customer(session, customer_id)
    sources = [source for kind, source in _SOURCES.items() if not kinds or kind in kinds]
    counts = [count for kind, count in _COUNTS.items() if not kinds or kind in kinds]
    total = sum(session.scalar(count(customer)) or 0 for count in counts)
    if not kinds or "score" in kinds:
        total += len(_class_changes(session, customer))
    number = min(max(number, 1), max(1, -(-total // size)))
    most = number * size
    found = [moment for source in sources for moment in source(session, customer, most)]
    found.sort(key=lambda moment: moment.at, reverse=True)
    return Page(found[most - size : most], number, size, total)


def _known(_session: Session, customer: Customer, _most: int) -> Iterable[Moment]:
    yield Moment(customer.created_at, "known", "Became known to us", customer.source)


def _consents(session: Session, customer: Customer, most: int) -> Iterable[Moment]:
    rows = select(Consent).where(Consent.customer_id == customer.id)
    purposes = {"mail": "letters", "tracking": "tracking"}
    for row in session.scalars(rows.order_by(Consent.at.desc(), Consent.id.desc()).limit(most)):
        purpose = purposes.get(row.purpose, row.purpose)
        title = f"Agreed to {purpose}" if row.is_granted else f"Withdrew consent to {purpose}"
        how = [row.act.replace("_", " "), row.source, row.wording and f"wording {row.wording}"]
        status = "granted" if row.is_granted else "withdrawn"
        yield Moment(row.at, "consent", title, ", ".join(filter(None, how)), status)


_ORDER_WORDS = {
    "paid": "Order {}",
    "refunded": "Order {}, given back",
    "cancelled": "Order {}, cancelled",
    "return": "Return {}",
}


def _purchases(session: Session, customer: Customer, most: int) -> Iterable[Moment]:
    rows = select(Purchase).where(Purchase.customer_id == customer.id)
    rows = rows.order_by(Purchase.purchased_at.desc(), Purchase.id.desc()).limit(most)
    found = session.scalars(rows).all()
    names = _product_names(session, [purchase.id for purchase in found])
    for purchase in found:
        words = _ORDER_WORDS.get(purchase.status, "Order {}").format(purchase.number)
        parts = [names.get(purchase.id, "")]
        if purchase.refunded:
            parts.append(f"{purchase.refunded / 100:,.2f} {purchase.currency} given back")
        yield Moment(
            purchase.purchased_at,
            "purchase",
            words,
            "; ".join(filter(None, parts)),
            "" if purchase.status == "paid" else purchase.status,
            amount=purchase.amount,
            currency=purchase.currency,
        )


MOST_PRODUCTS = 4


def _product_names(session: Session, purchase_ids: list[int]) -> dict[int, str]:
    names: dict[int, list[str]] = {}
    rows = select(Line.purchase_id, Product.name, Product.number).join(Product, Product.id == Line.product_id)
    rows = rows.where(Line.purchase_id.in_(purchase_ids)).order_by(Line.id)
    for purchase_id, name, number in session.execute(rows):
        names.setdefault(purchase_id, []).append(name or number)
    return {
        key: ", ".join(each[:MOST_PRODUCTS])
        + (f" and {len(each) - MOST_PRODUCTS} more" if len(each) > MOST_PRODUCTS else "")
        for key, each in names.items()
    }


def _signals(session: Session, customer: Customer, most: int) -> Iterable[Moment]:
    rows = select(Signal).where(Signal.customer_id == customer.id)
    for row in session.scalars(rows.order_by(Signal.at.desc(), Signal.id.desc()).limit(most)):
        told = [f"{name}: {value}" for name, value in row.data.items() if value is not None]
        yield Moment(row.at, "signal", kind_words(row.kind), "; ".join([row.key, *told]), row.kind)


_MAIL_WORDS = {
    "sent": "Sent",
    "failed": "Could not be sent",
    "held": "Held back",
    "cancelled": "Cancelled",
    "unknown": "Handed over, answer never heard",
    "queued": "Waiting to be sent",
    "sending": "On its way",
}


def _mail_at() -> Any:
    return func.coalesce(Message.sent_at, Message.queued_at)


def _messages(session: Session, customer: Customer, most: int) -> Iterable[Moment]:
    rows = (
        select(Message, Mailing)
        .join(Mailing, Mailing.id == Message.mailing_id)
        .where(Message.customer_id == customer.id)
        .order_by(_mail_at().desc(), Message.id.desc())
        .limit(most)
    )
    for message, mailing in session.execute(rows):
        why = message.reply if message.status in ("failed", "unknown") else _why_held(message)
        yield Moment(
            message.sent_at or message.queued_at,
            "message",
            f"{_MAIL_WORDS.get(message.status, message.status)}: {mailing.name}",
            why,
            message.status,
            mailing_id=None if mailing.kind == "test" else mailing.id,
            message_id=message.id,
        )


def _why_held(message: Message) -> str:
    """Why it was held for good, or what it waits for and until when."""
    if message.status == "held":
        words = held_words(message.held_reason)
        return f"{words}: {message.reply}" if message.held_reason.startswith("expired") else words
    if message.status != "queued" or not message.held_reason:
        return ""
    until = (
        f" Next possible on {message.next_attempt_at:%Y-%m-%d %H:%M} UTC." if message.next_attempt_at else ""
    )
    return f"Waits because of {REASONS.get(message.held_reason, message.held_reason)}: {message.reply}{until}"


_EVENT_WORDS = {
    "delivered": "Delivered",
    "deferred": "Put off by the mail server",
    "bounced": "Bounced",
    "opened": "Opened",
    "clicked": "Clicked",
    "unsubscribed": "Unsubscribed",
    "spam_reported": "Reported as spam",
    "replied": "Answered",
}


def _events(session: Session, customer: Customer, most: int) -> Iterable[Moment]:
    rows = (
        select(Event, Mailing)
        .outerjoin(Mailing, Mailing.id == Event.mailing_id)
        .where(Event.customer_id == customer.id)
        .order_by(Event.at.desc(), Event.id.desc())
        .limit(most)
    )
    for event, mailing in session.execute(rows):
        words = _EVENT_WORDS.get(event.kind, event.kind)
        title = f"{words}: {mailing.name}" if mailing is not None else words
        yield Moment(
            event.at,
            "event",
            title,
            _event_text(session, event, mailing),
            event.judgement or event.kind,
            mailing_id=event.mailing_id if mailing is not None and mailing.kind != "test" else None,
            message_id=event.message_id,
        )


def _event_text(session: Session, event: Event, mailing: Mailing | None) -> str:
    parts = [event.text]
    if event.kind == "clicked" and mailing is not None and event.position is not None:
        links = get_version(session, mailing.version_id).links
        if 0 <= event.position < len(links):
            parts.append(links[event.position].get("text") or links[event.position]["url"])
    if event.judgement not in ("", "human") and event.reasons:
        parts.append(f"taken for a {event.judgement} hit: {event.reasons}")
    return "; ".join(filter(None, parts))


def _suppressions(session: Session, customer: Customer, _most: int) -> Iterable[Moment]:
    rows = select(Suppression).where(Suppression.address_key == customer.address_key)
    for row in session.scalars(rows.order_by(Suppression.since.desc(), Suppression.id.desc())):
        label = CAUSES[row.cause].label.lower() if row.cause in CAUSES else row.cause
        yield Moment(row.since, "suppression", f"Suppressed: {label}", row.evidence, row.cause)
        if row.lifted_at is not None:
            yield Moment(row.lifted_at, "suppression", f"Taken back ({label})", row.lifted_because, "granted")


def _class_changes(session: Session, customer: Customer) -> list[Moment]:
    """The days on which the class became another one, by the snapshots kept."""
    rows = session.execute(
        select(Snapshot.on, Snapshot.rfm_class)
        .where(Snapshot.customer_id == customer.id)
        .order_by(Snapshot.on)
    ).all()
    found, before = [], ""
    for on, name in rows:
        if name != before and name:
            label = CLASS_BY_NAME[name].label if name in CLASS_BY_NAME else name
            old = CLASS_BY_NAME[before].label if before in CLASS_BY_NAME else ""
            at = datetime.combine(datetime.fromisoformat(on).date(), time(3), UTC)
            found.append(
                Moment(at, "score", f"Class: {label}", f"before: {old}" if old else "", name, is_day=True)
            )
        before = name
    return found


def _scores(session: Session, customer: Customer, _most: int) -> Iterable[Moment]:
    return _class_changes(session, customer)


_SOURCES: dict[str, Source] = {
    "known": _known,
    "consent": _consents,
    "purchase": _purchases,
    "signal": _signals,
    "message": _messages,
    "event": _events,
    "suppression": _suppressions,
    "score": _scores,
}


def _number(table: Any, test: Any) -> Select[Any]:
    return select(func.count()).select_from(table).where(test)


_COUNTS: dict[str, Callable[[Customer], Select[Any]]] = {
    "known": lambda c: _number(Customer, Customer.id == c.id),
    "consent": lambda c: _number(Consent, Consent.customer_id == c.id),
    "purchase": lambda c: _number(Purchase, Purchase.customer_id == c.id),
    "signal": lambda c: _number(Signal, Signal.customer_id == c.id),
    "message": lambda c: _number(Message, Message.customer_id == c.id),
    "event": lambda c: _number(Event, Event.customer_id == c.id),
    "suppression": lambda c: select(func.count(Suppression.since) + func.count(Suppression.lifted_at)).where(
        Suppression.address_key == c.address_key
    ),
}

"""Reads: who holds a mail, and what came back for whom."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.customers import Customer, has_objected, normalise_address
from campaigns.errors import Invalid, NotFound
from campaigns.messages import get_mailing, get_message, recipient_of
from campaigns.suppression import causes_in_force
from campaigns.tracking.model import JUDGEMENTS, Event


@dataclass(frozen=True, slots=True)
class Reader:
    """The person who holds one of our mails, as the public pages need to know them.

    `address_key` is the address the mail went to; `customer_id` is None after erasure, and then the
    remaining facts are those of nobody.
    """

    message_id: int
    mailing_id: int
    customer_id: int | None
    address_key: str
    email: str = ""
    current_key: str = ""
    language: str = ""
    may_mail: bool = False
    may_track: bool = False
    may_suggest: bool = False
    every_days: int | None = None
    pause_until: datetime | None = None
    causes: tuple[str, ...] = ()
    is_test: bool = False

    @property
    def is_unsubscribed(self) -> bool:
        return "unsubscribed" in self.causes

    @property
    def keys(self) -> tuple[str, ...]:
        """The address written to and the present one, where it changed since."""
        return tuple(dict.fromkeys(key for key in (self.address_key, self.current_key) if key))


def reader(session: Session, message_id: int) -> Reader:
    """Who holds this message; NotFound if there is no such message any more."""
    try:
        message = get_message(session, message_id)
    except NotFound as error:
        raise NotFound("The letter this link belongs to is no longer on record.") from error
    is_test = get_mailing(session, message.mailing_id).kind == "test"
    key = _key(message.address)
    customer = recipient_of(session, message)
    causes = tuple(causes_in_force(session, key))
    who = Reader(message.id, message.mailing_id, None, key, causes=causes, is_test=is_test)
    return who if customer is None else _known(session, who, customer)


def _known(session: Session, who: Reader, customer: Customer) -> Reader:
    return replace(
        who,
        customer_id=customer.id,
        email=customer.email,
        current_key=customer.address_key,
        language=customer.language,
        may_mail=customer.may_mail,
        may_track=customer.may_track,
        may_suggest=not has_objected(session, customer.id, "suggestions"),
        every_days=customer.every_days,
        pause_until=customer.pause_until,
    )


def _key(address: str) -> str:
    """The address as it is joined on; an erased or strange one gives what there is."""
    try:
        return normalise_address(address).key
    except Invalid:
        return address.casefold()


def events_of(customer_id: int) -> Select[Event]:
    """Everything that came back from this customer, newest first."""
    return select(Event).where(Event.customer_id == customer_id).order_by(Event.at.desc(), Event.id.desc())


def returns_of(message_id: int) -> Select[Event]:
    """What mail servers told of this message (bounces, delays, deliveries, spam reports), oldest first."""
    kinds = ("bounced", "deferred", "delivered", "spam_reported")
    told = select(Event).where(Event.message_id == message_id, Event.kind.in_(kinds))
    return told.order_by(Event.at, Event.id)


def count_judgements(session: Session) -> dict[str, dict[str, int]]:
    """How many opens and clicks were judged how: `{"clicked": {"human": 5, …}, "opened": {…}}`."""
    rows = session.execute(
        select(Event.kind, Event.judgement, func.count())
        .where(Event.kind.in_(("clicked", "opened")))
        .group_by(Event.kind, Event.judgement)
    )
    counts = {kind: dict.fromkeys(JUDGEMENTS, 0) for kind in ("clicked", "opened")}
    for kind, judgement, count in rows:
        counts[kind][judgement] = count
    return counts

"""Read what is known of customers into columns, one entry a customer, as of any moment.

A few selects that the database groups; what needs a power of two or a comparison per customer is folded by
numpy while it streams past. One million customers with five million purchases need 150 MB.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import numpy as np
from sqlalchemy import Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.customers import Consent, Customer
from campaigns.db.expressions import epoch
from campaigns.messages import Message
from campaigns.purchases import Purchase
from campaigns.scoring.rules import DAY, NEVER, YEAR_DAYS, Floats, Integers, decayed
from campaigns.tracking import Event

AnySelect = Select[*tuple[Any, ...]]

CHUNK = 100_000
OWN_ACTS_EXCEPT = ("import", "staff", "demonstration")
"""Consents recorded by us say nothing of the person; all others are a sign of life."""

_CLICK, _OPEN, _PROXIED, _REPLY = range(4)


@dataclass(frozen=True)
class Facts:
    """Columns of equal length, sorted by customer id. Moments in whole seconds, -1 for never."""

    now: int
    ids: Integers
    first: Integers
    last: Integers
    orders: Integers
    days_bought: Integers
    orders_12m: Integers
    spent: Integers
    spent_12m: Integers
    mails_sent: Integers
    mails_since_sign: Integers
    last_mail: Integers
    last_open: Integers
    last_click: Integers
    last_seen: Integers
    engagement: Floats

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def is_buyer(self) -> Any:
        return self.orders > 0


def facts(session: Session, *, now: datetime, config: Config, who: Select[Any] | None = None) -> Facts:
    """What was known at `now` of everybody, or of the customers `who` selects (one column of ids)."""
    moment = int(now.timestamp())
    ids = _ids(session, now, who)
    bought = _purchases(session, ids, now, config.shop.currency, who)
    signs = _Signs(ids, moment, config)
    signs.read(session, now, who)
    seen = np.maximum.reduce(
        [
            bought["last"],
            signs.last_open,
            signs.last_click,
            signs.last_reply,
            _consents(session, ids, now, who),
        ]
    )
    mails = _mails(session, ids, now, seen, who)
    return Facts(
        now=moment,
        ids=ids,
        **bought,
        **mails,
        last_open=signs.last_open,
        last_click=signs.last_click,
        last_seen=seen,
        engagement=signs.engagement,
    )


def stream(session: Session, statement: AnySelect) -> Iterator[Integers]:
    """The rows of a select of integers, in chunks of shape (columns, rows).

    By the connection and not by the session, whose loading of objects took five times as long.
    """
    session.flush()
    result = session.connection().execute(statement, execution_options={"yield_per": CHUNK})
    for part in result.partitions():
        flat = np.fromiter(chain.from_iterable(part), dtype=np.int64, count=len(part) * len(part[0]))
        yield flat.reshape(len(part), -1).T


def _ids(session: Session, now: datetime, who: Select[Any] | None) -> Integers:
    known = select(Customer.id).where(Customer.created_at <= now)
    # A purchase may be older than our record of the customer: imported files tell of the past.
    bought = exists().where(Purchase.customer_id == Customer.id, Purchase.purchased_at <= now)
    later = select(Customer.id).where(Customer.created_at > now, bought)
    found = [np.empty(0, dtype=np.int64)]
    for chosen in (known, later):
        if who is not None:
            chosen = chosen.where(Customer.id.in_(who))
        found += [part[0] for part in stream(session, chosen)]
    return np.sort(np.concatenate(found))


def _purchases(
    session: Session, ids: Integers, now: datetime, currency: str, who: Select[Any] | None
) -> dict[str, Integers]:
    # Folded here and not grouped there: SQLite sorts half as long again for it as the rows take to come over.
    statement = select(
        Purchase.customer_id, epoch(Purchase.purchased_at), Purchase.amount - Purchase.refunded
    ).where(counts(currency), Purchase.purchased_at <= now)
    if who is not None:
        statement = statement.where(Purchase.customer_id.in_(who))
    year_ago = int((now - timedelta(days=YEAR_DAYS)).timestamp())
    sums = {name: np.zeros(len(ids)) for name in ("orders", "orders_12m", "spent", "spent_12m")}
    first, last = np.full(len(ids), np.iinfo(np.int64).max), np.full(len(ids), NEVER)
    days = [np.empty(0, dtype=np.int64)]
    for part in stream(session, statement):
        places, known = _places(ids, part[0])
        at, net = part[1][known], part[2][known]
        recent = at > year_ago
        days.append(np.unique(places << 20 | at // DAY))
        np.minimum.at(first, places, at)
        np.maximum.at(last, places, at)
        sums["orders"] += np.bincount(places, minlength=len(ids))
        sums["orders_12m"] += np.bincount(places[recent], minlength=len(ids))
        sums["spent"] += np.bincount(places, weights=net, minlength=len(ids))
        sums["spent_12m"] += np.bincount(places[recent], weights=net[recent], minlength=len(ids))
    first[last == NEVER] = NEVER
    days_bought = np.bincount(np.unique(np.concatenate(days)) >> 20, minlength=len(ids))
    # Sums of whole minor units stay exact in floats up to 2^53.
    whole = {name: column.astype(np.int64) for name, column in sums.items()}
    return {"first": first, "last": last, "days_bought": days_bought, **whole}


def counts(currency: str) -> Any:
    """The condition under which a purchase counts: paid, not given back entirely, in the shop's currency."""
    return and_(Purchase.status == "paid", Purchase.currency == currency)


class _Signs:
    """Folds human hits and replies into engagement and last moments."""

    def __init__(self, ids: Integers, moment: int, config: Config) -> None:
        self.ids, self.moment = ids, moment
        self.half_life = config.scores.engagement_half_life_days
        self.weights = np.array(
            [1.0, config.scores.open_weight, config.scores.proxied_open_weight, config.scores.reply_weight]
        )
        self.engagement = np.zeros(len(ids))
        self.last_click, self.last_open, self.last_reply = (np.full(len(ids), NEVER) for _ in range(3))

    def read(self, session: Session, now: datetime, who: Select[Any] | None) -> None:
        is_human = Event.judgement == "human"
        sign = case(
            (and_(Event.kind == "clicked", is_human), _CLICK),
            (and_(Event.kind == "opened", is_human), _OPEN),
            (Event.kind == "opened", _PROXIED),
            else_=_REPLY,
        )
        # A link followed three times, a picture loaded at each look: one sign, the newest.
        statement = (
            select(Event.customer_id, epoch(func.max(Event.at)), func.max(sign))
            .where(
                Event.kind.in_(("opened", "clicked", "replied")),
                or_(
                    is_human,
                    Event.kind == "replied",
                    and_(Event.kind == "opened", Event.judgement == "proxied"),
                ),
                Event.customer_id.is_not(None),
                Event.at <= now,
            )
            .group_by(Event.customer_id, Event.message_id, Event.kind, Event.position, Event.judgement)
        )
        if who is not None:
            statement = statement.where(Event.customer_id.in_(who))
        for part in stream(session, statement):
            self._fold(*part)

    def _fold(self, customers: Integers, at: Integers, sign: Integers) -> None:
        places, known = _places(self.ids, customers)
        at, sign = at[known], sign[known]
        worth = decayed(self.weights[sign], at, self.moment, self.half_life)
        self.engagement += np.bincount(places, weights=worth, minlength=len(self.ids))
        for column, is_it in (
            (self.last_click, sign == _CLICK),
            (self.last_open, (sign == _OPEN) | (sign == _PROXIED)),
            (self.last_reply, sign == _REPLY),
        ):
            np.maximum.at(column, places[is_it], at[is_it])


def _consents(session: Session, ids: Integers, now: datetime, who: Select[Any] | None) -> Integers:
    statement = (
        select(Consent.customer_id, epoch(func.max(Consent.at)))
        .where(Consent.is_granted, Consent.act.not_in(OWN_ACTS_EXCEPT), Consent.at <= now)
        .group_by(Consent.customer_id)
    )
    if who is not None:
        statement = statement.where(Consent.customer_id.in_(who))
    found = np.full(len(ids), NEVER)
    for part in stream(session, statement):
        places, known = _places(ids, part[0])
        found[places] = part[1][known]
    return found


def _mails(
    session: Session, ids: Integers, now: datetime, seen: Integers, who: Select[Any] | None
) -> dict[str, Integers]:
    statement = select(Message.customer_id, epoch(Message.sent_at)).where(
        Message.status == "sent", Message.customer_id.is_not(None), Message.sent_at <= now
    )
    if who is not None:
        statement = statement.where(Message.customer_id.in_(who))
    sent, since = (np.zeros(len(ids), dtype=np.int64) for _ in range(2))
    last = np.full(len(ids), NEVER)
    for part in stream(session, statement):
        places, known = _places(ids, part[0])
        at = part[1][known]
        sent += np.bincount(places, minlength=len(ids))
        since += np.bincount(places[at > seen[places]], minlength=len(ids))
        np.maximum.at(last, places, at)
    return {"mails_sent": sent, "mails_since_sign": since, "last_mail": last}


def _places(ids: Integers, customers: Integers) -> tuple[Integers, Any]:
    """Where in `ids` these customers stand, and which of them stand there at all."""
    if not len(ids):
        return np.empty(0, dtype=np.int64), np.zeros(len(customers), dtype=bool)
    places = np.minimum(np.searchsorted(ids, customers), len(ids) - 1)
    known = ids[places] == customers
    return places[known], known

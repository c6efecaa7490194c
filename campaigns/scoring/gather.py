"""Read what is known of customers into columns, one entry a customer, as of any moment.

A few plain selects stream past and are folded by numpy: no grouping in the database, no object a row. Two numbers
that are needed together travel as one, a customer and a moment packed into 64 bits, which halves the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import BigInteger, Select, and_, case, cast, exists, func, or_, select, union_all
from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.content import Version
from campaigns.customers import Consent, Customer
from campaigns.db.bulk import integer_chunks
from campaigns.db.expressions import among, epoch, scanned
from campaigns.messages import ASKED, GIVEN, Mailing, Message
from campaigns.purchases import Line, Product, Purchase
from campaigns.scoring.relation import CAUSE_NAMES
from campaigns.scoring.rules import DAY, NEVER, YEAR_DAYS, Floats, Integers, decayed
from campaigns.scoring.tenure import cohorts, month_starts
from campaigns.signals import Signal
from campaigns.suppression import Suppression
from campaigns.tracking import Event

AnySelect = Select[*tuple[Any, ...]]

OWN_ACTS_EXCEPT = ("import", "staff", "demonstration")
"""Consents recorded by us say nothing of the person; all others are a sign of life."""
PROMOTION_DAYS = 7
"""An order so soon after a click in a promotion came from it."""

_CLICK, _OPEN, _PROXIED, _REPLY = range(4)
_SHIFT = 2**32
QUARTER_DAYS = 91


@dataclass(frozen=True)
class Bought:
    """What was bought and clicked by category: columns of equal length, sorted by customer, then category.

    `place` points into the customers; `category` into `names`.
    """

    names: tuple[str, ...]
    place: Integers
    category: Integers
    orders: Integers
    spent: Integers
    last: Integers
    clicks: Integers
    last_click: Integers
    interest: Floats


@dataclass(frozen=True)
class Past:
    """Everybody's orders as they stood earlier, and what came in the year from then on."""

    now: int
    orders: Integers
    first: Integers
    last: Integers
    spent: Integers
    bought: Any
    came: Integers


@dataclass(frozen=True)
class Quarter:
    """Everybody's orders as they stood 13 weeks earlier, and on how many days they bought since."""

    now: int
    orders: Integers
    days_bought: Integers
    first: Integers
    last: Integers
    spent: Integers
    came: Integers


@dataclass(frozen=True)
class Facts:
    """Columns of equal length, sorted by customer id. Moments in whole seconds, -1 for never; marks from 0 to 1,
    NaN for none; see `relation.Known` for what each means."""

    now: int
    ids: Integers
    first: Integers
    last: Integers
    orders: Integers
    days_bought: Integers
    orders_12m: Integers
    spent: Integers
    spent_12m: Integers
    gap: Floats
    longest: Floats
    promotion_orders: Integers
    mails_sent: Integers
    mails_since_sign: Integers
    surveys: Integers
    asked: Integers
    given: Integers
    last_mail: Integers
    last_open: Integers
    last_click: Integers
    last_reply: Integers
    last_seen: Integers
    engagement: Floats
    left: Integers
    dropped: Integers
    contract_ends: Integers
    mark: Floats
    mark_at: Integers
    trust: Floats
    again: Floats
    alternatives: Integers
    complaint: Integers
    complaint_closed: Integers
    open_complaints: Integers
    problem: Integers
    problems: Integers
    told_cause: Integers
    categories: Integers
    type_points: Floats
    bought: Bought
    past: tuple[Past, ...] = ()
    quarter: Quarter | None = None
    cohorts: Integers | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def is_buyer(self) -> Any:
        return self.orders > 0


def facts(session: Session, *, now: datetime, config: Config, who: Sequence[int] | None = None) -> Facts:
    """What was known at `now` of everybody, or of the customers with these ids."""
    reader = _Reader(session, now, config, who)
    buys = reader.purchases()
    signs = reader.signs()
    seen = np.maximum.reduce(
        [buys.last, signs["last_open"], signs["last_click"], signs["last_reply"], reader.consents()]
    )
    clicks = reader.clicks()
    bought, categories, points = reader.categories(clicks)
    return Facts(
        now=reader.moment,
        ids=reader.ids,
        **buys.columns(),
        promotion_orders=reader.promotion_orders(buys, clicks),
        **signs,
        **reader.mails(seen),
        **reader.leaves(),
        **reader.signals(),
        last_seen=seen,
        categories=categories,
        type_points=points,
        bought=bought,
        past=buys.past(reader.moment) if who is None else (),
        quarter=buys.quarter(reader.moment) if who is None else None,
        cohorts=buys.cohorts(config.zone) if who is None else None,
    )


def counts(currency: str) -> Any:
    """The condition under which a purchase counts: paid, not given back entirely, in the shop's currency."""
    return and_(Purchase.status == "paid", Purchase.currency == currency)


def packed(customer: Any, moment: Any) -> Any:
    """A customer and a moment as one number: half as many objects come over."""
    return cast(customer, BigInteger) * _SHIFT + epoch(moment)


@dataclass(frozen=True)
class _Buys:
    """Orders as they came, sorted by customer and time, and what follows from them."""

    count: int
    place: Integers
    at: Integers
    net: Integers
    moment: int

    @property
    def last(self) -> Integers:
        return self._last(np.ones(len(self.place), dtype=bool))

    def _sum(self, chosen: Any, weights: Any = None) -> Integers:
        picked = None if weights is None else weights[chosen]
        # Sums of whole minor units stay exact in floats up to 2^53.
        found: Integers = np.bincount(self.place[chosen], weights=picked, minlength=self.count).astype(
            np.int64
        )
        return found

    def _last(self, chosen: Any) -> Integers:
        found = np.full(self.count, NEVER, dtype=np.int64)
        found[self.place[chosen]] = self.at[chosen]  # sorted by time: the last one written stays
        return found

    def _first(self) -> Integers:
        found = np.full(self.count, NEVER, dtype=np.int64)
        found[self.place[::-1]] = self.at[::-1]
        return found

    def columns(self) -> dict[str, Any]:
        """The figures of `Facts` that orders give."""
        everything = np.ones(len(self.place), dtype=bool)
        recent = self.at > self.moment - YEAR_DAYS * DAY
        return {
            "first": self._first(),
            "last": self.last,
            "orders": self._sum(everything),
            "orders_12m": self._sum(recent),
            "spent": self._sum(everything, self.net),
            "spent_12m": self._sum(recent, self.net),
            **self._rhythm(),
        }

    def _rhythm(self) -> dict[str, Any]:
        """Days with an order, and median and longest of the days between them."""
        days = self.place << 20 | self.at // DAY
        days = days[np.append(True, days[1:] != days[:-1])] if len(days) else days
        place = days >> 20
        days_bought = np.bincount(place, minlength=self.count)
        same = place[1:] == place[:-1] if len(place) else np.empty(0, dtype=bool)
        gaps = np.sort((place[1:] << 20 | (days[1:] - days[:-1]))[same]) if len(place) else place
        number = np.maximum(days_bought - 1, 0)
        ends = np.cumsum(number)
        has = number > 0
        lengths = (gaps & (2**20 - 1)).astype(np.float64)
        median, longest = np.full(self.count, np.nan), np.full(self.count, np.nan)
        start, many = (ends - number)[has], number[has]
        median[has] = (lengths[start + (many - 1) // 2] + lengths[start + many // 2]) / 2
        longest[has] = lengths[start + many - 1]
        return {"days_bought": days_bought, "gap": median, "longest": longest}

    def past(self, moment: int) -> tuple[Past, ...]:
        """As things stood one and two years earlier."""
        year = YEAR_DAYS * DAY
        first, found = self._first(), []
        for then in (moment - year, moment - 2 * year):
            before = self.at <= then
            after = (self.at > then) & (self.at <= then + year)
            orders = self._sum(before)
            found.append(
                Past(
                    then,
                    orders,
                    np.where(orders > 0, first, NEVER),
                    self._last(before),
                    self._sum(before, self.net),
                    self._sum(after) > 0,
                    self._sum(after, self.net),
                )
            )
        return tuple(found)

    def quarter(self, moment: int) -> Quarter:
        """As things stood 13 weeks earlier."""
        then = moment - QUARTER_DAYS * DAY
        before, after = self.at <= then, self.at > then
        first, orders = self._first(), self._sum(before)
        return Quarter(
            then,
            orders,
            self._days(before),
            np.where(orders > 0, first, NEVER),
            self._last(before),
            self._sum(before, self.net),
            self._days(after),
        )

    def _days(self, chosen: Any) -> Integers:
        """On how many days each bought."""
        days = np.unique(self.place[chosen] << 20 | self.at[chosen] // DAY)
        return np.bincount(days >> 20, minlength=self.count)

    def cohorts(self, zone: ZoneInfo) -> Integers:
        """Who still buys, by the month of the first order (`tenure.cohorts`)."""
        return cohorts(self.place, self.at, self._first(), month_starts(self.moment, zone))


class _Reader:
    """Reads one kind of row after the other for the same customers and moment."""

    def __init__(self, session: Session, now: datetime, config: Config, who: Sequence[int] | None) -> None:
        self.session, self.now, self.config, self.who = session, now, config, who
        self.moment = int(now.timestamp())
        self.ids = self._ids()
        self._table = _table_of(self.ids)
        self.mailings = {
            mailing: (kind, links)
            for mailing, kind, links in session.execute(
                select(Mailing.id, Mailing.type, Version.links).join(
                    Version, Version.id == Mailing.version_id
                )
            )
        }

    def _of(self, column: Any) -> list[Any]:
        return [] if self.who is None else [among(column, self.who)]

    def _whole(self, column: Any) -> Any:
        """A moment that all or nearly all rows of a full reading meet: no index is to be walked for it."""
        return scanned(column) if self.who is None else column

    def _places(self, customers: Integers) -> tuple[Integers, Any]:
        """Where these customers stand, and which of them stand anywhere at all."""
        if self._table is not None:
            inside = customers < len(self._table)
            places = np.where(inside, self._table[np.where(inside, customers, 0)], -1)
            known = places >= 0
            return places[known].astype(np.int64), known
        if not len(self.ids):
            return np.empty(0, dtype=np.int64), np.zeros(len(customers), dtype=bool)
        places = np.minimum(np.searchsorted(self.ids, customers), len(self.ids) - 1)
        known = self.ids[places] == customers
        return places[known], known

    def _read(self, statement: Any, columns: int) -> tuple[Integers, ...]:
        """All rows: place and moment out of the packed first column, then the others."""
        parts: list[list[Integers]] = [[] for _ in range(columns + 1)]
        for part in integer_chunks(self.session, statement):
            places, known = self._places(part[0] // _SHIFT)
            parts[0].append(places)
            parts[1].append(part[0][known] % _SHIFT)
            for position in range(1, columns):
                parts[position + 1].append(part[position][known])
        empty = np.empty(0, dtype=np.int64)
        found = []
        for each in parts:  # one column after the other lets go of its pieces: half the memory
            found.append(np.concatenate(each) if each else empty)
            each.clear()
        return tuple(found)

    def _newest(self, statement: Any) -> Integers:
        """The newest moment of each customer in a select of packed pairs."""
        place, at = self._read(statement, 1)
        found = np.full(len(self.ids), NEVER, dtype=np.int64)
        np.maximum.at(found, place, at)
        return found

    def _ids(self) -> Integers:
        # A purchase may be older than our record of the customer: imported files tell of the past.
        bought = exists().where(
            Purchase.customer_id == Customer.id, self._whole(Purchase.purchased_at) <= self.now
        )
        known = select(Customer.id).where(
            self._whole(Customer.created_at) <= self.now, *self._of(Customer.id)
        )
        later = select(Customer.id).where(
            self._whole(Customer.created_at) > self.now, bought, *self._of(Customer.id)
        )
        found = [np.empty(0, dtype=np.int64)]
        found += [part[0] for part in integer_chunks(self.session, union_all(known, later))]
        return np.sort(np.concatenate(found))

    def purchases(self) -> _Buys:
        """Every order that counts, by customer and time."""
        key, net = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        statement = select(
            packed(Purchase.customer_id, Purchase.purchased_at), Purchase.amount - Purchase.refunded
        ).where(
            counts(self.config.shop.currency),
            self._whole(Purchase.purchased_at) <= self.now,
            *self._of(Purchase.customer_id),
        )
        for part in integer_chunks(self.session, statement):
            places, known = self._places(part[0] // _SHIFT)
            key.append(places * _SHIFT + part[0][known] % _SHIFT)
            net.append(part[1][known])
        keys, nets = np.concatenate(key), np.concatenate(net)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        return _Buys(len(self.ids), keys // _SHIFT, keys % _SHIFT, nets[order], self.moment)

    def signs(self) -> dict[str, Any]:
        """Human hits and replies as engagement and last moments; a link followed three times, a picture loaded at
        each look is one sign, the newest."""
        is_human = Event.judgement == "human"
        sign = case(
            (and_(Event.kind == "clicked", is_human), _CLICK),
            (and_(Event.kind == "opened", is_human), _OPEN),
            (Event.kind == "opened", _PROXIED),
            else_=_REPLY,
        )
        statement = select(packed(Event.customer_id, Event.at), _sign_key(sign)).where(
            Event.kind.in_(("opened", "clicked", "replied")),
            or_(
                is_human,
                Event.kind == "replied",
                and_(Event.kind == "opened", Event.judgement == "proxied"),
            ),
            Event.customer_id.is_not(None),
            self._whole(Event.at) <= self.now,
            *self._of(Event.customer_id),
        )
        place, at, key = _newest_of_each(*self._read(statement, 2))
        kind = key & 3
        scores = self.config.scores
        weights = np.array([1.0, scores.open_weight, scores.proxied_open_weight, scores.reply_weight])
        worth = decayed(weights[kind], at, self.moment, scores.engagement_half_life_days)
        found: dict[str, Any] = {
            "engagement": np.bincount(place, weights=worth, minlength=len(self.ids)),
        }
        for name, is_it in (
            ("last_click", kind == _CLICK),
            ("last_open", (kind == _OPEN) | (kind == _PROXIED)),
            ("last_reply", kind == _REPLY),
        ):
            column = np.full(len(self.ids), NEVER, dtype=np.int64)
            np.maximum.at(column, place[is_it], at[is_it])
            found[name] = column
        return found

    def clicks(self) -> tuple[Integers, ...]:
        """Place, moment, mailing and position of every link that a person followed in a mailing that is typed a
        promotion, or whose links have categories; the newest of each."""
        asked = [
            mailing
            for mailing, (kind, links) in self.mailings.items()
            if kind == "promotion" or any(link.get("category") for link in links or [])
        ]
        if not asked:
            empty = np.empty(0, dtype=np.int64)
            return empty, empty, empty, empty
        statement = select(
            packed(Event.customer_id, Event.at),
            _sign_key(0),
            Event.mailing_id * 2**20 + func.coalesce(Event.position, 0),
        ).where(
            Event.kind == "clicked",
            Event.judgement == "human",
            Event.customer_id.is_not(None),
            self._whole(Event.at) <= self.now,
            among(Event.mailing_id, asked),
            *self._of(Event.customer_id),
        )
        place, at, key, link = self._read(statement, 3)
        order = _newest_order(key, at)
        return place[order], at[order], link[order] >> 20, link[order] & (2**20 - 1)

    def promotion_orders(self, buys: _Buys, clicks: tuple[Integers, ...]) -> Integers:
        """How many orders came within PROMOTION_DAYS after a click in a promotion."""
        place, at, mailing, _ = clicks
        promotions = [each for each, (kind, _) in self.mailings.items() if kind == "promotion"]
        chosen = np.isin(mailing, promotions)
        keys = np.sort(place[chosen] * _SHIFT + at[chosen])
        if not len(keys):
            return np.zeros(len(self.ids), dtype=np.int64)
        orders = buys.place * _SHIFT + buys.at
        before = np.searchsorted(keys, orders, side="right") - 1
        nearest = keys[np.maximum(before, 0)]
        soon = (before >= 0) & (nearest // _SHIFT == buys.place)
        soon &= buys.at - nearest % _SHIFT <= PROMOTION_DAYS * DAY
        return np.bincount(buys.place[soon], minlength=len(self.ids))

    def consents(self) -> Integers:
        """The newest consent that the person gave."""
        return self._newest(
            select(packed(Consent.customer_id, Consent.at)).where(
                Consent.is_granted,
                Consent.act.not_in(OWN_ACTS_EXCEPT),
                self._whole(Consent.at) <= self.now,
                *self._of(Consent.customer_id),
            )
        )

    def leaves(self) -> dict[str, Any]:
        """When the person took leave (and did not come back since), and when we did."""
        mail = (
            Consent.purpose == "mail",
            self._whole(Consent.at) <= self.now,
            *self._of(Consent.customer_id),
        )
        granted = self._newest(
            select(packed(Consent.customer_id, Consent.at)).where(Consent.is_granted, *mail)
        )
        withdrawn = self._newest(
            select(packed(Consent.customer_id, Consent.at)).where(
                ~Consent.is_granted, Consent.act.not_in(OWN_ACTS_EXCEPT), *mail
            )
        )
        withdrawn = np.where(withdrawn > granted, withdrawn, NEVER)
        return {
            "left": np.maximum(withdrawn, self._suppressed("unsubscribed", "spam_report")),
            "dropped": self._suppressed("by_hand"),
        }

    def _suppressed(self, *causes: str) -> Integers:
        return self._newest(
            select(packed(Customer.id, Suppression.since))
            .select_from(Suppression)
            .join(Customer, Customer.address_key == Suppression.address_key)
            .where(
                Suppression.cause.in_(causes),
                Suppression.since <= self.now,
                or_(Suppression.lifted_at.is_(None), Suppression.lifted_at > self.now),
                *self._of(Customer.id),
            )
        )

    def mails(self, seen: Integers) -> dict[str, Any]:
        """What was sent: in all, since the last sign, what was asked and given in 365 days."""
        statement = select(packed(Message.customer_id, Message.sent_at), Message.mailing_id).where(
            Message.status == "sent",
            Message.customer_id.is_not(None),
            self._whole(Message.sent_at) <= self.now,
            *self._of(Message.customer_id),
        )
        place, at, mailing = self._read(statement, 2)
        sent = np.bincount(place, minlength=len(self.ids))
        since = np.bincount(place[at > seen[place]], minlength=len(self.ids))
        last = np.full(len(self.ids), NEVER, dtype=np.int64)
        np.maximum.at(last, place, at)
        recent = at > self.moment - YEAR_DAYS * DAY
        of_type = {
            name: recent
            & np.isin(mailing, [each for each, (kind, _) in self.mailings.items() if kind in kinds])
            for name, kinds in (("asked", ASKED), ("given", GIVEN), ("surveys", ("survey",)))
        }
        counted = {
            name: np.bincount(place[chosen], minlength=len(self.ids)) for name, chosen in of_type.items()
        }
        return {"mails_sent": sent, "mails_since_sign": since, "last_mail": last, **counted}

    def signals(self) -> dict[str, Any]:
        """What the shop told: complaints, problems, the answers to surveys, the end of a contract."""
        found = _Told(len(self.ids), self.config)
        rows = self.session.execute(
            select(Signal.customer_id, Signal.kind, Signal.key, Signal.at, Signal.data)
            .where(
                Signal.kind.in_(_Told.KINDS),
                self._whole(Signal.at) <= self.now,
                *self._of(Signal.customer_id),
            )
            .order_by(Signal.at, Signal.id)
        )
        place_of = (
            {int(customer): place for place, customer in enumerate(self.ids)} if self._has_signals() else {}
        )
        for customer, kind, key, at, data in rows:
            if customer in place_of:
                found.take(place_of[customer], kind, key, int(at.timestamp()), data or {})
        return found.columns()

    def _has_signals(self) -> bool:
        return bool(self.session.scalar(select(exists(select(Signal.id)))))

    def categories(self, clicks: tuple[Integers, ...]) -> tuple[Bought, Integers, Floats]:
        """What was bought and clicked by category, how many categories were bought, and what they weigh."""
        names, code_of = self._category_names()
        lines = self._lines(code_of)
        clicked = self._clicked(clicks, names)
        bought = _by_category(lines, clicked, tuple(names), self.moment, self.config)
        is_bought = (bought.orders > 0) & (bought.spent > 0)
        place = bought.place[is_bought]
        weights = np.array([self.config.scores.category_weights.get(name, 1.0) for name in names])
        points = np.bincount(place, weights=weights[bought.category[is_bought]], minlength=len(self.ids))
        return bought, np.bincount(place, minlength=len(self.ids)), np.round(points, 6)

    def _category_names(self) -> tuple[list[str], Integers]:
        """Every category in order, and the code of each product's (-1 for none) by product id."""
        products = self.session.execute(
            select(Product.id, Product.category).where(Product.category != "")
        ).all()
        links = {
            str(link["category"])[:100]
            for _, found in self.mailings.values()
            for link in found or []
            if link.get("category")
        }
        names = sorted({category for _, category in products} | links)
        codes = {name: code for code, name in enumerate(names)}
        code_of = np.full(max((each for each, _ in products), default=0) + 1, -1, dtype=np.int64)
        for product, category in products:
            code_of[product] = codes[category]
        return names, code_of

    def _lines(self, code_of: Integers) -> tuple[Integers, ...]:
        """Place, moment, category, purchase and net amount of every line with a category."""
        if not (code_of >= 0).any():
            return (np.empty(0, dtype=np.int64),) * 5
        # What was refunded of an order is taken off its lines in proportion.
        kept = case((Purchase.amount > 0, Purchase.amount - Purchase.refunded), else_=1)
        at_least_one = case((Purchase.amount > 0, Purchase.amount), else_=1)
        net = case((Purchase.refunded == 0, Line.amount), else_=Line.amount * kept // at_least_one)
        statement = (
            select(packed(Purchase.customer_id, Purchase.purchased_at), Line.product_id, Purchase.id, net)
            .join(Line, Line.purchase_id == Purchase.id)
            .where(
                counts(self.config.shop.currency),
                self._whole(Purchase.purchased_at) <= self.now,
                *self._of(Purchase.customer_id),
            )
        )
        place, at, product, purchase, amount = self._read(statement, 4)
        category = np.where(product < len(code_of), code_of[np.minimum(product, len(code_of) - 1)], -1)
        named = category >= 0
        return place[named], at[named], category[named], purchase[named], amount[named]

    def _clicked(self, clicks: tuple[Integers, ...], names: Sequence[str]) -> tuple[Integers, ...]:
        """Place, moment and category of every click on a link that has one."""
        place, at, mailing, position = clicks
        codes = {name: code for code, name in enumerate(names)}
        category = np.full(len(place), -1, dtype=np.int64)
        for each, (_, links) in self.mailings.items():
            for number, link in enumerate(links or []):
                if link.get("category"):
                    category[(mailing == each) & (position == number)] = codes[str(link["category"])[:100]]
        named = category >= 0
        return place[named], at[named], category[named]


def _sign_key(sign: Any) -> Any:
    """Which hits are the same one again: the message, the link and the kind in one number."""
    message = func.coalesce(Event.message_id, -Event.customer_id)
    return (cast(message, BigInteger) * 2**15 + func.coalesce(Event.position, 0)) * 4 + sign


def _newest_order(key: Integers, at: Integers) -> Integers:
    order = np.lexsort((at, key))
    ordered = key[order]
    is_last = np.append(ordered[1:] != ordered[:-1], True) if len(key) else np.empty(0, dtype=bool)
    found: Integers = order[is_last]
    return found


def _newest_of_each(place: Integers, at: Integers, key: Integers) -> tuple[Integers, Integers, Integers]:
    order = _newest_order(key, at)
    return place[order], at[order], key[order]


def _table_of(ids: Integers) -> Any:
    """A table from id to place where ids are dense enough for one: ten times as quick as a search."""
    if not len(ids) or ids[-1] > 8 * len(ids) + 100_000:
        return None
    table = np.full(int(ids[-1]) + 1, -1, dtype=np.int32)
    table[ids] = np.arange(len(ids), dtype=np.int32)
    return table


def _by_category(
    lines: tuple[Integers, ...],
    clicked: tuple[Integers, ...],
    names: tuple[str, ...],
    moment: int,
    config: Config,
) -> Bought:
    place, at, category, purchase, amount = lines
    click_place, click_at, click_category = clicked
    many = max(len(names), 1)
    line_key, click_key = place * many + category, click_place * many + click_category
    keys = np.unique(np.concatenate([line_key, click_key]))
    of_line, of_click = np.searchsorted(keys, line_key), np.searchsorted(keys, click_key)
    # An order counts once in a category, however many of its lines lie there.
    order = np.lexsort((purchase, of_line))
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (np.diff(of_line[order]) != 0) | (np.diff(purchase[order]) != 0)
    once = order[is_first]
    half_life = config.scores.interest_half_life_days
    bought = decayed(np.full(len(once), config.scores.interest_order_weight), at[once], moment, half_life)
    looked = decayed(np.ones(len(click_at)), click_at, moment, half_life)
    last, last_click = (np.full(len(keys), NEVER, dtype=np.int64) for _ in range(2))
    np.maximum.at(last, of_line, at)
    np.maximum.at(last_click, of_click, click_at)
    count = len(keys)
    interest: Floats = np.bincount(of_line[once], weights=bought, minlength=count).astype(np.float64)
    interest += np.bincount(of_click, weights=looked, minlength=count)
    return Bought(
        names=names,
        place=keys // many,
        category=keys % many,
        orders=np.bincount(of_line[once], minlength=count),
        spent=np.bincount(of_line, weights=amount, minlength=count).astype(np.int64),
        last=last,
        clicks=np.bincount(of_click, minlength=count),
        last_click=last_click,
        interest=interest,
    )


class _Told:
    """Folds signals, in the order in which they happened, into the columns they belong to."""

    KINDS = (
        "complaint_opened",
        "complaint_closed",
        "survey_answered",
        "contract_ends",
        "service_problem_reported",
    )

    def __init__(self, count: int, config: Config) -> None:
        whole = ("mark_at", "complaint", "complaint_closed", "problem", "contract_ends", "alternatives")
        self.whole = {name: np.full(count, NEVER, dtype=np.int64) for name in whole}
        self.numbers = {
            name: np.zeros(count, dtype=np.int64) for name in ("open_complaints", "problems", "told_cause")
        }
        self.marks = {name: np.full(count, np.nan) for name in ("mark", "trust", "again")}
        self.open: set[tuple[int, str]] = set()
        self.config = config

    def columns(self) -> dict[str, Any]:
        for place, _ in self.open:
            self.numbers["open_complaints"][place] += 1
        self.open.clear()
        return {**self.whole, **self.numbers, **self.marks}

    def take(self, place: int, kind: str, key: str, at: int, data: dict[str, Any]) -> None:
        """One signal."""
        getattr(self, f"_{kind}")(place, key, at, data)
        cause = data.get("cause")
        if isinstance(cause, str) and cause in CAUSE_NAMES[1:]:
            self.numbers["told_cause"][place] = CAUSE_NAMES.index(cause)

    def _complaint_opened(self, place: int, key: str, at: int, _data: dict[str, Any]) -> None:
        self.whole["complaint"][place] = at
        self.open.add((place, key))

    def _complaint_closed(self, place: int, key: str, at: int, _data: dict[str, Any]) -> None:
        self.whole["complaint_closed"][place] = at
        self.open.discard((place, key))

    def _service_problem_reported(self, place: int, _key: str, at: int, _data: dict[str, Any]) -> None:
        self.whole["problem"][place] = at
        self.numbers["problems"][place] += 1

    def _survey_answered(self, place: int, _key: str, at: int, data: dict[str, Any]) -> None:
        self.whole["mark_at"][place] = at
        scale = _number(data.get("scale")) or self.config.scores.survey_scale
        for name, given in (("mark", "score"), ("trust", "trust"), ("again", "again")):
            mark = _number(data.get(given))
            if mark is not None:
                self.marks[name][place] = min(max(mark / scale, 0.0), 1.0)
            elif name == "mark":
                self.marks[name][place] = np.nan
        if isinstance(data.get("alternatives"), bool):
            self.whole["alternatives"][place] = int(data["alternatives"])

    def _contract_ends(self, place: int, _key: str, _at: int, data: dict[str, Any]) -> None:
        try:
            day = date.fromisoformat(str(data.get("date", "")))
        except ValueError:
            return
        end = datetime.combine(day + timedelta(days=1), time(), self.config.zone)
        self.whole["contract_ends"][place] = int(end.timestamp())


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return float(value) if is_number else None

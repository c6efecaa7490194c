"""A small random shop, kept twice: as rows in a database and as plain Python, which rules are read against."""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from campaigns.content.model import Template, Version
from campaigns.customers.model import Attribute, Consent, Customer, Tag
from campaigns.fields import Catalogue, Field
from campaigns.messages.model import Mailing, Message
from campaigns.purchases.model import Line, Product, Purchase
from campaigns.scoring.model import CategoryFigure, KeyAccount, Score, Transition
from campaigns.segments.rules import Condition, Node, Operator, holds, operators
from campaigns.signals.model import Signal
from campaigns.suppression.model import Suppression
from campaigns.tracking.model import Event

PARIS = ZoneInfo("Europe/Paris")
MOMENTS = (
    datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
    datetime(2027, 2, 27, 23, 30, tzinfo=UTC),  # already the 28th in Paris, in a year without a 29th
    datetime(2028, 2, 28, 12, 0, tzinfo=UTC),  # the day before a 29th
    datetime(2026, 12, 30, 22, 59, tzinfo=UTC),  # the year turns within the next days
)
CATEGORIES = ("wine", "cheese", "books")
TAGS = ("vip", "press", "Été")
NAMES = ("", "Zoé", "ZOÉ", "zoe", "O'Hara", "100%", "a_b", "Ødegård", "x\\y", "Élise")


@dataclass
class Person:
    """What we know of one customer, in plain values."""

    id: int
    plain: dict[str, Any]
    tags: set[str] = field(default_factory=set)
    causes: set[str] = field(default_factory=set)
    consents: list[datetime] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    scores: dict[str, Any] = field(default_factory=dict)
    interests: dict[str, float] = field(default_factory=dict)
    phases: list[datetime] = field(default_factory=list)
    accounts: list[bool] = field(default_factory=list)
    signals: list[dict[str, Any]] = field(default_factory=list)


class World:
    """Persons, and `fill(session)` which writes them down. `now` is when the scores were made."""

    def __init__(self, seed: int, now: datetime, size: int = 60) -> None:
        self.random = random.Random(seed)
        self.now = now
        self.people = [self._person(number) for number in range(1, size + 1)]

    def _moment(self) -> datetime:
        """Often near a midnight in Paris, or near the limits that rules like to ask for; never after now."""
        dice = self.random.random()
        if dice < 0.5:
            days = self.random.choice((0, 1, 7, 29, 30, 31, 89, 90, 91, 364, 365, 366))
            day = (self.now.astimezone(PARIS) - timedelta(days=days)).date()
            midnight = datetime.combine(day, datetime.min.time(), PARIS)
            found = midnight + timedelta(seconds=self.random.choice((-1, 0, 1)))
        else:
            found = self.now - timedelta(seconds=self.random.randrange(3 * 365 * 86_400))
        return min(found.astimezone(UTC), self.now)

    def _person(self, number: int) -> Person:
        pick = self.random.choice
        birthday = pick(
            ((None, None), (2, 29), (2, 28), (3, 1), (12, 31), (1, 1), (11, 23), (11, 29), (6, 15))
        )
        attributes: dict[str, Any] = {}
        for name, values in ATTRIBUTES.items():
            if self.random.random() < 0.7:
                attributes[name] = pick(values)
        person = Person(
            number,
            {
                "customer.email": f"p{number}@{pick(('shop.example', 'mail.example'))}",
                "customer.number": pick((None, f"K{number}")),
                "customer.first_name": pick(NAMES),
                "customer.last_name": pick(NAMES),
                "customer.birthday": None if birthday[0] is None else birthday,
                "birth_year": pick((None, 1950, 1996, 2000)),
                "customer.language": pick(("", "fr", "en")),
                "customer.country": pick(("", "FR", "BE", "CH")),
                "customer.zone": pick(("", "Europe/Paris")),
                "customer.source": pick(("", "till", "web form")),
                "customer.created": self._moment(),
                "consent.mail": pick((True, False)),
                "consent.tracking": pick((True, False)),
                "has_score": self.random.random() < 0.85,
                "attributes": attributes,
            },
        )
        some = self.random.randrange
        person.tags = {tag for tag in TAGS if self.random.random() < 0.3}
        person.causes = {cause for cause in ("unsubscribed", "stale") if self.random.random() < 0.2}
        person.consents = [self._moment() for _ in range(some(3))]
        person.orders = [self._order() for _ in range(pick((0, 0, 1, 2, 5)))]
        person.mails = [{"mailing": m, "at": self._moment()} for m in (1, 2, 3) if some(2)]
        person.events = [self._event() for _ in range(pick((0, 0, 1, 4)))]
        if person.plain["has_score"]:
            person.scores = {column: pick(values) for column, values in SCORED.values()}
            person.scores["last_seen_at"] = pick((None, self._moment()))
            person.scores["promotion_orders"] = pick((0, len(counted(person.orders))))
        person.interests = {c: pick((0.0, 0.25, 1.25)) for c in CATEGORIES if some(2)}
        person.phases = sorted({self._moment() for _ in range(some(4))})
        person.accounts = pick(([], [], [False], [True], [False, True]))
        person.signals = [self._signal() for _ in range(pick((0, 0, 1, 3)))]
        return person

    def _signal(self) -> dict[str, Any]:
        return {"kind": self.random.choice(SIGNALS), "key": self.random.choice("abc"), "at": self._moment()}

    def _order(self) -> dict[str, Any]:
        pick = self.random.choice
        lines = [
            {"product": pick((1, 2, 3)), "quantity": pick((1, 2, -1)), "amount": 0}
            for _ in range(pick((0, 1, 2)))
        ]
        for line in lines:
            line["amount"] = line["quantity"] * pick((500, 1250))
        return {
            "at": self._moment(),
            "amount": pick((0, 1999, 5000, 25000)),
            "refunded": pick((0, 0, 999)),
            "currency": pick(("EUR", "EUR", "EUR", "USD")),
            "status": pick(("paid", "paid", "paid", "refunded", "cancelled")),
            "channel": pick(("", "web", "shop")),
            "lines": lines,
        }

    def _event(self) -> dict[str, Any]:
        kind = self.random.choice(("clicked", "clicked", "opened", "bounced", "unsubscribed"))
        judged = kind in ("clicked", "opened")
        return {
            "kind": kind,
            "at": self._moment(),
            "mailing": self.random.choice((1, 2, 3)),
            "judgement": self.random.choice(("human", "human", "machine", "proxied")) if judged else "",
        }

    # ── written down

    def fill(self, session: Session, *, with_scores: bool = True) -> None:
        """Every row of this world; without scores where the scorer itself is to make them."""
        for name, values in ATTRIBUTES.items():
            kind = {bool: "boolean", float: "number", int: "number"}.get(type(values[0]), "text")
            kind = {"contract": "date", "colour": "choice"}.get(name, kind)
            choices = list(values) if kind == "choice" else []
            session.add(Attribute(name=name, label=name.title(), kind=kind, choices=choices))
        for number, category in enumerate(CATEGORIES, 1):
            session.add(Product(id=number, number=f"P{number}", name=category.title(), category=category))
        self._mailings(session)
        session.flush()
        for person in self.people:
            self._write(session, person)
            if with_scores and (person.plain["has_score"] or person.orders or person.mails or person.events):
                session.add(self._score(person))
            if with_scores:
                self._write_scored(session, person)
        session.flush()

    def _mailings(self, session: Session) -> None:
        session.add(Template(id=1, name="t", created_at=self.now, updated_at=self.now))
        session.flush()
        session.add(
            Version(id=1, template_id=1, number=1, format="html", source="", compiled={}, created_at=self.now)
        )
        session.flush()
        for number, (kind, source) in MAILINGS.items():
            session.add(
                Mailing(
                    id=number,
                    kind=kind,
                    source_id=source,
                    name=f"{kind} {source}",
                    version_id=1,
                    subject="s",
                    sender_email="a@shop.example",
                    created_at=self.now,
                )
            )

    def _write(self, session: Session, person: Person) -> None:
        plain, key = person.plain, person.plain["customer.email"]
        month, day = plain["customer.birthday"] or (None, None)
        session.add(
            Customer(
                id=person.id,
                email=key,
                address_key=key,
                domain=key.partition("@")[2],
                number=plain["customer.number"],
                first_name=plain["customer.first_name"],
                last_name=plain["customer.last_name"],
                birth_month=month,
                birth_day=day,
                birth_year=plain["birth_year"] if month else None,
                language=plain["customer.language"],
                country=plain["customer.country"],
                zone=plain["customer.zone"],
                source=plain["customer.source"],
                attributes=plain["attributes"],
                may_mail=plain["consent.mail"],
                may_track=plain["consent.tracking"],
                created_at=plain["customer.created"],
                updated_at=self.now,
            )
        )
        session.flush()
        for tag in person.tags:
            session.add(Tag(customer_id=person.id, tag=tag))
        for cause in person.causes:
            session.add(Suppression(address_key=key, cause=cause, since=self.now))
        for at in person.consents:
            session.add(Consent(customer_id=person.id, purpose="mail", is_granted=True, at=at, act="form"))
        session.add(Consent(customer_id=person.id, purpose="mail", is_granted=False, at=self.now, act="form"))
        self._write_history(session, person)

    def _write_history(self, session: Session, person: Person) -> None:
        for index, order in enumerate(person.orders):
            purchase = Purchase(
                number=f"{person.id}-{index}",
                customer_id=person.id,
                purchased_at=order["at"],
                created_at=self.now,
                updated_at=self.now,
                **{name: order[name] for name in ("amount", "refunded", "currency", "status", "channel")},
            )
            session.add(purchase)
            session.flush()
            for line in order["lines"]:
                session.add(
                    Line(
                        purchase_id=purchase.id,
                        product_id=line["product"],
                        quantity=line["quantity"],
                        unit_price=100,
                        amount=line["amount"],
                    )
                )
        for mail in person.mails:
            session.add(
                Message(
                    mailing_id=mail["mailing"],
                    customer_id=person.id,
                    address="x",
                    domain="y",
                    status="sent",
                    queued_at=self.now,
                    sent_at=mail["at"],
                )
            )
        for each in person.events:
            session.add(
                Event(
                    kind=each["kind"],
                    at=each["at"],
                    mailing_id=each["mailing"],
                    customer_id=person.id,
                    judgement=each["judgement"],
                )
            )

        for (kind, key), at in told(person.signals).items():
            session.add(
                Signal(customer_id=person.id, kind=kind, key=key, at=at, data={}, created_at=self.now)
            )
        for is_open in person.accounts:
            ended = None if is_open else self.now
            session.add(
                KeyAccount(customer_id=person.id, reason="revenue", confirmed_at=self.now, ended_at=ended)
            )

    def _write_scored(self, session: Session, person: Person) -> None:
        """What the scorer keeps beside the score; the other kinds of transition must not be taken for phases."""
        for category, interest in person.interests.items():
            session.add(CategoryFigure(customer_id=person.id, category=category, spent=0, interest=interest))
        for at, until in zip(person.phases, [*person.phases[1:], None], strict=False):
            session.add(Transition(customer_id=person.id, kind="phase", target="x", at=at, until=until))
        session.add(Transition(customer_id=person.id, kind="class", target="lost", at=self.now))

    def _score(self, person: Person) -> Score:
        orders = counted(person.orders)
        days = [order["at"] for order in orders]
        clicks = [e["at"] for e in person.events if e["kind"] == "clicked" and e["judgement"] == "human"]
        return Score(
            customer_id=person.id,
            as_of=self.now,
            first_purchase_at=min(days, default=None),
            last_purchase_at=max(days, default=None),
            orders=len(orders),
            spent=sum(order["amount"] - order["refunded"] for order in orders),
            mails_sent=len(person.mails),
            last_mail_at=max((mail["at"] for mail in person.mails), default=None),
            last_click_at=max(clicks, default=None),
            **person.scores,
        )

    # ── read in plain Python

    def members(self, node: Node) -> set[int]:
        """The ids of those who meet the rule at the world's moment."""
        return {person.id for person in self.people if self._meets(node, person)}

    def _meets(self, node: Node, person: Person) -> bool:
        if isinstance(node, Condition):
            return holds(node, self.value(node, person), self.now.astimezone(PARIS).date())
        met = [self._meets(member, person) for member in node.members]
        return {"all": all(met), "any": any(met) or not met, "none": not any(met)}[node.match]

    def value(self, condition: Condition, person: Person) -> Any:
        """The person's value, counted from the plain history."""
        name, plain = condition.field, person.plain
        room, _, figure = name.partition(".")
        if name == "customer.tags":
            return person.tags
        if name == "suppression.causes":
            return person.causes
        if name == "customer.domain":
            return plain["customer.email"].partition("@")[2]
        if name == "customer.age":
            return self._age(person)
        if name == "consent.given":
            return self._day(max(person.consents, default=None))
        if room == "attribute":
            found = plain["attributes"].get(figure)
            return date.fromisoformat(found) if figure == "contract" and found else found
        if room == "purchases":
            return self._purchase(figure, condition, person)
        if room == "mails":
            chosen = [mail["at"] for mail in person.mails if self._is_asked(mail, condition)]
            return len(chosen) if figure == "received" else self._day(max(chosen, default=None))
        if room in ("clicked", "opened", "bounced", "unsubscribed", "replied", "spam_reported"):
            return self._reaction(room, figure, condition, person)
        if name == "signals.open_complaint":
            return self._has_open_complaint(person)
        if room == "signals":
            return self._signals(figure, condition, person)
        if name == "key_account.is_one":
            return any(person.accounts)
        if name == "relation.phase_since":
            return self._day(max(person.phases, default=None))
        if name == "score.interest":
            wanted = condition.filters.get("category")
            chosen = [points for c, points in person.interests.items() if wanted in (None, c)]
            return sum(chosen) if chosen else None
        if room in SCORE_ROOMS:
            return self._score_value(name, person)
        found = plain[name]
        return self._day(found) if condition.kind == "moment" else found

    def _score_value(self, name: str, person: Person) -> Any:
        scores = person.scores
        if name == "score.last_seen":
            return self._day(scores.get("last_seen_at"))
        if name == "score.promotion_orders":
            return scores.get("promotion_orders", 0)
        if name == "score.promotion_share":
            orders = len(counted(person.orders))
            return scores.get("promotion_orders", 0) / orders if orders else None
        if name == "balance.net":
            return scores.get("given", 0) - scores.get("asked", 0)
        column, values = SCORED[name]
        return scores.get(column, None if None in values or "" in values else 0)

    def _has_open_complaint(self, person: Person) -> bool:
        by_key = told(person.signals)
        return any(
            kind == "complaint_opened" and by_key.get(("complaint_closed", key), EARLIEST) < at
            for (kind, key), at in by_key.items()
        )

    def _signals(self, figure: str, condition: Condition, person: Person) -> Any:
        wanted = condition.filters.get("kind")
        chosen = [
            at
            for (kind, _key), at in told(person.signals).items()
            if wanted in (None, kind) and self._is_within(at, condition)
        ]
        return len(chosen) if figure == "count" else self._day(max(chosen, default=None))

    def _age(self, person: Person) -> int | None:
        birthday, year = person.plain["customer.birthday"], person.plain["birth_year"]
        if birthday is None or year is None:
            return None
        today = self.now.astimezone(PARIS).date()
        return today.year - year - ((today.month, today.day) < birthday)

    def _day(self, at: datetime | None) -> date | None:
        return None if at is None else at.astimezone(PARIS).date()

    def _is_within(self, at: datetime, condition: Condition) -> bool:
        period, day = condition.filters.get("period", {}), at.astimezone(PARIS).date()
        today = self.now.astimezone(PARIS).date()
        if "last_days" in period:
            return today - timedelta(days=period["last_days"]) <= day <= today
        since = date.fromisoformat(period.get("from", "0001-01-01"))
        until = date.fromisoformat(period["to"]) if "to" in period else today
        return since <= day <= until

    def _is_asked(self, row: dict[str, Any], condition: Condition) -> bool:
        wanted = condition.filters.get("mailing")
        kind, source = MAILINGS[row["mailing"]]
        return wanted in (None, f"{kind}:{source}") and self._is_within(row["at"], condition)

    def _reaction(self, kind: str, figure: str, condition: Condition, person: Person) -> Any:
        chosen = [
            each["at"]
            for each in person.events
            if each["kind"] == kind and each["judgement"] in ("", "human") and self._is_asked(each, condition)
        ]
        return len(chosen) if figure == "count" else self._day(max(chosen, default=None))

    def _purchase(self, figure: str, condition: Condition, person: Person) -> Any:
        asked = condition.filters
        orders = [
            order
            for order in counted(person.orders)
            if self._is_within(order["at"], condition) and asked.get("channel") in (None, order["channel"])
        ]
        worth = [order["amount"] - order["refunded"] for order in orders]
        if "category" in asked or "product" in asked:
            lines = {id(order): self._lines(order, asked) for order in orders}
            worth = [kept(order, line["amount"]) for order in orders for line in lines[id(order)]]
            orders = [order for order in orders if any(line["quantity"] > 0 for line in lines[id(order)])]
        days = [order["at"] for order in orders]
        return {
            "count": lambda: len(orders),
            "spent": lambda: sum(worth),
            "basket": lambda: sum(worth) // len(orders) if orders else None,
            "first": lambda: self._day(min(days, default=None)),
            "last": lambda: self._day(max(days, default=None)),
        }[figure]()

    def _lines(self, order: dict[str, Any], asked: Any) -> list[dict[str, Any]]:
        return [
            line
            for line in order["lines"]
            if asked.get("category") in (None, CATEGORIES[line["product"] - 1])
            and asked.get("product") in (None, f"P{line['product']}")
        ]


MAILINGS = {1: ("newsletter", 7), 2: ("letter", 3), 3: ("letter", 3)}
"""Mailing id → what it belongs to: a letter whose wording changed has two."""

ATTRIBUTES: dict[str, tuple[Any, ...]] = {
    "size": (1.5, 3, -2),
    "newsletter": (True, False),
    "contract": ("2026-11-23", "2026-12-23", "2020-02-29"),
    "colour": ("red", "blue"),
    "remark": ("likes Brie", "", "LIKES brie"),
}


SIGNALS = ("complaint_opened", "complaint_opened", "complaint_closed", "survey_answered", "tasting")
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)

SCORE_ROOMS = ("score", "relation", "light", "balance", "value")
SCORED: dict[str, tuple[str, tuple[Any, ...]]] = {
    "score.class": ("rfm_class", ("", "champion", "loyal", "lost")),
    **{f"score.{c}": (c, (None, 1, 3, 5)) for c in "rfmt"},
    "score.frat": ("frat", (None, 20, 30, 76, 100)),
    "score.engagement": ("engagement", (0.0, 0.25, 1.5)),
    "score.orders_year": ("orders_12m", (0, 1, 5)),
    "score.spent_year": ("spent_12m", (0, 1999, 25_000)),
    "score.mails_since_sign": ("mails_since_sign", (0, 3, 9)),
    "score.p_alive": ("p_alive", (None, 0.0, 0.25, 1.0)),
    "score.expected_orders": ("expected_orders", (None, 0.25, 3.0)),
    "score.expected_spent": ("expected_spent", (None, 0.0, 1999.0, 5000.5)),
    "score.categories": ("categories", (0, 1, 2)),
    "score.basket": ("basket", (0, 1999, 5000)),
    "relation.phase": ("phase", ("", "exploration", "commitment", "dissolution")),
    "relation.ended": ("ended_how", ("", "by_them", "silent")),
    "relation.risk": ("risk", ("", "steady", "at_risk", "lost")),
    "relation.usual_gap": ("usual_gap", (None, 1.5, 30.0, 90.5)),
    "relation.cause": ("cause", ("", "dissatisfied", "novelty")),
    "relation.loyalty": ("loyalty", ("", "solid", "inertia")),
    "relation.behaviour": ("behaviour", (None, 0, 1)),
    "relation.attitude": ("attitude", (None, -1, 0, 1)),
    **{
        f"light.{name}": (name, (None, 0, 1))
        for name in ("satisfied", "confident", "attached", "engaged", "cooperative")
    },
    "balance.asked": ("asked", (0, 1, 5)),
    "balance.given": ("given", (0, 2, 5)),
    "value.expected": ("value", (None, 0, 1999, 26_000)),
    "value.low": ("value_low", (None, 0, 1999)),
    "value.high": ("value_high", (None, 5000, 26_000)),
    "value.constant": ("value_constant", (None, 0, 5000)),
}
"""Field → its column of the score and the values drawn; without None or "" among them, 0 stands for no score."""


def told(signals: list[dict[str, Any]]) -> dict[tuple[str, str], datetime]:
    """By kind and key, each counted once as the database keeps it: the last told here."""
    return {(each["kind"], each["key"]): each["at"] for each in signals}


def counted(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Orders that count in figures."""
    return [order for order in orders if order["status"] == "paid" and order["currency"] == "EUR"]


def kept(order: dict[str, Any], amount: int) -> int:
    """What is left of a line's amount when the order's refund is taken off in proportion, towards zero."""
    if not order["refunded"] or not order["amount"]:
        return amount
    whole = amount * (order["amount"] - order["refunded"])
    return whole // order["amount"] if whole >= 0 else -(-whole // order["amount"])


class Rules:
    """Random rules over everything in a catalogue."""

    def __init__(self, seed: int, catalogue: Catalogue) -> None:
        self.random = random.Random(seed)
        self.catalogue = catalogue
        self.names = list(catalogue)

    def rule(self, depth: int = 1) -> dict[str, Any]:
        """The JSON of one rule; every condition says what becomes of the unknown, where there can be any."""
        size = self.random.choice((1, 1, 2, 3)) if depth > 1 else self.random.choice((1, 2, 2, 3))
        parts = [
            self.rule(depth + 1) if depth < 4 and self.random.random() < 0.25 else self.condition()
            for _ in range(size)
        ]
        return {self.random.choice(("all", "any", "none")): parts}

    def condition(self) -> dict[str, Any]:
        asked = self.catalogue[self.random.choice(self.names)]
        return self.about(asked, self.random.choice(operators(asked)))

    def about(self, asked: Field, operator: Operator) -> dict[str, Any]:
        """A condition on this field by this operator, with a random argument and filters."""
        found: dict[str, Any] = {"field": asked.name, "op": operator.name}
        if operator.argument != "none":
            found["value"] = self.argument(asked, operator.argument)
        where = {each.name: self.filter(each.name) for each in asked.filters if self.random.random() < 0.3}
        if where:
            found["where"] = where
        if asked.may_be_unknown and operator.name not in ("known", "unknown"):
            found["if_unknown"] = self.random.choice((True, False))
        return found

    def filter(self, name: str) -> Any:
        pick = self.random.choice
        if name == "period":
            days = ("2025-01-01", "2026-11-23", "2026-11-22")
            return pick(
                (
                    {"last_days": pick((0, 1, 30, 90, 365))},
                    {"from": pick(days)},
                    {"to": pick(days)},
                    {"from": days[0], "to": pick(days)},
                )
            )
        values = {
            "category": (*CATEGORIES, "none such"),
            "product": ("P1", "P2", "P9"),
            "channel": ("web", "shop"),
            "kind": (*SIGNALS[1:], "none_such"),
            "mailing": ("newsletter:7", "letter:3", "letter:99"),
        }
        return pick(values[name])

    def argument(self, asked: Any, argument: str) -> Any:
        pick = self.random.choice
        if argument in ("word", "words"):
            words = WORDS.get(asked.name, NAMES[1:])
            return pick(words) if argument == "word" else self.random.sample(words, k=min(2, len(words)))
        amounts: tuple[float, ...] = (0, 1, 2, 3, 5, 9)
        amounts = (0, 1999, 5000, 26_000) if asked.kind == "money" else amounts
        amounts = (-2, 0, 0.25, 1, 1.5, 3, 30, 76) if asked.kind == "number" else amounts
        return {
            "amount": lambda: pick(amounts),
            "amounts": lambda: sorted((pick(amounts), pick(amounts))),
            "days": lambda: pick((0, 1, 6, 7, 29, 30, 31, 89, 90, 91, 364, 365, 366)),
            "day": lambda: pick(("2026-11-23", "2026-11-22", "2025-11-23", "2026-12-24")),
            "span": lambda: pick((["2025-11-23", "2026-11-22"], ["2026-11-23", "2026-11-23"])),
            "month": lambda: pick((1, 2, 3, 11, 12)),
            "truth": lambda: pick((True, False)),
        }[argument]()


WORDS: dict[str, tuple[str, ...]] = {
    "customer.email": ("p1", "P2@shop.example", "mail.example"),
    "customer.domain": ("shop.example", "SHOP", ".example"),
    "customer.number": ("K1", "k2", "K"),
    "customer.country": ("FR", "fr", "BE"),
    "customer.language": ("fr", "en"),
    "customer.tags": TAGS,
    "suppression.causes": ("unsubscribed", "stale"),
    "score.class": ("champion", "loyal", "lost", "never"),
    "relation.phase": ("exploration", "commitment", "dissolution", "expansion"),
    "relation.ended": ("by_them", "silent", "both"),
    "relation.risk": ("steady", "at_risk", "lost"),
    "relation.cause": ("dissatisfied", "novelty", "took_leave"),
    "relation.loyalty": ("solid", "inertia", "retention"),
    "attribute.colour": ("red", "blue"),
    "attribute.remark": ("brie", "LIKES", "likes brie"),
    "customer.source": ("till", "web form", "web"),
    "customer.zone": ("Europe/Paris", "europe"),
}

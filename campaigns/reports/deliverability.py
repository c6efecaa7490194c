"""Health of delivery by receiver and day: what left, what came back and why, how long it took, the last answers.

A *receiver* is a group of the settings (`google`) or a domain. Everything is counted in the days of the shop's zone.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, distinct, exists, func, or_, select
from sqlalchemy.orm import Session

from campaigns.config import Pacing
from campaigns.customers import Customer
from campaigns.db.expressions import epoch, json_text
from campaigns.errors import NotFound
from campaigns.fields import Chosen
from campaigns.messages import (
    Attempt,
    Mailing,
    Message,
    domains_of,
    impersonal,
    queued_by_domain,
    receiver_of,
)
from campaigns.reports.numbers import Number
from campaigns.tracking import Event

DELIVERY = {
    each.name: each
    for each in (
        Number("sent", "Sent", "Accepted by the mail server in these days."),
        Number("delivered", "Delivered", "Sent, and nothing has come back as undeliverable."),
        Number("deferred", "Deferred", "Refused for now at least once in these days, and tried again later."),
        Number("refused", "Refused", "Refused for good, or given up after days, while being handed over."),
        Number("bounced", "Bounced", "Came back as undeliverable in these days, at once or later."),
        Number("spam_reported", "Spam", "The recipient pressed “spam” in these days."),
        Number("opened", "Opened", "By people, in these days; machines and proxies left out."),
        Number("clicked", "Clicked", "By people, in these days."),
        Number("waiting", "Waiting", "Queued at this moment, for its hour, its turn or its receiver's pace."),
    )
}
"""The figures of a receiver, by name."""
PERIODS = (1, 7, 30, 90)
"""Days that a page offers, today included."""
ANSWERS = 12
_EXACT_SECONDS = 120


@dataclass(frozen=True)
class Span:
    """The last `days` local days, today included, as instants."""

    days: int
    since: datetime
    until: datetime
    zone: ZoneInfo

    @classmethod
    def last(cls, days: int, *, now: datetime, zone: ZoneInfo) -> "Span":
        """The days that end with the present moment."""
        first = now.astimezone(zone).date() - timedelta(days=days - 1)
        return cls(days, datetime.combine(first, time.min, zone).astimezone(UTC), now, zone)

    def holds(self, at: Any) -> ColumnElement[bool]:
        """That a column lies within it."""
        return and_(at >= self.since, at <= self.until)

    def all_days(self) -> list[date]:
        """Every local day, oldest first."""
        first = self.since.astimezone(self.zone).date()
        return [first + timedelta(days=step) for step in range(self.days)]

    def day_of(self, hour: int) -> date:
        """The local day of an hour since 1970."""
        return datetime.fromtimestamp(hour * 3600, self.zone).date()


@dataclass
class ReceiverLine:
    """One receiver's figures (the names of DELIVERY), mails sent by day (oldest first), bounces by cause."""

    key: str
    numbers: Counter[str] = field(default_factory=Counter)
    by_day: dict[date, int] = field(default_factory=dict)
    causes: Counter[str] = field(default_factory=Counter)
    paced: int = 0
    median_seconds: int | None = None

    def share(self, name: str) -> float:
        """A figure's part of what was sent or refused; 0 where nothing was."""
        whole = self.numbers["sent"] + self.numbers["refused"]
        return self.numbers[name] / whole if whole else 0.0


def by_receiver(session: Session, settings: Pacing, span: Span) -> list[ReceiverLine]:
    """Every receiver that something was meant for in these days, those with most mails first."""
    key_of = receiver_of(settings)
    lines: dict[str, ReceiverLine] = {}
    days = dict.fromkeys(span.all_days(), 0)

    def line(domain: str) -> ReceiverLine:
        key = key_of(domain)
        if key not in lines:
            lines[key] = ReceiverLine(key, by_day=dict(days))
        return lines[key]

    hour = (epoch(Message.sent_at) // 3600).label("hour")
    for domain, at, number in session.execute(
        select(Message.domain, hour, func.count())
        .where(span.holds(Message.sent_at), Message.status == "sent")
        .group_by(Message.domain, hour)
    ):
        line(domain).numbers["sent"] += number
        line(domain).by_day[span.day_of(at)] += number
    for domain, name, number in _tried(session, span):
        line(domain).numbers[name] += number
    for domain, name, number in _came_back(session, span):
        line(domain).numbers[name] += number
    for domain, cause, number in _by_cause(session, span):
        line(domain).causes[cause or "unknown"] += number
    for domain, number in _bounced_of_sent(session, span):
        line(domain).numbers["lost"] += number
    for domain, (number, paced) in queued_by_domain(session).items():
        line(domain).numbers["waiting"] += number
        line(domain).paced += paced
    for each in lines.values():
        each.numbers["delivered"] = each.numbers["sent"] - each.numbers.pop("lost", 0)
    return sorted(
        lines.values(), key=lambda each: (-each.numbers["sent"], -each.numbers["waiting"], each.key)
    )


def _tried(session: Session, span: Span) -> Iterable[Any]:
    name = {"retry": "deferred", "failed": "refused"}
    rows = session.execute(
        select(Message.domain, Attempt.outcome, func.count(distinct(Attempt.message_id)))
        .join(Message, Message.id == Attempt.message_id)
        .where(span.holds(Attempt.at), Attempt.outcome.in_(name))
        .group_by(Message.domain, Attempt.outcome)
    )
    return [(domain, name[outcome], number) for domain, outcome, number in rows]


_HUMAN = and_(Event.kind.in_(("opened", "clicked")), Event.judgement == "human")
_BACK = or_(_HUMAN, Event.kind.in_(("bounced", "spam_reported")))


def _came_back(session: Session, span: Span) -> Iterable[Any]:
    return session.execute(
        select(Message.domain, Event.kind, func.count(distinct(Event.message_id)))
        .join(Message, Message.id == Event.message_id)
        .where(span.holds(Event.at), _BACK)
        .group_by(Message.domain, Event.kind)
    )


def _by_cause(session: Session, span: Span) -> Iterable[Any]:
    cause = json_text(Event.details, "cause").label("cause")
    return session.execute(
        select(Message.domain, cause, func.count(distinct(Event.message_id)))
        .join(Message, Message.id == Event.message_id)
        .where(span.holds(Event.at), Event.kind == "bounced")
        .group_by(Message.domain, cause)
    )


def _bounced_of_sent(session: Session, span: Span) -> Iterable[Any]:
    return session.execute(
        select(Message.domain, func.count(distinct(Event.message_id)))
        .join(Message, Message.id == Event.message_id)
        .where(Event.kind == "bounced", Event.at >= span.since)
        .where(span.holds(Message.sent_at), Message.status == "sent")
        .group_by(Message.domain)
    )


def fill_medians(session: Session, settings: Pacing, lines: Sequence[ReceiverLine], span: Span) -> None:
    """Put into each line how long the middle one of its newsletters' mails took from the queue to the acceptance.

    Letters are left out: they are queued before their hour. To the second below two minutes, to the minute above.
    """
    domains = {domain: each.key for each in lines for domain in domains_of(settings, each.key)}
    seconds = epoch(Message.sent_at) - epoch(Message.queued_at)
    rows = session.execute(
        select(Message.domain, seconds.label("seconds"), func.count())
        .join(Mailing, Mailing.id == Message.mailing_id)
        .where(span.holds(Message.sent_at), Message.status == "sent", Mailing.kind == "newsletter")
        .where(Message.domain.in_(list(domains)))
        .group_by(Message.domain, "seconds")
    )
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for domain, waited, number in rows:
        exact = max(int(waited), 0)
        found[domains[domain]][exact if exact < _EXACT_SECONDS else exact // 60 * 60] += number
    for each in lines:
        each.median_seconds = median(found[each.key]) if each.key in found else None


def median(counted: Mapping[int, int]) -> int:
    """The middle value of a counted heap (the lower one of two)."""
    half, seen = (sum(counted.values()) + 1) // 2, 0
    for value in sorted(counted):
        seen += counted[value]
        if seen >= half:
            return value
    raise ValueError("Nothing was counted.")


# ── one receiver


@dataclass(frozen=True)
class DayLine:
    """One local day of a receiver; `numbers` by the names of DELIVERY (but for `delivered` and `waiting`)."""

    day: date
    numbers: Mapping[str, int]


def by_day(session: Session, domains: Collection[str], span: Span) -> list[DayLine]:
    """The days of a receiver, the newest first, without gaps."""
    days: dict[date, Counter[str]] = {day: Counter() for day in span.all_days()}
    to = Message.domain.in_(list(domains))

    def count(name: str, at: Any, rows: Chosen) -> None:
        hour = (epoch(at) // 3600).label("hour")
        for found, number in session.execute(
            rows.with_only_columns(hour, func.count(distinct(Message.id))).group_by(hour)
        ):
            if (day := span.day_of(found)) in days:
                days[day][name] += number

    count(
        "sent",
        Message.sent_at,
        select(Message.id).where(to, span.holds(Message.sent_at), Message.status == "sent"),
    )
    tried = (
        select(Message.id).join(Attempt, Attempt.message_id == Message.id).where(to, span.holds(Attempt.at))
    )
    count("deferred", Attempt.at, tried.where(Attempt.outcome == "retry"))
    count("refused", Attempt.at, tried.where(Attempt.outcome == "failed"))
    back = select(Message.id).join(Event, Event.message_id == Message.id).where(to, span.holds(Event.at))
    for kind in ("bounced", "spam_reported"):
        count(kind, Event.at, back.where(Event.kind == kind))
    for kind in ("opened", "clicked"):
        count(kind, Event.at, back.where(Event.kind == kind, Event.judgement == "human"))
    return [DayLine(day, numbers) for day, numbers in sorted(days.items(), reverse=True)]


@dataclass(frozen=True)
class LastAnswer:
    """What a receiver's server said lately, without addresses: when first and last of those looked at, how often."""

    at: datetime
    code: int | None
    words: str
    outcome: str
    times: int


def last_answers(session: Session, domains: Collection[str], span: Span) -> list[LastAnswer]:
    """The newest refusals by their words, as far as they differ; addresses and numbers taken out."""
    rows = session.execute(
        select(Attempt, Message.address)
        .join(Message, Message.id == Attempt.message_id)
        .where(Message.domain.in_(list(domains)), span.holds(Attempt.at), Attempt.step != "decide")
        .order_by(Attempt.id.desc())
        .limit(500)
    ).all()
    found: dict[tuple[int | None, str, str], LastAnswer] = {}
    for attempt, address in rows:
        words = impersonal(attempt.reply, address)
        key = (attempt.code, words, attempt.outcome)
        earlier = found.get(key)
        at = earlier.at if earlier else attempt.at
        found[key] = LastAnswer(
            at, attempt.code, words, attempt.outcome, (earlier.times if earlier else 0) + 1
        )
    return list(found.values())[:ANSWERS]


# ── behind a number


def behind_delivery(domains: Collection[str], number: str, span: Span, *, cause: str = "") -> Chosen:
    """`(Message, Customer or None)` of everything that a figure of a receiver counts, the newest first.

    `cause` narrows bounces to one. NotFound for a figure that there is not.
    """
    test = _TESTS.get(number)
    if test is None:
        raise NotFound(f"There is no figure “{number[:60]}” of delivery.")
    return (
        select(Message, Customer)
        .outerjoin(Customer, Customer.id == Message.customer_id)
        .where(Message.domain.in_(list(domains)), test(span, cause))
        .order_by(Message.id.desc())
    )


def _sent(span: Span, _cause: str) -> ColumnElement[bool]:
    return and_(span.holds(Message.sent_at), Message.status == "sent")


def _delivered(span: Span, cause: str) -> ColumnElement[bool]:
    back = exists().where(Event.message_id == Message.id, Event.kind == "bounced", Event.at >= span.since)
    return and_(_sent(span, cause), ~back)


def _attempted(outcome: str) -> Callable[[Span, str], ColumnElement[bool]]:
    return lambda span, _cause: exists().where(
        Attempt.message_id == Message.id, Attempt.outcome == outcome, span.holds(Attempt.at)
    )


def _returned(kind: str) -> Callable[[Span, str], ColumnElement[bool]]:
    def test(span: Span, cause: str) -> ColumnElement[bool]:
        found = exists().where(Event.message_id == Message.id, Event.kind == kind, span.holds(Event.at))
        if kind in ("opened", "clicked"):
            return found.where(Event.judgement == "human")
        if not cause:
            return found
        said = json_text(Event.details, "cause")
        return found.where(or_(said.is_(None), said == "") if cause == "unknown" else said == cause)

    return test


def _waits(_span: Span, _cause: str) -> ColumnElement[bool]:
    is_open = exists().where(Mailing.id == Message.mailing_id, Mailing.status == "open")
    return and_(Message.status == "queued", is_open)


_TESTS: Mapping[str, Callable[[Span, str], ColumnElement[bool]]] = {
    "sent": _sent,
    "delivered": _delivered,
    "deferred": _attempted("retry"),
    "refused": _attempted("failed"),
    "bounced": _returned("bounced"),
    "spam_reported": _returned("spam_reported"),
    "opened": _returned("opened"),
    "clicked": _returned("clicked"),
    "waiting": _waits,
}

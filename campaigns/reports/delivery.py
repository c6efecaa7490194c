"""What became of mailings: numbers that add up, by domain, by link, over time, and the messages behind each."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, case, distinct, exists, func, or_, select
from sqlalchemy.orm import Session

from campaigns.content import get_version
from campaigns.customers import Customer
from campaigns.db.expressions import epoch
from campaigns.errors import NotFound
from campaigns.fields import Chosen
from campaigns.messages import STATUSES, Mailing, Message, get_mailing
from campaigns.reports.numbers import NUMBERS, Stats
from campaigns.tracking import Event

DOMAINS = 20
"""So many recipient domains stand by name in a report; the others are added up."""
HOUR = 3600


@dataclass(frozen=True)
class Subject:
    """What a report is about: a newsletter, or a letter in all its wordings. `mailings` newest first."""

    kind: str
    source_id: int | None
    name: str
    mailings: tuple[Mailing, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(mailing.id for mailing in self.mailings)

    @property
    def newest(self) -> Mailing:
        return self.mailings[0]


def subject(session: Session, mailing_id: int) -> Subject:
    """What the mailing belongs to, with its sister mailings; NotFound if there is none."""
    mailing = get_mailing(session, mailing_id)
    if mailing.source_id is None:
        return Subject(mailing.kind, None, mailing.name, (mailing,))
    sisters = session.scalars(
        select(Mailing)
        .where(Mailing.kind == mailing.kind, Mailing.source_id == mailing.source_id)
        .order_by(Mailing.id.desc())
    ).all()
    return Subject(mailing.kind, mailing.source_id, sisters[0].name, tuple(sisters))


def delivery_stats(session: Session, mailing_ids: Collection[int]) -> Stats:
    """All numbers of these mailings together. `meant` is the sum of the states."""
    return stats_by_mailing(session, mailing_ids, together=True).get(0, Stats(dict.fromkeys(STATUSES, 0)))


def stats_by_mailing(
    session: Session, mailing_ids: Collection[int], *, together: bool = False
) -> dict[int, Stats]:
    """The numbers of each mailing by its id (or of all of them under 0)."""
    states: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(STATUSES, 0))
    held: dict[int, dict[str, int]] = defaultdict(dict)
    delivered: dict[int, int] = defaultdict(int)
    tracked: dict[int, int] = defaultdict(int)
    for mailing_id, status, reason, is_tracked, number in _states(session, mailing_ids):
        key = 0 if together else mailing_id
        states[key][status] += number
        if status == "held":
            held[key][reason] = held[key].get(reason, 0) + number
        if status == "sent":
            delivered[key] += number
            tracked[key] += number if is_tracked else 0
    reactions: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    totals: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for mailing_id, name, messages, hits in _reactions(session, mailing_ids):
        key = 0 if together else mailing_id
        reactions[key][name] += messages
        totals[key][name] += hits
    for key in states:
        reactions[key] |= {"delivered": delivered[key], "tracked": tracked[key], "silent": tracked[key]}
    for mailing_id, bounced, bounced_tracked, answered in _answered(session, mailing_ids):
        key = 0 if together else mailing_id
        reactions[key]["delivered"] -= bounced
        reactions[key]["tracked"] -= bounced_tracked
        reactions[key]["silent"] -= answered
    return {
        key: Stats(
            states[key],
            dict(sorted(held[key].items(), key=lambda each: -each[1])),
            dict(reactions[key]),
            dict(totals[key]),
        )
        for key in states
    }


def _states(session: Session, mailing_ids: Collection[int]) -> Sequence[Any]:
    return session.execute(
        select(Message.mailing_id, Message.status, Message.held_reason, Message.is_tracked, func.count())
        .where(Message.mailing_id.in_(mailing_ids))
        .group_by(Message.mailing_id, Message.status, Message.held_reason, Message.is_tracked)
    ).all()


def _name_of_event() -> ColumnElement[str]:
    """The name of the number that an event counts for; NULL for those that count for none."""
    is_open, is_click = Event.kind == "opened", Event.kind == "clicked"
    plain = ("bounced", "unsubscribed", "spam_reported", "replied")
    return case(
        (and_(is_open, Event.judgement == "human"), "opened"),
        (and_(is_open, Event.judgement == "proxied"), "proxied"),
        (and_(is_open, Event.judgement == "suspect"), "suspect_opened"),
        (is_open, "machine_opened"),
        (and_(is_click, Event.judgement == "human"), "clicked"),
        (and_(is_click, Event.judgement == "suspect"), "suspect_clicked"),
        (is_click, "machine_clicked"),
        (Event.kind.in_(plain), Event.kind),
    )


def _reactions(session: Session, mailing_ids: Collection[int]) -> Sequence[Any]:
    name = _name_of_event().label("name")
    return session.execute(
        select(Event.mailing_id, name, func.count(distinct(Event.message_id)), func.count())
        .where(Event.mailing_id.in_(mailing_ids), name.is_not(None), Event.message_id.is_not(None))
        .group_by(Event.mailing_id, name)
    ).all()


def _has(*kinds: str, judged: str = "") -> ColumnElement[bool]:
    found = exists().where(Event.message_id == Message.id, Event.kind.in_(kinds))
    return found.where(Event.judgement == judged) if judged else found


def _is_sign() -> ColumnElement[bool]:
    """That an event is a sign of the person's own."""
    hit = and_(Event.kind.in_(("opened", "clicked")), Event.judgement == "human")
    return or_(hit, Event.kind == "replied")


def _is_silent() -> ColumnElement[bool]:
    return ~exists().where(Event.message_id == Message.id, _is_sign())


def _answered(session: Session, mailing_ids: Collection[int]) -> Sequence[Any]:
    """Of the sent ones per mailing: bounced; bounced and tracked; tracked with a sign of the person's own.

    Counted from the events, which are fewer than the messages.
    """
    is_bounce = Event.kind == "bounced"

    def number(test: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count(distinct(case((test, Event.message_id))))

    return session.execute(
        select(
            Event.mailing_id,
            number(is_bounce),
            number(and_(is_bounce, Message.is_tracked)),
            number(and_(_is_sign(), Message.is_tracked)),
        )
        .join(Message, Message.id == Event.message_id)
        .where(Event.mailing_id.in_(mailing_ids), Message.status == "sent", or_(is_bounce, _is_sign()))
        .group_by(Event.mailing_id)
    ).all()


# ── behind a number


def behind(mailing_ids: Collection[int], number: str, *, reason: str = "", domain: str = "") -> Chosen:
    """`(Message, Customer or None after erasure)` of everything a number counts, in the order of queueing.

    `reason` narrows `held` to one reason, `domain` any number to one recipient domain. NotFound for a number
    that there is not.
    """
    if number not in NUMBERS:
        raise NotFound(f"There is no number “{number[:60]}” in a report.")
    chosen = (
        select(Message, Customer)
        .outerjoin(Customer, Customer.id == Message.customer_id)
        .where(Message.mailing_id.in_(mailing_ids))
        .order_by(Message.id)
    )
    if (test := _test_of(number)) is not None:
        chosen = chosen.where(test)
    if reason:
        chosen = chosen.where(Message.held_reason == reason)
    return chosen.where(Message.domain == domain) if domain else chosen


def _test_of(number: str) -> ColumnElement[bool] | None:
    if number == "meant":
        return None
    if number in STATUSES:
        return Message.status == number
    if number == "delivered":
        return and_(Message.status == "sent", ~_has("bounced"))
    if number == "tracked":
        return and_(Message.status == "sent", Message.is_tracked, ~_has("bounced"))
    if number == "silent":
        return and_(Message.status == "sent", Message.is_tracked, _is_silent())
    return exists().where(Event.message_id == Message.id, _name_of_event() == number)


def behind_link(mailing_ids: Collection[int], url: str, session: Session) -> Chosen:
    """`(Message, Customer or None)` of those of whom a person followed the link to `url`."""
    places = [(m, p) for m, links in _links(session, mailing_ids).items() for p, link in links if link == url]
    if not places:
        raise NotFound("There is no such link in this mailing.")
    hit = exists().where(
        Event.message_id == Message.id,
        Event.kind == "clicked",
        Event.judgement == "human",
        or_(*(and_(Event.mailing_id == m, Event.position == p) for m, p in places)),
    )
    return (
        select(Message, Customer)
        .outerjoin(Customer, Customer.id == Message.customer_id)
        .where(Message.mailing_id.in_(mailing_ids), hit)
        .order_by(Message.id)
    )


# ── by domain, by link, over time


@dataclass(frozen=True)
class DomainLine:
    """One recipient domain; "" adds up those that do not stand by name."""

    domain: str
    meant: int
    sent: int
    failed: int
    bounced: int
    opened: int
    clicked: int
    unsubscribed: int


def by_domain(session: Session, mailing_ids: Collection[int], *, most: int = DOMAINS) -> list[DomainLine]:
    """The domains written to, those with most messages first; beyond `most` they are added up as ""."""
    rows: dict[str, dict[str, int]] = {}
    for domain, status, number in session.execute(
        select(Message.domain, Message.status, func.count())
        .where(Message.mailing_id.in_(mailing_ids))
        .group_by(Message.domain, Message.status)
    ):
        line = rows.setdefault(domain, defaultdict(int))
        line["meant"] += number
        line[status] += number
    name = _name_of_event().label("name")
    for domain, event, number in session.execute(
        select(Message.domain, name, func.count(distinct(Event.message_id)))
        .join(Message, Message.id == Event.message_id)
        .where(Event.mailing_id.in_(mailing_ids), name.in_(("bounced", "opened", "clicked", "unsubscribed")))
        .group_by(Message.domain, name)
    ):
        rows.setdefault(domain, defaultdict(int))[event] += number
    ordered = sorted(rows.items(), key=lambda each: (-each[1]["meant"], each[0]))
    lines = [_domain_line(domain, numbers) for domain, numbers in ordered[:most]]
    if rest := ordered[most:]:
        lines.append(_domain_line("", {n: sum(each[1][n] for each in rest) for n in _DOMAIN_NUMBERS}))
    return lines


_DOMAIN_NUMBERS = tuple(name for name in DomainLine.__dataclass_fields__ if name != "domain")


def _domain_line(domain: str, numbers: Mapping[str, int]) -> DomainLine:
    return DomainLine(domain, **{name: numbers.get(name, 0) for name in _DOMAIN_NUMBERS})


@dataclass(frozen=True)
class LinkLine:
    """One target: in how many messages a person followed it, how often; and machines and doubtful ones apart."""

    url: str
    text: str
    category: str
    people: int
    clicks: int
    suspect: int
    machine: int


def by_link(session: Session, mailing_ids: Collection[int]) -> list[LinkLine]:
    """Every link of these mailings, the most followed first, never followed ones too."""
    counted: dict[tuple[int | None, int | None], dict[str, tuple[int, int]]] = defaultdict(dict)
    name = _name_of_event().label("name")
    for mailing_id, position, event, messages, hits in session.execute(
        select(Event.mailing_id, Event.position, name, func.count(distinct(Event.message_id)), func.count())
        .where(Event.mailing_id.in_(mailing_ids), Event.kind == "clicked", Event.position.is_not(None))
        .group_by(Event.mailing_id, Event.position, name)
    ):
        counted[mailing_id, position][event] = (messages, hits)
    lines: dict[str, list[Any]] = {}
    for mailing_id, position, link in _placed_links(session, mailing_ids):
        found = counted.get((mailing_id, position), {})
        people, clicks = found.get("clicked", (0, 0))
        line = lines.setdefault(link["url"], [link.get("text", ""), link.get("category", ""), 0, 0, 0, 0])
        for index, more in enumerate(
            (
                people,
                clicks,
                found.get("suspect_clicked", (0, 0))[1],
                found.get("machine_clicked", (0, 0))[1],
            ),
            2,
        ):
            line[index] += more
    made = [LinkLine(url, *values) for url, values in lines.items()]
    return sorted(made, key=lambda line: (-line.people, -line.clicks, line.url))


def _placed_links(session: Session, mailing_ids: Collection[int]) -> list[tuple[int, int, Mapping[str, Any]]]:
    rows = session.execute(select(Mailing.id, Mailing.version_id).where(Mailing.id.in_(mailing_ids)))
    return [
        (mailing_id, position, link)
        for mailing_id, version_id in rows.all()
        for position, link in enumerate(get_version(session, version_id).links)
    ]


def _links(session: Session, mailing_ids: Collection[int]) -> dict[int, list[tuple[int, str]]]:
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for mailing_id, position, link in _placed_links(session, mailing_ids):
        found[mailing_id].append((position, link["url"]))
    return found


@dataclass(frozen=True)
class TimePoint:
    """One hour or day of a mailing's life, beginning at `at` (local)."""

    at: datetime
    sent: int
    opened: int
    clicked: int
    unsubscribed: int


@dataclass(frozen=True)
class Course:
    """What happened hour by hour (`is_hourly`) or day by day, without gaps; empty if nothing was sent."""

    is_hourly: bool
    points: tuple[TimePoint, ...]


HOURLY_FOR = timedelta(hours=48)
MOST_DAYS = 60


def over_time(session: Session, mailing_ids: Collection[int], *, now: datetime, zone: ZoneInfo) -> Course:
    """How it went: by hours in the first two days of its life, by days afterwards (the last 60)."""
    hours = _by_hour(session, mailing_ids)
    if not hours:
        return Course(True, ())
    is_hourly = now.timestamp() - min(hours) <= HOURLY_FOR.total_seconds()
    found: dict[datetime, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for hour, numbers in hours.items():
        at = datetime.fromtimestamp(hour, UTC)
        for name, number in numbers.items():
            found[at if is_hourly else _midnight(at, zone)][name] += number
    return Course(
        is_hourly,
        tuple(_point(at, found.get(at, {}), zone) for at in _steps(min(found), now, zone, is_hourly)),
    )


def _midnight(at: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which the local day of `at` began."""
    return datetime.combine(at.astimezone(zone).date(), time.min, zone).astimezone(UTC)


def _point(at: datetime, numbers: Mapping[str, int], zone: ZoneInfo) -> TimePoint:
    names = ("sent", "opened", "clicked", "unsubscribed")
    return TimePoint(at.astimezone(zone), *(numbers.get(name, 0) for name in names))


def _steps(first: datetime, now: datetime, zone: ZoneInfo, is_hourly: bool) -> list[datetime]:
    """Every hour or local midnight from the first to now, as instants."""
    if is_hourly:
        return [first + timedelta(hours=step) for step in range(int((now - first) // timedelta(hours=1)) + 1)]
    today, day = now.astimezone(zone).date(), first.astimezone(zone).date()
    day = max(day, today - timedelta(days=MOST_DAYS - 1))
    days = [day + timedelta(days=step) for step in range((today - day).days + 1)]
    return [datetime.combine(each, time.min, zone).astimezone(UTC) for each in days]


def _by_hour(session: Session, mailing_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """Per hour (seconds since 1970 of its beginning): mails sent, and messages with a person's first sign."""
    hours: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    sent = (epoch(Message.sent_at) // HOUR).label("hour")
    for hour, number in session.execute(
        select(sent, func.count())
        .where(Message.mailing_id.in_(mailing_ids), Message.status == "sent", Message.sent_at.is_not(None))
        .group_by(sent)
    ):
        hours[hour * HOUR]["sent"] += number
    name = _name_of_event().label("name")
    firsts = (
        select(name, func.min(Event.at).label("at"))
        .where(Event.mailing_id.in_(mailing_ids), name.in_(("opened", "clicked", "unsubscribed")))
        .group_by(name, Event.message_id)
        .subquery()
    )
    hour_of = (epoch(firsts.c.at) // HOUR).label("hour")
    for event, hour, number in session.execute(
        select(firsts.c.name, hour_of, func.count()).group_by(firsts.c.name, hour_of)
    ):
        hours[hour * HOUR][event] += number
    return hours


# ── the list of reports


@dataclass(frozen=True)
class Line:
    """One newsletter or letter with its numbers. `mailing_id` is its newest mailing."""

    mailing_id: int
    kind: str
    name: str
    subject: str
    first_at: datetime
    last_sent_at: datetime | None
    stats: Stats


def subjects(*, kind: str = "") -> Select[Any]:
    """Newest mailing id of every newsletter and letter that has one, newest first: to be paged."""
    newest = func.max(Mailing.id).label("id")
    chosen = (
        select(newest)
        .where(Mailing.kind.in_((kind,) if kind else ("newsletter", "letter", "journey")))
        .group_by(Mailing.kind, Mailing.source_id)
    ).subquery()
    return select(chosen.c.id).order_by(chosen.c.id.desc())


def lines(session: Session, mailing_ids: Sequence[int]) -> list[Line]:
    """The numbers of each of these subjects (given by one of their mailings), in the order given."""
    made = []
    for mailing_id in mailing_ids:
        about = subject(session, mailing_id)
        first_at = min(mailing.created_at for mailing in about.mailings)
        last = session.scalar(select(func.max(Message.sent_at)).where(Message.mailing_id.in_(about.ids)))
        stats = delivery_stats(session, about.ids)
        made.append(
            Line(about.newest.id, about.kind, about.name, about.newest.subject, first_at, last, stats)
        )
    return made

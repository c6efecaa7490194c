"""The day at a glance: what needs a person, what goes out today by the hour, the last week against the usual."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.customers import Import
from campaigns.db.expressions import epoch
from campaigns.fields import Chosen, Fields
from campaigns.letters import due_soon, get_letter, switched_on
from campaigns.messages import Mailing, Message
from campaigns.newsletters import Newsletter, list_newsletters, reach
from campaigns.occasions import Occasion
from campaigns.purchases import Purchase
from campaigns.reports.health import health
from campaigns.scoring import quiet_accounts, stale_candidates
from campaigns.staff import User
from campaigns.tracking import Event, endangered, sender_faults, silent_inlets

RECENT = timedelta(days=7)
"""A failure older than this is history, not a task."""
LATE_AFTER = timedelta(minutes=10)
USUAL_WEEKS = 8
LEAST_WEEKS = 3
"""Fewer full weeks of our own past are no measure: then nothing is called usual."""
MOST_DUE = 10_000


@dataclass(frozen=True)
class Need:
    """One thing that waits for a person.

    `name`: those of an Alarm (clock, halted, gap, no_sender, login, trouble, stuck), late, failed, unknown, paused, returns, sender_fault,
    much_returned, import_failed,
    import_rejects, stale.
    `tone`: bad (something is wrong) or warn (a decision is awaited). `subject_id` is the newsletter, mailing,
    import or customer it is about, where it is about one. `count` is how many messages, lines or addresses.
    """

    name: str
    tone: str
    title: str
    sentence: str
    count: int = 0
    subject_id: int | None = None


@dataclass(frozen=True)
class Leaving:
    """What goes out today in one local hour: a newsletter or the occasions of a letter, and how many are expected.

    `expected` is None where it cannot be told yet. `is_done`: it has left already; `expected` then is what was
    meant.
    """

    hour: int
    kind: str
    name: str
    subject_id: int
    expected: int | None
    is_done: bool = False


@dataclass(frozen=True)
class Week:
    """One figure of the last seven days, today included: its sum, its days (oldest first), and its usual range.

    `usual` are the smallest and the largest of the eight weeks before; None while there are too few.
    """

    name: str
    label: str
    definition: str
    value: int
    days: tuple[int, ...]
    usual: tuple[int, int] | None
    is_money: bool = False
    is_less_better: bool = False

    @property
    def verdict(self) -> str:
        """above, below or within its own usual range; empty while nothing is usual."""
        if self.usual is None:
            return ""
        low, high = self.usual
        return "below" if self.value < low else "above" if self.value > high else "within"


@dataclass(frozen=True)
class Today:
    """Everything the first page says."""

    needs: tuple[Need, ...]
    leaving: tuple[Leaving, ...]
    week: tuple[Week, ...]


def today(
    session: Session,
    *,
    now: datetime,
    zone: ZoneInfo,
    config: Config,
    fields: Fields,
    occasions: Mapping[str, Occasion],
) -> Today:
    """The day as it stands at `now`; days and hours in `zone`."""
    return Today(
        needs=tuple(needs(session, now=now, config=config)),
        leaving=tuple(leaving(session, now=now, zone=zone, fields=fields, occasions=occasions)),
        week=tuple(week(session, now=now, zone=zone, currency=config.shop.currency)),
    )


# ── what needs a person


def needs(session: Session, *, now: datetime, config: Config) -> list[Need]:
    """What waits for a person, what is wrong first."""
    found = [
        *_sending(session, now),
        *_late(session, now),
        *_failed(session, now),
        *_unknown(session),
        *_paused(session),
        *_returns(session, now, config),
        *_imports(session, now),
        *_stale(session, now, config),
        *_quiet_accounts(session, now, config),
    ]
    return sorted(found, key=lambda need: need.tone != "bad")


def _quiet_accounts(session: Session, now: datetime, config: Config) -> list[Need]:
    found = []
    for quiet in quiet_accounts(session, now=now, config=config):
        name = f"{quiet.customer.first_name} {quiet.customer.last_name}".strip() or quiet.customer.email
        owner = session.get(User, quiet.account.owner_id) if quiet.account.owner_id else None
        looks = f" {owner.name or owner.email} looks after it." if owner else " Nobody looks after it."
        sentence = f"No order for {quiet.days:,} days; after {quiet.limit:.0f} it is an alarm.{looks}"
        found.append(
            Need("quiet_account", "warn", f"Key account {name} is silent", sentence, 1, quiet.customer.id)
        )
    return found


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _sending(session: Session, now: datetime) -> list[Need]:
    return [
        Need(alarm.name, alarm.tone, alarm.title, alarm.sentence, alarm.count, alarm.mailing_id)
        for alarm in health(session, now=now).alarms
    ]


def _late(session: Session, now: datetime) -> list[Need]:
    late = select(Newsletter).where(Newsletter.status == "scheduled", Newsletter.due_at < now - LATE_AFTER)
    return [
        Need(
            "late",
            "bad",
            f"“{each.name}” should have left",
            "Its moment has passed and nothing launched it: is the clock running?",
            subject_id=each.id,
        )
        for each in session.scalars(late.order_by(Newsletter.due_at))
    ]


def _by_mailing(session: Session, test: Any) -> Sequence[Any]:
    """(mailing id, name, how many) of messages, tests of a template left out."""
    return session.execute(
        select(Mailing.id, Mailing.name, func.count())
        .join(Message, Message.mailing_id == Mailing.id)
        .where(test, Mailing.kind != "test")
        .group_by(Mailing.id, Mailing.name)
        .order_by(Mailing.id.desc())
    ).all()


def _failed(session: Session, now: datetime) -> list[Need]:
    is_recent = and_(Message.status == "failed", Message.queued_at >= now - RECENT)
    return [
        Need(
            "failed",
            "bad",
            f"{_count(number, 'mail')} of “{name}” failed",
            "Refused for good, or given up. The servers' words stand beside each address.",
            number,
            mailing_id,
        )
        for mailing_id, name, number in _by_mailing(session, is_recent)
    ]


def _unknown(session: Session) -> list[Need]:
    return [
        Need(
            "unknown",
            "warn",
            f"{_count(number, 'mail')} of “{name}” may or may not have arrived",
            "Handed over, the answer never heard. Decide: count as sent, or send again.",
            number,
            mailing_id,
        )
        for mailing_id, name, number in _by_mailing(session, Message.status == "unknown")
    ]


def _paused(session: Session) -> list[Need]:
    rows = session.scalars(select(Newsletter).where(Newsletter.status == "paused").order_by(Newsletter.id))
    return [
        Need(
            "paused",
            "warn",
            f"“{each.name}” is paused",
            each.because or "Nobody gets it until it is resumed or cancelled.",
            subject_id=each.id,
        )
        for each in rows
    ]


def _returns(session: Session, now: datetime, config: Config) -> list[Need]:
    title = "Returned mail is not coming in"
    silent = [Need("returns", "bad", title, each.sentence) for each in silent_inlets(session, now=now)]
    faults = [
        Need("sender_fault", "bad", fault.title, fault.sentence, fault.count)
        for fault in sender_faults(session, now=now)
    ]
    warned = [
        Need(
            "much_returned",
            "warn",
            f"Much of “{danger.name}” comes back",
            f"{danger.sentence}.",
            0,
            danger.mailing_id,
        )
        for danger in endangered(session, config.guard, now=now)
        if danger.level == "warn"
    ]
    return [*silent, *faults, *warned]


def _imports(session: Session, now: datetime) -> list[Need]:
    recent = select(Import).where(Import.created_at >= now - RECENT).order_by(Import.id.desc())
    found = []
    for each in session.scalars(recent):
        rejected = int((each.counts or {}).get("rejected", 0))
        if each.status == "failed":
            found.append(
                Need("import_failed", "bad", f"Import of {each.filename} failed", each.error, 0, each.id)
            )
        elif each.status == "done" and rejected:
            title = f"{_count(rejected, 'line')} of {each.filename} rejected"
            found.append(
                Need(
                    "import_rejects",
                    "warn",
                    title,
                    "Each with its reason, in a file to mend and import again.",
                    rejected,
                    each.id,
                )
            )
    return found


def _stale(session: Session, now: datetime, config: Config) -> list[Need]:
    if not config.stale.is_on or config.stale.acts_by_itself:
        return []
    chosen = stale_candidates(session, config.stale, now).order_by(None).subquery()
    number = session.scalar(select(func.count()).select_from(chosen)) or 0
    if not number:
        return []
    title = f"{_count(number, 'address', 'addresses')} never answer{'s' if number == 1 else ''}"
    sentence = (
        f"Written to at least {config.stale.mails} times in {config.stale.days} days without a sign of life. "
        "Look at the list, then leave them alone."
    )
    return [Need("stale", "warn", title, sentence, number)]


# ── what goes out


def leaving(
    session: Session,
    *,
    now: datetime,
    zone: ZoneInfo,
    fields: Fields,
    occasions: Mapping[str, Occasion],
) -> list[Leaving]:
    """Newsletters and letters of the present local day by hour, those that have left already too."""
    day = now.astimezone(zone).date()
    since, until = _day(day, zone), _day(day + timedelta(days=1), zone)
    found = [
        *_newsletters(session, since, until, now, zone, fields),
        *_letters_sent(session, since, until, zone),
        *_letters_due(session, now, until, zone, occasions),
    ]
    return sorted(found, key=lambda each: (each.hour, each.kind, each.name))


def _day(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _newsletters(
    session: Session, since: datetime, until: datetime, now: datetime, zone: ZoneInfo, fields: Fields
) -> list[Leaving]:
    is_today = and_(Newsletter.due_at >= since, Newsletter.due_at < until)
    rows = list_newsletters().where(
        is_today, Newsletter.status.in_(("scheduled", "sending", "paused", "sent"))
    )
    found = []
    for each in session.scalars(rows):
        is_done = each.mailing_id is not None
        if is_done:
            expected = session.scalar(_meant(Message.mailing_id == each.mailing_id))
        else:
            reached = reach(session, each, fields=fields, zone=zone, now=now)
            expected = None if reached is None else reached.recipients
        hour = (each.due_at or now).astimezone(zone).hour
        found.append(Leaving(hour, "newsletter", each.name, each.id, expected, is_done))
    return found


def _meant(test: Any) -> Chosen:
    return select(func.count()).select_from(Message).where(test)


def _letters_sent(session: Session, since: datetime, until: datetime, zone: ZoneInfo) -> list[Leaving]:
    hour = (epoch(Message.queued_at) // 3600).label("hour")
    rows = session.execute(
        select(Mailing.source_id, Mailing.name, hour, func.count())
        .join(Message, Message.mailing_id == Mailing.id)
        .where(Mailing.kind == "letter", Message.queued_at >= since, Message.queued_at < until)
        .group_by(Mailing.source_id, Mailing.name, hour)
    )
    return [
        Leaving(datetime.fromtimestamp(at * 3600, zone).hour, "letter", name, source or 0, number, True)
        for source, name, at, number in rows
    ]


def _letters_due(
    session: Session, now: datetime, until: datetime, zone: ZoneInfo, occasions: Mapping[str, Occasion]
) -> list[Leaving]:
    found = []
    for letter_id in switched_on(session):
        letter = get_letter(session, letter_id)
        due = due_soon(session, letter, occasions=occasions, zone=zone, now=now, days=1, limit=MOST_DUE)
        hours: dict[int, int] = defaultdict(int)
        for each in due:
            if each.due_at < until and not each.held:
                hours[each.due_at.astimezone(zone).hour] += 1
        found += [Leaving(hour, "letter", letter.name, letter.id, number) for hour, number in hours.items()]
    return found


# ── the last week


def week(session: Session, *, now: datetime, zone: ZoneInfo, currency: str) -> list[Week]:
    """Five figures of the last seven days against their own eight weeks before."""
    return [
        _figure(session, now, zone, name, label, definition, rows(currency), **flags)
        for name, label, definition, rows, flags in _FIGURES
    ]


def _mails(_currency: str) -> Chosen:
    is_test = exists().where(Mailing.id == Message.mailing_id, Mailing.kind == "test")
    return select(Message.sent_at.label("at"), func.count().label("n")).where(
        Message.status == "sent", ~is_test
    )


def _clicks(_currency: str) -> Chosen:
    test = and_(Event.kind == "clicked", Event.judgement == "human")
    return select(Event.at.label("at"), func.count().label("n")).where(test)


def _unsubscriptions(_currency: str) -> Chosen:
    return select(Event.at.label("at"), func.count().label("n")).where(Event.kind == "unsubscribed")


def _orders(currency: str) -> Chosen:
    test = and_(Purchase.status == "paid", Purchase.currency == currency)
    return select(Purchase.purchased_at.label("at"), func.count().label("n")).where(test)


def _revenue(currency: str) -> Chosen:
    test = and_(Purchase.status == "paid", Purchase.currency == currency)
    net = func.sum(Purchase.amount - Purchase.refunded).label("n")
    return select(Purchase.purchased_at.label("at"), net).where(test)


_FIGURES: tuple[tuple[str, str, str, Callable[[str], Chosen], dict[str, bool]], ...] = (
    ("sent", "Mails sent", "Accepted by the mail server.", _mails, {}),
    ("clicks", "Clicks", "Of people; machines and doubtful ones left out.", _clicks, {}),
    ("orders", "Orders", "Paid, in the shop's currency, not wholly given back.", _orders, {}),
    ("revenue", "Revenue", "Of these orders, refunds taken off.", _revenue, {"is_money": True}),
    (
        "unsubscribed",
        "Unsubscribed",
        "Asked for no more letters.",
        _unsubscriptions,
        {"is_less_better": True},
    ),
)


def _figure(
    session: Session,
    now: datetime,
    zone: ZoneInfo,
    name: str,
    label: str,
    definition: str,
    rows: Chosen,
    **flags: bool,
) -> Week:
    last = now.astimezone(zone).date()
    first = last - timedelta(days=7 * (USUAL_WEEKS + 1) - 1)
    days = _by_day(session, rows, first, last, zone, now)
    weeks = [sum(days[start : start + 7]) for start in range(0, len(days), 7)]
    began = _began(session, rows)
    full = [
        number
        for index, number in enumerate(weeks[:-1])
        if began is not None and _day(first + timedelta(days=7 * index), zone) >= began
    ]
    usual = (min(full), max(full)) if len(full) >= LEAST_WEEKS else None
    return Week(name, label, definition, weeks[-1], tuple(days[-7:]), usual, **flags)


def _by_day(
    session: Session, rows: Chosen, first: date, last: date, zone: ZoneInfo, now: datetime
) -> list[int]:
    """The figure of each local day from `first` to `last`, counted by hours, as days differ by zone."""
    at, number = rows.selected_columns.at.element, rows.selected_columns.n
    hour = (epoch(at) // 3600).label("hour")
    chosen = rows.where(at >= _day(first, zone), at <= now).with_only_columns(hour, number).group_by(hour)
    found: dict[date, int] = defaultdict(int)
    for hours, value in session.execute(chosen):
        found[datetime.fromtimestamp(hours * 3600, zone).date()] += int(value)
    return [found[first + timedelta(days=step)] for step in range((last - first).days + 1)]


def _began(session: Session, rows: Chosen) -> datetime | None:
    """When this figure first existed at all: before that, zero is not usual but unknown."""
    at = rows.selected_columns.at.element
    found: datetime | None = session.scalar(rows.with_only_columns(func.min(at)))
    return found

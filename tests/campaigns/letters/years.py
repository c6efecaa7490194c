"""Five virtual years over thirty zones: a world of customers, the letters it expects, and a run by a moved clock.

What is expected is told from the calendar alone: the first minute of a local day whose wall shows the hour, found by
walking minute by minute, without any of the code that is judged.

As a program (`python -m tests.campaigns.letters.years URL FOLDER HOURS END`) it goes on with the run where it was stopped.
"""

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from campaigns import letters
from campaigns.clock import FrozenClock
from campaigns.config import Config, Data, DatabaseSettings
from campaigns.customers import Customer, add_customer, change_customer, record_consent
from campaigns.db import Database, connect
from campaigns.letters import Letter, Plan
from campaigns.messages import Mailing, Message
from campaigns.purchases import record_purchase
from campaigns.runtime import Runtime, assemble
from scheduler.jobs import launch_letters
from tests.cast import bare_template

ZONES = (
    "Pacific/Kiritimati", "Pacific/Chatham", "Pacific/Apia", "Pacific/Auckland", "Australia/Lord_Howe",
    "Australia/Eucla", "Australia/Adelaide", "Asia/Tokyo", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Kabul",
    "Asia/Tehran", "Asia/Beirut", "Africa/Cairo", "Africa/Casablanca", "Antarctica/Troll", "Europe/Paris",
    "Europe/Dublin", "Europe/London", "Atlantic/Azores", "America/Nuuk", "America/St_Johns", "America/Sao_Paulo",
    "America/Santiago", "America/Asuncion", "America/Havana", "America/New_York", "America/Phoenix",
    "America/Los_Angeles", "Pacific/Marquesas", "Pacific/Honolulu", "Pacific/Pago_Pago",
)  # fmt: skip
BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
STOPS = (
    (datetime(2027, 2, 27, 12, tzinfo=UTC), datetime(2027, 3, 2, 6, tzinfo=UTC)),
    (datetime(2028, 12, 30, 20, tzinfo=UTC), datetime(2029, 1, 1, 3, tzinfo=UTC)),
    (datetime(2029, 6, 1, tzinfo=UTC), datetime(2029, 6, 11, tzinfo=UTC)),
)
"""When the service is off."""

Row = tuple[str, str, str, str]
"""Who, which letter, its key, and the tick at which it was queued."""


@dataclass(frozen=True)
class Standing:
    """One letter of the world."""

    name: str
    occasion: str
    hour: int
    late: str = "send"
    late_days: int = 2
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def grace(self) -> timedelta:
        return (
            max(timedelta(days=self.late_days), timedelta(hours=1))
            if self.late == "send"
            else timedelta(hours=1)
        )


LETTERS = (
    Standing("birthday", "birthday", 9, options={"leap": "28"}),
    Standing("night", "birthday", 2, late="skip", options={"leap": "1"}),
    Standing("order", "after_purchase", 10, options={"days": 3}),
    Standing("before", "birthday", 0, late_days=1, options={"leap": "28", "days": -7}),
    Standing("years", "purchase_anniversary", 9, options={"leap": "1"}),
    Standing("welcome", "welcome", 9, options={"wait": 0, "unit": "days"}),
)


@dataclass(frozen=True)
class Life:
    """One customer: where they live, when they were born, what they bought; `moved`: another birthday from then on."""

    email: str
    zone: str
    birthday: str
    agreed_at: datetime
    orders: tuple[datetime, ...]
    moved: tuple[datetime, str] | None = None


def lives() -> list[Life]:
    """Four people in each zone, and some whose birthday is moved near the day."""
    chance = random.Random("five years")
    people = []
    for zone in ZONES:
        for n, birthday in enumerate(
            ("1996-02-29", "02-29", "1970-03-29", f"1980-{chance.randint(1, 12):02d}-01")
        ):
            people.append(
                Life(
                    f"{zone.lower().replace('/', '.').replace('_', '-')}.{n}@x.example",
                    zone,
                    birthday,
                    BEGIN + timedelta(minutes=chance.randint(0, 5 * 365 * 1440)),
                    _orders(n, chance),
                )
            )
    at = datetime(2028, 5, 20, 12, 30, tzinfo=UTC)
    for n, (old, new) in enumerate(
        (("05-20", "05-22"), ("05-22", "05-20"), ("05-19", "05-21"), ("05-25", "06-25"), ("12-30", "01-02"))
    ):
        when = datetime(2028, 12, 30, 18, tzinfo=UTC) if old == "12-30" else at
        people.append(Life(f"moved.{n}@x.example", "Europe/Paris", old, BEGIN, (), (when, new)))
    return people


def _orders(n: int, chance: random.Random) -> tuple[datetime, ...]:
    if n == 1:
        return ()
    first = datetime(2024, 2, 29, 12, tzinfo=UTC) if n == 0 else datetime(2024, 9, 1, tzinfo=UTC)
    later = sorted(chance.randint(0, 5 * 365 * 1440) for _ in range(4))
    return (first, *(BEGIN + timedelta(minutes=minute) for minute in later))


def ticks(begin: datetime = BEGIN, end: datetime = END, *, hours: int = 1) -> list[datetime]:
    """Every `hours` hours some minutes past, but while the service is off."""
    chance = random.Random("ticks")
    found, at = [], begin
    while at < end:
        tick = at + timedelta(minutes=chance.randint(0, 20))
        if not any(start <= tick < stop for start, stop in STOPS):
            found.append(tick)
        at += timedelta(hours=hours)
    return found


# ── what the calendar says


def instant(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """The first minute of that local day whose wall shows `hour` o'clock or later."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    while True:
        wall = at.astimezone(zone)
        if wall.date() == day and wall.hour >= hour:
            return at
        if (
            wall.date() < day
            and at.minute == 0
            and (at + timedelta(minutes=59)).astimezone(zone).date() < day
        ):
            at += timedelta(hours=1)
        else:
            at += timedelta(minutes=1)


def kept(month: int, day: int, year: int, leap: str) -> date:
    """The day in that year on which the yearly day is kept."""
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, 2, 28) if leap == "28" else date(year, 3, 1)


def _moments(standing: Standing, life: Life, birthday: str) -> Iterator[tuple[str, datetime]]:
    """(key, moment) of all that a letter means for somebody."""
    zone, hour, options = ZoneInfo(life.zone), standing.hour, standing.options
    if standing.occasion == "birthday":
        month, day = (int(part) for part in birthday.split("-")[-2:])
        for year in range(2025, 2033):
            on = kept(month, day, year, options["leap"]) + timedelta(days=options.get("days", 0))
            yield str(year), instant(on, hour, zone)
    elif standing.occasion == "after_purchase":
        for n, order in enumerate(life.orders):
            on = order.astimezone(zone).date() + timedelta(days=options["days"])
            yield f"order:{life.email}-{n}", instant(on, hour, zone)
    elif standing.occasion == "purchase_anniversary" and life.orders:
        first = life.orders[0].astimezone(zone).date()
        for year in range(first.year + 1, 2033):
            yield str(year), instant(kept(first.month, first.day, year, options["leap"]), hour, zone)
    elif standing.occasion == "welcome":
        morning = instant(life.agreed_at.astimezone(zone).date(), hour, zone)
        yield "welcome", max(morning, life.agreed_at)


def expected(run: Sequence[datetime], standings: Sequence[Standing] = LETTERS) -> set[Row]:
    """The table: each moment leaves at the first tick after it, unless that comes too late or before the beginning."""
    rows: set[Row] = set()
    for life in lives():
        for standing in standings:
            had: dict[str, datetime] = {}
            phases = [(run[0], life.birthday)]
            if life.moved is not None and standing.occasion == "birthday":
                phases.append(life.moved)
            for n, (since, birthday) in enumerate(phases):
                until = phases[n + 1][0] if n + 1 < len(phases) else END
                own = [tick for tick in run if since <= tick < until] if n or len(phases) > 1 else run
                for key, moment in sorted(_moments(standing, life, birthday), key=lambda pair: pair[1]):
                    tick = next((tick for tick in own if tick >= moment), None)
                    if tick is None or tick - moment > standing.grace or moment < run[0] or key in had:
                        continue
                    is_near = any(abs(tick - other) < timedelta(days=60) for other in had.values())
                    if standing.occasion in ("birthday", "purchase_anniversary") and is_near:
                        continue
                    had[key] = tick
            rows |= {(life.email, standing.name, key, tick.isoformat()) for key, tick in had.items()}
    return rows


# ── what Liaison does


def found(database: Database) -> set[Row]:
    """The same table, as it stands in the messages."""
    with database.reading() as session:
        rows = session.query(Customer.email, Letter.name, Message.occasion_key, Message.queued_at).join(
            Message, Message.customer_id == Customer.id
        )
        rows = rows.join(Mailing, Mailing.id == Message.mailing_id).join(
            Letter, Letter.id == Mailing.source_id
        )
        table = [(email, name, key, at.isoformat()) for email, name, key, at in rows]
    assert len(table) == len(set(table)), "nobody twice"
    return set(table)


def people(runtime: Runtime, standings: Sequence[Standing] = LETTERS) -> None:
    """Bring everybody in, and switch the letters on."""
    with runtime.transaction() as session:
        for life in lives():
            now = datetime(2024, 1, 1, tzinfo=UTC)
            customer = add_customer(
                session, email=life.email, zone=life.zone, birthday=life.birthday, now=now
            )
            record_consent(
                session, customer.id, purpose="mail", is_granted=True, act="form", now=life.agreed_at
            )
            for n, order in enumerate(life.orders):
                record_purchase(
                    session, number=f"{life.email}-{n}", customer_id=customer.id, purchased_at=order, amount=4990,
                    currency="EUR", now=order,
                )  # fmt: skip
        now = runtime.clock.now()
        template = bare_template(session, now=now)
        for standing in standings:
            plan = Plan(
                name=standing.name, occasion=standing.occasion, options=standing.options, hour=standing.hour,
                late=standing.late, late_days=standing.late_days, template_id=template.id,
            )  # fmt: skip
            letter = letters.create(session, plan, occasions=runtime.occasions, now=now)
            letters.switch(session, letter.id, is_on=True, now=now)


def live(runtime: Runtime, clock: FrozenClock, run: Sequence[datetime], mark: Path | None = None) -> None:
    """Move the clock from tick to tick; `mark` notes the ticks that are over."""
    moves = [(life.moved[0], life.email, life.moved[1]) for life in lives() if life.moved]
    for tick in run:
        clock.move_to(tick)
        for when, email, birthday in moves:
            if when <= tick < when + timedelta(hours=4):
                _move(runtime, email, birthday)
        launch_letters(runtime)
        if mark is not None:
            draft = mark.with_suffix(".draft")
            draft.write_text(tick.isoformat())
            draft.replace(mark)


def _move(runtime: Runtime, email: str, birthday: str) -> None:
    with runtime.transaction() as session:
        customer = session.query(Customer).filter_by(email=email).one()
        change_customer(session, customer.id, birthday=birthday, now=runtime.clock.now())


def opened(url: str, folder: Path, now: datetime) -> tuple[Runtime, FrozenClock]:
    """A Liaison of that database on a clock that stands."""
    clock = FrozenClock(now)
    config = Config(database=DatabaseSettings(url=url), data=Data(folder=folder))
    return assemble(config, clock=clock, database=connect(url)), clock


def main(url: str, folder: Path, hours: int, end: datetime) -> None:
    """Go on with the run from the last tick that was over."""
    mark = folder / "tick"
    done = datetime.fromisoformat(mark.read_text()) if mark.exists() else None
    run = ticks(end=end, hours=hours)
    runtime, clock = opened(url, folder, run[0])
    live(runtime, clock, [tick for tick in run if done is None or tick > done], mark)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), datetime.fromisoformat(sys.argv[4]))

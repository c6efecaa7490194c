"""Whose morning has come: the local days on which a letter leaves, zone by zone. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.clock import instant_of
from campaigns.errors import Invalid
from campaigns.messages import MOST_HELD_OUT, type_fault
from campaigns.occasions import Zones

LONGEST = {"name": 200, "subject": 500, "preheader": 500, "sender_name": 200}
MOST_LATE_DAYS = 30
SHORT = timedelta(hours=1)
"""So late is not late yet: the clock ticks each minute, and a machine may be started anew."""
LATE = {
    "send": "Send it, if at most so many days late",
    "skip": "Leave it out",
    "ask": "Keep it until somebody decides",
}
"""What becomes of a letter whose moment passed while Liaison was off, or unknown (an order told days later)."""


@dataclass(frozen=True)
class Plan:
    """What the form of a letter holds; `options` are its occasion's own answers."""

    name: str
    occasion: str
    options: Mapping[str, Any] = field(default_factory=dict)
    hour: int = 9
    late: str = "send"
    late_days: int = 2
    type: str = ""
    leaves_in_complaint: bool = False
    holdout: int = 0
    template_id: int | None = None
    subject: str = ""
    preheader: str = ""
    sender_name: str = ""
    sender_email: str = ""
    reply_to: str = ""

    def cleaned(self) -> "Plan":
        """The same without spaces around; raises Invalid naming each field that cannot be used."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values = {key: value.strip() if isinstance(value, str) else value for key, value in values.items()}
        faults = {
            name: f"This is too long: at most {longest} characters."
            for name, longest in LONGEST.items()
            if len(values[name]) > longest
        }
        for name, value in values.items():
            if isinstance(value, str) and any(ord(c) < 32 or ord(c) == 127 for c in value):
                faults[name] = "This must stay on one line, without control characters."
        if fault := type_fault(values["type"]):
            faults["type"] = fault
        if not 0 <= values["holdout"] <= MOST_HELD_OUT:
            faults["holdout"] = f"Write a number from 0 to {MOST_HELD_OUT}."
        if not values["name"]:
            faults["name"] = "Give it a name, for yourself."
        if not 0 <= values["hour"] <= 23:
            faults["hour"] = "Choose an hour from 0 to 23."
        if values["late"] not in LATE:
            faults["late"] = "Choose what becomes of it after a stop."
        if not 0 <= values["late_days"] <= MOST_LATE_DAYS:
            faults["late_days"] = f"Write a number from 0 to {MOST_LATE_DAYS}."
        if faults:
            raise Invalid("The letter cannot be kept like this.", faults)
        return Plan(**values)


def wait_hours(late: str, late_days: int) -> int:
    """How long a letter that pressure, a pause or a complaint holds back waits before it expires: as long as it may be
    late; half a day where it may not, two days where somebody is asked."""
    return {"send": 24 * max(late_days, 1), "ask": 48}.get(late, 12)


def window(
    *, now: datetime, on_since: datetime, late_days: int, late: str = "send"
) -> tuple[datetime, datetime]:
    """From when to when a letter's moment may lie to leave now: nothing from before it was switched on,
    nothing later than its rule allows (an hour at least, so that a short stop loses nothing)."""
    grace = max(timedelta(days=late_days), SHORT) if late == "send" else SHORT
    return max(on_since, now - grace), now


def undecided(
    *, now: datetime, on_since: datetime, decided_until: datetime | None
) -> tuple[datetime, datetime] | None:
    """From when to when the moments lie of what is late and waits for somebody's decision (`late` is ask)."""
    since = max(on_since, decided_until or on_since, now - timedelta(days=MOST_LATE_DAYS))
    until = now - SHORT
    return (since, until) if since < until else None


def mornings(zones: Zones, hour: int, since: datetime, until: datetime) -> dict[date, dict[str, ZoneInfo]]:
    """Local days whose `hour` lies in [since, until] → the zones where it does, as they were named.

    At one instant the world shows up to three dates, and only some zones have reached the hour: every customer
    belongs to the zone they live in.
    """
    days: dict[date, dict[str, ZoneInfo]] = defaultdict(dict)
    for name, zone in zones.items():
        for day, at in _moments(zone, hour, since, until):
            if since <= at <= until:
                days[day][name] = zone
    return dict(sorted(days.items()))


def moment_on(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """The instant of `hour` o'clock on that day there; an hour that is left out or comes twice: see instant_of."""
    return _instant(day, hour, zone)


def _moments(zone: ZoneInfo, hour: int, since: datetime, until: datetime) -> Iterator[tuple[date, datetime]]:
    first, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        yield day, _instant(day, hour, zone)


@lru_cache(maxsize=100_000)
def _instant(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return instant_of(datetime.combine(day, time(hour)), zone)

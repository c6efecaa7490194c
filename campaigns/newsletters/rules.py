"""What may be done with a newsletter in which state, which moments can be meant, and what one needs to leave."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from campaigns.clock import instant_of
from campaigns.errors import Invalid
from campaigns.messages import MOST_HELD_OUT, type_fault

Act = Literal["change", "schedule", "unschedule", "launch", "pause", "resume", "cancel", "finish"]

ALLOWED: dict[Act, tuple[str, ...]] = {
    "change": ("draft", "scheduled", "paused"),
    "schedule": ("draft", "scheduled", "paused"),
    "unschedule": ("scheduled", "paused"),
    "launch": ("scheduled",),
    "pause": ("sending",),
    "resume": ("paused",),
    "cancel": ("draft", "scheduled", "sending", "paused"),
    "finish": ("sending",),
}
"""From which states each act leads on. Once launched, change, schedule and unschedule are over."""

BEFORE_LAUNCH: frozenset[Act] = frozenset(("change", "schedule", "unschedule"))

LONGEST = {"name": 200, "subject": 500, "preheader": 500, "sender_name": 200}


@dataclass(frozen=True)
class Draft:
    """What the form of a newsletter holds. All but the name may wait until it is scheduled."""

    name: str
    type: str = ""
    holdout: int = 0
    segment_id: int | None = None
    template_id: int | None = None
    subject: str = ""
    preheader: str = ""
    sender_name: str = ""
    sender_email: str = ""
    reply_to: str = ""

    def cleaned(self) -> "Draft":
        """The same without spaces around; raises Invalid for what no header can hold."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values = {key: value.strip() if isinstance(value, str) else value for key, value in values.items()}
        faults = {}
        for name, longest in LONGEST.items():
            if len(values[name]) > longest:
                faults[name] = f"This is too long: at most {longest} characters."
        for name, value in values.items():
            if isinstance(value, str) and any(ord(c) < 32 or ord(c) == 127 for c in value):
                faults[name] = "This must stay on one line, without control characters."
        if fault := type_fault(values["type"]):
            faults["type"] = fault
        if not 0 <= values["holdout"] <= MOST_HELD_OUT:
            faults["holdout"] = f"Write a number from 0 to {MOST_HELD_OUT}."
        if not values["name"]:
            faults["name"] = "Give it a name, for yourself."
        if faults:
            raise Invalid("The newsletter cannot be kept like this.", faults)
        return Draft(**values)


def may(act: Act, status: str, *, is_launched: bool) -> bool:
    """Whether `act` is possible in this state."""
    if act in BEFORE_LAUNCH and is_launched:
        return False
    if act == "resume" and not is_launched:
        return False  # it waits for a moment, not for a go-ahead
    return status in ALLOWED[act]


def zone_named(name: str) -> ZoneInfo:
    """The zone of that name; Invalid if there is none."""
    if name not in available_timezones():
        raise Invalid("Choose a time zone.", {"zone": f"{name!r} is not a time zone; Europe/Paris is one."})
    return ZoneInfo(name)


def moment_of(local: str, zone: str, *, now: datetime) -> datetime:
    """The instant meant by `local` ("2026-11-30T09:00") in `zone`; Invalid if it cannot be or has passed.

    Of an hour that comes twice the first counts; for one that is left out, the first instant after it.
    """
    place = zone_named(zone)
    try:
        wall = datetime.fromisoformat(local.strip())
    except ValueError:
        wall = None
    if wall is None or wall.tzinfo is not None:
        raise Invalid("Choose a date and a time.", {"moment": "Write it like 2026-11-30 09:00."})
    instant = instant_of(wall, place)
    if instant < now - timedelta(minutes=1):
        raise Invalid("This moment has passed.", {"moment": "Choose a moment to come, or send it now."})
    return instant


def is_too_late(due_at: datetime, now: datetime, span: timedelta) -> bool:
    """Whether so much time has passed that a person must be asked first (`sending.stale_hours`)."""
    return now - due_at > span

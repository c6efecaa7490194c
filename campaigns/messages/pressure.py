"""How much is too much: caps, the customer's own rhythm, pause, complaint, quiet hours and feasts. Pure.

A mail is let go at a moment only if every rule lets it. A cap of N mails in M days holds for any window of M days, as
a claim counts what was sent in the M days before it, what is being sent, and what was handed over without an answer.
docs/delivery.md tells the proof.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from campaigns.clock import instant_of
from campaigns.config import PressureSettings

Reason = Literal["complaint", "pause", "frequency", "pressure", "quiet", "feast"]

REASONS: Mapping[str, str] = {
    "complaint": "an open complaint",
    "pause": "a pause the customer asked for",
    "frequency": "the customer's own choice of how often",
    "pressure": "mails enough already",
    "quiet": "quiet hours",
    "feast": "a day of rest",
    "holdout": "held out for comparison",
}
"""What a message waits for, or expired of, in words that follow "because of"."""

FREQUENCIES = (7, 14, 30)
"""What a customer may choose: at most one letter in so many days."""

LOOK_AGAIN = timedelta(hours=1)
"""A complaint has no end that could be told: so often it is looked at again."""
_SOON = timedelta(minutes=5)
"""Where a mail that is being sent just now decides, its outcome is soon known."""
_MOST_ROUNDS = 60


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `most` mails in any `days` days; 0: no cap."""

    most: int
    days: int

    @property
    def span(self) -> timedelta:
        return timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Reader:
    """What of a customer decides when they may be written to."""

    zone: str = ""
    country: str = ""
    every_days: int | None = None
    pause_until: datetime | None = None
    has_complaint: bool = False


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was sent, or is in the air (`is_sure` is False: sending now, or handed over unanswered)."""

    at: datetime
    type: str
    is_sure: bool = True


@dataclass(frozen=True, slots=True)
class Hold:
    """Why not now, until when at least, and in a sentence."""

    reason: Reason
    until: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a message that is due: it goes, waits until `until`, or expires (`until` is None)."""

    goes: bool
    reason: Reason | Literal[""] = ""
    words: str = ""
    until: datetime | None = None


GOES = Verdict(goes=True)


@dataclass(frozen=True)
class Policy:
    """The rules of one shop, made from its settings.

    `spared`: a select of the ids that get no promotions, handed down by the roof (key accounts whose owner has
    not agreed).
    """

    settings: PressureSettings
    zone: ZoneInfo
    spared: Any = None

    def looks_back(self, now: datetime, choices: Iterable[int | None]) -> datetime | None:
        """Since when the mails of customers with these `every_days` matter; None: nothing is counted."""
        told = self.settings
        days = [told.days] if told.mails else []
        days += [told.exempt_days] if told.exempt_mails else []
        days += {choice for choice in choices if choice}
        return now - timedelta(days=max(days)) if days else None

    def is_exempt(self, type_: str) -> bool:
        """Whether mails of this type neither count towards the cap nor wait for it."""
        return type_ in self.settings.exempt

    def cap(self, type_: str) -> Cap:
        """The cap that holds for a type."""
        told = self.settings
        return (
            Cap(told.exempt_mails, told.exempt_days) if self.is_exempt(type_) else Cap(told.mails, told.days)
        )

    def hold(
        self,
        type_: str,
        reader: Reader,
        mails: Sequence[Mail],
        now: datetime,
        *,
        leaves_in_complaint: bool = False,
    ) -> Hold | None:
        """None if the mail may leave `now`; else the first reason, and the moment at which all of them let it.

        `mails`: what the customer got since `looks_back`, in any order.
        """
        if reader.has_complaint and not leaves_in_complaint:
            return Hold("complaint", now + LOOK_AGAIN, "A complaint of this customer is open.")
        first = found = self._first(type_, reader, mails, now)
        rounds = 0
        while found is not None and rounds < _MOST_ROUNDS:
            last = found
            found = self._first(type_, reader, mails, found.until)
            rounds += 1
        if first is None:
            return None
        until = last.until
        if any(not mail.is_sure for mail in mails) and first.reason in ("pressure", "frequency"):
            until = min(until, now + _SOON)
        return Hold(first.reason, until, first.words)

    def _first(self, type_: str, reader: Reader, mails: Sequence[Mail], at: datetime) -> Hold | None:
        if held := self._paused(type_, reader, at):
            return held
        is_exempt = self.is_exempt(type_)
        alike = [mail.at for mail in mails if self.is_exempt(mail.type) == is_exempt]
        if not is_exempt and reader.every_days:
            days = reader.every_days
            if until := free_at(Cap(1, days), alike, at):
                return Hold("frequency", until, f"The customer chose at most one letter in {days} days.")
        cap = self.cap(type_)
        if until := free_at(cap, alike, at):
            number = sum(at - mail < cap.span for mail in alike)
            return Hold("pressure", until, f"{_mails(number)} in the last {cap.days} days.")
        return None if is_exempt else self._out_of_time(reader, at)

    def _paused(self, type_: str, reader: Reader, at: datetime) -> Hold | None:
        until = reader.pause_until
        if until is None or until <= at or self.is_exempt(type_):
            return None
        return Hold("pause", until, f"The customer asked for a pause until {until:%Y-%m-%d}.")

    def _out_of_time(self, reader: Reader, at: datetime) -> Hold | None:
        told = self.settings
        if told.quiet_from == told.quiet_until and not told.holidays:
            return None
        zone = self._zone(reader)
        local = at.astimezone(zone)
        if is_feast(local.date(), told.holidays, reader.country):
            until = instant_of(datetime.combine(local.date() + timedelta(days=1), time()), zone)
            return Hold("feast", until, f"{local:%Y-%m-%d} is a day of rest.")
        if end := quiet_until(local, told.quiet_from, told.quiet_until, zone):
            return Hold("quiet", end, f"No letters from {told.quiet_from} to {told.quiet_until} o'clock.")
        return None

    def _zone(self, reader: Reader) -> ZoneInfo:
        if not reader.zone:
            return self.zone
        try:
            return ZoneInfo(reader.zone)
        except (ValueError, OSError, KeyError):  # a name that this system's tables do not know
            return self.zone


def verdict(hold: Hold | None, *, waited_for: str, expires_at: datetime, now: datetime) -> Verdict:
    """What a hold means for a message that expires at `expires_at`; `waited_for` is what held it before, or "".

    It expires at once where it is known that it could not leave in time; an open complaint is waited for, as nobody
    knows its end.
    """
    if waited_for and now >= expires_at:
        reason = hold.reason if hold is not None else waited_for
        words = hold.words if hold is not None else "It could not leave in time."
        return Verdict(False, reason, words)  # type: ignore[arg-type]  # a reason of ours, read from the row
    if hold is None:
        return GOES
    if hold.reason != "complaint" and hold.until >= expires_at:
        return Verdict(
            False, hold.reason, f"{hold.words} It could have left on {hold.until:%Y-%m-%d %H:%M} UTC."
        )
    return Verdict(False, hold.reason, hold.words, min(hold.until, expires_at))


def free_at(cap: Cap, moments: Iterable[datetime], at: datetime) -> datetime | None:
    """When the cap lets one more mail go; None: at once. A mail counts for exactly `days` times 24 hours."""
    if not cap.most:
        return None
    counted = sorted((moment for moment in moments if at - moment < cap.span), reverse=True)
    return None if len(counted) < cap.most else counted[cap.most - 1] + cap.span


def quiet_until(local: datetime, quiet_from: int, quiet_to: int, zone: ZoneInfo) -> datetime | None:
    """The end of the quiet hours in which `local` lies, as an instant; None outside of them.

    From 21 to 8 spans midnight; from 12 to 14 does not; the same hour twice means none.
    """
    hour = local.hour
    if quiet_from == quiet_to:
        return None
    spans_midnight = quiet_from > quiet_to
    is_quiet = (hour >= quiet_from or hour < quiet_to) if spans_midnight else quiet_from <= hour < quiet_to
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1) if spans_midnight and hour >= quiet_from else local.date()
    return instant_of(datetime.combine(day, time(quiet_to)), zone)


def is_feast(day: date, holidays: Sequence[str], country: str) -> bool:
    """Whether nothing is sent on this day: a date ("2026-12-24"), a day of every year ("12-24"), or the feasts of a
    country ("FR", for those who live there or of whom it is not known)."""
    for told in holidays:
        if told == day.isoformat() or told == f"{day:%m-%d}":
            return True
        if told in _FEASTS and country in ("", told) and day in _FEASTS[told](day.year):
            return True
    return False


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar ("Anonymous Gregorian algorithm", Nature, 20 April 1876)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def french_feasts(year: int) -> frozenset[date]:
    """The public holidays of France (Code du travail, L3133-1)."""
    fixed = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
    moving = (1, 39, 50)  # Easter Monday, Ascension, Whit Monday
    sunday = easter(year)
    return frozenset(date(year, *each) for each in fixed) | {sunday + timedelta(days=n) for n in moving}


_FEASTS = {"FR": french_feasts}
COUNTRIES = tuple(_FEASTS)


def _mails(number: int) -> str:
    return "1 mail" if number == 1 else f"{number} mails"

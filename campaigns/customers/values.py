"""Words of a form or a file read as values: dates, birthdays, numbers, yes and no. Pure.

Every reader raises Invalid with one sentence; nothing is guessed where two readings are possible.
"""

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from campaigns.db import UTC
from campaigns.errors import Invalid

DayOrder = Literal["day_first", "month_first", ""]
"""How `03/04/2025` is to be read; "" says it was not told, and such a date is refused."""


class Birthday(NamedTuple):
    """A day of birth whose year may be unknown."""

    month: int
    day: int
    year: int | None = None


_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS = {
    name: number
    for names in (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
        "janv fevr mars avr mai juin juil aout sept oct nov dec",
        "januar februar marz april mai juni juli august september oktober november dezember",
    )
    for number, name in enumerate(names.split(), 1)
}
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](.+))?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_PARTS = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?:[, T]+(.+))?")
_YEAR_FIRST = re.compile(r"(\d{4})[./](\d{1,2})[./](\d{1,2})(?:[ T]+(.+))?")
_DAY_MONTH = re.compile(r"(\d{1,2})([./])(\d{1,2})\.?")
_ISO_MONTH_DAY = re.compile(r"(?:--)?(\d{2})-(\d{2})")
_WORDED = re.compile(r"(\d{1,2})(?:er|st|nd|rd|th|\.)?\s+([^\W\d_]+)\.?,?(?:\s+(\d{4}))?")
_WORDED_US = re.compile(r"([^\W\d_]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?(?:\s+(\d{4}))?")
_TIME = re.compile(r"(\d{1,2})[:h](\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp][Mm])?\s*(Z|[+-]\d{2}:?\d{2})?")

YES = frozenset(["yes", "y", "true", "t", "1", "x", "oui", "o", "vrai", "ja", "on"])
NO = frozenset(["no", "n", "false", "f", "0", "non", "faux", "nein", "off"])


def read_date(text: str, order: DayOrder = "") -> date:
    """A whole date in one of the usual spellings: 2025-12-31, 31/12/2025, 31.12.2025, 31 Dec 2025."""
    found, _ = _date_and_rest(text, order)
    return found


def read_moment(text: str, zone: ZoneInfo, order: DayOrder = "") -> datetime:
    """A date with or without a time, local to `zone` unless it names its own offset; aware, in UTC."""
    found, rest = _date_and_rest(text, order)
    return _at(found, rest, zone)


@lru_cache(maxsize=4_096)
def _at(day: date, time: str, zone: ZoneInfo) -> datetime:
    if not time:
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    parts = _TIME.fullmatch(time.strip())
    if parts is None:
        raise Invalid(f"“{time}” is not a time of day; write it like 14:30.")
    hour, minute, second = int(parts[1]), int(parts[2]), int(parts[3] or 0)
    if parts[4]:
        hour = hour % 12 + (12 if parts[4].lower() == "pm" else 0)
    try:
        moment = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone)
        if parts[5]:
            offset = datetime.strptime(parts[5], "%z").tzinfo
            moment = moment.replace(tzinfo=offset)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"“{time}” is not a time of day; write it like 14:30.") from error


@lru_cache(maxsize=4_096)
def _date_and_rest(text: str, order: DayOrder) -> tuple[date, str]:
    text = text.strip()
    if parts := (_ISO.fullmatch(text) or _YEAR_FIRST.fullmatch(text)):
        return _date(parts[1], parts[2], parts[3], text), parts[4] or ""
    if parts := _PARTS.fullmatch(text):
        first, second = int(parts[1]), int(parts[3])
        day, month = _in_order(first, second, parts[2], order, text)
        return _date(_full_year(parts[4]), month, day, text), parts[5] or ""
    if parts := _COMPACT.fullmatch(text):
        return _date(parts[1], parts[2], parts[3], text), ""
    if (parts := _WORDED.fullmatch(text)) and parts[3]:
        return _date(parts[3], _month(parts[2], text), parts[1], text), ""
    if (parts := _WORDED_US.fullmatch(text)) and parts[3]:
        return _date(parts[3], _month(parts[1], text), parts[2], text), ""
    raise Invalid(f"“{_short(text)}” is not a date; write it like 2025-12-31.")


def read_birthday(text: str, order: DayOrder = "") -> Birthday:
    """A whole date or a day and month: 1980-02-29, 29/02/1980, --02-29, 02-29, 29.02., 29 February."""
    text = text.strip()
    if parts := _ISO_MONTH_DAY.fullmatch(text):
        return _birthday(int(parts[1]), int(parts[2]), None, text)
    if parts := _DAY_MONTH.fullmatch(text):
        day, month = _in_order(int(parts[1]), int(parts[3]), parts[2], order, text)
        return _birthday(month, day, None, text)
    if (parts := _WORDED.fullmatch(text)) and not parts[3]:
        return _birthday(_month(parts[2], text), int(parts[1]), None, text)
    if (parts := _WORDED_US.fullmatch(text)) and not parts[3]:
        return _birthday(_month(parts[1], text), int(parts[2]), None, text)
    day_of_birth = read_date(text, order)
    return _birthday(day_of_birth.month, day_of_birth.day, day_of_birth.year, text)


def check_birthday(birthday: Birthday) -> Birthday:
    """The same, if such a day exists; raises Invalid."""
    return _birthday(birthday.month, birthday.day, birthday.year, str(birthday.year or "this day"))


def day_order(samples: list[str]) -> DayOrder | None:
    """What the samples tell about `31/12/2025`: "" if the question does not arise, None if it stays open."""
    asked = False
    for sample in samples:
        parts = _PARTS.fullmatch(sample.strip()) or _DAY_MONTH.fullmatch(sample.strip())
        if parts is None or parts[2] == ".":
            continue
        first, second = int(parts[1]), int(parts[3])
        if first > 12:
            return "day_first"
        if second > 12:
            return "month_first"
        asked = asked or first != second
    return None if asked else ""


def read_number(text: str, decimal_mark: str = ".") -> Decimal:
    """A number; spaces, apostrophes and the other mark group thousands. `1 234,56` with mark `,`."""
    plain = re.sub(r"[\s\u00a0\u202f'’_]", "", text)
    other = "," if decimal_mark == "." else "."
    if other in plain:
        if not re.fullmatch(rf"[-+]?\d{{1,3}}(\{other}\d{{3}})+(\{decimal_mark}\d+)?", plain):
            raise Invalid(f"“{_short(text)}” is not a number with “{decimal_mark}” before its decimals.")
        plain = plain.replace(other, "")
    plain = plain.replace(decimal_mark, ".")
    try:
        if not re.fullmatch(r"[-+]?(\d+(\.\d*)?|\.\d+)", plain, re.ASCII):
            raise InvalidOperation
        number = Decimal(plain)
    except InvalidOperation:
        raise Invalid(f"“{_short(text)}” is not a number.") from None
    if abs(number) >= 10**15:
        raise Invalid(f"“{_short(text)}” is too large a number.")
    return number


def read_yes(text: str) -> bool:
    """Yes or no in the usual spellings."""
    word = text.strip().casefold()
    if word in YES:
        return True
    if word in NO:
        return False
    raise Invalid(f"“{_short(text)}” is neither yes nor no.")


def _in_order(first: int, second: int, mark: str, order: DayOrder, text: str) -> tuple[int, int]:
    """Day and month. With points the day always comes first; with strokes one must be told."""
    if mark == "." or order == "day_first" or first == second:
        return first, second
    if order == "month_first":
        return second, first
    if first > 12:
        return first, second
    if second > 12:
        return second, first
    raise Invalid(f"“{text}” can be read two ways: say whether the day or the month comes first.")


def _full_year(text: str) -> int:
    year = int(text)
    if len(text) == 4:
        return year
    return year + 2000 if year < 50 else year + 1900


def _month(word: str, text: str) -> int:
    plain = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
    try:
        return _MONTHS[plain]
    except KeyError:
        raise Invalid(f"“{_short(text)}” is not a date; write it like 2025-12-31.") from None


def _date(year: str | int, month: str | int, day: str | int, text: str) -> date:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        raise Invalid(f"“{_short(text)}” is no day of the calendar.") from None
    if not 1850 <= found.year <= 2200:
        raise Invalid(f"“{_short(text)}” lies too far from today.")
    return found


def _birthday(month: int, day: int, year: int | None, text: str) -> Birthday:
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        raise Invalid(f"“{_short(text)}” is no day of the calendar.")
    if year is not None:
        _date(year, month, day, text)
    return Birthday(month, day, year)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"

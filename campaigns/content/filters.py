"""The filters of letters: a small closed set, each bounded in what it can produce. None passes through as None."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache, wraps
from typing import Any
from urllib.parse import quote

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from jinja2 import filters as builtin
from markupsafe import Markup, escape

from campaigns.content.faults import TooMuch

LONGEST_VALUE = 20_000
"""No single value of a letter grows beyond so many characters."""
LONGEST_LIST = 5_000


def bounded(value: Any) -> Any:
    """The value itself, unless it has grown beyond every need."""
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        raise TooMuch(f"A value grew beyond {LONGEST_VALUE:,} characters.")
    if isinstance(value, list | tuple | dict) and len(value) > LONGEST_LIST:
        raise TooMuch(f"A list grew beyond {LONGEST_LIST:,} entries.")
    return value


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale("en")


@lru_cache(maxsize=4096)
def _date(day: date, style: str, language: str) -> str:
    locale = _locale(language)
    patterns = {"year": "y", "month": "LLLL", "day": "d", "weekday": "EEEE", "month_year": "LLLL y"}
    return format_date(day, patterns.get(style, style), locale=locale)


@lru_cache(maxsize=4096)
def _money(amount: int | float, currency: str, language: str) -> str:
    return format_currency(amount / 100, currency, locale=_locale(language))


DATE_STYLES = ("long", "short", "medium", "full", "year", "month", "day", "weekday", "month_year")


def _text(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError("this filter works on text")
    return value if isinstance(value, str) else str(value)


def _list(value: Any) -> list[Any]:
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise ValueError("this filter works on a list")
    return list(bounded(list(value)))


def _replace(value: Any, old: str, new: str) -> str:
    text = _text(value)
    if not old:
        raise ValueError("replace needs something to look for")
    if len(text) + text.count(old) * len(_text(new)) > LONGEST_VALUE:
        raise TooMuch(f"A value grew beyond {LONGEST_VALUE:,} characters.")
    return text.replace(old, new)


def _truncate(value: Any, length: int = 60, end: str = "…") -> str:
    text = _text(value)
    if len(text) <= length:
        return text
    cut = text[: max(0, min(int(length), 1000) - len(end))]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:.-") + end


def _join(value: Any, between: str = ", ", last: str | None = None) -> str:
    words = [_text(word) for word in _list(value)]
    if sum(map(len, words)) + len(between) * len(words) > LONGEST_VALUE:
        raise TooMuch(f"A value grew beyond {LONGEST_VALUE:,} characters.")
    if last is not None and len(words) > 1:
        return between.join(words[:-1]) + last + words[-1]
    return between.join(words)


def _batch(value: Any, size: int) -> list[list[Any]]:
    items, step = _list(value), max(1, int(size))
    return [items[start : start + step] for start in range(0, len(items), step)]


def _plural(value: Any, one: str, many: str) -> str:
    return one if abs(value) == 1 else many


def _round(value: Any, digits: int = 0) -> int | float:
    digits = min(max(int(digits), 0), 6)
    rounded: int | float = round(value, digits) if digits else round(value)
    return rounded


def _urlencode(value: Any) -> str:
    return quote(_text(value), safe="")


def _striptags(value: Any) -> str:
    return Markup(_text(value)).striptags()  # noqa: S704 - only to take the tags off


def _through_none(filter_: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(filter_)
    def careful(value: Any, *rest: Any, **named: Any) -> Any:
        return None if value is None else bounded(filter_(bounded(value), *rest, **named))

    return careful


def _fallback(value: Any, otherwise: Any = "", *_: Any) -> Any:
    """What to say when there is nothing: counts None and an empty text as nothing, zero as a value."""
    return otherwise if value is None or value == "" else value


def shared() -> dict[str, Callable[..., Any]]:
    """The filters that do not depend on the letter's language."""
    plain: dict[str, Callable[..., Any]] = {
        "upper": lambda value: _text(value).upper(),
        "lower": lambda value: _text(value).lower(),
        "title": lambda value: builtin.do_title(_text(value)),
        "capitalize": lambda value: _text(value).capitalize(),
        "trim": lambda value: _text(value).strip(),
        "replace": _replace,
        "truncate": _truncate,
        "striptags": _striptags,
        "length": len,
        "count": len,
        "first": lambda value: _list(value)[0] if len(value) else None,
        "last": lambda value: _list(value)[-1] if len(value) else None,
        "join": _join,
        "sort": lambda value: sorted(_list(value)),
        "reverse": lambda value: _list(value)[::-1],
        "unique": lambda value: list(dict.fromkeys(_list(value))),
        "sum": lambda value: sum(_list(value)),
        "batch": _batch,
        "round": _round,
        "int": int,
        "float": float,
        "abs": abs,
        "plural": _plural,
        "urlencode": _urlencode,
        "e": escape,
        "escape": escape,
    }
    made = {name: _through_none(filter_) for name, filter_ in plain.items()}
    return made | {"default": _fallback, "d": _fallback, "fallback": _fallback}


def in_language(language: str) -> dict[str, Callable[..., Any]]:
    """The filters that speak a language: dates, money (minor units), numbers."""

    def on(value: Any, style: str = "long") -> str:
        if isinstance(value, str):
            value = date.fromisoformat(value[:10])
        if not isinstance(value, date):
            raise ValueError("date needs a date")
        if style not in DATE_STYLES:
            raise ValueError(f"date knows {', '.join(DATE_STYLES)}")
        return _date(value.date() if isinstance(value, datetime) else value, style, language)

    def money(value: Any, currency: str) -> str:
        return _money(value, currency, language)

    def number(value: Any) -> str:
        return str(format_decimal(value, locale=_locale(language)))

    def percent(value: Any) -> str:
        return f"{number(_round(value * 100, 1))} %"

    said: dict[str, Callable[..., Any]] = {"date": on, "money": money, "number": number, "percent": percent}
    return {name: _through_none(filter_) for name, filter_ in said.items()}

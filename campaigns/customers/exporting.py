"""Customers as rows of a file: chosen columns, no formulas, and fit to be imported again unchanged."""

import calendar
import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns.customers.customer_files import ATTRIBUTE
from campaigns.customers.files import safe_cell
from campaigns.customers.model import Customer
from campaigns.customers.queries import attributes, tags_of
from campaigns.errors import Invalid

PAGE = 2_000


def birthday_text(customer: Customer) -> str:
    """`1980-02-29`, or `--02-29` where the year is not known (ISO 8601:2000), or ""."""
    if customer.birth_month is None or customer.birth_day is None:
        return ""
    year = f"{customer.birth_year:04d}" if customer.birth_year is not None else "-"
    return f"{year}-{customer.birth_month:02d}-{customer.birth_day:02d}"


def birthday_words(customer: Customer) -> str:
    """`29 February 1980`, or `29 February`, as people write it and `read_birthday` reads it; or ""."""
    if customer.birth_month is None or customer.birth_day is None:
        return ""
    words = f"{customer.birth_day} {calendar.month_name[customer.birth_month]}"
    return words if customer.birth_year is None else f"{words} {customer.birth_year}"


_COLUMNS: Mapping[str, tuple[str, Callable[[Customer], Any]]] = {
    "email": ("E-mail address", lambda c: c.email),
    "number": ("Customer number", lambda c: c.number),
    "first_name": ("First name", lambda c: c.first_name),
    "last_name": ("Last name", lambda c: c.last_name),
    "birthday": ("Birthday", birthday_text),
    "language": ("Language", lambda c: c.language),
    "zone": ("Time zone", lambda c: c.zone),
    "country": ("Country", lambda c: c.country),
    "tags": ("Tags", lambda _: ""),  # read for a whole page at once
    "may_mail": ("May be written to", lambda c: c.may_mail),
    "may_track": ("May be measured", lambda c: c.may_track),
    "source": ("Source", lambda c: c.source),
    "created_at": ("Known since", lambda c: c.created_at.isoformat(timespec="seconds")),
}


def export_columns(session: Session) -> dict[str, str]:
    """Every column there is, by name with its heading; declared attributes are `attribute:<name>`."""
    own = {f"{ATTRIBUTE}{a.name}": a.label for a in attributes(session)}
    return {**{name: heading for name, (heading, _) in _COLUMNS.items()}, **own}


def export_rows(
    session: Session, columns: Sequence[str] = (), *, chosen: Select[Any] | None = None
) -> Iterator[list[str]]:
    """The headings, then a row for each customer by id, in constant memory.

    `chosen`: a select of customer ids (a segment's members), None for all. `columns` empty: all of them.
    """
    known = export_columns(session)
    columns = columns or tuple(known)
    if unknown := [name for name in columns if name not in known]:
        raise Invalid(f"No column is called {unknown[0]}; there are {', '.join(known)}.")
    return _rows(session, columns, [safe_cell(known[name]) for name in columns], chosen)


def _rows(
    session: Session, columns: Sequence[str], headings: list[str], chosen: Select[Any] | None
) -> Iterator[list[str]]:
    yield headings
    last = 0
    while True:
        rows = select(Customer).where(Customer.id > last).order_by(Customer.id).limit(PAGE)
        if chosen is not None:
            rows = rows.where(Customer.id.in_(chosen))
        page = list(session.scalars(rows))
        if not page:
            return
        tags = tags_of(session, [c.id for c in page]) if "tags" in columns else {}
        for customer in page:
            yield [_text(_value(customer, name, tags)) for name in columns]
        last = page[-1].id
        session.expunge_all()


def _value(customer: Customer, name: str, tags: Mapping[int, list[str]]) -> Any:
    if name == "tags":
        return ", ".join(tags[customer.id])
    if name.startswith(ATTRIBUTE):
        return customer.attributes.get(name[len(ATTRIBUTE) :])
    return _COLUMNS[name][1](customer)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return safe_cell(str(value))


def export_csv(rows: Iterator[list[str]]) -> Iterator[bytes]:
    """The rows as CSV in UTF-8, with the mark by which Excel knows it, in pieces of some thousand rows."""
    text = io.StringIO()
    writer = csv.writer(text)
    text.write("\ufeff")
    for count, row in enumerate(rows, 1):
        writer.writerow(row)
        if count % PAGE == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()

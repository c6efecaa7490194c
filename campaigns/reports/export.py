"""Lists as CSV that a spreadsheet opens as text: no cell can become a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.customers import safe_cell
from campaigns.reports.numbers import held_words

BOM = "\ufeff"
"""Says "UTF-8" to spreadsheets that would guess otherwise."""
CHUNK = 500


def csv_lines(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The file in pieces, with its byte order mark; to be streamed."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    buffer.write(BOM)
    writer.writerow(heads)
    for index, row in enumerate(rows, 1):
        writer.writerow([_cell(value) for value in row])
        if index % CHUNK == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> str:
    """The text of a cell; numbers stay numbers, as a negative amount is no formula."""
    return "" if value is None else str(value) if isinstance(value, int | float) else safe_cell(str(value))


RECIPIENT_HEADS = (
    "Customer number",
    "E-mail",
    "First name",
    "Last name",
    "State",
    "Reason",
    "Queued",
    "Sent",
    "Answer of the server",
)


def recipient_row(message: Any, customer: Any, zone: ZoneInfo) -> tuple[Any, ...]:
    """One line behind a number; what belonged to an erased person is empty."""
    person = (
        (customer.number, customer.email, customer.first_name, customer.last_name) if customer else ("",) * 4
    )
    reason = held_words(message.held_reason) if message.held_reason else ""
    when = (local(message.queued_at, zone), local(message.sent_at, zone))
    return (*person, message.status, reason, *when, message.reply)


def local(at: datetime | None, zone: ZoneInfo) -> str:
    """A moment as a spreadsheet reads it."""
    return "" if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

"""Read a file of real purchases: CDNOW's orders or Online Retail's lines, plain or gzipped."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO

from campaigns.errors import Invalid
from campaigns.purchases import LineFacts, OrderFacts, to_minor

ORDERS = ("customer_id", "date", "quantity", "amount")
"""One order a line, as in CDNOW."""
LINES = ("order_id", "customer_id", "ordered_at", "product_id", "quantity", "unit_price")
"""One product of an order a line, as in Online Retail; a number that begins with C is a return."""


@dataclass(frozen=True)
class FileOrder:
    """One order of the file; `customer` is the file's own number."""

    number: str
    customer: str
    at: datetime
    lines: tuple[LineFacts, ...]

    def facts(self, customers: Mapping[str, int], currency: str, later: timedelta) -> OrderFacts:
        """The same as the room of purchases takes it, `later` by a span."""
        return OrderFacts(self.number, customers[self.customer], self.at + later, currency, lines=self.lines)


def read_orders(path: Path, currency: str) -> list[FileOrder]:
    """Every order of the file, oldest first; Invalid names the line that cannot be read.

    Products get their names from a file beside it (`…_products…` for `…_lines…`), where there is one.
    """
    try:
        with _opened(path) as file:
            reader = csv.DictReader(file)
            heads = tuple(reader.fieldnames or ())
            if set(ORDERS) <= set(heads):
                orders = _from_orders(reader, currency)
            elif set(LINES) <= set(heads):
                orders = _from_lines(reader, _names(path), currency)
            else:
                raise Invalid(
                    f"{path} has neither the columns {', '.join(ORDERS)} nor {', '.join(LINES)}; "
                    "other files come in by `liaison import purchases`."
                )
            found = list(orders)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Invalid(f"{path} cannot be read: {error}.") from error
    return sorted(found, key=lambda order: (order.at, order.number))


def _opened(path: Path) -> IO[str]:
    is_packed = path.suffix == ".gz"
    return (
        gzip.open(path, "rt", encoding="utf-8", newline="")
        if is_packed
        else path.open(encoding="utf-8", newline="")
    )


def _from_orders(rows: Iterable[dict[str, str]], currency: str) -> Iterator[FileOrder]:
    for line, row in enumerate(rows, start=2):
        with _Line(line):
            quantity = int(row["quantity"])
            amount = to_minor(Decimal(row["amount"]), currency)
            at = datetime.strptime(row["date"], "%Y-%m-%d").replace(hour=12, tzinfo=UTC)
            bought = LineFacts("CD", quantity, amount // max(quantity, 1), amount, "Compact discs", "Music")
            yield FileOrder(f"F{line - 1:06}", row["customer_id"], at, (bought,))


def _from_lines(
    rows: Iterable[dict[str, str]], names: Mapping[str, str], currency: str
) -> Iterator[FileOrder]:
    lines: dict[tuple[str, str, str], list[LineFacts]] = defaultdict(list)
    for number, row in enumerate(rows, start=2):
        with _Line(number):
            price = to_minor(Decimal(row["unit_price"]), currency)
            product = row["product_id"]
            bought = LineFacts(product, int(row["quantity"]), price, None, names.get(product, product))
            lines[row["order_id"], row["customer_id"], row["ordered_at"]].append(bought)
    for (order, customer, at), bought_lines in lines.items():
        moment = datetime.strptime(at, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        yield FileOrder(order, customer, moment, tuple(bought_lines))


def _names(path: Path) -> dict[str, str]:
    beside = path.with_name(path.name.replace("_lines", "_products"))
    if beside == path or not beside.exists():
        return {}
    with _opened(beside) as file:
        return {row["product_id"]: row["description"].capitalize() for row in csv.DictReader(file)}


@dataclass(frozen=True)
class _Line:
    """Turns what a line cannot mean into one plain sentence with its number."""

    number: int

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ValueError | InvalidOperation | KeyError | TypeError):
            raise Invalid(f"Line {self.number} cannot be read: {error}.") from error

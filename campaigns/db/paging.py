"""One page of a long list, cut by the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Page:
    """`rows` of page `number` (from 1), out of `total` rows, `size` to a page."""

    rows: Sequence[Any]
    number: int
    size: int
    total: int

    @property
    def last(self) -> int:
        """The number of the last page; 1 when there is nothing."""
        return max(1, -(-self.total // self.size))

    @property
    def first_row(self) -> int:
        """The position of the first row shown, counted from 1; 0 when there is none."""
        return (self.number - 1) * self.size + 1 if self.rows else 0

    @property
    def last_row(self) -> int:
        """The position of the last row shown."""
        return (self.number - 1) * self.size + len(self.rows)


def page(session: Session, query: Select[Any], number: int = 1, *, size: int = 50) -> Page:
    """Cut the page out of `query`, which must state its order.

    A select of one entity or column gives these, one of several gives rows. A number out of range is
    brought into it, so that an old link to page 9 of 8 shows page 8.
    """
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    last = max(1, -(-total // size))
    number = min(max(number, 1), last)
    result = session.execute(query.limit(size).offset((number - 1) * size))
    is_single = len(query.column_descriptions) == 1
    return Page(result.scalars().all() if is_single else result.all(), number, size, total)

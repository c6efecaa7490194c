"""Reads: the signals of a customer, and who has a complaint that is still open."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, select
from sqlalchemy.orm import Session, aliased

from campaigns.signals.model import Signal


def signals_of(kind: str, *, since: datetime | None = None, until: datetime | None = None) -> Select[Any]:
    """`(customer_id, key, at, data)` of every signal of a kind, from `since` up to but not including `until`."""
    chosen = select(Signal.customer_id, Signal.key, Signal.at, Signal.data).where(Signal.kind == kind)
    if since is not None:
        chosen = chosen.where(Signal.at >= since)
    if until is not None:
        chosen = chosen.where(Signal.at < until)
    return chosen


def open_complaints() -> Select[int]:
    """Ids of the customers with a complaint that was opened and, under its key, not closed since."""
    return select(Signal.customer_id).where(_is_open()).distinct()


def _is_open() -> ColumnElement[bool]:
    closed = aliased(Signal)
    is_closed = exists().where(
        closed.customer_id == Signal.customer_id,
        closed.kind == "complaint_closed",
        closed.key == Signal.key,
        closed.at >= Signal.at,
    )
    return and_(Signal.kind == "complaint_opened", ~is_closed)


def open_complaints_of(session: Session, customer_id: int) -> Sequence[Signal]:
    """The open complaints of one customer, oldest first."""
    chosen = select(Signal).where(Signal.customer_id == customer_id, _is_open())
    return session.scalars(chosen.order_by(Signal.at, Signal.id)).all()


def of_customer(session: Session, customer_id: int, *, most: int = 100) -> Sequence[Signal]:
    """What happened to a customer, newest first."""
    chosen = select(Signal).where(Signal.customer_id == customer_id)
    return session.scalars(chosen.order_by(Signal.at.desc(), Signal.id.desc()).limit(most)).all()

"""Writes: a signal is recorded once for its customer, kind and key."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.customers import clean, get_customer
from campaigns.db.bulk import insert_rows
from campaigns.db.expressions import among
from campaigns.errors import Invalid
from campaigns.signals.model import Signal
from campaigns.signals.rules import SignalFacts, read_data, read_kind


def record(
    session: Session,
    customer_id: int,
    *,
    kind: str,
    key: str,
    at: datetime,
    data: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> bool:
    """Write down that `kind` happened to a customer at `at`; False if this key was told before.

    `now` is when we were told (`at` if not given). Raises Invalid for a name, key or data that cannot be kept,
    NotFound for a customer who is not there.
    """
    key = clean(key, 100, "The key")
    if not key:
        raise Invalid("A signal needs a key, so that it counts once.", {"key": "Write a number or a name."})
    if now is not None and at > now:
        raise Invalid("A signal cannot lie in the future.", {"at": "Choose a moment that has passed."})
    get_customer(session, customer_id)
    facts = SignalFacts(customer_id, read_kind(kind), key, at, read_data(data))
    return bulk_record(session, [facts], now=now or at) == ["new"]


def bulk_record(
    session: Session, facts: Sequence[SignalFacts], *, now: datetime, is_dry: bool = False
) -> list[str]:
    """Record many, already read by the rules; the fate of each, "new" or "unchanged".

    Two processes that tell the same signal at once meet at the unique key: the second raises IntegrityError
    and, looking again, finds it known.
    """
    known = _known(session, {each.customer_id for each in facts})
    fates, rows = [], []
    for each in facts:
        identity = (each.customer_id, each.kind, each.key)
        fates.append("unchanged" if identity in known else "new")
        if identity not in known:
            known.add(identity)
            rows.append((*identity, each.at, dict(each.data), now))
    if not is_dry:
        insert_rows(session, Signal, ("customer_id", "kind", "key", "at", "data", "created_at"), rows)
    return fates


def _known(session: Session, customer_ids: set[int]) -> set[tuple[int, str, str]]:
    chosen = select(Signal.customer_id, Signal.kind, Signal.key).where(
        among(Signal.customer_id, customer_ids)
    )
    return {(customer_id, kind, key) for customer_id, kind, key in session.execute(chosen)}

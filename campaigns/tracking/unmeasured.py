"""Hits on letters to those who did not agree to be measured: sums without persons, and one date if config wants it.

CNIL, deliberation 2026-042, as its readers report it: without consent nothing about a person but, for the hygiene of
the list, the day of their last open, overwritten by the next; overall sums that name nobody are free. docs/decisions.md
says what follows from that here.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.customers import Customer
from campaigns.db import upsert
from campaigns.messages import Mailing, Message
from campaigns.tracking.agents import read_agent
from campaigns.tracking.journal import Line
from campaigns.tracking.model import AnonymousCount, LastOpen

_CHUNK = 500
_MACHINES = {"hidden", "prefetch"}


def count_unmeasured(
    session: Session, lines: Sequence[Line], *, measured: Collection[int], zone: ZoneInfo, keeps_date: bool
) -> int:
    """Count the hits of people on messages that are not `measured`; returns how many counted.

    `keeps_date`: note the day of an open as well. A machine's hit, as far as one hit alone tells, counts for
    nothing: who did not agree is not looked at more closely than that.
    """
    hits = [line for line in lines if line.message_id not in measured and _is_persons(line)]
    if not hits:
        return 0
    holders = _holders(session, {line.message_id for line in hits})
    hits = [line for line in hits if holders.get(line.message_id, (None, None, True))[0] == line.mailing_id]
    sums = Counter((line.mailing_id, line.kind) for line in hits)
    for (mailing_id, kind), count in sorted(sums.items()):
        _add(session, mailing_id, kind, count)
    if keeps_date:
        _note_days(session, hits, holders, zone)
    return len(hits)


def _is_persons(line: Line) -> bool:
    if line.method != "GET" or _MACHINES & set(line.signs.split()):
        return False
    agent = read_agent(line.user_agent)
    return (agent.who_clicks if line.kind == "clicked" else agent.who) == "human"


Holder = tuple[int, int | None, bool]


def _holders(session: Session, message_ids: Iterable[int]) -> dict[int, Holder]:
    """Mailing, customer (None after erasure) and whether the customer agreed, of each message that is no test."""
    found: dict[int, Holder] = {}
    rows = (
        select(Message.id, Message.mailing_id, Customer.id, Customer.may_track)
        .join(Mailing, Mailing.id == Message.mailing_id)
        .outerjoin(Customer, Customer.id == Message.customer_id)
        .where(Mailing.kind != "test")
    )
    ordered = sorted(message_ids)
    for start in range(0, len(ordered), _CHUNK):
        chunk = ordered[start : start + _CHUNK]
        for message_id, mailing_id, customer_id, may_track in session.execute(
            rows.where(Message.id.in_(chunk))
        ):
            found[message_id] = (mailing_id, customer_id, bool(may_track))
    return found


def _add(session: Session, mailing_id: int, kind: str, count: int) -> None:
    row: dict[str, Any] = {"mailing_id": mailing_id, "kind": kind, "count": 0}
    session.execute(upsert(session, AnonymousCount, [row], key=["mailing_id", "kind"], update=[]))
    session.execute(
        update(AnonymousCount)
        .where(AnonymousCount.mailing_id == mailing_id, AnonymousCount.kind == kind)
        .values(count=AnonymousCount.count + count)
        .execution_options(synchronize_session=False)
    )


def _note_days(session: Session, hits: Iterable[Line], holders: dict[int, Holder], zone: ZoneInfo) -> None:
    days: dict[int, str] = {}
    for line in hits:
        _, customer_id, may_track = holders[line.message_id]
        if line.kind == "opened" and customer_id is not None and not may_track:
            day = line.at.astimezone(zone).date().isoformat()
            days[customer_id] = max(day, days.get(customer_id, ""))
    ids = sorted(days)
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        known = {
            row.customer_id: row.on
            for row in session.execute(
                select(LastOpen.customer_id, LastOpen.on).where(LastOpen.customer_id.in_(chunk))
            )
        }
        rows = [{"customer_id": id_, "on": days[id_]} for id_ in chunk if days[id_] > known.get(id_, "")]
        if rows:
            session.execute(upsert(session, LastOpen, rows, key=["customer_id"], update=["on"]))


def anonymous_counts(session: Session, mailing_ids: Collection[int]) -> dict[str, int]:
    """Opens and clicks by people who did not agree to be measured: `{"opened": 12, "clicked": 3}`; nobody knows whose."""
    rows = session.execute(
        select(AnonymousCount.kind, AnonymousCount.count).where(
            AnonymousCount.mailing_id.in_(list(mailing_ids))
        )
    )
    counts = {"opened": 0, "clicked": 0}
    for kind, count in rows:
        counts[kind] += count
    return counts


def last_open_on(session: Session, customer_id: int) -> date | None:
    """The day of the last open of somebody who did not agree, where that is kept; None if there is none."""
    on = session.scalar(select(LastOpen.on).where(LastOpen.customer_id == customer_id))
    return date.fromisoformat(on) if on else None

"""Who entered a segment and who left it: the members now, compared with those of the last look."""

from datetime import datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import CursorResult, Select, delete, exists, insert, literal, select, update
from sqlalchemy.orm import Session

from campaigns.db import UTCDateTime, insert_missing, upsert
from campaigns.fields import Fields
from campaigns.segments.model import Member, Move, Segment, Watch
from campaigns.segments.queries import members

LOOK_EVERY = timedelta(minutes=10)
"""A million members compared take seconds: not at each tick."""
LONGEST_PAUSE = timedelta(days=7)
"""After a longer one nobody can say who came when: it is only noted anew who is in."""


def watch(session: Session, segment_id: int, *, fields: Fields, zone: ZoneInfo, now: datetime) -> int:
    """Compare the members with those of the last look and write down who moved; returns how many did.

    The first look only takes note of who is in: they did not enter, they were there. Looked at less than ten minutes
    ago, or by another process at this moment, nothing is done. An archived or faulty segment keeps its last members.
    """
    segment = session.get(Segment, segment_id)
    if segment is None or segment.archived_at is not None:
        return 0
    first = {"segment_id": segment_id, "begun_at": now, "looked_at": now - 2 * LOOK_EVERY}
    session.execute(upsert(session, Watch, [first], key=("segment_id",), update=()))
    begun_at, before = session.execute(
        select(Watch.begun_at, Watch.looked_at).where(Watch.segment_id == segment_id)
    ).one()
    taken = session.execute(
        update(Watch)
        .where(Watch.segment_id == segment_id, Watch.looked_at == before, Watch.looked_at <= now - LOOK_EVERY)
        .values(looked_at=now)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", taken).rowcount == 0:
        return 0
    inside = members(session, segment.rule, fields, now=now, zone=zone).subquery()
    if begun_at == now or now - before > LONGEST_PAUSE:
        _take_note(session, segment_id, inside)
        return 0
    return _compare(session, segment_id, inside, now)


def _take_note(session: Session, segment_id: int, inside: Any) -> None:
    session.execute(delete(Member).where(Member.segment_id == segment_id))
    rows: Any = select(literal(segment_id), inside.c[0])
    session.execute(insert_missing(session, Member, ("segment_id", "customer_id"), rows))


def _compare(session: Session, segment_id: int, inside: Any, now: datetime) -> int:
    moment = literal(now, type_=UTCDateTime())
    known = select(Member.customer_id).where(Member.segment_id == segment_id)
    entered = select(inside.c[0]).where(inside.c[0].not_in(known))
    left = known.where(Member.customer_id.not_in(select(inside.c[0])))
    moved = 0
    for who, is_entry in ((entered, True), (left, False)):
        person = who.subquery()
        found = select(literal(segment_id), person.c[0], moment, literal(is_entry))
        columns = ["segment_id", "customer_id", "at", "is_entry"]
        done = session.execute(insert(Move).from_select(columns, found))
        moved += cast("CursorResult[Any]", done).rowcount
    # From what was written down, not asked twice: meanwhile somebody may have moved again.
    came: Any = select(literal(segment_id), Move.customer_id).where(
        Move.segment_id == segment_id, Move.at == moment, Move.is_entry
    )
    session.execute(insert_missing(session, Member, ("segment_id", "customer_id"), came))
    gone = exists().where(
        Move.segment_id == segment_id,
        Move.customer_id == Member.customer_id,
        Move.at == moment,
        Move.is_entry.is_(False),
    )
    session.execute(
        delete(Member)
        .where(Member.segment_id == segment_id, gone)
        .execution_options(synchronize_session=False)
    )
    return moved


def moves(segment_id: int, since: datetime, until: datetime, *, is_entry: bool) -> Select[Any]:
    """`(id, customer_id, at)` of those who entered (or left) from `since` up to but not including `until`."""
    found: Any = select(Move.id, Move.customer_id, Move.at).where(
        Move.segment_id == segment_id, Move.at >= since, Move.at < until, Move.is_entry.is_(is_entry)
    )
    chosen: Select[Any] = found
    return chosen

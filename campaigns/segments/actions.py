"""Writes: segments saved, counted, put away and taken back."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.db import upsert
from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.fields import Fields
from campaigns.segments.model import Segment, Size
from campaigns.segments.queries import count, get_segment, validate
from campaigns.segments.ready import READY
from campaigns.segments.rules import written

MOST_NAME = 200
MOST_DESCRIPTION = 2000


def save_segment(
    session: Session,
    segment_id: int | None,
    *,
    name: str,
    description: str = "",
    rule: Any,
    fields: Fields,
    now: datetime,
    zone: ZoneInfo,
    by: int | None = None,
) -> Segment:
    """Make a segment (`segment_id` None) or change one, and count it; Invalid names every fault.

    Faults of the rule have its paths as keys, beginning with "/"; `name` that of the name.
    """
    name, description = name.strip(), description.strip()
    faults = _name_faults(session, segment_id, name)
    if len(description) > MOST_DESCRIPTION or "\0" in description:
        faults["description"] = f"Write at most {MOST_DESCRIPTION} characters."
    try:
        node = validate(session, rule, fields)
    except Invalid as error:
        faults |= error.faults
    if faults:
        raise Invalid("The segment was not saved: " + next(iter(faults.values())), faults)
    if segment_id is None:
        segment = Segment(created_by=by, created_at=now)
        session.add(segment)
    else:
        segment = get_segment(session, segment_id)
    segment.name, segment.description, segment.rule = name, description, written(node)
    segment.updated_at = now
    session.flush()
    recount(session, segment, fields, now=now, zone=zone)
    return segment


def _name_faults(session: Session, segment_id: int | None, name: str) -> dict[str, str]:
    if not name or len(name) > MOST_NAME or "\0" in name:
        return {"name": f"Give the segment a name of at most {MOST_NAME} characters."}
    twin = select(Segment.id).where(func.lower(Segment.name) == name.lower())
    if session.scalar(twin.where(Segment.id != (segment_id or 0))):
        return {"name": "Another segment has this name already."}
    return {}


def recount(session: Session, segment: Segment, fields: Fields, *, now: datetime, zone: ZoneInfo) -> int:
    """Count the members afresh and note the number with its moment."""
    number = count(session, segment.rule, fields, now=now, zone=zone)
    segment.last_count, segment.counted_at = number, now
    session.flush()
    size = {"segment_id": segment.id, "on": now.astimezone(zone).date().isoformat(), "customers": number}
    session.execute(upsert(session, Size, [size], key=["segment_id", "on"], update=["customers"]))
    return number


def copy_ready(
    session: Session, key: str, *, fields: Fields, now: datetime, zone: ZoneInfo, by: int | None = None
) -> Segment:
    """Make one of the ready-made segments the team's own; Conflict if its name is taken."""
    ready = next((each for each in READY if each.key == key), None)
    if ready is None:
        raise NotFound("There is no such ready-made segment.")
    if session.scalar(select(Segment.id).where(Segment.name == ready.name)):
        raise Conflict(f"There is a segment “{ready.name}” already.")
    return save_segment(
        session,
        None,
        name=ready.name,
        description=ready.description,
        rule=ready.rule,
        fields=fields,
        now=now,
        zone=zone,
        by=by,
    )


def seed_segments(session: Session, *, fields: Fields, now: datetime, zone: ZoneInfo) -> int:
    """Make all ready-made segments whose names are free; returns how many."""
    taken = set(session.scalars(select(Segment.name)))
    missing = [each for each in READY if each.name not in taken]
    for each in missing:
        copy_ready(session, each.key, fields=fields, now=now, zone=zone)
    return len(missing)


def duplicate_segment(
    session: Session, segment_id: int, *, fields: Fields, now: datetime, zone: ZoneInfo, by: int | None = None
) -> Segment:
    """A copy under a free name (“Loyal customers (copy)”)."""
    original = get_segment(session, segment_id)
    taken = set(session.scalars(select(Segment.name)))
    stem = original.name[: MOST_NAME - 12]
    names = [f"{stem} (copy)", *(f"{stem} (copy {number})" for number in range(2, 1000))]
    return save_segment(
        session,
        None,
        name=next(name for name in names if name not in taken),
        description=original.description,
        rule=original.rule,
        fields=fields,
        now=now,
        zone=zone,
        by=by,
    )


def archive(session: Session, segment_id: int, *, now: datetime) -> None:
    """Put a segment away: no longer offered; what was planned with it goes on."""
    segment = get_segment(session, segment_id)
    if segment.archived_at is not None:
        raise Conflict("This segment was put away already.")
    segment.archived_at = now


def unarchive(session: Session, segment_id: int, *, now: datetime) -> None:
    """Take a segment back."""
    segment = get_segment(session, segment_id)
    segment.archived_at, segment.updated_at = None, now

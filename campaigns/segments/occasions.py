"""Occasions that lie in what a segment says of a customer: they came into it, or are in it no more."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, String, and_, case, cast, exists, literal, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.db.expressions import json_object
from campaigns.fields import Fields
from campaigns.merge import MergeField
from campaigns.occasions import Occasion, Option, Options, waiting
from campaigns.segments.model import Member, Move, Segment
from campaigns.segments.watching import moves, watch

HEADING = "What we know of them"
MOST_SEGMENTS = 500


def _segments(session: Session) -> Sequence[tuple[str, str]]:
    found = select(Segment.id, Segment.name).where(Segment.archived_at.is_(None)).order_by(Segment.name)
    return [(str(id_), name) for id_, name in session.execute(found.limit(MOST_SEGMENTS))]


def _segment(options: Mapping[str, Any]) -> int:
    given = str(options.get("segment") or "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else 0


def _watch(session: Session, options: Options, fields: Fields, zone: ZoneInfo, now: datetime) -> int:
    """See to it that the segment is looked at; never more than one look, so that the caller goes on."""
    watch(session, _segment(options), fields=fields, zone=zone, now=now)
    return 0


def _moved(options: Options, since: datetime, until: datetime, *, is_entry: bool) -> Select[Any]:
    segment_id = _segment(options)
    move = moves(segment_id, since, until, is_entry=is_entry).subquery()
    is_inside = exists().where(Member.segment_id == segment_id, Member.customer_id == move.c.customer_id)
    tests = [is_inside if is_entry else ~is_inside]  # who has turned round meanwhile is left alone
    if options["again"] == "first":
        earlier = aliased(Move)
        is_earlier = or_(earlier.at < move.c.at, and_(earlier.at == move.c.at, earlier.id < move.c.id))
        same = (earlier.segment_id == segment_id, earlier.customer_id == move.c.customer_id)
        tests.append(~exists().where(*same, earlier.is_entry.is_(is_entry), is_earlier))
    key = case(
        (literal(options["again"] == "first"), "first"), else_=literal("move:") + cast(move.c.id, String)
    )
    name = select(Segment.name).where(Segment.id == segment_id).scalar_subquery()
    return select(
        move.c.customer_id,
        key.label("occasion_key"),
        move.c.at,
        json_object(segment=cast(name, String)).label("facts"),
    ).where(*tests)


def _entered(options: Options, since: datetime, until: datetime) -> Select[Any]:
    return _moved(options, since, until, is_entry=True)


def _left(options: Options, since: datetime, until: datetime) -> Select[Any]:
    return _moved(options, since, until, is_entry=False)


SEGMENT = Option(
    "segment", "Which segment", "pick", "", offered=_segments, is_required=True, any_label="Choose one"
)
AGAIN = Option(
    "again",
    "How often",
    "choice",
    "first",
    choices=(("first", "only the first time"), ("each", "each time")),
)
FACTS = (
    MergeField("moved_on", "The day we saw it", "text", may_lack=False, example="2026-11-20"),
    MergeField("segment", "The segment", may_lack=False, example="Loyal customers"),
)

SEGMENT_ENTERED = Occasion(
    name="segment_entered",
    label="Came into a segment",
    description=(
        "When somebody meets the rule of a segment who did not before. Those who are in it when the letter is first "
        "switched on get nothing. It is looked at every ten minutes."
    ),
    heading=HEADING,
    options=(SEGMENT, *waiting(0, "days"), AGAIN),
    facts=FACTS,
    happened=_entered,
    prepare=_watch,
    day_fact="moved_on",
)

SEGMENT_LEFT = Occasion(
    name="segment_left",
    label="Left a segment",
    description="When somebody does not meet the rule of a segment any more who did before. Looked at every ten minutes.",
    heading=HEADING,
    options=(SEGMENT, *waiting(0, "days"), AGAIN),
    facts=FACTS,
    happened=_left,
    prepare=_watch,
    day_fact="moved_on",
)

OCCASIONS = (SEGMENT_ENTERED, SEGMENT_LEFT)

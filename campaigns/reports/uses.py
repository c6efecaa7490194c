"""Where a segment is used: read by pages, as the rooms below do not know who uses them."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.journeys import JourneyVersion, all_journeys
from campaigns.letters import all_letters
from campaigns.newsletters import Newsletter


@dataclass(frozen=True)
class Use:
    """One newsletter, letter or journey (`page` is the name of its page) that asks about a segment."""

    page: str
    id: int
    name: str
    status: str

    @property
    def is_ahead(self) -> bool:
        """Whether changing the segment changes who gets something from it."""
        return self.status in ("draft", "scheduled", "paused", "on")


def uses_of_segments(session: Session) -> dict[int, list[Use]]:
    """By segment id, newsletters first, the newest first; segments in no use have no key."""
    found: dict[int, list[Use]] = defaultdict(list)
    for segment_id, use in (*_newsletters(session), *_letters(session), *_journeys(session)):
        if use not in found[segment_id]:
            found[segment_id].append(use)
    return dict(found)


def _newsletters(session: Session) -> Iterator[tuple[int, Use]]:
    rows = select(Newsletter).where(Newsletter.segment_id.is_not(None)).order_by(Newsletter.id.desc())
    for each in session.scalars(rows):
        yield each.segment_id or 0, Use("newsletters", each.id, each.name, each.status)


def _letters(session: Session) -> Iterator[tuple[int, Use]]:
    for each in all_letters(session):
        asked = str(each.options.get("segment") or "")
        if asked.isdigit():
            yield int(asked), Use("letters", each.id, each.name, "on" if each.is_on else "off")


def _journeys(session: Session) -> Iterator[tuple[int, Use]]:
    """Those whose newest version, or the one they lead on, names a segment anywhere in its plan."""
    versions: dict[int, list[JourneyVersion]] = defaultdict(list)
    for version in session.scalars(select(JourneyVersion).order_by(JourneyVersion.number)):
        versions[version.journey_id].append(version)
    for each in all_journeys(session):
        current = [version for version in versions[each.id] if version.id == each.version_id]
        for version in (*current, *versions[each.id][-1:]):
            for segment_id in _named(version.plan):
                yield segment_id, Use("journeys", each.id, each.name, each.status)


def _named(plan: Any) -> Iterator[int]:
    """Every segment that a plan names, however deep."""
    if isinstance(plan, list):
        for part in plan:
            yield from _named(part)
    elif isinstance(plan, dict):
        for name, value in plan.items():
            if name in ("segment_id", "goal_segment_id") and isinstance(value, int):
                yield value
            else:
                yield from _named(value)

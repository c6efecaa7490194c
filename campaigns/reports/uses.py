"""Where a segment is used: read by pages, as the rooms below do not know who uses them."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.newsletters import Newsletter


@dataclass(frozen=True)
class Use:
    """One newsletter that picks its recipients by a segment."""

    newsletter_id: int
    name: str
    status: str

    @property
    def is_ahead(self) -> bool:
        """Whether it has not left yet, so that changing the segment changes who gets it."""
        return self.status in ("draft", "scheduled", "paused")


def uses_of_segments(session: Session) -> dict[int, list[Use]]:
    """By segment id, the newest first; segments in no use have no key."""
    found: dict[int, list[Use]] = defaultdict(list)
    rows = select(Newsletter).where(Newsletter.segment_id.is_not(None)).order_by(Newsletter.id.desc())
    for each in session.scalars(rows):
        found[each.segment_id or 0].append(Use(each.id, each.name, each.status))
    return dict(found)

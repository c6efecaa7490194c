"""Newsletters by state, the one asked for, and those whose moment has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from campaigns.customers import Customer
from campaigns.db.expressions import fold, folded
from campaigns.errors import NotFound
from campaigns.fields import Fields
from campaigns.messages import gap_open
from campaigns.newsletters.model import STATUSES, Newsletter
from campaigns.newsletters.rules import is_too_late
from campaigns.segments import get_segment, members
from campaigns.suppression import suppressed_keys


def why_ask_first(session: Session, newsletter: Newsletter, *, span: timedelta, now: datetime) -> str:
    """Why a newsletter whose moment has come does not leave by itself; empty where it may.

    Its moment lies further back than `span`, or before a restored backup, which cannot know whether it left.
    """
    if newsletter.due_at is None:
        return ""
    gap = gap_open(session)
    if gap is not None and gap.cause == "restored" and newsletter.due_at <= gap.due_until:
        return (
            "The database was restored from a backup, and it may have been sent since. "
            "Look into the mail server's log; then send it now, or cancel it."
        )
    if is_too_late(newsletter.due_at, now, span):
        return "Its moment passed while Liaison was off. Send it now, or choose another moment."
    return ""


@dataclass(frozen=True)
class Reach:
    """Whom a newsletter would go to if it left now."""

    members: int
    suppressed: int
    no_consent: int

    @property
    def recipients(self) -> int:
        """Those who would get it."""
        return self.members - self.suppressed - self.no_consent


def get_newsletter(session: Session, newsletter_id: int) -> Newsletter:
    """The newsletter; NotFound if there is none."""
    newsletter = session.get(Newsletter, newsletter_id, populate_existing=True)
    if newsletter is None:
        raise NotFound(f"There is no newsletter {newsletter_id}.")
    return newsletter


def list_newsletters(*, status: str = "", text: str = "") -> Select[Newsletter]:
    """All, or those in one state, or whose name or subject holds `text`: the latest moment first, drafts on top."""
    found = select(Newsletter).order_by(
        func.coalesce(Newsletter.due_at, Newsletter.created_at).desc(), Newsletter.id.desc()
    )
    if status:
        found = found.where(Newsletter.status == status)
    if text:
        needle = folded(text.strip())
        found = found.where(
            fold(Newsletter.name).contains(needle, autoescape=True)
            | fold(Newsletter.subject).contains(needle, autoescape=True)
        )
    return found


def every(session: Session, *, status: str = "") -> Sequence[Newsletter]:
    """All of them, or all in one state, in the order of `list_newsletters`."""
    return session.scalars(list_newsletters(status=status)).all()


def count_by_status(session: Session) -> dict[str, int]:
    """How many there are in each state; every state is a key."""
    rows = session.execute(select(Newsletter.status, func.count()).group_by(Newsletter.status))
    return dict.fromkeys(STATUSES, 0) | {row[0]: row[1] for row in rows}


def due(session: Session, *, now: datetime) -> Sequence[int]:
    """Ids of the scheduled ones whose moment has come, the earliest first."""
    found = select(Newsletter.id).where(Newsletter.status == "scheduled", Newsletter.due_at <= now)
    return session.scalars(found.order_by(Newsletter.due_at, Newsletter.id)).all()


def in_sending(session: Session) -> Sequence[tuple[int, int]]:
    """`(newsletter id, mailing id)` of those on their way."""
    found = select(Newsletter.id, Newsletter.mailing_id).where(
        Newsletter.status == "sending", Newsletter.mailing_id.is_not(None)
    )
    return [(row[0], row[1] or 0) for row in session.execute(found)]


def reach(
    session: Session, newsletter: Newsletter, *, fields: Fields, zone: ZoneInfo, now: datetime
) -> Reach | None:
    """Whom it would go to now, and who would be left out; None as long as it has no segment."""
    if newsletter.segment_id is None:
        return None
    rule = get_segment(session, newsletter.segment_id).rule
    chosen = members(session, rule, fields, now=now, zone=zone).subquery()
    reason = case(
        (Customer.address_key.in_(suppressed_keys()), "suppressed"),
        (Customer.may_mail.is_(False), "no_consent"),
        else_="",
    )
    rows = session.execute(
        select(reason, func.count()).join(chosen, chosen.c[0] == Customer.id).group_by(reason)
    )
    counted: dict[str, int] = {row[0]: row[1] for row in rows}
    return Reach(sum(counted.values()), counted.get("suppressed", 0), counted.get("no_consent", 0))

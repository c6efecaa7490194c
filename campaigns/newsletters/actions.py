"""Write a newsletter, give it a moment, launch it, hold it, end it. Every turn is compare-and-set."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.config import Config, Sender
from campaigns.content import Version, check_lines, version_to_send
from campaigns.customers import normalise_address
from campaigns.errors import Conflict, Invalid
from campaigns.fields import Fields
from campaigns.messages import (
    Mailing,
    Policy,
    enqueue,
    is_finished,
    open_mailing,
    pause_mailing,
    resume_mailing,
    stop_mailing,
)
from campaigns.newsletters.model import Newsletter
from campaigns.newsletters.queries import get_newsletter
from campaigns.newsletters.rules import ALLOWED, BEFORE_LAUNCH, Act, Draft, may, moment_of, zone_named
from campaigns.segments import get_segment, members


def create(
    session: Session, draft: Draft, *, now: datetime, by: int | None = None, form_key: str | None = None
) -> Newsletter:
    """A new draft. A form that is sent twice (the same `form_key`) makes one."""
    draft = draft.cleaned()
    newsletter = Newsletter(
        **asdict(draft),
        status="draft",
        zone="",
        because="",
        form_key=form_key or None,
        created_by=by,
        created_at=now,
        updated_at=now,
    )
    try:
        with session.begin_nested():
            session.add(newsletter)
    except IntegrityError:
        return session.scalars(select(Newsletter).where(Newsletter.form_key == form_key)).one()
    return newsletter


def change(session: Session, newsletter_id: int, draft: Draft, *, now: datetime) -> Newsletter:
    """Put other words into it; possible until it is launched. A scheduled one must stay fit to leave."""
    draft = draft.cleaned()
    if get_newsletter(session, newsletter_id).status == "scheduled":
        check_ready(session, draft)
    return _turn(session, newsletter_id, "change", now=now, **asdict(draft))


def duplicate(session: Session, newsletter_id: int, *, now: datetime, by: int | None = None) -> Newsletter:
    """A new draft with the same words."""
    old = get_newsletter(session, newsletter_id)
    draft = _draft_of(old)
    return create(session, Draft(**{**asdict(draft), "name": f"{draft.name} (copy)"[:200]}), now=now, by=by)


def schedule(
    session: Session, newsletter_id: int, *, local_moment: str | None, zone: str, now: datetime
) -> Newsletter:
    """Let it leave at a wall-clock moment of `zone`, or now (None); may be asked again until it is launched.

    Asked twice for the same, the second does nothing. What is meant is kept beside the instant that follows.
    """
    newsletter = get_newsletter(session, newsletter_id)
    due_at = now if local_moment is None else None
    wall = now.astimezone(zone_named(zone)).strftime("%Y-%m-%dT%H:%M") if due_at else str(local_moment)
    is_same = newsletter.zone == zone and (newsletter.local_moment or "")[:16] == wall[:16]
    if newsletter.status in ("scheduled", "sending", "sent") and is_same:
        return newsletter
    if not may("schedule", newsletter.status, is_launched=newsletter.launched_at is not None):
        raise Conflict(_why_not(newsletter, "schedule"))
    check_ready(session, _draft_of(newsletter))
    due_at = due_at or moment_of(wall, zone, now=now)
    return _turn(
        session,
        newsletter_id,
        "schedule",
        now=now,
        status="scheduled",
        local_moment=wall[:16],
        zone=zone,
        due_at=due_at,
        because="",
    )


def unschedule(session: Session, newsletter_id: int, *, now: datetime) -> Newsletter:
    """Make a draft of it again."""
    return _turn(
        session,
        newsletter_id,
        "unschedule",
        now=now,
        status="draft",
        due_at=None,
        local_moment=None,
        because="",
    )


def cancel(session: Session, newsletter_id: int, *, now: datetime) -> Newsletter:
    """End it for good: nothing more leaves; what had been handed over by then stays sent."""
    newsletter = _turn(session, newsletter_id, "cancel", now=now, status="cancelled", finished_at=now)
    if newsletter.mailing_id is not None:
        stop_mailing(session, newsletter.mailing_id, because="The newsletter was cancelled.", now=now)
    return newsletter


def pause(session: Session, newsletter_id: int, *, now: datetime, because: str = "") -> Newsletter:
    """Hold what has not left yet; `because` says why where no person asked for it."""
    newsletter = _turn(session, newsletter_id, "pause", now=now, status="paused", because=because[:500])
    assert newsletter.mailing_id is not None
    pause_mailing(session, newsletter.mailing_id, because=because)
    return newsletter


def resume(session: Session, newsletter_id: int, *, now: datetime) -> Newsletter:
    """Let a launched one go on: each recipient still gets it once."""
    newsletter = _turn(session, newsletter_id, "resume", now=now, status="sending", because="")
    assert newsletter.mailing_id is not None
    resume_mailing(session, newsletter.mailing_id)
    return newsletter


def note_paused(session: Session, *, now: datetime) -> int:
    """Say of a newsletter in sending whose mailing paused by itself that it is paused, and why; returns how many."""
    because = select(Mailing.stopped_because).where(Mailing.id == Newsletter.mailing_id).scalar_subquery()
    paused = select(Mailing.id).where(Mailing.status == "paused", Mailing.stopped_because != "")
    turned = session.execute(
        update(Newsletter)
        .where(Newsletter.status == "sending", Newsletter.mailing_id.in_(paused))
        .values(status="paused", because=func.substr(because, 1, 500), updated_at=now)
        .execution_options(synchronize_session=False)
    )
    return _rows(turned)


def put_aside(session: Session, newsletter_id: int, *, because: str, now: datetime) -> bool:
    """Do not launch a scheduled one by itself: it waits, with the reason, for a person. False if it moved on."""
    turned = session.execute(
        update(Newsletter)
        .where(Newsletter.id == newsletter_id, Newsletter.status == "scheduled")
        .values(status="paused", because=because[:500], updated_at=now)
    )
    return _rows(turned) == 1


def launch(
    session: Session,
    newsletter_id: int,
    *,
    fields: Fields,
    zone: ZoneInfo,
    sender: Sender,
    now: datetime,
    policy: Policy | None = None,
) -> dict[str, int] | None:
    """Turn a scheduled one whose moment has come into messages; returns how many are `queued` and `held`.

    None if another process was quicker, or it was cancelled or moved meanwhile. All in the caller's
    transaction: either it is launched with all its messages, or not at all.
    """
    won = session.execute(
        update(Newsletter)
        .where(Newsletter.id == newsletter_id, Newsletter.status == "scheduled", Newsletter.due_at <= now)
        .values(status="sending", launched_at=now, updated_at=now)
    )
    if _rows(won) == 0:
        return None
    newsletter = get_newsletter(session, newsletter_id)
    version = check_ready(session, _draft_of(newsletter))
    assert newsletter.segment_id is not None
    mailing = open_mailing(
        session,
        kind="newsletter",
        source_id=newsletter.id,
        name=newsletter.name,
        type=newsletter.type,
        version_id=version.id,
        subject=newsletter.subject or version.subject,
        preheader=newsletter.preheader or version.preheader,
        sender_name=newsletter.sender_name or sender.name,
        sender_email=newsletter.sender_email or sender.email,
        reply_to=newsletter.reply_to or sender.reply_to,
        wait_hours=policy.settings.newsletter_hours if policy else 24,
        holdout=newsletter.holdout,
        now=now,
    )
    newsletter.mailing_id = mailing.id
    session.flush()
    segment = get_segment(session, newsletter.segment_id)
    chosen = members(session, segment.rule, fields, now=now, zone=zone)
    return enqueue(session, mailing.id, chosen, now=now, policy=policy)


def finish(session: Session, newsletter_id: int, mailing_id: int, *, now: datetime) -> bool:
    """Call it sent once nothing of it waits any more; returns whether that is so now."""
    if not is_finished(session, mailing_id):
        return False
    turned = session.execute(
        update(Newsletter)
        .where(Newsletter.id == newsletter_id, Newsletter.status == "sending")
        .values(status="sent", finished_at=now, updated_at=now)
    )
    return _rows(turned) == 1


def check_ready(session: Session, draft: Draft) -> Version:
    """The version that would leave; raises Invalid naming everything that still keeps it from leaving."""
    faults = {}
    if draft.segment_id is None or get_segment(session, draft.segment_id).archived_at is not None:
        faults["segment_id"] = "Choose whom it is for."
    version = version_to_send(session, draft.template_id) if draft.template_id is not None else None
    if version is None:
        faults["template_id"] = "Choose a template."
    elif facts := [name for name in version.fields if name.startswith("letter.")]:
        faults["template_id"] = f"This template is for a letter: it names {facts[0]}. Choose another."
    elif not draft.subject and not version.subject:
        faults["subject"] = "Write a subject; the template has none."
    else:
        try:
            # Of the settings only the shop's name and address are read: those of any shop do for a trial.
            check_lines(
                session,
                version.template_id,
                subject=draft.subject,
                preheader=draft.preheader,
                config=Config(),
            )
        except Invalid as error:
            faults |= error.faults
    for name in ("sender_email", "reply_to"):
        if getattr(draft, name):
            try:
                normalise_address(getattr(draft, name))
            except Invalid as error:
                faults[name] = str(error)
    if faults:
        raise Invalid("The newsletter is not ready to leave.", faults)
    assert version is not None
    return version


def _draft_of(newsletter: Newsletter) -> Draft:
    return Draft(**{name: getattr(newsletter, name) for name in Draft.__dataclass_fields__})


def _turn(session: Session, newsletter_id: int, act: Act, *, now: datetime, **values: Any) -> Newsletter:
    """Set `values` if the newsletter is in a state that allows `act`, else Conflict in words."""
    ready = [Newsletter.id == newsletter_id, Newsletter.status.in_(ALLOWED[act])]
    if act in BEFORE_LAUNCH:
        ready.append(Newsletter.launched_at.is_(None))
    if act == "resume":
        ready.append(Newsletter.launched_at.is_not(None))
    turned = session.execute(
        update(Newsletter)
        .where(*ready)
        .values(updated_at=now, **values)
        .execution_options(synchronize_session=False)
    )
    newsletter = get_newsletter(session, newsletter_id)
    if _rows(turned) == 0:
        raise Conflict(_why_not(newsletter, act))
    return newsletter


def _why_not(newsletter: Newsletter, act: Act) -> str:
    is_launched = newsletter.launched_at is not None
    if act == "resume" and newsletter.status == "paused" and not is_launched:
        return "This newsletter was never launched: give it a new moment instead."
    assert not may(act, newsletter.status, is_launched=is_launched)
    words = {
        "draft": "is still a draft",
        "scheduled": "is scheduled and has not begun",
        "sending": "is on its way",
        "paused": "is paused in the middle" if is_launched else "is paused",
        "sent": "has been sent",
        "cancelled": "was cancelled",
    }
    return f"“{newsletter.name}” {words[newsletter.status]}: it cannot be {_PAST[act]} now."


_PAST: dict[Act, str] = {
    "change": "changed",
    "schedule": "scheduled",
    "unschedule": "made a draft again",
    "launch": "launched",
    "pause": "paused",
    "resume": "resumed",
    "cancel": "cancelled",
    "finish": "finished",
}


def _rows(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount

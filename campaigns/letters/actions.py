"""Write a letter, switch it on or off, and queue what is due."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import CursorResult, Select, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.config import Config, Sender
from campaigns.content import Version, check_lines, version_to_send
from campaigns.customers import normalise_address
from campaigns.errors import Conflict, Invalid
from campaigns.fields import Fields
from campaigns.letters.model import Letter
from campaigns.letters.queries import (
    Occasions,
    due_between,
    due_now,
    get_letter,
    late_span,
    mailings_of,
)
from campaigns.letters.rules import Plan, wait_hours
from campaigns.messages import (
    GIVEN,
    Mailing,
    Policy,
    enqueue_occasions,
    get_mailing,
    open_mailing,
    resume_mailing,
    stop_mailing,
)
from campaigns.occasions import gather


def create(
    session: Session,
    plan: Plan,
    *,
    occasions: Occasions,
    now: datetime,
    by: int | None = None,
    form_key: str | None = None,
) -> Letter:
    """A new letter, switched off. A form that is sent twice (the same `form_key`) makes one."""
    values = _checked(plan, occasions)
    if form_key:
        there = session.scalar(select(Letter).where(Letter.form_key == form_key))
        if there is not None:
            return there
    letter = Letter(
        **values,
        is_on=False,
        because="",
        form_key=form_key or None,
        created_by=by,
        created_at=now,
        updated_at=now,
    )
    _keep(session, letter)
    return letter


def change(session: Session, letter_id: int, plan: Plan, *, occasions: Occasions, now: datetime) -> Letter:
    """Put other words or other answers into it; what leaves from now on follows them."""
    letter = get_letter(session, letter_id)
    values = _checked(plan, occasions)
    if values["occasion"] != letter.occasion:
        raise Invalid("A letter keeps its occasion.", {"occasion": "Make a new letter for another occasion."})
    if letter.is_on:
        _check_ready(session, values)
    for name, value in values.items():
        setattr(letter, name, value)
    letter.updated_at = now
    _keep(session, letter)
    return letter


def switch(session: Session, letter_id: int, *, is_on: bool, now: datetime) -> Letter:
    """Switch it on or off. Occasions from before the moment it is switched on get nothing.

    Asked for what is so already, nothing changes: a letter that is on keeps the moment since when it is.
    """
    letter = get_letter(session, letter_id)
    if is_on:
        _check_ready(session, {name: getattr(letter, name) for name in Plan.__dataclass_fields__})
    session.execute(
        update(Letter)
        .where(Letter.id == letter_id, Letter.is_on.is_(not is_on))
        .values(is_on=is_on, on_since=now if is_on else None, decided_until=None, because="", updated_at=now)
        .execution_options(synchronize_session=False)
    )
    return get_letter(session, letter_id)


def resume(session: Session, letter_id: int) -> bool:
    """Let a letter go on that was paused by itself, as too much of it came back; False if it was not."""
    letter = get_letter(session, letter_id)
    return letter.mailing_id is not None and resume_mailing(session, letter.mailing_id)


def stop_because(session: Session, letter_id: int, because: str, *, now: datetime) -> None:
    """Note why nothing of it can leave, to be shown to a person; cleared as soon as it can again."""
    session.execute(
        update(Letter).where(Letter.id == letter_id).values(because=because[:500], updated_at=now)
    )


def launch_due(
    session: Session,
    letter_id: int,
    *,
    occasions: Occasions,
    zone: ZoneInfo,
    sender: Sender,
    now: datetime,
    policy: Policy | None = None,
) -> dict[str, int]:
    """Queue every occasion whose moment has come and that has no message yet; returns how many `queued`, `held`.

    Taking the row first lets one process at a time do this for a letter, so that a changed wording (another
    mailing) cannot greet anybody twice.
    """
    if not _take(session, letter_id):
        return {"queued": 0, "held": 0}
    letter = get_letter(session, letter_id)
    if occasions[letter.occasion].subject == "owner":
        raise Conflict("This letter is for a colleague: it never goes to the customers.")
    due = due_now(session, letter, occasions=occasions, zone=zone, now=now)
    return _queue(session, letter, due, sender, policy, now)


def decide_late(
    session: Session,
    letter_id: int,
    *,
    is_sent: bool,
    occasions: Occasions,
    zone: ZoneInfo,
    sender: Sender,
    now: datetime,
    policy: Policy | None = None,
) -> dict[str, int]:
    """Somebody decides on what is late of a letter that asks: it leaves after all, or is left out for good.

    Returns how many were `queued` and `held`. Decided twice, the second changes nothing.
    """
    if not _take(session, letter_id):
        raise Conflict("The letter is off: switch it on first.")
    letter = get_letter(session, letter_id)
    span = late_span(letter, now)
    if span is None:
        return {"queued": 0, "held": 0}
    due = due_between(session, letter, occasions=occasions, zone=zone, span=span, now=now) if is_sent else []
    letter.decided_until = span[1]
    return _queue(session, letter, due, sender, policy, now)


def stop(session: Session, letter_id: int, *, because: str, now: datetime) -> int:
    """The emergency path of one letter: it is off, and whatever of it waits does not leave. Returns how many waited.

    Switched on again, it does not make up for them.
    """
    because = because.strip()[:500] or "It was stopped by hand."
    switch(session, letter_id, is_on=False, now=now)
    waiting = session.scalars(mailings_of(letter_id).where(Mailing.status.in_(("open", "paused")))).all()
    stopped = sum(stop_mailing(session, mailing_id, because=because, now=now) for mailing_id in waiting)
    stop_because(session, letter_id, because, now=now)
    return stopped


def prepare(
    session: Session,
    letter_id: int,
    *,
    occasions: Occasions,
    fields: Fields,
    zone: ZoneInfo,
    now: datetime,
) -> int:
    """Bring up to date what the letter's occasion keeps (who is in a segment, the rhythm of orders); 0 when it is."""
    letter = get_letter(session, letter_id)
    occasion = occasions.get(letter.occasion)
    if occasion is None or occasion.prepare is None:
        return 0
    return occasion.prepare(session, letter.options, fields, zone, now)


def _take(session: Session, letter_id: int) -> bool:
    """Lock the row of a letter that is on."""
    taken = session.execute(
        update(Letter)
        .where(Letter.id == letter_id, Letter.is_on)
        .values(is_on=True)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", taken).rowcount == 1


def _queue(
    session: Session,
    letter: Letter,
    found: Sequence[Select[Any]],
    sender: Sender,
    policy: Policy | None,
    now: datetime,
) -> dict[str, int]:
    done = {"queued": 0, "held": 0}
    for due in found:
        if not session.scalar(select(exists(due))):
            continue
        mailing = _mailing(session, letter, sender, now)
        for status, count in enqueue_occasions(session, mailing.id, due, now=now, policy=policy).items():
            done[status] += count
    letter.because = ""
    return done


def _mailing(session: Session, letter: Letter, sender: Sender, now: datetime) -> Mailing:
    """The open mailing of the letter's present wording: the one there is, or a new one."""
    version = _check_ready(session, {name: getattr(letter, name) for name in Plan.__dataclass_fields__})
    said: dict[str, Any] = {
        "name": letter.name,
        "type": letter.type,
        "leaves_in_complaint": letter.leaves_in_complaint,
        "wait_hours": wait_hours(letter.late, letter.late_days),
        "holdout": letter.holdout,
        "priority": 2 if letter.type in GIVEN else None,
        "version_id": version.id,
        "subject": letter.subject or version.subject,
        "preheader": letter.preheader or version.preheader,
        "sender_name": letter.sender_name or sender.name,
        "sender_email": letter.sender_email or sender.email,
        "reply_to": letter.reply_to or sender.reply_to,
    }
    if letter.mailing_id is not None:
        mailing = get_mailing(session, letter.mailing_id)
        if mailing.status == "paused":
            return mailing  # stopped by itself: new words do not get round that, a person lets it go on
        if mailing.status == "open" and all(
            getattr(mailing, key) == said[key] for key in said if key != "priority"
        ):
            return mailing
    mailing = open_mailing(session, kind="letter", source_id=letter.id, now=now, **said)
    letter.mailing_id = mailing.id
    session.flush()
    return mailing


def _checked(plan: Plan, occasions: Occasions) -> dict[str, Any]:
    values = asdict(plan.cleaned())
    if values["occasion"] not in occasions:
        raise Invalid("The letter needs an occasion.", {"occasion": "Choose what calls for it."})
    values["options"] = occasions[values["occasion"]].read_options(values["options"])
    return values


def _check_ready(session: Session, values: dict[str, Any]) -> Version:
    faults = {}
    version = version_to_send(session, values["template_id"]) if values["template_id"] is not None else None
    if version is None:
        faults["template_id"] = "Choose a template."
    elif strange := _strange_fact(version, values["occasion"]):
        faults["template_id"] = f"This template is for another occasion: it names {strange}. Choose another."
    elif not values["subject"] and not version.subject:
        faults["subject"] = "Write a subject; the template has none."
    else:
        try:
            # Of the settings only the shop's name and address are read: those of any shop do for a trial.
            check_lines(
                session,
                version.template_id,
                subject=values["subject"],
                preheader=values["preheader"],
                config=Config(),
            )
        except Invalid as error:
            faults |= error.faults
    for name in ("sender_email", "reply_to"):
        if values[name]:
            try:
                normalise_address(values[name])
            except Invalid as error:
                faults[name] = str(error)
    if faults:
        raise Invalid("The letter is not ready to leave.", faults)
    assert version is not None
    return version


def _strange_fact(version: Version, occasion: str) -> str:
    """A fact that the template reads and this occasion does not give, or nothing."""
    given = {f"letter.{fact.name}" for fact in gather()[occasion].facts}
    return next((name for name in version.fields if name.startswith("letter.") and name not in given), "")


def _keep(session: Session, letter: Letter) -> None:
    try:
        with session.begin_nested():
            session.add(letter)
    except IntegrityError:
        there = session.scalar(select(Letter.id).where(Letter.name == letter.name))
        if there is None:
            raise Conflict("This letter was saved a moment ago: look at the list.") from None
        raise Invalid(
            "The letter cannot be kept like this.", {"name": "Another letter has this name."}
        ) from None

"""After a long stop or a restored backup: what was due meanwhile waits, as a whole, until a person has decided.

The senders beat while they can send: a number that only grows stands in the database, and a copy of it in the data
folder. A beat after a long silence opens a *gap* (Liaison was off, or no mail server could be reached); so does
a database whose number is behind the folder's: it was restored, and what it calls waiting may have left long ago.
"""

import json
import os
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from campaigns.db import upsert
from campaigns.errors import Conflict
from campaigns.messages.model import Gap, Mailing, Message, Pulse

MARK = "pulse.json"
"""The file in the data folder that remembers how far the database had come."""
_ONE = 1


def beat(session: Session, mark: Path, *, span: timedelta, now: datetime) -> tuple[Gap | None, str]:
    """Show that mail can leave now. Returns the gap that this found, and what `remember` must write after the commit.

    `span`: so long a silence makes what was due before it a person's business. Nothing may be claimed by a process
    before its first beat.
    """
    first = {"id": _ONE, "key": secrets.token_hex(8), "beats": 0, "at": now}
    session.execute(upsert(session, Pulse, [first], key=["id"], update=[]))
    row = session.execute(
        select(Pulse.key, Pulse.beats, Pulse.at).where(Pulse.id == _ONE).with_for_update()
    ).one()
    beats = row.beats + 1
    gap = None
    if _is_ahead(mark, row.key, row.beats):
        gap = _open(session, Gap(cause="restored", since=row.at, found_at=now, due_until=now))
        beats = max(beats, _read(mark).get("beats", 0) + 1)
    elif now - row.at > span:
        gap = Gap(cause="stopped", since=row.at, found_at=now, due_until=now - span)
        gap = _open(session, gap) if _is_any(session, gap) else None
    session.execute(update(Pulse).where(Pulse.id == _ONE).values(beats=beats, at=max(now, row.at)))
    return gap, json.dumps({"key": row.key, "beats": beats})


def _is_any(session: Session, gap: Gap) -> bool:
    """Whether anything was due in it; what a sender has in hand goes back to the queue, as the gap keeps it from going."""
    waits = Message.status.in_(("queued", "sending"))
    was_due = and_(Message.next_attempt_at <= gap.due_until, Message.queued_at < gap.found_at)
    return bool(session.scalar(select(exists().where(waits, was_due))))


def remember(mark: Path, content: str) -> None:
    """Write down how far the database has come; only after its commit, so that the file is never ahead by itself."""
    mark.parent.mkdir(parents=True, exist_ok=True)
    draft = mark.with_name(f"{mark.name}.{os.getpid()}")
    draft.write_text(content, encoding="ascii")
    if _read(draft).get("beats", 0) >= _read(mark).get("beats", 0) or _differ(draft, mark):
        draft.replace(mark)
    else:  # another sender of this machine was quicker
        draft.unlink()


def _differ(one: Path, other: Path) -> bool:
    return bool(_read(one).get("key") != _read(other).get("key"))


def _read(mark: Path) -> dict[str, Any]:
    try:
        found = json.loads(mark.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("beats"), int) else {}


def _is_ahead(mark: Path, key: str, beats: int) -> bool:
    """Whether the folder has seen more of this very database than it knows itself."""
    found = _read(mark)
    return bool(found.get("key") == key and found["beats"] > beats)


def _open(session: Session, gap: Gap) -> Gap:
    """Keep the gap; one that is not decided yet grows instead."""
    there = gap_open(session)
    if there is None:
        session.add(gap)
        session.flush()
        return gap
    there.found_at = gap.found_at
    there.due_until = max(there.due_until, gap.due_until)
    there.since = min(there.since, gap.since)
    there.cause = "restored" if "restored" in (there.cause, gap.cause) else "stopped"
    session.flush()
    return there


def gap_open(session: Session) -> Gap | None:
    """The gap that waits for a decision, if there is one."""
    return session.scalar(select(Gap).where(Gap.decided_at.is_(None)).order_by(Gap.id).limit(1))


def is_of_gap(gap: Gap) -> ColumnElement[bool]:
    """That a message which waits was due within the gap.

    What is queued after a stop by a rule of its own (a letter that may come two days late) is not: somebody wrote
    that rule. After a restored backup nothing is known to have stayed, so all that was due is.
    """
    is_due = and_(Message.status == "queued", Message.next_attempt_at <= gap.due_until)
    return is_due if gap.cause == "restored" else and_(is_due, Message.queued_at < gap.found_at)


def outside(gap: Gap | None) -> tuple[ColumnElement[bool], ...]:
    """The tests that a message must pass to leave while this gap is open; none where there is no gap."""
    if gap is None:
        return ()
    is_later = Message.next_attempt_at > gap.due_until
    return (is_later if gap.cause == "restored" else or_(is_later, Message.queued_at >= gap.found_at),)


def of_gap(gap: Gap) -> Select[Message, Mailing]:
    """The messages it holds back, the first due first, each with its mailing."""
    return (
        select(Message, Mailing)
        .join(Mailing, Mailing.id == Message.mailing_id)
        .where(is_of_gap(gap))
        .order_by(Message.next_attempt_at, Message.id)
    )


def held_by_gap(session: Session, gap: Gap) -> Sequence[tuple[Mailing, int, datetime]]:
    """Each mailing it holds back, with how many and since when the first of them has been due."""
    each = (
        select(
            Message.mailing_id,
            func.count().label("number"),
            func.min(Message.next_attempt_at).label("since"),
        )
        .where(is_of_gap(gap), Message.mailing_id.in_(select(Mailing.id)))
        .group_by(Message.mailing_id)
        .subquery()
    )
    rows = session.execute(
        select(Mailing, each.c.number, each.c.since)
        .join(each, each.c.mailing_id == Mailing.id)
        .order_by(each.c.since, Mailing.id)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def settle_gap(
    session: Session, gap_id: int, *, is_sent: bool, by: str, now: datetime, mailing_id: int | None = None
) -> int:
    """A person decides: what was due leaves after all, or never. Of one mailing only, or of all, which ends the gap.

    Returns how many messages that was. Conflict if somebody has decided meanwhile.
    """
    gap = gap_open(session)
    if gap is None or gap.id != gap_id:
        raise Conflict("This was decided meanwhile.")
    values: dict[str, Any] = (
        {"next_attempt_at": now}
        if is_sent
        else {"status": "cancelled", "held_reason": "too_late", "next_attempt_at": None}
    )
    chosen = [is_of_gap(gap)] if mailing_id is None else [is_of_gap(gap), Message.mailing_id == mailing_id]
    settled = session.execute(
        update(Message).where(*chosen).values(values).execution_options(synchronize_session=False)
    )
    if mailing_id is None or not session.scalar(select(func.count()).where(is_of_gap(gap))):
        gap.decided_at, gap.decided_by = now, by
        gap.decision = ("sent" if is_sent else "cancelled") if mailing_id is None else "each"
        session.flush()
    return cast("CursorResult[Any]", settled).rowcount

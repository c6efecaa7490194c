"""One reader of the hit journals: every line becomes an event exactly once, judged beside the others of its message."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from campaigns.clock import Clock
from campaigns.config import Config
from campaigns.content import Version
from campaigns.customers import Customer
from campaigns.db import upsert
from campaigns.messages import Mailing, Message
from campaigns.tracking import journal
from campaigns.tracking.actions import record_events
from campaigns.tracking.judge import NEWEST, Hit, Letter, Verdict, judge
from campaigns.tracking.model import Event, Journal
from campaigns.tracking.networks import Networks
from campaigns.tracking.unmeasured import count_unmeasured

BLOCK_BYTES = 1_000_000
"""So much of a journal goes into one transaction: some 5,000 hits, a few tenths of a second."""

MOST_HITS = 200
"""Hits of one message beyond these are not kept: no reader makes them, and somebody may try to fill the disk."""

_CHUNK = 500
_HITS = ("opened", "clicked")
log = logging.getLogger("liaison.tracking")


class Roof(Protocol):
    """What of the runtime is needed here."""

    @property
    def config(self) -> Config: ...
    @property
    def clock(self) -> Clock: ...
    def transaction(self) -> AbstractContextManager[Session]: ...
    def reading(self) -> AbstractContextManager[Session]: ...


def hits_folder(config: Config) -> Path:
    """Where the journals lie."""
    return config.data.folder / "hits"


def ingest(runtime: Roof) -> int:
    """Read what the journals gained since last time into events; returns how many were kept.

    Any number of processes may call it at once: each block is read under a lock of its row, and the place
    reached is written in the same transaction as the events.
    """
    kept = 0
    for path in journal.files(hits_folder(runtime.config)):
        try:
            kept += _read_whole(runtime, path)
        except FileNotFoundError:  # another process was quicker
            continue
    return kept


def _read_whole(runtime: Roof, path: Path) -> int:
    kept = 0
    while True:
        with runtime.transaction() as session:
            offset = _place(session, path.name, runtime.clock.now())
            lines, end = journal.read_from(path, offset, BLOCK_BYTES)
            if end > offset:
                kept += _keep(session, list(journal.parse(lines)), runtime.config)
                _reached(session, path.name, end, runtime.clock.now())
        if end == offset:
            break
    if journal.is_finished(path, end):
        path.unlink()
        with runtime.transaction() as session:
            session.execute(delete(Journal).where(Journal.name == path.name))
    return kept


def _place(session: Session, name: str, now: datetime) -> int:
    """How far this journal was read; its row stays locked until the transaction ends."""
    row = {"name": name, "offset": 0, "updated_at": now}
    session.execute(upsert(session, Journal, [row], key=["name"], update=[]))
    place = select(Journal.offset).where(Journal.name == name).with_for_update()
    return session.scalars(place).one()


def _reached(session: Session, name: str, offset: int, now: datetime) -> None:
    session.execute(update(Journal).where(Journal.name == name).values(offset=offset, updated_at=now))


@dataclass(frozen=True, slots=True)
class _Known:
    """A message that may be tracked, and what its judgement needs."""

    customer_id: int
    mailing_id: int
    sent_at: datetime | None
    hits: int


def _keep(session: Session, lines: Sequence[journal.Line], config: Config) -> int:
    """Store the hits of those who agreed to it, and judge their messages anew."""
    known = _trackable(session, {line.message_id for line in lines})
    rows = []
    count = {message_id: message.hits for message_id, message in known.items()}
    for line in lines:
        message = known.get(line.message_id)
        # Withdrawn since the letter left, erased, or never agreed: nothing individual is stored.
        if message is None or message.mailing_id != line.mailing_id or count[line.message_id] >= MOST_HITS:
            continue
        count[line.message_id] += 1
        rows.append(_row(line, message))
    record_events(session, rows)
    count_unmeasured(
        session, lines, measured=known, zone=config.zone, keeps_date=bool(config.stale.hygiene_from)
    )
    judge_messages(session, {row["message_id"] for row in rows}, machine_networks(config))
    return len(rows)


def _row(line: journal.Line, message: _Known) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "at": line.at,
        "message_id": line.message_id,
        "mailing_id": line.mailing_id,
        "customer_id": message.customer_id,
        "position": line.position,
        "method": line.method,
        "network": line.network,
        "signs": line.signs,
        "user_agent": line.user_agent.replace("\0", "")[:400],
    }


def _chunks(ids: Iterable[int]) -> Iterable[list[int]]:
    ordered = sorted(ids)
    return (ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK))


def _trackable(session: Session, message_ids: Iterable[int]) -> dict[int, _Known]:
    """The messages among these whose person agrees to tracking today, with their number of hits so far."""
    found: dict[int, _Known] = {}
    hits = (
        select(func.count())
        .where(Event.message_id == Message.id, Event.kind.in_(_HITS))
        .correlate(Message)
        .scalar_subquery()
    )
    wanted = select(Message.id, Customer.id, Message.mailing_id, Message.sent_at, hits).join(
        Customer, Customer.id == Message.customer_id
    )
    for chunk in _chunks(message_ids):
        rows = session.execute(wanted.where(Message.id.in_(chunk), Message.is_tracked, Customer.may_track))
        for message_id, customer_id, mailing_id, sent_at, count in rows:
            found[message_id] = _Known(customer_id, mailing_id, sent_at, count)
    return found


@lru_cache(maxsize=8)
def _networks(texts: tuple[str, ...]) -> Networks:
    return Networks(texts)


def machine_networks(config: Config) -> Networks:
    """The networks of config that belong to machines."""
    tracking = config.tracking
    return _networks((*tracking.machine_networks, *tracking.own_machine_networks))


def judge_messages(
    session: Session, message_ids: Iterable[int], networks: Networks, *, version: int = NEWEST
) -> int:
    """Judge all hits of these messages by one rule set; returns how many judgements changed."""
    changed = 0
    for chunk in _chunks(message_ids):
        letters = _letters(session, chunk, networks)
        old, hits = _hits(session, chunk)
        changes = []
        for message_id, its_hits in hits.items():
            verdicts = judge(its_hits, letters.get(message_id, Letter()), version=version)
            changes += [_change(hit_id, verdict, version) for hit_id, verdict in verdicts.items()]
        changes = [change for change in changes if old[change["id"]] != _stored(change)]
        if changes:
            session.execute(update(Event), changes)
        changed += len(changes)
    return changed


def _change(id: int, verdict: Verdict, version: int) -> dict[str, Any]:
    reasons = " ".join(verdict.reasons)[:200]
    return {"id": id, "judgement": verdict.judgement, "reasons": reasons, "rules_version": version}


def _stored(change: dict[str, Any]) -> tuple[str, str, int]:
    return change["judgement"], change["reasons"], change["rules_version"]


def _hits(
    session: Session, message_ids: list[int]
) -> tuple[dict[int, tuple[str, str, int]], dict[int, list[Hit]]]:
    """The hits of these messages by message, and the judgement that each bears now."""
    columns = (
        Event.id,
        Event.kind,
        Event.at,
        Event.position,
        Event.method,
        Event.user_agent,
        Event.signs,
        Event.network,
    )
    rows = session.execute(
        select(Event.message_id, Event.judgement, Event.reasons, Event.rules_version, *columns)
        .where(Event.message_id.in_(message_ids), Event.kind.in_(_HITS))
        .order_by(Event.id)
    )
    old: dict[int, tuple[str, str, int]] = {}
    hits: dict[int, list[Hit]] = defaultdict(list)
    for message_id, judgement, reasons, version, *values in rows:
        hit = Hit(*values)
        old[hit.id] = (judgement, reasons, version)
        hits[int(message_id or 0)].append(hit)
    return old, hits


def _letters(session: Session, message_ids: list[int], networks: Networks) -> dict[int, Letter]:
    rows = session.execute(
        select(Message.id, Message.mailing_id, Message.sent_at).where(Message.id.in_(message_ids))
    ).all()
    versions = select(Mailing.id, Version.links).join(Version, Version.id == Mailing.version_id)
    mailings = session.execute(versions.where(Mailing.id.in_({row[1] for row in rows})))
    links = {mailing_id: len(links or ()) for mailing_id, links in mailings}
    return {
        message_id: Letter(sent_at, links.get(mailing_id, 0), networks)
        for message_id, mailing_id, sent_at in rows
    }


def judge_history(runtime: Roof, *, version: int = NEWEST) -> int:
    """Judge every hit ever kept by one rule set, in small transactions; returns how many judgements changed."""
    networks = machine_networks(runtime.config)
    changed, after = 0, 0
    while True:
        with runtime.transaction() as session:
            page = (
                select(Event.message_id)
                .where(Event.message_id > after, Event.kind.in_(_HITS))
                .distinct()
                .order_by(Event.message_id)
                .limit(_CHUNK)
            )
            ids = [found for found in session.scalars(page) if found is not None]
            if not ids:
                return changed
            changed += judge_messages(session, ids, networks, version=version)
            after = ids[-1]

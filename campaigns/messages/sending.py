"""The sender: a process that claims, writes, hands over and records, until it is told to stop.

One asyncio loop carries the lines to the mail server; one thread beside it does the bookkeeping in the database,
so that neither waits for the other. docs/delivery.md tells what each moment of death leads to.
"""

import asyncio
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from campaigns.clock import Clock
from campaigns.config import Config
from campaigns.links import Links
from campaigns.mail import Answer, Mailer, Outlet, Parcel
from campaigns.merge import MergeSource
from campaigns.messages import claiming, gaps, quota
from campaigns.messages.claiming import Claimed, Outcome, RefusalHook
from campaigns.messages.journal import Journal, alive, remains
from campaigns.messages.pacing import Pacer, Plan
from campaigns.messages.pressure import Policy
from campaigns.messages.rules import FairQueue, Patience, fate
from campaigns.messages.writing import CannotWrite, Writer

log = structlog.get_logger(__name__)

WATCH_SECONDS = 0.2
"""So often everything claimed is looked at again: consent, suppression, pause, stop."""
FRESH_SECONDS = 0.7
"""A content leaves only if the last look is not older: with it, an unsubscription holds within a second."""
RECORD_SECONDS = 0.05
BEAT_SECONDS = 5.0
"""So often it is written down that mail could leave: a long silence between two makes what was due stale."""
_TURN = 0.02
_IDLE_CLAIM_SECONDS = 0.3
_URGENT_SECONDS = 1.0
"""So often, while the line is long, whatever is more urgent is let in."""
_CROWD = 50
_SHOW_SECONDS = 2.0
_TIDY_SECONDS = 15.0
_PATIENCE_AT_THE_END = 25.0
_LOST_TWICE = 2
_MOST_MISHAPS = 5
DATABASE_AWAY = (OperationalError, InterfaceError)
"""Errors that pass by themselves; any other is a fault of ours and ends the process."""

T = TypeVar("T")


class Ground(Protocol):
    """What of the runtime the sender needs."""

    @property
    def config(self) -> Config: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def links(self) -> Links: ...
    @property
    def mailer(self) -> Mailer: ...
    @property
    def merge_sources(self) -> Mapping[str, MergeSource]: ...
    @property
    def refusal_hooks(self) -> tuple[RefusalHook, ...]: ...
    def transaction(self) -> AbstractContextManager[Session]: ...
    def reading(self) -> AbstractContextManager[Session]: ...


def run_sender(runtime: Ground, stop: threading.Event) -> int:
    """Send until `stop` is set; then finish what the server has in hand, give back the rest and return.

    Returns how many were sent. Takes at most about 25 s to end, whatever the server does.
    """
    return _in_a_loop(lambda: Sending(runtime, stop).run(until_idle=False))


def send_due(runtime: Ground) -> int:
    """One pass in this process: everything due now is sent and recorded. Returns how many were sent.

    Ends as well when the mail server cannot be reached; what was claimed waits again then.
    """
    return _in_a_loop(lambda: Sending(runtime, threading.Event()).run(until_idle=True))


def _in_a_loop(work: Callable[[], Any]) -> int:
    """Run a coroutine to its end in a thread with a loop of its own (the caller may sit inside another loop)."""
    with ThreadPoolExecutor(1, thread_name_prefix="sender") as thread:
        return thread.submit(lambda: _run(work)).result()


def _run(work: Callable[[], Any]) -> int:
    try:
        import uvloop

        factory: Callable[[], asyncio.AbstractEventLoop] | None = uvloop.new_event_loop
    except ImportError:  # not on every system; asyncio's own loop does the same, slower
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work())  # type: ignore[no-any-return]


def _first_line(error: Exception) -> str:
    """What the driver says, without the lines below it: PostgreSQL's DETAIL names values."""
    return str(error.__cause__ or error).partition("\n")[0][:300]


def journals(config: Config) -> Path:
    """Where the senders of this machine keep their journals."""
    return config.data.folder / "journal"


class Sending:
    """One sender: the outlet that the lines take from, and the bookkeeper beside them."""

    def __init__(self, runtime: Ground, stop: threading.Event) -> None:
        self._runtime, self._stop = runtime, stop
        self._settings = runtime.config.sending
        self._owner = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._patience = Patience(
            self._settings.retry_first_seconds, self._settings.retry_most_seconds, self._settings.retry_days
        )
        self._policy = Policy(runtime.config.pressure, runtime.config.zone)
        self._writer = Writer(runtime.config, runtime.links, runtime.merge_sources)
        self._pacer = Pacer(runtime.config.pacing, count=self._settings.processes or 1)
        self._spare = max(1, self._settings.connections // 2)
        self._queue: FairQueue[Claimed] = FairQueue(self._settings.connections, self._pacer)
        self._under_way: dict[int, Claimed] = {}
        self._outcomes: list[Outcome] = []
        self._recording: list[Outcome] = []
        self._given_back: set[int] = set()
        self._good: set[int] = set()
        self._looked_at = float("-inf")
        self._is_open = True
        self._trouble = ""
        self._trouble_since: datetime | None = None
        self._sent = 0
        self._mishaps = 0
        self._has_beaten = False
        self._sent_at_beat = 0

    # What the lines ask (see campaigns.mail.transport.Outlet).

    def take(self, *, is_spare: bool = False) -> Parcel | None:
        """The next message, written; None: nothing now, or too long since the last look."""
        while self._is_open and not self._stop.is_set() and self._age() < FRESH_SECONDS:
            now = self._loop.time()
            message = self._queue.take(now, is_spare=is_spare)
            if message is None:
                return None
            message.taken_at = now
            self._under_way[message.id] = message
            if message.id not in self._good:
                self._drop(message)
                continue
            try:
                self._writer.write(message, self._now())
            except CannotWrite as error:
                self.end(message, error.answer)
                continue
            return message
        return None

    def content(self, parcel: Parcel) -> bytes | None:
        """The last look and the note in the journal; from here on the server may have it."""
        assert isinstance(parcel, Claimed)
        if parcel.id not in self._good or self._age() > FRESH_SECONDS:
            return None
        try:
            self._journal.intent(parcel.id, parcel.tries)
        except OSError as error:
            self.trouble(f"The journal cannot be written: {error.strerror}")
            return None
        parcel.begun_at = self._loop.time()
        return parcel.body

    def end(self, parcel: Parcel, answer: Answer) -> None:
        """The server has spoken, or never will: into the journal at once, into the database with the next group."""
        assert isinstance(parcel, Claimed)
        is_timed = answer.step == "dot" and answer.code is not None
        now = self._loop.time()
        self._leave(parcel, now - parcel.begun_at if is_timed else None)
        self._hear(parcel, answer, now)
        try:
            self._journal.outcome(parcel.id, parcel.tries, answer)
        except OSError as error:  # kept in memory; the intent stands in the journal
            self.trouble(f"The journal cannot be written: {error.strerror}")
        self._sent += answer.is_accepted
        self._outcomes.append(Outcome(parcel.id, parcel.tries, parcel.queued_at, self._now(), answer))

    def back(self, parcel: Parcel, why: str, *, is_loss: bool = True) -> None:
        """Not handed over. At once by another connection; a second loss counts as a try, and it goes later."""
        assert isinstance(parcel, Claimed)
        if parcel.id not in self._good:
            self._drop(parcel)
            return
        parcel.lost += is_loss
        if is_loss and why.startswith("421"):  # a receiver that closes the channel on us asks for less
            self._hear(parcel, Answer("connect", None, why), self._loop.time())
        if parcel.lost >= _LOST_TWICE:
            self.end(parcel, Answer("connect", None, why))
            return
        self._under_way.pop(parcel.id, None)
        self._queue.done(parcel.domain)
        parcel.body = b""
        self._queue.add(parcel, first=True)

    def trouble(self, words: str) -> None:
        """Why nothing can leave; "" when it can again."""
        if words == self._trouble:
            return
        if not words:  # nothing leaves before the next beat has told how long it was
            self._has_beaten, self._looked_at = False, float("-inf")
        if words:
            log.warning("sending.trouble", words=words)
        elif self._trouble:
            log.info("sending.goes_on")
        self._trouble_since = None if not words else self._trouble_since or self._now()
        self._trouble = words

    def _hear(self, parcel: Claimed, answer: Answer, now: float) -> None:
        key = self._pacer.key(parcel.domain)
        self._pacer.heard(key, answer, taken_at=parcel.taken_at, now=now, address=parcel.address)

    def _leave(self, message: Claimed, seconds: float | None) -> None:
        self._under_way.pop(message.id, None)
        self._queue.done(message.domain, seconds)
        self._writer.forget(message)
        message.body = b""

    def _drop(self, message: Claimed) -> None:
        """Not ours to send any more; the bookkeeper finds out why."""
        self._leave(message, None)
        self._given_back.add(message.id)

    def _now(self) -> datetime:
        return self._runtime.clock.now()

    def _age(self) -> float:
        return self._loop.time() - self._looked_at

    # The bookkeeper.

    async def run(self, *, until_idle: bool) -> int:
        """The whole life of a sender."""
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bookkeeper")
        self._started_at = self._now()
        self._journal = Journal(journals(self._runtime.config), self._owner)
        spare = _Spare(self)
        outlets: list[Outlet] = [self] * self._settings.connections + [spare] * self._spare
        self._lines = [self._runtime.mailer.line(outlet) for outlet in outlets]
        await self._in_database(self._remember)
        self._due = dict.fromkeys(
            ("claim", "urgent", "record", "renew", "show", "tidy", "tick", "beat"), float("-inf")
        )
        self._due["renew"] = self._loop.time() + self._settings.lease_seconds / 3
        self._is_idle = False
        try:
            while not self._stop.is_set() and not (until_idle and self._is_over()):
                await self._turn(is_shown=not until_idle)
        finally:
            await self._finish()
            self._thread.shutdown()
        return self._sent

    def _is_over(self) -> bool:
        is_quiet = not self._under_way and not self._outcomes and not self._given_back
        if self._trouble and is_quiet and not any(line.is_busy for line in self._lines):
            return True
        return self._is_idle and is_quiet and not len(self._queue)

    async def _turn(self, *, is_shown: bool) -> None:
        try:
            if self._is_time("tidy", _TIDY_SECONDS):
                await self._in_database(self._tidy)
            if self._outcomes and self._is_time("record", RECORD_SECONDS):
                await self._record()
            if self._can_leave() and (not self._has_beaten or self._is_time("beat", BEAT_SECONDS)):
                await self._in_database(self._beat)
            if self._has_beaten:
                await self._claim_and_look()
            if self._is_time("renew", self._settings.lease_seconds / 3):
                await self._in_database(self._renew)
            if is_shown and self._is_time("show", _SHOW_SECONDS):
                await self._in_database(self._show)
            self._mishaps = 0
        except DATABASE_AWAY as error:
            # Locked, restarted, full: nothing is lost, as the journal has it; go on when it answers again.
            self._mishaps += 1
            if self._mishaps >= _MOST_MISHAPS and not is_shown:
                raise  # one pass for a caller who waits; a sender goes on
            self.trouble(f"The database does not answer: {type(error).__name__}")
            log.warning("sending.database", error=_first_line(error))
            await asyncio.sleep(1)
        if len(self._queue):
            # The spare ones only while a receiver is slow: they carry nothing else.
            more = self._spare if self._queue.needs_spare else 0
            for line in self._lines[: self._settings.connections + more]:
                line.wake()
        if self._is_time("tick", 0.5):
            self._make_room()
            for line in self._lines:
                line.tick()
        await asyncio.sleep(_TURN)

    def _make_room(self) -> None:
        """What a receiver slowed down meanwhile cannot take soon waits in the database, where all see it."""
        now = self._loop.time()
        self._pacer.tidy(now)
        for message in self._queue.surplus(now):
            self._writer.forget(message)
            self._given_back.add(message.id)

    def _can_leave(self) -> bool:
        """Whether mail goes, by all we know: that is what a beat says."""
        is_hindered = self._trouble and not self._trouble.startswith("The database")
        return not is_hindered or self._sent > self._sent_at_beat

    def _is_time(self, what: str, seconds: float) -> bool:
        now = self._loop.time()
        if now < self._due[what]:
            return False
        self._due[what] = now + seconds
        return True

    async def _in_database(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._thread, work)

    async def _claim_and_look(self) -> None:
        if self._queue.at_hand(_CROWD) <= self._settings.batch // 2:
            if self._is_time("claim", _IDLE_CLAIM_SECONDS):
                self._is_idle = not await self._fetch(None)
                if not self._is_idle:
                    self._due["claim"] = float("-inf")
        elif self._is_time("urgent", _URGENT_SECONDS):
            await self._fetch(self._queue.most_urgent())
        if self._given_back:
            gone, self._given_back = self._given_back, set()
            await self._in_database(lambda: self._put_back(gone))
            self._is_idle = False  # they may be due again at once
        if self._age() >= WATCH_SECONDS:
            await self._look()

    async def _fetch(self, before_priority: int | None) -> bool:
        """Claim a batch and stand it in line; whether there was anything."""
        before = self._loop.time()
        plan = self._pacer.plan(self._queue.waiting(), before)
        batch = await self._in_database(lambda: self._claim(before_priority, plan))
        self._good.update(message.id for message in batch)
        for message in batch:
            self._queue.add(message)
        if self._looked_at == float("-inf"):
            self._looked_at = before
        return bool(batch or plan.put_off)

    async def _look(self) -> None:
        before = self._loop.time()
        held, good = await self._in_database(self._still_good)
        self._good, self._looked_at = good, before
        if self._trouble.startswith("The database"):
            self.trouble("")
        waiting = self._queue.remove(self._queued_ids() - good)
        for message in waiting:
            self._writer.forget(message)
        self._given_back.update(message.id for message in waiting if message.id in held)
        known = self._queued_ids() | self._under_way.keys() | {o.message_id for o in self._outcomes}
        strays = held - known - self._given_back
        if strays:  # a claim whose commit we were not told of: nobody else will send them
            self._given_back |= strays

    def _queued_ids(self) -> set[int]:
        return self._queue.ids()

    async def _record(self) -> None:
        self._recording, self._outcomes = self._outcomes, []
        try:
            await self._in_database(self._write_down)
        except DATABASE_AWAY:
            self._outcomes = self._recording + self._outcomes
            raise
        finally:
            self._recording = []

    # What runs in the bookkeeper's thread.

    def _claim(self, before_priority: int | None, plan: Plan) -> list[Claimed]:
        runtime, now = self._runtime, self._now()
        config = runtime.config
        admission = quota.Admission(config.pacing, self._pacer, plan, config.zone, now)
        with runtime.transaction() as session:
            batch = claiming.claim(
                session,
                self._owner,
                now=now,
                limit=self._settings.batch,
                lease_seconds=self._settings.lease_seconds,
                without_domains=self._queue.crowded(_CROWD),
                before_priority=before_priority,
                policy=self._policy,
                admit=admission.admit,
            )
        if batch:
            with runtime.reading() as session:
                self._writer.load(session, batch, now)
        return batch

    def _beat(self) -> None:
        mark = self._runtime.config.data.folder / gaps.MARK
        span = timedelta(hours=self._settings.stale_hours)
        with self._runtime.transaction() as session:
            gap, content = gaps.beat(session, mark, span=span, now=self._now())
        self._has_beaten, self._sent_at_beat = True, self._sent
        if gap is not None:
            log.warning("sending.gap", cause=gap.cause, since=gap.since.isoformat())
        try:
            gaps.remember(mark, content)
        except OSError as error:  # a full disk: the database knows, and the file catches up
            log.warning("sending.mark", error=error.strerror)

    def _still_good(self) -> tuple[set[int], set[int]]:
        with self._runtime.reading() as session:
            return claiming.still_good(session, self._owner, now=self._now(), policy=self._policy)

    def _put_back(self, ids: set[int]) -> None:
        with self._runtime.transaction() as session:
            claiming.put_back(session, self._owner, ids)

    def _write_down(self) -> None:
        outcomes = self._recording
        with self._runtime.transaction() as session:
            claiming.record(session, self._owner, outcomes, self._patience, self._runtime.refusal_hooks)
        self._loop.call_soon_threadsafe(self._journal.recorded, [o.message_id for o in outcomes])
        for outcome in outcomes:
            if not outcome.answer.is_accepted:
                log.info(
                    "sending.answer",
                    message=outcome.message_id,
                    step=outcome.answer.step,
                    code=outcome.answer.code,
                    fate=fate(outcome.answer),
                )

    def _renew(self) -> None:
        with self._runtime.transaction() as session:
            claiming.renew(session, self._owner, now=self._now(), seconds=self._settings.lease_seconds)

    def _tidy(self) -> None:
        recover_journals(self._runtime)

    def _show(self) -> None:
        now = self._now()
        standings = self._pacer.standings(self._loop.time())
        with self._runtime.transaction() as session:
            claiming.show(session, self._figures(now))
            quota.keep_standings(session, self._owner, standings, now=now)
            rank, count = quota.together(session, self._owner, now=now)
        self._loop.call_soon_threadsafe(self._pacer.together, rank, count)

    def _remember(self) -> None:
        """What earlier processes learnt of slow receivers, as long as it is fresh."""
        with suppress(*DATABASE_AWAY), self._runtime.reading() as session:
            left = quota.left_standings(session, now=self._now())
            self._pacer.resume(left, self._loop.time())

    def _figures(self, now: datetime) -> dict[str, Any]:
        seconds = max((now - self._started_at).total_seconds(), 1.0)
        return {
            "name": self._owner,
            "host": socket.gethostname(),
            "started_at": self._started_at,
            "seen_at": now,
            "sent": self._sent,
            "waiting": len(self._queue) + len(self._under_way),
            "per_second": round(self._sent / seconds, 1),
            "trouble": self._trouble,
            "trouble_since": self._trouble_since,
        }

    # The end.

    async def _finish(self) -> None:
        """Take nothing more, wait for the answers that are due, record them, give back what was not begun."""
        self._is_open = False
        for line in self._lines:
            line.close()
        until = self._loop.time() + _PATIENCE_AT_THE_END
        while self._under_way and self._loop.time() < until:
            await asyncio.sleep(_TURN)
            for line in self._lines:
                line.tick()
        for line in self._lines:
            line.abort()
        await asyncio.gather(*(line.wait_closed() for line in self._lines))
        self._given_back.update(message.id for message in self._queue.drain())
        self._given_back |= self._under_way.keys()
        for _ in range(3):
            try:
                if self._outcomes:
                    await self._record()
                await self._in_database(self._give_all_back)
                break
            except DATABASE_AWAY as error:  # the journal tells the next sender
                log.warning("sending.database", error=_first_line(error))
                await asyncio.sleep(1)
        await asyncio.sleep(0)
        self._journal.close()

    def _give_all_back(self) -> None:
        now = self._now()
        with self._runtime.transaction() as session:
            claiming.put_back(session, self._owner, self._given_back)
            claiming.part(session, self._owner, before=now - timedelta(minutes=10))


class _Spare:
    """The outlet of the spare lines: takes only what goes to receivers that answer slowly."""

    def __init__(self, sending: Sending) -> None:
        self._sending = sending
        self.content, self.end = sending.content, sending.end
        self.back, self.trouble = sending.back, sending.trouble

    def take(self) -> Parcel | None:
        return self._sending.take(is_spare=True)


def recover_journals(runtime: Ground) -> int:
    """Settle what dead senders of this machine left, and leases that ended without an answer. Returns how many."""
    folder = journals(runtime.config)
    settings = runtime.config.sending
    patience = Patience(settings.retry_first_seconds, settings.retry_most_seconds, settings.retry_days)
    count = 0
    for left in remains(folder) if folder.exists() else ():
        with runtime.transaction() as session:
            settled = claiming.recover(
                session, left, patience, now=runtime.clock.now(), hooks=runtime.refusal_hooks
            )
            claiming.part(session, left.owner, before=runtime.clock.now() - timedelta(minutes=10))
        log.info("sending.recovered", owner=left.owner, **settled)
        count += sum(settled.values())
    with runtime.transaction() as session:
        count += claiming.expire(session, living=alive(folder), patience=patience, now=runtime.clock.now())
    return count

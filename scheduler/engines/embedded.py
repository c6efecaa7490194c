"""The clock of one machine: APScheduler in memory, awake only in the process that holds the lease.

The only file that imports APScheduler. Nothing is kept in it: its job stores must not be shared (three schedulers
on one gave 14 runs instead of 6), so that the moments lie in our tables and its ticks only ask for them.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from campaigns.runtime import Runtime
from scheduler.lease import RENEW_SECONDS, Turn
from scheduler.timetable import Tick

log = logging.getLogger("liaison.clock")

JOBS_AT_ONCE = 4


def run_clock(runtime: Runtime, ticks: Sequence[Tick], stop: threading.Event) -> None:
    """Tick until `stop` is set: stand by while another process is the clock, take over when it is gone.

    On the way out the jobs that run are let finish, then the lease is given back.
    """
    # A tick that finds its job still at work is left out (max_instances); that is meant, and no warning.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(JOBS_AT_ONCE)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        timezone="UTC",
    )
    for tick in ticks:
        scheduler.add_job(guarded(runtime, tick), IntervalTrigger(seconds=tick.every_seconds), id=tick.name)
    scheduler.start(paused=True)
    turn = Turn(runtime)
    try:
        is_ticking = False
        while not stop.is_set():
            is_ours = _renew(turn)
            if is_ours and not is_ticking:
                scheduler.resume()
                log.info("this process is the clock")
            elif is_ticking and not is_ours:
                scheduler.pause()
                log.warning("another process is the clock now; standing by")
            is_ticking = is_ours
            stop.wait(RENEW_SECONDS)
    finally:
        # Before the main thread returns: APScheduler raises at interpreter shutdown otherwise.
        scheduler.shutdown(wait=True)
        turn.give_back()


def guarded(runtime: Runtime, tick: Tick) -> Callable[[], None]:
    """The tick's job; when it fails, one line says so and the clock goes on."""

    def call() -> None:
        began = runtime.clock.monotonic()
        try:
            count = tick.job(runtime)
        except Exception as error:
            said = " ".join(str(error).split())[:300]
            log.error("%s failed: %s: %s", tick.name, type(error).__name__, said)
            log.debug("%s failed", tick.name, exc_info=True)
            return
        if count:
            log.info("%s: %d in %.1f s", tick.name, count, runtime.clock.monotonic() - began)

    return call


def _renew(turn: Turn) -> bool:
    try:
        return turn.renew()
    except Exception as error:
        log.error("the lease could not be renewed: %s", " ".join(str(error).split())[:300])
        return False

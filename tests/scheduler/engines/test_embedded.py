"""The embedded clock: ticks, survives jobs that break, stands by for another, ends cleanly."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from campaigns.clock import SystemClock
from campaigns.db import Database
from campaigns.runtime import Runtime
from scheduler.engines import embedded
from scheduler.engines.embedded import guarded, run_clock
from scheduler.timetable import Tick


@pytest.fixture
def ticking(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A runtime on the machine's own clock, with quick changes of turn."""
    monkeypatch.setattr(embedded, "RENEW_SECONDS", 0.05)
    return replace(runtime, clock=SystemClock())


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


class Clock:
    """A clock in a thread of this process."""

    def __init__(self, runtime: Runtime, *jobs: Callable[[Runtime], int]) -> None:
        self.stop = threading.Event()
        ticks = [Tick(f"job{n}", job, 0.05) for n, job in enumerate(jobs)]
        self.thread = threading.Thread(target=run_clock, args=(runtime, ticks, self.stop))
        self.thread.start()

    def end(self) -> None:
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


def test_a_job_that_breaks_does_not_stop_the_clock(
    ticking: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    def broken(_: Runtime) -> int:
        calls.append("broken")
        raise RuntimeError("two\nlines")

    def sound(_: Runtime) -> int:
        calls.append("sound")
        return 0

    with caplog.at_level(logging.ERROR, "liaison.clock"):
        clock = Clock(ticking, broken, sound)
        until(lambda: calls.count("broken") > 2 and calls.count("sound") > 2)
        clock.end()
    assert caplog.messages[0] == "job0 failed: RuntimeError: two lines"


def test_of_two_clocks_one_ticks_and_the_other_takes_over(ticking: Runtime, database: Database) -> None:
    calls: list[str] = []

    def noting(name: str) -> Callable[[Runtime], int]:
        def job(_: Runtime) -> int:
            calls.append(name)
            return 0

        return job

    first = Clock(ticking, noting("first"))
    until(lambda: "first" in calls)
    second = Clock(ticking, noting("second"))
    time.sleep(0.3)
    assert "second" not in calls
    first.end()
    until(lambda: "second" in calls)
    second.end()
    assert calls.index("second") > max(n for n, name in enumerate(calls) if name == "first")


def test_a_slow_job_never_runs_beside_itself(ticking: Runtime) -> None:
    inside, most, done = 0, 0, 0
    lock = threading.Lock()

    def slow(_: Runtime) -> int:
        nonlocal inside, most, done
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.2)
        with lock:
            inside -= 1
            done += 1
        return 0

    clock = Clock(ticking, slow)
    until(lambda: done >= 2)
    clock.end()
    assert (most, inside) == (1, 0), "the one at work was let finish"


def test_what_a_job_did_is_one_line(ticking: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "liaison.clock"):
        guarded(ticking, Tick("busy", lambda _: 3, 1))()
        guarded(ticking, Tick("idle", lambda _: 0, 1))()
    assert [message.split(" in ")[0] for message in caplog.messages] == ["busy: 3"]

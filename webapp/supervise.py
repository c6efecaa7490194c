"""A small parent for the processes of one Liaison: starts them, starts them again, stops them together.

Each child watches the read end of a pipe whose other end only the parent holds: when the parent is gone, however it
went, they leave by themselves. Ctrl-C reaches the parent only, so that it alone says in which order to stop.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

PARENT_PIPE = "LIAISON_PARENT_PIPE"
"""The environment variable that tells a child which file descriptor to watch."""

STOP_SECONDS = 28.0
"""How long the children may take to finish what they hold, before they are killed: out within 30 s."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY_SECONDS = 60.0
"""A child that lived so long was well: the next crash begins with the shortest pause again."""


@dataclass
class Child:
    """One process: its name, its command, and in which wave it stops (the inbox after those who write to it)."""

    name: str
    command: Sequence[str]
    wave: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    pause: float = SHORTEST_PAUSE
    start_at: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Keeps the children running until `stop` is set."""

    def __init__(self, children: Sequence[Child], say: Callable[[str], None]) -> None:
        self.children = list(children)
        self.stop = threading.Event()
        self._say = say
        self._pipe, self._held = os.pipe()

    def run(
        self, *, is_up: Callable[[], bool] = lambda: True, is_ready: Callable[[], None] | None = None
    ) -> int:
        """Start all, restart what crashes, and stop all when `stop` is set; 0 if all left by themselves.

        `is_ready` is called once, as soon as all live and `is_up` says that they answer.
        """
        try:
            while not self.stop.is_set():
                for child in self.children:
                    self._look_after(child)
                if is_ready is not None and all(child.is_alive for child in self.children) and is_up():
                    is_ready()
                    is_ready = None
                self.stop.wait(0.2)
        finally:
            code = self._stop_all()
        return code

    def stop_on_signals(self) -> None:
        """SIGTERM and Ctrl-C stop; a second Ctrl-C does nothing worse."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())

    def _look_after(self, child: Child) -> None:
        if child.is_alive:
            return
        now = time.monotonic()
        if child.process is not None:
            code = child.process.returncode
            child.process = None
            child.pause = SHORTEST_PAUSE if now - child.started > STEADY_SECONDS else child.pause
            child.start_at = now + child.pause
            self._say(f"{child.name} ended ({_cause(code)}); it starts again in {child.pause:g} s.")
            child.pause = min(child.pause * 2, LONGEST_PAUSE)
        if now >= child.start_at:
            child.started = now
            child.process = subprocess.Popen(
                child.command,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **child.environment, PARENT_PIPE: str(self._pipe)},
                pass_fds=(self._pipe,),
                start_new_session=True,  # Ctrl-C in the terminal is for the parent
            )

    def _stop_all(self) -> int:
        code = 0
        deadline = time.monotonic() + STOP_SECONDS
        for wave in sorted({child.wave for child in self.children}):
            children = [c for c in self.children if c.wave == wave and c.process is not None]
            for child in children:
                if child.is_alive:
                    child.process.terminate()  # type: ignore[union-attr]
            for child in children:
                code = max(code, self._see_off(child, deadline))
        os.close(self._held)
        os.close(self._pipe)
        return code

    def _see_off(self, child: Child, deadline: float) -> int:
        assert child.process is not None
        try:
            child.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._say(f"{child.name} did not stop in time and was killed.")
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
            return 1
        return 0


def _cause(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def stop_event() -> threading.Event:
    """For a child: an event that is set by SIGTERM, by SIGINT, or when the parent is gone."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    watch_parent(stop.set)
    return stop


def watch_parent(gone: Callable[[], None]) -> None:
    """Call `gone`, in a thread of its own, when the parent is no more; without a parent, do nothing."""
    if PARENT_PIPE not in os.environ:
        return
    pipe, parent = int(os.environ[PARENT_PIPE]), os.getppid()

    def watch() -> None:
        # os.read, never sys.stdin.buffer.read: that one aborts the interpreter on its way out.
        while os.getppid() == parent:
            ready, _, _ = select.select([pipe], [], [], 1.0)
            if ready and os.read(pipe, 1) == b"":
                break
        gone()

    threading.Thread(target=watch, name="parent", daemon=True).start()


def python(*arguments: str) -> list[str]:
    """The command line of another `liaison`."""
    return [sys.executable, "-m", "webapp.cli", *arguments]

"""The parent of the processes: restarts what crashes, stops all in order, and leaves no orphan."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

from webapp.supervise import Child, Supervisor

CHILD = """
import os, sys, time
from pathlib import Path
from webapp.supervise import stop_event
stop = stop_event()
notes = Path(sys.argv[1])
with notes.open("a") as file:
    file.write(f"start {sys.argv[2]} {os.getpid()}\\n")
if sys.argv[3] == "crash":
    sys.exit(7)
stop.wait()
time.sleep(float(sys.argv[4]))
with notes.open("a") as file:
    file.write(f"end {sys.argv[2]}\\n")
"""


def child(notes: Path, name: str, how: str = "wait", takes: float = 0, wave: int = 0) -> Child:
    return Child(name, [sys.executable, "-c", CHILD, str(notes), name, how, str(takes)], wave=wave)


def until(is_so: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "this did not come about in time"
        time.sleep(0.02)


def read(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.exists() else []


def test_it_stops_all_in_their_order_and_says_that_all_was_well(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    supervisor = Supervisor([child(notes, "inbox", wave=1), child(notes, "sender", takes=0.3)], print)
    result: list[int] = []
    thread = threading.Thread(target=lambda: result.append(supervisor.run()))
    thread.start()
    until(lambda: len(read(notes)) == 2)
    supervisor.stop.set()
    thread.join(20)
    assert result == [0]
    assert read(notes)[2:] == ["end sender", "end inbox"], "the inbox outlives those who write to it"


def test_a_child_that_crashes_is_started_again_ever_more_slowly(tmp_path: Path) -> None:
    notes, said = tmp_path / "notes", []
    supervisor = Supervisor([child(notes, "clock", "crash")], said.append)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    until(lambda: len(said) >= 3)
    supervisor.stop.set()
    thread.join(20)
    assert said[0] == "clock ended (exit code 7); it starts again in 0.5 s."
    assert "again in 1 s" in said[1]
    assert "again in 2 s" in said[2]


def test_children_leave_when_their_parent_is_killed(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    script = textwrap.dedent(f"""
        import sys
        from webapp.supervise import Child, Supervisor
        Supervisor([Child("a", [sys.executable, "-c", {CHILD!r}, {str(notes)!r}, "a", "wait", "0"])], print).run()
    """)
    parent = subprocess.Popen([sys.executable, "-c", script])
    until(lambda: len(read(notes)) == 1)
    pid = int(read(notes)[0].split()[2])
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: "end a" in read(notes))
    until(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid))


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def test_signals_stop_the_parent_and_its_children(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    script = textwrap.dedent(f"""
        import sys
        from webapp.supervise import Child, Supervisor
        supervisor = Supervisor(
            [Child("a", [sys.executable, "-c", {CHILD!r}, {str(notes)!r}, "a", "wait", "0.2"])], print
        )
        supervisor.stop_on_signals()
        sys.exit(supervisor.run())
    """)
    for number in (signal.SIGTERM, signal.SIGINT):
        notes.unlink(missing_ok=True)
        parent = subprocess.Popen([sys.executable, "-c", script], env={**os.environ})
        until(lambda: len(read(notes)) == 1)
        parent.send_signal(number)
        assert parent.wait(20) == 0
        assert "end a" in read(notes)

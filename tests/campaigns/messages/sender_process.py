"""A sender in a process of its own, to be killed; forked from one that has everything imported already."""

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event

from campaigns.config import Config
from campaigns.messages import run_sender
from campaigns.runtime import assemble

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


class SenderProcess(ForkServerProcess):
    """Runs until it is asked to stop; `asked` is set once it knows."""

    def __init__(self, config: Config) -> None:
        super().__init__(daemon=True)
        self._config = config.model_dump_json()
        self.asked: Event = FORKS.Event()

    def run(self) -> None:
        stop = threading.Event()

        def on_signal(*_: object) -> None:
            stop.set()
            self.asked.set()

        signal.signal(signal.SIGTERM, on_signal)
        config = Config.model_validate_json(self._config)
        run_sender(assemble(config), stop)

    def stopped(self, seconds: float) -> int | None:
        """Ask it to stop; its exit code, None if it is still there after so long."""
        self.terminate()
        self.join(seconds)
        return self.exitcode


@contextmanager
def sender(config: Config) -> Iterator[SenderProcess]:
    """A running sender, killed at the end of the block."""
    process = SenderProcess(config)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
        process.close()

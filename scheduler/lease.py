"""Exactly one clock among many processes: whoever holds the lease, and renews it in time."""

import os
import secrets
import socket

from campaigns.runs import release_lease, take_lease
from campaigns.runtime import Runtime

NAME = "clock"
SECONDS = 20.0
RENEW_SECONDS = 5.0


def owner_name() -> str:
    """A name for this process that no other has."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Turn:
    """This process's claim to be the clock."""

    def __init__(self, runtime: Runtime, owner: str | None = None) -> None:
        self._runtime = runtime
        self.owner = owner or owner_name()
        self.is_held = False

    def renew(self) -> bool:
        """Take or keep the lease; False while another process is the clock. An unreachable database means no."""
        try:
            with self._runtime.transaction() as session:
                now = self._runtime.clock.now()
                self.is_held = take_lease(session, NAME, self.owner, now=now, seconds=SECONDS)
        except Exception:
            self.is_held = False
            raise
        return self.is_held

    def give_back(self) -> None:
        """Let the next one begin at once."""
        if self.is_held:
            self.is_held = False
            with self._runtime.transaction() as session:
                release_lease(session, NAME, self.owner)

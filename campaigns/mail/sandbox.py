"""The sandbox: mail goes to the built-in inbox instead of into the world; only addresses that are named may get theirs."""

from collections.abc import Collection, Sequence

from campaigns.clock import Clock, SystemClock
from campaigns.errors import Invalid
from campaigns.mail.headers import wire_domain
from campaigns.mail.inbox import InboxFolder
from campaigns.mail.transport import Answer, Line, Mailer, Outlet, Parcel


class SandboxMailer:
    """Lines that keep what is for others, and hand over what is for the `allowed` (addresses, or `@domain`)."""

    def __init__(
        self, inner: Mailer, inbox: InboxFolder, allowed: Sequence[str], clock: Clock | None = None
    ) -> None:
        self.inner, self.inbox = inner, inbox
        self.clock = clock or SystemClock()
        self.name = "the built-in inbox (sandbox)"
        self._allowed: Collection[str] = frozenset(map(_plain, allowed))

    def line(self, outlet: Outlet) -> "SandboxLine":
        return SandboxLine(self, outlet)

    def may_leave(self, recipient: str) -> bool:
        """Whether this address is one of those that may get mail."""
        address = recipient.casefold()
        return address in self._allowed or f"@{address.rpartition('@')[2]}" in self._allowed


def _plain(allowed: str) -> str:
    local, _, domain = allowed.strip().casefold().rpartition("@")
    try:
        return f"{local}@{wire_domain(domain)}"
    except Invalid:
        return f"{local}@{domain}"


class SandboxLine:
    """Sorts: a line to its caller, and the outlet of the line to the mail server behind it."""

    def __init__(self, mailer: SandboxMailer, outlet: Outlet) -> None:
        self._mailer, self._outlet = mailer, outlet
        self._next: Parcel | None = None
        self._line: Line = mailer.inner.line(self)

    # To the caller.

    @property
    def is_busy(self) -> bool:
        return self._next is not None or self._line.is_busy

    def wake(self) -> None:
        if self._next is None:
            self._next = self._sorted()
        if self._next is not None:
            self._line.wake()

    def tick(self) -> None:
        self._line.tick()

    def close(self) -> None:
        self._line.close()
        self._return()

    def abort(self) -> None:
        self._line.abort()
        self._return()

    async def wait_closed(self) -> None:
        await self._line.wait_closed()

    def _return(self) -> None:
        parcel, self._next = self._next, None
        if parcel is not None:
            self._outlet.back(parcel, "Stopped before it was begun.", is_loss=False)

    # To the line behind.

    def take(self) -> Parcel | None:
        parcel, self._next = self._next, None
        return parcel or self._sorted()

    def content(self, parcel: Parcel) -> bytes | None:
        return self._outlet.content(parcel)

    def end(self, parcel: Parcel, answer: Answer) -> None:
        self._outlet.end(parcel, answer)

    def back(self, parcel: Parcel, why: str, *, is_loss: bool = True) -> None:
        self._outlet.back(parcel, why, is_loss=is_loss)

    def trouble(self, words: str) -> None:
        self._outlet.trouble(words)

    def _sorted(self) -> Parcel | None:
        """The next one that may leave; whatever stands before it is kept."""
        while (parcel := self._outlet.take()) is not None:
            if self._mailer.may_leave(parcel.recipient):
                return parcel
            content = self._outlet.content(parcel)
            if content is None:
                self._outlet.back(parcel, "Held back at the last moment.", is_loss=False)
                return None
            try:
                self._keep(parcel, content)
            except OSError as error:
                self._outlet.back(parcel, f"The inbox cannot be written: {error.strerror}")
                return None
            self._outlet.end(parcel, Answer("dot", 250, "2.0.0 Kept in the built-in inbox (sandbox)"))
        return None

    def _keep(self, parcel: Parcel, content: bytes) -> None:
        self._mailer.inbox.prepare()
        self._mailer.inbox.keep(
            content,
            envelope_from=parcel.sender,
            recipients=[parcel.recipient],
            clock=self._mailer.clock,
        )

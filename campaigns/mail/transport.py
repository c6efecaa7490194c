"""What a carrier of mail looks like: lines that take parcels from an outlet, one after the other, and answer each."""

import re
from dataclasses import dataclass
from typing import Protocol

STEPS = ("connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot", "fill", "address")
"""Where a try may end. `dot`: after the content; `fill`, `address`: at home, before anything was said."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The last word on one parcel. `code` None: none was heard, `text` says what happened instead.

    At step `dot` that means nobody knows whether the mail was taken; at any other it was not.
    """

    step: str
    code: int | None
    text: str

    @property
    def is_accepted(self) -> bool:
        return self.step == "dot" and self.code is not None and 200 <= self.code < 300

    @property
    def is_unheard(self) -> bool:
        return self.step == "dot" and self.code is None

    @property
    def is_permanent(self) -> bool:
        """Refused for good (RFC 5321 4.2.1), or impossible to send at all."""
        return self.code >= 500 if self.code is not None else self.step in ("fill", "address")

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 3463) at the head of the text; "" if there is none."""
        found = re.match(r"([245]\.\d{1,3}\.\d{1,3})\b", self.text)
        return found[1] if found else ""


class Parcel(Protocol):
    """One mail for one recipient, as the envelope needs it. Addresses as they stand on the wire."""

    sender: str
    recipient: str
    needs_utf8: bool


@dataclass(slots=True)
class Letter:
    """A parcel with its content: for single mails, tests and adapters."""

    sender: str
    recipient: str
    content: bytes
    needs_utf8: bool = False


class Outlet(Protocol):
    """Where a line gets its work and leaves its answers. Each parcel taken ends by exactly one of `end` and `back`."""

    def take(self) -> Parcel | None:
        """The next one to be handed over; None: nothing now."""

    def content(self, parcel: Parcel) -> bytes | None:
        """The mail, CRLF, without dot stuffing; asked once the server is ready for it. None: do not send it
        after all (then `back` follows). Whatever happens after this call, the server may have it."""

    def end(self, parcel: Parcel, answer: Answer) -> None:
        """The server has spoken, or never will."""

    def back(self, parcel: Parcel, why: str, *, is_loss: bool = True) -> None:
        """Not handed over, and it may go by another connection. `is_loss`: the connection broke over it; else
        the connection was used up, or we held the parcel back ourselves."""

    def trouble(self, words: str) -> None:
        """Mail cannot leave at all, for the reason given; "": it can again."""


class Line(Protocol):
    """One way out, used for one parcel at a time."""

    @property
    def is_busy(self) -> bool:
        """Whether it holds a parcel."""

    def wake(self) -> None:
        """There may be something to take."""

    def tick(self) -> None:
        """Called about once a second: timeouts, idle connections."""

    def close(self) -> None:
        """Take nothing more; part politely when what is under way has its answer."""

    def abort(self) -> None:
        """Part at once; what is under way is answered as unheard or given back."""

    async def wait_closed(self) -> None:
        """Until nothing is left of it."""


class Mailer(Protocol):
    """Makes lines. `name` says where mail goes, for people."""

    name: str

    def line(self, outlet: Outlet) -> Line: ...

"""What an answer means, when a message is tried again, and who is served first. Pure."""

import re
import zlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Generic, Literal, Protocol, TypeVar

from campaigns.mail import Answer

Fate = Literal["sent", "retry", "failed", "unknown", "unreachable"]


def fate(answer: Answer) -> Fate:
    """What becomes of a message after this answer (RFC 5321 4.2.1).

    No answer after the content: nobody knows (`unknown`). No answer before it: nothing was handed over, so
    it may be tried again. An address this server cannot carry is held as unreachable, not failed.
    """
    if answer.is_accepted:
        return "sent"
    if answer.is_unheard:
        return "unknown"
    if answer.step == "address":
        return "unreachable"
    return "failed" if answer.is_permanent else "retry"


@dataclass(frozen=True, slots=True)
class MailingType:
    """What a mailing is to its recipient: something we ask of them, or something we give."""

    name: str
    label: str
    is_asking: bool
    meaning: str


TYPES = (
    MailingType("promotion", "Promotion", True, "It asks to buy."),
    MailingType("survey", "Survey", True, "It asks for an answer."),
    MailingType("advice", "Advice", False, "It gives knowledge: use, care, ideas, news."),
    MailingType("thanks", "Thanks", False, "It gives recognition: thanks, a birthday, an anniversary."),
    MailingType("service", "Service", False, "It gives help: an order, a delivery, an answer, a warning."),
)
"""The types of a mailing. A mailing without one counts neither as asked nor as given."""

TYPE_NAMES = tuple(each.name for each in TYPES)
ASKED = tuple(each.name for each in TYPES if each.is_asking)
GIVEN = tuple(each.name for each in TYPES if not each.is_asking)


def type_fault(name: str) -> str:
    """What is wrong with the name of a type in a form; empty for a known one and for none."""
    return "" if not name or name in TYPE_NAMES else "Choose one of the list, or none."


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that the server refused for good: what the roof's hooks are told."""

    message_id: int
    step: str
    code: int
    enhanced: str
    text: str


_ABOUT_US = re.compile(
    r"spam|block|polic|reputation|black|dmarc|\bspf\b|dkim|denied|relay|not permitted|not allowed|authenti|"
    r"\btls\b|quota|full|size|\brate\b|limit|grey|gray|listed|abuse|content|sender",
    re.IGNORECASE,
)


def is_hard(refusal: Refusal) -> bool:
    """Whether a refusal says that the address itself is dead: only that suppresses it.

    By the enhanced code (RFC 3463) where there is one: 5.1.x (but for 5.1.7 and 5.1.8, which are about the
    sender) and 5.2.1, a mailbox closed. Without one: 550, 551 or 553 to RCPT, in words that are not about us.
    What is said of content, policy, size or a full mailbox never suppresses anybody.
    """
    subject, _, detail = refusal.enhanced.partition(".")[2].partition(".")
    if subject == "1":
        return detail not in ("7", "8")
    if (subject, detail) == ("2", "1"):
        return True
    if subject and (subject, detail) not in (("0", "0"), ("5", "0")):
        return False
    is_of_the_recipient = refusal.step == "rcpt" and refusal.code in (550, 551, 553)
    return is_of_the_recipient and _ABOUT_US.search(refusal.text) is None


@dataclass(frozen=True)
class Patience:
    """How often and how long a message is tried: seconds, seconds, days."""

    first: float
    most: float
    days: float

    def delay(self, message_id: int, tries: int) -> float:
        """Seconds until the next try after `tries` of them (1, 2, …): doubled each time, up to a third later by
        a jitter that is always the same for the same message and try, so that a crowd does not come back at once."""
        chance = zlib.crc32(f"{message_id}:{tries}".encode()) / 2**32
        return min(self.first * 2.0 ** min(tries - 1, 30), self.most) * (1 + chance / 3)

    def is_over(self, waited_seconds: float) -> bool:
        """Whether a message that has waited so long is given up (RFC 5321 4.5.4.1: four to five days)."""
        return waited_seconds > self.days * 86400


class Waiting(Protocol):
    """What the order of service needs to know of a message."""

    id: int
    priority: int
    domain: str


W = TypeVar("W", bound=Waiting)

SLOW_SECONDS = 0.5
"""A destination that takes longer than this for a mail must leave lines free for the others."""


class Gatekeeper(Protocol):
    """Who may go when (see campaigns.messages.pacing). Moments are seconds of one monotonic clock."""

    def key(self, domain: str) -> str: ...
    def is_open(self, now: float) -> bool: ...
    def may_go(self, key: str, under_way: int, now: float) -> bool: ...
    def gone(self, key: str, now: float) -> None: ...
    def is_bounded(self, key: str) -> bool: ...
    def ahead(self, key: str, now: float) -> int: ...


class FairQueue(Generic[W]):
    """Who is next: by priority, then each receiver in turn, as fast as its pace allows.

    There are `lines` for everybody, and spare ones that carry only what goes to receivers that answer slowly: those
    take a line of the others only while nobody quick could go, and never all.
    """

    def __init__(self, lines: int, gate: Gatekeeper) -> None:
        self._lines, self._gate = lines, gate
        self._by_priority: dict[int, dict[str, deque[W]]] = {}
        self._under_way: dict[str, int] = {}
        self._pace: dict[str, float] = {}
        self._silent_since: dict[
            str, float
        ] = {}  # of those with mail under way: the last answer, or the first mail
        self._now = 0.0
        self._domains: dict[str, set[str]] = {}  # of the slow ones, for the claim
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, message: W, *, first: bool = False) -> None:
        """Stand in line; `first`: before the others of its receiver."""
        keys = self._by_priority.setdefault(message.priority, {})
        line = keys.setdefault(self._gate.key(message.domain), deque())
        if first:
            line.appendleft(message)
        else:
            line.append(message)
        self._size += 1

    def take(self, now: float, *, is_spare: bool = False) -> W | None:
        """The next one (for a spare line: of a slow receiver); None if there is none, or only such as must wait."""
        self._now = now
        if not self._size or not self._gate.is_open(now):
            return None
        for priority in sorted(self._by_priority):
            keys = self._by_priority[priority]
            key = next((key for key in keys if self._may_go(key, now, is_spare)), None)
            if key is None:
                continue
            line = keys.pop(key)
            message = line.popleft()
            if line:
                keys[key] = line  # to the end: the other receivers come first
            elif not keys:
                del self._by_priority[priority]
            self._size -= 1
            self._under_way[key] = self._under_way.get(key, 0) + 1
            self._silent_since.setdefault(key, now)
            self._gate.gone(key, now)
            return message
        return None

    def _may_go(self, key: str, now: float, is_spare: bool) -> bool:
        if not self._is_slow(key):
            return not is_spare and self._is_free(key, now)
        if not self._is_free(key, now):
            return False
        if is_spare or self._lines == 1:
            return True
        others = [each for keys in self._by_priority.values() for each in keys if each != key]
        if any(not self._is_slow(each) and self._is_free(each, now) for each in others):
            return False
        most = max(1, self._lines // 2) if others else self._lines - 1
        return self._under_way.get(key, 0) < most

    def _is_free(self, key: str, now: float) -> bool:
        return self._gate.may_go(key, self._under_way.get(key, 0), now)

    def done(self, domain: str, seconds: float | None = None) -> None:
        """One of this receiver is through, after so many seconds (None: it says nothing about its pace)."""
        key = self._gate.key(domain)
        left = self._under_way.get(key, 0) - 1
        if left > 0:
            self._under_way[key] = left
            self._silent_since[key] = self._now
        else:
            self._under_way.pop(key, None)
            self._silent_since.pop(key, None)
        if seconds is None:
            return
        pace = 0.7 * self._pace.get(key, seconds) + 0.3 * seconds
        if pace > SLOW_SECONDS / 2:
            self._pace[key] = pace
            self._domains.setdefault(key, set()).add(domain)
        elif self._pace.pop(key, None) is not None:  # only the slow are remembered: memory stays flat
            self._domains.pop(key, None)

    @property
    def needs_spare(self) -> bool:
        """Whether slow receivers have mail waiting or under way beside quick ones."""
        return any(map(self._is_slow, self._pace)) or any(map(self._is_slow, self._silent_since))

    def crowded(self, most: int) -> list[str]:
        """Domains of slow receivers with at least `most` waiting here: no more need be claimed for them now."""
        full = (key for key in list(self._pace) if self._is_slow(key) and self._waiting(key) >= most)
        return [domain for key in full for domain in self._domains[key]]

    def at_hand(self, most: int) -> int:
        """How many could go soon: of a slow receiver at most `most` are counted, of one with a pace of its own none."""
        held_up = 0
        for keys in self._by_priority.values():
            for key, line in keys.items():
                if self._gate.is_bounded(key):
                    held_up += len(line)
                elif self._is_slow(key):
                    held_up += max(len(line) - most, 0)
        return self._size - held_up

    def waiting(self) -> dict[str, dict[int, int]]:
        """How many wait, by receiver and priority; under `*` all together."""
        found: dict[str, dict[int, int]] = {"*": {}}
        for priority, keys in self._by_priority.items():
            found["*"][priority] = sum(map(len, keys.values()))
            for key, line in keys.items():
                found.setdefault(key, {})[priority] = len(line)
        return found

    def surplus(self, now: float) -> list[W]:
        """Take out those of whom a receiver that was slowed down meanwhile has far too many here."""
        over: set[int] = set()
        for key in {key for keys in self._by_priority.values() for key in keys}:
            if self._gate.is_bounded(key):
                lines = [keys[key] for _, keys in sorted(self._by_priority.items()) if key in keys]
                over.update(m.id for m in list(chain(*lines))[2 * self._gate.ahead(key, now) :])
        return self.remove(over)

    def most_urgent(self) -> int | None:
        """The priority of the first in line."""
        return min(self._by_priority, default=None)

    def _is_slow(self, key: str) -> bool:
        """By its answers, or as it owes one for so long."""
        if self._pace.get(key, 0.0) > SLOW_SECONDS:
            return True
        return self._now - self._silent_since.get(key, self._now) > SLOW_SECONDS

    def _waiting(self, key: str) -> int:
        return sum(len(keys.get(key, ())) for keys in self._by_priority.values())

    def drain(self) -> Iterable[W]:
        """Everybody, in no particular order; the queue is empty then."""
        everybody = [m for keys in self._by_priority.values() for line in keys.values() for m in line]
        self._by_priority = {}
        self._size = 0
        return everybody

    def ids(self) -> set[int]:
        """Everybody who stands in line."""
        return {m.id for keys in self._by_priority.values() for line in keys.values() for m in line}

    def remove(self, unwanted: set[int]) -> list[W]:
        """Take out those with these ids, and return them."""
        if not unwanted:
            return []
        everybody = list(self.drain())
        for message in everybody:
            if message.id not in unwanted:
                self.add(message)
        return [message for message in everybody if message.id in unwanted]

"""How fast each receiver is written to: limits, slowing down when it asks for it, and recovery. Pure; docs/delivery.md.

A *key* is what is paced together: the name of a group of the settings (`google`), else the domain itself. All
moments are seconds of one monotonic clock, all rates are mails a minute of this process.
"""

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, Protocol

from campaigns.config import PaceGroup, Pacing
from campaigns.mail import Answer

ALL = "*"
"""The key of everything together."""
FLOOR = 1.0
"""However often it is refused, a receiver is asked again each minute."""
RECOVERY_MINUTES = 20.0
"""Without a refusal a pace grows by so many minutes' part of its ceiling each minute (additive increase)."""
AHEAD_SECONDS = 2.0
"""So much is claimed ahead of what has a pace; the rest stays queued, with the moment at which it asks again."""
MOST_SECONDS, SLOWED_SECONDS = 7200.0, 1800.0
"""Whoever waits asks again within so long; sooner where the receiver is slowed down, as it may recover."""
DOUBT_ANSWERS = 20
DOUBT_SECONDS = 600.0
COUNTED_SECONDS = 10.0
_NO_LIMIT = 1 << 30
_HELD_AHEAD = 50
"""Of a receiver with a limit on connections so many are claimed ahead."""


# ── what an answer says about our pace

Hint = Literal["", "own", "doubt", "slow"]

_GREY = re.compile(r"gr[ae]y-?\s?list", re.IGNORECASE)
_FAST = re.compile(
    r"rate.?limit|too (?:many|fast|much|quickly)|throttl|unusual rate|temporarily (?:deferred|rate)|"
    r"exceeded|reduce|slow down|server busy|reputation|concurren",
    re.IGNORECASE,
)


def hint(answer: Answer) -> Hint:
    """What an answer says about our pace: "" nothing, "own" it concerns this one recipient only, "doubt" perhaps,
    "slow" surely.

    By RFC 5321 4.2 and RFC 3463: 421 (closing the channel) and 4.7.x (policy) speak about us, and so do words
    like *too many*; 4.1.x, 4.2.1 to 4.2.4 (this mailbox) and greylisting about one recipient; 450, 451, 452 and
    the other 4xx may mean either. What is said to MAIL concerns the relay, not the receiver.
    """
    code, enhanced = answer.code, answer.enhanced
    if code is None:
        return "slow" if answer.step == "connect" and answer.text.startswith("421") else ""
    if not 400 <= code < 500 or answer.step == "mail":
        return ""
    if _GREY.search(answer.text):
        return "own"
    if re.match(r"4\.(?:1\.\d+|2\.[1-4])\Z", enhanced):
        return "own"
    if code == 421 or enhanced.startswith("4.7.") or _FAST.search(answer.text):
        return "slow"
    return "doubt"


_ADDRESS = re.compile(r"<?[^\s<>@\"']+@[^\s<>@\"',;)]+>?")


def impersonal(words: str, address: str = "") -> str:
    """A server's words without addresses, nor the name before the @ of `address`; 200 characters at most."""
    words = _ADDRESS.sub("<address>", " ".join(words.split()))
    local = address.rpartition("@")[0]
    if len(local) > 2:
        words = re.sub(rf"(?i)(?<!\w){re.escape(local)}(?!\w)", "<address>", words)
    return words[:200]


# ── limits


def share(number: int, rank: int, count: int) -> int:
    """The part of a limit that the process at `rank` (0, 1, …) of `count` may use; the parts add up to the limit."""
    return number // count + (rank < number % count)


def interval(per_minute: float) -> float:
    """Seconds between two mails in the long run, so that with `tolerance` no minute ever holds more (see Gate)."""
    return 60.0 / (per_minute - max(1.0, per_minute / 50) + 1)


def tolerance(per_minute: float) -> float:
    """Seconds by which mails may come early: a burst of a fiftieth of a minute's number, at least one mail."""
    return (max(1.0, per_minute / 50) - 1) * interval(per_minute)


class Gate:
    """Lets so many through in any minute, by the generic cell rate algorithm (ITU-T I.371, appendix I).

    k mails may pass within a half-open window of 60 s only if k × interval < 60 + tolerance, which is k ≤ the limit.
    """

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due = float("-inf")

    def free_at(self, per_minute: float) -> float:
        """The moment from which the next may pass."""
        return self._due - tolerance(per_minute)

    def take(self, now: float, per_minute: float) -> None:
        """One passes."""
        self._due = max(self._due, now) + interval(per_minute)

    @property
    def is_quiet_since(self) -> float:
        """From this moment on it stands as if nothing had ever passed."""
        return self._due


@dataclass(slots=True)
class Slowing:
    """A receiver that asked for less: multiplicative decrease, additive recovery.

    After Chiu and Jain, *Analysis of the increase and decrease algorithms for congestion avoidance* (1989), as TCP
    does it (RFC 5681 3.1): half of the present pace at a refusal, but only once for all mails that were under way
    at that time; then, from the last refusal on, each minute a twentieth of the ceiling more, until it is reached.
    """

    ceiling: float  # the limit, or the pace at which the first refusal came
    base: float  # the pace right after the last refusal
    refused_at: float
    lowered_at: float
    began_at: float
    because: str = ""

    def pace(self, now: float) -> float:
        """Mails a minute at this moment; the ceiling when it has recovered."""
        minutes = max(now - self.refused_at, 0.0) / 60
        return min(self.base + minutes * self.ceiling / RECOVERY_MINUTES, self.ceiling)

    def refuse(self, now: float, taken_at: float, because: str) -> None:
        """A refusal of a mail that was taken up at `taken_at`."""
        pace = self.pace(now)
        if taken_at >= self.lowered_at:
            pace = max(pace / 2, min(FLOOR, self.ceiling))
            self.lowered_at = now
        self.base, self.refused_at, self.because = pace, now, because


@dataclass(slots=True)
class _Pace:
    """What is remembered of one key that has a limit on its rate, or is slowed down."""

    limit: float  # this process's share, 0: none
    gate: Gate = field(default_factory=Gate)
    slowing: Slowing | None = None
    put_off: dict[int, int] = field(
        default_factory=dict
    )  # by priority: queued until a moment that we gave them

    def per_minute(self, now: float) -> float:
        """The present pace; 0: as fast as it goes."""
        return self.slowing.pace(now) if self.slowing else self.limit


@dataclass(frozen=True)
class Standing:
    """How one receiver stands with us: pace and ceiling in mails a minute, how long slowed down, and its words."""

    key: str
    per_minute: float
    ceiling: float
    seconds: float
    because: str


class Waiting(Protocol):
    """What a claimed message must tell to be let in or put off."""

    id: int
    priority: int
    domain: str
    waits_for: str


class Pacer:
    """The paces of one process. `count` processes share the limits; this one is at `rank` among them."""

    def __init__(self, settings: Pacing, *, rank: int = 0, count: int = 1) -> None:
        self._settings = settings
        self._groups: Mapping[str, PaceGroup] = settings.groups
        self._key_of = {domain: name for name, group in settings.groups.items() for domain in group.domains}
        self._other = PaceGroup(
            connections=settings.domain_connections,
            per_minute=settings.domain_per_minute,
            per_day=settings.domain_per_day,
        )
        self._paces: dict[str, _Pace] = {}
        self._doubts: dict[str, tuple[int, float]] = {}
        self._counts: dict[str, int] = {}
        self._counts_before: dict[str, int] = {}
        self._counted_from = self._counted_before = float("-inf")
        self.together(rank, count)

    def together(self, rank: int, count: int) -> None:
        """So many processes share the limits from now on."""
        self._rank, self._count = rank, count
        self._connections = {
            name: self._share(group.connections) for name, group in self._groups.items() if group.connections
        }
        self._connections_other = self._share(self._other.connections) or _NO_LIMIT
        if self._other.connections and not self._share(self._other.connections):
            self._connections_other = 0
        for key, pace in self._paces.items():
            pace.limit = float(self._share(self._rate_of(key)))
        for name, group in self._groups.items():
            if group.per_minute:
                self._paces.setdefault(name, _Pace(0.0)).limit = float(self._share(group.per_minute))
        if self._settings.per_minute:
            self._paces.setdefault(ALL, _Pace(0.0)).limit = float(self._share(self._settings.per_minute))

    def _share(self, number: int) -> int:
        return share(number, self._rank, self._count)

    def _rate_of(self, key: str) -> int:
        return self._settings.per_minute if key == ALL else self.limits(key).per_minute

    def key(self, domain: str) -> str:
        """What the domain is paced with."""
        return self._key_of.get(domain, domain)

    def limits(self, key: str) -> PaceGroup:
        """The limits of a key, for all processes together."""
        return self._groups.get(key, self._other)

    # What the queue asks, for every mail.

    def is_open(self, now: float) -> bool:
        """Whether anything at all may leave now."""
        pace = self._paces.get(ALL)
        return pace is None or self._is_free(ALL, pace, now)

    def may_go(self, key: str, under_way: int, now: float) -> bool:
        """Whether one more may go to this receiver, while so many are under way to it."""
        if under_way >= self._connections.get(key, self._connections_other):
            return False
        pace = self._paces.get(key)
        return pace is None or self._is_free(key, pace, now)

    def _is_free(self, key: str, pace: _Pace, now: float) -> bool:
        rate = pace.per_minute(now)
        if rate > 0:
            return now >= pace.gate.free_at(rate)
        return not self._rate_of(key)  # a limit of which this process has no share

    def gone(self, key: str, now: float) -> None:
        """One is taken up for this receiver."""
        self._counts[key] = self._counts.get(key, 0) + 1
        for name in (ALL, key):
            pace = self._paces.get(name)
            if pace is None:
                if name == ALL or not self._other.per_minute or key in self._groups:
                    continue
                pace = self._paces[key] = _Pace(float(self._share(self._other.per_minute)))
            if (rate := pace.per_minute(now)) > 0:
                pace.gate.take(now, rate)

    def ahead(self, key: str, now: float) -> int:
        """How many of this receiver may stay claimed, as its pace is now."""
        pace = self._paces.get(key)
        return _NO_LIMIT if pace is None else self._room(key, {}, now).ahead

    def is_bounded(self, key: str) -> bool:
        """Whether what waits for this receiver may have to wait for its pace."""
        return key in self._paces or key in self._connections

    # What the answers tell.

    def heard(self, key: str, answer: Answer, *, taken_at: float, now: float, address: str = "") -> None:
        """An answer about a mail that was taken up at `taken_at`."""
        if answer.is_accepted:
            if key in self._doubts:
                self._accepted_in_doubt(key)
            return
        found = hint(answer)
        if found == "doubt":
            is_second = key in self._doubts
            self._doubts[key] = (0, now)
            found = "slow" if is_second else ""
        if found == "slow":
            words = impersonal(f"{answer.code or ''} {answer.text}".strip(), address)
            self._slow(key, now, taken_at, words)

    def _accepted_in_doubt(self, key: str) -> None:
        answers, at = self._doubts.pop(key)
        if answers + 1 < DOUBT_ANSWERS:
            self._doubts[key] = (answers + 1, at)

    def _slow(self, key: str, now: float, taken_at: float, because: str) -> None:
        pace = self._paces.setdefault(key, _Pace(float(self._share(self._rate_of(key)))))
        if pace.slowing is None:
            ceiling = self.observed(key, now)
            if pace.limit:
                ceiling = min(ceiling, pace.limit) or pace.limit
            ceiling = max(ceiling, 2 * FLOOR)
            pace.slowing = Slowing(ceiling, ceiling, now, float("-inf"), now)
        pace.slowing.refuse(now, taken_at, because)

    def observed(self, key: str, now: float) -> float:
        """Mails a minute that were taken up for this receiver, over the last ten to twenty seconds."""
        number = self._counts.get(key, 0) + self._counts_before.get(key, 0)
        since = max(self._counted_before, self._counted_from - COUNTED_SECONDS)
        return number * 60 / max(now - since, 1.0) if number else 0.0

    def tidy(self, now: float) -> None:
        """Forget what is over; called every second or so. Memory stays flat over a million receivers."""
        if now - self._counted_from >= COUNTED_SECONDS:
            self._counts_before, self._counts = self._counts, {}
            self._counted_before, self._counted_from = self._counted_from, now
        for key, pace in list(self._paces.items()):
            if pace.slowing and pace.slowing.pace(now) >= pace.slowing.ceiling:
                pace.slowing = None
            has_limit = key == ALL or key in self._groups
            waits = MOST_SECONDS if any(pace.put_off.values()) else 0.0
            is_at_rest = pace.gate.is_quiet_since + waits < now
            if pace.slowing is None and is_at_rest and not (has_limit and self._rate_of(key)):
                del self._paces[key]
        old = [key for key, (_, at) in self._doubts.items() if now - at > DOUBT_SECONDS]
        for key in old:
            del self._doubts[key]

    # What is shown, and what a restart remembers.

    def standings(self, now: float) -> list[Standing]:
        """Whoever is slowed down at present."""
        return [
            Standing(key, s.pace(now), s.ceiling, now - s.began_at, s.because)
            for key, pace in self._paces.items()
            if (s := pace.slowing) is not None and s.pace(now) < s.ceiling
        ]

    def resume(self, left: Iterable[Standing], now: float) -> None:
        """Go on with the paces that an earlier process left, rather than learn them from refusals again."""
        for each in left:
            pace = self._paces.setdefault(each.key, _Pace(float(self._share(self._rate_of(each.key)))))
            pace.slowing = Slowing(each.ceiling, each.per_minute, now, now, now - each.seconds, each.because)

    # What may be claimed.

    def plan(self, waiting: Mapping[str, Mapping[int, int]], now: float) -> "Plan":
        """What a claim may take at this moment; `waiting`: by key and priority, how many are claimed and wait."""
        keys = self._paces.keys() | self._connections.keys()
        return Plan(self, {key: self._room(key, waiting.get(key, {}), now) for key in keys}, now)

    def fresh_room(self, now: float) -> "Room | None":
        """The room of a receiver that has not been written to, where such have a limit."""
        number = self._other.per_minute
        return self._room("", {}, now, _Pace(float(self._share(number)))) if number else None

    def _room(self, key: str, waiting: Mapping[int, int], now: float, pace: _Pace | None = None) -> "Room":
        pace = pace or self._paces.get(key)
        if pace is None:  # only its connections are limited
            rate = self.observed(key, now) or 60.0 * self._connections[key]
            return Room(max(_HELD_AHEAD, int(rate * AHEAD_SECONDS / 60)), 60 / rate, 0.0, dict(waiting), {})
        rate = pace.per_minute(now)
        if rate <= 0:  # no share of a limit that is smaller than the number of processes
            return Room(_NO_LIMIT if not self._rate_of(key) else 0, 5.0, 5.0, dict(waiting), pace.put_off)
        every = interval(rate)
        free_in = max(pace.gate.free_at(rate) - now, 0.0)
        early = tolerance(rate) if free_in == 0.0 else 0.0
        ahead = int((AHEAD_SECONDS - free_in + early) / every) + 1 if free_in <= AHEAD_SECONDS else 0
        why = "slowed" if pace.slowing else ""
        return Room(ahead, every, free_in, dict(waiting), pace.put_off, why)


# ── what a claim may take


@dataclass(slots=True)
class Room:
    """How many of one receiver may be claimed now, and when the others may ask again."""

    ahead: int
    every: float
    free_in: float
    waiting: dict[int, int]  # claimed ones by priority
    put_off: dict[int, int]  # queued until a moment that was given to them, by priority
    why: str = ""

    def before(self, priority: int) -> int:
        """How many claimed ones leave before one of this priority."""
        return sum(number for each, number in self.waiting.items() if each <= priority)

    def enter(self, priority: int) -> None:
        self.waiting[priority] = self.waiting.get(priority, 0) + 1

    def put(self, priority: int, message_id: int) -> float:
        """Seconds after which this one asks again."""
        self.put_off[priority] = self.put_off.get(priority, 0) + 1
        crowd = sum(n for each, n in self.put_off.items() if each <= priority)
        most = SLOWED_SECONDS if self.why else MOST_SECONDS
        seconds = ask_again((self.before(priority) + crowd) * self.every, message_id, crowd, most=most)
        return self.free_in + seconds

    def come_back(self, priority: int) -> None:
        """One that was put off asks again."""
        if self.put_off.get(priority, 0) > 0:
            self.put_off[priority] -= 1


def ask_again(seconds: float, message_id: int, turn: int, *, most: float = MOST_SECONDS) -> float:
    """When a message asks again, if all that wait for the same pace need so many `seconds`: somewhere in the first
    half of that time, spread by a hash of the message and the `turn`.

    So there are always two to four that ask for each free place: none stays empty, each row is written a few times
    only, and a receiver that recovers finds enough of them. No order needs to be kept, and none goes stale.
    """
    chance = zlib.crc32(f"{message_id}:{turn}".encode()) / 2**32
    return max(min(seconds / 2, most) * chance, 1.0)


@dataclass(frozen=True, slots=True)
class PutOff:
    """A message that stays queued: which, for how many seconds, and why (see WHY)."""

    message_id: int
    seconds: float
    reason: str


class Plan:
    """Decides which of the due messages are claimed. Used once, in another thread than the pacer."""

    def __init__(self, pacer: Pacer, rooms: dict[str, Room], now: float) -> None:
        self._pacer, self._rooms, self._now = pacer, rooms, now
        self.put_off: list[PutOff] = []

    def admit(self, due: Iterable[Waiting]) -> list[int]:
        """The ids of those that may be claimed, the most urgent first; the others are added to `put_off`."""
        admitted: list[int] = []
        whole = self._rooms.get(ALL)
        for message in sorted(due, key=lambda each: each.priority):
            key = self._pacer.key(message.domain)
            own = self._room(key)
            rooms = [(name, room) for name, room in ((ALL, whole), (key, own)) if room is not None]
            for name, room in rooms if message.waits_for else ():
                if message.waits_for.endswith(f":{name}"):
                    room.come_back(message.priority)
            full = next(((n, r) for n, r in reversed(rooms) if r.before(message.priority) >= r.ahead), None)
            if full is not None:
                name, room = full
                seconds = room.put(message.priority, message.id)
                self.put_off.append(PutOff(message.id, seconds, f"{room.why or 'pace'}:{name}"))
                continue
            for _, room in rooms:
                room.enter(message.priority)
            admitted.append(message.id)
        return admitted

    def _room(self, key: str) -> Room | None:
        if key not in self._rooms and (fresh := self._pacer.fresh_room(self._now)) is not None:
            self._rooms[key] = fresh
        return self._rooms.get(key)


# ── numbers of a day


def warm_up(settings: Pacing) -> list[tuple[date, int]]:
    """The days of the warm-up plan with their numbers, the last one the first that reaches `warm_up_until`."""
    if not settings.warm_up_from:
        return []
    day, number = date.fromisoformat(settings.warm_up_from), settings.warm_up_first
    days = [(day, min(number, settings.warm_up_until))]
    while number < settings.warm_up_until:
        number *= 2
        days.append((days[-1][0] + timedelta(days=1), min(number, settings.warm_up_until)))
    return days


def most_of_day(settings: Pacing, key: str, day: date) -> int:
    """The daily number of a key (ALL: of everything, warm-up included) on a local day; 0 is no limit."""
    if key != ALL:
        return settings.groups[key].per_day if key in settings.groups else settings.domain_per_day
    planned = dict(warm_up(settings)).get(day, 0)
    return min((n for n in (settings.per_day, planned) if n), default=0)


def open_to(most: int, *, is_bulk: bool, letters_share: float) -> int:
    """How far a daily number may be used up by this kind of mail: newsletters leave some for letters."""
    return int(most * (1 - letters_share)) if is_bulk else most


# ── words and forecasts

WHY = {
    "pace": "It waits for its turn: {receiver} gets so many mails a minute.",
    "slowed": "It waits: {receiver} asked us to slow down.",
    "quota": "The number of the day for {receiver} is reached; it goes on the next day.",
}
"""Why a message is put off, by the word before the colon of its reason."""


def why(reason: str) -> str:
    """The reason of a message that was put off, as a sentence; "" for any other."""
    word, _, key = reason.partition(":")
    return WHY[word].format(receiver="everybody" if key == ALL else key) if word in WHY else ""


def minutes_left(
    waiting: int, per_minute: float, per_day: int, used: int, *, until_tomorrow: float = 24 * 60
) -> float | None:
    """Minutes until the last of so many has left, at a pace and a daily number (0: none) of which some is used.

    None if nothing waits. A day's number leaves from its beginning on; `until_tomorrow`: minutes until the next.
    """
    if waiting <= 0:
        return None
    today = min(waiting, max(per_day - used, 0)) if per_day else waiting
    left = waiting - today
    if not left:
        return today / per_minute if per_minute else 0.0
    days = -(-left // per_day)
    last = left - (days - 1) * per_day
    return until_tomorrow + (days - 1) * 24 * 60 + (last / per_minute if per_minute else 0.0)

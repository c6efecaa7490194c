"""Human, machine, suspect or proxied: the judgement of a message's hits, by versioned rules. Pure.

A message's hits are judged together, as a scanner betrays itself by what it does beside a hit: so a judgement
may change when later hits arrive, and the whole history can be judged anew. The same rules give the same
judgement for the same hits, in whatever order they are handed in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from campaigns.tracking.agents import read_agent
from campaigns.tracking.networks import NOWHERE, Networks

Judgement = Literal["human", "machine", "suspect", "proxied"]

AT_ONCE = timedelta(seconds=1)
BURST = timedelta(seconds=5)
ALL_LINKS = timedelta(seconds=60)
BESIDE = timedelta(seconds=10)
COMPANY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Hit:
    """One open or click as it was kept. `position` is None for an open and for the hidden link; `at` is to the
    microsecond."""

    id: int
    kind: str
    at: datetime
    position: int | None = None
    method: str = "GET"
    user_agent: str = ""
    signs: str = ""
    network: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """What the rules need to know of the message: when it was accepted (None: not known), how many links it has,
    and which networks are known to belong to machines."""

    sent_at: datetime | None = None
    links: int = 0
    machine_networks: Networks = NOWHERE


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who was behind a hit, and the words for why, the strongest first."""

    judgement: Judgement
    reasons: tuple[str, ...] = ()


@dataclass(slots=True)
class _Case:
    """One hit on trial: signs of a machine, signs that raise doubt, and whether a proxy fetched it."""

    hit: Hit
    machine: list[str] = field(default_factory=list)
    doubt: list[str] = field(default_factory=list)
    proxy: str = ""

    def verdict(self) -> Verdict:
        if self.machine:
            return Verdict("machine", tuple(dict.fromkeys(self.machine + self.doubt)))
        if self.proxy:
            return Verdict("proxied", (self.proxy,))
        if self.doubt:
            return Verdict("suspect", tuple(dict.fromkeys(self.doubt)))
        return Verdict("human")


def _judge_1(hits: Sequence[Hit], letter: Letter) -> dict[int, Verdict]:
    cases = [_Case(hit) for hit in sorted(hits, key=lambda hit: (hit.at, hit.id))]
    for case in cases:
        _alone(case, letter)
    _several_links(cases, letter)
    _beside_machines(cases)
    return {case.hit.id: case.verdict() for case in cases}


def _alone(case: _Case, letter: Letter) -> None:
    """What a hit says of itself: method, headers, agent, moment, network."""
    hit = case.hit
    signs = hit.signs.split()
    if hit.method != "GET":
        case.machine.append("head")
    if "hidden" in signs:
        case.machine.append("hidden_link")
    if "prefetch" in signs:
        case.machine.append("prefetch")
    agent = read_agent(hit.user_agent)
    who = agent.who_clicks if hit.kind == "clicked" else agent.who
    if who == "machine":
        case.machine.append(agent.reason)
    elif who == "proxied":
        case.proxy = agent.reason
    if letter.sent_at is not None and hit.at < letter.sent_at + AT_ONCE and not case.proxy:
        case.machine.append("before_delivery" if hit.at < letter.sent_at else "too_early")
    if hit.network in letter.machine_networks:
        case.machine.append("machine_network")
    if hit.kind == "clicked" and "no_language" in signs:
        case.doubt.append("no_language")


def _several_links(cases: list[_Case], letter: Letter) -> None:
    """Nobody presses two different links within a second, four within five, or all of them in their order."""
    clicks = [case for case in cases if case.hit.kind == "clicked"]
    for index, first in enumerate(clicks):
        for span, least in ((AT_ONCE, 2), (BURST, 4)):
            near = [case for case in clicks[index:] if case.hit.at - first.hit.at <= span]
            if len({case.hit.position for case in near}) >= least:
                for case in near:
                    case.machine.append("several_links")
        near = [case for case in clicks[index:] if case.hit.at - first.hit.at <= ALL_LINKS]
        _all_links(near, letter)


def _all_links(near: list[_Case], letter: Letter) -> None:
    """Every link of the letter, one after the other, within a minute (three at least)."""
    order = list(dict.fromkeys(case.hit.position for case in near if case.hit.position is not None))
    if letter.links >= 3 and len(order) >= letter.links:
        span = near[-1].hit.at - near[0].hit.at
        if order == sorted(order, key=lambda position: position or 0) or span <= BURST:
            for case in near:
                case.machine.append("all_links")


_BEHAVIOUR = {"head", "hidden_link", "prefetch", "several_links", "all_links", "before_delivery", "too_early"}


def _beside_machines(cases: list[_Case]) -> None:
    """Hits from where a machine was just seen at work, with the same agent or right beside it."""
    seen = [case.hit for case in cases if _BEHAVIOUR & set(case.machine)]
    for case in cases:
        if case.machine or case.proxy:
            continue
        hit = case.hit
        for other in seen:
            apart = abs(hit.at - other.at)
            is_same_place = bool(hit.network) and hit.network == other.network
            is_same_program = is_same_place and hit.user_agent == other.user_agent
            if is_same_place and apart <= BESIDE:
                case.machine.append("beside_machine")
            elif is_same_program and "hidden" in other.signs.split():
                case.machine.append("with_hidden_link")
            elif is_same_program and apart <= COMPANY:
                case.doubt.append("where_a_machine_was")


Rules = Callable[[Sequence[Hit], Letter], dict[int, Verdict]]

RULES: Mapping[int, Rules] = {1: _judge_1}
"""Every rule set ever used, by number; none is changed once released, as old figures must come out again."""

NEWEST = max(RULES)

REASONS: Mapping[str, str] = {
    "head": "asked by HEAD, which no reader does",
    "hidden_link": "followed a link that no person can see",
    "with_hidden_link": "same program and network as one that followed a link that no person can see",
    "prefetch": "fetched ahead by a program",
    "no_agent": "did not say what program it is",
    "agent_word": "its program calls itself a machine",
    "agent_address": "its program gives an address, as robots do",
    "agent_compatible": "its program claims to be compatible with a browser",
    "agent_shape": "its program is no browser and no mail program",
    "agent_platform": "its browser runs on nothing",
    "agent_engine": "its browser has no engine",
    "agent_tail": "something foreign hangs on its browser's name",
    "apple_privacy": "Apple's privacy proxy loads every picture, looked at or not",
    "image_proxy": "the mail provider's proxy fetched the picture",
    "before_delivery": "came before the letter was delivered",
    "too_early": "came within a second of delivery",
    "machine_network": "came from a network of machines (config: tracking.machine_networks)",
    "several_links": "several links pressed within seconds",
    "all_links": "all links pressed in their order",
    "beside_machine": "right beside a machine's hit, from the same network",
    "where_a_machine_was": "same program and network as a machine's hit shortly before or after",
    "no_language": "a click that names no language",
}
"""Each reason in words."""


def judge(hits: Sequence[Hit], letter: Letter, *, version: int = NEWEST) -> dict[int, Verdict]:
    """The verdict on each hit of one message, by its id. KeyError for a rule set that never was."""
    return RULES[version](hits, letter)

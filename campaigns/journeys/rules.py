"""The language of journeys: what a plan may hold, what is wrong with it in a sentence, and the way through it. Pure.

A plan is a list of steps. Some steps have arms, each a list of steps again; behind the arms the way goes on with the
step after. A plan written so has no loops and no loose ends: every traveller who enters comes to an end.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from campaigns.clock import instant_of
from campaigns.errors import Conflict, Invalid, NotFound

Step = dict[str, Any]
Steps = list[Step]

MOST_STEPS = 60
MOST_DEPTH = 6
MOST_NAME = 200

EXITS: Mapping[str, str] = {
    "unsubscribed": "does not want our mails any more",
    "suppressed": "must not be written to",
    "complained": "reported one of our mails as spam",
    "bought": "bought something since entering",
}
"""Why a traveller may leave before the end; asked before each step."""

AGAIN: Mapping[str, str] = {
    "never": "Never: once is enough",
    "days": "After some days, when not under way any more",
    "each": "For each occasion anew",
}
"""Whether a customer may enter again."""

GOALS: Mapping[str, str] = {
    "": "No goal",
    "bought": "The customer bought something since entering",
    "segment": "The customer is in a segment",
}

UNITS: Mapping[str, str] = {"minutes": "minutes", "hours": "hours", "days": "days"}
WEEKDAYS: Mapping[int, str] = {
    -1: "any day",
    0: "Monday",
    1: "Tuesday",
    2: "Wednesday",
    3: "Thursday",
    4: "Friday",
    5: "Saturday",
    6: "Sunday",
}

AWAITED: Mapping[str, str] = {
    "occasion": "an occasion comes",
    "opened": "a letter of this journey is opened",
    "clicked": "a letter of this journey is clicked",
    "bought": "the customer buys something",
}

ASKED: Mapping[str, str] = {
    "segment": "is in a segment",
    "opened": "opened a letter of this journey",
    "clicked": "clicked in a letter of this journey",
}

CHANGES: Mapping[str, str] = {
    "tag": "Add a tag",
    "untag": "Take a tag away",
    "attribute": "Set an attribute",
}

KINDS: Mapping[str, str] = {
    "send": "Send a letter",
    "wait": "Wait some time",
    "wait_until": "Wait until a day and hour",
    "wait_for": "Wait until something happens",
    "branch": "Branch by a question",
    "split": "Split by chance",
    "change": "Change a tag or an attribute",
    "task": "Give a task to somebody",
    "notify": "Tell another system",
    "end": "End here",
}
"""What a step may be, and how people call it."""

WAITING = ("wait", "wait_until", "wait_for", "task")

_BLANK: Mapping[str, Step] = {
    "send": {"template_id": None, "subject": ""},
    "wait": {"amount": 3, "unit": "days"},
    "wait_until": {"weekday": -1, "hour": 9},
    "wait_for": {"what": "bought", "occasion": "", "options": {}, "letter": "", "most_days": 7},
    "branch": {"by": "clicked", "segment_id": None, "letter": ""},
    "split": {"share": 50},
    "change": {"what": "tag", "word": "", "value": ""},
    "task": {"title": "", "note": "", "staff_id": None, "due_days": 3, "results": ["Reached", "Not reached"]},
    "notify": {"url": ""},
    "end": {},
}
"""The answers of each kind of step, as they stand in a new one."""

_SLOT = re.compile(r"^(?:start|after:(s\d{1,6})|(s\d{1,6}):([a-z0-9_]{1,12}))$")


@dataclass(frozen=True)
class Plan:
    """What a version holds. `entry` is `{"by": "occasion", "occasion", "options", "late_days", "hour"}` or
    `{"by": "segment", "segment_id", "hour"}`: `hour` is the hour on the customer's clock, -1 at once."""

    entry: Mapping[str, Any]
    steps: Steps
    again: str = "never"
    again_days: int = 90
    goal: str = ""
    goal_segment_id: int | None = None
    exits: tuple[str, ...] = ("unsubscribed", "suppressed", "complained")
    last: int = 0

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Plan":
        """The plan of what `written` made."""
        return cls(**{**kept, "exits": tuple(kept["exits"]), "steps": deepcopy(list(kept["steps"]))})

    def written(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "entry": dict(self.entry),
            "steps": self.steps,
            "again": self.again,
            "again_days": self.again_days,
            "goal": self.goal,
            "goal_segment_id": self.goal_segment_id,
            "exits": list(self.exits),
            "last": self.last,
        }


EMPTY = Plan(entry={"by": "segment", "segment_id": None, "hour": 9}, steps=[])


@dataclass(frozen=True)
class Node:
    """One step on the flattened way: `next` names for each result the step that follows ("": the end)."""

    key: str
    kind: str
    step: Step
    next: Mapping[str, str]
    depth: int
    path: str


# ── the way


def arms(step: Step) -> tuple[tuple[str, str], ...]:
    """The arms of a step: result and how people call it; none for a step with one way out."""
    kind = step["kind"]
    if kind == "branch":
        return (("yes", "Yes"), ("no", "No"))
    if kind == "wait_for":
        return (("came", "It happened"), ("late", "It did not, in time"))
    if kind == "split":
        return (("a", f"A: {step['share']} %"), ("b", f"B: {100 - int(step['share'])} %"))
    if kind == "task":
        done = tuple((f"r{n}", word) for n, word in enumerate(step["results"], 1))
        return (*done, ("late", "Not done in time"))
    return ()


def nodes(steps: Steps) -> list[Node]:
    """The steps in the order of the list, each with what follows: no step leads to an earlier one."""
    return list(_nodes(steps, "", 0, ""))


def _nodes(steps: Steps, behind: str, depth: int, path: str) -> Iterator[Node]:
    for n, step in enumerate(steps):
        follows = steps[n + 1]["key"] if n + 1 < len(steps) else behind
        here = f"{path}{n + 1}"
        ways = {}
        for arm, _ in arms(step):
            within = step["arms"][arm]
            ways[arm] = within[0]["key"] if within else follows
        if step["kind"] == "end":
            follows = ""
        yield Node(step["key"], step["kind"], step, ways or {"": follows}, depth, here)
        for letter, (arm, _) in zip("abcdefgh", arms(step), strict=False):
            yield from _nodes(step["arms"][arm], follows, depth + 1, f"{here}{letter}")


def find(steps: Steps, key: str) -> Step:
    """The step of that key; NotFound if there is none."""
    for node in nodes(steps):
        if node.key == key:
            return node.step
    raise NotFound("This step is not in the journey any more.")


def letters_before(steps: Steps, key: str) -> list[Node]:
    """The steps that send and stand before this one in the list: what it may ask opens and clicks of."""
    found = []
    for node in nodes(steps):
        if node.key == key:
            break
        if node.kind == "send":
            found.append(node)
    return found


# ── changes of a draft


def slots(steps: Steps, *, without: str = "") -> list[tuple[str, str]]:
    """Every place where a step may be put, in the order of the list, with words for a form.

    `without`: a step that is to be moved; places inside it, and where it stands already, are left out.
    """
    inside = {node.key for node in nodes([find(steps, without)])} if without else set()
    found = [("start", "at the beginning")]
    for node in nodes(steps):
        if node.key in inside:
            continue
        words = f"{node.path} {KINDS[node.kind]}"
        found.append((f"after:{node.key}", f"after {words}"))
        found += [(f"{node.key}:{arm}", f"in {words}, first in “{name}”") for arm, name in arms(node.step)]
    if without:
        here = slot_of(steps, without)
        found = [each for each in found if each[0] != here]
    return found


def slot_of(steps: Steps, key: str) -> str:
    """Where a step stands, in the words of `slots`."""
    holder, n, slot = _locate(steps, key, "start")
    return slot if n == 0 else f"after:{holder[n - 1]['key']}"


def _locate(steps: Steps, key: str, slot: str) -> tuple[Steps, int, str]:
    for n, step in enumerate(steps):
        if step["key"] == key:
            return steps, n, slot
        for arm, _ in arms(step):
            try:
                return _locate(step["arms"][arm], key, f"{step['key']}:{arm}")
            except NotFound:
                continue
    raise NotFound("This step is not in the journey any more.")


def with_step(plan: Plan, slot: str, kind: str, answers: Mapping[str, Any] | None = None) -> tuple[Plan, str]:
    """The plan with a new step of that kind in that place, and the key it got: one that no step ever had."""
    if kind not in KINDS:
        raise Invalid("There is no such kind of step.", {"kind": "Choose what the step is to do."})
    key = f"s{plan.last + 1}"
    step: Step = {"key": key, "kind": kind, **deepcopy(dict(_BLANK[kind])), **dict(answers or {})}
    _fit_arms(step, {})
    steps = deepcopy(plan.steps)
    _put(steps, slot, step)
    _check_size(steps)
    return _with(plan, steps, last=plan.last + 1), key


def with_answers(plan: Plan, key: str, answers: Mapping[str, Any]) -> Plan:
    """The plan with other answers in one step; arms that are still there keep their steps."""
    steps = deepcopy(plan.steps)
    step = find(steps, key)
    kept = step.get("arms", {})
    for name in _BLANK[step["kind"]]:
        if name in answers:
            step[name] = answers[name]
    _fit_arms(step, kept)
    return _with(plan, steps)


def moved(plan: Plan, key: str, slot: str) -> Plan:
    """The plan with a step, and all its arms hold, in another place."""
    steps = deepcopy(plan.steps)
    holder, n, _ = _locate(steps, key, "start")
    step = holder[n]
    if slot == f"after:{key}" or any(
        slot.startswith((f"{e.key}:", f"after:{e.key}")) and _names(slot, e.key) for e in nodes([step])
    ):
        raise Conflict("A step cannot be moved into itself.")
    holder.pop(n)
    _put(steps, slot, step)
    _check_size(steps)
    return _with(plan, steps)


def shifted(plan: Plan, key: str, by: int) -> Plan:
    """The plan with a step one place up (-1) or down (1) among its neighbours; at the border nothing changes."""
    steps = deepcopy(plan.steps)
    holder, n, _ = _locate(steps, key, "start")
    to = n + by
    if 0 <= to < len(holder):
        holder[n], holder[to] = holder[to], holder[n]
    return _with(plan, steps)


def without_step(plan: Plan, key: str) -> Plan:
    """The plan without a step and all its arms hold."""
    steps = deepcopy(plan.steps)
    holder, n, _ = _locate(steps, key, "start")
    holder.pop(n)
    return _with(plan, steps)


def _names(slot: str, key: str) -> bool:
    found = _SLOT.match(slot)
    return bool(found) and key in (found.group(1), found.group(2)) if found else False


def _put(steps: Steps, slot: str, step: Step) -> None:
    found = _SLOT.match(slot)
    if not found:
        raise Invalid("There is no such place in the journey.", {"slot": "Choose a place."})
    after, holder, arm = found.groups()
    if after:
        within, n, _ = _locate(steps, after, "start")
        within.insert(n + 1, step)
    elif holder:
        owner = find(steps, holder)
        if arm not in owner.get("arms", {}):
            raise Invalid("There is no such place in the journey.", {"slot": "Choose a place."})
        owner["arms"][arm].insert(0, step)
    else:
        steps.insert(0, step)


def _fit_arms(step: Step, kept: Mapping[str, Steps]) -> None:
    wanted = arms(step)
    step.pop("arms", None)
    if wanted:
        step["arms"] = {arm: kept.get(arm, []) for arm, _ in wanted}
    lost = [name for name, within in kept.items() if within and name not in dict(wanted)]
    if lost:
        raise Invalid(
            "An answer that leads to steps cannot be taken away: move or remove these steps first.",
            {"results": "Steps hang on an answer you took away. Move or remove them first."},
        )


def _check_size(steps: Steps) -> None:
    found = nodes(steps)
    if len(found) > MOST_STEPS:
        raise Invalid(f"A journey has at most {MOST_STEPS} steps.", {"slot": f"At most {MOST_STEPS} steps."})
    if any(node.depth > MOST_DEPTH for node in found):
        raise Invalid(
            f"Branches may lie at most {MOST_DEPTH} deep.", {"slot": f"At most {MOST_DEPTH} branches deep."}
        )


def _with(plan: Plan, steps: Steps, *, last: int | None = None) -> Plan:
    return Plan(**{**plan.__dict__, "steps": steps, "last": plan.last if last is None else last})


# ── what is wrong


@dataclass(frozen=True)
class Known:
    """What a plan may name: ids and names that exist at this moment. `attributes` by name → kind and choices."""

    templates: frozenset[int] = frozenset()
    segments: frozenset[int] = frozenset()
    occasions: frozenset[str] = frozenset()
    staff: frozenset[int] = frozenset()
    attributes: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    is_http_allowed: bool = False
    may_notify: bool = True


def faults_of(plan: Plan, known: Known) -> dict[str, str]:
    """Everything that keeps a plan from being switched on: `entry`, `goal`, `steps`, or a step's key → a sentence."""
    faults: dict[str, str] = {}
    entry = plan.entry
    if entry.get("by") == "occasion":
        if entry.get("occasion") not in known.occasions:
            faults["entry"] = "Choose the occasion by which customers enter."
    elif entry.get("segment_id") not in known.segments:
        faults["entry"] = "Choose the segment whose customers enter."
    if plan.again == "each" and entry.get("by") != "occasion":
        faults["again"] = "“For each occasion anew” needs an entry by an occasion."
    if plan.goal == "segment" and plan.goal_segment_id not in known.segments:
        faults["goal"] = "Choose the segment that is the goal."
    if not plan.steps:
        faults["steps"] = "The journey has no step yet."
    for node in nodes(plan.steps):
        if said := step_fault(node.step, plan.steps, known):
            faults[node.key] = said
    return faults


def step_fault(step: Step, steps: Steps, known: Known) -> str:
    """What is wrong with one step, in a sentence; nothing if it can be done."""
    return _CHECKS[step["kind"]](step, steps, known)


def _send(step: Step, _steps: Steps, known: Known) -> str:
    return "" if step["template_id"] in known.templates else "Choose a template for the letter."


def _wait(step: Step, _steps: Steps, _known: Known) -> str:
    most = {"minutes": 60 * 24, "hours": 24 * 60, "days": 400}
    unit = step["unit"]
    if unit not in most or not _is_between(step["amount"], 1, most[unit]):
        return f"Wait from 1 to {most.get(unit, 400)} {unit if unit in most else 'days'}."
    return ""


def _wait_until(step: Step, _steps: Steps, _known: Known) -> str:
    if step["weekday"] not in WEEKDAYS or not _is_between(step["hour"], 0, 23):
        return "Choose a day of the week and an hour from 0 to 23."
    return ""


def _wait_for(step: Step, steps: Steps, known: Known) -> str:
    if not _is_between(step["most_days"], 1, 400):
        return "Wait at least 1 and at most 400 days."
    if step["what"] == "occasion":
        return "" if step["occasion"] in known.occasions else "Choose the occasion to wait for."
    return _asks_letter(step, steps) if step["what"] in ("opened", "clicked") else ""


def _branch(step: Step, steps: Steps, known: Known) -> str:
    if step["by"] == "segment":
        return "" if step["segment_id"] in known.segments else "Choose the segment that is asked about."
    return _asks_letter(step, steps)


def _asks_letter(step: Step, steps: Steps) -> str:
    before = {node.key for node in letters_before(steps, step["key"])}
    return "" if step["letter"] in before else "Choose one of the letters sent before this step."


def _split(step: Step, _steps: Steps, _known: Known) -> str:
    return "" if _is_between(step["share"], 1, 99) else "Give A from 1 to 99 percent."


def _change(step: Step, _steps: Steps, known: Known) -> str:
    if step["what"] in ("tag", "untag"):
        return "" if _is_word(step["word"], 60) else "Write the tag: one line of at most 60 characters."
    if step["word"] not in known.attributes:
        return "Choose the attribute to set."
    kind, choices = known.attributes[step["word"]]
    if kind == "choice" and step["value"] and step["value"] not in choices:
        return "Choose one of the attribute's values."
    return ""


def _task(step: Step, _steps: Steps, known: Known) -> str:
    if not _is_word(step["title"], MOST_NAME):
        return "Say in one line what is to be done."
    if not _is_between(step["due_days"], 1, 365):
        return "Give from 1 to 365 days for it."
    words = step["results"]
    if not 1 <= len(words) <= 5 or len(set(words)) < len(words) or not all(_is_word(w, 60) for w in words):
        return "Give one to five different answers, each of at most 60 characters."
    if step["staff_id"] is not None and step["staff_id"] not in known.staff:
        return "Choose who is to do it."
    return ""


def _notify(step: Step, _steps: Steps, known: Known) -> str:
    if not known.may_notify:
        return "Notices are signed: set journeys.webhook_secret in config.toml first."
    return url_fault(step["url"], is_http_allowed=known.is_http_allowed)


def url_fault(url: str, *, is_http_allowed: bool) -> str:
    """What is wrong with the address of a webhook, as far as can be seen without looking it up."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "This is not an address."
    if len(url) > 500 or any(ord(c) <= 32 or ord(c) == 127 for c in url):
        return "The address has at most 500 characters and no spaces."
    if parts.scheme not in (("https", "http") if is_http_allowed else ("https",)):
        return "The address must begin with https://."
    if not parts.hostname or parts.username or parts.password or parts.fragment:
        return "Write an address like https://shop.example/hook, without a name and a password."
    if port == 0:
        return "This is not an address."
    return ""


def _end(_step: Step, _steps: Steps, _known: Known) -> str:
    return ""


_CHECKS = {
    "send": _send,
    "wait": _wait,
    "wait_until": _wait_until,
    "wait_for": _wait_for,
    "branch": _branch,
    "split": _split,
    "change": _change,
    "task": _task,
    "notify": _notify,
    "end": _end,
}


def _is_between(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_word(text: Any, longest: int) -> bool:
    return isinstance(text, str) and 0 < len(text.strip()) <= longest and text.isprintable()


# ── moments and chance


def end_of_wait(step: Step, arrived: datetime, zone: ZoneInfo) -> datetime:
    """When a wait that began at `arrived` is over.

    Days are days on the customer's wall (the same hour, also over a change of the clocks); hours and minutes are
    absolute. A day and hour that is now counts.
    """
    if step["kind"] == "wait_until":
        return _next_hour(arrived, int(step["weekday"]), int(step["hour"]), zone)
    if step["unit"] == "days":
        return days_later(arrived, int(step["amount"]), zone)
    return arrived + timedelta(**{str(step["unit"]): int(step["amount"])})


def days_later(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same time of day on the customer's wall, so many days later."""
    local = moment.astimezone(zone).replace(tzinfo=None)
    return instant_of(local + timedelta(days=days), zone)


def _next_hour(arrived: datetime, weekday: int, hour: int, zone: ZoneInfo) -> datetime:
    today = arrived.astimezone(zone).date()
    for n in range(9):
        day = today + timedelta(days=n)
        if weekday not in (-1, day.weekday()):
            continue
        moment = instant_of(datetime.combine(day, time(hour)), zone)
        if moment >= arrived:
            return moment
    raise AssertionError("every weekday comes within eight days")


LATE = timedelta(hours=1)
"""A step done at most so late counts from the moment it was meant for; after a longer stop, from now."""


def meant(due_at: datetime, now: datetime) -> datetime:
    """The moment from which the next step counts."""
    return due_at if now - due_at <= LATE else now


def arm_of_split(journey_id: int, step: str, customer_id: int, share: int) -> str:
    """`a` or `b`: by a hash of stable ids, so that the same customer always goes the same way."""
    digest = hashlib.sha256(f"{journey_id}:{step}:{customer_id}".encode()).digest()
    return "a" if int.from_bytes(digest[:8], "big") % 10_000 < share * 100 else "b"


def described(step: Step, names: Mapping[str, Mapping[Any, str]]) -> str:
    """A step in a few words. `names`: `templates`, `segments`, `occasions`, `letters`, each id → name."""
    kind = step["kind"]
    template = names["templates"].get(step.get("template_id"), "no template chosen yet")
    segment = names["segments"].get(step.get("segment_id"), "no segment chosen yet")
    letter = names["letters"].get(step.get("letter"), "no letter chosen yet")
    if kind == "send":
        return f"Send “{template}”"
    if kind == "wait":
        amount, unit = step["amount"], str(step["unit"])
        return f"Wait {amount} {unit[:-1] if amount == 1 else unit}"
    if kind == "wait_until":
        return f"Wait until {WEEKDAYS.get(step['weekday'], '?')}, {step['hour']:02d}:00"
    if kind == "wait_for":
        what = {
            "occasion": names["occasions"].get(step["occasion"], "no occasion chosen yet"),
            "opened": f"“{letter}” is opened",
            "clicked": f"“{letter}” is clicked",
        }.get(step["what"], "something is bought")
        return f"Wait until: {what}; at most {step['most_days']} days"
    if kind == "branch":
        return {"segment": f"In the segment “{segment}”?", "opened": f"Opened “{letter}”?"}.get(
            step["by"], f"Clicked in “{letter}”?"
        )
    if kind == "split":
        return f"By chance: {step['share']} % A, {100 - step['share']} % B"
    if kind == "change":
        word = step["word"] or "…"
        return {"tag": f"Add the tag “{word}”", "untag": f"Take the tag “{word}” away"}.get(
            step["what"], f"Set {word} to “{step['value']}”" if step["value"] else f"Empty {word}"
        )
    if kind == "task":
        return f"Task: {step['title'] or 'not described yet'}"
    if kind == "notify":
        return f"Tell {urlsplit(step['url']).hostname or 'another system'}"
    return "End"


def results_of(node: Node) -> Sequence[str]:
    """What a step may end with, in the counts."""
    if node.kind == "send":
        return ("queued", "held")
    return [arm for arm, _ in arms(node.step)] or [
        {"notify": "queued", "change": "done"}.get(node.kind, "passed")
    ]

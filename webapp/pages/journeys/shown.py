"""A plan as the pages draw it: steps in order, with words, arms, counts and faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from campaigns.journeys import KINDS, Names, Node, Plan, StepFigures, arms, nodes

ICONS: Mapping[str, str] = {
    "send": "envelope",
    "wait": "hourglass-split",
    "wait_until": "calendar-event",
    "wait_for": "eye",
    "branch": "signpost-split",
    "split": "shuffle",
    "change": "tag",
    "task": "person-check",
    "notify": "broadcast",
    "end": "flag",
}


@dataclass
class ShownStep:
    """One step on a page."""

    key: str
    kind: str
    path: str
    words: str
    icon: str
    what: str
    fault: str = ""
    here: int = 0
    passed: Mapping[str, int] = field(default_factory=dict)
    arms: "list[ShownArm]" = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.passed.values())


@dataclass
class ShownArm:
    """One way out of a step, with the steps on it; `slot` is the place before the first of them."""

    arm: str
    label: str
    slot: str
    passed: int
    steps: list[ShownStep]


def shown(
    plan: Plan,
    names: Names,
    *,
    faults: Mapping[str, str] | None = None,
    figures: Mapping[str, StepFigures] | None = None,
) -> list[ShownStep]:
    """The whole plan."""
    known = {node.key: node for node in nodes(plan.steps)}
    return [_step(step["key"], plan, known, names, faults or {}, figures or {}) for step in plan.steps]


def _step(
    key: str,
    plan: Plan,
    known: Mapping[str, Node],
    names: Names,
    faults: Mapping[str, str],
    figures: Mapping[str, StepFigures],
) -> ShownStep:
    node = known[key]
    count = figures.get(key, StepFigures(0, {}))
    return ShownStep(
        key=key,
        kind=node.kind,
        path=node.path,
        words=names.of(plan, node),
        icon=ICONS[node.kind],
        what=KINDS[node.kind],
        fault=faults.get(key, ""),
        here=count.here,
        passed=count.passed,
        arms=[
            ShownArm(
                arm,
                label,
                f"{key}:{arm}",
                count.passed.get(arm, 0),
                [_step(each["key"], plan, known, names, faults, figures) for each in node.step["arms"][arm]],
            )
            for arm, label in arms(node.step)
        ],
    )

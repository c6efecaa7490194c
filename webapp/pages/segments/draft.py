"""The editor's form: a rule on its way, which may still be incomplete; read from inputs, written as a rule.

An input is named by the place of its node and what it says: `r` is the whole rule, `r.0.field` the field of its
first part, `r.1.0.value` the value of the first part of its second group. A part with a `match` is a group.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as made
from typing import Any

from werkzeug.datastructures import MultiDict

from campaigns.fields import Catalogue, Field
from campaigns.segments import MOST_CONDITIONS, MOST_DEPTH, is_asked_about_unknown, operators

ROOT = "r"
MOST_PARTS = 4 * MOST_CONDITIONS
"""More inputs than any rule has are not looked at."""
_PLACE = re.compile(r"r(?:\.\d{1,3}){0,8}")


Posted = MultiDict[str, str]


@dataclass
class Node:
    """A group (`match` is set) or a condition of the draft.

    `place` names its inputs; `pointer` is where it stands in the rule (RFC 6901), for faults and counts.
    `values` are the words typed for the value, `filters` those typed to narrow it down.
    """

    place: str
    match: str = ""
    parts: list["Node"] = made(default_factory=list)
    field: str = ""
    op: str = ""
    values: list[str] = made(default_factory=list)
    filters: dict[str, str] = made(default_factory=dict)
    if_unknown: str = ""
    pointer: str = ""
    is_denied: bool = False

    @property
    def is_group(self) -> bool:
        return bool(self.match)

    @property
    def depth(self) -> int:
        return self.place.count(".") + 1

    @property
    def may_nest(self) -> bool:
        """Whether a group may still be put into this one."""
        return self.depth < MOST_DEPTH


def fresh() -> Node:
    """The draft that a new segment begins with: one condition to be chosen."""
    return settled(Node(ROOT, "all", [Node("")]))


def asked(given: Mapping[str, str], catalogue: Catalogue) -> Node:
    """The draft that an address asks for: a condition for each field it names, or that of a new segment."""
    parts = []
    for name, value in given.items():
        field = catalogue.get(name)
        if field is not None:
            words = [operator.name for operator in operators(field)]
            op = next((word for word in ("is", "equals", "has_any") if word in words), words[0])
            parts.append(Node("", field=name, op=op, values=[value[:200]]))
    return settled(Node(ROOT, "all", parts)) if parts else fresh()


def settled(root: Node) -> Node:
    """Name the places and pointers anew after something was put in or taken out."""

    def settle(node: Node, place: str, pointer: str, is_denied: bool) -> None:
        node.place, node.pointer, node.is_denied = place, pointer, is_denied
        denied = is_denied != (node.match == "none")
        for index, part in enumerate(node.parts):
            settle(part, f"{place}.{index}", f"{pointer}/{node.match}/{index}", denied)

    settle(root, ROOT, "", False)
    return root


def conditions(node: Node) -> Iterator[Node]:
    """All conditions of the draft."""
    if not node.is_group:
        yield node
    for part in node.parts:
        yield from conditions(part)


def without_blanks(root: Node) -> tuple[Node, dict[str, str]]:
    """A copy without the conditions that are not chosen yet, so that the others can be counted meanwhile; and
    from each pointer in the copy the one in the original."""
    pairs: list[tuple[Node, Node]] = []

    def copied(node: Node) -> Node | None:
        parts = [part for part in map(copied, node.parts) if part is not None]
        is_blank = not parts if node.is_group else not node.field
        if is_blank and node.place != ROOT:
            return None
        copy = replace(node, parts=parts)
        pairs.append((copy, node))
        return copy

    copy = copied(root)
    assert copy is not None
    settled(copy)
    return copy, {mine.pointer: theirs.pointer for mine, theirs in pairs}


# ── from the form


def read(form: Posted) -> Node:
    """The draft that the inputs describe; whatever does not belong to one is not looked at."""
    places = sorted(
        {key.rpartition(".")[0] for key in form if _PLACE.fullmatch(key.rpartition(".")[0])},
        key=lambda place: [int(number) for number in place.split(".")[1:]],
    )[:MOST_PARTS]
    nodes: dict[str, Node] = {}
    for place in places:
        node = _read_node(form, place)
        parent = nodes.get(place.rpartition(".")[0])
        if parent is not None and parent.is_group:
            parent.parts.append(node)
            nodes[place] = node
        elif place == ROOT:
            nodes[place] = node
    return settled(nodes.get(ROOT) or Node(ROOT, "all"))


def _read_node(form: Posted, place: str) -> Node:
    if match := form.get(f"{place}.match"):
        return Node(place, match if match in ("all", "any", "none") else "all")
    if place == ROOT:
        return Node(place, "all")
    prefix = f"{place}.where."
    return Node(
        place,
        field=form.get(f"{place}.field", ""),
        op=form.get(f"{place}.op", ""),
        values=[value.strip() for value in form.getlist(f"{place}.value") if value.strip()],
        filters={
            key.removeprefix(prefix): form.get(key, "").strip()
            for key in form
            if key.startswith(prefix) and "." not in key.removeprefix(prefix)
        },
        if_unknown=form.get(f"{place}.if_unknown", ""),
    )


def find(root: Node, place: str) -> Node | None:
    """The node at a place."""
    return next((node for node in _walk(root) if node.place == place), None)


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for part in node.parts:
        yield from _walk(part)


def changed(root: Node, act: str) -> Node:
    """The draft after a button: `add:<place>`, `group:<place>` or `remove:<place>`; other acts change nothing."""
    verb, _, place = act.partition(":")
    node = find(root, place)
    if node is None:
        return root
    if verb == "add" and node.is_group:
        node.parts.append(Node(""))
    elif verb == "group" and node.is_group and node.may_nest:
        node.parts.append(Node("", "any", [Node("")]))
    elif verb == "remove" and place != ROOT:
        parent = find(root, place.rpartition(".")[0])
        assert parent is not None
        parent.parts.remove(node)
    return settled(root)


# ── to a rule


def rule(node: Node, catalogue: Catalogue) -> dict[str, Any]:
    """The JSON of the draft. What is incomplete goes in as it was typed, for the language to find fault with."""
    if node.is_group:
        return {node.match: [rule(part, catalogue) for part in node.parts]}
    found: dict[str, Any] = {"field": node.field}
    asked = catalogue.get(node.field)
    if asked is None:
        return found
    operator = next((each for each in operators(asked) if each.name == node.op), operators(asked)[0])
    found["op"] = operator.name
    if operator.argument != "none":
        found["value"] = _argument(operator.argument, asked, node.values)
    if where := _filters(asked, node.filters):
        found["where"] = where
    may_say = asked.may_be_unknown and operator.name not in ("known", "unknown")
    is_asked = is_asked_about_unknown(asked, operator, is_denied=node.is_denied)
    if may_say and is_asked and node.if_unknown in ("yes", "no"):
        found["if_unknown"] = node.if_unknown == "yes"
    return found


def _argument(kind: str, asked: Field, values: Sequence[str]) -> Any:
    first = values[0] if values else ""
    if kind == "words":
        return (
            list(values) if len(values) != 1 else [word.strip() for word in first.split(",") if word.strip()]
        )
    if kind == "amount":
        return _number(first, asked)
    if kind == "amounts":
        return [_number(value, asked) for value in values]
    if kind in ("days", "month"):
        return _number(first, None)
    if kind == "span":
        return list(values)
    if kind == "truth":
        return {"yes": True, "no": False}.get(first, first)
    return first


def _number(text: str, asked: Field | None) -> Any:
    """A number as people type it (money in units, to minor ones); the text itself where it is none."""
    plain = text.replace(" ", "").replace("\u00a0", "").replace(",", ".")
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?", plain, re.ASCII):
        return text
    if asked is not None and asked.kind == "money":
        minor = round(float(plain) * 100, 4)
        return int(minor) if minor == int(minor) else minor
    return float(plain) if "." in plain else int(plain)


def _filters(asked: Field, typed: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for filter_ in asked.filters:
        if filter_.kind != "period":
            if word := typed.get(filter_.name):
                found[filter_.name] = word
            continue
        when = typed.get("period", "")
        if when == "last":
            found["period"] = {"last_days": _number(typed.get("last_days", ""), None)}
        elif when == "between":
            days = {name: typed.get(name, "") for name in ("from", "to")}
            found["period"] = {name: day for name, day in days.items() if day} or {"from": ""}
    return found


# ── from a rule


def drafted(found: Mapping[str, Any], catalogue: Catalogue) -> Node:
    """The draft of a rule that is saved; of a field that is no longer there the condition stays, to be mended."""
    return settled(_drafted(found, catalogue))


def _drafted(found: Mapping[str, Any], catalogue: Catalogue) -> Node:
    if "field" not in found:
        match = next(word for word in ("all", "any", "none") if word in found)
        return Node("", match, [_drafted(part, catalogue) for part in found[match]])
    asked = catalogue.get(found["field"])
    answer = found.get("if_unknown")
    return Node(
        "",
        field=found["field"],
        op=found.get("op", ""),
        values=_typed(found.get("value"), asked),
        filters=_typed_filters(found.get("where", {})),
        if_unknown="" if answer is None else "yes" if answer else "no",
    )


def _typed(value: Any, asked: Field | None) -> list[str]:
    if value is None:
        return []
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, list):
        return [word for each in value for word in _typed(each, asked)]
    if asked is not None and asked.kind == "money":
        units = f"{value / 100:.2f}"
        return [units.removesuffix(".00")]
    return [str(value)]


def _typed_filters(where: Mapping[str, Any]) -> dict[str, str]:
    typed = {name: str(value) for name, value in where.items() if name != "period"}
    period = where.get("period")
    if period is None:
        return typed
    if "last_days" in period:
        return {**typed, "period": "last", "last_days": str(period["last_days"])}
    return {**typed, "period": "between", **{name: str(day) for name, day in period.items()}}

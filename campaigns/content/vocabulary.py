"""What a template may name: the declared merge fields, checked in its syntax tree, and worst cases made of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from jinja2 import nodes
from sqlalchemy.orm import Session

from campaigns import merge, occasions
from campaigns.content.faults import Fault
from campaigns.content.language import dotted
from campaigns.merge import MergeField, MergeSource

LINK_FIELDS = (
    MergeField("unsubscribe", "Page to unsubscribe", may_lack=False),
    MergeField("preferences", "Page of preferences", may_lack=False),
    MergeField("view", "This letter as a web page", may_lack=False),
)
SHOP_FIELDS = (
    MergeField("name", "Name of the shop", may_lack=False, example="The Shop"),
    MergeField("address", "Postal address of the shop", example="1 Example Street, 75001 Paris"),
    MergeField("site", "Site of the shop", may_lack=False, example="https://shop.example"),
    MergeField("email", "Address that letters come from", may_lack=False, example="hello@shop.example"),
    MergeField("language", "Language of the shop", may_lack=False, example="en"),
    MergeField("currency", "Currency of the shop", may_lack=False, example="EUR"),
)


@dataclass(frozen=True)
class Family:
    """The fields under one name."""

    name: str
    label: str
    fields: tuple[MergeField, ...]


@dataclass(frozen=True)
class Vocabulary:
    """Every name that a template may use."""

    families: tuple[Family, ...]

    @property
    def fields(self) -> dict[str, MergeField]:
        """Dotted name → field."""
        return {f"{family.name}.{field.name}": field for family in self.families for field in family.fields}

    def used(self, tree: nodes.Template) -> tuple[list[str], list[Fault]]:
        """The fields that a template names, and a fault for each name that is not one."""
        reader = _Reader(self)
        reader.visit(tree, {})
        return sorted(reader.used), reader.faults

    def values(
        self, *, longest: bool = False, is_sparse: bool = False, lacking: Iterable[str] = ()
    ) -> dict[str, Any]:
        """A made-up customer's values: usual ones or the longest; None for the names in `lacking`.

        `is_sparse`: the entries of lists have only what every entry has.
        """
        values: dict[str, Any] = {}
        without = set(lacking)
        for name, field in self.fields.items():
            value = field.longest if longest and field.longest is not None else field.example
            if is_sparse and field.items:
                lacks = {item.name: None for item in field.items if item.may_lack}
                value = [{**entry, **lacks} for entry in field.example]
            if name in without:
                value = [] if field.kind == "list" else None
            _put(values, name.split("."), value)
        return values

    def may_lack(self) -> list[str]:
        """The names whose value some customers have not; lists may be empty."""
        return [name for name, field in self.fields.items() if field.may_lack or field.kind == "list"]


def vocabulary(session: Session, sources: Mapping[str, MergeSource] | None, purpose: str) -> Vocabulary:
    """The vocabulary of templates of one purpose (the name of an occasion, or any other word).

    `sources`: as the roof gathered them; None: gathered here.
    """
    sources = merge.gather() if sources is None else sources
    families = [
        Family(source.name, source.label, (*source.fields, *source.declared(session)))
        for source in sources.values()
    ]
    return Vocabulary(
        (
            *families,
            Family("letter", "Occasion of the letter", _facts(purpose)),
            Family("shop", "Shop", SHOP_FIELDS),
            Family("links", "Links of the foot", LINK_FIELDS),
        )
    )


def _facts(purpose: str) -> tuple[MergeField, ...]:
    offered = occasions.gather()
    own = offered[purpose].facts if purpose in offered else ()
    known = {fact.name: fact for fact in own}
    for occasion in offered.values():
        for fact in occasion.facts:  # of other occasions: known words, but nothing to rely on
            known.setdefault(fact.name, MergeField(fact.name, fact.label, fact.kind, True, fact.example))
    return tuple(known.values())


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    for word in path[:-1]:
        values = values.setdefault(word, {})
    values[path[-1]] = value


Locals = dict[str, tuple[MergeField, ...] | None]
"""Names that the template gave itself → the fields of what they hold, where that is known."""


class _Reader:
    """Walks a syntax tree and notes the names that are read."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.fields = vocabulary.fields
        self.families = {family.name for family in vocabulary.families}
        self.used: set[str] = set()
        self.faults: list[Fault] = []

    def visit(self, node: nodes.Node, local: Locals) -> None:
        path = dotted(node)
        if path and not (isinstance(node, nodes.Name) and node.ctx != "load"):
            self._note(path, node.lineno, local)
        elif isinstance(node, nodes.For):
            self._visit_loop(node, local)
        elif isinstance(node, nodes.Assign | nodes.AssignBlock):
            self._visit_children(node, local)
            local.update(dict.fromkeys(_targets(node.target)))
        elif isinstance(node, nodes.With):
            inner = {**local, **{name: None for target in node.targets for name in _targets(target)}}
            for child in (*node.values, *node.body):
                self.visit(child, inner)
        else:
            self._visit_children(node, local)

    def _visit_children(self, node: nodes.Node, local: Locals) -> None:
        for child in node.iter_child_nodes():
            if not (isinstance(child, nodes.Name) and child.ctx != "load"):
                self.visit(child, local)

    def _visit_loop(self, node: nodes.For, local: Locals) -> None:
        self.visit(node.iter, local)
        inner: Locals = {**local, "loop": None, **dict.fromkeys(_targets(node.target))}
        field = self.fields.get(dotted(node.iter))
        if field and field.items and isinstance(node.target, nodes.Name):
            inner[node.target.name] = field.items
        for child in (*([node.test] if node.test else []), *node.body):
            self.visit(child, inner)
        for child in node.else_:
            self.visit(child, local)

    def _note(self, path: str, line: int, local: Locals) -> None:
        root, _, rest = path.partition(".")
        if root in local:
            items = local[root]
            names = [field.name for field in items or ()]
            if items and rest and rest.partition(".")[0] not in names:
                self.faults.append(Fault(f"There is no value {path}{_or_rather(rest, names, root)}.", line))
        elif path in self.fields:
            self.used.add(path)
        elif root == "range" or path in self._groups():
            return
        else:
            self.faults.append(Fault(f"There is no value {path}{self._nearest(path)}.", line))

    def _groups(self) -> set[str]:
        return self.families | {name.rpartition(".")[0] for name in self.fields}

    def _nearest(self, path: str) -> str:
        by_last = {name.rpartition(".")[2]: name for name in self.fields}
        if path in by_last:
            return f"; did you mean {by_last[path]}?"[:-1]
        near = get_close_matches(path, list(self.fields), n=1, cutoff=0.6)
        near = near or [
            by_last[word] for word in get_close_matches(path.rpartition(".")[2], list(by_last), n=1)
        ]
        return f"; did you mean {near[0]}" if near else ""


def _or_rather(word: str, names: list[str], root: str) -> str:
    near = get_close_matches(word, names, n=1)
    return f"; did you mean {root}.{near[0]}" if near else ""


def _targets(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Name):
        yield node.name
    for child in node.iter_child_nodes():
        yield from _targets(child)

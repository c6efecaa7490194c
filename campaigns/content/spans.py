"""A template's source as spans: text, expressions, statements; layouts flattened into it, every line remembered."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from jinja2 import TemplateSyntaxError

from campaigns.content.faults import Fault, Refused
from campaigns.content.language import environment

Kind = Literal["text", "expression", "statement", "raw"]
ReadLayout = Callable[[str], str | None]

DEEPEST = 5
"""Layouts may extend layouts, and parts include parts, so many times."""

_LAYOUT_NAME = re.compile(r"[a-z0-9_-]+\.(?:mjml|html)")
_QUOTED = re.compile(r"""\{%-?\s*\w+\s+(["'])(?P<name>[^"']+)\1\s*-?%\}""")
_BLOCK_NAME = re.compile(r"\{%-?\s*block\s+(?P<name>\w+)")
_SUPER = re.compile(r"\{\{-?\s*super\(\)\s*-?\}\}")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of source. `line` is where it begins; `origin` the layout it comes from, "" for the template."""

    text: str
    kind: Kind
    line: int
    origin: str = ""
    word: str = ""

    @property
    def inside(self) -> str:
        """What stands between the braces of an expression."""
        return self.text[2:-2].strip("-+ \t\n")


@dataclass(slots=True)
class _Block:
    name: str
    body: list["Span | _Block"] = field(default_factory=list)


def flattened(source: str, read_layout: ReadLayout) -> list[Span]:
    """The whole letter as one list of spans: its layout around it, comments left out.

    Raises Refused where the template language cannot be read, a layout is unknown, or text outside the
    blocks of an extending template would be lost.
    """
    return list(_resolved(list(_spans(source, "")), read_layout, {}, 0))


def _resolved(
    spans: list[Span], read_layout: ReadLayout, blocks: dict[str, _Block], depth: int
) -> Iterator[Span]:
    if depth > DEEPEST:
        raise Refused(
            [Fault(f"Layouts are nested more than {DEEPEST} deep.", spans[0].line if spans else None)]
        )
    items = _tree(spans)
    own = {block.name: block for block in _blocks(items)}
    over = own | blocks
    for name, block in blocks.items():
        if name in own:
            _replace_super(block, own[name])
    extends = next((s for s in spans if s.word == "extends"), None)
    if extends is None:
        yield from _written(items, over, read_layout, depth)
        return
    yield from _kept_outside_blocks(items)
    yield from _resolved(_layout(extends, read_layout), read_layout, over, depth + 1)


def _written(
    items: Iterable["Span | _Block"], over: dict[str, _Block], read_layout: ReadLayout, depth: int
) -> Iterator[Span]:
    for item in items:
        if isinstance(item, _Block):
            yield from _written(over.get(item.name, item).body, over, read_layout, depth)
        elif item.word == "include":
            yield from _resolved(_layout(item, read_layout), read_layout, {}, depth + 1)
        else:
            yield item


def _kept_outside_blocks(items: Iterable["Span | _Block"]) -> Iterator[Span]:
    for item in items:
        if (
            isinstance(item, _Block)
            or item.word == "extends"
            or (item.kind == "text" and not item.text.strip())
        ):
            continue
        if item.word != "set":
            raise Refused([Fault("Text outside the blocks would be lost: move it into a block.", item.line)])
        yield item


def _replace_super(block: _Block, parent: _Block) -> None:
    body: list[Span | _Block] = []
    for item in block.body:
        is_super = isinstance(item, Span) and item.kind == "expression" and _SUPER.fullmatch(item.text)
        body.extend(parent.body if is_super else [item])
    block.body = body


def _layout(span: Span, read_layout: ReadLayout) -> list[Span]:
    match = _QUOTED.fullmatch(span.text)
    if not match:
        raise Refused([Fault(f"{{% {span.word} %}} needs the name of a layout in quotes.", span.line)])
    name = match["name"]
    text = read_layout(name) if _LAYOUT_NAME.fullmatch(name) else None
    if text is None:
        raise Refused([Fault(f"There is no layout {name}.", span.line)])
    return [Span(s.text, s.kind, span.line, name, s.word) for s in _spans(text, name)]


def _tree(spans: Iterable[Span]) -> list["Span | _Block"]:
    root = _Block("")
    open_blocks = [root]
    for span in spans:
        if span.word == "block" and (match := _BLOCK_NAME.match(span.text)):
            block = _Block(match["name"])
            open_blocks[-1].body.append(block)
            open_blocks.append(block)
        elif span.word == "endblock":
            if len(open_blocks) == 1:
                raise Refused([Fault("This {% endblock %} closes nothing.", span.line)])
            open_blocks.pop()
        else:
            open_blocks[-1].body.append(span)
    if len(open_blocks) > 1:
        raise Refused([Fault(f"The block {open_blocks[-1].name} is never closed.")])
    return root.body


def _blocks(items: Iterable["Span | _Block"]) -> Iterator[_Block]:
    for item in items:
        if isinstance(item, _Block):
            yield item
            yield from _blocks(item.body)


_BEGINS: dict[str, Kind] = {
    "variable_begin": "expression",
    "block_begin": "statement",
    "raw_begin": "raw",
}
_ENDS = frozenset({"variable_end", "block_end", "raw_end"})


def _spans(source: str, origin: str) -> Iterator[Span]:
    parts: list[str] = []
    kind: Kind = "text"
    start, word = 1, ""
    try:
        for line, lexeme, value in environment().lex(source):
            if lexeme in _BEGINS:
                kind, start, parts, word = _BEGINS[lexeme], line, [value], ""
            elif lexeme in _ENDS:
                yield Span("".join([*parts, value]), kind, start, origin, word)
                kind, parts = "text", []
            elif kind != "text":
                parts.append(value)
                word = word or (value if lexeme == "name" else "")
            elif lexeme == "data":
                yield Span(value, "text", line, origin)
    except TemplateSyntaxError as error:
        said = str(error.message or "").rstrip(".")
        raise Refused(
            [Fault(f"The template language does not understand this: {said}.", error.lineno)]
        ) from error

"""Conditions that HTML cannot follow: an element opened in two branches and closed once, an attribute given twice.

A parser reads all branches at once. What it mends there it mends silently, so it is refused with its line.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from campaigns.content.faults import Fault, Refused
from campaigns.content.markers import Markers
from campaigns.content.mjml_stage import LineOf
from campaigns.content.page import without_comments
from campaigns.content.spans import Span

_PAIRED = frozenset(
    [
        "a",
        "b",
        "center",
        "div",
        "em",
        "font",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "i",
        "section",
        "span",
        "strong",
        "table",
        "u",
        "blockquote",
        "ol",
        "ul",
    ]
)
"""Elements whose end tag cannot be left away."""
_TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
_TURN = re.compile(r"<!--|-->|<(?=[a-zA-Z/])|[>\"']")
_ATTRIBUTE = re.compile(r"([a-zA-Z_:][\w:.-]*)\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+)")


def among_attributes(spans: Sequence[Span]) -> set[int]:
    """Which statements (by their place) stand within a tag, outside its quotes: `<td {% if … %}class="a"…>`.

    Refuses a value in that place, as it could bring attributes of its own.
    """
    found: set[int] = set()
    state, before = "text", ""
    for place, span in enumerate(spans):
        if span.kind == "text":
            state, before = _state_after(span.text, state), span.text or before
        elif state == "tag" and span.kind == "statement":
            found.add(place)
        elif state == "tag" and not before.rstrip().endswith("="):
            raise Refused(
                [Fault(f"{span.text} must stand within quotes, as the value of an attribute.", span.line)]
            )
    return found


def _state_after(text: str, state: str) -> str:
    """`text`, `tag`, `comment`, or the quote that a value is in, after these characters."""
    for match in _TURN.finditer(text):
        turn = match[0]
        if state == "text" and turn == "<!--":
            state = "comment"
        elif state == "comment":
            state = "text" if turn == "-->" else state
        elif state == "text" and turn == "<":
            state = "tag"
        elif state == "tag" and turn in ("'", '"'):
            state = turn
        elif state in ("'", '"'):
            state = "tag" if turn == state else state
        elif state == "tag" and turn.endswith(">"):
            state = "text"
    return state


def check(protected: str, markers: Markers, line_of: LineOf) -> None:
    """Refuse a page (with its markers) whose branches no parser can keep apart."""
    if not any(span.kind == "statement" for span in markers.spans):
        return
    text = without_comments(protected)
    faults = [*_twice(text, markers, line_of), *_unequal(text, markers)]
    if faults:
        raise Refused(faults[:3])


def _twice(text: str, markers: Markers, line_of: LineOf) -> Iterator[Fault]:
    for tag in _TAG.finditer(text):
        if not any(markers.spans[number].kind == "statement" for number in markers.numbers(tag[3])):
            continue
        names = Counter(name.lower() for name in _ATTRIBUTE.findall(tag[3]))
        for name, count in names.items():
            if count > 1 and not markers.has(name):
                sentence = f"{name} stands twice in one <{tag[2]}>: put the condition inside its value."
                yield Fault(sentence, line_of(tag.start()))


def _unequal(text: str, markers: Markers) -> Iterator[Fault]:
    balance: Counter[str] = Counter()
    branches: list[tuple[Span, Counter[str]]] = []
    suspects: list[tuple[Span, Counter[str]]] = []
    for piece in markers.split(text):
        if isinstance(piece, str):
            _count(piece, [balance, *(counted for _, counted in branches)])
        elif piece.word in ("if", "for"):
            branches.append((piece, Counter()))
        elif piece.word in ("else", "elif") and branches:
            suspects.append(branches.pop())
            branches.append((piece, Counter()))
        elif piece.word in ("endif", "endfor") and branches:
            suspects.append(branches.pop())
    for tag, count in balance.items():
        found = next((span for span, counted in suspects if counted[tag]), None)
        if count and found is not None:
            yield Fault(
                f"<{tag}> is opened in more branches than it is closed: put the condition inside its attributes, "
                "or open and close it in the same branch.",
                found.line,
            )


def _count(text: str, counters: list[Counter[str]]) -> None:
    for close, name, rest in re.findall(r"<(/?)([a-zA-Z][\w:-]*)([^<>]*)", text):
        if name.lower() in _PAIRED and not rest.endswith("/"):
            for counter in counters:
                counter[name.lower()] += -1 if close else 1

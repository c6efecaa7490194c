"""Where a letter leads: every link gets a position, its target is kept aside, the foot's links a placeholder."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from campaigns.content.faults import Fault, Refused
from campaigns.content.markers import Markers
from campaigns.content.page import LineOfText
from campaigns.content.spans import Span
from campaigns.links import BASE_PLACEHOLDER, PREFERENCES, TOKEN_PLACEHOLDER, UNSUBSCRIBE, VIEW

LINK = "LIAISONxLINKx{:04d}x"
"""Stands in a compiled letter for the address of the link at that position."""
LINK_PATTERN = re.compile(r"LIAISONxLINKx(\d{4})x")

FOOT = {
    "links.unsubscribe": BASE_PLACEHOLDER + UNSUBSCRIBE + TOKEN_PLACEHOLDER,
    "links.preferences": BASE_PLACEHOLDER + PREFERENCES + TOKEN_PLACEHOLDER,
    "links.view": BASE_PLACEHOLDER + VIEW + TOKEN_PLACEHOLDER,
}
"""The links that every body carries with the recipient's token, tracked or not."""

_UNTOUCHED = ("mailto:", "tel:", "sms:", "#")
_MSO_LINK = re.compile(
    r"""(<(?:a|area|v:\w+)\b[^<>]{0,2000}?\bhref\s*=\s*)(["'])([^"'<>]{0,4000})\2""", re.IGNORECASE
)
_NAME = re.compile(r"[a-z_]\w*(?:\.\w+)+")
_ENCODED = re.compile(r"\|\s*urlencode\s*$")


@dataclass
class Targets:
    """The links of one letter. `moving` holds, by position, targets that depend on the recipient, as Jinja."""

    markers: Markers
    line_of_text: LineOfText
    links: list[dict[str, Any]] = field(default_factory=list)
    moving: dict[int, tuple[str, str]] = field(default_factory=dict)

    def place(self, root: etree._Element) -> None:
        """Put placeholders into every link of the page, in place."""
        for element in root.iter("a", "area"):
            href = element.get("href")
            if href is not None:
                category = str(element.attrib.pop("data-category", ""))
                element.set("href", self._placeholder(href, _words(element), category))
        for comment in root.iter(etree.Comment):
            text = comment.text or ""
            if "href" in text:
                comment.text = _MSO_LINK.sub(self._in_comment, text)

    def _in_comment(self, match: re.Match[str]) -> str:
        target = self._placeholder(html.unescape(match[3]), "", "")
        return f"{match[1]}{match[2]}{html.escape(target)}{match[2]}"

    def _placeholder(self, target: str, words: str, category: str) -> str:
        pieces = self.markers.split(target.strip())
        for piece in pieces:
            if isinstance(piece, Span) and piece.inside in FOOT:
                return self._foot(piece, pieces, target)
        if not self.markers.has(target):
            return self._static(target.strip(), words, category)
        return self._moving(target.strip(), pieces, words, category)

    def _foot(self, span: Span, pieces: list[str | Span], target: str) -> str:
        if len(pieces) > 1:
            raise Refused([Fault(f"{span.text} must stand alone as the address of a link.", span.line)])
        self.markers.seen.update(self.markers.numbers(target))
        return FOOT[span.inside]

    def _static(self, target: str, words: str, category: str) -> str:
        lower = target.lower()
        if not target or lower.startswith(_UNTOUCHED) or target == BASE_PLACEHOLDER:
            return target
        if not lower.startswith(("http://", "https://")):
            raise Refused([Fault(_not_whole(target), self.line_of_text(target[:40]))])
        return self._take({"url": target, "text": words, "category": category})

    def _moving(self, target: str, pieces: list[str | Span], words: str, category: str) -> str:
        start = "".join(_statically(pieces)).lower()
        if start and not start.startswith(("http://", "https://", "mailto:", "tel:", "sms:")):
            line = next((piece.line for piece in pieces if isinstance(piece, Span)), None)
            raise Refused([Fault(_not_whole(start), line)])
        is_untouched = start.startswith(_UNTOUCHED)
        target = self.guarded(target, is_start=not start, part="_mailbox" if is_untouched else "_url_part")
        if is_untouched:
            return target
        shown = "".join(piece.text if isinstance(piece, Span) else piece for piece in pieces)
        placeholder = self._take({"url": shown, "text": words, "category": category, "is_sealed": True})
        position = len(self.links) - 1
        self.moving[position] = (
            self.markers.restore(html.escape(target)),
            self.markers.restore(target),
        )
        return placeholder

    def _take(self, link: dict[str, Any]) -> str:
        for position, known in enumerate(self.links):  # Outlook's copy of a button is the same link
            if known["url"] == link["url"] and not link["text"]:
                return LINK.format(position)
        link["text"] = self._spoken(link["text"])[:200]
        self.links.append(link)
        return LINK.format(len(self.links) - 1)

    def _spoken(self, words: str) -> str:
        """A link's words for reports: of a condition the first branch, a value by its name."""
        said: list[str] = []
        branch: list[bool] = []  # of each open condition: whether its first branch is being read
        for piece in self.markers.split(words):
            if isinstance(piece, str):
                text = piece
            elif piece.kind == "expression":
                name = _NAME.search(piece.text)
                text = f"[{name[0]}]" if name else "[…]"
            else:
                text = ""
                if piece.word == "if":
                    branch.append(True)
                elif piece.word in ("else", "elif") and branch:
                    branch[-1] = False
                elif piece.word == "endif" and branch:
                    branch.pop()
            if all(branch):
                said.append(text)
        return " ".join("".join(said).split())

    def guarded(self, target: str, *, is_start: bool, part: str = "_url_part") -> str:
        """An address whose expressions are escaped for their place: the whole of it, or a part of a query."""
        change: dict[int, str] = {}
        for piece, number in _numbered(self.markers, target):
            if isinstance(piece, str):
                is_start = is_start and not piece.strip()
            elif piece.kind == "expression":
                whole = is_start
                is_start = False
                if whole or not _ENCODED.search(piece.inside):
                    change[number] = f"{{{{ ({piece.inside})|{'_address' if whole else part} }}}}"
            elif piece.word in ("else", "elif"):
                is_start = not any(isinstance(p, str) and p.strip() for p in self.markers.split(target)[:1])
        return self.markers.reworded(target, change)


def guard_values(root: etree._Element, markers: Markers, targets: Targets) -> None:
    """Escape what is merged into styles and into addresses of images for its place, not just as HTML."""
    for element in root.iter(etree.Element):
        text = element.text or ""
        if element.tag == "style" and markers.has(text):
            element.text = _css_guarded(text, markers)
        for name, value in element.attrib.items():
            if not markers.has(str(value)):
                continue
            if name == "style":
                element.set(name, _css_guarded(str(value), markers))
            elif name in ("src", "background", "poster"):
                start = "".join(_statically(markers.split(str(value))))
                element.set(name, targets.guarded(str(value), is_start=not start))


def _css_guarded(text: str, markers: Markers) -> str:
    change = {
        number: f"{{{{ ({piece.inside})|_css }}}}"
        for piece, number in _numbered(markers, text)
        if isinstance(piece, Span) and piece.kind == "expression"
    }
    return markers.reworded(text, change)


def _numbered(markers: Markers, text: str) -> Iterator[tuple[str | Span, int]]:
    numbers = iter(markers.numbers(text))
    for piece in markers.split(text):
        yield piece, next(numbers) if isinstance(piece, Span) else -1


def _statically(pieces: list[str | Span]) -> Iterator[str]:
    """The plain text an address begins with, whatever statements stand before it."""
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
            return
        if piece.kind == "expression":
            return


def _words(element: etree._Element) -> str:
    words = " ".join("".join(map(str, element.itertext(etree.Element))).split())
    if not words:
        words = " ".join(image.get("alt", "") for image in element.iter("img")).strip()
    return words


def _not_whole(target: str) -> str:
    return f"The link “{target[:60]}” is not a whole address: begin it with https:// (or mailto:, tel:)."

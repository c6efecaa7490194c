"""The text part of a letter, made of its HTML: headings, lists, links with their addresses, tables row by row."""

import re
from collections.abc import Iterator

from lxml import etree

from campaigns.content.markers import Markers
from campaigns.content.spans import Span

_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "figcaption",
        "figure",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_SPACED = frozenset(
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "table", "pre", "dl", "figure"]
)
_SKIPPED = frozenset(["style", "head", "title", "script", "template", "noscript"])
_UNDERLINES = {"h1": "=", "h2": "-"}
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)


def to_text(root: etree._Element, before: str, markers: Markers) -> str:
    """The plain text of a page, with the page's own markers and link placeholders in it.

    `before`: what stands before <html>, for the statements in it.
    """
    writer = _Writer(markers)
    body = root.find("body")
    for number in markers.numbers(before):
        if markers.spans[number].kind == "statement":
            writer.write(f" {markers.copy(number)} ")
    writer.end_line()
    _block(body if body is not None else root, writer)
    return writer.finished()


class _Writer:
    """Gathers inline text, and turns it into lines with at most one blank line between them."""

    def __init__(self, markers: Markers) -> None:
        self.markers = markers
        self.lines: list[str] = []
        self.inline: list[str] = []
        self.prefixes: list[str] = []
        self.bullet = ""
        self.is_spaced = False

    def write(self, text: str) -> None:
        self.inline.append(text)

    def end_line(self, *, is_spaced: bool = False, underline: str = "") -> None:
        """Finish the line at hand; with `is_spaced`, leave a blank line before what comes next."""
        text = "\n".join(
            re.sub(r"[ \t\r\n\xa0\u200c\u200b\ufeff\u034f\u00ad]+", " ", part).strip()
            for part in "".join(self.inline).split("\v")
        )
        self.inline.clear()
        if text.strip("\n"):
            self._put(text.strip("\n"), underline)
        self.is_spaced = self.is_spaced or is_spaced

    def _put(self, text: str, underline: str) -> None:
        if self._is_only_statements(text):
            self.lines.append("\f" + text)
            return
        self.end_gap()
        indent, first = "".join(self.prefixes), self.bullet
        self.bullet = ""
        for number, line in enumerate(text.split("\n")):
            lead = indent[: -len(first)] + first if first and not number else indent
            self.lines.append((lead + line).rstrip())
        if underline:
            shown = sum(map(self._width, self.markers.split(text.split("\n")[-1])))
            self.lines.append(indent + underline * min(max(shown, 3), 60))

    def end_gap(self) -> None:
        """Write the blank line that is owed to what came before, if there is something before."""
        if self.is_spaced and any(not line.startswith("\f") for line in self.lines):
            self.lines.append("".join(self.prefixes).rstrip())
        self.is_spaced = False

    @staticmethod
    def _width(piece: str | Span) -> int:
        if isinstance(piece, str):
            return len(piece)
        return 8 if piece.kind == "expression" else 0

    def _is_only_statements(self, text: str) -> bool:
        return all(
            not piece.strip() if isinstance(piece, str) else piece.kind == "statement"
            for piece in self.markers.split(text)
        )

    def finished(self) -> str:
        """All lines; a line that holds only statements joins the next, so that it leaves no empty line."""
        self.end_line()
        out: list[str] = []
        waiting = ""
        for line in self.lines:
            if line.startswith("\f"):
                waiting += line[1:].replace(" ", "")
            else:
                out.append(waiting + line)
                waiting = ""
        return "\n".join(out) + "\n" + waiting


def _block(element: etree._Element, writer: _Writer) -> None:
    tag = str(element.tag)
    spaced = tag in _SPACED and not (tag in ("ul", "ol") and _is_in(element, "li"))
    writer.end_line(is_spaced=spaced)
    if tag == "hr":
        writer.write("-" * 40)
    elif tag == "tr":
        _row(element, writer)
    elif tag in ("ul", "ol"):
        _list(element, writer)
    elif tag == "blockquote":
        writer.end_gap()
        writer.prefixes.append("> ")
        _inside(element, writer)
        writer.end_line()
        writer.prefixes.pop()
    else:
        _inside(element, writer)
    writer.end_line(is_spaced=spaced, underline=_UNDERLINES.get(tag, ""))


def _inside(element: etree._Element, writer: _Writer) -> None:
    writer.write(element.text or "")
    for child in element:
        _child(child, writer)
        writer.write(child.tail or "")


def _child(child: etree._Element, writer: _Writer) -> None:
    if not isinstance(child.tag, str) or child.tag in _SKIPPED or _is_hidden(child):
        _statements_of(child, writer)
    elif child.tag in _BLOCKS:
        _block(child, writer)
    elif child.tag == "br":
        writer.write("\v")
    elif child.tag == "img":
        alt = (child.get("alt") or "").strip()
        if alt:
            writer.write(alt if _is_in(child, "a") else f"[{alt}]")
    elif child.tag == "a":
        _link(child, writer)
    else:
        _inside(child, writer)


def _statements_of(element: etree._Element, writer: _Writer) -> None:
    """What is not shown may still open a condition that text within closes: statements stay."""
    if not isinstance(element.tag, str):
        found = writer.markers.numbers(element.text or "")
    else:
        found = [n for text in element.itertext() for n in writer.markers.numbers(str(text))]
    for number in found:
        if writer.markers.spans[number].kind == "statement":
            writer.write(writer.markers.copy(number))


def _link(element: etree._Element, writer: _Writer) -> None:
    mark = len(writer.inline)
    _inside(element, writer)
    words = " ".join("".join(writer.inline[mark:]).split())
    target = (element.get("href") or "").strip()
    if not words or not target or target.startswith("#"):
        return
    if words.lower().startswith(("http://", "https://", "www.")) and " " not in words:
        writer.inline[mark:] = [target]
        return
    bare = target.removeprefix("mailto:").removeprefix("tel:")
    if bare != words:
        writer.write(f" ({bare})")


def _list(element: etree._Element, writer: _Writer) -> None:
    number = 0
    writer.write(element.text or "")
    for child in element:
        if child.tag == "li":
            number += 1
            bullet = f"{number}. " if element.tag == "ol" else "- "
            writer.end_line()
            writer.prefixes.append(" " * len(bullet))
            writer.bullet = bullet
            _inside(child, writer)
            writer.end_line()
            writer.prefixes.pop()
            writer.bullet = ""
        else:
            _child(child, writer)
        writer.write(child.tail or "")


def _row(row: etree._Element, writer: _Writer) -> None:
    cells = [child for child in row if child.tag in ("td", "th")]
    if len(cells) > 1 and all(_is_plain(cell) for cell in cells):
        _data_row(row, writer)
        return
    writer.is_spaced = True
    _inside(row, writer)
    writer.end_line(is_spaced=True)


def _data_row(row: etree._Element, writer: _Writer) -> None:
    is_first = True
    writer.write(row.text or "")
    for child in row:
        if child.tag in ("td", "th"):
            shown = (
                "".join(map(str, child.itertext(etree.Element))).strip() or child.find(".//img") is not None
            )
            if shown and not is_first:
                writer.write(" · ")
            is_first = is_first and not shown
            _inside(child, writer)
        else:
            _child(child, writer)
        writer.write(child.tail or "")


def _is_plain(cell: etree._Element) -> bool:
    """Whether a cell holds a value, not a column of a layout."""
    return not any(child.tag in _BLOCKS for child in _elements(cell))


def _elements(element: etree._Element) -> Iterator[etree._Element]:
    yield from element.iterdescendants(etree.Element)


def _is_in(element: etree._Element, tag: str) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag == tag


def _is_hidden(element: etree._Element) -> bool:
    return element.get("hidden") is not None or bool(_HIDDEN.search(element.get("style") or ""))

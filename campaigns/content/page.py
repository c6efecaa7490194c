"""The letter as a parsed page: what stands around <html> kept, what mail must not hold refused."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from campaigns.content.faults import Fault, Refused
from campaigns.content.markers import Markers

MOST_ELEMENTS = 8_000
MOST_CSS = 100_000
"""Characters of style blocks: beyond, inlining takes seconds, and mail programs drop them anyway."""

MOST_MATCHES = 2_000_000
"""Selectors times elements, for the same reason."""

FORBIDDEN = {
    "script": "Scripts are not carried out in mail, and make it look like an attack.",
    "form": "Forms do not work in mail: link to a page instead.",
    "input": "Forms do not work in mail: link to a page instead.",
    "button": "A <button> does nothing in mail: use a link.",
    "select": "Forms do not work in mail: link to a page instead.",
    "textarea": "Forms do not work in mail: link to a page instead.",
    "iframe": "Mail cannot hold other pages.",
    "frame": "Mail cannot hold other pages.",
    "frameset": "Mail cannot hold other pages.",
    "object": "Mail cannot hold objects.",
    "embed": "Mail cannot hold objects.",
    "applet": "Mail cannot hold objects.",
    "base": "<base> would bend every link.",
    "link": "A <link> would call another server whenever the letter is opened: put the style into <style>.",
    "svg": "Inline SVG can hold scripts and is shown by few mail programs: use an image.",
    "math": "MathML is shown by hardly any mail program.",
}
NESTED_MEDIA = (
    "@media inside @media is dropped by mail programs: write the two conditions as one, joined by “and”."
)
_URL_ATTRIBUTES = frozenset(
    ["href", "src", "background", "poster", "action", "formaction", "lowsrc", "srcset", "cite", "data"]
)
_ADDRESS_THAT_RUNS = re.compile(
    r"(?:javascript|vbscript|livescript|file):|data:(?!image/(?:png|gif|jpe?g|webp))"
)
_CSS_THAT_CALLS = re.compile(
    r"@import|expression\s*\(|behaviou?r\s*:|-moz-binding|javascript:", re.IGNORECASE
)
_CSS_COMMENT = re.compile(r"/\*[^*]*\*+(?:[^/*][^*]*\*+)*/")
_REVEALED = re.compile(r"<!\[(?:if\b[^\]<>]*|endif)\]>", re.IGNORECASE)
_LONG_COLOUR = re.compile(r"(?<=[:\s,(])#(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{4})(?![0-9a-zA-Z])")


@dataclass
class Page:
    """A parsed letter; `before` and `after` stand around <html> as they were written."""

    root: etree._Element
    before: str
    after: str
    revealed: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> etree._Element:
        """<body>, made if there was none."""
        return _part(self.root, "body")

    @property
    def head(self) -> etree._Element:
        """<head>, made if there was none."""
        return _part(self.root, "head")

    def written(self) -> str:
        """The page as HTML, still with its markers."""
        html = etree.tostring(self.root, method="html", encoding="unicode", with_tail=False)
        for marker, text in self.revealed.items():
            html = html.replace(f"<!--{marker}-->", text)
        html = html.replace("\u00a0", "&nbsp;").replace("\u200c", "&zwnj;").replace("\u00ad", "&shy;")
        return f"{self.before}{html}{self.after}"


def _part(root: etree._Element, tag: str) -> etree._Element:
    part = root.find(tag)
    if part is None:
        part = etree.Element(tag)
        root.insert(0 if tag == "head" else len(root), part)
    return part


def parse(html: str, markers: Markers, language: str) -> Page:
    """The page of a whole letter or of a fragment."""
    revealed: dict[str, str] = {}
    html = _hide_revealed(html, markers, revealed)
    html = _LONG_COLOUR.sub(lambda match: markers.literal(match[0]), html)  # premailer drops #rrggbbaa
    blank = without_comments(html)
    start = re.search(r"<html\b", blank, re.IGNORECASE)
    end = blank.lower().rfind("</html>")
    before, after = "<!doctype html>\n", ""
    if start:
        before = html[: start.start()] if html[: start.start()].strip() else before
        after = html[end + len("</html>") :] if end > start.start() else ""
        html = html[start.start() : end + len("</html>") if end > start.start() else None]
    root = etree.fromstring(html or "<p></p>", etree.HTMLParser(huge_tree=True, remove_pis=False))
    page = Page(root, before, after, revealed)
    assert page.head is not None
    _complete(page, language)
    return page


def without_comments(text: str) -> str:
    """The text with its comments turned to spaces, positions kept."""
    return "".join(re.sub(r"[^\n]", " ", t) if is_comment else t for is_comment, t in _comments(text))


def _comments(text: str) -> Iterator[tuple[bool, str]]:
    """The text cut into comments and what lies between; linear whatever it holds."""
    start = 0
    while (begin := text.find("<!--", start)) >= 0:
        end = text.find("-->", begin + 2)
        end = len(text) if end < 0 else end + 3
        yield False, text[start:begin]
        yield True, text[begin:end]
        start = end
    yield False, text[start:]


def _hide_revealed(html: str, markers: Markers, revealed: dict[str, str]) -> str:
    """`<![if …]>` outside comments would come back as a comment: a marker stands for it meanwhile."""

    def hide(match: re.Match[str]) -> str:
        marker = markers.literal(match[0])
        revealed[marker] = match[0]
        return f"<!--{marker}-->"

    return "".join(t if is_comment else _REVEALED.sub(hide, t) for is_comment, t in _comments(html))


def _complete(page: Page, language: str) -> None:
    root = page.root
    if not language:  # a page that is only to be inlined stays as it is
        return
    if not root.get("lang"):
        root.set("lang", language)
    assert page.body is not None
    metas = page.head.findall("meta")
    if not any(m.get("charset") or (m.get("http-equiv") or "").lower() == "content-type" for m in metas):
        page.head.insert(0, etree.Element("meta", charset="utf-8"))
    if not any((m.get("name") or "").lower() == "viewport" for m in metas):
        page.head.append(
            etree.Element("meta", name="viewport", content="width=device-width, initial-scale=1")
        )


def check(page: Page, line_of_text: "LineOfText") -> None:
    """Refuse what has no place in mail, with the line where it stands."""
    elements = list(page.root.iter(etree.Element))
    css = [element.text or "" for element in elements if element.tag == "style"]
    if len(elements) > MOST_ELEMENTS:
        raise Refused([Fault(f"The letter has more than {MOST_ELEMENTS:,} elements.")])
    if sum(map(len, css)) > MOST_CSS:
        raise Refused([Fault(f"The style blocks are longer than {MOST_CSS:,} characters.")])
    selectors = sum(text.count("{") + text.count(",") for text in css)
    if selectors * len(elements) > MOST_MATCHES:
        raise Refused([Fault("The style blocks have too many rules for so many elements: shorten either.")])
    faults = [fault for element in elements for fault in _element_faults(element, line_of_text)]
    faults += [fault for text in css for fault in _css_faults(text, line_of_text)]
    for comment in page.root.iter(etree.Comment):
        if re.search(r"<\s*(?:script|iframe|object)\b|javascript:", comment.text or "", re.IGNORECASE):
            faults.append(Fault("A comment for Outlook holds a script.", line_of_text("<script")))
    if faults:
        raise Refused(faults)


def _element_faults(element: etree._Element, line_of_text: "LineOfText") -> Iterator[Fault]:
    tag = str(element.tag).lower()
    if tag in FORBIDDEN:
        yield Fault(FORBIDDEN[tag], line_of_text(f"<{tag}"))
    if tag == "meta" and (element.get("http-equiv") or "").lower() in ("refresh", "set-cookie"):
        yield Fault("A letter cannot lead elsewhere by itself.", line_of_text("http-equiv"))
    for name, value in element.attrib.items():
        name = str(name).lower()
        if name.startswith("on"):
            yield Fault(f"Scripts are not carried out in mail: take {name} away.", line_of_text(f"{name}="))
        bare = re.sub(r"[\s\x00-\x20]+", "", str(value)).lower()
        if name.rpartition(":")[2] in _URL_ATTRIBUTES and _ADDRESS_THAT_RUNS.match(bare):
            yield Fault("An address here would run a script or open a file.", line_of_text(str(value)[:20]))
        if name == "style" and _CSS_THAT_CALLS.search(_CSS_COMMENT.sub("", str(value))):
            yield Fault(
                "This style would call another server or run a script.", line_of_text(str(value)[:20])
            )


def _css_faults(css: str, line_of_text: "LineOfText") -> Iterator[Fault]:
    plain = _CSS_COMMENT.sub("", css)
    if found := _CSS_THAT_CALLS.search(plain.replace("\\", "")):
        yield Fault(
            f"{found[0]} in a style would call another server or run a script: write the rules here.",
            line_of_text(found[0]),
        )
    is_media: list[bool] = []
    pending = False
    for match in re.finditer(r"@media\b|\{|\}", plain, re.IGNORECASE):
        if match[0] == "{":
            is_media.append(pending)
            pending = False
        elif match[0] == "}":
            del is_media[-1:]
        elif any(is_media):
            yield Fault(NESTED_MEDIA, line_of_text("@media", last=True))
            return
        else:
            pending = True


class LineOfText:
    """Finds the line of the author's source at which some text stands."""

    def __init__(self, text: str, lines: "Lines") -> None:
        self._text = text.lower()
        self._lines = lines

    def __call__(self, needle: str, *, last: bool = False) -> int | None:
        at = self._text.rfind(needle.lower()) if last else self._text.find(needle.lower())
        return self._lines.at(at) if at >= 0 else None


class Lines:
    """Position in a text made of pieces → line of the source that the piece came from."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, int, str, bool]] = []
        self._length = 0

    def add(self, text: str, line: int, *, is_own: bool) -> None:
        """`is_own`: its lines go on counting; otherwise (a layout's text) they all are that of the call."""
        self._pieces.append((self._length, line, text, is_own))
        self._length += len(text)

    def at(self, position: int) -> int:
        """The line of the source at that position."""
        found = 1
        for start, line, text, is_own in self._pieces:
            if start > position:
                break
            found = line + (text.count("\n", 0, position - start) if is_own else 0)
        return found

    def of_line(self, number: int, text: str) -> int:
        """The line of the source for line `number` (from 1) of the whole text."""
        position = -1
        for _ in range(number - 1):
            position = text.find("\n", position + 1)
            if position < 0:
                break
        start, end = position + 1, text.find("\n", position + 1)
        for begin, line, piece, is_own in self._pieces:  # the author's words within a layout's line
            if is_own and piece.strip() and start < begin < (len(text) if end < 0 else end):
                return line if not self._is_own_at(start) else self.at(start)
        return self.at(start)

    def _is_own_at(self, position: int) -> bool:
        own = [is_own for begin, _line, _text, is_own in self._pieces if begin <= position]
        return own[-1] if own else True

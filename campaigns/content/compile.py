"""From an author's source to a compiled letter: once per version, never per recipient.

Layouts flattened → markers for every Jinja span → MJML → a parsed page → styles inlined → links taken aside →
text part → markers back, each counted. What is left to do per recipient is filling in.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from campaigns.content import branches, mjml_stage, page, plain_text
from campaigns.content import language as letters
from campaigns.content.faults import Fault, Refused, Where
from campaigns.content.inline import inline
from campaigns.content.language import parsed, refusals
from campaigns.content.markers import Markers
from campaigns.content.page import LineOfText, Lines, Page
from campaigns.content.spans import ReadLayout, Span, flattened
from campaigns.content.targets import FOOT, Targets, guard_values
from campaigns.content.vocabulary import Vocabulary
from templates import MAIL

FORMATS = ("mjml", "html")
LONGEST_SOURCE = 400_000
"""Characters of a source; the largest newsletters seen have a quarter of it."""
LONGEST_LINE = 500
"""Characters of a subject or a preheader."""

_PLACEHOLDER = re.compile(
    r"\{\{\{.{1,500}?\}\}\}|\{\{.{1,500}?\}\}|\{%.{1,500}?%\}|\{#(?=[^{}]*#\}).{1,500}?#\}"
    r"|\*\|.{1,200}?\|\*|<%.{1,500}?%>|%%[\w.: -]{1,80}?%%|\[\[[^\[\]]{1,200}\]\]|\$\{[^{}]{1,200}\}"
)
_STYLE_BLOCK = re.compile(r"(<(?:mj-)?style\b[^<>]*>)([^<]*)", re.IGNORECASE)

PREHEADER_MARK = "<!--LIAISONxPREHEADER-->"
PIXEL_MARK = "<!--LIAISONxPIXEL-->"


@dataclass(frozen=True)
class Compiled:
    """A letter ready to be filled: HTML and text with Jinja spans and placeholders.

    `moving` gives, by position, the targets that depend on the recipient: as in HTML, and bare. `source_text`
    is the source with its layouts, for trials; `lines` leads from it back to the author's lines.
    """

    format: str
    source: str
    subject: str
    preheader: str
    language: str
    html: str
    text: str
    moving: dict[int, tuple[str, str]]
    links: list[dict[str, Any]]
    fields: list[str]
    source_text: str = field(repr=False, default="")
    lines: Lines = field(repr=False, default_factory=Lines)

    def stored(self) -> dict[str, Any]:
        """What a version keeps beside its source, links and fields."""
        moving = {str(position): list(pair) for position, pair in self.moving.items()}
        return {"html": self.html, "text": self.text, "moving": moving, "language": self.language}


def read_layout(name: str) -> str | None:
    """The text of a shipped layout; None if there is none of that name."""
    path = MAIL / "layouts" / name
    return path.read_text(encoding="utf-8") if path.is_file() else None


def compile_source(
    source: str,
    *,
    format: str,
    subject: str,
    preheader: str,
    language: str,
    vocabulary: Vocabulary,
    layouts: ReadLayout = read_layout,
) -> Compiled:
    """Compile, or raise Refused with every fault found at the first stage that finds one."""
    source = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    source = _STYLE_BLOCK.sub(_loosened, source)
    _check_shape(source, format)
    check_lines_shape(subject, preheader)
    spans = flattened(source, layouts)
    text, lines = _joined(spans, {})
    fields = check_language(text, lines, subject, preheader, vocabulary)
    markers = Markers.unlike(text)
    protected, protected_lines = _joined(spans, _marked(spans, markers))
    line_of_text = LineOfText(protected, protected_lines)
    branches.check(protected, markers, protected_lines.at)
    if format == "mjml":
        protected = mjml_stage.to_html(protected, protected_lines.at, language)
    letter = page.parse(protected, markers, language)
    _check_style_statements(letter, markers)
    page.check(letter, line_of_text)
    targets = Targets(markers, line_of_text)
    html, plain = _finished(letter, markers, targets)
    return Compiled(
        format,
        source,
        subject,
        preheader,
        language,
        html,
        plain,
        targets.moving,
        targets.links,
        fields,
        text,
        lines,
    )


def inline_css(html: str) -> str:
    """A page with its styles inlined and everything else unharmed: conditional comments, rules, placeholders.

    The bare wrapper around premailer, for pages of any origin: placeholders of Jinja and of other systems
    (`*|NAME|*`, `{{#each}}`, `<%= %>`, `%%name%%`, `[[name]]`) come through word for word. Nothing is
    fetched, and nothing refused but a placeholder that would get lost.
    """
    html = html.removeprefix("\ufeff").replace("\r\n", "\n")
    markers = Markers.unlike(html)

    def protect(match: re.Match[str]) -> str:
        return markers.add(Span(match[0], "raw", html.count("\n", 0, match.start()) + 1))

    letter = page.parse(_PLACEHOLDER.sub(protect, html), markers, "")
    inline(letter.root)
    return _restored(letter.written(), markers)


def _finished(letter: Page, markers: Markers, targets: Targets) -> tuple[str, str]:
    inline(letter.root)
    targets.place(letter.root)
    guard_values(letter.root, markers, targets)
    _check_unsubscribe(letter)
    plain = plain_text.to_text(letter.root, letter.before, markers)
    written = letter.written()
    written = re.sub(r"<body\b[^>]*>", lambda m: m[0] + PREHEADER_MARK, written, count=1, flags=re.IGNORECASE)
    at = written.lower().rfind("</body>")
    written = f"{written[:at]}{PIXEL_MARK}{written[at:]}" if at >= 0 else written + PIXEL_MARK
    html = _restored(written, markers)
    return html, markers.restore(plain)


def _restored(written: str, markers: Markers) -> str:
    markers.check_order(written)
    html = markers.restore(written)
    if lost := markers.lost():
        raise Refused(lost)
    return html


def _check_shape(source: str, format: str) -> None:
    if format not in FORMATS:
        raise Refused([Fault(f"The format is {' or '.join(FORMATS)}, not {format}.")])
    if not source.strip():
        raise Refused([Fault("There is nothing in this template yet.")])
    if len(source) > LONGEST_SOURCE:
        raise Refused([Fault(f"The source is longer than {LONGEST_SOURCE:,} characters.")])
    if "LIAISONx" in source or "\0" in source:
        raise Refused([Fault("The source holds characters or words that only Liaison itself may use.")])


def _loosened(match: re.Match[str]) -> str:
    """`{#` begins a comment in Jinja, and a rule for an id in dense CSS: there a space keeps them apart."""
    css = match[2]
    return match[1] + (css if "#}" in css else css.replace("{#", "{ #"))


def check_lines_shape(subject: str, preheader: str) -> None:
    """Refuse a subject or preheader that is too long or has more than one line."""
    faults: list[Fault] = []
    lines: tuple[tuple[Where, str], ...] = (("subject", subject), ("preheader", preheader))
    for where, text in lines:
        if len(text) > LONGEST_LINE:
            faults.append(Fault(f"At most {LONGEST_LINE} characters.", None, where))
        if "\n" in text.strip() or "\r" in text.strip():
            faults.append(Fault("One line only.", None, where))
    if faults:
        raise Refused(faults)


def check_language(
    text: str, lines: Lines, subject: str, preheader: str, vocabulary: Vocabulary
) -> list[str]:
    """The fields used in source, subject and preheader; raises Refused with every fault of all of them."""
    used: set[str] = set()
    faults: list[Fault] = []
    parts: tuple[tuple[Where, str], ...] = (
        ("source", text),
        ("subject", subject),
        ("preheader", preheader),
    )
    for where, part in parts:
        try:
            tree = parsed(part)
            names, unknown = vocabulary.used(tree)
            found = [*refusals(tree), *unknown]
            if not found:
                letters.prepared(part)
        except Refused as error:
            names, found = [], list(error.found)
        used.update(names)
        for fault in found:
            line = lines.of_line(fault.line, text) if fault.line and where == "source" else fault.line
            faults.append(Fault(fault.sentence, line, where))
    if faults:
        raise Refused(list(dict.fromkeys(faults)))
    return sorted(used)


def _marked(spans: list[Span], markers: Markers) -> dict[int, str]:
    """A marker for each span that is not text; spaces keep those among attributes from growing onto a name."""
    apart = branches.among_attributes(spans)
    marked: dict[int, str] = {}
    for place, span in enumerate(spans):
        if span.kind != "text":
            marker = markers.add(span)
            marked[id(span)] = f" {marker} " if place in apart else marker
    return marked


def _joined(spans: list[Span], instead: dict[int, str]) -> tuple[str, Lines]:
    lines = Lines()
    parts = []
    for span in spans:
        part = instead.get(id(span), span.text)
        parts.append(part)
        lines.add(part, span.line, is_own=not span.origin)
    return "".join(parts), lines


def _check_style_statements(letter: Page, markers: Markers) -> None:
    for style in letter.root.iter("style"):
        for number in markers.numbers(style.text or ""):
            span = markers.spans[number]
            if span.kind == "statement":
                sentence = f"{span.text} cannot stand in a style block: only {{{{ values }}}} can."
                raise Refused([Fault(sentence, span.line)])


def _check_unsubscribe(letter: Page) -> None:
    hrefs = {element.get("href") for element in letter.root.iter("a")}
    if FOOT["links.unsubscribe"] not in hrefs:
        raise Refused(
            [
                Fault(
                    "There is no link to unsubscribe: add "
                    '<a href="{{ links.unsubscribe }}">Unsubscribe</a>, or extend a layout that has one.'
                )
            ]
        )

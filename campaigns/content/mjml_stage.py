"""From MJML to HTML, with faults that name their line: the engine itself gives none."""

import re
from collections.abc import Callable
from difflib import get_close_matches

from mjml import mjml2html

from campaigns.content.faults import Fault, Refused
from campaigns.content.page import without_comments

TAGS = frozenset(
    [
        "mjml",
        "mj-head",
        "mj-body",
        "mj-attributes",
        "mj-all",
        "mj-class",
        "mj-breakpoint",
        "mj-preview",
        "mj-style",
        "mj-title",
        "mj-raw",
        "mj-section",
        "mj-column",
        "mj-group",
        "mj-wrapper",
        "mj-hero",
        "mj-text",
        "mj-button",
        "mj-image",
        "mj-divider",
        "mj-spacer",
        "mj-table",
        "mj-social",
        "mj-social-element",
        "mj-navbar",
        "mj-navbar-link",
        "mj-accordion",
        "mj-accordion-element",
        "mj-accordion-title",
        "mj-accordion-text",
        "mj-carousel",
        "mj-carousel-image",
    ]
)
REFUSED_TAGS = {
    "mj-include": "mj-include reads files: use {% include %} with the name of a layout.",
    "mj-html-attributes": "mj-html-attributes is not understood by this MJML engine.",
    "mj-font": "mj-font would call another server whenever the letter is opened: name fonts that mail programs have.",
}
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_TAG = re.compile(r"<(?P<close>/?)(?P<name>[a-zA-Z][\w:-]*)(?P<rest>[^<>]*)>")

LineOf = Callable[[int], int]
"""Position in the text → line in the author's source."""


def to_html(text: str, line_of: LineOf, language: str) -> str:
    """The HTML of an MJML letter; raises Refused with the line."""
    blank = without_comments(text)
    _check_tags(blank, line_of)
    start = re.search(r"<mjml\b", blank)
    if start is None:
        raise Refused([Fault("This is not MJML: there is no <mjml>. Is it meant to be HTML?", 1)])
    before, letter = text[: start.start()], text[start.start() :]
    if not re.match(r"<mjml\b[^>]*\blang\s*=", letter):
        letter = f'<mjml lang="{language}"' + letter[len("<mjml") :]
    try:
        return before + str(mjml2html(letter, fonts={}))
    except ValueError as error:
        _check_balance(blank, line_of)
        raise Refused([_bare_sign(blank, line_of) or Fault(f"MJML cannot read this: {error}.")]) from error


def _check_tags(text: str, line_of: LineOf) -> None:
    for match in _TAG.finditer(text):
        name = match["name"]
        if name in REFUSED_TAGS:
            raise Refused([Fault(REFUSED_TAGS[name], line_of(match.start()))])
        if name.startswith("mj-") and name not in TAGS:
            near = get_close_matches(name, TAGS, n=1)
            hint = f"; did you mean <{near[0]}>" if near else ""
            raise Refused([Fault(f"MJML has no <{name}>{hint}.", line_of(match.start()))])


def _check_balance(text: str, line_of: LineOf) -> None:
    opened: list[tuple[str, int]] = []
    for match in _TAG.finditer(text):
        name, at = match["name"].lower(), match.start()
        if name in _VOID or match["rest"].endswith("/"):
            continue
        if not match["close"]:
            opened.append((name, at))
        elif not opened:
            raise Refused([Fault(f"</{name}> closes nothing.", line_of(at))])
        elif opened[-1][0] != name:
            wanted, began = opened[-1]
            sentence = (
                f"</{name}> stands where </{wanted}> is expected (<{wanted}> began in line {line_of(began)})."
            )
            raise Refused([Fault(sentence, line_of(at))])
        else:
            opened.pop()
    if opened:
        raise Refused([Fault(f"<{opened[-1][0]}> is never closed.", line_of(opened[-1][1]))])


def _bare_sign(text: str, line_of: LineOf) -> Fault | None:
    bare = re.search(r"<(?![a-zA-Z/!?])", text)
    return Fault("A bare < must be written &lt; in MJML.", line_of(bare.start())) if bare else None

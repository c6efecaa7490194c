"""CSS into style attributes: premailer made safe for letters (no fetching, every rule kept, attributes respected)."""

import logging
import re
from threading import Lock
from typing import Any

import cssutils
from cssselect import SelectorError
from lxml import etree
from lxml.cssselect import CSSSelector
from premailer import Premailer

cssutils.log.setLevel(logging.CRITICAL)

_ONE_AT_A_TIME = Lock()
"""cssutils keeps its state in the module: two letters at once would meet in it."""

LEGACY = ("width", "height", "align", "valign", "bgcolor")
"""Attributes that premailer writes beside the styles, for clients that read no CSS."""

_MEASURE = re.compile(r"\d{1,4}%?")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}|[a-zA-Z]{3,20}")
_CELLS = frozenset({"td", "th"})
_TEXTS = frozenset({"p", "div", "h1", "h2", "h3", "h4", "h5", "h6"})
_FITTING: dict[str, frozenset[str]] = {
    "width": _CELLS | {"table", "img", "col", "hr"},
    "height": _CELLS | {"table", "img", "tr"},
    "align": _CELLS | _TEXTS | {"tr"},
    "valign": _CELLS | {"tr"},
    "bgcolor": _CELLS | {"table", "tr", "body"},
}


class LetterInliner(Premailer):  # type: ignore[misc]  # the library has no types
    """premailer on a parsed page: style blocks stay as written, beside the inlined copy."""

    def __init__(self, page: etree._Element) -> None:
        super().__init__(
            page,
            keep_style_tags=True,
            strip_important=False,
            disable_validation=True,
            disable_leftover_css=True,
            cache_css_parsing=False,
            allow_network=False,
            allow_loading_external_files=False,
            align_floating_images=False,
        )

    def _parse_css_string(self, css_body: str, validate: bool = True) -> Any:  # noqa: ARG002
        # cssutils would fetch @import by itself, whatever premailer was told
        parser = cssutils.CSSParser(
            fetcher=lambda _url: (None, b""), validate=False, loglevel=logging.CRITICAL
        )
        return parser.parseString(css_body)

    def _parse_style_rules(self, css_body: str, ruleset_index: int) -> tuple[list[Any], list[Any]]:
        # Inlined copies lose their !important (their order already honours it), or they would
        # overrule the dark and narrow rules of the style block; the block itself keeps it.
        self.strip_important = True
        try:
            rules, leftover = super()._parse_style_rules(css_body, ruleset_index)
        finally:
            self.strip_important = False
        return [rule for rule in rules if _can_select(rule[1])], leftover


def _can_select(selector: str) -> bool:
    try:
        CSSSelector(re.split(":", selector, maxsplit=1)[0] or "*")
        CSSSelector(selector)
    except (SelectorError, etree.XPathError, ValueError):
        return False
    return True


def inline(page: etree._Element) -> None:
    """Write the page's styles into its elements, in place."""
    before = {element: {k: element.get(k) for k in LEGACY} for element in page.iter(etree.Element)}
    with _ONE_AT_A_TIME:
        LetterInliner(page).transform()
    for element, had in before.items():
        for name, value in had.items():
            _settle(element, name, value)
        style = element.get("style")
        if (
            style and '"' in style and "'" not in style
        ):  # so that the attribute itself keeps its double quotes
            element.set("style", style.replace('"', "'"))


def _settle(element: etree._Element, name: str, had: str | None) -> None:
    """Keep the author's attribute; of premailer's, only those that HTML knows and old clients read."""
    now = element.get(name)
    if now == had:
        return
    if had is not None:
        element.set(name, had)
    elif now is not None and not _fits(str(element.tag), name, now):
        del element.attrib[name]


def _fits(tag: str, name: str, value: str) -> bool:
    if tag not in _FITTING[name]:
        return False
    if name in ("width", "height"):
        return _MEASURE.fullmatch(value) is not None
    if name == "bgcolor":
        return _COLOUR.fullmatch(value) is not None
    return value in ("left", "right", "center", "top", "middle", "bottom", "justify")

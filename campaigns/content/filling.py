"""Filling: from a compiled version and one customer's values to subject, HTML and text, in pieces."""

import html
import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from campaigns.config import Config
from campaigns.content.compile import PIXEL_MARK, PREHEADER_MARK
from campaigns.content.faults import Fault, Refused
from campaigns.content.language import LetterEnvironment, fill
from campaigns.content.targets import FOOT, LINK_PATTERN
from campaigns.links import BASE_PLACEHOLDER, CLICK, HIDDEN_POSITION, OPEN, TOKEN_PLACEHOLDER, Links

LONGEST_LETTER = 1_000_000
"""Characters of a filled body; Gmail cuts at 102 KB."""
LONGEST_SUBJECT = 500

PADDING = "&#847;&zwnj;&nbsp;" * 60
"""Behind a preheader, so that mail programs do not show the first words of the letter after it."""
_HIDDEN = "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all;"
_PIXEL = (
    f'<img src="{BASE_PLACEHOLDER}{OPEN}{TOKEN_PLACEHOLDER}" width="1" height="1" alt="" '
    'style="display:block;border:0;width:1px;height:1px;">'
)
# For machines that follow whatever stands in an href: without words, size or focus, so that no eye, key or screen
# reader meets it; left away for Outlook, which spells addresses out when it shows letters as plain text.
_HIDDEN_LINK = (
    f'<!--[if !mso]><!--><div style="{_HIDDEN}" aria-hidden="true"><a href="{BASE_PLACEHOLDER}{CLICK}{TOKEN_PLACEHOLDER}/'
    f'{HIDDEN_POSITION}" rel="nofollow" tabindex="-1" style="display:none;"></a></div><!--<![endif]-->'
)
_SHOP = re.compile(r"\{\{\s*shop\.(\w+)\s*\}\}")
_SAFE_ADDRESS = re.compile(r"(?:https?://|mailto:|tel:|sms:)", re.IGNORECASE)
_SAFE_CSS = re.compile(r"[\w#.,%\s-]{0,200}")


class Wording(Protocol):
    """What a filler needs of a version (the stored row, or an unsaved one): see `content.model.Version`."""

    subject: str
    preheader: str
    compiled: dict[str, Any]
    links: list[Any]


class Filler:
    """Fills one version for many customers; made once per mailing.

    Pieces come in order; those that are the same for everybody are the very same `str` objects at each call,
    so that their encoded form can be kept. They hold TOKEN_PLACEHOLDER whole where the recipient's token
    goes. Values are plain dicts by source (`{"customer": {…}, "letter": {…}, …}`); `shop` and `links` are
    added here. Raises Lacking for a value that is missing without a fallback, TooMuch, Refused.
    """

    def __init__(
        self,
        version: Wording,
        *,
        config: Config,
        links: Links,
        subject: str | None = None,
        preheader: str | None = None,
        shows_day: bool = False,
    ) -> None:
        """`subject`, `preheader`: instead of the version's own (a newsletter may have its own words).

        `shows_day`: letters without tracking bear a picture that tells the day of an open, and no more.
        """
        compiled = version.compiled
        language = compiled.get("language", "en")
        self._links = links
        self._tails = {
            True: (_HIDDEN_LINK if config.tracking.hidden_link else "") + _PIXEL,
            False: _PIXEL if shows_day else "",
        }
        self._constant = {"shop": shop_values(config), "links": self._based(FOOT)}
        self._line = LetterEnvironment(language, is_html=False)
        self._html = LetterEnvironment(language, is_html=True)
        for made in (self._line, self._html):
            made.filters |= {
                "_address": _address,
                "_url_part": _url_part,
                "_mailbox": _mailbox,
                "_css": _css,
                "_click": self._click,
            }
        subject = version.subject if subject is None else subject
        preheader = version.preheader if preheader is None else preheader
        self._subject = self._line.from_string(subject)
        self._bodies = {
            is_tracked: (
                self._html.from_string(self._html_source(version, preheader, is_tracked)),
                self._line.from_string(self._text_source(version, is_tracked)),
            )
            for is_tracked in (True, False)
        }

    def subject(self, values: Mapping[str, Any]) -> str:
        """One line, white space and line ends made single spaces."""
        said = "".join(fill(self._subject, self._with(values, ""), most=LONGEST_SUBJECT * 4))
        line = " ".join(re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", said).split())
        if not line:
            raise Refused([Fault("The subject is empty.", None, "subject")])
        return line[:LONGEST_SUBJECT]

    def html(self, values: Mapping[str, Any], *, is_tracked: bool, token: str = "") -> list[str]:
        """The HTML body. `token`: the recipient's, needed where links lead to addresses of their own."""
        return fill(self._bodies[is_tracked][0], self._with(values, token), most=LONGEST_LETTER)

    def text(self, values: Mapping[str, Any], *, is_tracked: bool, token: str = "") -> list[str]:
        """The text body; lines end with \\n and may be long."""
        return fill(self._bodies[is_tracked][1], self._with(values, token), most=LONGEST_LETTER)

    def _with(self, values: Mapping[str, Any], token: str) -> dict[str, Any]:
        return {
            "customer": {},
            "purchases": {},
            "score": {},
            "letter": {},
            **values,
            **self._constant,
            "_token": token,
        }

    def _based(self, texts: Mapping[str, str]) -> dict[str, str]:
        base = self._links.base_url
        return {
            name.removeprefix("links."): text.replace(BASE_PLACEHOLDER, base) for name, text in texts.items()
        }

    def _html_source(self, version: Wording, preheader: str, is_tracked: bool) -> str:
        source = self._linked(version, version.compiled["html"], is_tracked, is_html=True)
        source = self._settled(source, is_html=True)
        shown = f'<div style="{_HIDDEN}">{_escaped_statically(preheader)}{PADDING}</div>' if preheader else ""
        source = source.replace(PREHEADER_MARK, shown, 1).replace(PIXEL_MARK, self._tails[is_tracked], 1)
        return source.replace(BASE_PLACEHOLDER, html.escape(self._links.base_url))

    def _text_source(self, version: Wording, is_tracked: bool) -> str:
        source = self._linked(version, version.compiled["text"], is_tracked, is_html=False)
        source = self._settled(source, is_html=False)
        return source.replace(BASE_PLACEHOLDER, self._links.base_url)

    def _settled(self, source: str, *, is_html: bool) -> str:
        """What the shop says of itself is the same for everybody: written in once, it is no work per recipient."""

        def settle(match: re.Match[str]) -> str:
            value = self._constant["shop"].get(match[1])
            if value is None or "{" in value:
                return match[0]
            return html.escape(value) if is_html else value

        return _SHOP.sub(settle, source)

    def _linked(self, version: Wording, source: str, is_tracked: bool, *, is_html: bool) -> str:
        moving = version.compiled.get("moving", {})

        def target(match: re.Match[str]) -> str:
            position = int(match[1])
            if own := moving.get(str(position)):
                address = own[0] if is_html else own[1]
                return _sealed(address, position) if is_tracked else address
            if is_tracked:
                return f"{BASE_PLACEHOLDER}{CLICK}{TOKEN_PLACEHOLDER}/{position}"
            url = str(version.links[position]["url"])
            return html.escape(url) if is_html else url

        return LINK_PATTERN.sub(target, source)

    @property
    def _click(self) -> Any:
        links = self._links

        @pass_context
        def click(context: Context, address: Any, position: int) -> Any:
            target = html.unescape(str(address)) if hasattr(address, "__html__") else str(address)
            made = links.sealed_click(str(context["_token"]), position, target.strip())
            return escape(made) if hasattr(address, "__html__") else made

        return click


def shop_values(config: Config) -> dict[str, Any]:
    """What `shop.…` says in a letter."""
    return {
        "name": config.shop.name,
        "address": config.shop.address or None,
        "site": config.shop.site,
        "email": config.sender.reply_to or config.sender.email,
        "language": config.shop.language,
        "currency": config.shop.currency,
    }


def joined(pieces: list[str], token: str) -> str:
    """A body as one text with the recipient's token in it."""
    return "".join(pieces).replace(TOKEN_PLACEHOLDER, token)


def _sealed(address: str, position: int) -> str:
    return f"{{% set _to %}}{address}{{% endset %}}{{{{ _to|_click({position}) }}}}"


def _escaped_statically(source: str) -> str:
    """Escape the plain text of a short template, and leave its expressions."""
    parts = re.split(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", source)
    return "".join(part if index % 2 else html.escape(part, quote=False) for index, part in enumerate(parts))


def _address(value: Any) -> Any:
    """A whole address taken from a value: only such as lead to a page, a mailbox or a telephone."""
    if value is None:
        return None
    address = str(value).strip()
    return address if _SAFE_ADDRESS.match(address) else "#"


def _url_part(value: Any) -> Any:
    if value is None or isinstance(value, Markup):
        return value
    return quote(str(value), safe="")


def _mailbox(value: Any) -> Any:
    return None if value is None else quote(str(value), safe="@+")


def _css(value: Any) -> Any:
    if value is None:
        return None
    return str(value) if _SAFE_CSS.fullmatch(str(value)) else ""

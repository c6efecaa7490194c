"""A version as somebody would see it: filled for a customer or a worst case, in light or dark, with its findings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from campaigns.config import Config
from campaigns.content.filling import Filler, Wording, joined
from campaigns.links import Links

Scheme = Literal["light", "dark"]

_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_LIGHT = re.compile(r"\(\s*prefers-color-scheme\s*:\s*light\s*\)", re.IGNORECASE)

CLIPPED_BYTES = 102 * 1024
"""Gmail cuts a letter whose HTML is longer, and with it the way out."""
TOKEN = "preview" + "x" * 21  # as long as a token, and none: links of a preview lead nowhere


@dataclass(frozen=True)
class Shown:
    """A filled letter. `size`: bytes of its HTML as they would be sent, before transport encoding."""

    subject: str
    preheader: str
    html: str
    text: str

    @property
    def size(self) -> int:
        return len(self.html.encode())


def show(version: Wording, values: Mapping[str, Any], *, config: Config, links: Links) -> Shown:
    """Fill a version (or draft) for one reader; raises Lacking, TooMuch or Refused.

    Without tracking: links show where they lead, and no pixel counts the look.
    """
    filler = Filler(version, config=config, links=links)
    preheader = Filler(version, config=config, links=links, subject=version.preheader or "–")
    return Shown(
        filler.subject(values) if version.subject.strip() else "",
        preheader.subject(values) if version.preheader.strip() else "",
        joined(filler.html(values, is_tracked=False, token=TOKEN), TOKEN),
        joined(filler.text(values, is_tracked=False, token=TOKEN), TOKEN),
    )


def in_scheme(html: str, scheme: Scheme) -> str:
    """The letter with its rules for dark or light forced, whatever the screen it is looked at on."""
    yes, no = "(min-width: 0px)", "(max-width: 0px)"
    dark, light = (yes, no) if scheme == "dark" else (no, yes)
    forced = _LIGHT.sub(light, _DARK.sub(dark, html))
    if scheme == "light":
        return re.sub(r"color-scheme\s*:\s*light dark", "color-scheme: light", forced)
    return forced.replace("color-scheme: light dark", "color-scheme: dark")

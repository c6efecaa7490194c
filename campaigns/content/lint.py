"""What is allowed and still unwise in a letter: findings, each with its reason; none of them stops anybody."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lxml import etree

from campaigns.config import Config
from campaigns.content.preview import CLIPPED_BYTES, Shown

LONGEST_SUBJECT = 70
HEAVIEST_IMAGES = 25

_OUTLOOK_IGNORES = {
    r"display\s*:\s*(?:inline-)?flex": "display: flex",
    r"display\s*:\s*(?:inline-)?grid": "display: grid",
    r"background-image\s*:\s*url": "background images",
    r"position\s*:\s*(?:absolute|fixed)": "position",
    r"\bbox-shadow\s*:": "box-shadow",
}
_EMPTY_WORDS = frozenset({"here", "click here", "click", "this", "link", "more", "ici", "cliquez ici"})


@dataclass(frozen=True)
class Finding:
    """One remark. `weight`: warn (readers will notice) or hint."""

    sentence: str
    weight: Literal["warn", "hint"] = "warn"


def findings(shown: Shown, config: Config) -> list[Finding]:
    """All remarks on a filled letter, the weighty ones first."""
    root = etree.fromstring(shown.html, etree.HTMLParser(huge_tree=True))
    found = [
        *_of_the_size(shown),
        *_of_the_lines(shown),
        *_of_the_law(config),
        *_of_images(root),
        *_of_links(root),
        *_of_headings(root),
        *_of_styles(root),
    ]
    return sorted(found, key=lambda finding: finding.weight != "warn")


def _of_the_size(shown: Shown) -> Iterator[Finding]:
    if shown.size > CLIPPED_BYTES:
        yield Finding(
            f"The HTML has {shown.size // 1024} KB. Gmail cuts after 102 KB: the foot with its links would be hidden."
        )
    elif shown.size > CLIPPED_BYTES * 0.8:
        yield Finding(f"The HTML has {shown.size // 1024} KB; Gmail cuts after 102 KB.", "hint")


def _of_the_lines(shown: Shown) -> Iterator[Finding]:
    if not shown.subject:
        yield Finding("There is no subject: every newsletter with this template must bring its own.", "hint")
    elif len(shown.subject) > LONGEST_SUBJECT:
        yield Finding(
            f"The subject has {len(shown.subject)} characters; telephones show about 40, others 70.", "hint"
        )
    if not shown.preheader:
        yield Finding(
            "There is no preheader: mail programs show the first words of the letter instead.", "hint"
        )
    if len(shown.text) < 40:
        yield Finding("The text part says hardly anything: write words, not pictures of words.")


def _of_the_law(config: Config) -> Iterator[Finding]:
    if not config.shop.address:
        yield Finding(
            "The shop's postal address is empty (shop.address in the settings): the law asks for it."
        )


def _of_images(root: etree._Element) -> Iterator[Finding]:
    images = [image for image in root.iter("img") if image.get("width") != "1"]
    lacking = [image for image in images if image.get("alt") is None]
    if lacking:
        yield Finding(
            f'{_count(len(lacking), "image has", "images have")} no alt text: say what is in it, or alt="" if it is decoration.'
        )
    relative = [
        i
        for i in images
        if not (i.get("src") or "").lower().startswith(("http://", "https://", "cid:", "data:"))
    ]
    if relative:
        yield Finding(
            f"The address of {_count(len(relative), 'image is', 'images is')} not whole: it will not be shown."
        )
    if any((image.get("src") or "").lower().startswith("http://") for image in images):
        yield Finding("An image comes over http: many programs show only https.")
    if len(images) > HEAVIEST_IMAGES:
        yield Finding(f"There are {len(images)} images: heavy to load, and a sign of spam.", "hint")
    if any(image.get("width") is None for image in images):
        yield Finding("An image has no width attribute: Outlook shows it in its full size.", "hint")


def _of_links(root: etree._Element) -> Iterator[Finding]:
    links = [(a.get("href") or "", " ".join("".join(map(str, a.itertext())).split())) for a in root.iter("a")]
    if plain := [url for url, _ in links if url.startswith("http://") and "127.0.0.1" not in url]:
        yield Finding(f"A link leads to http, not https: {plain[0][:60]}", "hint")
    if vague := [words for _, words in links if words.lower().rstrip(" .»)") in _EMPTY_WORDS]:
        yield Finding(
            f"The link “{vague[0]}” does not say where it leads; some readers hear links only.", "hint"
        )
    silent = [
        a
        for a in root.iter("a")
        if not "".join(map(str, a.itertext())).strip() and not _alt(a) and a.get("href")
    ]
    if silent:
        yield Finding("A link has neither words nor an image with an alt text.")
    if any(url in ("", "#") for url, _ in links):
        yield Finding("A link leads nowhere.")


def _of_headings(root: etree._Element) -> Iterator[Finding]:
    levels = [int(str(h.tag)[1]) for h in root.iter("h1", "h2", "h3", "h4", "h5", "h6")]
    for before, after in zip([0, *levels], levels, strict=False):
        if after > before + 1:
            yield Finding(
                f"A heading of level {after} follows one of level {before or 'none'}: step by step is easier to hear.",
                "hint",
            )
            return


def _of_styles(root: etree._Element) -> Iterator[Finding]:
    css = " ".join(
        [
            *(s.text or "" for s in root.iter("style")),
            *(str(e.get("style")) for e in root.iter() if isinstance(e.tag, str) and e.get("style")),
        ]
    )
    ignored = [words for pattern, words in _OUTLOOK_IGNORES.items() if re.search(pattern, css, re.IGNORECASE)]
    if ignored:
        yield Finding(
            f"Outlook on Windows ignores {', '.join(ignored)}: see that the letter reads well without.",
            "hint",
        )
    if "prefers-color-scheme" not in css:
        yield Finding(
            "There are no rules for dark mode: mail programs will choose colours themselves.", "hint"
        )


def _alt(link: etree._Element) -> str:
    return " ".join(image.get("alt") or "" for image in link.iter("img")).strip()


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"

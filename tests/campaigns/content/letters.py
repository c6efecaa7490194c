"""What the tests of content share: a vocabulary, a way to compile, a way to fill."""

from typing import Any

from campaigns import merge
from campaigns.config import Config, Shop
from campaigns.content import Compiled, Draft, Family, Filler, Vocabulary, checked, compile_source, joined
from campaigns.content.vocabulary import LINK_FIELDS, SHOP_FIELDS, _facts
from campaigns.links import Links
from campaigns.merge import MergeField

CONFIG = Config(shop=Shop(name="The Lamp Shop", address="1 Quay, Brest"))
LINKS = Links(["secret"], "https://liaison.example")
TOKEN = LINKS.token(7, 3)
OUT = '<a href="{{ links.unsubscribe }}">Unsubscribe</a>'

_EXTRA = (
    MergeField("attributes.colour", "Colour", example="#aa0000"),
    MergeField("attributes.page", "Page", example="https://shop.example/mine"),
    MergeField("attributes.age", "Age", "number", example=30),
)


def vocabulary(purpose: str = "newsletter") -> Vocabulary:
    families = [
        Family(s.name, s.label, (*s.fields, *(_EXTRA if s.name == "customer" else ())))
        for s in merge.gather().values()
    ]
    return Vocabulary(
        (
            *families,
            Family("letter", "", _facts(purpose)),
            Family("shop", "", SHOP_FIELDS),
            Family("links", "", LINK_FIELDS),
        )
    )


def body(inside: str, head: str = "", out: str = OUT) -> str:
    return f"<!doctype html>\n<html><head>{head}</head><body>\n{inside}\n{out}</body></html>"


def mjml(inside: str, head: str = "") -> str:
    return (
        f"<mjml><mj-head>{head}</mj-head><mj-body>\n{inside}\n"
        f"<mj-section><mj-column><mj-text>{OUT}</mj-text></mj-column></mj-section></mj-body></mjml>"
    )


def compiled(source: str, *, format: str = "", subject: str = "Hello", preheader: str = "") -> Compiled:
    return compile_source(
        source,
        format=format or ("mjml" if "<mjml" in source else "html"),
        subject=subject,
        preheader=preheader,
        language="en",
        vocabulary=vocabulary(),
    )


def save(
    source: str, *, format: str = "", subject: str = "Hello", preheader: str = "", purpose: str = "x"
) -> Compiled:
    """As at saving: compiled and tried out."""
    return checked(
        vocabulary(purpose),
        format=format or ("mjml" if "<mjml" in source else "html"),
        source=source,
        subject=subject,
        preheader=preheader,
        language="en",
        config=CONFIG,
    )


def filler(letter: Compiled) -> Filler:
    return Filler(Draft(letter), config=CONFIG, links=LINKS)


def html(letter: Compiled, *, is_tracked: bool = False, **values: Any) -> str:
    return joined(filler(letter).html(_made(values), is_tracked=is_tracked, token=TOKEN), TOKEN)


def text(letter: Compiled, *, is_tracked: bool = False, **values: Any) -> str:
    return joined(filler(letter).text(_made(values), is_tracked=is_tracked, token=TOKEN), TOKEN)


def _made(values: dict[str, Any]) -> dict[str, Any]:
    made = vocabulary().values()
    for name, family in values.items():
        made[name] = {**made.get(name, {}), **family} if isinstance(family, dict) else family
    return made

"""Our own mails (a confirmation): words shipped with Liaison, filled in the same sandbox as letters."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from campaigns.content.language import LetterEnvironment, fill
from templates import MAIL

LANGUAGES = ("en", "fr")
_MOST = 50_000


class SystemMail(NamedTuple):
    """A filled mail of ours; the subject is one line."""

    subject: str
    text: str
    html: str


def system_mail(name: str, language: str, values: Mapping[str, Any]) -> SystemMail:
    """Fill the shipped mail `name` in that language, or in English."""
    spoken = language[:2].casefold()
    folder = MAIL / "system" / name / (spoken if spoken in LANGUAGES else "en")

    def filled(part: str) -> str:
        words = LetterEnvironment(spoken, is_html=part.endswith(".html"))
        source = (folder / part).read_text(encoding="utf-8")
        return "".join(fill(words.from_string(source), values, most=_MOST))

    return SystemMail(" ".join(filled("subject.txt").split()), filled("body.txt"), filled("body.html"))

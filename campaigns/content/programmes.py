"""The shipped programmes: letters that belong together, each with the reason why it works, read from templates/mail."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from campaigns.errors import NotFound
from templates import MAIL

LANGUAGES = ("en", "fr")
"""In which every programme is shipped."""


@dataclass(frozen=True)
class Words:
    """One letter in one language, as a template is written."""

    name: str
    subject: str
    preheader: str
    source: str


@dataclass(frozen=True)
class Step:
    """One letter of a programme: what calls for it, and what it says in each language."""

    occasion: str
    type: str
    words: Mapping[str, Words]
    options: Mapping[str, Any] = field(default_factory=dict)
    hour: int = 9
    late_days: int = 2
    holdout: int = 0
    leaves_in_complaint: bool = False


@dataclass(frozen=True)
class Programme:
    """Letters that belong together; `sources`: the rows of features.md they go back to."""

    name: str
    place: int
    sources: str
    titles: Mapping[str, str]
    reasons: Mapping[str, str]
    steps: tuple[Step, ...]


@cache
def programmes() -> tuple[Programme, ...]:
    """All that are shipped, in their order."""
    folders = (path for path in (MAIL / "programmes").iterdir() if (path / "programme.toml").is_file())
    return tuple(sorted((_read(folder) for folder in folders), key=lambda each: each.place))


def get_programme(name: str) -> Programme:
    """The programme of that name; NotFound if there is none."""
    found = next((each for each in programmes() if each.name == name), None)
    if found is None:
        raise NotFound("There is no such programme.")
    return found


def _read(folder: Path) -> Programme:
    told = tomllib.loads((folder / "programme.toml").read_text(encoding="utf-8"))
    return Programme(
        folder.name,
        told["place"],
        told["sources"],
        {language: told[language]["title"] for language in LANGUAGES},
        {language: told[language]["reason"] for language in LANGUAGES},
        tuple(_step(folder, each) for each in told["letters"]),
    )


def _step(folder: Path, told: dict[str, Any]) -> Step:
    file = told.pop("file")
    words = {
        language: Words(
            **told.pop(language), source=(folder / f"{file}.{language}.mjml").read_text(encoding="utf-8")
        )
        for language in LANGUAGES
    }
    return Step(words=words, **told)

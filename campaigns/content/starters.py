"""The shipped letters: read from templates/mail/starters, copied into the database where they are missing."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.content.actions import create_template, save_version
from campaigns.content.model import Template
from campaigns.merge import MergeSource
from templates import MAIL


@dataclass(frozen=True)
class Starter:
    """A shipped letter."""

    name: str
    about: str
    purpose: str
    language: str
    subject: str
    preheader: str
    format: str
    source: str


def starters() -> list[Starter]:
    """All shipped letters, by name."""
    folders = sorted(path for path in (MAIL / "starters").iterdir() if (path / "starter.toml").is_file())
    return [_read(folder) for folder in folders]


def seed_starters(
    session: Session, *, now: datetime, config: Config, sources: Mapping[str, MergeSource] | None = None
) -> list[str]:
    """Copy the shipped letters whose name no template has (put away or not); returns the names copied."""
    present = set(session.scalars(select(Template.name)))
    made = []
    for starter in starters():
        if starter.name in present:
            continue
        template = create_template(
            session, name=starter.name, purpose=starter.purpose, language=starter.language, now=now
        )
        save_version(
            session,
            template.id,
            format=starter.format,
            source=starter.source,
            subject=starter.subject,
            preheader=starter.preheader,
            now=now,
            by=None,
            config=config,
            sources=sources,
        )
        made.append(starter.name)
    return made


def _read(folder: Path) -> Starter:
    about = tomllib.loads((folder / "starter.toml").read_text(encoding="utf-8"))
    mjml = folder / "letter.mjml"
    path = mjml if mjml.is_file() else folder / "letter.html"
    return Starter(**about, format=path.suffix[1:], source=path.read_text(encoding="utf-8"))

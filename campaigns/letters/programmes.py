"""Begins a shipped programme: its templates and its letters, all switched off, to be changed at leisure."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.content import (
    LANGUAGES,
    Step,
    Template,
    Words,
    create_template,
    get_programme,
    programmes,
    save_version,
)
from campaigns.errors import Invalid
from campaigns.letters.actions import create
from campaigns.letters.model import Letter
from campaigns.letters.queries import Occasions
from campaigns.letters.rules import Plan
from campaigns.merge import MergeSource


def begin_programme(
    session: Session,
    name: str,
    language: str,
    *,
    occasions: Occasions,
    sources: Mapping[str, MergeSource],
    config: Config,
    now: datetime,
    by: int | None = None,
) -> list[Letter]:
    """Make the letters of a programme, switched off, each with a template of its own; those that are there already
    (by their name) are returned as they are, so that asked twice nothing is doubled.

    Raises NotFound for a programme, Invalid for a language that there is not.
    """
    if language not in LANGUAGES:
        raise Invalid("Choose a language.", {"language": "Choose a language."})
    letters = []
    for step in get_programme(name).steps:
        words = step.words[language]
        there = session.scalar(select(Letter).where(Letter.name == words.name))
        if there is None:
            template = _template(session, step, words, language, sources, config, now, by)
            there = create(session, _plan(step, words, template.id), occasions=occasions, now=now, by=by)
        letters.append(there)
    return letters


def _plan(step: Step, words: Words, template_id: int) -> Plan:
    return Plan(
        name=words.name,
        occasion=step.occasion,
        options=step.options,
        hour=step.hour,
        late_days=step.late_days,
        type=step.type,
        leaves_in_complaint=step.leaves_in_complaint,
        holdout=step.holdout,
        template_id=template_id,
    )


def _template(
    session: Session,
    step: Step,
    words: Words,
    language: str,
    sources: Mapping[str, MergeSource],
    config: Config,
    now: datetime,
    by: int | None,
) -> Template:
    """The shop's own copy; one that was made before is taken as it was changed since."""
    there = session.scalar(select(Template).where(Template.name == words.name))
    if there is not None and there.version_id is not None:
        return there
    template = there or create_template(
        session, name=words.name, purpose=step.occasion, language=language, now=now
    )
    save_version(
        session,
        template.id,
        format="mjml",
        source=words.source,
        subject=words.subject,
        preheader=words.preheader,
        now=now,
        by=by,
        config=config,
        sources=sources,
    )
    return template


def begun_programmes(session: Session) -> set[str]:
    """The programmes of which there is a letter, in any language."""
    names = set(session.scalars(select(Letter.name)))
    return {
        programme.name
        for programme in programmes()
        if any(words.name in names for step in programme.steps for words in step.words.values())
    }


def of_programme(session: Session, name: str) -> dict[str, Letter]:
    """The letters that were made of a programme, by name; those renamed since are not known any more."""
    names = [words.name for step in get_programme(name).steps for words in step.words.values()]
    return {letter.name: letter for letter in session.scalars(select(Letter).where(Letter.name.in_(names)))}

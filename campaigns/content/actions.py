"""Writes: make a template, save a version of it, put it away."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.content.compile import Compiled, compile_source
from campaigns.content.model import Template, Version
from campaigns.content.queries import get_template, get_version
from campaigns.content.trial import try_lines, try_out
from campaigns.content.vocabulary import Vocabulary, vocabulary
from campaigns.errors import Conflict, Invalid
from campaigns.merge import MergeSource

LONGEST_NAME = 200


def create_template(
    session: Session, *, name: str, purpose: str = "newsletter", language: str = "en", now: datetime
) -> Template:
    """A template that says nothing yet; Invalid if the name is empty or taken."""
    name = _free_name(session, name, None)
    template = Template(
        name=name, purpose=purpose, language=language or "en", version_id=None, created_at=now, updated_at=now
    )
    session.add(template)
    session.flush()
    return template


def change_template(
    session: Session, template_id: int, *, name: str, purpose: str, language: str, now: datetime
) -> Template:
    """Give a template another name, purpose or language; versions stay as they are."""
    template = get_template(session, template_id)
    template.name = _free_name(session, name, template_id)
    template.purpose, template.language, template.updated_at = purpose, language or "en", now
    session.flush()
    return template


def draft(
    session: Session,
    template: Template,
    *,
    format: str,
    source: str,
    subject: str,
    preheader: str,
    config: Config,
    sources: Mapping[str, MergeSource] | None = None,
) -> Compiled:
    """Compile and try out what may become a version, writing nothing; raises Refused."""
    words = vocabulary(session, sources, template.purpose)
    return checked(
        words,
        format=format,
        source=source,
        subject=subject,
        preheader=preheader,
        language=template.language,
        config=config,
    )


def checked(
    words: Vocabulary,
    *,
    format: str,
    source: str,
    subject: str,
    preheader: str,
    language: str,
    config: Config,
) -> Compiled:
    """`draft` without a session: needs no database, so a page calls it before it opens a transaction."""
    compiled = compile_source(
        source,
        format=format,
        subject=subject.strip(),
        preheader=preheader.strip(),
        language=language,
        vocabulary=words,
    )
    try_out(compiled, words, config)
    return compiled


def check_lines(
    session: Session,
    template_id: int,
    *,
    subject: str,
    preheader: str,
    config: Config | None = None,
    sources: Mapping[str, MergeSource] | None = None,
) -> None:
    """Check a newsletter's or letter's own subject and preheader for its template; raises Refused, which has
    `faults["subject"]` and `faults["preheader"]`."""
    template = get_template(session, template_id)
    try_lines(
        subject.strip(),
        preheader.strip(),
        vocabulary(session, sources, template.purpose),
        language=template.language,
        config=config or Config(),
    )


def save_version(
    session: Session,
    template_id: int,
    *,
    format: str = "",
    source: str = "",
    subject: str = "",
    preheader: str = "",
    now: datetime,
    by: int | None,
    compiled: Compiled | None = None,
    based_on: int | None = None,
    config: Config | None = None,
    sources: Mapping[str, MergeSource] | None = None,
) -> Version:
    """The next version of a template: compiled, tried out, numbered; the same words as the newest make none.

    Give source and format, or `compiled` from `draft` (which keeps the write lock of the database free
    meanwhile). `based_on`: the version the author began with; Conflict if there is a newer one by now.
    Raises Refused (an Invalid with line and sentence).
    """
    template = get_template(session, template_id)
    if compiled is None:
        compiled = draft(
            session,
            template,
            format=format,
            source=source,
            subject=subject,
            preheader=preheader,
            config=config or Config(),
            sources=sources,
        )
    newest = session.get(Version, template.version_id) if template.version_id else None
    if newest and based_on is not None and based_on != newest.id:
        raise Conflict(
            f"Somebody saved version {newest.number} meanwhile. Your words are below: "
            "compare them with the newest version, then save again."
        )
    if newest and _is_same(newest, compiled):
        return newest
    version = _version(template_id, (newest.number if newest else 0) + 1, compiled, now, by)
    session.add(version)
    session.flush()
    template.version_id, template.updated_at = version.id, now
    session.flush()
    return version


def restore_version(session: Session, version_id: int, *, now: datetime, by: int | None) -> Version:
    """An earlier version's words as the newest version; nothing is compiled again."""
    old = get_version(session, version_id)
    template = get_template(session, old.template_id)
    if template.version_id == old.id:
        return old
    newest = session.get(Version, template.version_id) if template.version_id else None
    kept = ("format", "source", "subject", "preheader", "compiled", "links", "fields")
    version = Version(
        template_id=old.template_id,
        number=(newest.number if newest else 0) + 1,
        created_by=by,
        created_at=now,
        **{name: getattr(old, name) for name in kept},
    )
    session.add(version)
    session.flush()
    template.version_id, template.updated_at = version.id, now
    session.flush()
    return version


def duplicate(session: Session, template_id: int, *, name: str, now: datetime, by: int | None) -> Template:
    """A new template that says what this one says now."""
    old = get_template(session, template_id)
    template = create_template(session, name=name, purpose=old.purpose, language=old.language, now=now)
    if old.version_id is not None:
        kept = ("format", "source", "subject", "preheader", "compiled", "links", "fields")
        said = get_version(session, old.version_id)
        version = Version(
            template_id=template.id,
            number=1,
            created_by=by,
            created_at=now,
            **{field: getattr(said, field) for field in kept},
        )
        session.add(version)
        session.flush()
        template.version_id = version.id
        session.flush()
    return template


def archive(session: Session, template_id: int, *, now: datetime) -> None:
    """Put a template away; what was planned with it still works."""
    _mark(session, template_id, now, is_archived=True)


def unarchive(session: Session, template_id: int, *, now: datetime) -> None:
    """Take a template back."""
    _mark(session, template_id, now, is_archived=False)


def _mark(session: Session, template_id: int, now: datetime, *, is_archived: bool) -> None:
    get_template(session, template_id)
    session.execute(
        update(Template)
        .where(Template.id == template_id)
        .values(archived_at=now if is_archived else None, updated_at=now)
    )


def _free_name(session: Session, name: str, template_id: int | None) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        fault = f"Give it a name of at most {LONGEST_NAME} characters."
        raise Invalid(fault, {"name": fault})
    taken = session.scalar(
        select(Template.id).where(Template.name == name, Template.id != (template_id or 0))
    )
    if taken is not None:
        raise Invalid(f"There is already a template called {name}.", {"name": "This name is taken."})
    return name


def _is_same(version: Version, compiled: Compiled) -> bool:
    return (version.format, version.source, version.subject, version.preheader, version.compiled) == (
        compiled.format,
        compiled.source,
        compiled.subject,
        compiled.preheader,
        compiled.stored(),
    )


def _version(template_id: int, number: int, compiled: Compiled, now: datetime, by: int | None) -> Version:
    return Version(
        template_id=template_id,
        number=number,
        format=compiled.format,
        source=compiled.source,
        subject=compiled.subject,
        preheader=compiled.preheader,
        compiled=compiled.stored(),
        links=compiled.links,
        fields=compiled.fields,
        created_by=by,
        created_at=now,
    )

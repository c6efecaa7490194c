"""Reads: templates, their versions, and the values that a version needs of its readers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns import merge
from campaigns.content.model import Template, Version
from campaigns.errors import NotFound
from campaigns.merge import MergeSource


def get_template(session: Session, template_id: int) -> Template:
    """The template; NotFound if there is none."""
    template = session.get(Template, template_id)
    if template is None:
        raise NotFound("There is no such template.")
    return template


def list_templates(*, purpose: str = "", text: str = "", is_archived: bool = False) -> Select[Template]:
    """Templates by name, the archived ones only when they are asked for."""
    rows = select(Template).order_by(Template.name)
    rows = rows.where(Template.archived_at.is_not(None) if is_archived else Template.archived_at.is_(None))
    if purpose:
        rows = rows.where(Template.purpose == purpose)
    for word in text.split()[:8]:
        rows = rows.where(Template.name.icontains(word, autoescape=True))
    return rows


def get_version(session: Session, version_id: int) -> Version:
    """The version; NotFound if there is none."""
    version = session.get(Version, version_id)
    if version is None:
        raise NotFound("There is no such version.")
    return version


def newest_version(session: Session, template_id: int) -> Version:
    """What the template says now; NotFound if it says nothing yet."""
    version_id = get_template(session, template_id).version_id
    if version_id is None:
        raise NotFound("This template has no version yet: open it and save one.")
    return get_version(session, version_id)


def version_to_send(session: Session, template_id: int) -> Version | None:
    """What the template says now; None if it says nothing yet or was put away: nothing new leaves of it."""
    template = session.get(Template, template_id, populate_existing=True)
    if template is None or template.version_id is None or template.archived_at is not None:
        return None
    return get_version(session, template.version_id)


def versions(session: Session, template_id: int) -> list[Version]:
    """All versions, newest first."""
    rows = select(Version).where(Version.template_id == template_id).order_by(Version.number.desc())
    return list(session.scalars(rows))


def sources_used(version: Version) -> list[str]:
    """The names of the merge sources that a version reads of each reader."""
    return sorted({name.partition(".")[0] for name in version.fields} - {"shop", "links", "letter"})


def reader_values(
    session: Session,
    names: Sequence[str],
    customer_ids: Sequence[int],
    *,
    now: datetime,
    sources: Mapping[str, MergeSource] | None = None,
) -> dict[int, dict[str, Any]]:
    """The values of each customer by source: `{id: {"customer": {…}, "purchases": {…}}}`.

    `names`: which sources (`sources_used(version)`); a customer who is gone has no entry in `customer`.
    """
    sources = merge.gather() if sources is None else sources
    values: dict[int, dict[str, Any]] = {customer_id: {} for customer_id in customer_ids}
    for name in names:
        if name in sources:
            for customer_id, family in sources[name].load(session, customer_ids, now).items():
                values[customer_id][name] = family
    return values

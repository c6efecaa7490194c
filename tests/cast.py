"""The people and papers that many tests need: a few customers, a template, a segment of everybody."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from campaigns.content import Template, Version
from campaigns.customers import Customer, add_customer, record_consent
from campaigns.runtime import Runtime
from campaigns.segments import Segment, save_segment


def person(
    session: Session, email: str, *, now: datetime, agrees: bool = True, tracked: bool = False, **fields: Any
) -> Customer:
    """A customer who agreed to be written to (or not)."""
    customer = add_customer(session, email=email, now=now, **fields)
    if agrees:
        record_consent(session, customer.id, purpose="mail", is_granted=True, act="form", now=now)
    if tracked:
        record_consent(session, customer.id, purpose="tracking", is_granted=True, act="form", now=now)
    return customer


def bare_template(
    session: Session, *, now: datetime, name: str = "Spring", subject: str = "Hello"
) -> Template:
    """A template with one version, for tests that send nothing."""
    template = Template(name=name, purpose="newsletter", language="en", created_at=now, updated_at=now)
    session.add(template)
    session.flush()
    reword(session, template, subject=subject, now=now)
    return template


def reword(session: Session, template: Template, *, subject: str, now: datetime) -> Version:
    """One more version of it."""
    number = session.query(Version).filter_by(template_id=template.id).count() + 1
    version = Version(
        template_id=template.id,
        number=number,
        format="html",
        source="<p>Hello</p>",
        subject=subject,
        preheader="",
        compiled={},
        links=[],
        fields=[],
        created_at=now,
    )
    session.add(version)
    session.flush()
    template.version_id = version.id
    session.flush()
    return version


def everybody(session: Session, runtime: Runtime, *, name: str = "Everybody") -> Segment:
    """The segment with no condition."""
    return save_segment(
        session,
        None,
        name=name,
        rule={"all": []},
        fields=runtime.fields,
        now=runtime.clock.now(),
        zone=ZoneInfo("Europe/Paris"),
    )

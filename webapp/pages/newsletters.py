"""Newsletters: the list, the form, and the page of one with its progress and its recipients."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import available_timezones

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import content, messages, newsletters, reports, segments
from campaigns.db.paging import page
from campaigns.errors import Invalid
from campaigns.newsletters import Draft, Newsletter
from webapp.context import runtime, user
from webapp.security import admin_blueprint

blueprint = admin_blueprint("newsletters")


@dataclass(frozen=True)
class Form:
    """What the form sent: the words, when it is to leave, and a key that makes a second sending harmless."""

    draft: Draft
    when: str  # later (keep it a draft), now, at
    moment: str
    zone: str
    key: str

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "Form":
        """Parse a request's form."""
        text = {name: form.get(name, "") for name in Draft.__dataclass_fields__}
        ids: dict[str, Any] = {name: _number(form.get(name)) for name in ("segment_id", "template_id")}
        ids["holdout"] = _number(form.get("holdout")) or 0
        return cls(
            Draft(**{**text, **ids}),
            form.get("when", "later"),
            form.get("moment", ""),
            form.get("zone", ""),
            form.get("form_key", ""),
        )

    @property
    def local_moment(self) -> str | None:
        return self.moment if self.when == "at" else None

    def values(self) -> dict[str, Any]:
        """As the template of the form takes them."""
        said = {"when": self.when, "moment": self.moment, "zone": self.zone, "form_key": self.key}
        return {**asdict(self.draft), **said}


@blueprint.get("")
def show() -> ResponseReturnValue:
    """All newsletters, or those in one state."""
    status, text = request.args.get("status", ""), request.args.get("text", "")[:200]
    with runtime().reading() as session:
        found = newsletters.list_newsletters(status=status, text=text)
        shown = page(session, found, request.args.get("page", 1, type=int), size=25)
        counts = {n.id: messages.counts(session, n.mailing_id) for n in shown.rows if n.mailing_id}
        names = {segment.id: segment.name for segment in segments.list_segments(session)}
        return render_template(
            "newsletters/list.html",
            page=shown,
            counts=counts,
            segment_names=names,
            by_status=newsletters.count_by_status(session),
            status=status,
            text=text,
        )


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """An empty form; `?segment=` and `?template=` fill in what the marketer came from."""
    chosen = {"segment_id": request.args.get("segment"), "template_id": request.args.get("template")}
    values: dict[str, str] = {name: value for name, value in chosen.items() if value}
    values |= {
        "zone": runtime().config.shop.zone,
        "form_key": secrets.token_urlsafe(18),
    }
    return _form(Form.read(values))


@blueprint.post("/new")
def create() -> ResponseReturnValue:
    """Keep a new one, and schedule it if a moment was given."""
    form = Form.read(request.form)
    now = runtime().clock.now()
    try:
        with runtime().transaction() as session:
            newsletter = newsletters.create(
                session, form.draft, now=now, by=user().id, form_key=form.key or None
            )
            if form.when != "later":
                newsletters.schedule(
                    session, newsletter.id, local_moment=form.local_moment, zone=form.zone, now=now
                )
    except Invalid as error:
        return _form(form, faults=error.faults), 400
    return redirect(url_for(".detail", newsletter_id=newsletter.id), 303)


@blueprint.get("/<int:newsletter_id>/edit")
def edit(newsletter_id: int) -> ResponseReturnValue:
    """The form with what is there."""
    with runtime().reading() as session:
        newsletter = newsletters.get_newsletter(session, newsletter_id)
        values = {n: str(getattr(newsletter, n) or "") for n in Draft.__dataclass_fields__}
    values |= {
        "when": "at" if newsletter.status == "scheduled" else "later",
        "moment": newsletter.local_moment or "",
        "zone": newsletter.zone or runtime().config.shop.zone,
    }
    return _form(Form.read(values), newsletter=newsletter)


@blueprint.post("/<int:newsletter_id>/edit")
def change(newsletter_id: int) -> ResponseReturnValue:
    """Keep what was changed, and the moment that was given."""
    form = Form.read(request.form)
    now = runtime().clock.now()
    try:
        with runtime().transaction() as session:
            newsletter = newsletters.change(session, newsletter_id, form.draft, now=now)
            if form.when != "later":
                newsletters.schedule(
                    session, newsletter_id, local_moment=form.local_moment, zone=form.zone, now=now
                )
            elif newsletter.status == "scheduled":
                newsletters.unschedule(session, newsletter_id, now=now)
    except Invalid as error:
        with runtime().reading() as session:
            newsletter = newsletters.get_newsletter(session, newsletter_id)
        return _form(form, newsletter=newsletter, faults=error.faults), 400
    return redirect(url_for(".detail", newsletter_id=newsletter_id), 303)


@blueprint.get("/<int:newsletter_id>")
def detail(newsletter_id: int) -> ResponseReturnValue:
    """One newsletter: what it says, whom it reaches, how far it is."""
    now, fields, zone = runtime().clock.now(), runtime().fields, runtime().config.zone
    with runtime().reading() as session:
        newsletter = newsletters.get_newsletter(session, newsletter_id)
        reach, members, sent_to = None, (), ()
        if newsletter.mailing_id is not None:
            sent_to = page(session, messages.ledger(newsletter.mailing_id), size=8).rows
        elif newsletter.segment_id is not None and newsletter.status != "cancelled":
            reach = newsletters.reach(session, newsletter, fields=fields, zone=zone, now=now)
            rule = segments.get_segment(session, newsletter.segment_id).rule
            members = segments.sample(session, rule, fields, now=now, zone=zone, size=8)
        return render_template(
            "newsletters/detail.html",
            **_state(session, newsletter),
            **_names(session, newsletter),
            reach=reach,
            members=members,
            sent_to=sent_to,
            sender=_sender(newsletter),
        )


@blueprint.get("/<int:newsletter_id>/progress")
def progress(newsletter_id: int) -> ResponseReturnValue:
    """The part of the page that moves; when the state has turned, the whole page is asked for again."""
    with runtime().reading() as session:
        newsletter = newsletters.get_newsletter(session, newsletter_id)
        if request.args.get("status", newsletter.status) != newsletter.status:
            return Response(status=204, headers={"HX-Refresh": "true"})
        return render_template("newsletters/progress.html", **_state(session, newsletter))


@blueprint.get("/<int:newsletter_id>/recipients")
def recipients(newsletter_id: int) -> ResponseReturnValue:
    """Everybody it was meant for, or those in one state, with the reason or the server's answer."""
    status = request.args.get("status", "")
    with runtime().reading() as session:
        newsletter = newsletters.get_newsletter(session, newsletter_id)
        if newsletter.mailing_id is None:
            return redirect(url_for(".detail", newsletter_id=newsletter_id), 303)
        found = messages.ledger(newsletter.mailing_id, status if status in messages.STATUSES else "")
        shown = page(session, found, request.args.get("page", 1, type=int))
        return render_template(
            "newsletters/recipients.html", **_state(session, newsletter), page=shown, status=status
        )


@blueprint.post("/<int:newsletter_id>/schedule")
def schedule(newsletter_id: int) -> ResponseReturnValue:
    """Give it a moment, or let it leave now."""
    form = Form.read(request.form)
    with runtime().transaction() as session:
        newsletters.schedule(
            session,
            newsletter_id,
            local_moment=form.local_moment,
            zone=form.zone,
            now=runtime().clock.now(),
        )
    return redirect(url_for(".detail", newsletter_id=newsletter_id), 303)


@blueprint.post("/<int:newsletter_id>/unschedule")
def unschedule(newsletter_id: int) -> ResponseReturnValue:
    """Make a draft of it again."""
    with runtime().transaction() as session:
        newsletters.unschedule(session, newsletter_id, now=runtime().clock.now())
    return redirect(url_for(".detail", newsletter_id=newsletter_id), 303)


@blueprint.post("/<int:newsletter_id>/pause")
def pause(newsletter_id: int) -> ResponseReturnValue:
    """Hold what has not left yet."""
    with runtime().transaction() as session:
        newsletters.pause(session, newsletter_id, now=runtime().clock.now())
    return redirect(url_for(".detail", newsletter_id=newsletter_id), 303)


@blueprint.post("/<int:newsletter_id>/resume")
def resume(newsletter_id: int) -> ResponseReturnValue:
    """Let it go on."""
    with runtime().transaction() as session:
        newsletters.resume(session, newsletter_id, now=runtime().clock.now())
    return redirect(url_for(".detail", newsletter_id=newsletter_id), 303)


@blueprint.post("/<int:newsletter_id>/cancel")
def cancel(newsletter_id: int) -> ResponseReturnValue:
    """End it for good."""
    with runtime().transaction() as session:
        newsletters.cancel(session, newsletter_id, now=runtime().clock.now())
    return redirect(url_for(".detail", newsletter_id=newsletter_id), 303)


@blueprint.post("/<int:newsletter_id>/duplicate")
def duplicate(newsletter_id: int) -> ResponseReturnValue:
    """A new draft with the same words."""
    with runtime().transaction() as session:
        copy = newsletters.duplicate(session, newsletter_id, now=runtime().clock.now(), by=user().id)
    flash("This is the copy; the other is as it was.", "message")
    return redirect(url_for(".edit", newsletter_id=copy.id), 303)


def _form(form: Form, *, newsletter: Newsletter | None = None, faults: Any = None) -> str:
    with runtime().reading() as session:
        templates = [(t.id, t.name) for t in session.scalars(content.list_templates()) if t.version_id]
        picks = [(s.id, s.name) for s in segments.list_segments(session)]
    return render_template(
        "newsletters/form.html",
        newsletter=newsletter,
        values=form.values(),
        faults=faults or {},
        segments=picks,
        templates=templates,
        types=[(each.name, f"{each.label}. {each.meaning}") for each in messages.TYPES],
        zones=zones(),
        sender=_sender(),
    )


def _state(session: Any, newsletter: Newsletter) -> dict[str, Any]:
    """What the moving part needs."""
    counts = messages.counts(session, newsletter.mailing_id) if newsletter.mailing_id else None
    held = messages.held_by_reason(session, newsletter.mailing_id) if newsletter.mailing_id else {}
    back = reports.delivery_stats(session, [newsletter.mailing_id]) if newsletter.mailing_id else None
    is_launched = newsletter.launched_at is not None

    def may(act: Any) -> bool:
        return newsletters.may(act, newsletter.status, is_launched=is_launched)

    return {
        "newsletter": newsletter,
        "counts": counts,
        "held": {reports.held_words(reason): count for reason, count in held.items()},
        "back": back,
        "may": may,
        "zones": zones(),
    }


def _sender(newsletter: Newsletter | None = None) -> dict[str, str]:
    """Who writes: what the newsletter says of it, and else the settings."""
    own = runtime().config.sender
    name, email = own.name or runtime().config.shop.name, own.email
    if newsletter is not None:
        name, email = newsletter.sender_name or name, newsletter.sender_email or email
    return {"name": name, "email": email}


def _names(session: Any, newsletter: Newsletter) -> dict[str, Any]:
    segment, template, version = None, None, None
    if newsletter.segment_id is not None:
        segment = segments.get_segment(session, newsletter.segment_id)
    if newsletter.template_id is not None:
        template = content.get_template(session, newsletter.template_id)
        version = content.version_to_send(session, newsletter.template_id)
    if newsletter.mailing_id is not None:  # what was said then, whatever the template says now
        version = content.get_version(
            session, messages.get_mailing(session, newsletter.mailing_id).version_id
        )
    return {"segment": segment, "template": template, "version": version}


def zones() -> list[str]:
    """The names of time zones that a person would choose, the shop's first."""
    own = runtime().config.shop.zone
    places = {z for z in available_timezones() if "/" in z and not z.startswith(("Etc/", "SystemV/", "US/"))}
    return [own, *sorted((places | {"UTC"}) - {own})]


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None

"""Templates: the list, a new one, the page of one with its preview, the editor, its versions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import unified_diff
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import escape

from campaigns import content, customers, messages
from campaigns.content import Refused, Template, Version
from campaigns.db import page
from campaigns.errors import Conflict, Invalid, LiaisonError
from webapp.context import runtime, user
from webapp.security import admin_blueprint, letter_response

blueprint = admin_blueprint("templates")

READERS = {
    "usual": "A usual customer",
    "longest": "The longest values",
    "nothing": "Nothing known",
}
"""Made-up readers of a preview; any customer may be chosen besides."""

BLANK = {
    "mjml": """{% extends "letter.mjml" %}

{% block content %}
<mj-section>
  <mj-column>
    <mj-text css-class="ink">
      <h1>A headline</h1>
      <p>Hello {{ customer.first_name or "there" }},</p>
      <p>Write your letter here.</p>
    </mj-text>
    <mj-button href="https://shop.example" css-class="act">Have a look</mj-button>
  </mj-column>
</mj-section>
{% endblock %}
""",
    "html": """<!doctype html>
<html>
<head>
  <title>{{ shop.name }}</title>
  <style>
    body { font-family: Helvetica, Arial, sans-serif; color: #333333; }
  </style>
</head>
<body>
  <h1>A headline</h1>
  <p>Hello {{ customer.first_name or "there" }},</p>
  <p>Write your letter here.</p>
  <p><a href="{{ links.unsubscribe }}">Unsubscribe</a> · {{ shop.name }}</p>
</body>
</html>
""",
}


@dataclass(frozen=True)
class Words:
    """What the editor's form sent. `based_on`: the version the author began with."""

    format: str
    source: str
    subject: str
    preheader: str
    based_on: int | None

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "Words":
        based_on = form.get("based_on", "")
        return cls(
            form.get("format", "mjml"),
            form.get("source", "").replace("\r\n", "\n"),
            form.get("subject", ""),
            form.get("preheader", ""),
            int(based_on) if _is_number(based_on) else None,
        )

    @classmethod
    def of(cls, version: Version) -> "Words":
        return cls(version.format, version.source, version.subject, version.preheader, version.id)


@dataclass(frozen=True)
class Look:
    """How a preview is looked at: for whom, on what, in which light."""

    reader: str
    find: str
    width: str
    scheme: str
    images: str

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "Look":
        reader = given.get("reader", "usual")
        return cls(
            reader if reader in READERS or _is_number(reader) else "usual",
            given.get("find", "").strip()[:200],
            "phone" if given.get("width") == "phone" else "desktop",
            "dark" if given.get("scheme") == "dark" else "light",
            "off" if given.get("images") == "off" else "on",
        )


@blueprint.get("")
def show() -> ResponseReturnValue:
    """All templates, by purpose or name; the archived ones apart."""
    purpose, text = request.args.get("purpose", ""), request.args.get("text", "")[:200]
    is_archived = request.args.get("archived") == "yes"
    with runtime().reading() as session:
        found = content.list_templates(purpose=purpose, text=text, is_archived=is_archived)
        shown = page(session, found, request.args.get("page", 1, type=int), size=24)
        return render_template(
            "templates/list.html",
            page=shown,
            purposes=_purposes(),
            purpose=purpose,
            text=text,
            is_archived=is_archived,
        )


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """What to begin with, and a name."""
    return _new_form(
        {"start": request.args.get("start", "blank-mjml"), "language": runtime().config.shop.language}
    )


@blueprint.post("/new")
def create() -> ResponseReturnValue:
    """Make it, with the first version of what was chosen to begin with."""
    given = request.form.to_dict()
    now = runtime().clock.now()
    start = {starter.name: starter for starter in content.starters()}.get(given.get("start", ""))
    try:
        with runtime().transaction() as session:
            template = content.create_template(
                session,
                name=given.get("name", ""),
                purpose=start.purpose if start else _purpose(given.get("purpose", "newsletter")),
                language=_language(given.get("language", "")),
                now=now,
            )
            content.save_version(
                session,
                template.id,
                format=start.format if start else given.get("start", "").removeprefix("blank-"),
                source=start.source
                if start
                else BLANK["html" if given.get("start") == "blank-html" else "mjml"],
                subject=start.subject if start else "",
                preheader=start.preheader if start else "",
                now=now,
                by=user().id,
                config=runtime().config,
                sources=runtime().merge_sources,
            )
    except Invalid as error:
        return _new_form(given, error.faults or {"name": str(error)}), 400
    return redirect(url_for(".edit", template_id=template.id), 303)


@blueprint.get("/<int:template_id>")
def detail(template_id: int) -> ResponseReturnValue:
    """One template as its readers will see it, with what is to be said against it."""
    look = Look.read(request.args)
    with runtime().reading() as session:
        template = content.get_template(session, template_id)
        version = _version_asked_for(session, template)
        found = session.scalars(customers.search(look.find).limit(8)).all() if look.find else []
        reader = customers.get_customer(session, int(look.reader)) if _is_number(look.reader) else None
        shown, fault = _shown(session, template, version, look)
        return render_template(
            "templates/detail.html",
            template=template,
            version=version,
            look=look,
            readers=READERS,
            reader=reader,
            found=found,
            shown=shown,
            fault=fault,
            findings=content.findings(shown, runtime().config) if shown else [],
            most_bytes=content.CLIPPED_BYTES,
            purposes=_purposes(),
        )


@blueprint.get("/<int:template_id>/body")
def body(template_id: int) -> Response:
    """The HTML of a preview, for a frame where nothing can run."""
    look = Look.read(request.args)
    with runtime().reading() as session:
        template = content.get_template(session, template_id)
        shown, fault = _shown(session, template, _version_asked_for(session, template), look)
    return _letter(shown.html if shown else _fault_page([fault]), look)


@blueprint.get("/<int:template_id>/edit")
def edit(template_id: int) -> ResponseReturnValue:
    """The editor with the newest version; `?version=` begins with an older one."""
    with runtime().reading() as session:
        template = content.get_template(session, template_id)
        words = Words.of(_version_asked_for(session, template))
        return _editor(session, template, replace(words, based_on=template.version_id))


@blueprint.post("/<int:template_id>/edit")
def save(template_id: int) -> ResponseReturnValue:
    """Keep the words as a new version, or say what stands against it and at which line."""
    words, now = Words.read(request.form), runtime().clock.now()
    try:
        compiled = _compiled(template_id, words)  # before the transaction: nobody waits for it
        with runtime().transaction() as session:
            version = content.save_version(
                session, template_id, compiled=compiled, based_on=words.based_on, now=now, by=user().id
            )
    except Refused as error:
        return _editor_again(template_id, words, error), 400
    except Conflict as error:
        flash(str(error), "warning")
        with runtime().reading() as session:
            newest = content.get_template(session, template_id).version_id
        return _editor_again(template_id, replace(words, based_on=newest)), 409
    flash(f"Saved as version {version.number}.", "success")
    if request.form.get("then") == "stay":
        return redirect(url_for(".edit", template_id=template_id), 303)
    return redirect(url_for(".detail", template_id=template_id), 303)


@blueprint.post("/<int:template_id>/draft")
def draft(template_id: int) -> Response:
    """The unsaved words as a letter, for the editor's frame; or what stands against them."""
    look = Look.read(request.form)
    try:
        compiled = _compiled(template_id, Words.read(request.form))
        with runtime().reading() as session:
            template = content.get_template(session, template_id)
            shown, fault = _shown(session, template, content.Draft(compiled), look)
    except Refused as error:
        return _letter(_fault_page(list(map(str, error.found))), look)
    return _letter(shown.html if shown else _fault_page([fault]), look)


@blueprint.get("/<int:template_id>/versions")
def versions(template_id: int) -> ResponseReturnValue:
    """Every version, newest first; with `?version=` what it changed."""
    with runtime().reading() as session:
        template = content.get_template(session, template_id)
        all_of_them = content.versions(session, template_id)
        chosen = next((v for v in all_of_them if v.id == request.args.get("version", type=int)), None)
        before = next((v for v in all_of_them if chosen and v.number < chosen.number), None)
        return render_template(
            "templates/versions.html",
            template=template,
            versions=all_of_them,
            chosen=chosen,
            before=before,
            difference=_difference(before, chosen) if chosen else [],
        )


@blueprint.post("/<int:template_id>/versions/<int:version_id>/restore")
def restore(template_id: int, version_id: int) -> ResponseReturnValue:
    """Say again what an older version said, as a new version."""
    with runtime().transaction() as session:
        version = content.restore_version(session, version_id, now=runtime().clock.now(), by=user().id)
    flash(f"Version {version.number} says the same again.", "success")
    return redirect(url_for(".detail", template_id=template_id), 303)


@blueprint.post("/<int:template_id>/settings")
def settings(template_id: int) -> ResponseReturnValue:
    """Another name, purpose or language."""
    given = request.form
    try:
        with runtime().transaction() as session:
            content.change_template(
                session,
                template_id,
                name=given.get("name", ""),
                purpose=_purpose(given.get("purpose", "")),
                language=_language(given.get("language", "")),
                now=runtime().clock.now(),
            )
    except Invalid as error:
        flash(str(error), "danger")
    return redirect(url_for(".detail", template_id=template_id), 303)


@blueprint.post("/<int:template_id>/duplicate")
def duplicate(template_id: int) -> ResponseReturnValue:
    """A copy under another name."""
    try:
        with runtime().transaction() as session:
            copy = content.duplicate(
                session,
                template_id,
                name=request.form.get("name", ""),
                now=runtime().clock.now(),
                by=user().id,
            )
    except Invalid as error:
        flash(str(error), "danger")
        return redirect(url_for(".detail", template_id=template_id), 303)
    return redirect(url_for(".edit", template_id=copy.id), 303)


@blueprint.post("/<int:template_id>/archive")
def archive(template_id: int) -> ResponseReturnValue:
    """Put it away; what was planned with it still works."""
    with runtime().transaction() as session:
        content.archive(session, template_id, now=runtime().clock.now())
    flash("Put away. You find it among the archived templates.", "success")
    return redirect(url_for(".show"), 303)


@blueprint.post("/<int:template_id>/unarchive")
def unarchive(template_id: int) -> ResponseReturnValue:
    """Take it back."""
    with runtime().transaction() as session:
        content.unarchive(session, template_id, now=runtime().clock.now())
    return redirect(url_for(".detail", template_id=template_id), 303)


@blueprint.post("/<int:template_id>/test")
def test(template_id: int) -> ResponseReturnValue:
    """Send the version as a test letter, marked as one and outside the statistics."""
    look = Look.read(request.form)
    with runtime().reading() as session:
        template = content.get_template(session, template_id)
        version_id = content.newest_version(session, template_id).id
        known = content.vocabulary(session, runtime().merge_sources, template.purpose)
        values = _values(session, known, look)
    to = request.form.get("to", "").strip() or user().email
    try:
        messages.send_test(
            runtime(),
            version_id=version_id,
            customer_id=int(look.reader) if _is_number(look.reader) else None,
            to=to,
            facts=known.values()["letter"],
            values=values,
        )
        flash(f"A test letter is on its way to {to}.", "success")
    except LiaisonError as error:
        flash(str(error), "danger")
    return redirect(url_for(".detail", template_id=template_id, reader=look.reader), 303)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _version_asked_for(session: Any, template: Template) -> Version:
    asked = request.args.get("version", type=int)
    if asked:
        version = content.get_version(session, asked)
        if version.template_id == template.id:
            return version
    return content.newest_version(session, template.id)


def _compiled(template_id: int, words: Words) -> content.Compiled:
    with runtime().reading() as session:
        template = content.get_template(session, template_id)
        known = content.vocabulary(session, runtime().merge_sources, template.purpose)
    return content.checked(
        known,
        format=words.format,
        source=words.source,
        subject=words.subject,
        preheader=words.preheader,
        language=template.language,
        config=runtime().config,
    )


def _shown(
    session: Any, template: Template, version: Version | content.Draft, look: Look
) -> tuple[content.Shown | None, str]:
    """The letter for this reader, or why it cannot be filled."""
    known = content.vocabulary(session, runtime().merge_sources, template.purpose)
    values = _values(session, known, look)
    try:
        return content.show(version, values, config=runtime().config, links=runtime().links), ""
    except Invalid as error:
        return None, str(error)


def _values(session: Any, known: content.Vocabulary, look: Look) -> dict[str, Any]:
    if _is_number(look.reader):
        reader, sources = int(look.reader), runtime().merge_sources
        loaded = content.reader_values(
            session, list(sources), [reader], now=runtime().clock.now(), sources=sources
        )
        values = {"letter": known.values()["letter"], **loaded[reader]}
    else:
        values = known.values(
            longest=look.reader == "longest", lacking=known.may_lack() if look.reader == "nothing" else ()
        )
    return {name: family for name, family in values.items() if name not in ("shop", "links")}


def _letter(html: str, look: Look) -> Response:
    response = letter_response(content.in_scheme(html, "dark" if look.scheme == "dark" else "light"))
    if look.images == "off":
        policy = response.headers["Content-Security-Policy"]
        response.headers["Content-Security-Policy"] = policy.replace("img-src * data:", "img-src 'none'")
    return response


def _fault_page(faults: list[str]) -> str:
    lines = "".join(f"<li>{escape(fault)}</li>" for fault in faults)
    style = "font:15px/1.6 system-ui,sans-serif;color:#7a2e22;background:#fdf5f2;padding:24px 28px;margin:0"
    return (
        f'<!doctype html><html lang="en"><head><title>Not yet</title></head><body style="{style}">'
        f"<b>This cannot be sent yet.</b><ul>{lines}</ul></body></html>"
    )


def _editor(
    session: Any, template: Template, words: Words, refused: Refused | None = None
) -> ResponseReturnValue:
    known = content.vocabulary(session, runtime().merge_sources, template.purpose)
    return render_template(
        "templates/editor.html",
        template=template,
        words=words,
        faults=refused.found if refused else (),
        extract=_extract(words.source, refused.line) if refused else [],
        families=known.families,
        snippet=_snippet,
        readers=READERS,
    )


def _editor_again(template_id: int, words: Words, refused: Refused | None = None) -> ResponseReturnValue:
    with runtime().reading() as session:
        return _editor(session, content.get_template(session, template_id), words, refused)


def _extract(source: str, line: int | None) -> list[tuple[int, str]]:
    """The lines around the fault, numbered."""
    if line is None:
        return []
    lines = source.split("\n")
    return [(n, lines[n - 1]) for n in range(max(1, line - 2), min(len(lines), line + 2) + 1)]


def _snippet(family: str, field: Any) -> str:
    """How a field is written so that it can be saved."""
    name = f"{family}.{field.name}"
    if family == "links":
        return f'<a href="{{{{ {name} }}}}">{field.label}</a>'
    if field.kind == "list":
        first = field.items[0].name if field.items else "name"
        return f"{{% for item in {name} %}}{{{{ item.{first} }}}}{{% endfor %}}"
    shaped = {"date": f"{name}|date", "money": f"{name}|money({_currency(family)})"}.get(field.kind, name)
    fallback = '"there"' if field.name == "first_name" else '"…"'
    return f"{{{{ {shaped} or {fallback} }}}}" if field.may_lack else f"{{{{ {shaped} }}}}"


def _currency(family: str) -> str:
    own = {"purchases": "purchases.last_currency", "letter": "letter.currency"}
    return own.get(family, "shop.currency")


def _difference(before: Version | None, after: Version) -> list[tuple[str, str]]:
    """Lines of what changed, each with its kind: added, gone, place or same."""

    def lines(version: Version | None) -> list[str]:
        if version is None:
            return []
        return [f"Subject: {version.subject}", f"Preheader: {version.preheader}", *version.source.split("\n")]

    kinds = {"+": "added", "-": "gone", "@": "place"}
    changes = list(unified_diff(lines(before), lines(after), lineterm="", n=2))[2:]
    return [(kinds.get(line[:1], "same"), line) for line in changes]


def _new_form(given: Mapping[str, str], faults: Mapping[str, str] | None = None) -> str:
    return render_template(
        "templates/new.html",
        given=given,
        faults=faults or {},
        starters=content.starters(),
        purposes=_purposes(),
    )


def _purposes() -> dict[str, str]:
    occasions = {name: occasion.label for name, occasion in runtime().occasions.items()}
    return {"newsletter": "Newsletter", **occasions, "win_back": "Win back", "other": "Something else"}


def _purpose(given: str) -> str:
    return given if given in _purposes() else "other"


def _language(given: str) -> str:
    plain = given.strip()[:10]
    return plain if plain.replace("-", "").isalpha() else runtime().config.shop.language

"""The editor: every button works by sending the form; a script sends it sooner and swaps what changed."""

from dataclasses import dataclass, field
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import reports, segments
from campaigns.errors import Invalid
from campaigns.fields import Catalogue, Option
from webapp.context import runtime, user
from webapp.pages.segments import draft as drafts
from webapp.pages.segments.blueprint import blueprint, ways

FEW = 24
"""So many values are offered as boxes to tick; more are typed, with suggestions."""


@dataclass
class Form:
    """What the editor holds: the words, and the draft of the rule."""

    name: str = ""
    description: str = ""
    root: drafts.Node = field(default_factory=drafts.fresh)

    @classmethod
    def read(cls) -> "Form":
        return cls(
            request.form.get("name", ""), request.form.get("description", ""), drafts.read(request.form)
        )


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """An empty editor; `?score.r=5` and the like begin the rule with these conditions."""
    with runtime().reading() as session:
        asked = drafts.asked(request.args, runtime().fields.catalogue(session))
    return _editor(Form(root=asked))


@blueprint.post("/new")
def create() -> ResponseReturnValue:
    """Keep a new segment, or answer one of the editor's other buttons."""
    return _answer(None)


@blueprint.get("/<int:segment_id>/edit")
def edit(segment_id: int) -> ResponseReturnValue:
    """The editor with a saved rule."""
    with runtime().reading() as session:
        segment = segments.get_segment(session, segment_id)
        catalogue = runtime().fields.catalogue(session)
        form = Form(segment.name, segment.description, drafts.drafted(segment.rule, catalogue))
    return _editor(form, segment_id)


@blueprint.post("/<int:segment_id>/edit")
def change(segment_id: int) -> ResponseReturnValue:
    """Keep what was changed, or answer one of the editor's other buttons."""
    return _answer(segment_id)


def _answer(segment_id: int | None) -> ResponseReturnValue:
    form, act = Form.read(), request.form.get("act", "count")
    if act != "save":
        form.root = drafts.changed(form.root, act)
        return _editor(form, segment_id)
    try:
        with runtime().transaction() as session:
            saved = segments.save_segment(
                session,
                segment_id,
                name=form.name,
                description=form.description,
                rule=drafts.rule(form.root, runtime().fields.catalogue(session)),
                by=user().id,
                **ways(),
            )
    except Invalid as error:
        return _editor(form, segment_id, error.faults), 400
    flash(f"Saved. {saved.last_count or 0:,} customers are in it now.", "success")
    return redirect(url_for(".detail", segment_id=saved.id), 303)


def _editor(form: Form, segment_id: int | None = None, faults: dict[str, str] | None = None) -> str:
    """The whole page, or the form alone where the editor's script asked for it."""
    is_part = request.headers.get("HX-Request") == "true"
    with runtime().reading() as session:
        catalogue = runtime().fields.catalogue(session)
        chosen, places = drafts.without_blanks(form.root)
        rule = drafts.rule(chosen, catalogue)
        try:
            counts = segments.counts(session, rule, **ways())
            hint, sample = "", segments.sample(session, rule, **ways(), size=6)
        except Invalid as error:
            counts, hint, sample = None, next(iter(error.faults.values())), []
        context: dict[str, Any] = {
            "form": form,
            "segment_id": segment_id,
            "faults": faults or {},
            "hint": hint,
            "catalogue": catalogue,
            "choices": _choices(session, form.root, catalogue),
            "counts": counts,
            "alone": {places[path]: number for path, number in counts.conditions.items()} if counts else {},
            "sample": sample,
            "uses": reports.uses_of_segments(session).get(segment_id or 0, []),
            "operators": segments.operators,
            "asks_unknown": segments.is_asked_about_unknown,
            "few": FEW,
        }
        return render_template("segments/_form.html" if is_part else "segments/edit.html", **context)


def _choices(session: Any, root: drafts.Node, catalogue: Catalogue) -> dict[str, list[Option]]:
    """The values to choose from, of the fields and filters that the draft speaks of: by field name, and by
    field and filter name with a colon between."""
    found: dict[str, list[Option]] = {}
    for node in drafts.conditions(root):
        asked = catalogue.get(node.field)
        if asked is None or asked.name in found:
            continue
        found[asked.name] = list(asked.options(session)) if asked.options else []
        for each in asked.filters:
            if each.options is not None:
                found[f"{asked.name}:{each.name}"] = list(each.options(session))
    return found

"""One step at a time: added, changed, moved, removed. Every form brings the revision it was made for."""

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import content, customers, journeys, segments
from campaigns.errors import Conflict, Invalid
from webapp.context import runtime
from webapp.pages.journeys.blueprint import blueprint, means, number
from webapp.pages.journeys.edit import offered_by, read_options
from webapp.pages.journeys.shown import ICONS

WORDS = ("subject", "unit", "what", "occasion", "letter", "by", "word", "value", "title", "note", "url")
NUMBERS = ("amount", "weekday", "hour", "most_days", "share", "due_days")
IDS = ("template_id", "segment_id", "staff_id")


@blueprint.get("/<int:journey_id>/steps/new")
def new_step(journey_id: int) -> ResponseReturnValue:
    """Choose what the step is to do."""
    with runtime().reading() as session:
        journey = journeys.get_journey(session, journey_id)
        version = journeys.newest_version(session, journey_id)
        plan = journeys.Plan.read(version.plan)
    return render_template(
        "journeys/kinds.html",
        journey=journey,
        version=version,
        slot=request.args.get("slot", ""),
        slots=journeys.slots(plan.steps),
        KINDS=list(journeys.KINDS.items()),
        ICONS=ICONS,
    )


@blueprint.post("/<int:journey_id>/steps/new")
def add_step(journey_id: int) -> ResponseReturnValue:
    """Put it in its place, and go on to its questions, where it has any."""
    kind = request.form.get("kind", "")
    try:
        with runtime().transaction() as session:
            key = journeys.add_step(
                session,
                journey_id,
                slot=request.form.get("slot") or "start",
                kind=kind,
                now=runtime().clock.now(),
                revision=_revision(),
            )
    except (Invalid, Conflict) as error:
        flash(str(error), "error")
        return redirect(url_for(".edit", journey_id=journey_id), 303)
    if kind == "end":
        return redirect(url_for(".edit", journey_id=journey_id, _anchor=f"step-{key}"), 303)
    return redirect(url_for(".step", journey_id=journey_id, key=key), 303)


@blueprint.get("/<int:journey_id>/steps/<key>")
def step(journey_id: int, key: str) -> ResponseReturnValue:
    """The questions of one step, with what is answered."""
    with runtime().reading() as session:
        plan = journeys.Plan.read(journeys.newest_version(session, journey_id).plan)
    return _form(journey_id, key, journeys.find(plan.steps, key), {})


@blueprint.post("/<int:journey_id>/steps/<key>")
def change_step(journey_id: int, key: str) -> ResponseReturnValue:
    """Keep the answers."""
    answers = _answers()
    with runtime().reading() as session:
        plan = journeys.Plan.read(journeys.newest_version(session, journey_id).plan)
        kept = journeys.find(plan.steps, key)
        draft = {**kept, **{name: value for name, value in answers.items() if name in kept}}
        fault = journeys.step_fault(draft, plan.steps, journeys.known_to(session, means()))
    if request.form.get("act") == "ask":
        return _form(journey_id, key, draft, {})
    if fault:
        return _form(journey_id, key, draft, {"": fault}), 400
    try:
        with runtime().transaction() as session:
            journeys.change_step(
                session, journey_id, key, answers, now=runtime().clock.now(), revision=_revision()
            )
    except Invalid as error:
        return _form(journey_id, key, draft, {"": str(error)}), 400
    except Conflict as error:
        flash(str(error), "error")
    return redirect(url_for(".edit", journey_id=journey_id, _anchor=f"step-{key}"), 303)


@blueprint.post("/<int:journey_id>/steps/<key>/move")
def move_step(journey_id: int, key: str) -> ResponseReturnValue:
    """Up, down, or into another place."""
    try:
        with runtime().transaction() as session:
            journeys.move_step(
                session,
                journey_id,
                key,
                slot=request.form.get("slot", ""),
                by=number(request.form.get("by")),
                now=runtime().clock.now(),
                revision=_revision(),
            )
    except (Invalid, Conflict) as error:
        flash(str(error), "error")
    return redirect(url_for(".edit", journey_id=journey_id, _anchor=f"step-{key}"), 303)


@blueprint.post("/<int:journey_id>/steps/<key>/remove")
def remove_step(journey_id: int, key: str) -> ResponseReturnValue:
    """Take it away, with all its arms hold."""
    try:
        with runtime().transaction() as session:
            journeys.remove_step(session, journey_id, key, now=runtime().clock.now(), revision=_revision())
    except (Invalid, Conflict) as error:
        flash(str(error), "error")
    return redirect(url_for(".edit", journey_id=journey_id), 303)


def _revision() -> int | None:
    told = request.form.get("revision", "")
    return number(told) if told else None


def _answers() -> dict[str, Any]:
    form = request.form
    answers: dict[str, Any] = {name: form[name].strip() for name in WORDS if name in form}
    answers |= {name: number(form[name], -99) for name in NUMBERS if name in form}
    answers |= {name: number(form[name]) or None for name in IDS if name in form}
    if "results" in form:
        answers["results"] = [line.strip() for line in form["results"].splitlines() if line.strip()]
    if answers.get("what") == "occasion":
        occasion = runtime().occasions.get(answers.get("occasion", ""))
        try:
            answers["options"] = occasion.read_options(read_options(occasion.name)) if occasion else {}
        except Invalid:
            answers["options"] = read_options(answers["occasion"])
    return answers


def _form(journey_id: int, key: str, step: Mapping[str, Any], faults: Mapping[str, str]) -> str:
    with runtime().reading() as session:
        journey = journeys.get_journey(session, journey_id)
        version = journeys.newest_version(session, journey_id)
        plan = journeys.Plan.read(version.plan)
        names = journeys.names(session, means())
        occasion = runtime().occasions.get(step.get("occasion", ""))
        return render_template(
            "journeys/step.html",
            journey=journey,
            version=version,
            step=step,
            key=key,
            faults=faults,
            what=journeys.KINDS[step["kind"]],
            slots=journeys.slots(plan.steps, without=key),
            templates=[(t.id, t.name) for t in session.scalars(content.list_templates()) if t.version_id],
            segments=[(s.id, s.name) for s in segments.list_segments(session)],
            letters=[
                (node.key, f"{node.path} {names.templates.get(node.step['template_id'], 'a letter')}")
                for node in journeys.letters_before(plan.steps, key)
            ],
            occasion=occasion,
            offered=offered_by(session, occasion),
            occasions=[(each.name, each.label) for each in runtime().occasions.values()],
            staff=list(journeys.staff_names(session).items()),
            attributes=[(each.name, each.label) for each in customers.attributes(session)],
            hours=[(h, f"{h:02d}:00") for h in range(24)],
            UNITS=list(journeys.UNITS.items()),
            WEEKDAYS=list(journeys.WEEKDAYS.items()),
            AWAITED=list(journeys.AWAITED.items()),
            ASKED=list(journeys.ASKED.items()),
            CHANGES=list(journeys.CHANGES.items()),
        )

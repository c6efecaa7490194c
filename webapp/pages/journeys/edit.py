"""The editor: the draft of a journey as a list that forms change (and a canvas, where scripts run)."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import journeys, segments
from campaigns.errors import Conflict, Invalid
from webapp.context import runtime
from webapp.pages.journeys.blueprint import blueprint, means, number
from webapp.pages.journeys.shown import shown


@blueprint.get("/<int:journey_id>/edit")
def edit(journey_id: int) -> ResponseReturnValue:
    """The steps of the newest version, with every place where one may be added."""
    with runtime().reading() as session:
        journey = journeys.get_journey(session, journey_id)
        version = journeys.newest_version(session, journey_id)
        plan = journeys.Plan.read(version.plan)
        names = journeys.names(session, means())
        faults: dict[str, str] = {}
        try:
            journeys.check_ready(session, plan, means())
        except Invalid as error:
            faults = error.faults
        return render_template(
            "journeys/edit.html",
            journey=journey,
            version=version,
            plan=plan,
            names=names,
            steps=shown(plan, names, faults=faults),
            faults=faults,
            AGAIN=journeys.AGAIN,
            GOALS=journeys.GOALS,
            EXITS=journeys.EXITS,
        )


@blueprint.post("/<int:journey_id>/drop")
def drop(journey_id: int) -> ResponseReturnValue:
    """Throw the changes since the last version in use away."""
    with runtime().transaction() as session:
        journeys.drop_draft(session, journey_id)
    return redirect(url_for(".detail", journey_id=journey_id), 303)


@blueprint.get("/<int:journey_id>/frame")
def frame(journey_id: int) -> ResponseReturnValue:
    """Who enters, again or not, until when: the form with what is there."""
    with runtime().reading() as session:
        journey = journeys.get_journey(session, journey_id)
        plan = journeys.Plan.read(journeys.newest_version(session, journey_id).plan)
    entry = dict(plan.entry)
    asked = request.args.get("occasion")
    if asked is not None:
        entry = {"by": "occasion", "occasion": asked, "options": {}, "late_days": 2, "hour": 9}
    values: dict[str, Any] = {
        "name": journey.name,
        "hold_out": journey.hold_out,
        "entry": entry,
        "again": plan.again,
        "again_days": plan.again_days,
        "goal": plan.goal,
        "goal_segment_id": plan.goal_segment_id,
        "exits": plan.exits,
    }
    return _frame(journey_id, values, {})


@blueprint.post("/<int:journey_id>/frame")
def keep_frame(journey_id: int) -> ResponseReturnValue:
    """Keep it."""
    values = _read_frame()
    if request.form.get("act") == "ask" and values["entry"]["by"] == "occasion":
        return _frame(journey_id, values, {})  # the occasion was chosen: now its own questions
    try:
        with runtime().transaction() as session:
            journeys.set_frame(
                session,
                journey_id,
                occasions=runtime().occasions,
                now=runtime().clock.now(),
                **values,
            )
    except Invalid as error:
        return _frame(journey_id, values, error.faults), 400
    except Conflict as error:
        flash(str(error), "error")
    return redirect(url_for(".edit", journey_id=journey_id), 303)


def _read_frame() -> dict[str, Any]:
    form = request.form
    entry: dict[str, Any] = {
        "by": "occasion" if form.get("by") == "occasion" else "segment",
        "hour": number(form.get("hour"), 9),
    }
    if entry["by"] == "occasion":
        name = form.get("occasion", "")
        entry |= {
            "occasion": name,
            "late_days": number(form.get("late_days"), 2),
            "options": read_options(name),
        }
    else:
        entry["segment_id"] = number(form.get("segment_id")) or None
    return {
        "name": form.get("name", ""),
        "hold_out": number(form.get("hold_out")),
        "entry": entry,
        "again": form.get("again", "never"),
        "again_days": number(form.get("again_days"), 90),
        "goal": form.get("goal", ""),
        "goal_segment_id": number(form.get("goal_segment_id")) or None,
        "exits": tuple(form.getlist("exits")),
    }


def read_options(name: str) -> dict[str, Any]:
    """The answers to an occasion's own questions, as the form has them."""
    occasion = runtime().occasions.get(name)
    if occasion is None:
        return {}
    return {option.name: request.form.get(f"option_{option.name}") for option in occasion.options}


def _frame(journey_id: int, values: dict[str, Any], faults: dict[str, str]) -> str:
    with runtime().reading() as session:
        journey = journeys.get_journey(session, journey_id)
        found = segments.list_segments(session)
        occasion = runtime().occasions.get(values["entry"].get("occasion", ""))
        offered = offered_by(session, occasion)
    return render_template(
        "journeys/frame.html",
        journey=journey,
        values=values,
        faults=faults,
        occasion=occasion,
        offered=offered,
        segments=[(segment.id, segment.name) for segment in found],
        occasions=[(each.name, each.label) for each in runtime().occasions.values()],
        hours=[(-1, "at once, at the next full hour"), *((h, f"{h:02d}:00") for h in range(24))],
        AGAIN=list(journeys.AGAIN.items()),
        GOALS=list(journeys.GOALS.items()),
        EXITS=list(journeys.EXITS.items()),
    )


def offered_by(session: Any, occasion: Any) -> dict[str, list[tuple[str, str]]]:
    """What may be picked for each question of an occasion that asks the database."""
    if occasion is None:
        return {}
    return {option.name: list(option.offered(session)) for option in occasion.options if option.offered}

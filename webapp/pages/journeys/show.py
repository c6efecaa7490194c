"""The list of journeys, one journey with its counts, and its switches."""

import secrets

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import journeys, reports, simulations
from campaigns.errors import Conflict, Invalid
from webapp.context import runtime, user
from webapp.pages.journeys.blueprint import blueprint, means, number
from webapp.pages.journeys.shown import shown


@blueprint.get("")
def show() -> ResponseReturnValue:
    """All journeys, with how many are under way."""
    with runtime().reading() as session:
        found = journeys.all_journeys(session)
        figures = {journey.id: journeys.figures(session, journey.id) for journey in found}
        open_tasks = journeys.count_tasks(session)
    return render_template("journeys/list.html", journeys=found, figures=figures, open_tasks=open_tasks)


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """A form with a name."""
    return render_template(
        "journeys/new.html", values={"name": "", "form_key": secrets.token_urlsafe(18)}, faults={}
    )


@blueprint.post("/new")
def create() -> ResponseReturnValue:
    """Keep a new one, without a step."""
    try:
        with runtime().transaction() as session:
            journey = journeys.create(
                session,
                name=request.form.get("name", ""),
                now=runtime().clock.now(),
                by=user().id,
                form_key=request.form.get("form_key") or None,
            )
    except Invalid as error:
        return render_template("journeys/new.html", values=request.form, faults=error.faults), 400
    return redirect(url_for(".frame", journey_id=journey.id), 303)


@blueprint.get("/<int:journey_id>")
def detail(journey_id: int) -> ResponseReturnValue:
    """One journey: what it does, who is where, and how it ended for the others."""
    with runtime().reading() as session:
        journey = journeys.get_journey(session, journey_id)
        versions = journeys.versions_of(session, journey_id)
        wanted = number(request.args.get("version")) or journey.version_id or versions[0].id
        version = journeys.get_version(session, journey_id, wanted)
        plan = journeys.Plan.read(version.plan)
        names = journeys.names(session, means())
        of_steps = journeys.step_figures(session, [version.id])
        under_way = journeys.versions_under_way(session, journey_id)
        return render_template(
            "journeys/detail.html",
            journey=journey,
            effect=reports.effect_of_journey(
                session,
                journey_id,
                currency=runtime().config.shop.currency,
                now=runtime().clock.now(),
            ),
            version=version,
            versions=versions,
            draft=journeys.draft_of(session, journey_id),
            under_way=under_way,
            plan=plan,
            names=names,
            steps=shown(plan, names, figures=of_steps),
            figures=journeys.figures(session, journey_id),
            simulation=simulations.newest_of(session, "journey", journey_id),
            mailings=journeys.mailings_by_step(session, [each.id for each in versions]),
            AGAIN=journeys.AGAIN,
            GOALS=journeys.GOALS,
            EXITS=journeys.EXITS,
        )


@blueprint.post("/<int:journey_id>/switch")
def switch(journey_id: int) -> ResponseReturnValue:
    """On, paused or stopped for good, as the button said: pressed twice, the second changes nothing."""
    wanted, now = request.form.get("to"), runtime().clock.now()
    try:
        with runtime().transaction() as session:
            if wanted == "on":
                journeys.switch_on(session, journey_id, means(), now=now)
            elif wanted == "pause":
                journeys.pause(session, journey_id, now=now)
            elif wanted == "stop":
                journeys.stop(session, journey_id, now=now)
    except (Invalid, Conflict) as error:
        flash(" ".join([str(error), *getattr(error, "faults", {}).values()]), "error")
        return redirect(url_for(".edit", journey_id=journey_id), 303)
    return redirect(url_for(".detail", journey_id=journey_id), 303)


@blueprint.post("/<int:journey_id>/duplicate")
def duplicate(journey_id: int) -> ResponseReturnValue:
    """A copy, not switched on."""
    with runtime().transaction() as session:
        copy = journeys.duplicate(session, journey_id, now=runtime().clock.now(), by=user().id)
    return redirect(url_for(".edit", journey_id=copy.id), 303)


@blueprint.post("/<int:journey_id>/simulate")
def simulate(journey_id: int) -> ResponseReturnValue:
    """Ask for the next 30 days to be played."""
    with runtime().transaction() as session:
        asked = simulations.ask(
            session, kind="journey", source_id=journey_id, by=user().id, now=runtime().clock.now()
        )
    return redirect(url_for("simulations.detail", simulation_id=asked.id), 303)


@blueprint.get("/<int:journey_id>/versions/<int:version_id>")
def mapping(journey_id: int, version_id: int) -> ResponseReturnValue:
    """A form that says, for each step of an old version, at which step of the present one its travellers go on."""
    with runtime().reading() as session:
        journey = journeys.get_journey(session, journey_id)
        old = journeys.get_version(session, journey_id, version_id)
        if journey.version_id is None or journey.version_id == old.id:
            raise Conflict("There is no newer version in use to which they could move.")
        new = journeys.get_version(session, journey_id, journey.version_id)
        names = journeys.names(session, means())
        plans = journeys.Plan.read(old.plan), journeys.Plan.read(new.plan)
        here = journeys.step_figures(session, [old.id])
        steps = [
            (node.key, f"{node.path} {names.of(plans[0], node)}", here[node.key].here)
            for node in journeys.nodes(plans[0].steps)
            if node.key in here and here[node.key].here
        ]
        targets = [
            (node.key, f"{node.path} {names.of(plans[1], node)}") for node in journeys.nodes(plans[1].steps)
        ]
    return render_template(
        "journeys/mapping.html", journey=journey, old=old, new=new, steps=steps, targets=targets
    )


@blueprint.post("/<int:journey_id>/versions/<int:version_id>")
def move_travellers(journey_id: int, version_id: int) -> ResponseReturnValue:
    """Move those under way, as the form says."""
    chosen = {
        name.removeprefix("to_"): value
        for name, value in request.form.items()
        if name.startswith("to_") and value
    }
    with runtime().transaction() as session:
        done = journeys.move_travellers(
            session, journey_id, from_version=version_id, mapping=chosen, now=runtime().clock.now()
        )
    moved = sum(done.values())
    flash(f"{moved} {'traveller goes' if moved == 1 else 'travellers go'} on in the present version.")
    return redirect(url_for(".detail", journey_id=journey_id), 303)

"""Simulations: the days to come of a letter or a journey, played before they come."""

from collections.abc import Iterator

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import journeys, letters, simulations
from campaigns.customers import safe_cell
from campaigns.db import page
from campaigns.errors import Invalid
from webapp.context import runtime, user
from webapp.security import admin_blueprint

blueprint = admin_blueprint("simulations")

SIZE = 50
HEADS = ("customer", "email", "what", "occasion", "queued", "leaves", "fate", "reason")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The newest ones, and a button for each letter and journey."""
    with runtime().reading() as session:
        found = page(session, simulations.all_simulations(), request.args.get("page", 1, type=int), size=20)
        choices = [(f"journey:{each.id}", f"Journey: {each.name}") for each in journeys.all_journeys(session)]
        choices += [(f"letter:{each.id}", f"Letter: {each.name}") for each in letters.all_letters(session)]
    return render_template("simulations/list.html", page=found, choices=choices, faults={})


@blueprint.post("")
def ask() -> ResponseReturnValue:
    """Ask for one."""
    kind, _, source = request.form.get("about", "").partition(":")
    days = request.form.get("days", "30")
    with runtime().transaction() as session:
        if not source.isdecimal() or len(source) > 18:
            raise Invalid("Choose what is to be simulated.")
        asked = simulations.ask(
            session,
            kind=kind,
            source_id=int(source),
            days=int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0,
            by=user().id,
            now=runtime().clock.now(),
        )
    return redirect(url_for(".detail", simulation_id=asked.id), 303)


@blueprint.get("/<int:simulation_id>")
def detail(simulation_id: int) -> ResponseReturnValue:
    """What came of one: per day, per letter, some people, and the way to all of them."""
    with runtime().reading() as session:
        found = simulations.get_simulation(session, simulation_id)
        some = simulations.sample(session, found) if found.status == "done" else []
        words = _steps(session, found)
    return render_template("simulations/detail.html", simulation=found, sample=some, words=words)


@blueprint.get("/<int:simulation_id>/rows")
def rows(simulation_id: int) -> ResponseReturnValue:
    """Everybody, page by page; one day or one fate."""
    day, fate = request.args.get("day", "")[:10], request.args.get("fate", "")[:10]
    with runtime().reading() as session:
        found = simulations.get_simulation(session, simulation_id)
        listed = page(
            session,
            simulations.played(found, day=day, fate=fate),
            request.args.get("page", 1, type=int),
            size=SIZE,
        )
        words = _steps(session, found)
    return render_template(
        "simulations/rows.html", simulation=found, page=listed, words=words, day=day, fate=fate
    )


@blueprint.get("/<int:simulation_id>/rows.csv")
def rows_csv(simulation_id: int) -> ResponseReturnValue:
    """Everybody as a file."""
    live = runtime()
    with live.reading() as session:
        found = simulations.get_simulation(session, simulation_id)
        words = _steps(session, found)

    def lines() -> Iterator[str]:
        yield ",".join(HEADS) + "\r\n"
        with live.reading() as session:
            for row, customer in session.execute(simulations.played(found)).yield_per(1000):
                cells = (
                    customer.number or str(customer.id),
                    customer.email,
                    words.get(row.step, found.name),
                    row.occasion_key,
                    row.queued_at.isoformat(),
                    row.leaves_at.isoformat() if row.leaves_at else "",
                    row.fate,
                    row.reason,
                )
                yield ",".join(_quoted(cell) for cell in cells) + "\r\n"

    name = f"simulation-{simulation_id}.csv"
    return Response(
        lines(),
        mimetype="text/csv",
        headers={"Content-Disposition": f"attachment; filename={name}"},
    )


def _quoted(cell: str) -> str:
    return '"' + str(safe_cell(cell)).replace('"', '""') + '"'


def _steps(session: object, simulation: simulations.Simulation) -> dict[str, str]:
    """Step of a journey → what it does."""
    if simulation.kind != "journey":
        return {}
    names = journeys.names(session, journeys.means_of(runtime()))  # type: ignore[arg-type]
    words: dict[str, str] = {}
    for version in journeys.versions_of(session, simulation.source_id):  # type: ignore[arg-type]
        plan = journeys.Plan.read(version.plan)
        for node in journeys.nodes(plan.steps):
            words.setdefault(node.key, f"{node.path} {names.of(plan, node)}")
    return words

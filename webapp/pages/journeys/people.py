"""Who is on a journey, and one traveller's trace."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from campaigns import journeys
from campaigns.db import page
from webapp.context import runtime
from webapp.pages.journeys.blueprint import SIZE, blueprint, means, number


@blueprint.get("/<int:journey_id>/travellers")
def travellers(journey_id: int) -> ResponseReturnValue:
    """Those on the journey, in one state or at one step."""
    status = request.args.get("status", "")
    step = request.args.get("step", "")[:12]
    with runtime().reading() as session:
        journey = journeys.get_journey(session, journey_id)
        chosen = journeys.travellers(
            journey_id, status=status if status in journeys.STATES else "", step=step
        )
        found = page(session, chosen, number(request.args.get("page"), 1), size=SIZE)
        words = _words(journey_id)
    return render_template(
        "journeys/travellers.html", journey=journey, page=found, status=status, step=step, words=words
    )


@blueprint.get("/<int:journey_id>/travellers/<int:traveller_id>")
def trace(journey_id: int, traveller_id: int) -> ResponseReturnValue:
    """What one traveller met, step by step."""
    with runtime().reading() as session:
        journey = journeys.get_journey(session, journey_id)
        traveller, customer = journeys.get_traveller(session, journey_id, traveller_id)
        return render_template(
            "journeys/trace.html",
            journey=journey,
            traveller=traveller,
            customer=customer,
            version=journeys.get_version(session, journey_id, traveller.version_id),
            trace=journeys.trace_of(session, traveller_id),
            messages=journeys.messages_of(session, traveller),
            words=_words(journey_id),
            EXITS=journeys.EXITS,
        )


def _words(journey_id: int) -> dict[str, str]:
    """Step → what it does, over all versions; the newest wording of a step counts."""
    with runtime().reading() as session:
        names = journeys.names(session, means())
        words: dict[str, str] = {}
        for version in journeys.versions_of(session, journey_id):
            plan = journeys.Plan.read(version.plan)
            for node in journeys.nodes(plan.steps):
                words.setdefault(node.key, f"{node.path} {names.of(plan, node)}")
    return words

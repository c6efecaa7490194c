"""Value: what the customers are worth in the years to come, what losing them costs, where value comes from."""

from datetime import datetime, timedelta
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from campaigns import scoring
from campaigns.db import page
from campaigns.errors import NotFound
from webapp.context import runtime
from webapp.pages.relations import Choice
from webapp.security import admin_blueprint

blueprint = admin_blueprint("value")

LOSS_DAYS = 365
MOST_GROUPS = 30
MOST_CATEGORIES = 20


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The portfolio, the churn behind it and what if it were another, the test on last year, costs and sources."""
    config, now = runtime().config, runtime().clock.now()
    with runtime().reading() as session:
        return render_template(
            "value/show.html",
            refreshed_at=scoring.refreshed_at(session),
            portfolio=scoring.portfolio_value(session),
            test=scoring.value_back_test(session),
            curve=scoring.churn_curve(session),
            bands=scoring.BAND_WORDS,
            what_if=scoring.churn_what_if(session, config=config),
            losses=scoring.cost_of_losing(
                session, config=config, since=now - timedelta(days=LOSS_DAYS), until=now
            ),
            sources=scoring.value_by_source(session)[:MOST_GROUPS],
            countries=scoring.value_by_country(session)[:MOST_GROUPS],
            categories=list(scoring.category_grid(session).items())[:MOST_CATEGORIES],
            rule=config.value,
        )


@blueprint.get("/customers")
def customers() -> ResponseReturnValue:
    """The customers behind a number."""
    choice = _chosen()
    with runtime().reading() as session:
        found = page(session, scoring.rows(choice.ids), request.args.get("page", 1, type=int))
        return render_template(
            "scores/customers.html",
            choice=choice,
            page=found,
            by_name=scoring.CLASS_BY_NAME,
            crumb=("Value", "value.show"),
        )


def _chosen() -> Choice:
    given = request.args
    if "source" in given:
        words = given["source"] or "No source on record"
        return Choice(words, "Customers who came from there.", scoring.of_source(given["source"]))
    if "country" in given:
        words = given["country"] or "No country on record"
        return Choice(words, "Customers who live there.", scoring.of_country(given["country"]))
    if "category" in given:
        r = given.get("r", 0, type=int)
        if not 1 <= r <= 5:
            raise NotFound("Recency goes from 1 to 5.")
        lead = f"Customers of recency {r} who bought in this category."
        return Choice(given["category"], lead, scoring.in_category_cell(given["category"], r))
    if "lost" in given:
        since, until = _month(given["lost"])
        return Choice(f"Lost in {given['lost']}", "By their own rhythm.", scoring.lost_between(since, until))
    raise NotFound("This list needs to be told whom it shows: come from a number of the page.")


def _month(text: str) -> tuple[datetime, datetime]:
    zone: Any = runtime().config.zone
    try:
        start = datetime.strptime(text, "%Y-%m").replace(tzinfo=zone)
    except ValueError:
        raise NotFound("A month is written like 2026-03.") from None
    return start, (start + timedelta(days=32)).replace(day=1)

"""The first page: what needs a person, what goes out today, how the last week was."""

from collections.abc import Sequence
from itertools import groupby

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.messages import halt, halted, lift_halt
from campaigns.reports import Leaving, Need, Week, today
from webapp.context import runtime, user
from webapp.security import admin_blueprint
from webapp.wording import number

blueprint = admin_blueprint("today")

ACTIONS: dict[str, tuple[str, str, str]] = {
    "gap": ("Look and decide", "messages.late", ""),
    "stuck": ("See the senders", "messages.show", ""),
    "no_sender": ("See the senders", "messages.show", ""),
    "login": ("See how it is set up", "settings.show", ""),
    "trouble": ("See the senders", "messages.show", ""),
    "late": ("Look at it", "newsletters.detail", "newsletter_id"),
    "paused": ("Resume or cancel", "newsletters.detail", "newsletter_id"),
    "failed": ("See whom", "reports.mailing", "mailing_id"),
    "unknown": ("Decide", "reports.mailing", "mailing_id"),
    "import_failed": ("Look at it", "imports.detail", "import_id"),
    "import_rejects": ("See the lines", "imports.detail", "import_id"),
    "much_returned": ("See what came back", "reports.mailing", "mailing_id"),
    "returns": ("See how it is set up", "settings.show", ""),
    "stale": ("Look at the list", "scores.stale", ""),
    "quiet_account": ("Open their page", "customers.detail", "customer_id"),
}
"""What to do about each need: the words, the page, the argument that its subject becomes."""

SIGNS = {
    "halted": "stop-circle",
    "stale": "moon-stars",
    "quiet_account": "gem",
    "unknown": "question-lg",
    "paused": "pause",
}


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The day at a glance."""
    house = runtime()
    now, config = house.clock.now(), house.config
    with house.reading() as session:
        day = today(
            session, now=now, zone=config.zone, config=config, fields=house.fields, occasions=house.occasions
        )
        stop = halted(session)
    return render_template(
        "today/show.html",
        now=now,
        needs=[(need, SIGNS.get(need.name, "exclamation-lg"), _action(need)) for need in day.needs],
        hours=_by_hour(day.leaving),
        week=day.week,
        halt=stop,
        usual=usual,
    )


@blueprint.post("/halt")
def stop() -> ResponseReturnValue:
    """The emergency stop: nothing leaves any more until somebody lifts it."""
    with runtime().transaction() as session:
        halt(
            session,
            because=request.form.get("because", "").strip()[:200],
            by=user().name,
            now=runtime().clock.now(),
        )
    flash("All sending is stopped. What is queued waits.", "warning")
    return redirect(url_for("today.show"), 303)


@blueprint.post("/resume")
def resume() -> ResponseReturnValue:
    """Lift the emergency stop."""
    with runtime().transaction() as session:
        lift_halt(session, by=user().name, now=runtime().clock.now())
    flash("Sending goes on.", "success")
    return redirect(url_for("today.show"), 303)


def usual(week: Week) -> str:
    """How a figure stands to its own past, in words."""
    if week.usual is None:
        return "Too early to know what is usual"
    low, high = (number(n / 100 if week.is_money else n) for n in week.usual)
    words = {"above": "More than usual", "below": "Less than usual", "within": "As usual"}[week.verdict]
    return f"{words}: {low}–{high}" if low != high else f"{words}: {low}"


def _action(need: Need) -> tuple[str, str] | None:
    words, endpoint, argument = ACTIONS.get(need.name, ("", "", ""))
    if endpoint not in current_app.view_functions:
        return None
    return words, url_for(endpoint, **({argument: need.subject_id} if argument else {}))


def _by_hour(leaving: Sequence[Leaving]) -> list[tuple[int, list[Leaving]]]:
    return [(hour, list(group)) for hour, group in groupby(leaving, key=lambda each: each.hour)]

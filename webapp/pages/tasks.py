"""Tasks: what journeys ask members of staff to do, and how it ended."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import journeys
from campaigns.db import page
from campaigns.errors import Conflict, Invalid
from webapp.context import runtime, user
from webapp.security import admin_blueprint

blueprint = admin_blueprint("tasks")

SIZE = 30


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Open tasks, the most urgent first: one's own and nobody's, or everybody's; those done, too."""
    of_all, status = request.args.get("of") == "all", request.args.get("status", "open")
    status = status if status in ("open", "done", "late") else "open"
    with runtime().reading() as session:
        chosen = journeys.tasks(staff_id=None if of_all else user().id, status=status)
        found = page(session, chosen, request.args.get("page", 1, type=int), size=SIZE)
        staff = journeys.staff_names(session)
    return render_template(
        "tasks/list.html",
        page=found,
        staff=staff,
        of_all=of_all,
        status=status,
        now=runtime().clock.now(),
    )


@blueprint.post("/<int:task_id>")
def finish(task_id: int) -> ResponseReturnValue:
    """Write down how it ended, or who is to do it."""
    form, now = request.form, runtime().clock.now()
    try:
        with runtime().transaction() as session:
            if form.get("act") == "mine":
                journeys.assign_task(session, task_id, staff_id=user().id)
            else:
                journeys.finish_task(
                    session,
                    task_id,
                    result=form.get("result", ""),
                    remark=form.get("remark", ""),
                    by=user().id,
                    now=now,
                )
    except (Invalid, Conflict) as error:
        flash(" ".join([str(error), *getattr(error, "faults", {}).values()]), "error")
    return redirect(url_for(".show"), 303)

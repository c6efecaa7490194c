"""The register of suppressions: who is left alone, why, since when; entering and lifting with a reason."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.db import page
from campaigns.errors import Invalid
from campaigns.suppression import (
    CAUSES,
    count_by_cause,
    get_suppression,
    lift,
    may_be_lifted_by_hand,
    of_address,
    register,
    suppress_by_hand,
)
from webapp.context import runtime, user
from webapp.security import admin_blueprint

blueprint = admin_blueprint("suppressions")

STATES = {"yes": True, "no": False, "all": None}


@dataclass(frozen=True)
class Filter:
    """What the list shows: part of the address, cause, days, in force or not."""

    text: str
    cause: str
    in_force: str
    since: str
    until: str

    @classmethod
    def read(cls) -> "Filter":
        """From the address; what cannot be used is left out."""
        given = request.args
        return cls(
            given.get("text", "").strip()[:254],
            given["cause"] if given.get("cause") in CAUSES else "",
            given.get("in_force", "yes") if given.get("in_force") in STATES else "yes",
            _day(given.get("since", "")),
            _day(given.get("until", "")),
        )

    def moment(self, day: str, days: int = 0) -> datetime | None:
        """The first instant of this day in the team's zone, or of one `days` later."""
        if not day:
            return None
        start = datetime.combine(date.fromisoformat(day) + timedelta(days=days), time())
        return start.replace(tzinfo=runtime().config.zone)


def _day(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return ""
    return day.isoformat() if 1970 <= day.year <= 9000 else ""


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The list with its filters."""
    return _page({}, {})


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Enter an address by hand; a reason must be given."""
    given = {"address": request.form.get("address", ""), "because": request.form.get("because", "")}
    try:
        with runtime().transaction() as session:
            is_new = suppress_by_hand(
                session,
                given["address"],
                because=given["because"],
                by=user().email,
                now=runtime().clock.now(),
            )
    except Invalid as error:
        return _page(given, error.faults or {"address": str(error)}), 400
    words = "is in the register now." if is_new else "was entered by hand before; nothing changed."
    flash(f"{given['address'].strip()} {words}", "success" if is_new else "info")
    return redirect(url_for("suppressions.show"), 303)


@blueprint.get("/<int:suppression_id>")
def detail(suppression_id: int) -> ResponseReturnValue:
    """One entry with its evidence, and everything else this address ever stood there for."""
    return _detail(suppression_id, {})


@blueprint.post("/<int:suppression_id>/lift")
def reinstate(suppression_id: int) -> ResponseReturnValue:
    """Write to this address again, as far as this entry goes; the reason is kept with it."""
    because = request.form.get("because", "")
    try:
        with runtime().transaction() as session:
            row = lift(session, suppression_id, because=because, by=user().email, now=runtime().clock.now())
            address = row.address_key
    except Invalid as error:
        return _detail(suppression_id, error.faults), 400
    flash(f"{address} is reinstated as far as this cause goes.", "success")
    return redirect(url_for("suppressions.detail", suppression_id=suppression_id), 303)


def _page(given: dict[str, str], faults: dict[str, str]) -> str:
    shown = Filter.read()
    rows = register(
        text=shown.text,
        cause=shown.cause,
        is_in_force=STATES[shown.in_force],
        since=shown.moment(shown.since),
        until=shown.moment(shown.until, days=1),
    )
    with runtime().reading() as session:
        found = page(session, rows, request.args.get("page", 1, type=int))
        counts = count_by_cause(session)
    return render_template(
        "suppressions/list.html",
        found=found,
        counts=counts,
        causes=CAUSES,
        shown=shown,
        given=given,
        faults=faults,
    )


def _detail(suppression_id: int, faults: dict[str, str]) -> str:
    with runtime().reading() as session:
        row = get_suppression(session, suppression_id)
        others = [other for other in session.scalars(of_address(row.address_key)) if other.id != row.id]
    return render_template(
        "suppressions/detail.html",
        row=row,
        others=others,
        causes=CAUSES,
        may_be_lifted=may_be_lifted_by_hand(row.cause),
        faults=faults,
    )

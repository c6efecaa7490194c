"""One's own account: the password, and where one is logged in."""

from flask import flash, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue

from campaigns.errors import Invalid
from campaigns.staff import (
    ROLES,
    TooManyTries,
    change_password,
    forgive_tries,
    logins,
    note_try,
    verify_password,
)
from webapp.context import client_address, runtime, user
from webapp.security import LOGIN, admin_blueprint

blueprint = admin_blueprint("account")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Who one is, and the form for another password."""
    return _page({})


@blueprint.post("/password")
def change() -> ResponseReturnValue:
    """Change the password: the present one is asked for, and all other browsers are logged out."""
    try:
        _change(
            request.form.get("present", ""), request.form.get("password", ""), request.form.get("again", "")
        )
    except Invalid as error:
        return _page(error.faults), 400
    except TooManyTries as error:
        return _page({"present": str(error)}), 429
    flash("Your password is changed. Other browsers have been logged out.", "success")
    return redirect(url_for("account.show"), 303)


def _change(present: str, password: str, again: str) -> None:
    limit, now = runtime().config.security.login_tries, runtime().clock.now()
    with runtime().transaction() as session:  # who finds a browser open may not try passwords without end
        note_try(session, email=user().email, address=client_address(), limit=limit, now=now)
    if not verify_password(user().password_hash, present):
        raise Invalid("The present password is wrong.", {"present": "This is not your present password."})
    if password != again:
        raise Invalid("The two differ.", {"again": "This is not the same as above."})
    with runtime().transaction() as session:
        change_password(session, user(), password, but=cookie.get(LOGIN, ""))
        forgive_tries(session, user(), address=client_address())


def _page(faults: dict[str, str]) -> str:
    with runtime().reading() as session:
        browsers = logins(session, user().id, now=runtime().clock.now())
    role = ROLES[user().role]
    return render_template("account/show.html", person=user(), role=role, browsers=browsers, faults=faults)

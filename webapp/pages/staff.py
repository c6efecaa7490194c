"""Who works here: add a colleague, give another role, switch somebody off."""

from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.errors import Conflict, Invalid
from campaigns.staff import ROLES, add_user, change_role, get_user, list_users, set_active
from webapp.context import runtime
from webapp.security import admin_blueprint

blueprint = admin_blueprint("staff")


@dataclass(frozen=True)
class Form:
    """A new colleague."""

    email: str = ""
    name: str = ""
    role: str = "marketer"

    @classmethod
    def read(cls) -> "Form":
        """From the request."""
        given = request.form
        return cls(given.get("email", "").strip(), given.get("name", "").strip(), given.get("role", ""))


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Everybody, and the form for one more."""
    return _page(Form(), {})


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Make a user with a first password, to be handed over and changed."""
    form = Form.read()
    try:
        with runtime().transaction() as session:
            add_user(
                session,
                email=form.email,
                name=form.name,
                role=form.role,
                password=request.form.get("password", ""),
                now=runtime().clock.now(),
            )
    except (Invalid, Conflict) as error:
        faults = error.faults if isinstance(error, Invalid) else {"email": str(error)}
        return _page(form, faults), 400
    flash(f"{form.email} may log in now.", "success")
    return redirect(url_for("staff.show"), 303)


@blueprint.post("/role")
def role() -> ResponseReturnValue:
    """Give somebody another role."""
    with runtime().transaction() as session:
        person = get_user(session, request.form.get("email", ""))
        change_role(session, person, request.form.get("role", ""))
        flash(f"{person.name} is now {person.role}.", "success")
    return redirect(url_for("staff.show"), 303)


@blueprint.post("/switch")
def switch() -> ResponseReturnValue:
    """Switch somebody off (logged out at once) or on again."""
    is_active = request.form.get("to") == "on"
    with runtime().transaction() as session:
        person = get_user(session, request.form.get("email", ""))
        set_active(session, person, is_active)
        flash(f"{person.name} {'may log in again' if is_active else 'can no longer log in'}.", "success")
    return redirect(url_for("staff.show"), 303)


def _page(form: Form, faults: dict[str, str]) -> str:
    with runtime().reading() as session:
        people = list_users(session)
    return render_template("staff/show.html", people=people, roles=ROLES, form=form, faults=faults)

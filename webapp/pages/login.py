"""Logging in and out."""

from datetime import timedelta

from flask import redirect, render_template, request
from flask import session as cookie
from flask.typing import ResponseReturnValue

from campaigns.errors import Forbidden
from campaigns.staff import TooManyTries, authenticate, begin_login, count_users, end_login, note_try
from webapp.context import client_address, runtime
from webapp.security import LOGIN, admin_blueprint, local_path

blueprint = admin_blueprint("login", is_open=True)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The form; before there is any user, the command that makes the first one."""
    return _page("", 200)


@blueprint.post("")
def enter() -> ResponseReturnValue:
    """Log in, and go where the person was going."""
    email, password = request.form.get("email", "")[:254], request.form.get("password", "")
    address, now = client_address(), runtime().clock.now()
    config = runtime().config
    try:
        with runtime().transaction() as session:
            note_try(session, email=email, address=address, limit=config.security.login_tries, now=now)
        with runtime().reading() as session:  # slow on purpose, so outside any write lock
            user = authenticate(session, email, password)
    except TooManyTries as error:
        return _page(str(error), 429)
    except Forbidden as error:
        return _page(str(error), 401)
    lasts = timedelta(hours=config.web.session_hours)
    with runtime().transaction() as session:
        token = begin_login(
            session, user, address=address, agent=request.user_agent.string, lasts=lasts, now=now
        )
    cookie.clear()  # what a stranger may have planted before is not carried into the login
    cookie[LOGIN] = token
    cookie.permanent = True
    return redirect(local_path(request.form.get("next")), 303)


@blueprint.post("/out")
def leave() -> ResponseReturnValue:
    """Log this browser out."""
    with runtime().transaction() as session:
        end_login(session, cookie.get(LOGIN, ""))
    cookie.clear()
    return redirect("/login", 303)


def _page(fault: str, status: int) -> ResponseReturnValue:
    with runtime().reading() as session:
        is_new = count_users(session) == 0
    target = local_path(request.values.get("next"))
    email = request.form.get("email", "")[:254]
    page = render_template("login/show.html", fault=fault, next=target, email=email, is_new=is_new)
    return page, status

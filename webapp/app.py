"""The application: one list of blueprints, and nothing clever."""

from flask import Flask, redirect, url_for
from flask.typing import ResponseReturnValue
from jinja2 import StrictUndefined

import templates
from campaigns.runtime import Runtime
from webapp import errors, security, wording
from webapp.context import KEY
from webapp.hits import Hits
from webapp.pages import (
    account,
    accounts,
    customers,
    deliverability,
    imports,
    inbox,
    journeys,
    letters,
    login,
    messages,
    newsletters,
    programmes,
    relations,
    reports,
    scores,
    segments,
    settings,
    simulations,
    staff,
    suppressions,
    tasks,
    today,
    value,
)
from webapp.pages import templates as letter_templates
from webapp.public import click, health, hooks, preferences, signup, unsubscribe, view

BLUEPRINTS = (
    # the admin, in the order of the menu
    login.blueprint,
    today.blueprint,
    customers.blueprint,
    segments.blueprint,
    scores.blueprint,
    relations.blueprint,
    value.blueprint,
    accounts.blueprint,
    suppressions.blueprint,
    imports.blueprint,
    letter_templates.blueprint,
    newsletters.blueprint,
    letters.blueprint,
    journeys.blueprint,
    simulations.blueprint,
    tasks.blueprint,
    programmes.blueprint,
    reports.blueprint,
    messages.blueprint,
    deliverability.blueprint,
    inbox.blueprint,
    settings.blueprint,
    staff.blueprint,
    account.blueprint,
    # pages for recipients: no login, no cookie
    click.blueprint,
    health.blueprint,
    hooks.blueprint,
    preferences.blueprint,
    signup.blueprint,
    unsubscribe.blueprint,
    view.blueprint,
    # endpoints for programs
)
"""Every page there is; a new one is one line here (and, if the menu shows it, one in `wording.MENU`)."""


def create_app(runtime: Runtime) -> Flask:
    """The WSGI application of this runtime."""
    app = Flask("webapp", template_folder=str(templates.WEB))
    app.extensions[KEY] = runtime
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    security.protect(app, runtime.config, runtime.secrets[0])
    errors.register(app)
    wording.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.add_url_rule("/", "home", _home)
    app.wsgi_app = Hits(runtime, app.wsgi_app)  # type: ignore[method-assign]
    return app


def _home() -> ResponseReturnValue:
    return redirect(url_for("today.show"), 303)

"""Programmes: letters that belong together, shipped with the reason why they work; picked, they are the shop's own."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import content, letters, messages
from webapp.context import runtime, user
from webapp.security import admin_blueprint

blueprint = admin_blueprint("programmes")

LANGUAGES = {"en": "English", "fr": "Français"}


@blueprint.get("")
def show() -> ResponseReturnValue:
    """All programmes with their reasons, and which of them this shop has begun."""
    shown = _language(runtime().config.shop.language)
    with runtime().reading() as session:
        begun = letters.begun_programmes(session)
    return render_template(
        "programmes/list.html", programmes=content.programmes(), begun=begun, language=shown
    )


@blueprint.get("/<name>")
def detail(name: str) -> ResponseReturnValue:
    """One programme: why, and what each of its letters says; with links to those that are there."""
    programme = content.get_programme(name)
    shown = _language(request.args.get("language") or runtime().config.shop.language)
    with runtime().reading() as session:
        there = letters.of_programme(session, name)
    return render_template(
        "programmes/detail.html",
        programme=programme,
        there=there,
        language=shown,
        languages=LANGUAGES,
        occasions=runtime().occasions,
        types={each.name: each.label for each in messages.TYPES},
    )


@blueprint.post("/<name>")
def begin(name: str) -> ResponseReturnValue:
    """Make the letters, switched off; those that are there already stay as they are."""
    house = runtime()
    language = _language(request.form.get("language", ""))
    with house.transaction() as session:
        made = letters.begin_programme(
            session,
            name,
            language,
            occasions=house.occasions,
            sources=house.merge_sources,
            config=house.config,
            now=house.clock.now(),
            by=user().id,
        )
    what = "The letter is" if len(made) == 1 else f"{len(made)} letters are"
    flash(f"{what} yours now, switched off. Read them, change what you like, then switch them on.", "success")
    return redirect(url_for(".detail", name=name, language=language), 303)


def _language(text: str) -> str:
    return text if text in LANGUAGES else "en"

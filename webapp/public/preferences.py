"""`/p/<token>`: letters or none, tracked or not, in which language. Looks on GET, changes on POST."""

from dataclasses import dataclass

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from campaigns.tracking import set_preferences
from webapp.context import runtime
from webapp.public.door import BadLink, gone, holder, limit_body, page
from webapp.public.words import LANGUAGES
from webapp.security import public_blueprint

blueprint = public_blueprint("preferences")
blueprint.before_request(limit_body)
blueprint.register_error_handler(BadLink, lambda _error: gone())


@dataclass(frozen=True)
class Form:
    """What was chosen. A box that is not ticked does not come along, so `is_whole` tells a form from noise."""

    is_whole: bool
    may_mail: bool
    may_track: bool
    language: str

    @classmethod
    def read(cls, given: MultiDict[str, str]) -> "Form":
        language = given.get("language", "")
        return cls(
            given.get("form") == "preferences",
            given.get("mail") == "yes",
            given.get("tracking") == "yes",
            language if language in dict(LANGUAGES) else "",
        )


@blueprint.get("/p/<token>")
def show(token: str) -> Response:
    """The form as things stand."""
    who = holder(token)
    languages = [("", "–"), *LANGUAGES] if who.language not in dict(LANGUAGES) else LANGUAGES
    return page("preferences", who, token=token, languages=languages, is_saved="saved" in request.args)


@blueprint.post("/p/<token>")
def save(token: str) -> ResponseReturnValue:
    """Keep what was chosen; only what changed is written."""
    who, form = holder(token), Form.read(request.form)
    if not form.is_whole:
        return page("unclear", who, status=400)
    with runtime().transaction() as session:
        set_preferences(
            session,
            who.message_id,
            may_mail=form.may_mail,
            may_track=form.may_track,
            language=form.language,
            now=runtime().clock.now(),
        )
    return redirect(url_for("preferences.show", token=token, saved=1), 303)

"""`/p/<token>`: letters or none, how often, tracked or not, in which language. Looks on GET, changes on POST."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from campaigns.messages import FREQUENCIES
from campaigns.tracking import Pace, Reader, set_preferences
from webapp.context import runtime
from webapp.public.door import BadLink, gone, holder, limit_body, page, words_of
from webapp.public.words import LANGUAGES
from webapp.security import public_blueprint

blueprint = public_blueprint("preferences")
blueprint.before_request(limit_body)
blueprint.register_error_handler(BadLink, lambda _error: gone())


PAUSES = {"1": 30, "3": 91, "6": 182}
"""Months of a pause, in days."""
_PACES = tuple(str(days) for days in FREQUENCIES)


@dataclass(frozen=True)
class Form:
    """What was chosen. A box that is not ticked does not come along, so `is_whole` tells a form from noise."""

    is_whole: bool
    may_mail: bool
    may_track: bool
    may_suggest: bool
    language: str
    every_days: int | None
    pause: str

    @classmethod
    def read(cls, given: MultiDict[str, str]) -> "Form":
        language = given.get("language", "")
        return cls(
            given.get("form") == "preferences",
            given.get("mail") == "yes",
            given.get("tracking") == "yes",
            given.get("suggestions") == "yes",
            language if language in dict(LANGUAGES) else "",
            int(given["pace"]) if given.get("pace") in _PACES else None,
            given.get("pause", ""),
        )

    def pace(self, who: Reader, now: datetime) -> Pace:
        """How often, and from when again: a pause that is kept ends when it was to end."""
        if self.pause == "kept":
            return Pace(self.every_days, who.pause_until)
        days = PAUSES.get(self.pause)
        return Pace(self.every_days, now + timedelta(days=days) if days else None)


@blueprint.get("/p/<token>")
def show(token: str) -> Response:
    """The form as things stand."""
    who = holder(token)
    languages = [("", "–"), *LANGUAGES] if who.language not in dict(LANGUAGES) else LANGUAGES
    said = words_of(who)
    pauses = [("", said["pause_none"]), *((months, said[f"pause_{months}"]) for months in PAUSES)]
    is_paused = who.pause_until is not None and who.pause_until > runtime().clock.now()
    if is_paused and who.pause_until is not None:
        until = who.pause_until.astimezone(runtime().config.zone)
        pauses.insert(1, ("kept", said["pause_kept"].format(day=until.strftime("%d/%m/%Y"))))
    return page(
        "preferences",
        who,
        token=token,
        languages=languages,
        paces=[("", said["pace_usual"]), *((days, said[f"pace_{days}"]) for days in _PACES)],
        pauses=pauses,
        is_paused=is_paused,
        is_saved="saved" in request.args,
    )


@blueprint.post("/p/<token>")
def save(token: str) -> ResponseReturnValue:
    """Keep what was chosen; only what changed is written."""
    who, form = holder(token), Form.read(request.form)
    if not form.is_whole:
        return page("unclear", who, status=400)
    now = runtime().clock.now()
    with runtime().transaction() as session:
        set_preferences(
            session,
            who.message_id,
            may_mail=form.may_mail,
            may_track=form.may_track,
            may_suggest=form.may_suggest,
            language=form.language,
            pace=form.pace(who, now),
            now=now,
        )
    return redirect(url_for("preferences.show", token=token, saved=1), 303)

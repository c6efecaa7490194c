"""The built-in inbox: the mails that Liaison sent to itself, as their readers would see them."""

from datetime import datetime

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from campaigns.mail.inbox import InboxFolder
from webapp.context import runtime
from webapp.security import admin_blueprint, letter_response

blueprint = admin_blueprint("inbox")

MOST = 100
VIEWS = {"html": "As it looks", "phone": "On a phone", "text": "As text", "headers": "Headers"}


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The newest mails; `search` must occur in an address or a subject."""
    search = request.args.get("search", "")
    mails = _folder().newest(most=MOST, text=search)
    shown = [(mail, datetime.fromisoformat(mail.at)) for mail in mails]
    return render_template(
        "inbox/show.html", mails=shown, search=search, count=_folder().count(), most=MOST, inbox=_settings()
    )


@blueprint.get("/<key>")
def mail(key: str) -> ResponseReturnValue:
    """One mail: as it looks, on a phone, as text, or its headers."""
    opened = _folder().open(key)
    view = request.args.get("view", "html" if opened.html else "text")
    return render_template("inbox/mail.html", key=key, mail=opened, view=view, views=VIEWS)


@blueprint.get("/<key>/body")
def body(key: str) -> ResponseReturnValue:
    """The HTML part for the frame, where nothing can run."""
    return letter_response(_folder().open(key).html)


@blueprint.get("/<key>/source")
def source(key: str) -> ResponseReturnValue:
    """Every byte that was sent, as a file."""
    return Response(
        _folder().raw(key),
        mimetype="message/rfc822",
        headers={"Content-Disposition": 'attachment; filename="mail.eml"'},
    )


def _folder() -> InboxFolder:
    return InboxFolder(runtime().config.data.folder / "inbox")


def _settings() -> str:
    settings = runtime().config.inbox
    return f"{settings.host}:{settings.port}"

"""`/u/<token>`: asks on GET, obeys on POST; a mail program's one-click POST obeys without a page (RFC 8058)."""

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.tracking import give_reason, undo_unsubscribe, unsubscribe
from webapp.context import runtime
from webapp.public.door import BadLink, gone, holder, limit_body, page
from webapp.security import public_blueprint

blueprint = public_blueprint("unsubscribe")
blueprint.before_request(limit_body)
blueprint.register_error_handler(BadLink, lambda _error: gone())

ONE_CLICK = ("List-Unsubscribe", "One-Click")
MOST_REASON = 2_000


@blueprint.get("/u/<token>")
def show(token: str) -> Response:
    """The question, or what has become of it. Changes nothing, whoever asks and however often."""
    return page("unsubscribe", holder(token), token=token, is_thanked="thanks" in request.args)


@blueprint.post("/u/<token>")
def obey(token: str) -> ResponseReturnValue:
    """Do what was asked. An answer below 400 means that it is on the disk; anything else, that nothing changed."""
    if _is_one_click():
        return _one_click(token)
    act = request.form.get("act", "")
    message_id, now = holder(token).message_id, runtime().clock.now()
    with runtime().transaction() as session:
        if act == "unsubscribe":
            unsubscribe(session, message_id, act="unsubscribe_page", now=now)
        elif act == "undo":
            undo_unsubscribe(session, message_id, act="unsubscribe_page", now=now)
        elif act == "reason":
            give_reason(session, message_id, request.form.get("reason", "")[:MOST_REASON])
        else:
            return page("unclear", status=400)
    thanks = "1" if act == "reason" else None
    return redirect(url_for("unsubscribe.show", token=token, thanks=thanks), 303)


def _is_one_click() -> bool:
    """Whether the body says what RFC 8058 section 3.1 asks for, as a form or (some senders) as bare text."""
    name, value = ONE_CLICK
    if request.form.get(name) == value:
        return True
    return not request.form and request.get_data(cache=True)[:200].strip() == f"{name}={value}".encode()


def _one_click(token: str) -> ResponseReturnValue:
    message_id = holder(token).message_id
    # Section 3.2: no cookie, no login, no redirect; asked again it answers the same.
    with runtime().transaction() as session:
        unsubscribe(session, message_id, act="one_click", now=runtime().clock.now())
    return Response("Unsubscribed.\n", mimetype="text/plain", headers={"Cache-Control": "no-store"})

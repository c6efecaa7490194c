"""What went wrong, as an answer: one table from error to status, one page, never a traceback."""

import logging

from flask import Flask, Response, g, jsonify, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from campaigns.db import UNSTORABLE
from campaigns.errors import Conflict, Forbidden, Invalid, LiaisonError, NotFound

STATUS: dict[type[LiaisonError], int] = {NotFound: 404, Invalid: 400, Conflict: 409, Forbidden: 403}
"""Errors raised on purpose; any other is ours, and 500."""

TITLES = {
    400: "That did not work",
    401: "Please log in",
    403: "Not for you",
    404: "Nothing here",
    405: "Not this way",
    409: "It has changed meanwhile",
    413: "Too large",
    429: "Slow down",
    500: "Our fault",
}

SENTENCES = {
    400: "The request could not be understood.",
    403: "You are not allowed to do this.",
    404: "This page does not exist, or it has moved.",
    405: "This address does not take such a request.",
    413: "What was sent is larger than security.upload_megabytes allows.",
    429: "Too many requests. Wait a little, then try again.",
    500: "Something broke on our side. It has been written to the log; nothing was saved by this request.",
}

log = logging.getLogger("liaison.web")


def register(app: Flask) -> None:
    """Hang the table on the application."""
    app.register_error_handler(LiaisonError, _on_purpose)
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(HTTPException, _http)
    for kind in UNSTORABLE:
        app.register_error_handler(kind, _too_large)
    app.register_error_handler(Exception, _unforeseen)


def status_of(error: LiaisonError) -> int:
    """The status of an error's class, or of its nearest parent that has one."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


def _on_purpose(error: LiaisonError) -> tuple[Response | str, int]:
    faults = error.faults if isinstance(error, Invalid) else {}
    return _answer(status_of(error), str(error), faults)


def _forged(error: CSRFError) -> tuple[Response | str, int]:
    said = error.description or ""
    sentence = (
        said
        if "nothing was changed" in said
        else (
            "This form had expired, or your browser did not send its cookie. Nothing was changed: "
            "go back, reload the page and send it again."
        )
    )
    return _answer(400, sentence)


def _http(error: HTTPException) -> HTTPException | Response | tuple[Response | str, int]:
    if error.code is None or error.code < 400:
        return error
    answer, status = _answer(error.code, SENTENCES.get(error.code, error.description or ""))
    if error.code == 405 and (response := error.get_response()).headers.get("Allow"):
        made = Response(answer, status) if isinstance(answer, str) else answer
        made.headers["Allow"] = response.headers["Allow"]
        return made, status
    return answer, status


def _too_large(error: Exception) -> tuple[Response | str, int]:
    """The database cannot hold a value as large or as long as one of this request; the transaction is undone."""
    log.warning(
        "%s %s: a value the database refuses (%s)", request.method, request.url_rule, type(error).__name__
    )
    return _answer(400, "A number or a text in this request is larger than can be kept. Nothing was saved.")


def _unforeseen(error: Exception) -> tuple[Response | str, int]:
    # The rule, not the path: a path may hold somebody's token, or line ends.
    log.error("%s %s failed", request.method, request.url_rule, exc_info=error)
    return _answer(500, SENTENCES[500])


def _answer(status: int, sentence: str, faults: dict[str, str] | None = None) -> tuple[Response | str, int]:
    if request.path.startswith("/api/") or request.accept_mimetypes.best == "application/json":
        return jsonify({"error": sentence, "faults": faults or {}}), status
    frame = "layout.html" if "user" in g else "bare.html"
    title = TITLES.get(status, "That did not work")
    page = render_template(
        "error.html", frame=frame, status=status, title=title, sentence=sentence, faults=faults or {}
    )
    return page, status

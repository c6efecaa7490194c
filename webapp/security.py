"""Who may see what: the three kinds of blueprint with their guards, the session, and the headers of every answer."""

import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, g, redirect, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from campaigns.config import Config
from campaigns.errors import Forbidden
from campaigns.staff import may, session_user
from webapp.context import runtime

READS = ("GET", "HEAD", "OPTIONS")
LARGEST_ID = 2**63 - 1
"""No row has a larger number; a database refuses to be asked for one."""
MOST_BYTES_OF_STRANGERS = 64 * 1024
"""A login form is small; more is not read."""
MOST_BYTES_OF_FIELDS = 1024 * 1024
"""A form without a file: the longest letter fits in, a million fields do not."""
LOGIN = "login"
"""The key in the cookie under which the token of the login stands."""

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not no-referrer: browsers then send `Origin: null` with our own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
"""Headers of every answer that has none of its own by that name; `webapp.hits` sends them, too."""
TRANSPORT = ("Strict-Transport-Security", "max-age=31536000")
"""Behind https (config: security.cookie_secure) nobody comes back without it (RFC 6797)."""

_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_csrf = CSRFProtect()


def admin_blueprint(name: str, *, is_open: bool = False) -> Blueprint:
    """A page of the admin at `/<name>`: login, the table of rights, and a CSRF token for every change.

    `is_open` leaves the login away (the login page itself); the CSRF token is asked for all the same.
    """
    blueprint = _blueprint(name, "open" if is_open else "admin", f"/{name}")
    # First who, then what: a stranger's upload is refused before a byte of it is read.
    blueprint.before_request(_limit_body if is_open else _refuse_strangers)
    blueprint.before_request(_refuse_forgery)
    blueprint.after_request(_keep_private)
    return blueprint


def public_blueprint(name: str) -> Blueprint:
    """Pages for recipients: no login, no cookie, no CSRF token; the signed token in the address is the right."""
    return _blueprint(name, "public", None)


def api_blueprint(name: str) -> Blueprint:
    """Endpoints for programs below `/api/v1/<name>`: no cookie counts here, errors are JSON."""
    blueprint = _blueprint(name, "api", f"/api/v1/{name}")
    blueprint.after_request(_keep_private)
    return blueprint


def kind(blueprint: Blueprint) -> str:
    """`admin`, `open`, `public` or `api`: how it was declared; a house test asks every blueprint."""
    return str(getattr(blueprint, "liaison_kind", ""))


def _blueprint(name: str, which: str, prefix: str | None) -> Blueprint:
    blueprint = Blueprint(name, f"webapp.{name}", url_prefix=prefix)
    blueprint.liaison_kind = which  # type: ignore[attr-defined]
    return blueprint


def protect(app: Flask, config: Config, key: str) -> None:
    """Set cookie, CSRF and headers of the whole application."""
    is_secure = config.security.cookie_secure
    app.config.update(
        SECRET_KEY=key,
        SESSION_COOKIE_NAME="__Host-liaison" if is_secure else "liaison",
        SESSION_COOKIE_SECURE=is_secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=config.web.session_hours),
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=config.security.upload_megabytes * 1024 * 1024,
        WTF_CSRF_CHECK_DEFAULT=False,  # the guard of each admin blueprint asks
        WTF_CSRF_TIME_LIMIT=None,  # a token lives as long as its login: a long letter is not lost
    )
    if config.web.trusted_proxies:
        hops = config.web.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    _csrf.init_app(app)
    app.url_map.converters["int"] = RowNumber
    app.before_request(drop_nul)
    app.jinja_env.globals["csp_nonce"] = nonce
    app.after_request(_headers(is_secure))


class RowNumber(IntegerConverter):
    """A row's number in an address: one that no table can hold is an address that does not exist."""

    def __init__(self, map: Map, **options: Any) -> None:
        super().__init__(map, **{"max": LARGEST_ID, **options})


def drop_nul() -> None:
    """NUL in an address: nobody types it, and PostgreSQL's texts cannot hold it. A query is read without it."""
    if "\0" in request.path:
        raise NotFound
    if any("\0" in word for name, words in request.args.lists() for word in (name, *words)):
        pairs = request.args.items(multi=True)
        clean = ((name.replace("\0", ""), word.replace("\0", "")) for name, word in pairs)
        request.args = ImmutableMultiDict(clean)


def refuse_nul_in_form() -> None:
    """NUL in a form is refused; it is asked where the size of the form has been bounded."""
    if any("\0" in word for name, words in request.form.lists() for word in (name, *words)):
        raise BadRequest


def nonce() -> str:
    """This answer's own word for scripts and styles that stand in the page."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def local_path(target: str | None) -> str:
    """`target` if it is a path of ours, else `/`: nobody is sent to a foreign host after logging in."""
    if not target or not target.startswith("/") or any(ord(c) < 33 or c == "\\" for c in target):
        return "/"
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or target.startswith("//"):
        return "/"
    return target


def letter_response(html: str) -> Response:
    """A letter to be shown in a sandboxed frame: its styles and pictures, and nothing that runs.

    Frame it with `<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" src="…">`: the policy says the
    same, so that the letter is as harmless when its address is opened alone.
    """
    # Links open in a new tab: inside the frame the shop's page would be as fettered as the letter.
    head = _HEAD.search(html)
    at = head.end() if head else 0
    response = Response(f'{html[:at]}<base target="_blank">{html[at:]}', mimetype="text/html")
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; img-src * data:; style-src 'unsafe-inline'; font-src *; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; "
        "sandbox allow-popups allow-popups-to-escape-sandbox"
    )
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _refuse_strangers() -> ResponseReturnValue | None:
    with runtime().reading() as session:
        person = session_user(session, cookie.get(LOGIN, ""), now=runtime().clock.now())
    if person is None:
        return _to_login()
    g.user = person
    act = "read" if request.method in READS else "write"
    if not may(person.role, str(request.blueprint), act):
        raise Forbidden("Your role does not allow this. Ask an administrator if you need it.")
    return None


def _limit_body() -> None:
    _read_at_most(MOST_BYTES_OF_STRANGERS)


def _read_at_most(size: int) -> None:
    request.max_content_length = min(size, request.max_content_length or size)


def _to_login() -> ResponseReturnValue:
    target = request.full_path.rstrip("?") if request.method in READS else "/"
    address = url_for("login.show", next=target if target != "/" else None)
    if request.headers.get("HX-Request"):
        # htmx would swap the login form into a corner of the page: send the whole page there instead.
        return Response(status=204, headers={"HX-Redirect": url_for("login.show")})
    return redirect(address, 303)


def _refuse_forgery() -> None:
    if request.method in READS:
        return
    origin = request.headers.get("Origin")
    if origin is not None and origin != request.host_url.rstrip("/"):
        raise CSRFError("This form was sent from another site; nothing was changed.")
    if request.mimetype == "application/x-www-form-urlencoded" and request.blueprint != "login":
        _read_at_most(MOST_BYTES_OF_FIELDS)
    _csrf.protect()
    refuse_nul_in_form()


def _keep_private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _headers(is_secure: bool) -> Callable[[Response], Response]:
    def add(response: Response) -> Response:
        word = nonce()
        headers = response.headers
        headers.setdefault(
            "Content-Security-Policy",
            f"default-src 'none'; script-src 'self' 'nonce-{word}'; style-src 'self' 'nonce-{word}'; "
            "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; "
            "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        )
        for name, value in ALWAYS.items():
            headers.setdefault(name, value)
        if is_secure:
            headers.setdefault(*TRANSPORT)
        return response

    return add

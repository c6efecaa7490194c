"""What a view may ask for while it answers a request: the runtime, the person, the address."""

from typing import cast

from flask import current_app, g, request

from campaigns.runtime import Runtime
from campaigns.staff import User

KEY = "liaison"


def runtime() -> Runtime:
    """The assembled Liaison that this application was made with."""
    return cast(Runtime, current_app.extensions[KEY])


def user() -> User:
    """Who is logged in. Only admin pages have one: their guard has put it there."""
    return cast(User, g.user)


def client_address() -> str:
    """Where the request comes from, after `web.trusted_proxies` proxies."""
    return request.remote_addr or ""

"""`/hooks/<service>`: where mail services post what became of our letters. Signed, fresh and new, or refused."""

import http.client
import json
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from flask import Response, request
from flask.typing import ResponseReturnValue

from campaigns.config import Hooks
from campaigns.errors import Conflict, Forbidden
from campaigns.tracking import (
    check_basic,
    check_mailgun,
    check_sendgrid,
    check_sns,
    read_notices,
    sns_subscribe_url,
    take_notices,
)
from webapp.context import runtime
from webapp.security import public_blueprint

blueprint = public_blueprint("hooks")
log = logging.getLogger("liaison.hooks")

MOST_BYTES = 4 * 1024 * 1024
"""The largest request a service makes is a batch of some thousand events."""


@blueprint.post("/hooks/<any(amazon_ses, sendgrid, mailgun, postmark, brevo):service>")
def take(service: str) -> ResponseReturnValue:
    """Check who posts, then keep what is told. 204 done; 403 not theirs, too old; 409 taken before; 400 not readable."""
    if (request.content_length or 0) > MOST_BYTES:
        return Response("Too large.\n", 413, mimetype="text/plain")
    body = request.get_data(cache=True)
    payload = _payload(body)
    if payload is None:
        return Response("This is not what the service posts.\n", 400, mimetype="text/plain")
    now = runtime().clock.now()
    try:
        receipt = _check(service, body, payload, runtime().config.hooks)
        if service == "amazon_ses" and payload.get("Type") == "SubscriptionConfirmation":
            _fetch(sns_subscribe_url(payload))
            return Response(status=204)
        with runtime().transaction() as session:
            take_notices(
                session, service, receipt, read_notices(service, payload), links=runtime().links, now=now
            )
    except Forbidden as error:
        log.warning("a request to /hooks/%s was refused: %s", service, error)
        return Response(f"{error}\n", 403, mimetype="text/plain")
    except Conflict as error:
        return Response(f"{error}\n", 409, mimetype="text/plain")
    return Response(status=204)


def _payload(body: bytes) -> Any:
    """JSON, or the form fields that Mailgun used to post; None for neither."""
    if request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return request.form.to_dict()
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict | list) else None


def _check(service: str, body: bytes, payload: Any, hooks: Hooks) -> str:
    now = runtime().clock.now()
    if service == "sendgrid":
        return check_sendgrid(body, request.headers, public_key=hooks.sendgrid_public_key, now=now)
    if not isinstance(payload, Mapping):
        raise Forbidden("This is not what the service posts.")
    if service == "amazon_ses":
        return check_sns(payload, topics=hooks.ses_topics, fetch=_certificate, now=now)
    if service == "mailgun":
        return check_mailgun(payload, signing_key=hooks.mailgun_signing_key.get_secret_value(), now=now)
    user, password = {
        "postmark": (hooks.postmark_user, hooks.postmark_password),
        "brevo": (hooks.brevo_user, hooks.brevo_password),
    }[service]
    return check_basic(
        body,
        request.headers.get("Authorization", ""),
        user=user,
        password=password.get_secret_value(),
        address=request.remote_addr or "",
        networks=hooks.brevo_networks if service == "brevo" else (),
    )


@lru_cache(maxsize=8)
def _certificate(url: str) -> bytes:
    return _fetch(url)


def _fetch(url: str) -> bytes:
    """Get an address that `campaigns.tracking` found to be Amazon's: https, no redirect followed, little read."""
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(str(parts.hostname), 443, timeout=5)
    try:
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        if answer.status != 200:
            raise Forbidden("Amazon did not answer as it should.")
        return answer.read(64 * 1024)
    except OSError as error:
        raise Forbidden("Amazon could not be reached.") from error
    finally:
        connection.close()

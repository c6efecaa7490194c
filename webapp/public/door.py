"""What the pages for recipients share: who holds this link, the answer in their language, nothing cached."""

from flask import Response, make_response, render_template, request

from campaigns.errors import NotFound
from campaigns.tracking import Reader, reader
from webapp.context import runtime
from webapp.public.words import words
from webapp.security import refuse_nul_in_form

MOST_BYTES = 64 * 1024
"""A form of these pages is small; more is not read."""


class BadLink(NotFound):
    """The token is not one of ours (cut, altered, of another kind), or its letter is no longer on record."""


def message_of(token: str) -> int:
    """The message a token names; BadLink otherwise."""
    said = runtime().links.read(token)
    if said is None:
        raise BadLink("This link is not one of ours.")
    return said.message_id


def holder(token: str) -> Reader:
    """Who holds the letter of this link; BadLink if there is none."""
    message_id = message_of(token)
    try:
        with runtime().reading() as session:
            return reader(session, message_id)
    except NotFound as error:
        raise BadLink(str(error)) from error


def words_of(who: Reader | None) -> dict[str, str]:
    """What the pages say, in the person's language."""
    return words(who.language if who else "", runtime().config.shop.language)


def page(template: str, who: Reader | None = None, status: int = 200, **values: object) -> Response:
    """The filled page, in the person's language. It may not be kept by any cache on the way."""
    said = words_of(who)
    shown = masked((who.email or who.address_key) if who else "")
    html = render_template(
        f"public/{template}.html", t=said, who=who, address=shown, site=runtime().config.shop.site, **values
    )
    response = make_response(html, status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = said["lang"]
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.vary.add("Accept-Language")
    return response


def gone() -> Response:
    """The friendly page for a link that leads nowhere."""
    return page("gone", status=404)


def limit_body() -> None:
    """Refuse to read a body larger than any form of ours, and what no text can hold (before_request)."""
    request.max_content_length = MOST_BYTES
    refuse_nul_in_form()


def masked(address: str) -> str:
    """`alice@shop.example` → `al…@shop.example`: enough for the owner, little for one the letter was passed on to."""
    local, _, domain = address.rpartition("@")
    return f"{local[: 2 if len(local) > 3 else 1]}…@{domain}" if local else ""

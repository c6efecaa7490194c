"""`/v/<token>`: the letter on the web, for mail programs that show it badly."""

from flask import Response

from campaigns.errors import NotFound
from campaigns.messages import web_version
from webapp.context import runtime
from webapp.public.door import BadLink, gone, message_of
from webapp.security import letter_response, public_blueprint

blueprint = public_blueprint("view")
blueprint.register_error_handler(BadLink, lambda _error: gone())


@blueprint.get("/v/<token>")
def show(token: str) -> Response:
    """The letter as it is filled today, in a page where nothing runs; its links and picture count as in the letter."""
    message_id, here = message_of(token), runtime()
    try:
        with here.reading() as session:
            html = web_version(session, here, message_id)
    except NotFound as error:
        raise BadLink(str(error)) from error
    response = letter_response(html)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response

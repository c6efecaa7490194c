"""`/c/…` when no address stands behind it: good clicks are answered before Flask (`webapp.hits`)."""

from flask import Response, request

from webapp.public.door import gone, page
from webapp.security import public_blueprint

blueprint = public_blueprint("click")


@blueprint.get("/c/")
@blueprint.get("/c/<path:rest>")
def show(rest: str = "") -> Response:  # noqa: ARG001 - whatever it is, it is not one of ours
    """A friendly page that leads to the shop's site; nothing is recorded, and nobody is sent elsewhere."""
    if request.environ.get("liaison.busy"):
        response = page("busy", status=503)
        response.headers["Retry-After"] = "60"
        return response
    return gone()

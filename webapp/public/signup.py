"""`/signup`: people ask for letters by themselves. Nothing is agreed to before the button behind the mailed link."""

from dataclasses import dataclass

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from campaigns.errors import Invalid, NotFound
from campaigns.signups import SignUp, ask, by_token, confirm, is_too_often, wording
from webapp.context import runtime
from webapp.hits import Networks
from webapp.public.door import BadLink, gone, limit_body, masked, page
from webapp.public.words import WORDS, words
from webapp.security import public_blueprint

blueprint = public_blueprint("signup")
blueprint.before_request(limit_body)
blueprint.register_error_handler(BadLink, lambda _error: gone())


@blueprint.before_request
def _is_there() -> ResponseReturnValue | None:
    """Without `signup.is_on` there is no such page."""
    return None if runtime().config.signup.is_on else gone()


@dataclass(frozen=True)
class Form:
    """What was asked: an address, and which of the two boxes were ticked."""

    email: str = ""
    agrees: bool = False
    may_track: bool = False

    @classmethod
    def read(cls, given: MultiDict[str, str]) -> "Form":
        return cls(given.get("email", "")[:300], given.get("mail") == "yes", given.get("tracking") == "yes")


def _language() -> str:
    said = words("", runtime().config.shop.language)
    return next(name for name in WORDS if WORDS[name] is said)


def _sentences(language: str) -> dict[str, str]:
    shop = runtime().config.shop.name
    return {purpose: wording(purpose, language, shop) for purpose in ("mail", "tracking")}


def _form(form: Form, fault: str = "", status: int = 200) -> Response:
    shop = runtime().config.shop.name
    return page(
        "signup",
        status=status,
        form=form,
        fault=fault,
        sentences=_sentences(_language()),
        shop=shop,
        is_sent="sent" in request.args,
    )


@blueprint.get("/signup")
def show() -> Response:
    """The form, or the word to look into the mailbox."""
    return _form(Form())


@blueprint.post("/signup")
def request_letters() -> ResponseReturnValue:
    """Note the request. The answer is the same whether the address is known or not."""
    form, here = Form.read(request.form), runtime()
    if not form.agrees:
        return _form(form, "signup_needed", 400)
    network, now = Networks(here.config).of(request.environ), here.clock.now()
    try:
        with here.transaction() as session:
            if is_too_often(session, network, now=now):
                return page("too_often", status=429)
            ask(session, form.email, language=_language(), may_track=form.may_track, network=network, now=now)
    except Invalid:
        return _form(form, "email_fault", 400)
    return redirect(url_for("signup.show", sent=1), 303)


def _asked(token: str) -> SignUp:
    here = runtime()
    try:
        with here.reading() as session:
            return by_token(session, here.links, token, now=here.clock.now(), days=here.config.signup.days)
    except NotFound as error:
        raise BadLink(str(error)) from error


@blueprint.get("/signup/<token>")
def look(token: str) -> Response:
    """The question with its button, or what has become of it. Changes nothing, whoever asks and however often."""
    row = _asked(token)
    sentences = {
        purpose: wording(purpose, row.language, runtime().config.shop.name, row.wording)
        for purpose in (("mail", "tracking") if row.may_track else ("mail",))
    }
    return page("confirm", token=token, row=row, sentences=sentences, masked=masked(row.email))


@blueprint.post("/signup/<token>")
def agree(token: str) -> ResponseReturnValue:
    """The person agrees; a second time changes nothing."""
    row, here = _asked(token), runtime()
    network = Networks(here.config).of(request.environ)
    with here.transaction() as session:
        confirm(session, row, here.pepper, network=network, now=here.clock.now())
    return redirect(url_for("signup.look", token=token), 303)

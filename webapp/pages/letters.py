"""Letters: the standing orders, the form of one, and who is due in the days to come."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import content, letters, messages, reports
from campaigns.db import Page
from campaigns.errors import Invalid, NotFound
from campaigns.letters import Letter, Plan
from campaigns.occasions import Occasion
from webapp.context import runtime, user
from webapp.security import admin_blueprint

blueprint = admin_blueprint("letters")

SIZE = 50
WORDS = ("name", "type", "subject", "preheader", "sender_name", "sender_email", "reply_to")


@dataclass(frozen=True)
class Form:
    """What the form sent; an occasion's own answers come as `option_<name>`."""

    plan: Plan
    key: str

    @classmethod
    def read(cls, form: Mapping[str, str], occasion: Occasion) -> "Form":
        """Parse a request's form."""
        options = {option.name: form.get(f"option_{option.name}") for option in occasion.options}
        plan = Plan(
            occasion=occasion.name,
            options=options,
            hour=_number(form.get("hour"), -1),
            late=form.get("late", "send"),
            late_days=_number(form.get("late_days"), -1),
            leaves_in_complaint=form.get("leaves_in_complaint") == "yes",
            holdout=_number(form.get("holdout") or "0", -1),
            template_id=_number(form.get("template_id"), 0) or None,
            **{name: form.get(name, "") for name in WORDS},
        )
        return cls(plan, form.get("form_key", ""))


@blueprint.get("")
def show() -> ResponseReturnValue:
    """All letters, with what left and what is to come."""
    now = runtime().clock.now()
    with runtime().reading() as session:
        found = letters.all_letters(session)
        soon = {
            letter.id: letters.count_due_soon(
                session, letter, occasions=runtime().occasions, zone=runtime().config.zone, now=now
            )
            for letter in found
        }
        counts = {letter.id: letters.count_messages(session, letter.id) for letter in found}
    return render_template(
        "letters/list.html", letters=found, soon=soon, counts=counts, occasions=runtime().occasions
    )


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """Choose an occasion, then an empty form for it."""
    if "occasion" not in request.args:
        return render_template("letters/occasions.html", headings=_by_heading())
    occasion = _occasion(request.args["occasion"])
    plan = Plan(
        name="",
        occasion=occasion.name,
        options={option.name: option.default for option in occasion.options},
        template_id=request.args.get("template", type=int),
    )
    return _form(Form(plan, secrets.token_urlsafe(18)), occasion)


@blueprint.post("/new")
def create() -> ResponseReturnValue:
    """Keep a new one, switched off."""
    occasion = _occasion(request.args.get("occasion", ""))
    form = Form.read(request.form, occasion)
    try:
        with runtime().transaction() as session:
            letter = letters.create(
                session,
                form.plan,
                occasions=runtime().occasions,
                now=runtime().clock.now(),
                by=user().id,
                form_key=form.key or None,
            )
    except Invalid as error:
        return _form(form, occasion, faults=error.faults), 400
    return redirect(url_for(".detail", letter_id=letter.id), 303)


@blueprint.get("/<int:letter_id>/edit")
def edit(letter_id: int) -> ResponseReturnValue:
    """The form with what is there."""
    with runtime().reading() as session:
        letter = letters.get_letter(session, letter_id)
    plan = Plan(**{name: getattr(letter, name) for name in Plan.__dataclass_fields__})
    return _form(Form(plan, ""), _occasion(letter.occasion), letter=letter)


@blueprint.post("/<int:letter_id>/edit")
def change(letter_id: int) -> ResponseReturnValue:
    """Keep what was changed."""
    with runtime().reading() as session:
        letter = letters.get_letter(session, letter_id)
    occasion = _occasion(letter.occasion)
    form = Form.read(request.form, occasion)
    try:
        with runtime().transaction() as session:
            letters.change(
                session,
                letter_id,
                form.plan,
                occasions=runtime().occasions,
                now=runtime().clock.now(),
            )
    except Invalid as error:
        return _form(form, occasion, letter=letter, faults=error.faults), 400
    return redirect(url_for(".detail", letter_id=letter_id), 303)


@blueprint.get("/<int:letter_id>")
def detail(letter_id: int) -> ResponseReturnValue:
    """One letter: its rule, who is due in the next 30 days, who was passed over, what left."""
    now = runtime().clock.now()
    asked: dict[str, Any] = {"occasions": runtime().occasions, "zone": runtime().config.zone, "now": now}
    with runtime().reading() as session:
        letter = letters.get_letter(session, letter_id)
        template = content.get_template(session, letter.template_id) if letter.template_id else None
        by_day = letters.due_by_day(session, letter, **asked)
        return render_template(
            "letters/detail.html",
            letter=letter,
            occasion=_occasion(letter.occasion),
            template=template,
            due=letters.due_soon(session, letter, **asked, limit=15),
            due_count=sum(by_day.values()),
            per_day=list(by_day.values()),
            offered=_occasion(letter.occasion).offered(session),
            passed_over=letters.passed_over(session, letter, **asked, limit=50),
            kept_back=letters.kept_back(session, letter, **asked, limit=50),
            late=letters.late_ones(session, letter, **asked, limit=15),
            late_count=letters.count_late(session, letter, **asked),
            wordings=letters.wordings(session, letter_id),
            held=letters.count_held(session, letter_id),
            late_words=letters.LATE,
            counts=letters.count_messages(session, letter_id),
            why_paused=letters.why_paused(session, letter),
            effect=reports.effect(
                session, "letter", letter_id, currency=runtime().config.shop.currency, now=now
            ),
            sender=_sender(),
        )


@blueprint.get("/<int:letter_id>/due")
def due(letter_id: int) -> ResponseReturnValue:
    """Everybody who is due in the next 30 days."""
    asked: dict[str, Any] = {
        "occasions": runtime().occasions,
        "zone": runtime().config.zone,
        "now": runtime().clock.now(),
    }
    with runtime().reading() as session:
        letter = letters.get_letter(session, letter_id)
        total = letters.count_due_soon(session, letter, **asked)
        number = min(max(request.args.get("page", 1, type=int), 1), max(1, -(-total // SIZE)))
        rows = letters.due_soon(session, letter, **asked, limit=SIZE, offset=(number - 1) * SIZE)
    return render_template("letters/due.html", letter=letter, page=Page(rows, number, SIZE, total))


@blueprint.post("/<int:letter_id>/resume")
def resume(letter_id: int) -> ResponseReturnValue:
    """Let go on what was paused by itself."""
    with runtime().transaction() as session:
        letters.resume(session, letter_id)
    return redirect(url_for(".detail", letter_id=letter_id), 303)


@blueprint.post("/<int:letter_id>/stop")
def stop(letter_id: int) -> ResponseReturnValue:
    """The emergency path: off, and whatever waits of it does not leave."""
    with runtime().transaction() as session:
        stopped = letters.stop(
            session, letter_id, because=request.form.get("because", ""), now=runtime().clock.now()
        )
    flash(f"The letter is off. {stopped:,} that waited will not leave.", "done")
    return redirect(url_for(".detail", letter_id=letter_id), 303)


@blueprint.post("/<int:letter_id>/late")
def decide_late(letter_id: int) -> ResponseReturnValue:
    """Somebody decides on what is late: it leaves after all, or never."""
    house = runtime()
    with house.transaction() as session:
        letters.decide_late(
            session,
            letter_id,
            is_sent=request.form.get("is_sent") == "yes",
            occasions=house.occasions,
            zone=house.config.zone,
            sender=house.config.sender,
            now=house.clock.now(),
            policy=house.policy,
        )
    return redirect(url_for(".detail", letter_id=letter_id), 303)


@blueprint.post("/<int:letter_id>/switch")
def switch(letter_id: int) -> ResponseReturnValue:
    """On or off, as the button said: pressed twice, the second changes nothing."""
    try:
        with runtime().transaction() as session:
            letters.switch(
                session, letter_id, is_on=request.form.get("is_on") == "yes", now=runtime().clock.now()
            )
    except Invalid as error:
        flash(" ".join([str(error), *error.faults.values()]), "error")
    return redirect(url_for(".detail", letter_id=letter_id), 303)


def _form(form: Form, occasion: Occasion, *, letter: Letter | None = None, faults: Any = None) -> str:
    with runtime().reading() as session:
        found = [t for t in session.scalars(content.list_templates()) if t.version_id]
        offered = occasion.offered(session)
    # Those written for this occasion come first.
    fitting = sorted(found, key=lambda template: (template.purpose != occasion.name, template.name))
    return render_template(
        "letters/form.html",
        letter=letter,
        occasion=occasion,
        values=asdict(form.plan) | {"form_key": form.key},
        faults=faults or {},
        offered=offered,
        late_choices=list(letters.LATE.items()),
        templates=[(template.id, template.name) for template in fitting],
        types=[(each.name, f"{each.label}. {each.meaning}") for each in messages.TYPES],
        sender=_sender(),
        hours=[(hour, f"{hour:02d}:00") for hour in range(24)],
    )


def _by_heading() -> dict[str, list[Occasion]]:
    """The occasions under their headings, in the order in which rooms offer them."""
    headings: dict[str, list[Occasion]] = {}
    for occasion in runtime().occasions.values():
        headings.setdefault(occasion.heading, []).append(occasion)
    return headings


def _sender() -> dict[str, str]:
    own = runtime().config.sender
    return {"name": own.name or runtime().config.shop.name, "email": own.email}


def _occasion(name: str) -> Occasion:
    if name not in runtime().occasions:
        raise NotFound("There is no such occasion for a letter.")
    return runtime().occasions[name]


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else otherwise

"""Key accounts: who may be one, confirmed by a person with a reason and an owner; spared promotions, watched for silence."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import customers, scoring, staff
from campaigns.errors import Invalid
from webapp.context import runtime, user
from webapp.security import admin_blueprint

blueprint = admin_blueprint("accounts")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Those in force, what is silent among them, and who is proposed."""
    return _page()


@blueprint.post("")
def confirm() -> ResponseReturnValue:
    """Make one of them a key account."""
    form = request.form
    try:
        with runtime().transaction() as session:
            scoring.confirm_account(
                session,
                form.get("customer_id", 0, type=int),
                reason=form.get("reason", ""),
                because=form.get("because", ""),
                owner_id=form.get("owner_id", type=int),
                may_promote=form.get("may_promote") == "yes",
                quiet_days=_days(form.get("quiet_days")),
                now=runtime().clock.now(),
                by=user().id,
            )
    except Invalid as error:
        return _page(values=form, faults=error.faults), 400
    flash("This is a key account from now on: promotions are held unless its owner agrees.", "success")
    return redirect(url_for(".show"), 303)


@blueprint.post("/<int:account_id>")
def change(account_id: int) -> ResponseReturnValue:
    """Another owner, their agreement to promotions, another alarm."""
    form = request.form
    try:
        with runtime().transaction() as session:
            scoring.change_account(
                session,
                account_id,
                owner_id=form.get("owner_id", 0, type=int),
                may_promote=form.get("may_promote") == "yes",
                quiet_days=_days(form.get("quiet_days")),
                now=runtime().clock.now(),
            )
    except Invalid as error:
        flash(" ".join(error.faults.values()), "danger")
    else:
        flash("Kept.", "success")
    return redirect(url_for(".show"), 303)


@blueprint.post("/<int:account_id>/end")
def end(account_id: int) -> ResponseReturnValue:
    """It is no key account any more."""
    try:
        with runtime().transaction() as session:
            scoring.end_account(
                session, account_id, because=request.form.get("because", ""), now=runtime().clock.now()
            )
    except Invalid as error:
        flash(" ".join(error.faults.values()), "danger")
    else:
        flash("It is no key account any more; its reason is kept.", "success")
    return redirect(url_for(".show"), 303)


def _page(values: Any = None, faults: Any = None) -> str:
    config, now = runtime().config, runtime().clock.now()
    asked = request.args.get("customer", type=int)
    with runtime().reading() as session:
        people = [(each.id, each.name or each.email) for each in staff.list_users(session) if each.is_active]
        chosen = customers.get_customer(session, asked) if asked else None
        quiet = {each.account.id: each for each in scoring.quiet_accounts(session, now=now, config=config)}
        return render_template(
            "accounts/show.html",
            accounts=session.execute(scoring.key_accounts()).all(),
            proposals=scoring.propose(session, now=now, config=config),
            quiet=quiet,
            chosen=chosen,
            people=people,
            names=dict(people),
            reasons=list(scoring.REASONS.items()),
            reason_words=scoring.REASONS,
            rule=config.key_accounts,
            values=values or {"customer_id": asked or ""},
            faults=faults or {},
        )


def _days(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else None

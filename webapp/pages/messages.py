"""Messages: what waits and who sends it, those whose answer was never heard, and one message's whole story."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import journeys, messages
from campaigns.customers import get_customer
from campaigns.db import page
from campaigns.errors import Conflict
from campaigns.tracking import CAUSES, explain, returns_of
from webapp.context import runtime, user
from webapp.security import admin_blueprint

blueprint = admin_blueprint("messages")

STEPS = {
    "mail": "at the sender's address",
    "rcpt": "at the recipient's address",
    "data": "before the content",
    "dot": "after the content",
    "connect": "at the connection",
    "fill": "while it was written",
    "address": "at the address",
    "decide": "by a person",
}
"""Where an attempt ended, in words."""

HELD = {
    "no_consent": "No consent to mail is on record.",
    "unsubscribed": "They unsubscribed before it left.",
    "erased": "The person was erased before it left.",
    "stopped": "The mailing was stopped before it left.",
    "unreachable": "The mail server cannot reach this kind of address (SMTPUTF8).",
    "too_late": "It was too late for it, by a rule or by somebody's decision.",
    "capped": "They had been written to often enough.",
    "no_address": "There is no address.",
    "holdout": "They are held out of this letter, so that its effect can be seen.",
}
"""Why a message did not leave, in a sentence."""


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The queue, the senders, and what a person must decide."""
    now = runtime().clock.now()
    with runtime().reading() as session:
        return render_template(
            "messages/list.html",
            waiting=messages.waiting(session, now=now),
            senders=messages.senders(session),
            found=page(session, messages.undecided(), request.args.get("page", 1, type=int)),
            mailer=runtime().mailer.name,
            backlog=messages.backlog(session, runtime().config.pacing, zone=runtime().config.zone, now=now),
            now=now,
        )


@blueprint.get("/late")
def late() -> ResponseReturnValue:
    """What was due while Liaison was off, or may have left before a backup was restored: to be decided."""
    with runtime().reading() as session:
        gap = messages.gap_open(session)
        found = None
        if gap is not None:
            found = page(session, messages.of_gap(gap), request.args.get("page", 1, type=int))
        return render_template(
            "messages/late.html",
            gap=gap,
            mailings=messages.held_by_gap(session, gap) if gap is not None else [],
            found=found,
        )


@blueprint.post("/late/<int:gap_id>")
def settle(gap_id: int) -> ResponseReturnValue:
    """Let it leave after all, or never; all of it, or one mailing."""
    is_sent = request.form.get("verdict") == "send"
    try:
        with runtime().transaction() as session:
            count = messages.settle_gap(
                session,
                gap_id,
                is_sent=is_sent,
                mailing_id=request.form.get("mailing", type=int),
                by=user().email,
                now=runtime().clock.now(),
            )
    except Conflict as error:
        flash(str(error), "warning")
    else:
        flash(f"{count:,} {'leave now' if is_sent else 'are cancelled'}.", "success")
    return redirect(url_for(".late"), 303)


@blueprint.get("/<int:message_id>")
def detail(message_id: int) -> ResponseReturnValue:
    """One message: for whom, where it is, every attempt with the server's words."""
    with runtime().reading() as session:
        message = messages.get_message(session, message_id)
        mailing = messages.get_mailing(session, message.mailing_id)
        customer = get_customer(session, message.customer_id) if message.customer_id else None
        tried = messages.attempts(session, message_id)
        returned = session.scalars(returns_of(message_id)).all()
        led_by = journeys.why(session, message)
    domain = mailing.sender_email.rpartition("@")[2]
    return render_template(
        "messages/detail.html",
        message=message,
        mailing=mailing,
        customer=customer,
        attempts=tried,
        waits=messages.why_waiting(message.waits_for),
        returned=returned,
        causes=CAUSES,
        explain=explain,
        steps=STEPS,
        reasons=messages.REASONS,
        why=why(message.held_reason),
        led_by=led_by,
        header=messages.message_id_header(runtime().links, message.id, mailing.id, domain),
    )


def why(reason: str) -> str:
    """The reason of a held or cancelled message as a sentence."""
    word, _, cause = reason.partition(":")
    if word == "suppressed":
        return f"The address is suppressed ({cause.replace('_', ' ') or 'see the register'})."
    if word == "expired":
        return f"It waited because of {messages.REASONS.get(cause, cause)}, and could not leave in time."
    return HELD.get(word, word.replace("_", " ").capitalize())


@blueprint.post("/<int:message_id>/decide")
def decide(message_id: int) -> ResponseReturnValue:
    """A person ends an unknown: it counts as sent, or it is sent again."""
    as_sent = request.form.get("verdict") == "sent"
    try:
        with runtime().transaction() as session:
            messages.decide(session, message_id, as_sent=as_sent, by=user().email, now=runtime().clock.now())
    except Conflict as error:
        flash(str(error), "warning")
    else:
        flash("It counts as sent." if as_sent else "It is sent again.", "success")
    if request.form.get("from") == "list":
        return redirect(url_for(".show"), 303)
    return redirect(url_for(".detail", message_id=message_id), 303)

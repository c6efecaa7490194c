"""Reports: every newsletter and letter with its rates; one of them in full; whoever stands behind a number."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from flask import Response, flash, redirect, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from campaigns import messages, reports, tracking
from campaigns.db.paging import page
from campaigns.errors import NotFound
from webapp.context import runtime, user
from webapp.security import admin_blueprint

blueprint = admin_blueprint("reports")

PER_PAGE = 25
HEADLINE = ("delivered", "clicked", "opened", "unsubscribed", "bounced", "spam_reported")
"""What the list shows of each mailing, after what was meant and sent."""
OF_TRACKED = (
    "clicked",
    "opened",
    "proxied",
    "silent",
    "machine_clicked",
    "suspect_clicked",
    "suspect_opened",
    "machine_opened",
)
"""Numbers whose share is taken of those delivered with tracking; the others' of all delivered."""


def whole(stats: reports.Stats, name: str) -> int:
    """What a number's share is taken of."""
    if name in OF_TRACKED:
        return stats["tracked"]
    if name in ("bounced", "delivered"):
        return stats.sent + stats["failed"]
    return stats["delivered"] if name in reports.NUMBERS and name not in STATE_NAMES else stats.meant


STATE_NAMES = tuple(each.name for each in reports.STATES)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """All newsletters and letters that were launched, newest first."""
    kind = request.args["kind"] if request.args.get("kind") in ("newsletter", "letter", "journey") else ""
    with runtime().reading() as session:
        shown = page(
            session, reports.subjects(kind=kind), request.args.get("page", 1, type=int), size=PER_PAGE
        )
        return render_template(
            "reports/list.html",
            page=shown,
            lines=reports.lines(session, shown.rows),
            kind=kind,
            numbers=reports.NUMBERS,
            headline=HEADLINE,
            whole=whole,
        )


@blueprint.get("/all.csv")
def show_csv() -> ResponseReturnValue:
    """All of them with all their numbers, as a file."""
    names = ("meant", *STATE_NAMES, *(each.name for each in reports.REACTIONS))

    def rows() -> Iterator[Sequence[Any]]:
        zone = runtime().config.zone
        with runtime().reading() as session:
            for line in reports.lines(session, session.scalars(reports.subjects()).all()):
                moments = (reports.local(line.first_at, zone), reports.local(line.last_sent_at, zone))
                yield line.kind, line.name, line.subject, *moments, *(line.stats[name] for name in names)

    heads = (
        "Kind",
        "Name",
        "Subject",
        "Begun",
        "Last sent",
        *(reports.NUMBERS[name].label for name in names),
    )
    return _file("reports", heads, rows)


@blueprint.get("/<int:mailing_id>")
def mailing(mailing_id: int) -> ResponseReturnValue:
    """One newsletter, or one letter in all its wordings."""
    now, zone = runtime().clock.now(), runtime().config.zone
    with runtime().reading() as session:
        about = reports.subject(session, mailing_id)
        course = reports.over_time(session, about.ids, now=now, zone=zone)
        return render_template(
            "reports/mailing.html",
            about=about,
            stats=reports.delivery_stats(session, about.ids),
            effect=reports.effect_of(session, about, currency=runtime().config.shop.currency, now=now),
            states=reports.STATES,
            reactions=reports.REACTIONS,
            held_words=reports.held_words,
            domains=reports.by_domain(session, about.ids),
            links=reports.by_link(session, about.ids),
            course=course,
            top=max((max(point.clicked, point.opened) for point in course.points), default=0),
            whole=whole,
            anonymous=tracking.anonymous_counts(session, about.ids),
            source=_source(about),
        )


def _source(about: reports.Subject) -> str:
    return (
        f"/{about.kind}s/{about.source_id}"
        if about.source_id and about.kind in ("newsletter", "letter", "journey")
        else ""
    )


def _narrowed(session: Any, about: reports.Subject, number: str) -> Any:
    """The select behind a number, narrowed by what stands in the address: a reason, a domain, a link."""
    reason, domain, url = (request.args.get(name, "") for name in ("reason", "domain", "link"))
    if url:
        if number != "clicked":
            raise NotFound("Only clicks belong to a link.")
        return reports.behind_link(about.ids, url, session)
    return reports.behind(about.ids, number, reason=reason, domain=domain)


@blueprint.get("/<int:mailing_id>/<number>")
def people(mailing_id: int, number: str) -> ResponseReturnValue:
    """Who stands behind a number."""
    with runtime().reading() as session:
        about = reports.subject(session, mailing_id)
        chosen = _narrowed(session, about, number)
        return render_template(
            "reports/people.html",
            about=about,
            number=reports.NUMBERS[number],
            page=page(session, chosen, request.args.get("page", 1, type=int)),
            held_words=reports.held_words,
            narrowed={
                name: request.args[name] for name in ("reason", "domain", "link") if request.args.get(name)
            },
        )


@blueprint.get("/<int:mailing_id>/<number>.csv")
def people_csv(mailing_id: int, number: str) -> ResponseReturnValue:
    """Who stands behind a number, as a file."""
    with runtime().reading() as session:
        chosen = _narrowed(session, reports.subject(session, mailing_id), number)

    def rows() -> Iterator[Sequence[Any]]:
        zone = runtime().config.zone
        with runtime().reading() as session:
            for message, customer in session.execute(chosen.execution_options(yield_per=1000)):
                yield reports.recipient_row(message, customer, zone)

    return _file(f"report-{mailing_id}-{number}", reports.RECIPIENT_HEADS, rows)


@blueprint.post("/<int:mailing_id>/decide")
def decide(mailing_id: int) -> ResponseReturnValue:
    """A person ends messages whose answer was never heard: they count as sent, or are sent again."""
    as_sent = request.form.get("verdict") == "sent"
    chosen = [
        int(number) for number in request.form.getlist("message") if number.isdecimal() and len(number) < 19
    ]
    with runtime().transaction() as session:
        for message_id in chosen:
            messages.decide(session, message_id, as_sent=as_sent, by=user().email, now=runtime().clock.now())
    if chosen:
        flash(f"{len(chosen)} decided: {'counted as sent' if as_sent else 'they are sent again'}.", "success")
    else:
        flash("Tick the messages that you decide about.", "warning")
    return redirect(url_for(".people", mailing_id=mailing_id, number="unknown"), 303)


@blueprint.post("/<int:mailing_id>/try-again")
def try_again(mailing_id: int) -> ResponseReturnValue:
    """Queue anew what failed; whoever was suppressed meanwhile is left out."""
    with runtime().transaction() as session:
        count = sum(
            messages.try_again(session, each, by=user().email, now=runtime().clock.now())
            for each in reports.subject(session, mailing_id).ids
        )
    flash(
        f"{count:,} queued anew." if count else "Nobody is left to try again.", "success" if count else "info"
    )
    return redirect(url_for(".mailing", mailing_id=mailing_id), 303)


def _file(name: str, heads: Sequence[str], rows: Callable[[], Iterable[Sequence[Any]]]) -> Response:
    return Response(
        stream_with_context(reports.csv_lines(heads, rows())),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )

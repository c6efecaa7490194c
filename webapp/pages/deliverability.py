"""Deliverability: how each receiver takes our mail, how fast it is written to, and what the DNS says of the sender."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import messages, reports
from campaigns.db import page
from campaigns.errors import NotFound
from campaigns.mail.identity import Resolver, examine_sender
from campaigns.tracking import CAUSES
from webapp.context import runtime, user
from webapp.security import admin_blueprint

blueprint = admin_blueprint("deliverability")

PER_PAGE = 25
IDENTITY_DAYS = 90
MOST_DOMAINS = 5
SHOWN = (
    "sent",
    "delivered",
    "deferred",
    "refused",
    "bounced",
    "spam_reported",
    "opened",
    "clicked",
    "waiting",
)
OF_DAYS = tuple(name for name in SHOWN if name not in ("delivered", "waiting"))


def _span() -> reports.Span:
    asked = request.args.get("days", 7, type=int)
    days = asked if asked in reports.PERIODS else 7
    return reports.Span.last(days, now=runtime().clock.now(), zone=runtime().config.zone)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Receiver by receiver; the present paces; the sender's DNS as it was last looked up."""
    house, span = runtime(), _span()
    now, config = house.clock.now(), house.config
    with house.reading() as session:
        lines = reports.by_receiver(session, config.pacing, span)
        last = max(1, -(-len(lines) // PER_PAGE))
        number = min(max(request.args.get("page", 1, type=int), 1), last)
        shown = lines[(number - 1) * PER_PAGE : number * PER_PAGE]
        reports.fill_medians(session, config.pacing, shown, span)
        return render_template(
            "deliverability/list.html",
            span=span,
            periods=reports.PERIODS,
            numbers=[reports.DELIVERY[name] for name in SHOWN],
            heads=_heads(SHOWN),
            lines=shown,
            number=number,
            last=last,
            total=len(lines),
            whole={name: sum(line.numbers[name] for line in lines) for name in SHOWN},
            by_day=[sum(line.by_day[day] for line in lines) for day in span.all_days()],
            slowed=messages.slowed(session, now=now),
            everybody=messages.receiver(
                session, config.pacing, messages.EVERYBODY, zone=config.zone, now=now
            ),
            backlog=messages.backlog(session, config.pacing, zone=config.zone, now=now),
            plan=messages.warm_up(config.pacing),
            today=now.astimezone(config.zone).date(),
            letters_share=config.pacing.letters_share,
            identities=_identities(session),
            waited=waited,
        )


def _heads(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(reports.DELIVERY[name].label, "number") for name in names]


def _identities(session: Any) -> list[tuple[str, Any]]:
    """(domain, what the DNS last said or None) of the settings' sender and of others that mailings came from."""
    checks = messages.domain_checks(session)
    return [(domain, checks.get(domain)) for domain in _domains(session)]


def _domains(session: Any) -> list[str]:
    own = runtime().config.sender.domain.casefold()
    used = messages.sending_domains(session, since=_span_of_identities().since)
    return [own, *(domain for domain in used if domain != own)]


def _span_of_identities() -> reports.Span:
    return reports.Span.last(IDENTITY_DAYS, now=runtime().clock.now(), zone=runtime().config.zone)


def waited(seconds: int | None) -> str:
    """A median wait in its unit."""
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60:,} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


@blueprint.post("/check")
def check() -> ResponseReturnValue:
    """Look the sender's domains up now; only those that the settings and the mailings name, never one that is given."""
    house = runtime()
    with house.reading() as session:
        domains = _domains(session)
    names = Resolver.at(house.config.sender.name_server)
    found = {
        domain: [asdict(each) for each in examine_sender(names, house.config, domain)]
        for domain in domains[:MOST_DOMAINS]
    }
    with house.transaction() as session:
        for domain, findings in found.items():
            messages.keep_findings(session, domain, findings, by=user().email, now=house.clock.now())
    flash("Looked up. What receivers see stands below.", "success")
    return redirect(url_for(".show", _anchor="sender"), 303)


def _known(session: Any, key: str) -> tuple[str, ...]:
    """The domains of a receiver; NotFound for one that is neither in the settings nor ever written to."""
    settings = runtime().config.pacing
    domains = messages.domains_of(settings, key)
    if key not in settings.groups and not messages.was_written_to(session, key):
        raise NotFound(f"Nothing was ever sent to {key[:100]}.")
    return domains


@blueprint.get("/<key>")
def receiver(key: str) -> ResponseReturnValue:
    """One receiver: day by day, causes, its pace and why, its last answers."""
    house, span = runtime(), _span()
    now, config = house.clock.now(), house.config
    with house.reading() as session:
        domains = _known(session, key)
        days = reports.by_day(session, domains, span)
        return render_template(
            "deliverability/receiver.html",
            key=key,
            span=span,
            periods=reports.PERIODS,
            receiver=messages.receiver(session, config.pacing, key, zone=config.zone, now=now),
            line=next((x for x in reports.by_receiver(session, config.pacing, span) if x.key == key), None),
            numbers=[reports.DELIVERY[name] for name in SHOWN],
            day_numbers=[reports.DELIVERY[name] for name in OF_DAYS],
            heads=_heads(OF_DAYS),
            days=days,
            answers=reports.last_answers(session, domains, span),
            causes=CAUSES,
        )


@blueprint.get("/<key>/<number>")
def people(key: str, number: str) -> ResponseReturnValue:
    """The messages behind a figure of a receiver."""
    span = _span()
    cause = request.args.get("cause", "")[:40]
    with runtime().reading() as session:
        domains = _known(session, key)
        chosen = reports.behind_delivery(domains, number, span, cause=cause)
        return render_template(
            "deliverability/people.html",
            key=key,
            span=span,
            number=reports.DELIVERY[number],
            cause=CAUSES.get(cause, cause.replace("_", " ")),
            page=page(session, chosen, request.args.get("page", 1, type=int)),
            why=messages.why_waiting,
        )

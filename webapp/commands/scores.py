"""`liaison scores`: refresh, show, export, the history, and who has fallen silent."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, time, timedelta
from getpass import getuser
from typing import Any

import click

from campaigns import customers, reports, scoring
from webapp.cli import Settings

as_of_option = click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), help="What was known at the end of that day; not stored."
)
json_option = click.option("--json", "is_json", is_flag=True, help="For programs.")


@click.group()
def command() -> None:
    """Scores of customers: recency, frequency, amount, engagement, classes."""


@command.command()
@click.option("--full", is_flag=True, help="Everybody, and not only those about whom something came in.")
@as_of_option
@json_option
@click.pass_obj
def refresh(settings: Settings, full: bool, as_of: datetime | None, is_json: bool) -> None:
    """Bring the scores up to date, or compute and count them as of a past day."""
    runtime, config = settings.runtime, settings.runtime.config
    moment = _moment(settings, as_of)
    if as_of is not None:
        with runtime.reading() as session:
            scored = scoring.score_as_of(session, now=moment, config=config)
        states = scoring.count_states(scored)
        _tell({"as_of": moment.isoformat(), "classes": scoring.count_classes(scored), **states}, is_json)
    elif full:
        count = scoring.refresh_everybody(
            runtime.database, now=moment, config=config, progress=_progress(is_json)
        )
        _tell({"scored": count, "as_of": moment.isoformat()}, is_json)
    else:
        with runtime.transaction() as session:
            count = scoring.refresh(session, now=moment, config=config)
        _tell({"scored": count, "as_of": moment.isoformat()}, is_json)


@command.command()
@click.argument("customer", required=False)
@as_of_option
@json_option
@click.pass_obj
def show(settings: Settings, customer: str | None, as_of: datetime | None, is_json: bool) -> None:
    """All customers together; or one CUSTOMER (address, number, or #id) in words, also as of a past day."""
    runtime, config = settings.runtime, settings.runtime.config
    with runtime.reading() as session:
        if customer is None and as_of is not None:
            scored = scoring.score_as_of(session, now=_moment(settings, as_of), config=config)
            counts = {"classes": scoring.count_classes(scored), **scoring.count_states(scored)}
            _tell({"as_of": _moment(settings, as_of).isoformat(), **counts}, is_json)
            return
        if customer is None:
            whole = scoring.portfolio_value(session)
            more = {
                "phases": scoring.phase_sizes(session),
                "endings": scoring.endings(session),
                "loyalty": scoring.type_sizes(session),
                "balance": scoring.balance_sizes(session),
                "lost": {each.name or "unknown": each.customers for each in scoring.lost_by_cause(session)},
                "portfolio": asdict(whole) if whole else None,
                "back_test": asdict(test) if (test := scoring.value_back_test(session)) else None,
            }
            sizes = scoring.class_sizes(session)
            refreshed = scoring.refreshed_at(session)
            rows = [
                {"class": s.rfm_class.name, "customers": s.customers, "spent": s.spent, "share": s.share}
                for s in sizes
            ]
            if is_json:
                at = refreshed.isoformat() if refreshed else None
                click.echo(json.dumps({"refreshed_at": at, "classes": rows, **more}))
                return
            for size in sizes:
                spent = scoring.money(size.spent, config.shop.currency)
                click.echo(f"{size.rfm_class.label:<18} {size.customers:>9,} {size.share:>7.1%} {spent:>20}")
            for kind in ("phases", "endings", "loyalty", "balance", "lost"):
                click.echo(f"{kind}: {', '.join(f'{name} {count:,}' for name, count in more[kind].items())}")
            if whole:
                low, value, high, constant = (
                    scoring.money(each, config.shop.currency)
                    for each in (whole.low, whole.value, whole.high, whole.constant)
                )
                click.echo(f"portfolio: {value} ({low} to {high}); with one churn for all {constant}")
            return
        found = customers.find_customer(session, customer)
        at = None if as_of is None else _moment(settings, as_of)
        said = [] if at else scoring.explain(session, found.id, now=runtime.clock.now(), config=config)
        card = scoring.card(session, found.id, config=config, now=at)
        said += scoring.card_sentences(card) if card else []
    if is_json:
        click.echo(json.dumps([each.__dict__ for each in said], ensure_ascii=False))
    elif not said:
        click.echo("Not scored yet; `liaison scores refresh` does it.")
    for each in () if is_json else said:
        click.echo(each.text)


@command.command()
@as_of_option
@click.option("--json", "is_json", is_flag=True, help="One customer a line, for programs.")
@click.pass_obj
def export(settings: Settings, as_of: datetime | None, is_json: bool) -> None:
    """Everybody's scores as CSV (or JSON lines) on standard output."""
    runtime = settings.runtime
    moment = _moment(settings, as_of)
    with runtime.reading() as session:
        rows = scoring.export_rows(session, config=runtime.config, now=moment)
        for line in _json_lines(rows) if is_json else _csv_lines(rows):
            sys.stdout.write(line)


@command.command()
@click.option("--months", default=12, show_default=True, type=click.IntRange(1, 240))
@click.pass_obj
def history(settings: Settings, months: int) -> None:
    """Note what the classes were at the end of each of the last MONTHS, from the data known today.

    For a shop that arrives with a past: the movement between two dates can then be shown at once.
    """
    runtime = settings.runtime
    now = runtime.clock.now()
    moments = [now - timedelta(days=30 * month) for month in range(months, 0, -1)]
    with runtime.transaction() as session:
        written = scoring.record_history(session, moments, config=runtime.config)
    click.echo(f"{written:,} changes of class were noted for {months} months.")


@command.command()
@click.option(
    "--apply",
    "is_applied",
    is_flag=True,
    help="Do what the settings say: a last letter, or leave them alone.",
)
@json_option
@click.pass_obj
def stale(settings: Settings, is_applied: bool, is_json: bool) -> None:
    """Who has been written to and is silent, by the rule of the settings."""
    runtime, rule = settings.runtime, settings.runtime.config.stale
    now, by = runtime.clock.now(), f"{getuser()} (command)"
    called = suppressed = 0
    with runtime.transaction() as session:
        preview = scoring.preview_sunset(session, rule, now)
        rows = session.execute(scoring.stale_candidates(session, rule, now)).all()
        if is_applied and rule.letter_first:
            called = scoring.begin_sunset(session, rule, now=now, by=by)
        elif is_applied:
            suppressed = scoring.retire_stale(session, rule, now=now, by=by)
    found = [
        {
            "email": row.email,
            "mails": row.mails,
            "why": scoring.stale_evidence(row, rule),
            "has_weak_sign": bool(row.has_weak_sign),
        }
        for row in rows
    ]
    if is_json:
        facts = {"preview": asdict(preview), "candidates": found, "called": called, "suppressed": suppressed}
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for each in found:
        click.echo(f"{each['email']}: {each['why']}")
    if not found:
        click.echo("Nobody has fallen silent.")
    elif called:
        click.echo(f"{len(found):,} silent. {called:,} get a last letter.")
    elif is_applied:
        left = len(found) - suppressed
        spared = f" {left:,} gave a weak sign: a person decides about them." if left else ""
        click.echo(f"{len(found):,} silent. {suppressed:,} are left alone from now on.{spared}")
    else:
        click.echo(f"{len(found):,} silent. Nothing was done; --apply does it.")


@command.command()
@json_option
@click.pass_obj
def sunset(settings: Settings, is_json: bool) -> None:
    """The last calls that run: since when, and whether the last letter has left."""
    with settings.runtime.reading() as session:
        rows = session.execute(scoring.running_sunsets()).all()
    for row, email, status, sent_at in rows:
        if is_json:
            facts = {"email": email, "begun_at": row.begun_at.isoformat(), "letter": status}
            click.echo(json.dumps({**facts, "sent_at": sent_at.isoformat() if sent_at else None}))
        else:
            letter = f"letter of {sent_at:%Y-%m-%d}" if sent_at else f"letter {status or 'not yet written'}"
            click.echo(f"{email}: since {row.begun_at:%Y-%m-%d}, {letter}")
    if not rows and not is_json:
        click.echo("No last call runs.")


def _json_lines(rows: Iterable[dict[str, Any]]) -> Iterable[str]:
    return (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _csv_lines(rows: Iterable[dict[str, Any]]) -> Iterable[str]:
    return reports.csv_lines(scoring.COLUMNS, (list(row.values()) for row in rows))


def _moment(settings: Settings, as_of: datetime | None) -> datetime:
    """The end of that day in the team's zone, or now if that is earlier."""
    now = settings.runtime.clock.now()
    if as_of is None:
        return now
    end = datetime.combine(as_of.date() + timedelta(days=1), time(), settings.runtime.config.zone)
    return min(end, now)


def _progress(is_json: bool) -> scoring.Progress | None:
    if is_json or not sys.stderr.isatty():
        return None
    return lambda done, of: click.echo(f"\r{done:,} of {of:,} customers", err=True, nl=done == of)


def _tell(facts: dict[str, object], is_json: bool) -> None:
    if is_json:
        click.echo(json.dumps(facts))
    elif "scored" in facts:
        click.echo(f"{facts['scored']:,} customers were scored.")
    else:
        classes = facts["classes"]
        assert isinstance(classes, dict)
        for name, count in classes.items():
            click.echo(f"{scoring.CLASS_BY_NAME[name].label:<18} {count:>9,}")
        for kind in ("phase", "risk", "loyalty"):
            counts = facts.get(kind)
            if isinstance(counts, dict):
                click.echo(f"{kind}: {', '.join(f'{name} {count:,}' for name, count in counts.items())}")

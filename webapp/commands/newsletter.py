"""`liaison newsletter`: list them, look at one with its ledger, give it a moment, hold it, end it."""

import json
from typing import Any

import click

from campaigns import messages, newsletters
from campaigns.newsletters import Newsletter
from webapp.cli import Settings


@click.group()
def command() -> None:
    """Newsletters: list, show, schedule, pause, resume, cancel."""


@command.command("list")
@click.option("--status", type=click.Choice(newsletters.STATUSES), default=None)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def list_(settings: Settings, status: str | None, as_json: bool) -> None:
    """All newsletters, the latest first."""
    with settings.runtime.reading() as session:
        found = [_said(session, n) for n in newsletters.every(session, status=status or "")]
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for row in found:
        moment = f"{row['moment'].replace('T', ' ')} {row['zone']}" if row["moment"] else "no moment yet"
        sent = f"{row['ledger']['sent']} sent of {row['meant']}" if row["ledger"] else ""
        click.echo(f"{row['id']:>5}  {row['status']:<10} {row['name']:<40} {moment}  {sent}".rstrip())
    if not found:
        click.echo("No newsletter.")


@command.command()
@click.argument("newsletter_id", type=int)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def show(settings: Settings, newsletter_id: int, as_json: bool) -> None:
    """One newsletter with its ledger: what was meant is the sum of what became of it."""
    with settings.runtime.reading() as session:
        row = _said(session, newsletters.get_newsletter(session, newsletter_id))
    if as_json:
        click.echo(json.dumps(row, indent=2, ensure_ascii=False))
        return
    click.echo(f"{row['name']} ({row['status']})")
    if row["because"]:
        click.echo(row["because"])
    for label in ("subject", "moment", "zone", "due_at", "launched_at", "finished_at"):
        if row[label]:
            click.echo(f"  {label.replace('_', ' '):<12} {row[label]}")
    if row["ledger"]:
        click.echo(f"  {'meant':<12} {row['meant']:>10,}")
        for status, count in row["ledger"].items():
            click.echo(f"  {status:<12} {count:>10,}")
        for reason, count in row["held"].items():
            click.echo(f"    {reason.replace('_', ' '):<22} {count:>10,}")


@command.command()
@click.argument("newsletter_id", type=int)
@click.argument("moment")
@click.option("--zone", default=None, help="Whose clocks the moment is meant on; the shop's if left out.")
@click.pass_obj
def schedule(settings: Settings, newsletter_id: int, moment: str, zone: str | None) -> None:
    """Let it leave at MOMENT ("2026-11-30 09:00", or "now")."""
    runtime = settings.runtime
    with runtime.transaction() as session:
        newsletter = newsletters.schedule(
            session,
            newsletter_id,
            local_moment=None if moment == "now" else moment,
            zone=zone or runtime.config.shop.zone,
            now=runtime.clock.now(),
        )
    assert newsletter.local_moment is not None
    click.echo(
        f"“{newsletter.name}” leaves at {newsletter.local_moment.replace('T', ' ')} ({newsletter.zone})."
    )


@command.command()
@click.argument("newsletter_id", type=int)
@click.pass_obj
def pause(settings: Settings, newsletter_id: int) -> None:
    """Hold what has not left yet."""
    with settings.runtime.transaction() as session:
        newsletter = newsletters.pause(session, newsletter_id, now=settings.runtime.clock.now())
    click.echo(f"“{newsletter.name}” is paused.")


@command.command()
@click.argument("newsletter_id", type=int)
@click.pass_obj
def resume(settings: Settings, newsletter_id: int) -> None:
    """Let a paused one go on."""
    with settings.runtime.transaction() as session:
        newsletter = newsletters.resume(session, newsletter_id, now=settings.runtime.clock.now())
    click.echo(f"“{newsletter.name}” goes on.")


@command.command()
@click.argument("newsletter_id", type=int)
@click.pass_obj
def cancel(settings: Settings, newsletter_id: int) -> None:
    """End it for good: what has not left will never leave."""
    with settings.runtime.transaction() as session:
        newsletter = newsletters.cancel(session, newsletter_id, now=settings.runtime.clock.now())
    click.echo(f"“{newsletter.name}” is cancelled.")


def _said(session: Any, newsletter: Newsletter) -> dict[str, Any]:
    """One newsletter as plain values."""
    mailing_id = newsletter.mailing_id
    ledger = messages.counts(session, mailing_id) if mailing_id else {}
    moments = {
        name: at.isoformat() if (at := getattr(newsletter, name)) else None
        for name in ("due_at", "launched_at", "finished_at")
    }
    return {
        "id": newsletter.id,
        "name": newsletter.name,
        "status": newsletter.status,
        "because": newsletter.because,
        "segment": newsletter.segment_id,
        "template": newsletter.template_id,
        "subject": newsletter.subject,
        "moment": newsletter.local_moment,
        "zone": newsletter.zone,
        **moments,
        "mailing": mailing_id,
        "meant": sum(ledger.values()),
        "ledger": ledger,
        "held": messages.held_by_reason(session, mailing_id) if mailing_id else {},
    }

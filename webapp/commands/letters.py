"""`liaison letters`: list them, see who is due, switch them on and off."""

import json
from typing import Any

import click

from campaigns import letters
from webapp.cli import Settings


@click.group()
def command() -> None:
    """Letters: list, due, on, off."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """All letters with what left of them."""
    with settings.runtime.reading() as session:
        found = [
            {
                "id": letter.id,
                "name": letter.name,
                "occasion": letter.occasion,
                "options": letter.options,
                "hour": letter.hour,
                "is_on": letter.is_on,
                "on_since": letter.on_since.isoformat() if letter.on_since else None,
                "because": letter.because,
                "ledger": letters.count_messages(session, letter.id),
            }
            for letter in letters.all_letters(session)
        ]
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for row in found:
        state = "on" if row["is_on"] else "off"
        sent = row["ledger"].get("sent", 0)
        click.echo(f"{row['id']:>5}  {state:<4} {row['name']:<40} {row['occasion']:<16} {sent:>8,} sent")
        if row["because"]:
            click.echo(f"       {row['because']}")
    if not found:
        click.echo("No letter.")


@command.command()
@click.argument("letter_id", type=int)
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 366))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def due(settings: Settings, letter_id: int, days: int, as_json: bool) -> None:
    """Who is due in the days to come, each at their own hour."""
    runtime = settings.runtime
    asked: dict[str, Any] = {
        "occasions": runtime.occasions,
        "zone": runtime.config.zone,
        "now": runtime.clock.now(),
        "days": days,
    }
    with runtime.reading() as session:
        letter = letters.get_letter(session, letter_id)
        found = letters.due_soon(session, letter, **asked, limit=1_000_000)
    if as_json:
        rows = [
            {
                "customer": each.customer_id,
                "email": each.email,
                "day": each.day.isoformat(),
                "due_at": each.due_at.isoformat(),
                "occasion_key": each.occasion_key,
                "facts": dict(each.facts),
                "held": each.held,
            }
            for each in found
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for each in found:
        there = each.due_at.astimezone(runtime.config.zone).strftime("%Y-%m-%d %H:%M")
        left_out = f"  (left out: {each.held.replace('_', ' ')})" if each.held else ""
        click.echo(f"{there}  {each.email:<40} {each.occasion_key}{left_out}")
    click.echo(f"{len(found):,} in the next {days} days.")


@command.command()
@click.argument("letter_id", type=int)
@click.pass_obj
def on(settings: Settings, letter_id: int) -> None:
    """Switch a letter on: from now on it leaves by itself."""
    _switch(settings, letter_id, is_on=True)


@command.command()
@click.argument("letter_id", type=int)
@click.pass_obj
def off(settings: Settings, letter_id: int) -> None:
    """Switch a letter off."""
    _switch(settings, letter_id, is_on=False)


def _switch(settings: Settings, letter_id: int, *, is_on: bool) -> None:
    with settings.runtime.transaction() as session:
        letter = letters.switch(session, letter_id, is_on=is_on, now=settings.runtime.clock.now())
    click.echo(f"“{letter.name}” is {'on' if letter.is_on else 'off'}.")

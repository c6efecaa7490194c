"""`liaison suppressions`: list the register, enter an address, lift an entry."""

import json
from getpass import getuser
from typing import TextIO

import click

from campaigns.errors import Invalid
from campaigns.suppression import (
    CAUSES,
    Suppression,
    count_unreadable,
    lift,
    register,
    suppress_by_hand,
    take_over,
)
from webapp.cli import Settings


@click.group()
def command() -> None:
    """Addresses that are not written to: list, add, lift."""


@command.command("list")
@click.option("--text", default="", help="Only addresses that contain this.")
@click.option("--cause", type=click.Choice(list(CAUSES)), help="Only this cause.")
@click.option("--all", "is_all", is_flag=True, help="Lifted ones too.")
@click.option("--json", "is_json", is_flag=True, help="For programs: one entry a line.")
@click.pass_obj
def show(settings: Settings, text: str, cause: str | None, is_all: bool, is_json: bool) -> None:
    """The register, newest first."""
    rows = register(text=text, cause=cause or "", is_in_force=None if is_all else True)
    count = 0
    with settings.runtime.reading() as session:
        for row in session.scalars(rows.execution_options(yield_per=1000)):
            count += 1
            click.echo(json.dumps(_facts(row), ensure_ascii=False) if is_json else _line(row))
    if not count and not is_json:
        click.echo("Nobody stands in the register.")


@command.command()
@click.argument("address")
@click.option("--because", required=True, help="Why; kept with the entry.")
@click.option("--json", "is_json", is_flag=True, help="For programs.")
@click.pass_obj
def add(settings: Settings, address: str, because: str, is_json: bool) -> None:
    """Do not write to ADDRESS any more."""
    runtime = settings.runtime
    with runtime.transaction() as session:
        is_new = suppress_by_hand(session, address, because=because, by=_me(), now=runtime.clock.now())
    if is_json:
        click.echo(json.dumps({"address": address, "is_new": is_new}))
    else:
        click.echo(f"{address} is in the register." if is_new else f"{address} was entered by hand before.")


@command.command("lift")
@click.argument("number", type=int)
@click.option("--because", required=True, help="Why; kept with the entry.")
@click.option("--json", "is_json", is_flag=True, help="For programs.")
@click.pass_obj
def lift_(settings: Settings, number: int, because: str, is_json: bool) -> None:
    """Lift entry NUMBER (see list): its address may be written to again, as far as this cause goes."""
    runtime = settings.runtime
    with runtime.transaction() as session:
        row = lift(session, number, because=because, by=_me(), now=runtime.clock.now())
        facts = _facts(row)
    click.echo(json.dumps(facts, ensure_ascii=False) if is_json else f"{facts['address']} is reinstated.")


@command.command()
@click.pass_obj
def export(settings: Settings) -> None:
    """The whole register in force as JSON lines: to keep, or to take over elsewhere (import)."""
    with settings.runtime.reading() as session:
        for row in session.scalars(register().execution_options(yield_per=1000)):
            facts = {name: value for name, value in _facts(row).items() if name in _PORTABLE}
            click.echo(json.dumps(facts, ensure_ascii=False))


@command.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--json", "is_json", is_flag=True, help="For programs.")
@click.pass_obj
def import_(settings: Settings, file: TextIO, is_json: bool) -> None:
    """Take over a register from FILE (- reads standard input): JSON lines as export writes them, or bare addresses.

    Hashes of erased people count only where the secret that made them stands in data/secret.key.
    """
    entries = [_entry(line.strip()) for line in file if line.strip()]
    runtime = settings.runtime
    with runtime.transaction() as session:
        count = take_over(session, entries, now=runtime.clock.now(), by=_me())
        unreadable = count_unreadable(session, runtime.pepper)
    if is_json:
        click.echo(json.dumps({"lines": len(entries), "new": count, "unreadable": unreadable}))
        return
    click.echo(f"{count:,} of {len(entries):,} entries are new.")
    if unreadable:
        click.echo(
            f"{unreadable:,} hashes cannot be read: put the secret that made them into data/secret.key."
        )


def _entry(line: str) -> dict[str, object]:
    if not line.startswith("{"):
        return {"address": line}
    try:
        return dict(json.loads(line))
    except ValueError as error:
        raise Invalid(f"This line is no JSON: {line[:40]}") from error


_PORTABLE = ("address", "cause", "since", "evidence")


def _me() -> str:
    return f"{getuser()} (command)"


def _facts(row: Suppression) -> dict[str, object]:
    return {
        "id": row.id,
        "address": row.address_key,
        "cause": row.cause,
        "since": row.since.isoformat(),
        "evidence": row.evidence,
        "message_id": row.message_id,
        "by": row.by,
        "lifted_at": row.lifted_at.isoformat() if row.lifted_at else None,
        "lifted_by": row.lifted_by,
        "lifted_because": row.lifted_because,
    }


def _line(row: Suppression) -> str:
    state = f"lifted {row.lifted_at:%Y-%m-%d}" if row.lifted_at else "in force"
    return f"{row.id:>6}  {row.shown_address:<40} {row.cause:<13} {row.since:%Y-%m-%d}  {state}"

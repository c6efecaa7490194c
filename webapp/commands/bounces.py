"""`liaison bounces`: read returned mail from files, and with --apply keep what it says."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from threading import Event

import click

from campaigns.errors import ConfigError
from campaigns.runtime import Runtime
from campaigns.tracking import ReturnsListener, keep_returned, mails_in, read_mailbox, read_returned
from webapp.cli import Settings
from webapp.commands.inspect import facts_of

BATCH = 100


@click.group()
def command() -> None:
    """Returned mail."""


@command.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--apply", "is_applied", is_flag=True, help="Keep what the mails say; without this nothing changes."
)
@click.option("--json", "is_json", is_flag=True, help="One mail a line, then the totals.")
@click.pass_obj
def read(settings: Settings, path: Path, is_applied: bool, is_json: bool) -> None:
    """Read every mail in FILE, DIR, MBOX or MAILDIR. With --apply: only mails with our signature count."""
    runtime = settings.runtime
    totals: Counter[str] = Counter()
    mails = mails_in(path)
    while batch := list(islice(mails, BATCH)):
        for name, facts, outcome in _outcomes(runtime, batch, is_applied):
            totals[outcome] += 1
            if is_json:
                click.echo(json.dumps({"file": name, "outcome": outcome, **facts}, ensure_ascii=False))
            elif not is_applied:
                click.echo(f"{outcome:<12} {name}")
        if not is_json and sum(totals.values()) % 5_000 == 0:
            click.echo(f"{sum(totals.values()):,} read …", err=True)
    summary = {"read": sum(totals.values()), "is_applied": is_applied, **totals}
    click.echo(json.dumps(summary) if is_json else _summary(totals))


@command.command()
@click.pass_obj
def listen(settings: Settings) -> None:
    """Take returned mail in by SMTP (config: [returns]) until Ctrl-C; the clock of `liaison serve` reads it."""
    listener = ReturnsListener(settings.runtime)
    listener.start()
    click.echo(f"Returned mail is taken in at {listener.host}:{listener.port} (stop it with Ctrl-C).")
    try:
        Event().wait()
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
    finally:
        listener.stop()


@command.command()
@click.pass_obj
def fetch(settings: Settings) -> None:
    """Read the mailbox of config's [mailbox] now, until it is empty; the clock does it by itself."""
    if not settings.config.mailbox.kind:
        raise ConfigError({"mailbox.kind": "is empty: say imap or pop3, and where."})
    totals: Counter[str] = Counter()
    for kept in read_mailbox(settings.runtime):
        totals += kept
        if totals.total() % 5_000 < BATCH:
            click.echo(f"{totals.total():,} read …", err=True)
    click.echo(_summary(totals))


def _summary(totals: Counter[str]) -> str:
    return ", ".join(f"{count:,} {word.replace('_', ' ')}" for word, count in totals.items()) or "No mail."


def _outcomes(
    runtime: Runtime, batch: list[tuple[str, bytes]], is_applied: bool
) -> Iterator[tuple[str, dict[str, object], str]]:
    """`(name, facts, outcome)` of each mail; a batch is kept in one transaction."""
    found = [(name, read_returned(raw)) for name, raw in batch]
    if not is_applied:
        yield from ((name, facts_of(returned), returned.kind) for name, returned in found)
        return
    now = runtime.clock.now()
    with runtime.transaction() as session:
        kept = [keep_returned(session, returned, runtime.links, now=now) for _, returned in found]
    for (name, returned), outcome in zip(found, kept, strict=True):
        yield name, {**facts_of(returned), "message_id": outcome.message_id}, outcome.outcome

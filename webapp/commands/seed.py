"""`liaison seed`: copy the shipped letters and the ready-made segments into the database, where they are missing."""

import json

import click

from campaigns.content import seed_starters
from campaigns.runtime import Runtime
from campaigns.segments import seed_segments
from webapp.cli import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(settings: Settings, as_json: bool) -> None:
    """Copy the shipped letters and the ready-made segments where they are missing; nothing is overwritten."""
    letters, segments = plant(settings.runtime)
    if as_json:
        click.echo(json.dumps({"templates": letters, "segments": segments}))
        return
    if letters:
        click.echo(f"Templates copied: {', '.join(letters)}.")
    if segments:
        click.echo(f"Ready-made segments copied: {segments}.")
    if not letters and not segments:
        click.echo("Everything is there already.")


def plant(runtime: Runtime) -> tuple[list[str], int]:
    """The names of the templates copied, and how many segments."""
    config, now = runtime.config, runtime.clock.now()
    with runtime.transaction() as session:
        letters = seed_starters(session, now=now, config=config, sources=runtime.merge_sources)
        segments = seed_segments(session, fields=runtime.fields, now=now, zone=config.zone)
    return letters, segments

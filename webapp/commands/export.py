"""`liaison export`: customers as a CSV file, all or a segment's, with chosen columns."""

import sys
from pathlib import Path

import click

from campaigns import customers, segments
from webapp.cli import Settings


@click.group()
def command() -> None:
    """Export what is kept, as files."""


@command.command("customers")
@click.option("--segment", default="", help="Only the members of this segment, by name or number.")
@click.option("--columns", default="", help="Which columns, with commas between; all if not told.")
@click.option("--output", type=click.Path(path_type=Path), help="The file to write; else the output.")
@click.pass_obj
def customers_(settings: Settings, segment: str, columns: str, output: Path | None) -> None:
    """Customers as CSV. No cell acts as a formula, and the file can be imported again unchanged."""
    house = settings.runtime
    names = [name.strip() for name in columns.split(",") if name.strip()]
    with house.reading() as session:
        chosen = None
        if segment:
            rule = segments.find_segment(session, segment).rule
            chosen = segments.members(
                session, rule, house.fields, now=house.clock.now(), zone=house.config.zone
            )
        pieces = customers.export_csv(customers.export_rows(session, names, chosen=chosen))
        if output is None:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return
        with output.open("wb") as file:
            for piece in pieces:
                file.write(piece)
    click.echo(f"Written to {output}.")

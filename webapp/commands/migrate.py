"""`liaison migrate`: bring the database to the newest schema."""

import click

from campaigns.db.migrate import head, upgrade, write
from webapp.cli import Settings


@click.command()
@click.option(
    "--write", "message", metavar="WHAT", help="For developers: write the next migration from the models."
)
@click.pass_obj
def command(settings: Settings, message: str | None) -> None:
    """Bring the database to the newest schema. Safe to repeat."""
    database = settings.runtime.database
    before, after = upgrade(database)
    click.echo(
        "The database is up to date." if before == after else f"The database is now at version {after}."
    )
    if message:
        write(database, message, f"{int(head()) + 1:04d}")
        click.echo("Read the new file in campaigns/db/migrations/versions before you keep it.")

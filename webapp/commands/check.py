"""`liaison check`: whether configuration, database and mail server are in order; the exit code says it too."""

import json
import sys
from collections.abc import Callable

import click

from campaigns.config import Config
from campaigns.db import connect
from campaigns.db.migrate import current, head
from campaigns.errors import Invalid, LiaisonError
from campaigns.mail.identity import Resolver, examine_sender
from campaigns.mail.probe import probe
from webapp.cli import Settings


@click.command()
@click.option("--dns", "with_dns", is_flag=True, help="Also look up SPF, DKIM, DMARC, MX and reverse names.")
@click.option("--server", default="", help="Ask this name server (address or address:port) and no other.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(settings: Settings, with_dns: bool, server: str, as_json: bool) -> None:
    """Tell whether everything is in order. Exit code 1 if anything is not."""
    config = settings.config
    results = [_try("configuration", lambda: "Every setting is valid.")]
    results += [_try(name, lambda check=check: check(config)) for name, check in CHECKS.items()]
    if with_dns:
        results += _dns(config, server)
    if as_json:
        click.echo(
            json.dumps(
                [dict(zip(("subject", "is_good", "sentence"), r, strict=True)) for r in results], indent=2
            )
        )
    else:
        for subject, is_good, sentence in results:
            click.echo(f"{'ok ' if is_good else 'BAD'}  {subject}: {sentence}")
    sys.exit(0 if all(is_good for _subject, is_good, _sentence in results) else 1)


def _try(subject: str, check: Callable[[], str]) -> tuple[str, bool, str]:
    try:
        return subject, True, check()
    except LiaisonError as error:
        return subject, False, str(error)


def _data_folder(config: Config) -> str:
    try:
        config.data.folder.mkdir(parents=True, exist_ok=True)
        test = config.data.folder / ".write-test"
        test.write_bytes(b"x")
        test.unlink()
    except OSError as error:
        raise Invalid(f"{config.data.folder} cannot be written to: {error.strerror}.") from error
    return f"{config.data.folder} can be written to."


def _database(config: Config) -> str:
    database = connect(config.database.url)
    try:
        revision = current(database)
    except Exception as error:  # whatever the driver raises: it is told, not shown as a traceback
        raise Invalid(
            f"The database does not answer: {str(error.__cause__ or error).splitlines()[0]}"
        ) from error
    finally:
        database.dispose()
    if revision is None:
        raise Invalid("The database is empty; run `liaison migrate`.")
    if revision != head():
        raise Invalid(
            f"The database is at version {revision}, this Liaison needs {head()}; run `liaison migrate`."
        )
    return f"The database answers and is at version {revision}."


def _mail(config: Config) -> str:
    return probe(config.smtp, helo=config.smtp.helo or config.sender.domain)


CHECKS: dict[str, Callable[[Config], str]] = {
    "data folder": _data_folder,
    "database": _database,
    "mail server": _mail,
}


def _dns(config: Config, server: str) -> list[tuple[str, bool, str]]:
    return [
        (
            found.subject,
            found.grade in ("good", "warning"),
            found.sentence + (f" Publish: {found.publish}" if found.publish else ""),
        )
        for found in examine_sender(Resolver.at(server or config.sender.name_server), config)
    ]

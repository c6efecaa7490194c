"""Bring a database to the newest schema, and tell whether it is there. Alembic, without an ini file."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from campaigns.db.engine import Database


def upgrade(database: Database) -> tuple[str | None, str]:
    """Run what is missing; returns the revision before and after."""
    with database.engine.connect() as connection:
        before = _revision(connection)
        connection.commit()
        command.upgrade(_config(connection), "head")
        connection.commit()
    return before, head()


def head() -> str:
    """The newest revision known to this version of Liaison."""
    revision = ScriptDirectory.from_config(_config(None)).get_current_head()
    assert revision is not None
    return revision


def current(database: Database) -> str | None:
    """The revision the database is at; None if it is empty."""
    with database.engine.connect() as connection:
        return _revision(connection)


def difference(database: Database) -> list[object]:
    """What the models say and the database lacks, or the other way round; empty when they agree."""
    from alembic.autogenerate import compare_metadata

    from campaigns.db.tables import metadata

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata()))


def write(database: Database, message: str, number: str) -> None:
    """Write the next migration from what the models say beyond the database: for developers, then read it."""
    with database.engine.connect() as connection:
        command.revision(_config(connection), message=message, rev_id=number, autogenerate=True)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection | None) -> Config:
    config = Config()
    here = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(here))
    config.set_main_option("version_locations", str(here / "versions"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config

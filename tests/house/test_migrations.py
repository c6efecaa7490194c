"""The migrations and the models say the same, on both databases."""

import re
from pathlib import Path

from alembic.script import ScriptDirectory

from campaigns.db import Database, connect
from campaigns.db.migrate import _config, current, difference, head, upgrade
from campaigns.db.tables import metadata

VERSIONS = Path(__file__).resolve().parents[2] / "campaigns" / "db" / "migrations" / "versions"


def test_there_is_one_head_and_files_stand_in_order() -> None:
    script = ScriptDirectory.from_config(_config(None))
    assert script.get_heads() == [head()]
    names = sorted(p.name for p in VERSIONS.glob("*.py"))
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.py", name) for name in names)
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


def test_an_empty_database_upgraded_equals_the_models(tmp_path: Path) -> None:
    database = connect(f"sqlite:///{tmp_path / 'empty.db'}")
    assert upgrade(database) == (None, head())
    assert difference(database) == []
    assert upgrade(database) == (head(), head())
    database.dispose()


def test_an_empty_postgres_upgraded_equals_the_models(postgres: Database) -> None:
    metadata().drop_all(postgres.engine)
    try:
        upgrade(postgres)
        assert difference(postgres) == []
        assert current(postgres) == head()
    finally:
        with postgres.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE alembic_version")

"""`liaison seed`, as one types it: copies what is missing, and overwrites nothing."""

import json

import pytest
from click.testing import CliRunner

from campaigns.content import change_template, list_templates
from campaigns.db.migrate import upgrade
from webapp.cli import Settings
from webapp.commands.seed import command


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("LIAISON_DATABASE__URL", f"sqlite:///{tmp_path}/liaison.db")
    monkeypatch.setenv("LIAISON_DATA__FOLDER", str(tmp_path))
    settings = Settings(None)
    upgrade(settings.runtime.database)
    yield settings
    settings.runtime.database.dispose()


def test_it_copies_letters_and_segments_once(settings) -> None:
    first = json.loads(CliRunner().invoke(command, ["--json"], obj=settings).output)
    assert sorted(first["templates"]) == ["After a purchase", "Birthday", "Newsletter", "Win back"]
    assert first["segments"] > 0
    again = CliRunner().invoke(command, [], obj=settings)
    assert again.exit_code == 0 and again.output == "Everything is there already.\n"


def test_what_a_person_renamed_stays_as_it_is(settings) -> None:
    CliRunner().invoke(command, [], obj=settings)
    runtime = settings.runtime
    with runtime.transaction() as session:
        own = session.scalars(list_templates(text="Birthday")).one()
        change_template(
            session, own.id, name="Ours", purpose=own.purpose, language="fr", now=runtime.clock.now()
        )
    assert "Birthday" in CliRunner().invoke(command, [], obj=settings).output
    with runtime.reading() as session:
        assert session.scalars(list_templates(text="Ours")).one().language == "fr"

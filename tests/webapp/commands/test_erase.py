"""`liaison erase` and the register on its way to another house."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from campaigns.db.migrate import upgrade
from tests.campaigns.tracking.story import letter
from webapp.cli import Settings
from webapp.commands import erase, suppressions


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """An empty Liaison of the command's own."""
    monkeypatch.setenv("LIAISON_DATABASE__URL", f"sqlite:///{tmp_path}/liaison.db")
    monkeypatch.setenv("LIAISON_DATA__FOLDER", str(tmp_path))
    made = Settings(None)
    upgrade(made.runtime.database)
    yield made
    made.runtime.database.dispose()


def test_erasing_asks_first_and_the_register_goes_out_and_comes_in(settings: Settings) -> None:
    def run(command: click.Command, *words: str, given: str | None = None) -> str:
        result = CliRunner().invoke(command, list(words), input=given, obj=settings)
        assert result.exit_code == 0, result.output
        return result.output

    letter(settings.runtime, "alice")
    assert "would be erased" in run(erase.command, "alice@shop.example")
    assert "1 mails stay counted" in run(erase.command, "alice@shop.example", "--yes")
    lines = run(suppressions.command, "export")
    (entry,) = map(json.loads, lines.splitlines())
    assert (entry["address"][:5], entry["cause"]) == ("hmac:", "erased")
    assert "erased (" in run(suppressions.command, "list") and "alice" not in lines
    told = run(suppressions.command, "import", "-", "--json", given=lines + "bob@shop.example\n")
    assert json.loads(told) == {"lines": 2, "new": 1, "unreadable": 0}

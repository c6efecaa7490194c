"""`liaison scores`, as one types it."""

import json

import pytest
from click.testing import CliRunner, Result

from campaigns.db.migrate import upgrade
from tests.campaigns.scoring.shop import Shop
from webapp.cli import Settings
from webapp.commands.scores import command


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command on a shop of one buyer and one silent customer."""
    monkeypatch.setenv("LIAISON_DATABASE__URL", f"sqlite:///{tmp_path}/liaison.db")
    monkeypatch.setenv("LIAISON_DATA__FOLDER", str(tmp_path))
    settings = Settings(None)
    upgrade(settings.runtime.database)
    with settings.runtime.transaction() as session:
        shop = Shop(session, settings.runtime.clock.now())
        alice, silent = shop.customer("alice"), shop.customer("silent")
        for days in (5, 100, 500):
            shop.bought(alice, days, 2500)
        for nth in range(8):
            shop.mailed(silent, 10 + 15 * nth)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(command, arguments, obj=settings)

    yield call
    settings.runtime.database.dispose()


def test_a_refresh_tells_how_many_were_scored(run):
    assert run("refresh").output == "2 customers were scored.\n"
    assert json.loads(run("refresh", "--full", "--json").output)["scored"] == 2


def test_a_past_day_is_computed_and_not_stored(run):
    run("refresh")
    past = json.loads(run("refresh", "--as-of", "2001-01-01", "--json").output)
    assert sum(past["classes"].values()) == 0
    assert sum(row["customers"] for row in json.loads(run("show", "--json").output)["classes"]) == 2


def test_one_customer_is_told_in_words(run):
    assert "liaison scores refresh" in run("show", "alice@example.com").output
    run("refresh")
    assert "3 orders in all" in run("show", "alice@example.com").output
    said = json.loads(run("show", "alice@example.com", "--json").output)
    assert said[0]["measure"] == "class"


def test_the_export_can_be_read_by_programs(run):
    rows = [json.loads(line) for line in run("export", "--json").output.splitlines()]
    assert [(row["email"], row["orders"], row["spent"]) for row in rows] == [
        ("alice@example.com", 3, 7500),
        ("silent@example.com", 0, 0),
    ]
    assert run("export").output.lstrip("\ufeff").startswith("number,email,class,")


def test_the_silent_are_only_listed_until_told_otherwise(run):
    assert "Nothing was done" in run("stale").output
    assert json.loads(run("stale", "--json").output)["suppressed"] == 0
    assert "1 are left alone" in run("stale", "--apply").output
    assert run("stale").output == "Nobody has fallen silent.\n"


def test_the_history_of_a_shop_with_a_past_is_noted(run):
    assert "changes of class were noted for 6 months" in run("history", "--months", "6").output

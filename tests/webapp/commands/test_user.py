"""`liaison user`, as one types it."""

import json

import pytest
from click.testing import CliRunner, Result

from campaigns.db.migrate import upgrade
from webapp.cli import Settings
from webapp.commands.user import command

PASSWORD = "correct horse battery"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command on a database of the test's own."""
    monkeypatch.setenv("LIAISON_DATABASE__URL", f"sqlite:///{tmp_path}/liaison.db")
    monkeypatch.setenv("LIAISON_DATA__FOLDER", str(tmp_path))
    settings = Settings(None)
    upgrade(settings.runtime.database)

    def call(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(command, arguments, obj=settings, input=typed)

    yield call
    settings.runtime.database.dispose()


def add(run, email="ada@shop.example", *more):
    return run("add", email, "--password-stdin", *more, typed=f"{PASSWORD}\n")


def test_a_user_is_made_and_listed(run):
    assert "may log in" in add(run, "ada@shop.example", "--name", "Ada", "--role", "auditor").output
    users = json.loads(run("list", "--json").output)
    assert users[0]["email"] == "ada@shop.example"
    assert users[0]["role"] == "auditor"
    assert "Ada" in run("list").output


def test_an_empty_list_says_what_to_do(run):
    assert "liaison user add" in run("list").output


def test_an_easy_password_is_refused_in_a_sentence(run):
    result = run("add", "ada@shop.example", "--password-stdin", typed="short\n")
    assert "at least 10 characters" in str(result.exception)
    assert "Nobody yet" in run("list").output


def test_without_a_terminal_it_says_how_to_give_the_password(run):
    assert "--password-stdin" in str(run("add", "ada@shop.example").exception)


def test_a_user_is_switched_off_and_on(run):
    add(run)
    add(run, "eve@shop.example")
    run("disable", "eve@shop.example")
    assert "switched off" in run("list").output
    run("enable", "eve@shop.example")
    assert "switched off" not in run("list").output


def test_an_unknown_user_is_said_before_a_password_is_asked_for(run):
    assert "There is no user" in str(run("password", "no@shop.example").exception)


def test_a_password_is_replaced(run):
    add(run)
    result = run("password", "ada@shop.example", "--password-stdin", typed="another good sentence\n")
    assert result.exit_code == 0

"""`liaison segment`, as one types it."""

import json

import pytest
from click.testing import CliRunner, Result

from campaigns.db.migrate import upgrade
from campaigns.errors import LiaisonError
from tests.campaigns.segments.world import MOMENTS, World
from webapp.cli import Settings
from webapp.commands.segment import command

FRENCH = {"all": [{"field": "customer.country", "op": "is", "value": "FR"}]}


@pytest.fixture
def world():
    return World(1, MOMENTS[0], size=20)


@pytest.fixture
def run(tmp_path, monkeypatch, world):
    """Run the command on a database of the test's own, with twenty customers in it."""
    monkeypatch.setenv("LIAISON_DATABASE__URL", f"sqlite:///{tmp_path}/liaison.db")
    monkeypatch.setenv("LIAISON_DATA__FOLDER", str(tmp_path))
    settings = Settings(None)
    upgrade(settings.runtime.database)
    with settings.runtime.transaction() as session:
        world.fill(session)

    def call(*arguments: str, typed: str = "") -> Result:
        result = CliRunner().invoke(command, arguments, obj=settings, input=typed)
        if result.exception and not isinstance(result.exception, SystemExit):
            assert isinstance(result.exception, LiaisonError), result.exception
            assert result.exit_code == 1
        return result

    yield call
    settings.runtime.database.dispose()


def test_a_rule_is_saved_listed_counted_and_its_members_told(run, world) -> None:
    french = [person for person in world.people if person.plain["customer.country"] == "FR"]
    assert "No segment yet" in run("list").output
    assert (
        run("save", "French", "--rule", "-", typed=json.dumps(FRENCH)).output
        == f"French: {len(french)} customers.\n"
    )
    (listed,) = json.loads(run("list", "--json").output)
    assert (listed["name"], listed["count"], listed["in_words"]) == ("French", len(french), "Country is “FR”")
    for name in ("French", str(listed["id"])):
        assert json.loads(run("count", name, "--json").output) == {
            "count": len(french),
            "everybody": 20,
            "conditions": {"/all/0": len(french)},
        }
    rows = json.loads(run("members", "French", "--json").output)
    assert [row["id"] for row in rows] == [person.id for person in french]
    assert len(run("members", "French", "--limit", "1").output.splitlines()) == 1
    assert (
        json.loads(run("members", "--rule", "-", "--json", typed='{"none": [{"all": []}]}').output or "[]")
        == []
    )


def test_an_explanation_names_the_value(run, world) -> None:
    person = world.people[0]
    person_is_in = person.plain["customer.country"] == "FR"
    told = run(
        "explain",
        "--rule",
        "-",
        "--customer",
        person.plain["customer.email"],
        "--json",
        typed=json.dumps(FRENCH),
    )
    found = json.loads(told.output)
    assert found["is_in"] is person_is_in
    assert found["reason"]["parts"][0]["value"] in (person.plain["customer.country"], "not known")
    assert "is" in run("explain", "--rule", "-", "--customer", "#2", typed=json.dumps(FRENCH)).output


@pytest.mark.parametrize(
    ("arguments", "typed", "words"),
    [
        (("count", "none such"), "", "no segment"),
        (("count", "--rule", "-"), "{", "not valid JSON"),
        (("count", "--rule", "-"), "[" * 50_000, "not valid JSON"),
        (("count", "--rule", "-"), '{"all": [{"field": "x"}]}', "/all/0/field"),
        (("explain", "--rule", "-", "--customer", "nobody@x.example"), '{"all": []}', "Nobody has"),
    ],
)
def test_what_is_wrong_is_one_sentence(run, arguments, typed, words) -> None:
    result = run(*arguments, typed=typed)
    assert result.exit_code == 1
    assert words in str(result.exception)


def test_a_segment_or_a_rule_must_be_named(run) -> None:
    assert run("count").exit_code == 2
    assert "Name a segment" in run("count").output


def test_all_fields_are_told(run) -> None:
    found = {each["name"]: each for each in json.loads(run("fields", "--json").output)}
    assert found["purchases.last"]["filters"] == ["category", "product", "channel", "period"]
    assert "attribute.size" in found

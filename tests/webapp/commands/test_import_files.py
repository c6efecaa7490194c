"""`liaison import` and `liaison export`, as one types them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from campaigns.customers import add_customer, count_customers, find_customer
from campaigns.db.migrate import upgrade
from campaigns.errors import LiaisonError
from tests.conftest import NOW
from webapp.cli import Settings, cli

Run = Callable[..., Result]
STATED = ("--source", "Till", "--legal-basis", "consent")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("LIAISON_DATABASE__URL", f"sqlite:///{tmp_path}/liaison.db")
    monkeypatch.setenv("LIAISON_DATA__FOLDER", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    settings = Settings(None)
    upgrade(settings.runtime.database)
    yield settings
    settings.runtime.database.dispose()


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("webapp.cli.Settings", lambda _path: settings)

    def call(*arguments: str) -> Result:
        result = CliRunner().invoke(cli, arguments)
        if result.exception and not isinstance(result.exception, SystemExit):
            assert isinstance(result.exception, LiaisonError), result.exception
        return result

    return call


def test_customers_then_purchases_come_in(run: Run, settings: Settings, tmp_path: Path) -> None:
    people, orders = Path("people.csv"), Path("orders.csv")
    people.write_text("mail;prenom;numero client\nana@example.fr;Ana;17\nnobody;;\n")
    orders.write_text("order,client,date,sku,quantity,unit price\nA1,17,2026-01-02,cup,2,5.00\n")
    told = json.loads(run("import", "customers", "people.csv", *STATED, "--dry-run", "--json").output)
    assert (told["new"], told["rejected"], told["is_dry"]) == (1, 1, True)
    assert Path(told["rejected_file"]).exists()
    with settings.runtime.reading() as session:
        assert count_customers(session) == 0
    shown = run("import", "customers", "people.csv", *STATED, "--tag", "vip").output
    assert "1  new" in shown and "1  rejected" in shown
    told = json.loads(run("import", "customers", "people.csv", *STATED, "--tag", "vip", "--json").output)
    assert (told["new"], told["unchanged"]) == (0, 1)
    assert "1  new" in run("import", "purchases", "orders.csv", "--source", "Till").output
    assert "1  unchanged" in run("import", "purchases", "orders.csv", "--source", "Till").output
    exported = run("export", "customers", "--columns", "email,tags,may_mail")
    assert exported.output.lstrip("\ufeff").splitlines() == [
        "E-mail address,Tags,May be written to",
        "ana@example.fr,vip,yes",
    ]


def test_what_is_missing_or_wrong_is_one_sentence(run: Run, tmp_path: Path) -> None:
    Path("people.csv").write_text("mail,naissance\nana@example.fr,03/04/1980\n")
    Path("binary.csv").write_bytes(b"PK\x03\x04")
    cases = [
        (("people.csv",), "--source"),
        (("people.csv", "--source", "x"), "--legal-basis"),
        (("people.csv", *STATED), "two ways"),
        (("absent.csv", *STATED), "cannot be read"),
        (("binary.csv", *STATED), "workbook"),
        (("people.csv", *STATED, "--mapping", '{"nope": "email"}'), "no column"),
        (("people.csv", *STATED, "--mapping", "{"), "valid JSON"),
        (("people.csv", *STATED, "--mapping", "absent.json"), "cannot be read"),
        (("people.csv", *STATED, "--mapping", '{"mail": "first_name"}'), "which column holds"),
    ]
    for arguments, words in cases:
        result = run("import", "customers", *arguments)
        assert result.exit_code != 0 and words in f"{result.output} {result.exception}", arguments


def test_a_mapping_and_the_order_of_days_may_be_told(run: Run, settings: Settings, tmp_path: Path) -> None:
    Path("people.csv").write_text("A,B\nana@example.fr,03/04/1980\n")
    Path("mapping.json").write_text('{"A": "email", "B": "birthday"}')
    result = run(
        "import",
        "customers",
        "people.csv",
        *STATED,
        "--mapping",
        "mapping.json",
        "--dates",
        "month-first",
        "--header",
    )
    assert result.exit_code == 0, result.output
    with settings.runtime.reading() as session:
        assert find_customer(session, "ana@example.fr").birth_month == 3


def test_what_goes_out_comes_in_again_unchanged(run: Run, settings: Settings, tmp_path: Path) -> None:
    with settings.runtime.transaction() as session:
        add_customer(
            session,
            email="ana@example.fr",
            first_name="=1+1",
            last_name="'=x",
            birthday="--02-29",
            number="-7x",
            tags=["a", "b"],
            country="FR",
            zone="Europe/Paris",
            language="fr",
            now=NOW,
        )
    assert run("export", "customers", "--output", "out.csv").exit_code == 0
    told = json.loads(
        run("import", "customers", "out.csv", "--source", "x", "--legal-basis", "contract", "--json").output
    )
    assert (told["unchanged"], told["lines"]) == (1, 1), told
    assert run("export", "customers", "--columns", "secret").exit_code != 0
    assert run("export", "customers", "--segment", "none").exit_code != 0

"""Imports of customers: told before, nothing twice, nobody revived, bad lines told and left behind."""

import csv
import io
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from campaigns.clock import FrozenClock
from campaigns.customers import (
    CUSTOMER_FILES,
    Consent,
    Customer,
    CustomerFacts,
    Options,
    Tag,
    add_customer,
    begin_check,
    begin_run,
    bulk_add_customers,
    consents,
    continue_imports,
    declare_attribute,
    find_customer,
    get_import,
    look_at,
    normalise_address,
    open_upload,
    preview,
    read_again,
    receive,
    record_consent,
    rejected_file,
    run_import,
    stop_import,
)
from campaigns.customers import reading as engine
from campaigns.db import Database
from campaigns.errors import Conflict, Invalid
from campaigns.suppression import suppress, suppressed_keys
from tests.campaigns.customers.bringing import KINDS, bring_in, check, counts, run, upload
from tests.conftest import NOW

FILE = """Courriel;Prénom;Nom;Date de naissance;Langue;Pointure;Étiquettes
Ana@Example.fr;Ana;López;29/02/1980;français;38,5;VIP, fair
bob@example.fr;Bob;;31/12;en;;
nobody;Nemo;;;;;
carl@example.fr;Carl;;30/02/1980;;;
"""


def test_a_file_is_understood_before_anything_is_decided(sqlite: Database, tmp_path: Path) -> None:
    with sqlite.transaction() as session:
        declare_attribute(session, label="Pointure", kind="number")
    import_id = upload(sqlite, tmp_path, FILE.encode("cp1252"))
    with sqlite.reading() as session:
        seen = preview(get_import(session, import_id))
    assert (seen.form.encoding, seen.form.delimiter) == ("cp1252", ";")
    assert [c.guess for c in seen.columns] == [
        "email",
        "first_name",
        "last_name",
        "birthday",
        "language",
        "attribute:pointure",
        "tags",
    ]
    assert seen.columns[1].samples == ["Ana", "Bob", "Nemo", "Carl"]
    assert seen.options.day_order == "day_first" and not seen.day_order_is_open
    assert seen.options.decimal_mark == ","


def test_the_dry_run_tells_what_the_run_does(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        declare_attribute(session, label="Pointure", kind="number")
        add_customer(session, email="bob@example.fr", first_name="Rob", now=NOW)
    import_id = upload(database, tmp_path, FILE)
    told = check(database, import_id)
    assert {f: n for f, n in told.checked.items() if f != "examples"} == {
        "new": 1,
        "changed": 1,
        "rejected": 2,
    }
    assert "first name: Rob → Bob" in told.checked["examples"]["changed"][0]["what"]
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 1, "a dry run writes nobody"
        assert rejected_file(get_import(session, import_id)).exists()
    done = run(database, import_id)
    assert (
        done.status == "done" and counts(done) == {"new": 1, "changed": 1, "rejected": 2} and done.lines == 4
    )
    with database.reading() as session:
        ana = find_customer(session, "ana@example.fr")
        assert (ana.email, ana.first_name, ana.last_name, ana.language) == (
            "Ana@example.fr",
            "Ana",
            "López",
            "fr",
        )
        assert (ana.birth_day, ana.birth_month, ana.birth_year) == (29, 2, 1980)
        assert ana.attributes == {"pointure": 38.5} and ana.may_mail and not ana.may_track
        assert set(session.scalars(select(Tag.tag))) == {"vip", "fair"}
        bob = find_customer(session, "bob@example.fr")
        assert (bob.first_name, bob.birth_month, bob.birth_day, bob.birth_year) == ("Bob", 12, 31, None)
        [proof] = consents(session, ana.id)
        assert (proof.act, proof.source, proof.legal_basis) == ("import", "Till in Lyon", "consent")
        assert proof.evidence == f"import {import_id}, people.csv, line 2"
    again = bring_in(database, tmp_path, FILE)
    assert counts(again) == {"unchanged": 2, "rejected": 2}
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Consent)) == 2, (
            "a consent on record is not repeated"
        )


def test_refused_lines_come_with_line_and_reason_and_can_be_imported_again(
    sqlite: Database, tmp_path: Path
) -> None:
    data = "mail,prenom\nana@example.fr,'=1+1\n,=cmd\nbob@example.fr,+x,extra\n"
    row = bring_in(sqlite, tmp_path, data)
    text = rejected_file(row).read_text("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [
        ["line", "reason", "mail", "prenom"],
        ["3", "There is no address, and no number to know the person by.", "", "'=cmd"],
        ["4", "3 values, where the file has 2 columns.", "bob@example.fr", "'+x", "extra"],
    ]
    with sqlite.reading() as session:
        assert find_customer(session, "ana@example.fr").first_name == "=1+1"
    fixed = "line,reason,mail,prenom\n4,x,bob@example.fr,'+x\n"
    assert counts(bring_in(sqlite, tmp_path, fixed)) == {"new": 1}
    with sqlite.reading() as session:
        assert find_customer(session, "bob@example.fr").first_name == "+x"


def test_nobody_is_revived(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        for name, is_granted in (("ana", True), ("bob", False), ("carl", True)):
            made = add_customer(session, email=f"{name}@example.fr", now=NOW)
            record_consent(session, made.id, purpose="mail", is_granted=is_granted, act="form", now=NOW)
        record_consent(session, made.id, purpose="tracking", is_granted=False, act="preferences", now=NOW)
        for name in ("ana", "dora"):
            suppress(session, f"{name}@example.fr", "unsubscribed", evidence="link", now=NOW, by="")
    data = "mail\nana@example.fr\nBOB@example.fr\ncarl@example.fr\ndora@example.fr\n"
    row = bring_in(database, tmp_path, data, may_track=True)
    assert counts(row) == {"suppressed": 3, "unchanged": 1}
    with database.reading() as session:
        assert {c.email: (c.may_mail, c.may_track) for c in session.scalars(select(Customer))} == {
            "ana@example.fr": (True, False),  # what she agreed to stays on record; the suppression holds
            "bob@example.fr": (False, False),
            "carl@example.fr": (True, False),
            "dora@example.fr": (False, False),
        }


def test_the_file_may_say_yes_or_no_for_each(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        made = add_customer(session, email="ana@example.fr", now=NOW)
        record_consent(
            session, made.id, purpose="mail", is_granted=True, act="form", now=NOW - timedelta(days=9)
        )
    data = "mail,opt-in,tracking,optin date\nana@example.fr,no,,\nbob@example.fr,yes,oui,2025-01-02\ncarl@example.fr,,,\n"
    assert counts(bring_in(database, tmp_path, data)) == {"new": 2, "suppressed": 1}
    with database.reading() as session:
        allowed = {c.email[:3]: (c.may_mail, c.may_track) for c in session.scalars(select(Customer))}
        assert allowed == {"ana": (False, False), "bob": (True, True), "car": (False, False)}
        assert {c.at.year for c in consents(session, find_customer(session, "bob@example.fr").id)} == {2025}
    assert counts(bring_in(database, tmp_path, "mail\nana@example.fr\n")) == {"suppressed": 1}


def test_data_kept_for_orders_lets_nobody_be_written_to(sqlite: Database, tmp_path: Path) -> None:
    data = "mail,newsletter\nana@example.fr,yes\n"
    bring_in(sqlite, tmp_path, data, legal_basis="contract", may_track=True)
    with sqlite.reading() as session:
        assert not find_customer(session, "ana@example.fr").may_mail
        assert session.scalar(select(func.count()).select_from(Consent)) == 0


def test_a_number_finds_a_customer_whose_address_changed(database: Database, tmp_path: Path) -> None:
    with database.transaction() as session:
        add_customer(session, email="old@example.fr", number="17", now=NOW)
        add_customer(session, email="taken@example.fr", number="18", now=NOW)
    data = "numero client,mail,prenom\n17,new@example.fr,Ana\n18,,Bob\n19,taken@example.fr,X\n17,taken@example.fr,X\n99,,X\n"
    row = bring_in(database, tmp_path, data)
    assert counts(row) == {"changed": 2, "rejected": 3}
    with database.reading() as session:
        assert find_customer(session, "17").email == "new@example.fr"
        assert find_customer(session, "18").first_name == "Bob"


def test_the_same_person_twice_in_a_file_is_one(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        "mail,prenom",
        "ana@example.fr,",
        "bob@example.fr,Bob",
        "ANA@example.fr,Ana",
        "ana@example.fr,Ana",
    ]
    monkeypatch.setattr(engine, "BATCH", 2)
    import_id = upload(database, tmp_path, "\n".join(lines))
    told = check(database, import_id)
    done = run(database, import_id)
    assert counts(done) == {"new": 2, "changed": 1, "unchanged": 1}
    assert (told.checked["new"], told.checked["changed"]) == (2, 2), (
        "across batches a dry run compares the lines"
    )


def test_an_import_states_its_source_and_legal_basis(sqlite: Database, tmp_path: Path) -> None:
    for told in (
        {"source": " "},
        {"legal_basis": "none"},
        {"mapping": {"0": "first_name"}},
        {"mapping": {"0": "email", "1": "email"}},
        {"mapping": {"0": "email", "1": "shoe"}},
        {"mapping": {"9": "email"}},
    ):
        with pytest.raises(Invalid) as refused:
            upload(sqlite, tmp_path, "mail,name\nana@example.fr,Ana\n", **told)
        assert refused.value.faults


def test_an_ambiguous_date_is_asked(sqlite: Database, tmp_path: Path) -> None:
    data = "mail;naissance\nana@example.fr;03/04/1980\n"
    import_id = upload(sqlite, tmp_path, data)
    with sqlite.reading() as session:
        assert preview(get_import(session, import_id)).day_order_is_open
    assert counts(bring_in(sqlite, tmp_path, data)) == {"rejected": 1}
    assert counts(bring_in(sqlite, tmp_path, data, day_order="month_first")) == {"new": 1}
    with sqlite.reading() as session:
        assert find_customer(session, "ana@example.fr").birth_month == 3


def big(count: int) -> str:
    lines = [f"user{i}@example.fr,Name{i}" if i % 10 else f"bad{i},Name{i}" for i in range(count)]
    return "mail,prenom\n" + "\n".join(lines) + "\n"


class Killed(BaseException):
    """As if the process had been killed."""


def test_an_interrupted_import_goes_on_without_importing_a_line_twice(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BATCH", 50)
    import_id = upload(database, tmp_path, big(1_000))
    check(database, import_id)
    with database.transaction() as session:
        begin_run(session, get_import(session, import_id), now=NOW)
    clock = FrozenClock(NOW)
    told = {"suppressed": suppressed_keys(), "clock": clock}
    original = engine._Reading._told
    calls = 0

    def dying(self: engine._Reading, batch: object, tally: object) -> object:
        nonlocal calls
        calls += 1
        made = original(self, batch, tally)  # type: ignore[arg-type]
        if calls % 3 == 0:
            raise Killed  # everything is written, the refused lines too, and nothing is committed
        return made

    monkeypatch.setattr(engine._Reading, "_told", dying)
    assert continue_imports(database, KINDS, **told) == 0, "a living import is left to whoever reads it"
    deaths = 0
    while True:
        clock.advance(timedelta(minutes=1))
        try:
            continue_imports(database, KINDS, **told)
            break
        except Killed:
            deaths += 1
    assert deaths >= 5
    with database.reading() as session:
        row = get_import(session, import_id)
        assert (row.status, row.counts, row.lines) == ("done", {"new": 900, "rejected": 100}, 1_000)
        assert session.scalar(select(func.count()).select_from(Customer)) == 900
        assert session.scalar(select(func.count()).select_from(Consent)) == 900
        refused = list(csv.reader(io.StringIO(rejected_file(row).read_text("utf-8-sig"))))
        assert [int(line) for line, *_ in refused[1:]] == list(range(2, 1_002, 10))


def test_two_processes_share_one_import_without_doubling(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BATCH", 20)
    import_id = upload(database, tmp_path, big(200))
    check(database, import_id)
    with database.transaction() as session:
        begin_run(session, get_import(session, import_id), now=NOW)
    told = {"suppressed": suppressed_keys(), "clock": FrozenClock(NOW)}
    other = engine._Reading(database, import_id, KINDS, **told, is_dry=False)  # type: ignore[arg-type]
    steps = []

    def meddle(row: object) -> None:
        steps.append(row)
        if len(steps) in (2, 5):
            source = engine.files.records(
                Path(row.path) / "lines.csv",
                preview_form(database, import_id),
                offset=row.done,
                line=row.at_line,
            )  # type: ignore[attr-defined]
            other._reload()
            other._settle(next(other._batches(source)))

    done = run_import(database, import_id, KINDS, on_progress=meddle, **told)  # type: ignore[arg-type]
    assert done.counts == {"new": 180, "rejected": 20} and done.lines == 200
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 180


def preview_form(database: Database, import_id: int) -> engine.Form:
    with database.reading() as session:
        return preview(get_import(session, import_id)).form


def test_a_stopped_import_reads_no_further(
    sqlite: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BATCH", 50)
    import_id = upload(sqlite, tmp_path, big(200))
    check(sqlite, import_id)
    with sqlite.transaction() as session:
        begin_run(session, get_import(session, import_id))

    def stop(row: object) -> None:
        with sqlite.transaction() as session:
            found = get_import(session, import_id)
            if found.status == "running":
                stop_import(session, found, now=NOW)

    told = {"suppressed": suppressed_keys(), "clock": FrozenClock(NOW), "on_progress": stop}
    row = run_import(sqlite, import_id, KINDS, **told)  # type: ignore[arg-type]
    assert (row.status, row.lines) == ("stopped", 50)
    with sqlite.transaction() as session, pytest.raises(Conflict):
        begin_check(session, get_import(session, import_id))


def test_what_waits_is_checked_and_imported_by_the_clock(sqlite: Database, tmp_path: Path) -> None:
    import_id = upload(sqlite, tmp_path, big(20))
    told = {"suppressed": suppressed_keys(), "clock": FrozenClock(NOW)}
    for begin, after in ((begin_check, "checked"), (begin_run, "done")):
        with sqlite.transaction() as session:
            begin(session, get_import(session, import_id))
        assert continue_imports(sqlite, KINDS, **told) == 20  # type: ignore[arg-type]
        with sqlite.reading() as session:
            assert get_import(session, import_id).status == after


def test_a_file_that_vanished_fails_with_a_sentence(sqlite: Database, tmp_path: Path) -> None:
    import_id = upload(sqlite, tmp_path, big(20))
    check(sqlite, import_id)
    next(tmp_path.glob("imports/*/lines.csv")).unlink()
    row = run(sqlite, import_id)
    assert row.status == "failed" and "could not be read" in row.error


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\..\\boot.ini", "/abs/people.csv", "a\x00b.csv", "x" * 400]
)
def test_a_file_is_kept_below_the_data_folder_whatever_its_name(
    sqlite: Database, tmp_path: Path, name: str
) -> None:
    kept = receive(io.BytesIO(b"mail\na@x.fr\n"), tmp_path)
    with sqlite.transaction() as session:
        try:
            row = open_upload(session, CUSTOMER_FILES, kept, filename=name, now=NOW)
        except Invalid:
            return
        assert "/" not in row.filename and "\\" not in row.filename
        assert Path(row.path).parent == tmp_path / "imports"


def test_a_file_that_is_too_large_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="larger"):
        receive(io.BytesIO(b"x" * 3_000_000), tmp_path, limit=1 << 20)
    assert not list((tmp_path / "imports").iterdir())


def test_a_marketer_may_know_better_how_a_file_is_written(sqlite: Database, tmp_path: Path) -> None:
    import_id = upload(
        sqlite, tmp_path, "a@x.fr|Zo\u00e9\nb@x.fr|Bob\n".encode("cp1252"), mapping={"0": "email"}
    )
    with sqlite.transaction() as session:
        row = get_import(session, import_id)
        seen = look_at(Path(row.path), encoding="cp1252", delimiter="|", has_header=True)
        options = preview(read_again(session, row, CUSTOMER_FILES, seen)).options
        assert options.header == ("a@x.fr", "Zo\u00e9") and options.encoding == "cp1252"
        for wrong in ({"encoding": "ebcdic"}, {"delimiter": "x"}):
            with pytest.raises(Invalid):
                look_at(Path(row.path), **wrong)


def test_names_cannot_smuggle_lines(database: Database, tmp_path: Path) -> None:
    data = 'mail,prenom,nom\nana@example.fr,"Ana\r\nBcc: x@y.fr",a\u2028b\nbob@example.fr,Bo\x00b,\n"c@example.fr\nx@y.fr",C,\n'
    row = bring_in(database, tmp_path, data)
    assert counts(row) == {"new": 1, "rejected": 2}
    with database.reading() as session:
        ana = find_customer(session, "ana@example.fr")
        assert (ana.first_name, ana.last_name) == ("Ana Bcc: x@y.fr", "a b")


def test_many_customers_are_added_at_once(database: Database) -> None:
    def facts(i: int) -> CustomerFacts:
        return CustomerFacts(
            normalise_address(f"user{i}@example.fr"), number=str(i), tags=("demo",), may_mail=i % 2 == 0
        )

    with database.transaction() as session:
        told = {"source": "Demonstration", "legal_basis": "consent", "now": NOW}
        assert bulk_add_customers(session, map(facts, range(6_000)), **told) == {"new": 6_000}
        assert bulk_add_customers(session, map(facts, range(10)), **told) == {"unchanged": 10}
        assert session.scalar(select(func.count()).select_from(Customer).where(Customer.may_mail)) == 3_000
        assert session.scalar(select(func.count()).select_from(Tag)) == 6_000


def test_options_come_back_as_they_were_stored() -> None:
    options = Options(mapping={0: "email", 3: "tags"}, header=("a", "b"), tags=("x",), day_order="day_first")
    assert Options.stored(options.as_json()) == options

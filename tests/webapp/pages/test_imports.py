"""The imports' pages: a file is understood, tried dry, let in, and what was refused can be fetched."""

import io

import pytest

from campaigns.customers import continue_imports, count_customers, find_customer, get_import
from campaigns.runtime import Runtime
from campaigns.suppression import suppressed_keys
from tests.webapp.conftest import Browser
from webapp.pages import imports

FILE = "Courriel;Prénom;Naissance;Note\nana@example.fr;Ana;03/04/1980;=x\nnobody;Nemo;;\nbob@example.fr;Bob;05/06;\n"


def send(client: Browser, data: bytes, kind: str = "customers", name: str = "people.csv") -> int:
    client.get("/imports/new")
    response = client.post("/imports/new", data={"kind": kind, "file": (io.BytesIO(data), name)})
    assert response.status_code == 303, response.text
    return int(response.location.rsplit("/", 1)[1])


def work(runtime: Runtime) -> int:
    return continue_imports(
        runtime.database, runtime.import_kinds, suppressed=suppressed_keys(), clock=runtime.clock
    )


MAPPED = {
    "column-0": "email",
    "column-1": "first_name",
    "column-2": "birthday",
    "source": "Fair",
    "legal_basis": "consent",
    "day_order": "day_first",
}


def test_a_file_goes_all_the_way(client: Browser, runtime: Runtime) -> None:
    assert "Nothing imported yet" in client.get("/imports").text
    number = send(client, FILE.encode("cp1252"))
    shown = client.get(f"/imports/{number}").text
    assert "Windows (CP1252)" in shown and "semicolon" in shown and "two ways" in shown
    assert 'value="email" selected' in shown and "Ana · Nemo · Bob" in shown
    response = client.post(f"/imports/{number}/check", data={**MAPPED, "source": "", "legal_basis": ""})
    assert response.status_code == 400 and "Choose the legal basis" in response.text
    assert client.post(f"/imports/{number}/check", data={**MAPPED, "tags": "fair, 2026"}).status_code == 303
    shown = client.get(f"/imports/{number}").text
    assert (
        "nothing has been written yet" in shown and "it has no @ sign" in shown and "Import 2 lines" in shown
    )
    with runtime.reading() as session:
        assert count_customers(session) == 0
    with client.get(f"/imports/{number}/rejected.csv") as response:
        assert "no @ sign" in response.text
    assert client.post(f"/imports/{number}/run").status_code == 303
    assert "next tick of the clock" in client.get(f"/imports/{number}/progress").text
    assert work(runtime) == 3
    assert client.get(f"/imports/{number}/progress").status_code == 204
    shown = client.get(f"/imports/{number}").text
    assert "Imported." in shown and "Fair" in shown
    with runtime.reading() as session:
        ana = find_customer(session, "ana@example.fr")
        assert ana.birth_month == 4 and ana.may_mail
    with client.get(f"/imports/{number}/rejected.csv") as response:
        assert response.mimetype == "text/csv" and response.headers["X-Content-Type-Options"] == "nosniff"
    assert "people.csv" in client.get("/imports").text
    assert client.post(f"/imports/{number}/run").status_code == 409


def test_a_large_file_is_tried_by_the_clock(
    client: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 10)
    number = send(client, FILE.encode())
    client.post(f"/imports/{number}/check", data=MAPPED)
    assert "Being tried" in client.get(f"/imports/{number}").text
    work(runtime)
    assert "Import 2 lines" in client.get(f"/imports/{number}").text


def test_a_marketer_may_know_better(client: Browser) -> None:
    number = send(client, b"a@x.fr|Ana\nb@x.fr|Bob\n")
    assert "without a line of names" in client.get(f"/imports/{number}").text
    told = {"encoding": "cp1252", "delimiter": "|", "has_header": "yes"}
    assert client.post(f"/imports/{number}/again", data=told).status_code == 303
    assert "its first line names the columns" in client.get(f"/imports/{number}").text
    assert client.post(f"/imports/{number}/again", data={**told, "encoding": "ebcdic"}).status_code == 400


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04abc", bytes(range(256)) * 9])
def test_what_is_no_list_is_refused(client: Browser, data: bytes) -> None:
    client.get("/imports/new")
    response = client.post("/imports/new", data={"kind": "customers", "file": (io.BytesIO(data), "x.csv")})
    assert response.status_code == 400
    assert "Nothing imported yet" in client.get("/imports").text
    assert client.post("/imports/new", data={"kind": "customers"}).status_code == 400
    assert client.post("/imports/new", data={"kind": "x", "file": (io.BytesIO(b"a"), "x")}).status_code == 400


def test_a_stopped_import_stays_stopped(client: Browser, runtime: Runtime) -> None:
    number = send(client, FILE.encode(), name="<script>.csv")
    client.post(f"/imports/{number}/check", data=MAPPED)
    client.post(f"/imports/{number}/run")
    assert client.post(f"/imports/{number}/stop").status_code == 303
    assert work(runtime) == 0
    shown = client.get(f"/imports/{number}").text
    assert "Stopped by hand" in shown and "&lt;script&gt;" in shown
    assert client.get(f"/imports/{number}/rejected.csv").status_code == 404
    with runtime.reading() as session:
        assert get_import(session, number).status == "stopped"


def test_purchases_have_their_own_questions(client: Browser) -> None:
    number = send(client, b"order,mail,date,total\n1,ana@example.fr,2026-01-02,12.50\n", kind="purchases")
    shown = client.get(f"/imports/{number}").text
    assert "Order number" in shown and "A row of the file is" in shown and "Currency" in shown

"""The register of suppressions on its page."""

from campaigns.suppression import suppress, suppressed_keys
from tests.conftest import NOW


def put(runtime, key="denis@shop.example", cause="hard_bounce", evidence="550 5.1.1 <b>no such user</b>"):
    with runtime.transaction() as session:
        suppress(session, key, cause, evidence=evidence, now=NOW, by="sender")


def keys(runtime):
    with runtime.reading() as session:
        return list(session.scalars(suppressed_keys()))


def test_the_register_shows_who_why_since_when(client, runtime):
    assert "Nobody stands here" in client.get("/suppressions").text
    put(runtime)
    text = client.get("/suppressions").text
    assert "denis@shop.example" in text
    assert "Address dead" in text
    assert "&lt;b&gt;no such user" in text


def test_it_is_searched_and_filtered(client, runtime):
    put(runtime)
    put(runtime, "bob@shop.example", "stale")
    assert "bob@" not in client.get("/suppressions?text=DENIS").text
    assert "denis@" not in client.get("/suppressions?cause=stale").text
    assert "Nobody stands here" in client.get("/suppressions?since=2026-11-24").text
    assert "bob@" in client.get("/suppressions?since=2026-11-23&until=2026-11-23").text
    assert client.get("/suppressions?since=yesterday&cause=whim&in_force=x&page=99").status_code == 200
    assert "Nobody stands here" in client.get("/suppressions?in_force=no").text


def test_an_address_is_entered_by_hand_with_a_reason(client, runtime):
    assert client.post("/suppressions", data={"address": "eve@shop.example"}).status_code == 400
    response = client.post("/suppressions", data={"address": "no address", "because": "x"})
    assert response.status_code == 400
    assert "invalid-feedback" in response.text
    client.post("/suppressions", data={"address": " Eve@Shop.example", "because": "Her lawyer wrote"})
    assert keys(runtime) == ["eve@shop.example"]
    assert (
        "by hand before"
        in client.post(
            "/suppressions", data={"address": "eve@shop.example", "because": "again"}, follow_redirects=True
        ).text
    )


def test_an_entry_is_lifted_with_a_reason(client, runtime):
    put(runtime)
    page = client.get("/suppressions/1")
    assert "Reinstate" in page.text
    assert client.post("/suppressions/1/lift", data={"because": " "}).status_code == 400
    assert client.post("/suppressions/1/lift", data={"because": "He rang"}).status_code == 303
    assert keys(runtime) == []
    text = client.get("/suppressions/1").text
    assert "He rang" in text
    assert "administrator@shop.example" in text
    assert client.post("/suppressions/1/lift", data={"because": "again"}).status_code == 409


def test_what_the_person_asked_for_offers_no_button(client, runtime):
    put(runtime, "chloe@shop.example", "unsubscribed")
    assert "Only they can take it back" in client.get("/suppressions/1").text
    assert client.post("/suppressions/1/lift", data={"because": "we miss her"}).status_code == 409


def test_an_auditor_may_look_and_not_touch(log_in, runtime):
    put(runtime)
    auditor = log_in("auditor")
    assert "denis@" in auditor.get("/suppressions").text
    assert auditor.post("/suppressions", data={"address": "a@b.example", "because": "x"}).status_code == 403
    assert auditor.post("/suppressions/1/lift", data={"because": "x"}).status_code == 403


def test_nothing_there_is_not_found(client):
    assert client.get("/suppressions/4711").status_code == 404

"""Who works here."""

from campaigns.staff import get_user
from tests.webapp.conftest import PASSWORD

NEW = {"email": "Eve@shop.example", "name": "Eve Adams", "role": "marketer", "password": PASSWORD}


def test_a_colleague_is_added_and_may_log_in(client, app):
    assert client.post("/staff", data=NEW).status_code == 303
    assert "Eve Adams" in client.get("/staff").text
    assert app.test_client().log_in("eve@shop.example").status_code == 303


def test_what_is_wrong_stands_at_its_field_and_the_rest_is_kept(client):
    response = client.post("/staff", data={**NEW, "password": "short"})
    assert response.status_code == 400
    assert "at least 10 characters" in response.text
    assert 'value="Eve@shop.example"' in response.text


def test_an_address_in_use_is_said(client):
    client.post("/staff", data=NEW)
    assert "already a user" in client.post("/staff", data=NEW).text


def test_a_role_is_changed(client, runtime):
    client.post("/staff", data=NEW)
    client.post("/staff/role", data={"email": "eve@shop.example", "role": "auditor"})
    with runtime.reading() as session:
        assert get_user(session, "eve@shop.example").role == "auditor"


def test_somebody_is_switched_off_and_on_again(client, app):
    client.post("/staff", data=NEW)
    client.post("/staff/switch", data={"email": "eve@shop.example", "to": "off"})
    assert app.test_client().log_in("eve@shop.example").status_code == 401
    client.post("/staff/switch", data={"email": "eve@shop.example", "to": "on"})
    assert app.test_client().log_in("eve@shop.example").status_code == 303


def test_the_last_administrator_cannot_be_switched_off(client):
    response = client.post("/staff/switch", data={"email": "administrator@shop.example", "to": "off"})
    assert response.status_code == 409
    assert "last administrator" in response.text


def test_an_auditor_sees_the_staff_and_no_button(log_in):
    page = log_in("auditor").get("/staff")
    assert page.status_code == 200
    assert "Switch off" not in page.text and "Add a colleague" not in page.text


def test_a_marketer_does_not_see_it(log_in):
    marketer = log_in("marketer")
    assert marketer.get("/staff").status_code == 403
    assert 'href="/staff"' not in marketer.get("/today").text

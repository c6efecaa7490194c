"""Logging in and out."""

from tests.webapp.conftest import PASSWORD


def test_before_there_is_a_user_it_names_the_command_that_makes_one(stranger):
    page = stranger.get("/login").text
    assert "liaison user add" in page
    assert "<form" not in page


def test_the_right_password_leads_to_today(client):
    assert client.get("/").location == "/today"
    assert client.get("/today").status_code == 200


def test_a_wrong_password_keeps_the_address_and_forgets_the_password(client, app):
    response = app.test_client().log_in("administrator@shop.example", "not this one")
    assert response.status_code == 401
    assert 'value="administrator@shop.example"' in response.text
    assert "not this one" not in response.text


def test_another_person_on_the_same_browser_gets_a_session_of_their_own(client, log_in):
    log_in("auditor")
    client.log_in("auditor@shop.example")
    assert "auditor@shop.example" in client.get("/account").text


def test_logging_out_asks_for_a_post(client):
    assert client.get("/login/out").status_code == 405
    assert client.post("/login/out").location == "/login"
    assert client.get("/today").status_code == 303


def test_the_password_stands_nowhere_in_the_database(client, sqlite):
    rows = [row for table in ("staff_user", "staff_login", "staff_try") for row in _rows(sqlite, table)]
    assert rows and PASSWORD not in str(rows)


def _rows(database, table):
    with database.engine.connect() as connection:
        return connection.exec_driver_sql(f"SELECT * FROM {table}").all()

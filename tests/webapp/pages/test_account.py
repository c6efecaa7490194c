"""One's own account."""

from tests.webapp.conftest import PASSWORD

NEW = "a better sentence still"


def change(client, **more):
    return client.post("/account/password", data={"present": PASSWORD, "password": NEW, "again": NEW, **more})


def test_it_says_who_one_is_and_where_one_is_logged_in(client):
    page = client.get("/account").text
    assert "administrator@shop.example" in page
    assert "Where you are logged in" in page


def test_a_new_password_logs_the_other_browsers_out_and_not_this_one(client, app):
    other = app.test_client()
    other.log_in("administrator@shop.example")
    assert change(client).status_code == 303
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 303
    assert app.test_client().log_in("administrator@shop.example", NEW).status_code == 303


def test_the_present_password_is_asked_for(client):
    response = change(client, present="wrong")
    assert response.status_code == 400
    assert "not your present password" in response.text


def test_two_different_new_ones_are_refused(client):
    assert "not the same" in change(client, again="another").text


def test_an_easy_one_is_refused_with_the_reason(client):
    assert "at least 10 characters" in change(client, password="short", again="short").text

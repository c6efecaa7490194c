"""Users, passwords, logins, and wrong passwords."""

from datetime import timedelta

import pytest

from campaigns.errors import Conflict, Forbidden, Invalid, NotFound
from campaigns.staff import (
    TooManyTries,
    add_user,
    authenticate,
    begin_login,
    change_password,
    change_role,
    end_login,
    get_user,
    list_users,
    logins,
    note_try,
    session_user,
    set_active,
)
from campaigns.staff.actions import _NOBODY, _hasher
from tests.conftest import NOW

PASSWORD = "correct horse battery"


@pytest.fixture
def session(database):
    with database.transaction() as session:
        yield session


@pytest.fixture
def ada(session):
    return add_user(session, email="Ada@Shop.example ", name="Ada", password=PASSWORD, now=NOW)


def enter(session, user, now=NOW):
    return begin_login(session, user, address="10.0.0.1", agent="Firefox", lasts=timedelta(hours=1), now=now)


def test_a_user_is_found_whatever_the_case_of_the_address(session, ada):
    assert get_user(session, "ADA@shop.EXAMPLE").id == ada.id
    assert ada.role == "administrator"


def test_the_password_is_stored_as_argon2id_only(session, ada):
    assert ada.password_hash.startswith("$argon2id$")
    assert PASSWORD not in ada.password_hash


def test_two_users_cannot_share_an_address(session, ada):
    with pytest.raises(Conflict):
        add_user(session, email="ada@shop.example", name="Other", password=PASSWORD, now=NOW)


@pytest.mark.parametrize("email", ["", "ada", "@", "a b@shop.example", "@shop"])
def test_an_address_that_is_none_is_refused(session, email):
    with pytest.raises(Invalid):
        add_user(session, email=email, name="Ada", password=PASSWORD, now=NOW)


def test_an_unknown_role_is_refused(session):
    with pytest.raises(Invalid):
        add_user(session, email="a@shop.example", name="A", password=PASSWORD, role="king", now=NOW)


def test_a_missing_user_is_said_plainly(session):
    with pytest.raises(NotFound, match="There is no user"):
        get_user(session, "nobody@shop.example")


def test_the_right_password_lets_in(session, ada):
    assert authenticate(session, "ada@shop.example", PASSWORD).id == ada.id


def test_wrong_unknown_and_switched_off_are_refused_in_the_same_words(session, ada):
    add_user(session, email="eve@shop.example", name="Eve", password=PASSWORD, now=NOW)
    set_active(session, ada, False)
    words = set()
    for email, password in [
        ("eve@shop.example", "wrong"),
        ("no@shop.example", PASSWORD),
        (ada.email, PASSWORD),
    ]:
        with pytest.raises(Forbidden) as error:
            authenticate(session, email, password)
        words.add(str(error.value))
    assert len(words) == 1


def test_an_unknown_address_costs_as_much_work_as_a_known_one():
    assert not _hasher.check_needs_rehash(_NOBODY)


def test_a_login_is_known_by_its_token_until_it_ends(session, ada):
    token = enter(session, ada)
    assert session_user(session, token, now=NOW).id == ada.id
    assert session_user(session, token, now=NOW + timedelta(hours=1)) is None
    assert session_user(session, token + "x", now=NOW) is None
    assert session_user(session, "", now=NOW) is None
    end_login(session, token)
    assert session_user(session, token, now=NOW) is None


def test_the_token_itself_is_not_stored(session, ada):
    token = enter(session, ada)
    assert token not in {row.token_hash for row in logins(session, ada.id, now=NOW)}


def test_a_new_password_ends_the_other_logins(session, ada):
    here, there = enter(session, ada), enter(session, ada)
    change_password(session, ada, "another good sentence", but=here)
    assert session_user(session, here, now=NOW)
    assert session_user(session, there, now=NOW) is None
    assert authenticate(session, ada.email, "another good sentence")


def test_switching_off_ends_all_logins(session, ada):
    eve = add_user(session, email="eve@shop.example", name="Eve", password=PASSWORD, now=NOW)
    token = enter(session, eve)
    set_active(session, eve, False)
    assert session_user(session, token, now=NOW) is None
    set_active(session, eve, True)
    assert session_user(session, token, now=NOW) is None


def test_the_last_administrator_stays(session, ada):
    with pytest.raises(Conflict):
        set_active(session, ada, False)
    with pytest.raises(Conflict):
        change_role(session, ada, "auditor")
    add_user(session, email="eve@shop.example", name="Eve", password=PASSWORD, now=NOW)
    change_role(session, ada, "auditor")
    assert [user.role for user in list_users(session)] == ["auditor", "administrator"]


def test_tries_are_counted_by_account_and_by_address(session):
    for at in range(3):
        note_try(session, email="ada@shop.example", address=f"10.0.0.{at}", limit=3, now=NOW)
    with pytest.raises(TooManyTries):
        note_try(session, email="ADA@shop.example", address="10.0.0.9", limit=3, now=NOW)
    for at in range(3):
        note_try(session, email=f"user{at}@shop.example", address="10.9.9.9", limit=3, now=NOW)
    with pytest.raises(TooManyTries):
        note_try(session, email="fresh@shop.example", address="10.9.9.9", limit=3, now=NOW)


def test_tries_are_forgotten_after_a_quarter_of_an_hour(session):
    for _ in range(2):
        note_try(session, email="ada@shop.example", address="10.0.0.1", limit=2, now=NOW)
    note_try(session, email="ada@shop.example", address="10.0.0.1", limit=2, now=NOW + timedelta(minutes=16))


def test_a_right_password_forgives_the_tries_before(session, ada):
    for _ in range(2):
        note_try(session, email=ada.email, address="10.0.0.1", limit=2, now=NOW)
    enter(session, ada)
    note_try(session, email=ada.email, address="10.0.0.1", limit=2, now=NOW)

"""Roles and rights, and what a password must be."""

import pytest

from campaigns.errors import Invalid
from campaigns.staff import RIGHTS, ROLES, check_password, may

PAGES = [*RIGHTS, "segments", "templates", "reports", "imports", "scores"]


@pytest.mark.parametrize("page", PAGES)
def test_an_auditor_reads_everything_and_changes_nothing(page):
    assert may("auditor", page, "read")
    assert not may("auditor", page, "write")


@pytest.mark.parametrize("page", PAGES)
def test_an_administrator_may_do_everything(page):
    assert may("administrator", page, "read") and may("administrator", page, "write")


@pytest.mark.parametrize("page", PAGES)
def test_who_may_change_a_page_may_read_it(page):
    assert all(may(role, page, "read") for role in ROLES if may(role, page, "write"))


def test_only_administrators_change_the_staff():
    assert [role for role in ROLES if may(role, "staff", "write")] == ["administrator"]


def test_support_sees_customers_but_no_campaigns():
    assert may("support", "customers", "write")
    assert not may("support", "newsletters", "read")
    assert not may("support", "imports", "write")


def test_an_unknown_role_may_nothing():
    assert not any(may("intern", page, act) for page in [*PAGES, "account"] for act in ("read", "write"))


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "aaaaaaaaaaaaaaaaa",
        "ada.martin@shop.example",
        "Ada.Martin",
        "Ada Margaret Martin",
        "x1" * 101,
    ],
)
def test_an_easy_password_is_refused_with_a_reason(password):
    with pytest.raises(Invalid) as error:
        check_password(password, email="ada.martin@shop.example", name="Ada Margaret Martin")
    assert error.value.faults["password"]


def test_a_sentence_is_a_good_password():
    check_password("the cat sat on my desk", email="ada@shop.example", name="Ada")

"""Signing up: one mail, a button, and only then a consent with its proof."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.clock import FrozenClock
from campaigns.config import Signup
from campaigns.customers import Consent, Customer, find_customer
from campaigns.errors import NotFound
from campaigns.mail.adapters import MemoryMailer
from campaigns.privacy import erase_customer
from campaigns.runtime import Runtime
from campaigns.signups import SignUp, forget_unconfirmed, send_confirmations
from campaigns.suppression import causes_in_force, suppress
from tests.campaigns.tracking.story import letter
from tests.conftest import NOW
from webapp.app import create_app

ASKED = {"email": "Zoé@Shop.example", "mail": "yes"}
GERMANY = {"REMOTE_ADDR": "192.0.2.77"}


@pytest.fixture
def here(runtime: Runtime) -> Runtime:
    config = runtime.config.model_copy(update={"signup": Signup(is_on=True)})
    return replace(runtime, config=config, mailer=MemoryMailer())


@pytest.fixture
def visitor(here: Runtime) -> FlaskClient:
    return create_app(here).test_client(use_cookies=False)


@pytest.fixture
def mailed(here: Runtime) -> Callable[[], list[str]]:
    """Sends what waits, and gives the paths of the links in all mails so far."""

    def links() -> list[str]:
        send_confirmations(here)
        assert isinstance(here.mailer, MemoryMailer)
        bodies = [
            message_from_bytes(each.content, policy=policy.default).get_body(("plain",)).get_content()  # type: ignore[union-attr]
            for each in here.mailer.outbox
        ]
        return [re.search(r"https?://[^/]+(/signup/\S+)", body)[1] for body in bodies]  # type: ignore[index]

    return links


def customers(here: Runtime) -> list[str]:
    with here.reading() as session:
        return list(session.scalars(select(Customer.email)))


def test_only_the_button_behind_the_mailed_link_agrees_and_keeps_its_proof(
    here: Runtime, visitor: FlaskClient, mailed: Callable[[], list[str]], clock: FrozenClock
) -> None:
    assert "Sign up" in visitor.get("/signup").text
    answer = visitor.post("/signup", data=ASKED, environ_base=GERMANY)
    assert (answer.status_code, "sent=1" in answer.location) == (303, True)
    assert "look into your mailbox" in visitor.get(answer.location).text
    assert "Set-Cookie" not in answer.headers
    (link,) = mailed()
    assert mailed() == [link]  # one mail, however often the job runs
    clock.advance(timedelta(hours=1))
    for method in ("get", "head", "get", "options"):
        assert getattr(visitor, method)(link).status_code == 200
    assert customers(here) == []
    assert visitor.post(link, environ_base=GERMANY).status_code == 303
    assert "You are signed up" in visitor.get(link).text
    visitor.post(link)
    with here.reading() as session:
        zoe = find_customer(session, "zoé@shop.example")
        assert (zoe.may_mail, zoe.may_track, zoe.language) == (True, False, "en")
        (consent,) = session.scalars(select(Consent)).all()
        assert (consent.act, consent.wording, consent.legal_basis) == ("form", "2026-11", "consent")
        assert "192.0.2.0/24" in consent.evidence and "192.0.2.77" not in consent.evidence
        assert NOW.isoformat() in consent.evidence


def test_measuring_is_a_consent_of_its_own(
    here: Runtime, visitor: FlaskClient, mailed: Callable[[], list[str]]
) -> None:
    visitor.post("/signup", data={**ASKED, "tracking": "yes"}, headers={"Accept-Language": "fr"})
    (link,) = mailed()
    assert "Pouvons-nous vous écrire" in visitor.get(link, headers={"Accept-Language": "fr"}).text
    visitor.post(link)
    with here.reading() as session:
        assert sorted(session.scalars(select(Consent.purpose))) == ["mail", "tracking"]
        assert find_customer(session, ASKED["email"]).language == "fr"


def test_nothing_tells_whether_an_address_is_known(here: Runtime, visitor: FlaskClient) -> None:
    letter(here, "alice")
    answers = [
        visitor.post("/signup", data={"email": email, "mail": "yes"})
        for email in ("alice@shop.example", "nobody@shop.example")
    ]
    assert len({(answer.status_code, answer.location, answer.data) for answer in answers}) == 1


def test_faults_are_told_and_floods_are_stopped(
    here: Runtime, visitor: FlaskClient, mailed: Callable[[], list[str]], clock: FrozenClock
) -> None:
    assert visitor.post("/signup", data={"email": "no address", "mail": "yes"}).status_code == 400
    assert visitor.post("/signup", data={"email": "a@shop.example"}).status_code == 400
    for _ in range(6):
        assert visitor.post("/signup", data=ASKED, environ_base=GERMANY).status_code == 303
    assert len(mailed()) == 3  # nobody's mailbox is filled by others
    for number in range(20):
        visitor.post(
            "/signup", data={"email": f"c{number}@shop.example", "mail": "yes"}, environ_base=GERMANY
        )
    assert visitor.post("/signup", data=ASKED, environ_base=GERMANY).status_code == 429
    assert (
        visitor.post("/signup", data=ASKED, environ_base={"REMOTE_ADDR": "198.51.100.1"}).status_code == 303
    )
    clock.advance(timedelta(minutes=61))
    assert visitor.post("/signup", data=ASKED, environ_base=GERMANY).status_code == 303


def test_a_token_is_signed_expires_and_the_unconfirmed_leave_no_trace(
    here: Runtime, visitor: FlaskClient, mailed: Callable[[], list[str]], clock: FrozenClock
) -> None:
    visitor.post("/signup", data=ASKED)
    (link,) = mailed()
    for bad in (link[:-1] + ("0" if link[-1] != "0" else "1"), "/signup/1", "/signup/2-0000", "/signup/x-y"):
        assert visitor.get(bad).status_code == 404
        assert visitor.post(bad).status_code == 404
    clock.advance(timedelta(days=8))
    assert visitor.post(link).status_code == 404
    with here.transaction() as session:
        assert forget_unconfirmed(session, now=clock.now(), days=7) == 1
        assert session.scalar(select(SignUp.id)) is None
    assert customers(here) == []


def test_who_left_or_was_erased_comes_back_only_so(
    here: Runtime, visitor: FlaskClient, mailed: Callable[[], list[str]]
) -> None:
    for name in ("alice", "bob"):
        letter(here, name)
    with here.transaction() as session:
        suppress(session, "alice@shop.example", "unsubscribed", evidence="", now=NOW, by="alice")
        suppress(session, "alice@shop.example", "by_hand", evidence="", now=NOW, by="eve")
        erase_customer(session, find_customer(session, "bob@shop.example").id, here.pepper, now=NOW, by="eve")
    for name in ("alice", "bob"):
        visitor.post("/signup", data={"email": f"{name}@shop.example", "mail": "yes"})
    for link in mailed():
        visitor.get(link)
    with here.reading() as session:
        assert "unsubscribed" in causes_in_force(session, "alice@shop.example")
        with pytest.raises(NotFound):
            find_customer(session, "bob@shop.example")
    for link in mailed():
        visitor.post(link)
    with here.reading() as session:
        assert causes_in_force(session, "alice@shop.example") == ["by_hand"]  # our own reason stays
        assert find_customer(session, "bob@shop.example").may_mail


def test_without_the_setting_there_is_no_such_page(runtime: Runtime) -> None:
    visitor = create_app(runtime).test_client()
    assert [visitor.get("/signup").status_code, visitor.post("/signup", data=ASKED).status_code] == [404, 404]

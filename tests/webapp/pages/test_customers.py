"""The customers' pages: found, shown whole, added, changed; consents and tags by hand."""

from collections.abc import Callable

import pytest

from campaigns.customers import (
    add_customer,
    add_tag,
    consents,
    declare_attribute,
    find_customer,
    get_customer,
    record_consent,
    tags_of,
)
from campaigns.purchases import LineFacts, record_purchase
from campaigns.runtime import Runtime
from campaigns.suppression import suppress
from tests.conftest import NOW
from tests.webapp.conftest import Browser


@pytest.fixture
def ana(runtime: Runtime) -> int:
    with runtime.transaction() as session:
        declare_attribute(session, label="Shoe size", kind="number")
        declare_attribute(session, label="Level", kind="choice", choices=["gold", "silver"])
        customer = add_customer(
            session,
            email="ana@example.fr",
            number="17",
            first_name="Ana",
            last_name="López <b>",
            birthday="--02-29",
            attributes={"shoe_size": 38},
            now=NOW,
        )
        record_consent(
            session,
            customer.id,
            purpose="mail",
            is_granted=True,
            act="form",
            source="shop.example/join",
            wording="2026-1",
            legal_basis="consent",
            now=NOW,
        )
        add_tag(session, customer.id, "vip")
        line = LineFacts("cup", 2, 500, name="Blue cup", category="Kitchen")
        record_purchase(
            session,
            number="A1",
            customer_id=customer.id,
            purchased_at=NOW,
            currency="EUR",
            lines=[line],
            refunded=500,
            now=NOW,
        )
        return customer.id


def test_nobody_yet_says_what_to_do(client: Browser) -> None:
    assert "Nobody yet" in client.get("/customers").text


def test_the_list_finds_and_filters(client: Browser, ana: int, runtime: Runtime) -> None:
    with runtime.transaction() as session:
        add_customer(session, email="bob@example.fr", now=NOW)
        suppress(session, "bob@example.fr", "by_hand", evidence="telephone", now=NOW, by="ada")
    shown = client.get("/customers").text
    assert "Ana López &lt;b&gt;" in shown and "bob@example.fr" in shown and "<b>López" not in shown
    for query in ("text=lópez", "text=ANA@example.fr", "text=17", "tag=vip", "consent=mail"):
        shown = client.get(f"/customers?{query}").text
        assert "ana@example.fr" in shown and "bob@example.fr" not in shown, query
    assert "Nobody is like that" in client.get("/customers?text=zz&page=9&consent=odd").text


def test_one_page_shows_the_whole_customer(client: Browser, ana: int) -> None:
    shown = client.get(f"/customers/{ana}").text
    for words in (
        "ana@example.fr",
        "29 February",
        "Shoe size",
        "38",
        "vip",
        "Blue cup",
        "Kitchen",
        "10.00",
        "5.00",
        "A1",
        "shop.example/join",
        "wording 2026-1",
    ):
        assert words in shown, words
    assert client.get(f"/customers/{ana}?kind=purchase&page=3").status_code == 200
    assert client.get("/customers/999").status_code == 404


def test_a_suppression_is_told_at_the_top(client: Browser, ana: int, runtime: Runtime) -> None:
    with runtime.transaction() as session:
        suppress(session, "ana@example.fr", "hard_bounce", evidence="550 5.1.1", now=NOW, by="")
    assert "Not written to since" in client.get(f"/customers/{ana}").text


def test_a_customer_is_added_and_faults_are_told_beside_their_fields(
    client: Browser, runtime: Runtime, ana: int
) -> None:
    client.get("/customers/new")
    bad = {"email": "nobody", "birthday": "31/02/2000", "attributes.shoe_size": "blue", "first_name": "Kept"}
    response = client.post("/customers/new", data=bad)
    assert response.status_code == 400 and "Kept" in response.text
    assert all(
        f'id="f-{name}-fault"' in response.text for name in ("email", "birthday", "attributes.shoe_size")
    )
    response = client.post("/customers/new", data={"email": "ANA@example.fr"})
    assert response.status_code == 400 and "already has the address" in response.text
    good = {
        "email": "eva@example.fr",
        "birthday": "29 February",
        "attributes.shoe_size": "38.5",
        "attributes.level": "gold",
    }
    response = client.post("/customers/new", data=good)
    assert response.status_code == 303
    with runtime.reading() as session:
        eva = find_customer(session, "eva@example.fr")
        assert eva.attributes == {"shoe_size": 38.5, "level": "gold"} and not eva.may_mail
        assert "administrator@shop.example" in eva.source


def test_a_customer_is_changed(client: Browser, ana: int, runtime: Runtime) -> None:
    shown = client.get(f"/customers/{ana}/edit").text
    assert 'value="29 February"' in shown and 'value="38"' in shown
    with runtime.reading() as session:
        before = get_customer(session, ana).email
    data = {
        "email": before,
        "first_name": "Anna",
        "birthday": "--02-29",
        "number": "17",
        "attributes.shoe_size": "",
    }
    assert client.post(f"/customers/{ana}/edit", data=data).status_code == 303
    with runtime.reading() as session:
        customer = get_customer(session, ana)
        assert (customer.first_name, customer.last_name, customer.attributes) == ("Anna", "", {})
        assert customer.may_mail, "a change of the facts is no change of the consent"
    assert client.post(f"/customers/{ana}/edit", data={"email": "x"}).status_code == 400


def test_tags_and_consents_by_hand(client: Browser, ana: int, runtime: Runtime) -> None:
    client.get(f"/customers/{ana}")
    client.post(f"/customers/{ana}/tags", data={"tag": "Fair 2026"})
    client.post(f"/customers/{ana}/tags", data={"remove": "vip"})
    told = {"purpose": "mail", "is_granted": "no", "evidence": "call of 23 Nov"}
    assert client.post(f"/customers/{ana}/consent", data=told).status_code == 303
    told = {"purpose": "tracking", "is_granted": "yes", "source": ""}
    assert client.post(f"/customers/{ana}/consent", data=told).status_code == 400
    with runtime.reading() as session:
        assert tags_of(session, [ana]) == {ana: ["fair 2026"]}
        assert not get_customer(session, ana).may_mail
        newest = consents(session, ana)[0]
        assert (
            newest.act == "staff"
            and newest.evidence == "call of 23 Nov (noted by administrator@shop.example)"
        )


def test_attributes_are_declared_and_extended(client: Browser, runtime: Runtime, ana: int) -> None:
    client.get("/customers/attributes")
    assert client.post("/customers/attributes", data={"label": "", "kind": "text"}).status_code == 400
    assert client.post("/customers/attributes", data={"label": "Level", "kind": "text"}).status_code == 400
    assert client.post("/customers/attributes", data={"label": "Cat", "kind": "text"}).status_code == 303
    assert "customer.attributes.cat" in client.get("/customers/attributes").text
    assert client.get("/customers/attributes/level").status_code == 200
    told = {"label": "Rank", "choices": "gold\nsilver\nbronze"}
    assert client.post("/customers/attributes/level", data=told).status_code == 303
    assert "bronze" in client.get("/customers/attributes").text


def test_the_list_goes_out_as_a_file_without_formulas(client: Browser, ana: int, runtime: Runtime) -> None:
    with runtime.transaction() as session:
        add_customer(session, email="bob@example.fr", first_name="=1+1", now=NOW)
    assert client.get("/customers/export").status_code == 200
    response = client.get("/customers/export.csv?column=email&column=first_name&column=tags&segment=")
    assert response.mimetype == "text/csv" and "attachment" in response.headers["Content-Disposition"]
    assert response.data.decode("utf-8-sig").splitlines() == [
        "E-mail address,First name,Tags",
        "ana@example.fr,Ana,vip",
        "bob@example.fr,'=1+1,",
    ]
    assert client.get("/customers/export.csv?column=password").status_code == 400


def test_who_may_only_read_finds_no_buttons(log_in: Callable[[str], Browser], ana: int) -> None:
    auditor = log_in("auditor")
    shown = auditor.get(f"/customers/{ana}").text
    assert "Note an act" not in shown and "Add a tag" not in shown
    assert auditor.post(f"/customers/{ana}/tags", data={"tag": "x"}).status_code == 403


def test_a_person_is_erased_by_a_button_and_cannot_be_entered_again(
    client: Browser, runtime: Runtime
) -> None:
    with runtime.transaction() as session:
        who = add_customer(session, email="forget@shop.example", now=runtime.clock.now()).id
    assert "Erase for good" in client.get(f"/customers/{who}").text
    assert "Erased." in client.post(f"/customers/{who}/erase", follow_redirects=True).text
    assert client.get(f"/customers/{who}").status_code == 404
    answer = client.post("/customers/new", data={"email": "Forget@Shop.example"})
    assert answer.status_code == 400 and "asked to be forgotten" in answer.text

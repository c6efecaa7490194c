"""Key accounts on their page, on the customer's page, on Today, and in a promotion that leaves."""

from datetime import timedelta

from sqlalchemy import select

from campaigns import scoring
from campaigns.customers import Customer
from campaigns.messages import Mailing, Message, enqueue
from campaigns.scoring import KeyAccount, refresh
from campaigns.staff import list_users
from tests.campaigns.scoring.shop import Shop
from tests.conftest import NOW


def made(runtime, days=200):
    with runtime.transaction() as session:
        shop = Shop(session, NOW)
        alice = shop.customer("alice")
        for nth in range(5):
            shop.bought(alice, days + 30 * nth, 90_000)
        refresh(session, now=NOW, config=runtime.config)
        return alice, list_users(session)[0].id


def form(alice, owner, **changes):
    return {
        "customer_id": alice,
        "reason": "reference",
        "because": "The <b>town</b> hall.",
        "owner_id": owner,
        **changes,
    }


def test_a_proposal_is_confirmed_with_a_reason_and_an_owner(client, runtime):
    alice, owner = made(runtime)
    text = client.get("/accounts").text
    assert "No key account yet" in text
    assert "alice@example.com" in text
    assert client.post("/accounts", data=form(alice, "", because="")).status_code == 400
    assert client.post("/accounts", data=form(alice, owner)).status_code == 303
    text = client.get("/accounts").text
    assert "The &lt;b&gt;town&lt;/b&gt; hall." in text
    assert "silent for 200 days" in text
    assert client.post("/accounts", data=form(alice, owner)).status_code == 409


def test_its_silence_stands_on_today_and_its_reason_on_the_customers_page(client, runtime):
    alice, owner = made(runtime)
    client.post("/accounts", data=form(alice, owner))
    assert "Key account alice@example.com is silent" in client.get("/today").text
    text = client.get(f"/customers/{alice}").text
    assert "town" in text
    assert "no promotions are sent" in text
    for words in (
        "Satisfied",
        "Confident",
        "Attached",
        "Engaged",
        "Cooperative",
        "Dissolution",
        "silent for 200 days",
    ):
        assert words in text, words


def test_a_promotion_is_held_until_the_owner_agrees(client, runtime):
    alice, owner = made(runtime)
    client.post("/accounts", data=form(alice, owner))
    with runtime.transaction() as session:
        account = session.scalars(select(KeyAccount)).one().id
        shop = Shop(session, NOW)
        mailings = []
        for kind in ("promotion", "advice", "promotion"):
            shop._mailing = None
            shop.now = NOW + timedelta(minutes=len(mailings))
            mailings.append(shop.mailing)
            session.get_one(Mailing, shop.mailing).type = kind
        everybody = select(Customer.id)
        for mailing in mailings[:2]:
            enqueue(session, mailing, everybody, now=NOW, policy=runtime.policy)
    data = {"owner_id": owner, "may_promote": "yes"}
    assert client.post(f"/accounts/{account}", data=data).status_code == 303
    with runtime.transaction() as session:
        enqueue(session, mailings[2], everybody, now=NOW, policy=runtime.policy)
        found = {row.mailing_id: (row.status, row.held_reason) for row in session.scalars(select(Message))}
    assert found == {
        mailings[0]: ("held", "key_account"),
        mailings[1]: ("queued", ""),
        mailings[2]: ("queued", ""),
    }


def test_it_ends_with_a_reason_and_is_kept(client, runtime):
    alice, owner = made(runtime)
    client.post("/accounts", data=form(alice, owner))
    with runtime.reading() as session:
        account = scoring.account_of(session, alice).id
    client.post(f"/accounts/{account}/end", data={"because": ""})
    with runtime.reading() as session:
        assert scoring.account_of(session, alice) is not None
    client.post(f"/accounts/{account}/end", data={"because": "Moved away."})
    with runtime.reading() as session:
        assert scoring.account_of(session, alice) is None
        assert session.scalars(select(KeyAccount)).one().ended_because == "Moved away."

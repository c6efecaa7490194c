"""One timeline of everything between a customer and us."""

from datetime import timedelta

from campaigns.clock import FrozenClock
from campaigns.customers.model import Consent
from campaigns.db import Database
from campaigns.purchases.model import Line, Product, Purchase
from campaigns.reports import timeline
from campaigns.scoring.model import Snapshot
from campaigns.suppression.model import Suppression
from tests.campaigns.reports import ledger


def test_it_tells_everything_newest_first_and_page_by_page(database: Database, clock: FrozenClock) -> None:
    now = clock.now()
    with database.transaction() as session:
        person = ledger.customer(session, 1, now - timedelta(days=400))
        other = ledger.customer(session, 2, now)
        session.add(
            Consent(
                customer_id=person.id,
                purpose="mail",
                is_granted=True,
                at=now - timedelta(days=399),
                act="import",
                source="till.csv",
            )
        )
        product = Product(number="P1", name="Comté", category="cheese")
        session.add(product)
        session.flush()
        order = Purchase(
            number="O1",
            customer_id=person.id,
            purchased_at=now - timedelta(days=300),
            amount=5000,
            refunded=1000,
            currency="EUR",
            created_at=now,
            updated_at=now,
        )
        session.add(order)
        session.flush()
        session.add(
            Line(purchase_id=order.id, product_id=product.id, quantity=1, unit_price=5000, amount=5000)
        )
        mailing = ledger.mailing(session, ledger.template(session, now), now)
        sent = ledger.message(session, mailing, person, "sent", now - timedelta(days=2))
        ledger.message(session, mailing, other, "sent", now)
        ledger.event(session, sent, "clicked", now - timedelta(days=1), "human", 0)
        session.add(
            Suppression(address_key=person.address_key, cause="stale", since=now, evidence="8 mails, no sign")
        )
        for days, name in ((200, "new"), (199, "new"), (100, "loyal")):
            on = (now - timedelta(days=days)).date().isoformat()
            session.add(Snapshot(customer_id=person.id, on=on, rfm_class=name))
        session.flush()
        page = timeline(session, person.id)
        kinds = [moment.kind for moment in page.rows]
        assert kinds == ["suppression", "event", "message", "score", "score", "purchase", "consent", "known"]
        assert page.total == len(page.rows) == 8
        assert page.rows[1].text == "First" and page.rows[1].mailing_id == mailing.id
        assert page.rows[3].title == "Class: Loyal" and "New" in page.rows[3].text
        assert page.rows[5].text == "Comté; 10.00 EUR given back"
        walked = [
            moment
            for number in range(1, 5)
            for moment in timeline(session, person.id, number=number, size=2).rows
        ]
        assert walked == list(page.rows)
        only = timeline(session, person.id, kinds=frozenset({"purchase"}))
        assert [moment.kind for moment in only.rows] == ["purchase"] and only.total == 1


def test_a_lifted_suppression_is_told_twice(sqlite: Database, clock: FrozenClock) -> None:
    now = clock.now()
    with sqlite.transaction() as session:
        person = ledger.customer(session, 1, now - timedelta(days=9))
        session.add(
            Suppression(
                address_key=person.address_key,
                cause="stale",
                since=now - timedelta(days=2),
                lifted_at=now,
                lifted_because="came to the shop",
            )
        )
        session.flush()
        page = timeline(session, person.id)
    assert [moment.title for moment in page.rows][:2] == [
        "Taken back (never answers)",
        "Suppressed: never answers",
    ]
    assert page.total == 3

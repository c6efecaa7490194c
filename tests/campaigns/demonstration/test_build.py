"""The demonstration shop: repeatable, believable, under reserved names only, with a past that adds up."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from campaigns import letters, newsletters, scoring
from campaigns.clock import FrozenClock
from campaigns.config import Config, Data, DatabaseSettings
from campaigns.customers import Consent, Customer
from campaigns.db import Database
from campaigns.db.tables import metadata
from campaigns.demonstration import build, load_purchases_file
from campaigns.demonstration.buying import buy
from campaigns.demonstration.people import invent
from campaigns.errors import Conflict, Invalid
from campaigns.messages import Message, count_undecided
from campaigns.purchases import Line, Purchase
from campaigns.runtime import Runtime, assemble
from campaigns.suppression import Suppression
from campaigns.tracking import Event

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A small one, built once."""
    folder = tmp_path_factory.mktemp("shop")
    config = Config(
        database=DatabaseSettings(url=f"sqlite:///{folder}/shop.db"), data=Data(folder=folder / "data")
    )
    runtime = assemble(config, clock=FrozenClock(NOW))
    metadata().create_all(runtime.database.engine)
    said: list[str] = []
    build(runtime, customers=300, now=NOW, progress=said.append)
    assert said[0] == "Inventing 300 customers and what they bought"
    yield runtime
    runtime.database.dispose()


@pytest.mark.postgres
def test_it_is_built_on_postgresql_too(postgres: Database, tmp_path: Path) -> None:
    url = postgres.engine.url.render_as_string(hide_password=False)
    config = Config(database=DatabaseSettings(url=url), data=Data(folder=tmp_path / "data"))
    build(assemble(config, clock=FrozenClock(NOW), database=postgres), customers=60, now=NOW)
    with postgres.reading() as session:
        assert sum(size.customers for size in scoring.class_sizes(session)) == 60


def test_the_same_seed_makes_the_same_shop_to_the_last_cent() -> None:
    def made(seed: int) -> list[tuple[object, ...]]:
        chance = np.random.default_rng(seed)
        orders = buy(chance, invent(chance, 200, NOW), NOW)
        return [(o.person.email, o.at, o.amount, o.refunded) for o in orders]

    assert made(7) == made(7)
    assert made(7) != made(8)


def test_every_address_is_under_a_name_reserved_for_examples() -> None:
    people = invent(np.random.default_rng(1), 2000, NOW)
    assert len({person.email for person in people}) == 2000
    for person in people:
        domain = person.email.partition("@")[2]
        assert domain.endswith(".example") or domain in ("example.com", "example.org", "example.net")
        assert person.email.isascii()
        assert person.email == person.email.lower()


def test_some_birthdays_lack_the_year_and_some_are_on_29_february() -> None:
    birthdays = [person.birthday for person in invent(np.random.default_rng(1), 5000, NOW)]
    assert sum(birthday is None for birthday in birthdays) > 500
    assert sum(birthday is not None and birthday[0] is None for birthday in birthdays) > 300
    assert sum(birthday is not None and birthday[1:] == (2, 29) for birthday in birthdays) >= 5


def test_the_shop_is_busier_before_christmas_than_in_july() -> None:
    chance = np.random.default_rng(1)
    months = [order.at.month for order in buy(chance, invent(chance, 3000, NOW), NOW)]
    assert months.count(12) > 1.5 * months.count(7)


def test_nothing_happens_in_the_future_and_everything_adds_up(shop: Runtime) -> None:
    with shop.reading() as session:
        for column in (Customer.created_at, Purchase.purchased_at, Message.sent_at, Event.at, Consent.at):
            assert session.scalar(select(func.max(column))) <= NOW
        purchases = dict(session.execute(select(Purchase.id, Purchase.amount)).all())
        by_lines = dict(
            session.execute(select(Line.purchase_id, func.sum(Line.amount)).group_by(Line.purchase_id)).all()
        )
        assert purchases == by_lines
        statuses = set(session.scalars(select(Message.status).distinct()))
        assert statuses <= {"sent", "held", "failed"}
        assert count_undecided(session) == 0


def test_nobody_is_written_to_without_consent_or_after_leaving(shop: Runtime) -> None:
    with shop.reading() as session:
        sent = select(Message.customer_id, Message.sent_at).where(Message.status == "sent")
        agreed = dict(
            session.execute(
                select(Consent.customer_id, Consent.at).where(Consent.purpose == "mail", Consent.is_granted)
            ).all()
        )
        keys = dict(session.execute(select(Customer.id, Customer.address_key)).all())
        left = dict(session.execute(select(Suppression.address_key, Suppression.since)).all())
        for customer, at in session.execute(sent):
            assert agreed[customer] <= at
            assert at <= left.get(keys[customer], at) + timedelta(seconds=5)


def test_life_shows_at_once(shop: Runtime) -> None:
    with shop.reading() as session:
        sizes = {size.rfm_class.name: size.customers for size in scoring.class_sizes(session)}
        assert sum(sizes.values()) == 300
        assert all(sizes[name] for name in ("champion", "loyal", "new", "one_time", "at_risk", "never"))
        assert len(scoring.snapshot_days(session)) > 6
        assert [row.status for row in session.scalars(newsletters.list_newsletters())].count("scheduled") == 1
        on = [letters.get_letter(session, letter) for letter in letters.switched_on(session)]
        assert {letter.occasion for letter in on} == {"birthday", "after_purchase"}
        soon = [
            letters.count_due_soon(session, letter, occasions=shop.occasions, zone=shop.config.zone, now=NOW)
            for letter in on
        ]
        assert all(soon)


def test_an_invented_crowd_is_never_mixed_into_a_real_one(shop: Runtime) -> None:
    with pytest.raises(Conflict, match="customers already"):
        build(shop, customers=10, now=NOW)


@pytest.fixture
def empty(sqlite: Database, tmp_path: Path) -> Runtime:
    url = sqlite.engine.url.render_as_string(hide_password=False)
    config = Config(database=DatabaseSettings(url=url), data=Data(folder=tmp_path / "data"))
    return assemble(config, clock=FrozenClock(NOW), database=sqlite)


def test_a_file_of_real_purchases_becomes_the_shop_moved_to_the_present(
    empty: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(
        "customer_id,date,quantity,amount\n7,1997-01-01,1,11.77\n7,1997-06-01,2,20.00\n9,1997-02-01,1,5\n"
    )
    assert load_purchases_file(empty, path, now=NOW) == 3
    with empty.reading() as session:
        assert session.scalar(select(func.max(Purchase.purchased_at))) > NOW - timedelta(days=1)
        assert session.scalar(select(func.sum(Purchase.amount))) == 3677
        assert set(session.scalars(select(Customer.number))) == {"7", "9"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "has neither the columns"),
        ("customer_id,date,quantity,amount\n1,1997-13-01,1,1\n", "Line 2 cannot be read"),
        ("customer_id,date,quantity,amount\n1,1997-01-01,1,money\n", "Line 2 cannot be read"),
        ("customer_id,date,quantity,amount\n", "holds no order"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_and_writes_nothing(
    empty: Runtime, tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(text)
    with pytest.raises(Invalid, match=words):
        load_purchases_file(empty, path, now=NOW)
    with empty.reading() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 0

"""The effect of a letter: counted from the ledger, with intervals as the literature gives them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from campaigns import journeys
from campaigns.customers import Customer
from campaigns.messages import Mailing, Message, enqueue, is_held_out, open_mailing
from campaigns.purchases import OrderFacts, bulk_record_purchases
from campaigns.reports import effect, effect_of_journey
from campaigns.reports.effect import Group, newcombe, student, welch
from campaigns.runtime import Runtime
from tests.campaigns.messages.conftest import add_customer
from tests.cast import bare_template
from tests.conftest import NOW

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("numbers", "low", "high"),
    [  # Newcombe 1998, table II, method 10
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((10, 10, 0, 20), 0.6791, 1.0),
    ],
)
def test_the_difference_of_shares_is_that_of_the_paper(
    numbers: tuple[int, int, int, int], low: float, high: float
) -> None:
    found = newcombe(*numbers)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@pytest.mark.parametrize(("freedom", "t"), [(10, 2.2281), (30, 2.0423), (120, 1.9799), (1e6, 1.95997)])
def test_students_quantile_is_that_of_the_tables(freedom: float, t: float) -> None:
    assert student(freedom) == pytest.approx(t, abs=2e-3)


def test_two_means_with_unequal_variances() -> None:
    one, other = Group(40, 20, 400.0, 40 * 100.0 + 39 * 4.0), Group(50, 20, 400.0, 50 * 64.0 + 49 * 9.0)
    found = welch(one, other)
    assert found.value == pytest.approx(2.0)
    error = (4 / 40 + 9 / 50) ** 0.5
    assert found.high - found.low == pytest.approx(2 * 1.987 * error, abs=0.01)
    assert found.is_shown


def _letter(runtime: Runtime, people: int, buys: Callable[[int, bool], bool]) -> None:
    """A letter to `people` two months ago; who then bought is told by `buys(customer, held out)`."""
    then = NOW - 60 * DAY
    with runtime.transaction() as session:
        ids = [add_customer(session, f"p{n}@shop.example", now=then) for n in range(people)]
        mailing = open_mailing(
            session,
            kind="letter",
            source_id=7,
            name="Win back",
            version_id=bare_template(session, now=then).version_id or 0,
            subject="Hello",
            sender_name="",
            sender_email="hello@shop.example",
            holdout=50,
            now=then,
        )
        enqueue(session, mailing.id, select(Customer.id), now=then)
        session.execute(update(Message).where(Message.status == "queued").values(status="sent", sent_at=then))
        orders = [
            OrderFacts(f"o{i}", i, then + 5 * DAY, "EUR", 2_000, (), None, "paid", "")
            for i in ids
            if buys(i, is_held_out(i, "letter:7", 50))
        ]
        late = [
            OrderFacts(f"late{i}", i, then + 45 * DAY, "EUR", 9_999, (), None, "paid", "") for i in ids[:50]
        ]
        bulk_record_purchases(session, orders + late, now=then)


def test_a_letter_that_works_shows_it(runtime: Runtime) -> None:
    _letter(runtime, 300, lambda i, is_out: i % (10 if is_out else 2) == 0)
    with runtime.reading() as session:
        found = effect(session, "letter", 7, currency="EUR", now=NOW)
        assert found is not None and found.is_measurable and found.waiting == 0
        assert found.treated.size + found.held_out.size == 300
        assert found.treated.spent == found.treated.buyers * 2_000, "later orders do not count"
        assert found.share.is_shown and found.share.low > 0.2
        assert found.revenue.is_shown and found.revenue.value > 0
        early = effect(session, "letter", 7, currency="EUR", now=NOW - 45 * DAY)
        assert early is not None and early.waiting == 300 and not early.is_measurable


def test_one_that_does_nothing_shows_nothing(runtime: Runtime) -> None:
    _letter(runtime, 300, lambda i, _is_out: i % 5 == 0)
    with runtime.reading() as session:
        found = effect(session, "letter", 7, currency="EUR", now=NOW)
        assert found is not None
        assert not found.share.is_shown and not found.revenue.is_shown
        assert effect(session, "letter", 8, currency="EUR", now=NOW) is None
        assert session.scalars(select(Mailing.holdout)).all() == [50]


def test_a_journey_is_measured_from_the_entry_of_each(runtime: Runtime) -> None:
    then = NOW - 60 * DAY
    with runtime.transaction() as session:
        ids = [add_customer(session, f"p{n}@shop.example", now=then) for n in range(100)]
        journey = journeys.create(session, name="Welcome", now=then, by=None)
        version = journeys.versions_of(session, journey.id)[0]
        session.add_all(
            journeys.Traveller(
                journey_id=journey.id,
                version_id=version.id,
                customer_id=who,
                entry_key="once",
                status="held_out" if place % 2 else "finished",
                entered_at=then,
                arrived_at=then,
            )
            for place, who in enumerate(ids)
        )
        bulk_record_purchases(
            session,
            [
                OrderFacts(f"o{who}", who, then + 5 * DAY, "EUR", 2_000, (), None, "paid", "")
                for who in ids[::2]
            ],
            now=then,
        )
        number = journey.id
    with runtime.reading() as session:
        found = effect_of_journey(session, number, currency="EUR", now=NOW)
        assert found is not None
        assert (found.treated.size, found.treated.buyers) == (50, 50)
        assert (found.held_out.size, found.held_out.buyers) == (50, 0)
        assert found.share.is_shown
        assert effect_of_journey(session, number + 1, currency="EUR", now=NOW) is None

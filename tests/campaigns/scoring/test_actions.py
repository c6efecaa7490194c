"""Scoring everybody, scoring those about whom something came in, keeping the history, retiring the stale."""

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import delete, func, select

from campaigns.clock import FrozenClock
from campaigns.config import Config, Scores, Stale
from campaigns.customers import Customer
from campaigns.db import Database
from campaigns.purchases import Purchase
from campaigns.scoring import (
    CategoryFigure,
    Score,
    Snapshot,
    Transition,
    doubtful,
    moved,
    movement,
    outlook,
    record_history,
    refresh,
    refresh_everybody,
    retire_stale,
    score_as_of,
    score_of,
    why_no_forecast,
)
from campaigns.suppression import causes_in_force, lift_cause, of_address
from tests.campaigns.scoring.shop import Shop

RULE = Stale(mails=3, days=180, spare_buyer_days=365)


@pytest.fixture
def config() -> Config:
    return Config()


def test_the_figures_are_those_counted_by_hand(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    now = clock.now()
    with database.transaction() as session:
        shop = Shop(session, now)
        alice = shop.customer("alice")
        shop.bought(alice, 400, 5000)
        shop.bought(alice, 100, 3000, refunded=1000)
        shop.bought(alice, 10.5, 2000)
        shop.bought(alice, 5, 9900, status="refunded", refunded="9900")  # type: ignore[arg-type]
        shop.bought(alice, 4, 9900, status="cancelled")
        shop.bought(alice, 3, 9900, currency="USD")
        assert refresh(session, now=now, config=config) == 1
        score = score_of(session, alice)
        assert score is not None
        assert (score.orders, score.orders_12m) == (3, 2)
        assert (score.spent, score.spent_12m, score.basket) == (9000, 4000, 3000)
        assert score.first_purchase_at == shop.ago(400)
        assert score.last_purchase_at == score.last_seen_at == shop.ago(10.5)
        assert score.as_of == now


def test_a_human_click_raises_the_engagement_by_the_next_run(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    with database.transaction() as session:
        alice = Shop(session, clock.now()).customer("alice")
        refresh(session, now=clock.now(), config=config)
        assert score_of(session, alice).engagement == 0  # type: ignore[union-attr]
    now = clock.advance(timedelta(minutes=1))
    with database.transaction() as session:
        Shop(session, now).hit(alice, 0)
    with database.transaction() as session:
        assert refresh(session, now=now, config=config) == 1
        score = score_of(session, alice)
        assert score is not None
        assert score.engagement == pytest.approx(1.0)
        assert score.last_click_at == score.last_seen_at == now
        assert (score.mails_sent, score.mails_since_sign) == (1, 0)


def test_machines_raise_nothing_and_a_proxy_little(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        bob, chloe, denis = (shop.customer(name) for name in ("bob", "chloe", "denis"))
        shop.hit(bob, 0, judgement="machine")
        shop.hit(bob, 0, judgement="suspect")
        shop.hit(bob, 0, "opened", "machine")
        shop.hit(chloe, 0, "opened", "proxied")
        shop.hit(denis, 0, "replied", "")
        shop.hit(denis, 90, "opened")
        refresh(session, now=clock.now(), config=config)
        found = {each.customer_id: each.engagement for each in session.scalars(select(Score))}
        assert found == {
            bob: 0,
            chloe: pytest.approx(config.scores.proxied_open_weight),
            denis: pytest.approx(2 + config.scores.open_weight / 2),
        }
        silent = score_of(session, bob)
        assert silent is not None
        assert (silent.last_seen_at, silent.mails_since_sign) == (None, 3)


def test_the_same_link_followed_again_counts_once(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice = shop.customer("alice")
        message = shop.mailed(alice, 91)
        for days in (90, 45, 0):
            shop.hit(alice, days, message=message)
        refresh(session, now=clock.now(), config=config)
        assert score_of(session, alice).engagement == pytest.approx(1.0)  # type: ignore[union-attr]


def test_only_who_changed_is_scored_again(database: Database, clock: FrozenClock, config: Config) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        customers = [shop.customer(f"c{i}") for i in range(10)]
        for place, customer in enumerate(customers):
            shop.bought(customer, 10 * place + 1, 1000 * (place + 1))
        assert refresh(session, now=clock.now(), config=config) == 10
    now = clock.advance(timedelta(days=1))
    with database.transaction() as session:
        shop = Shop(session, now)
        shop.bought(customers[9], 0, 50_000)
        shop.customer("new", days=0)
    with database.transaction() as session:
        assert refresh(session, now=now, config=config) == 2
        changed = score_of(session, customers[9])
        assert changed is not None
        assert (changed.orders, changed.r, changed.f, changed.m) == (2, 5, 5, 5)
        assert score_of(session, customers[0]).as_of < now  # type: ignore[union-attr]
        # What was written shortly before the mark is looked at once more, and then no more.
        assert refresh(session, now=clock.advance(timedelta(hours=1)), config=config) == 1
        assert refresh(session, now=clock.advance(timedelta(hours=1)), config=config) == 0


def test_a_refund_is_taken_off_by_the_next_run(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice = shop.customer("alice")
        purchase = shop.bought(alice, 50, 4000)
        refresh(session, now=clock.now(), config=config)
    now = clock.advance(timedelta(days=2))
    with database.transaction() as session:
        row = session.get_one(Purchase, purchase)
        row.refunded, row.updated_at = 1500, now
    with database.transaction() as session:
        assert refresh(session, now=now, config=config) == 1
        assert score_of(session, alice).spent == 2500  # type: ignore[union-attr]


def test_many_short_transactions_give_what_one_gives(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    def state() -> list[tuple[object, ...]]:
        with database.reading() as session:
            columns = [c for c in Score.__table__.columns if c.name != "as_of"]
            return [tuple(row) for row in session.execute(select(*columns).order_by(Score.customer_id))]

    with database.transaction() as session:
        shop = Shop(session, clock.now())
        for place in range(30):
            customer = shop.customer(f"c{place}")
            for nth in range(place % 4):
                shop.line(shop.bought(customer, 7 * place + 31 * nth, 100 * place), "Tea", 100 * place)
        refresh(session, now=clock.now(), config=config)
    one = state()
    seen: list[tuple[int, int]] = []
    scored = refresh_everybody(
        database, now=clock.now(), config=config, progress=lambda done, of: seen.append((done, of))
    )
    assert (scored, seen) == (30, [(30, 30)])
    assert state() == one


def test_a_longer_run_does_not_overwrite_what_a_later_one_found(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice = shop.customer("alice")
        shop.bought(alice, 1)
        later = clock.now() + timedelta(minutes=5)
        refresh(session, now=later, config=config)
        assert refresh(session, now=clock.now(), config=config, full=True) == 1
        session.expire_all()
        assert score_of(session, alice).as_of == later  # type: ignore[union-attr]


def test_who_is_erased_does_not_come_back(database: Database, clock: FrozenClock, config: Config) -> None:
    with database.transaction() as session:
        alice = Shop(session, clock.now()).customer("alice")
        refresh(session, now=clock.now(), config=config)
        session.execute(delete(Customer).where(Customer.id == alice))
        session.expire_all()
        assert score_of(session, alice) is None
        refresh(session, now=clock.now(), config=config)
        assert score_of(session, alice) is None


def test_purchases_and_clicks_are_counted_by_category(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice = shop.customer("alice")
        first, second = shop.bought(alice, 30), shop.bought(alice, 20)
        shop.line(first, "Tea", 700)
        shop.line(first, "Tea", 300)
        shop.line(second, "Tea", -200)
        shop.line(second, "Cups", 900)
        shop.line(second, "", 100)
        shop.line(shop.bought(alice, 40, 1000, refunded=250), "Tins", 1000)
        shop.hit(alice, 5)
        shop.hit(alice, 4, judgement="machine")
        for _ in range(2):  # a second run must not count anything twice
            refresh(session, now=clock.now(), config=config, full=True)
        rows = session.scalars(select(CategoryFigure).order_by(CategoryFigure.category)).all()
        assert [(row.category, row.orders, row.spent, row.clicks) for row in rows] == [
            ("Cups", 1, 900, 0),
            ("Tea", 2, 800, 1),
            ("Tins", 1, 750, 0),
        ]
        assert rows[1].last_purchase_at == shop.ago(20)
        assert rows[1].last_click_at == shop.ago(5)


def test_as_of_a_past_date_gives_what_was_stored_then(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    past = clock.now()
    with database.transaction() as session:
        shop = Shop(session, past)
        for place in range(12):
            customer = shop.customer(f"c{place}")
            for nth in range(place % 3):
                shop.bought(customer, 9 * place + 40 * nth + 1, 500 * place + 100)
        refresh(session, now=past, config=config)
        stored = {
            row.customer_id: (row.r, row.f, row.m, row.rfm_class, row.spent)
            for row in session.scalars(select(Snapshot))
        }
    now = clock.advance(timedelta(days=60))
    with database.transaction() as session:
        shop = Shop(session, now)
        for customer in list(stored)[:5]:
            shop.bought(customer, 1, 7777)
        shop.customer("late", days=1)
        refresh(session, now=now, config=config, full=True)
    with database.reading() as session:
        again = score_as_of(session, now=past, config=config)
        assert stored == {
            int(again.facts.ids[i]): (
                int(again.r[i]) or None,
                int(again.f[i]) or None,
                int(again.m[i]) or None,
                again.class_name(i),
                int(again.facts.spent[i]),
            )
            for i in range(len(again))
        }
        newest = session.scalar(select(func.max(Score.as_of)))
        assert newest == now  # the present was not touched


def test_a_day_on_which_nothing_moved_adds_no_row(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice, bob = shop.customer("alice"), shop.customer("bob")
        shop.bought(alice, 400)
        refresh(session, now=clock.now(), config=config)
        shop.bought(bob, 0)
        for days in (1, 2, 3):
            refresh(session, now=clock.now() + timedelta(days=days), config=config, full=True)
        days = session.scalars(
            select(Snapshot.on).where(Snapshot.customer_id == bob).order_by(Snapshot.on)
        ).all()
        assert days == ["2026-11-23", "2026-11-24"]
        assert movement(session, "2026-11-23", "2026-11-26") == {
            ("never", "new"): 1,
            ("one_time", "one_time"): 1,
        }
        assert session.scalars(moved("2026-11-23", "2026-11-26", "never", "new")).all() == [bob]


def test_a_shop_that_arrives_with_a_past_gets_its_history(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice = shop.customer("alice", days=0)
        shop.bought(alice, 100)
        moments = [shop.ago(days) for days in (150, 99, 5)]
        assert record_history(session, moments, config=config) == 2
        rows = session.scalars(select(Snapshot).order_by(Snapshot.on)).all()
        assert [(row.on, row.rfm_class) for row in rows] == [
            (shop.ago(99).date().isoformat(), "new"),
            (shop.ago(5).date().isoformat(), "one_time"),
        ]


def test_where_nothing_has_moved_yet_the_past_is_retold_in_dated_transitions(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice = shop.customer("alice", days=200)
        for days in (100, 60, 20):
            shop.bought(alice, days)
        refresh(session, now=clock.now(), config=config)
        moments = [shop.ago(days) for days in (150, 99, 30)]
        record_history(session, moments, config=config)
        told = select(Transition).where(Transition.kind == "phase").order_by(Transition.at)
        rows = session.scalars(told).all()
        assert [(row.source, row.target, row.at) for row in rows] == [
            ("", "awareness", shop.ago(150)),
            ("awareness", "exploration", shop.ago(99)),
            ("exploration", "expansion", clock.now()),
        ]
        assert [row.until for row in rows] == [shop.ago(99), clock.now(), None]
        record_history(session, moments, config=config)
        assert len(session.scalars(told).all()) == 3


def test_fixed_limits_of_the_settings_are_obeyed(database: Database, clock: FrozenClock) -> None:
    config = Config(
        scores=Scores(r_limits=[30, 60, 120, 365], f_limits=[0, 1, 2, 4], m_limits=[10, 20, 50, 100])
    )
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice = shop.customer("alice")
        shop.bought(alice, 61, 1000)
        shop.bought(alice, 200, 4001)
        refresh(session, now=clock.now(), config=config)
        score = score_of(session, alice)
        assert score is not None
        assert (score.r, score.f, score.m) == (3, 3, 4)


def test_the_stale_are_suppressed_with_their_evidence(database: Database, clock: FrozenClock) -> None:
    now = clock.now()
    with database.transaction() as session:
        shop = Shop(session, now)
        bob, alice = shop.customer("bob"), shop.customer("alice")
        shop.bought(bob, 700)
        for days in (20, 50, 80):
            shop.mailed(bob, days)
            shop.mailed(alice, days)
        shop.hit(alice, 30)
        assert retire_stale(session, RULE, now=now, by="test") == 1
        assert retire_stale(session, RULE, now=now, by="test") == 0
        assert causes_in_force(session, "bob@example.com") == ["stale"]
        suppression = session.scalars(of_address("bob@example.com")).one()
        assert "Written to 3 times in 180 days" in suppression.evidence
        assert not causes_in_force(session, "alice@example.com")
        lift_cause(session, "bob@example.com", "stale", because="He called.", by="eve", now=now)
        assert retire_stale(session, RULE, now=now + timedelta(days=1), by="test") == 0


def test_only_those_a_person_confirmed_are_retired(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        bob, chloe = shop.customer("bob"), shop.customer("chloe")
        for days in (20, 50, 80):
            shop.mailed(bob, days)
            shop.mailed(chloe, days)
        assert retire_stale(session, RULE, now=clock.now(), only=[chloe]) == 1
        assert not causes_in_force(session, "bob@example.com")


def test_with_enough_buyers_every_one_gets_a_forecast_and_a_changed_one_gets_it_anew(
    sqlite: Database, clock: FrozenClock, config: Config
) -> None:
    now = clock.now()
    with sqlite.transaction() as session:
        shop = Shop(session, now)
        customers = [shop.customer(f"c{place}") for place in range(520)]
        chance = Random(4)
        for customer in customers:
            days, rate, leaves = (
                400 * chance.random(),
                chance.gammavariate(1, 1 / 40),
                chance.betavariate(1, 3),
            )
            while days > 0:
                shop.bought(customer, days, 1000 + chance.randrange(4000))
                days = -1 if chance.random() < leaves else days - chance.expovariate(rate)
        never = shop.customer("never")
        refresh(session, now=now, config=config)
        assert score_of(session, never).expected_orders is None  # type: ignore[union-attr]
        once = session.scalars(select(Score).where(Score.orders == 1)).first()
        assert once is not None
        assert once.p_alive is None
        assert once.expected_orders is not None
        again = session.scalars(
            select(Score).where(Score.orders > 1, Score.last_purchase_at < shop.ago(30))
        ).first()
        assert again is not None
        assert again.p_alive is not None
        assert 0 < again.p_alive < 1
        who, before = again.customer_id, again.expected_orders
        ahead = outlook(session)
        assert ahead is not None
        assert ahead.spent is not None and ahead.spent > 0
        assert len(session.scalars(doubtful()).all()) == ahead.doubtful
    with sqlite.transaction() as session:
        later = Shop(session, now + timedelta(days=3))
        for days in (0.1, 1.1, 2.1):
            later.bought(who, days, 1500)
        refresh(session, now=now + timedelta(days=3), config=config)
        session.expire_all()
        assert score_of(session, who).expected_orders > before  # type: ignore[union-attr, operator]


def test_a_small_shop_is_told_what_a_forecast_lacks(
    database: Database, clock: FrozenClock, config: Config
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        shop.bought(shop.customer("alice"), 100)
        refresh(session, now=clock.now(), config=config)
        assert outlook(session) is None
        assert why_no_forecast(session, clock.now()) == "A forecast needs 500 buyers; there are 1."

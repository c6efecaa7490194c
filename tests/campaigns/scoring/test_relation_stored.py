"""What is stored of relations: dated transitions, one open phase each, the past again, types of purchase, accounts."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.clock import FrozenClock
from campaigns.config import Config, Scores
from campaigns.customers import Consent, Customer
from campaigns.db import Database
from campaigns.errors import Conflict, Invalid
from campaigns.messages import Mailing
from campaigns.runtime import Runtime
from campaigns.scoring import (
    CategoryFigure,
    Score,
    Snapshot,
    Transition,
    account_of,
    balance_of,
    balance_of_mailing,
    card,
    category_grid,
    change_account,
    confirm_account,
    cost_of_losing,
    end_account,
    in_category_cell,
    lost_because,
    lost_between,
    lost_by_cause,
    phase_flow,
    phase_sizes,
    portfolio_value,
    propose,
    quiet_accounts,
    refresh,
    refresh_everybody,
    score_as_of,
    score_of,
    spared_promotions,
    transitions,
    value_back_test,
    value_by_source,
)
from campaigns.scoring.states import packed_state, unpacked
from campaigns.signals import record
from campaigns.staff import add_user
from campaigns.suppression import suppress
from tests.campaigns.scoring.shop import Shop

CONFIG = Config()
_keys = count(1)


def tell(session: Session, who: int, kind: str, at: datetime, **data: Any) -> None:
    record(session, who, kind=kind, key=f"k{next(_keys)}", at=at, data=data)


def regular(shop: Shop, name: str, *, every: int = 40, orders: int = 6, last: float = 5) -> int:
    who = shop.customer(name)
    for nth in range(orders):
        shop.bought(who, last + every * nth, 2000)
    return who


def test_a_phase_is_noted_when_it_begins_and_the_one_before_is_closed(
    database: Database, clock: FrozenClock
) -> None:
    start = clock.now()
    with database.transaction() as session:
        shop = Shop(session, start)
        alice = shop.customer("alice")
        refresh(session, now=start, config=CONFIG)
    for days in (10, 11, 12):
        now = start + timedelta(days=days)
        with database.transaction() as session:
            Shop(session, now).bought(alice, 0)
        with database.transaction() as session:
            refresh(session, now=now, config=CONFIG)
    much_later = start + timedelta(days=400)
    with database.transaction() as session:
        refresh(session, now=much_later, config=CONFIG, full=True)
    with database.reading() as session:
        rows = session.scalars(
            select(Transition).where(Transition.kind == "phase").order_by(Transition.id)
        ).all()
        assert [(row.source, row.target, (row.at - start).days) for row in rows] == [
            ("", "awareness", 0),
            ("awareness", "exploration", 10),
            ("exploration", "expansion", 12),
            ("expansion", "dissolution", 400),
        ]
        assert [row.until for row in rows] == [*(row.at for row in rows[1:]), None]
        assert rows[-1].how == "silent"
        assert session.execute(transitions("risk")).all()[-1].target == "lost"
        assert phase_flow(session, start, much_later) == {
            ("awareness", "exploration"): 1,
            ("exploration", "expansion"): 1,
        }
        assert phase_sizes(session)["dissolution"] == 1


def test_two_open_phases_are_refused_by_the_database(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        alice = Shop(session, clock.now()).customer("alice")
        refresh(session, now=clock.now(), config=CONFIG)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(Transition(customer_id=alice, kind="phase", target="expansion", at=clock.now()))


def test_whatever_happens_everybody_has_exactly_one_open_phase(sqlite: Database, clock: FrozenClock) -> None:
    chance, start = Random(8), clock.now()
    with sqlite.transaction() as session:
        people = [Shop(session, start).customer(f"c{n}") for n in range(12)]
    for step in range(1, 15):
        now = start + timedelta(days=37 * step)
        with sqlite.transaction() as session:
            shop = Shop(session, now)
            for who in people:
                match chance.randrange(7):
                    case 0 | 1:
                        shop.bought(who, 0.1)
                    case 2:
                        shop.hit(who, 0.1)
                    case 3:
                        tell(session, who, "complaint_opened", now - timedelta(hours=1))
                    case 4:
                        session.add(
                            Consent(customer_id=who, purpose="mail", is_granted=False, at=now, act="form")
                        )
        with sqlite.transaction() as session:
            refresh(session, now=now, config=CONFIG, full=step % 3 == 0)
        with sqlite.reading() as session:
            open_phases = session.execute(
                select(Transition.customer_id, func.count(), func.max(Transition.target))
                .where(Transition.kind == "phase", Transition.until.is_(None))
                .group_by(Transition.customer_id)
            ).all()
            assert [count for _, count, _ in open_phases] == [1] * len(people)
            stored = dict(session.execute(select(Score.customer_id, Score.phase)).all())
            assert {who: target for who, _, target in open_phases} == stored


def world(session: Session, now: datetime, seed: int) -> list[int]:
    """Some customers with everything that a rule looks at, drawn by chance and written in an order drawn by chance."""
    shop, chance = Shop(session, now), Random(seed)
    return [_person(shop, session, now, chance, n) for n in range(25)]


def _person(shop: Shop, session: Session, now: datetime, chance: Random, n: int) -> int:
    who = shop.customer(f"w{n}")
    for _ in range(chance.randrange(7)):
        order = shop.bought(who, chance.randrange(1, 800), chance.randrange(500, 9000))
        shop.line(order, chance.choice(["Tea", "Cups", "Gifts"]), 500)
    for _ in range(chance.randrange(4)):
        shop.hit(who, chance.randrange(1, 300), chance.choice(["clicked", "opened", "replied"]))
    for kind in ("survey_answered", "complaint_opened", "service_problem_reported"):
        if chance.random() < 0.3:
            tell(
                session, who, kind, now - timedelta(days=chance.randrange(1, 200)), score=chance.randrange(11)
            )
    if chance.random() < 0.2:
        suppress(
            session,
            f"w{n}@example.com",
            "unsubscribed",
            now=now - timedelta(days=30),
            by="x",
            evidence="a page",
        )
    return who


def test_the_past_computed_today_is_what_was_stored_then(database: Database, clock: FrozenClock) -> None:
    past = clock.now()
    with database.transaction() as session:
        people = world(session, past, 3)
        refresh(session, now=past, config=CONFIG)
        stored = {
            row.customer_id: (
                row.r,
                row.f,
                row.m,
                row.t,
                row.rfm_class,
                row.phase,
                row.risk,
                row.loyalty,
                row.value,
            )
            for row in session.scalars(select(Snapshot))
        }
        assert len({row[5] for row in stored.values()}) >= 3
    now = past + timedelta(days=90)
    with database.transaction() as session:
        shop = Shop(session, now)
        for who in people[::2]:
            shop.line(shop.bought(who, 3, 7000), "Lamps", 7000)
            shop.hit(who, 2)
            tell(session, who, "complaint_opened", now - timedelta(days=1))
        refresh(session, now=now, config=CONFIG, full=True)
    with database.reading() as session:
        again = score_as_of(session, now=past, config=CONFIG)
        rows = session.scalars(select(Snapshot).where(Snapshot.on == past.date().isoformat()))
        for row in rows:
            place = again.facts.ids.tolist().index(row.customer_id)
            state = packed_state(again)[place : place + 1]
            assert int(unpacked(state, "phases")[0]) == [
                "awareness",
                "exploration",
                "expansion",
                "commitment",
                "dissolution",
            ].index(row.phase)
            assert stored[row.customer_id][:4] == tuple(
                int(getattr(again, name)[place]) or None for name in "rfmt"
            )
            assert again.class_name(place) == row.rfm_class
            assert ["unknown", "solid", "inertia", "retention"][again.types[place]] == row.loyalty
            assert ["", "steady", "at_risk", "lost"][again.risks[place]] == row.risk


def test_the_order_in_which_rows_came_changes_nothing(database: Database, clock: FrozenClock) -> None:
    now = clock.now()

    def state(session: Session) -> Iterator[tuple[Any, ...]]:
        columns = [c for c in Score.__table__.columns if c.name not in ("customer_id", "as_of")]
        rows = session.execute(select(Customer.email, *columns).join(Score, Score.customer_id == Customer.id))
        return iter(sorted(tuple(row) for row in rows))

    with database.transaction() as session:
        shop = Shop(session, now)
        acts = [(f"p{n}", days, 100 * n + days) for n in range(6) for days in (9, 60, 130, 200)]
        first: dict[str, int] = {}
        for name, days, amount in acts:
            first[name] = first.get(name) or shop.customer(name)
            shop.line(shop.bought(first[name], days, amount), "Tea" if days % 2 else "Cups", amount)
        refresh(session, now=now, config=CONFIG)
        one = list(state(session))
    with database.transaction() as session:
        session.execute(text("DELETE FROM purchase_line"))
        session.execute(text("DELETE FROM purchase"))
        session.execute(text("DELETE FROM score"))
        session.execute(text("DELETE FROM score_transition"))
        shop = Shop(session, now + timedelta(seconds=1))
        shop.now, shop._numbers = now, count(1000)
        Random(2).shuffle(acts)
        for name, days, amount in acts:
            shop.line(
                shop.bought(first[name], days, amount, channel="x"), "Tea" if days % 2 else "Cups", amount
            )
        refresh(session, now=now, config=CONFIG, full=True)
        session.expire_all()
        assert list(state(session)) == one


def test_the_type_of_purchase_weighs_each_category_bought_once(
    database: Database, clock: FrozenClock
) -> None:
    config = Config(
        scores=Scores(
            category_weights={"Gifts": 3.0, "Cups": 0.5}, t_limits=[1, 1.5, 3, 4], frat_weights=[1, 1, 1, 2]
        )
    )
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice, bob, chloe = (shop.customer(name) for name in ("alice", "bob", "chloe"))
        for category in ("Tea", "Tea", "Gifts"):
            shop.line(shop.bought(alice, 10), category, 1000)
        shop.line(shop.bought(bob, 20), "Cups", 1000)
        shop.line(shop.bought(bob, 20, 500), "Tea", -100)  # given back: not bought
        refresh(session, now=clock.now(), config=config)
        a, b, c = (score_of(session, who) for who in (alice, bob, chloe))
        assert a and b and c
        assert (a.t, a.categories, b.t, b.categories, c.t, c.frat) == (4, 2, 1, 1, None, None)
        # weights 1, 1, 1, 2: f, r, m and twice t, of five
        assert a.f and a.r and a.m
        assert a.frat == int(20 * (a.f + a.r + a.m + 2 * 4) / 5 + 0.5)
        grid = category_grid(session)
        assert {name: sum(cell.customers for cell in cells) for name, cells in grid.items()} == {
            "Tea": 1,
            "Gifts": 1,
            "Cups": 1,
        }
        cell = next(cell for cell in grid["Cups"] if cell.customers)
        assert session.scalars(in_category_cell("Cups", cell.r)).all() == [bob]


def test_interest_fades_and_orders_count_more_than_clicks(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice = shop.customer("alice")
        shop.line(shop.bought(alice, 180), "Cups", 1000)
        shop.hit(alice, 0)
        shop.hit(alice, 180)
        refresh(session, now=clock.now(), config=CONFIG)
        found = dict(session.execute(select(CategoryFigure.category, CategoryFigure.interest)).all())
        assert found == {"Cups": pytest.approx(1.5), "Tea": pytest.approx(1.5)}


def test_an_order_right_after_a_click_in_a_promotion_came_from_it(
    database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice, bob = shop.customer("alice"), shop.customer("bob")
        session.get_one(Mailing, shop.mailing).type = "promotion"
        for days in (300, 200, 100):
            shop.hit(alice, days)
            shop.bought(alice, days - 6.9)
        shop.hit(bob, 50)
        shop.bought(bob, 42)  # eight days later
        shop.bought(bob, 51)  # before it
        refresh(session, now=clock.now(), config=CONFIG)
        assert score_of(session, alice).promotion_orders == 3  # type: ignore[union-attr]
        assert score_of(session, bob).promotion_orders == 0  # type: ignore[union-attr]


def test_what_was_asked_and_given_is_weighed_over_a_year(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice = shop.customer("alice")
        for days in (1, 20, 400):
            shop.mailed(alice, days)
        promotion = shop.mailing
        session.get_one(Mailing, promotion).type = "promotion"
        shop._mailing = None
        shop.now = clock.now() - timedelta(minutes=1)
        shop.mailed(alice, 5)
        session.get_one(Mailing, shop.mailing).type = "advice"
        refresh(session, now=clock.now(), config=CONFIG)
        score = score_of(session, alice)
        assert score is not None
        assert (score.asked, score.given) == (2, 1)
        assert balance_of(session, alice, now=clock.now()) == {"promotion": 2, "advice": 1}
        found = balance_of_mailing(session, promotion)
        assert (found.type, found.recipients, found.negative) == ("promotion", 3, 3)


def test_the_card_says_everything_with_its_evidence_now_and_as_of_the_past(
    database: Database, clock: FrozenClock
) -> None:
    now = clock.now()
    with database.transaction() as session:
        shop = Shop(session, now)
        alice = regular(shop, "alice")
        tell(session, alice, "survey_answered", shop.ago(20), score=9, trust=8)
        refresh(session, now=now, config=CONFIG)
        found = card(session, alice, config=CONFIG)
        assert found is not None
        score = score_of(session, alice)
        assert score is not None
        assert (
            (found.phase, found.risk, found.loyalty.name)
            == (score.phase, score.risk, score.loyalty)
            == ("commitment", "steady", "solid")
        )
        assert {light.name: light.state for light in found.lights} == {
            "satisfied": 1, "confident": 1, "attached": None, "engaged": None, "cooperative": 1,
        }  # fmt: skip
        assert {light.name: light.state for light in found.lights} == {
            light.name: getattr(score, light.name) for light in found.lights
        }
        assert found.since == now
        said = {each.measure: each.text for each in found.sentences}
        assert "Usually 40 days lie between orders (their own; their longest gap was 40 days)" in said["risk"]
        assert "No value is told" in said["value"]
        earlier = card(session, alice, config=CONFIG, now=shop.ago(100))
        assert earlier is not None
        assert (earlier.phase, earlier.loyalty.name) == ("expansion", "unknown")
        assert card(session, alice, config=CONFIG, now=shop.ago(2000)) is None


def test_a_signal_or_a_leave_is_scored_by_the_next_run(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        alice, bob = regular(shop, "alice"), shop.customer("bob")
        refresh(session, now=clock.now(), config=CONFIG)
    now = clock.advance(timedelta(hours=2))
    with database.transaction() as session:
        tell(session, alice, "complaint_opened", now)
        suppress(session, "bob@example.com", "unsubscribed", now=now, by="x", evidence="a page")
    with database.transaction() as session:
        assert refresh(session, now=now, config=CONFIG) == 2
        session.expire_all()
        a, b = score_of(session, alice), score_of(session, bob)
        assert a and b
        assert (a.satisfied, a.attitude, a.loyalty) == (0, -1, "retention")
        assert (b.phase, b.ended_how) == ("dissolution", "by_them")


def test_losing_costs_what_they_were_worth_and_causes_are_counted(
    sqlite: Database, clock: FrozenClock
) -> None:
    start = clock.now()
    with sqlite.transaction() as session:
        shop = Shop(session, start)
        for n in range(130):  # buyers of two years, half of whom come back, so that a churn can be seen
            who = shop.customer(f"h{n}")
            session.get_one(Customer, who).source = "fair" if n % 2 else "web"
            for year in (0, 1, 2):
                if year == 2 or (n + year) % 2:
                    shop.bought(who, 20 + 365 * year, 3000)
        alice = regular(shop, "alice", every=30)
        refresh(session, now=start, config=CONFIG)
        worth = score_of(session, alice).value  # type: ignore[union-attr]
        assert worth is not None and worth > 0
        whole, test = portfolio_value(session), value_back_test(session)
        assert whole is not None and test is not None
        assert whole.value == session.scalar(select(func.sum(Score.value)))
        assert whole.constant == session.scalar(select(func.sum(Score.value_constant)))
        assert whole.low < whole.value < whole.high
        assert [group.name for group in value_by_source(session)][-1] == ""
        assert sum(group.value for group in value_by_source(session)) == whole.value
    now = start + timedelta(days=100)
    with sqlite.transaction() as session:
        tell(session, alice, "complaint_opened", start)
        refresh(session, now=start + timedelta(days=1), config=CONFIG)
        refresh(session, now=now, config=CONFIG, full=True)
        losses = cost_of_losing(session, config=CONFIG, since=start, until=now + timedelta(days=1))
        values = {
            row.customer_id: row.value
            for row in session.execute(transitions("risk", since=start))
            if row.target == "lost"
        }
        assert values[alice] == worth
        assert [(loss.month, loss.customers, loss.value) for loss in losses] == [
            ("2027-03", len(values), sum(values.values()))
        ]
        assert alice in session.scalars(lost_between(start, now + timedelta(days=1))).all()
        assert alice in session.scalars(lost_because("dissatisfied")).all()
        assert ("dissatisfied", "rupture", 1) in [
            (c.name, c.branch, c.customers) for c in lost_by_cause(session)
        ]


def test_key_accounts_are_proposed_by_revenue_and_by_place(database: Database, clock: FrozenClock) -> None:
    config = Config(key_accounts={"share": 0.5, "least_customers": 2, "first_years": 2, "outlet_share": 0.6})  # type: ignore[arg-type]
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        amounts = {
            "a": (5000, "FR"),
            "b": (3000, "FR"),
            "c": (900, "BE"),
            "d": (100, "BE"),
            "e": (1000, "DE"),
        }
        ids = {}
        for days, (name, (amount, country)) in enumerate(amounts.items(), start=10):
            ids[name] = shop.customer(name)
            session.get_one(Customer, ids[name]).country = country
            shop.bought(ids[name], days, amount)
        shop.bought(ids["e"], 800, 90_000)  # too long ago to count
        refresh(session, now=clock.now(), config=config)
        found = [
            (each.customer_id, each.reason, each.place)
            for each in propose(session, now=clock.now(), config=config)
        ]
        assert found == [
            (ids["a"], "revenue", "FR"),  # exactly half of 10,000
            (ids["c"], "geography", "BE"),
            (ids["a"], "geography", "FR"),
            (ids["d"], "geography", "BE"),
            (ids["b"], "geography", "FR"),
        ]


def test_a_key_account_is_spared_promotions_until_its_owner_agrees(
    runtime: Runtime, clock: FrozenClock
) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        shop = Shop(session, now)
        alice = regular(shop, "alice", last=120)
        owner = add_user(session, email="eve@shop.example", name="Eve", password="a long sentence 1", now=now)
        with pytest.raises(Invalid) as error:
            confirm_account(session, alice, reason="", because=" ", owner_id=None, now=now)
        assert set(error.value.faults) == {"reason", "because", "owner_id"}
        account = confirm_account(
            session, alice, reason="reference", because="The town hall.", owner_id=owner.id, now=now
        )
        with pytest.raises(Conflict):
            confirm_account(session, alice, reason="revenue", because="Twice.", owner_id=owner.id, now=now)
        assert session.scalars(spared_promotions()).all() == [alice]
        refresh(session, now=now, config=runtime.config)
        (quiet,) = quiet_accounts(session, now=now, config=runtime.config)
        assert (quiet.customer.id, quiet.days, quiet.limit) == (alice, 120, 80)
        change_account(session, account.id, owner_id=owner.id, may_promote=True, quiet_days=200, now=now)
        assert session.scalars(spared_promotions()).all() == []
        assert quiet_accounts(session, now=now, config=runtime.config) == []
        assert end_account(session, account.id, because="Moved away.", now=now)
        assert account_of(session, alice) is None


def test_a_night_writes_in_many_short_transactions_what_one_writes(
    sqlite: Database, clock: FrozenClock
) -> None:
    with sqlite.transaction() as session:
        world(session, clock.now(), 6)
        refresh(session, now=clock.now(), config=CONFIG)
        one = session.execute(select(Transition.customer_id, Transition.target).order_by(Transition.id)).all()
    refresh_everybody(sqlite, now=clock.now(), config=CONFIG)
    with sqlite.reading() as session:
        assert (
            session.execute(select(Transition.customer_id, Transition.target).order_by(Transition.id)).all()
            == one
        )

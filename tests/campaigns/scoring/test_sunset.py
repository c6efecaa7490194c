"""The sunset of the silent: a last call, its end by a sign or by silence, and the way back."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from campaigns.clock import FrozenClock
from campaigns.config import Stale
from campaigns.customers import Customer
from campaigns.db import Database
from campaigns.messages import Message
from campaigns.scoring import (
    begin_sunset,
    end_sunsets,
    preview_sunset,
    retire_stale,
    revive_stale,
    running_sunsets,
    stale_candidates,
    stop_sunset,
)
from campaigns.suppression import causes_in_force, suppress
from campaigns.tracking import Event, LastOpen
from tests.campaigns.scoring.shop import Shop

RULE = Stale(mails=3, days=180, spare_buyer_days=365, letter_first=True, wait_days=30)


def silent(shop: Shop, name: str, **mail: bool) -> int:
    """Somebody written to three times, who never answered."""
    customer = shop.customer(name)
    for days in (20, 50, 80):
        shop.mailed(customer, days, **mail)
    return customer


def proxied(shop: Shop, who: int, days: float, reason: str) -> None:
    event = shop.session.get(Event, shop.hit(who, days, "opened", "proxied"))
    assert event is not None
    event.reasons = reason


def last_letter(shop: Shop, who: int, days: float, status: str = "sent") -> None:
    """The message that the letter for the occasion made of this customer's last call."""
    (sunset,) = [row[0] for row in shop.session.execute(running_sunsets()) if row[0].customer_id == who]
    made = shop.mailed(who, days, status=status)
    shop.session.execute(update(Message).where(Message.id == made).values(occasion_key=f"sunset:{sunset.id}"))


def names(shop: Shop) -> list[str]:
    rows = shop.session.execute(stale_candidates(shop.session, RULE, shop.now)).all()
    return sorted(row.email.partition("@")[0] for row in rows)


def test_after_the_last_letter_silence_ends_in_the_register(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        bob = silent(shop, "bob")
        assert (
            begin_sunset(session, RULE, now=shop.now - timedelta(days=32), by="eve") == 0
        )  # two mails by then
        assert begin_sunset(session, RULE, now=shop.now, by="eve") == 1
        assert begin_sunset(session, RULE, now=shop.now, by="eve") == 0
        assert names(shop) == []
        shop.now += timedelta(days=31)
        last_letter(shop, bob, 29.5)
        assert end_sunsets(session, RULE, now=shop.now) == {"answered": 0, "suppressed": 0, "stopped": 0}
        shop.now += timedelta(days=1)
        assert end_sunsets(session, RULE, now=shop.now)["suppressed"] == 1
        assert causes_in_force(session, "bob@example.com") == ["stale"]
        assert not session.execute(running_sunsets()).all()


@pytest.mark.parametrize("sign", ["click", "open", "reply", "order", "proxy", "consent"])
def test_any_sign_after_the_last_letter_spares(database: Database, clock: FrozenClock, sign: str) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        bob = silent(shop, "bob")
        begin_sunset(session, RULE, now=shop.now)
        shop.now += timedelta(days=40)
        last_letter(shop, bob, 39)
        match sign:
            case "click":
                shop.hit(bob, 5)
            case "open":
                shop.hit(bob, 5, "opened")
            case "reply":
                shop.hit(bob, 5, "replied", "")
            case "order":
                shop.bought(bob, 5)
            case "proxy":
                proxied(shop, bob, 5, "image_proxy")
            case "consent":
                shop.agreed(bob, 5)
        assert end_sunsets(session, RULE, now=shop.now)["answered"] == 1
        assert not causes_in_force(session, "bob@example.com")
        assert names(shop) == []  # and is not asked again at once


def test_proxies_and_machines_neither_stop_the_last_call_nor_count_as_an_answer(
    database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        apple, google = silent(shop, "apple"), silent(shop, "google")
        proxied(shop, apple, 10, "apple_privacy")
        proxied(shop, google, 10, "image_proxy")
        assert names(shop) == ["apple", "google"]
        assert begin_sunset(session, RULE, now=shop.now) == 2
        shop.now += timedelta(days=40)
        for who in (apple, google):
            last_letter(shop, who, 39)
        proxied(shop, apple, 5, "apple_privacy")
        shop.hit(apple, 5, "clicked", "machine")
        assert end_sunsets(session, RULE, now=shop.now)["suppressed"] == 2


def test_without_a_letter_a_machine_alone_leaves_those_with_a_weak_sign_to_a_person(
    database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        silent(shop, "bob")
        google = silent(shop, "google")
        proxied(shop, google, 10, "image_proxy")
        assert retire_stale(session, RULE, now=shop.now) == 1
        assert not causes_in_force(session, "google@example.com")
        assert retire_stale(session, RULE, now=shop.now, by="eve", only=[google]) == 1


def test_a_last_call_without_a_letter_comes_to_nothing(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        unwritten, failed, unsubscribed, kept = (silent(shop, name) for name in ("a", "b", "c", "d"))
        assert begin_sunset(session, RULE, now=shop.now, only=[unwritten, failed, unsubscribed, kept]) == 4
        by_customer = {row[0].customer_id: row[0].id for row in session.execute(running_sunsets())}
        assert stop_sunset(session, by_customer[kept], now=shop.now)
        assert not stop_sunset(session, by_customer[kept], now=shop.now)
        shop.now += timedelta(days=15)
        last_letter(shop, failed, 1, status="failed")
        suppress(session, "c@example.com", "unsubscribed", evidence="", now=shop.now, by="c")
        assert end_sunsets(session, RULE, now=shop.now) == {"answered": 0, "suppressed": 0, "stopped": 3}


@pytest.mark.parametrize(
    ("sign", "is_back"),
    [
        ("order", True),
        ("click", True),
        ("open", True),
        ("consent", True),
        ("proxy", False),
        ("machine", False),
    ],
)
def test_a_later_order_or_human_sign_lifts_it(
    database: Database, clock: FrozenClock, sign: str, is_back: bool
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        bob = silent(shop, "bob")
        assert retire_stale(session, RULE, now=shop.now) == 1
        assert revive_stale(session, now=shop.now) == 0
        shop.now += timedelta(days=10)
        match sign:
            case "order":
                shop.bought(bob, 5)
            case "click":
                shop.hit(bob, 5)
            case "open":
                shop.hit(bob, 5, "opened")
            case "consent":
                shop.agreed(bob, 5)
            case "proxy":
                proxied(shop, bob, 5, "image_proxy")
            case "machine":
                shop.hit(bob, 5, "clicked", "machine")
        assert revive_stale(session, now=shop.now) == is_back
        assert bool(causes_in_force(session, "bob@example.com")) is not is_back
        assert revive_stale(session, now=shop.now) == 0


def test_the_preview_adds_up(database: Database, clock: FrozenClock) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        for name in ("bob", "bea"):
            silent(shop, name)
        proxied(shop, silent(shop, "google"), 10, "image_proxy")
        shop.hit(silent(shop, "reader"), 10)
        shop.bought(silent(shop, "buyer"), 300)
        silent(shop, "private", is_tracked=False)
        silent(shop, "gone")
        suppress(session, "gone@example.com", "by_hand", evidence="", now=shop.now, by="eve")
        seen = preview_sunset(session, RULE, shop.now)
        assert (seen.written, seen.answered, seen.buyers, seen.out) == (6, 1, 1, 1)
        assert (seen.candidates, seen.weak) == (3, 1)
        assert len(names(shop)) == seen.candidates


def test_where_only_days_are_kept_they_count_from_the_first_day_on(
    database: Database, clock: FrozenClock
) -> None:
    with database.transaction() as session:
        shop = Shop(session, clock.now())
        private, reader = (silent(shop, name, is_tracked=False) for name in ("private", "reader"))
        session.execute(update(Customer).where(Customer.id.in_([private, reader])).values(may_track=False))
        session.add(LastOpen(customer_id=reader, on=shop.ago(30).date().isoformat()))
        session.flush()
        for day, found in (
            ("", []),
            (shop.ago(90).date().isoformat(), [private]),
            (shop.ago(60).date().isoformat(), []),
        ):
            rule = RULE.model_copy(update={"hygiene_from": day})
            rows = session.execute(stale_candidates(session, rule, shop.now)).all()
            assert [row.customer_id for row in rows] == found
        rule = RULE.model_copy(update={"hygiene_from": shop.ago(90).date().isoformat()})
        assert retire_stale(session, rule, now=shop.now) == 1
        session.add(LastOpen(customer_id=private, on=(shop.now + timedelta(days=3)).date().isoformat()))
        session.flush()
        assert revive_stale(session, now=shop.now + timedelta(days=4)) == 1
        assert session.scalars(select(LastOpen.customer_id)).all()

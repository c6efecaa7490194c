"""Each occasion calls whom it says, once for each key, at the right moment; on both databases."""

from datetime import timedelta
from typing import Any

import pytest

from campaigns.clock import FrozenClock
from campaigns.customers import change_customer, declare_attribute, record_consent
from campaigns.errors import Invalid
from campaigns.messages import Mailing, Message
from campaigns.purchases import LineFacts, record_refund
from campaigns.runtime import Runtime
from campaigns.scoring import Score, Transition
from campaigns.segments import save_segment
from campaigns.tracking import Event
from tests.campaigns.letters.calling import add, at, buy, fired, prepare, tell
from tests.cast import bare_template

COFFEE = (LineFacts("COF", 1, 4990, name="Coffee", category="Coffee"),)
SOCKS = (LineFacts("SOX", 1, 4990, name="Socks", category="Clothes"),)


def test_every_occasion_of_the_list_is_there(runtime: Runtime) -> None:
    names = """birthday purchase_anniversary membership_anniversary after_purchase replenishment welcome
        first_purchase nth_purchase big_basket phase_changed class_changed at_risk lost key_account_silent
        date_reached segment_entered segment_left clicked downloaded signal basket_abandoned complaint_closed
        problem_reported survey_answered contract_ends"""
    assert set(runtime.occasions) >= set(names.split())
    for occasion in runtime.occasions.values():
        assert (occasion.due is None) != (occasion.happened is None), occasion.name
        asked = [option.name for option in occasion.options]
        assert len(asked) == len(set(asked))
        assert occasion.description.endswith(".")


def test_days_after_an_order_are_counted_on_the_walls_of_the_customer(runtime: Runtime) -> None:
    far, near = add(runtime, "far@x.example", zone="Pacific/Kiritimati"), add(runtime, "near@x.example")
    buy(runtime, far, "A", "2026-11-23T09:30")  # 23:30 there
    buy(runtime, far, "B", "2026-11-23T10:30")  # 00:30 of the next day there
    buy(runtime, near, "C", "2026-11-23T10:30")
    found = fired(runtime, "after_purchase", "2026-11-20T00:00", "2026-12-01T00:00", days=3)
    assert found == [
        (far, "order:A", "2026-11-25 19:00"),
        (near, "order:C", "2026-11-26 08:00"),
        (far, "order:B", "2026-11-26 19:00"),
    ]


def test_on_the_same_day_it_waits_for_the_hour_or_leaves_at_once(runtime: Runtime) -> None:
    one = add(runtime, "one@x.example")  # Paris: 09:00 is 08:00 UTC
    buy(runtime, one, "early", "2026-11-23T05:00")
    buy(runtime, one, "late", "2026-11-23T15:00")
    span = ("2026-11-22T00:00", "2026-11-25T00:00")
    assert fired(runtime, "after_purchase", *span, days=0) == [
        (one, "order:early", "2026-11-23 08:00"),
        (one, "order:late", "2026-11-23 15:00"),
    ]
    assert fired(runtime, "after_purchase", "2026-11-23T08:30", "2026-11-23T14:59", days=0) == []
    assert [row[2] for row in fired(runtime, "after_purchase", *span, hour=0, days=0)] == [
        "2026-11-23 05:00",
        "2026-11-23 15:00",
    ], "hour 0: each at once"


def test_an_order_of_a_category_or_product_only(runtime: Runtime) -> None:
    one = add(runtime, "one@x.example")
    buy(runtime, one, "A", "2026-11-20T10:00", lines=COFFEE)
    buy(runtime, one, "B", "2026-11-20T10:00", lines=SOCKS)
    span = ("2026-11-20T00:00", "2026-12-10T00:00")
    assert [key for _, key, _ in fired(runtime, "after_purchase", *span)] == ["order:A", "order:B"]
    assert [key for _, key, _ in fired(runtime, "after_purchase", *span, category="Coffee")] == ["order:A"]
    assert [key for _, key, _ in fired(runtime, "after_purchase", *span, product="SOX")] == ["order:B"]
    with runtime.reading() as session:
        options = {option.name: option for option in runtime.occasions["after_purchase"].options}
        assert options["category"].offered is not None
        assert options["product"].offered is not None
        assert options["category"].offered(session) == [("Clothes", "Clothes"), ("Coffee", "Coffee")]
        assert options["product"].offered(session) == [("COF", "Coffee (COF)"), ("SOX", "Socks (SOX)")]


def test_an_open_complaint_bars_it_until_it_is_closed(runtime: Runtime) -> None:
    one = add(runtime, "one@x.example")
    buy(runtime, one, "A", "2026-11-20T10:00")
    span = ("2026-11-20T00:00", "2026-12-10T00:00")
    tell(runtime, one, "complaint_opened", "T1", "2026-11-21T10:00")
    assert fired(runtime, "after_purchase", *span) == []
    tell(runtime, one, "complaint_closed", "T1", "2026-11-22T10:00")
    assert len(fired(runtime, "after_purchase", *span)) == 1


def test_the_first_the_third_and_the_large_order(runtime: Runtime) -> None:
    one = add(runtime, "one@x.example")
    for number, when, amount in (
        ("A", "2026-11-01", 1000),
        ("B", "2026-11-05", 25000),
        ("C", "2026-11-10", 1000),
    ):
        buy(runtime, one, number, f"{when}T10:00", amount)
    span = ("2026-11-01T00:00", "2026-12-10T00:00")
    assert fired(runtime, "first_purchase", *span, wait=2) == [(one, "first", "2026-11-03 08:00")]
    assert fired(runtime, "nth_purchase", *span, number=3, wait=3, unit="hours") == [
        (one, "order-3", "2026-11-10 13:00")
    ]
    assert fired(runtime, "big_basket", *span, amount=200, wait=1) == [(one, "order:B", "2026-11-06 08:00")]
    with runtime.transaction() as session:
        record_refund(session, "A", amount=1000, now=runtime.clock.now())
    assert fired(runtime, "first_purchase", *span, wait=2) == [(one, "first", "2026-11-07 08:00")]
    assert fired(runtime, "nth_purchase", *span, number=3) == [], "what was given back does not count"


def test_the_years_since_the_first_order(runtime: Runtime) -> None:
    one, two = add(runtime, "one@x.example"), add(runtime, "two@x.example", zone="Pacific/Auckland")
    buy(runtime, one, "A", "2020-02-29T10:00")
    buy(runtime, one, "B", "2021-03-05T10:00")  # not the first
    buy(runtime, two, "C", "2022-06-30T18:00")  # 1 July there
    spring, leap = ("2027-02-27T00:00", "2027-03-07T00:00"), ("2028-02-27T00:00", "2028-03-07T00:00")
    assert fired(runtime, "purchase_anniversary", *spring, leap="1") == [(one, "2027", "2027-03-01 08:00")]
    assert fired(runtime, "purchase_anniversary", *spring) == [(one, "2027", "2027-02-28 08:00")]
    assert fired(runtime, "purchase_anniversary", *leap, leap="1") == [(one, "2028", "2028-02-29 08:00")]
    summer = ("2027-06-29T00:00", "2027-07-03T00:00")
    assert fired(runtime, "purchase_anniversary", *summer) == [(two, "2027", "2027-06-30 21:00")]
    assert fired(runtime, "purchase_anniversary", *summer, year=5) == [(two, "2027", "2027-06-30 21:00")]
    assert fired(runtime, "purchase_anniversary", *summer, year=4) == []


def test_the_years_of_membership_and_the_welcome(runtime: Runtime, clock: FrozenClock) -> None:
    clock.move_to(at("2024-05-10T16:00"))
    one = add(runtime, "one@x.example")
    silent = add(runtime, "silent@x.example", agrees=False)
    copied = add(runtime, "copied@x.example", agrees=False)
    with runtime.transaction() as session:
        for when in ("2024-06-01T10:00", "2025-06-01T10:00"):
            record_consent(session, copied, purpose="mail", is_granted=True, act="import", now=at(when))
    span = ("2024-05-01T00:00", "2024-06-10T00:00")
    assert fired(runtime, "welcome", *span) == [(one, "welcome", "2024-05-10 16:00")]
    assert fired(runtime, "welcome", *span, wait=2, unit="days", acts="any") == [
        (one, "welcome", "2024-05-12 07:00"),
        (copied, "welcome", "2024-06-03 07:00"),
    ]
    years = ("2025-05-09T00:00", "2025-06-03T00:00")
    assert fired(runtime, "membership_anniversary", *years) == [
        (one, "2025", "2025-05-10 07:00"),
        (copied, "2025", "2025-06-01 07:00"),
    ]
    assert [row[0] for row in fired(runtime, "membership_anniversary", *years, counted="known")] == [
        one,
        silent,
        copied,
    ]


def test_a_date_of_their_own(runtime: Runtime) -> None:
    now = runtime.clock.now()
    with runtime.transaction() as session:
        declare_attribute(session, name="contract_end", label="End of contract", kind="date")
    one = add(runtime, "one@x.example", attributes={"contract_end": "2027-02-28"})
    born = add(runtime, "born@x.example", attributes={"contract_end": "2024-02-29"})
    add(runtime, "none@x.example")
    span = ("2027-01-20T00:00", "2027-03-03T00:00")
    asked: dict[str, Any] = {"attribute": "contract_end"}
    assert fired(runtime, "date_reached", *span, **asked, days=-30) == [
        (one, "2027-02-28", "2027-01-29 08:00")
    ]
    assert fired(runtime, "date_reached", *span, **asked, again="yearly") == [
        (born, "2027", "2027-02-28 08:00")
    ]
    leap = ("2028-02-20T00:00", "2028-03-03T00:00")
    assert fired(runtime, "date_reached", *leap, **asked, again="yearly") == [
        (one, "2028", "2028-02-28 08:00"),
        (born, "2028", "2028-02-29 08:00"),
    ]
    with runtime.transaction() as session:
        change_customer(session, one, attributes={"contract_end": "2027-03-31"}, now=now)
    assert [
        row[1] for row in fired(runtime, "date_reached", "2027-03-01T00:00", "2027-04-02T00:00", **asked)
    ] == ["2027-03-31"]
    with pytest.raises(Invalid):
        runtime.occasions["date_reached"].read_options({"days": 3})


def test_the_next_order_is_due_by_the_customers_own_rhythm(runtime: Runtime, clock: FrozenClock) -> None:
    one, two = add(runtime, "one@x.example"), add(runtime, "two@x.example")
    for n, when in enumerate(("2026-08-01", "2026-09-01", "2026-10-01", "2026-11-10")):  # 31, 30, 40 days
        buy(runtime, one, f"A{n}", f"{when}T10:00", lines=COFFEE)
    buy(runtime, one, "S", "2026-11-12T10:00", lines=SOCKS)
    for n, when in enumerate(("2026-10-01", "2026-10-11")):  # one gap is no rhythm
        buy(runtime, two, f"B{n}", f"{when}T10:00", lines=COFFEE)
    span = ("2026-12-01T00:00", "2027-01-05T00:00")
    assert prepare(runtime, "replenishment", category="Coffee") == 0
    assert prepare(runtime, "replenishment") == 0
    assert fired(runtime, "replenishment", *span, category="Coffee", days=0) == [
        (one, "after:A3", "2026-12-11 08:00")
    ]
    assert fired(runtime, "replenishment", *span, days=-3)[0][:2] == (one, "after:S")
    clock.advance(timedelta(days=10))
    buy(runtime, one, "A4", "2026-12-01T10:00", lines=COFFEE)
    prepare(runtime, "replenishment", category="Coffee")
    assert fired(runtime, "replenishment", *span, category="Coffee", days=0) == [
        (one, "after:A4", "2026-12-31 08:00")
    ]


def test_what_the_shop_tells(runtime: Runtime) -> None:
    one, two = add(runtime, "one@x.example"), add(runtime, "two@x.example")
    tell(runtime, one, "basket_abandoned", "B1", "2026-11-20T18:00")
    tell(runtime, one, "basket_abandoned", "B2", "2026-11-21T18:00")
    tell(runtime, two, "basket_abandoned", "B3", "2026-11-20T18:00")
    tell(runtime, one, "basket_recovered", "B2", "2026-11-21T19:00")
    buy(runtime, two, "A", "2026-11-20T18:30")
    span = ("2026-11-19T00:00", "2026-12-05T00:00")
    assert fired(runtime, "basket_abandoned", *span) == [(one, "B1", "2026-11-20 22:00")]
    tell(runtime, one, "survey_answered", "S1", "2026-11-20T10:00", score=3)
    tell(runtime, two, "survey_answered", "S2", "2026-11-20T10:00", score=9)
    assert [row[1] for row in fired(runtime, "survey_answered", *span)] == ["S1", "S2"]
    assert [row[1] for row in fired(runtime, "survey_answered", *span, low=8)] == ["S2"]
    tell(runtime, one, "visited_stand", "fair-26", "2026-11-20T10:00")
    assert fired(runtime, "signal", *span, kind="visited_stand") == [(one, "fair-26", "2026-11-21 08:00")]
    tell(runtime, one, "service_problem_reported", "P1", "2026-11-20T10:00")
    assert fired(runtime, "problem_reported", *span) == [(one, "P1", "2026-11-21 08:00")]
    tell(runtime, one, "contract_ends", "C1", "2026-11-20T10:00", date="2026-12-31")
    assert fired(runtime, "contract_ends", *span) == [(one, "C1", "2026-12-01 08:00")]
    tell(runtime, one, "complaint_opened", "T1", "2026-11-20T10:00")
    tell(runtime, one, "complaint_closed", "T1", "2026-11-21T10:00")
    assert fired(runtime, "complaint_closed", *span) == [(one, "T1", "2026-11-23 08:00")]
    tell(runtime, one, "complaint_opened", "T2", "2026-11-22T10:00")
    assert fired(runtime, "complaint_closed", *span) == [], "not while another one is open"


def test_a_link_followed_by_a_person_and_a_document_taken(runtime: Runtime, clock: FrozenClock) -> None:
    one, two = add(runtime, "one@x.example"), add(runtime, "two@x.example")
    with runtime.transaction() as session:
        template = bare_template(session, now=clock.now())
        version = template.version_id
        from campaigns.content import Version

        kept = session.get_one(Version, version)
        kept.links = [
            {"url": "https://shop.example/coffee", "text": "Coffee", "category": "Coffee"},
            {"url": "https://shop.example/List.PDF?a=1", "text": "Our list", "category": ""},
        ]
        mailing = Mailing(
            kind="newsletter",
            name="News",
            version_id=version,
            subject="S",
            sender_email="s@x.example",
            created_at=clock.now(),
        )
        session.add(mailing)
        session.flush()
        told = [
            (one, 0, "2026-11-20T10:00", "machine"),
            (one, 0, "2026-11-20T12:00", "human"),
            (one, 0, "2026-11-20T13:00", "human"),
            (two, 1, "2026-11-20T14:00", "human"),
        ]
        session.add_all(
            Event(
                kind="clicked",
                at=at(when),
                mailing_id=mailing.id,
                customer_id=who,
                position=place,
                judgement=judged,
            )
            for who, place, when, judged in told
        )
        key = f"mailing:{mailing.id}"
    span = ("2026-11-19T00:00", "2026-12-05T00:00")
    now: dict[str, Any] = {"wait": 0, "unit": "hours"}
    assert fired(runtime, "clicked", *span, **now) == [
        (one, key, "2026-11-20 12:00"),
        (two, key, "2026-11-20 14:00"),
    ]
    assert fired(runtime, "clicked", "2026-11-20T12:30", "2026-11-20T13:30", **now) == [], "the first counts"
    assert [row[0] for row in fired(runtime, "clicked", *span, **now, interest="Coffee")] == [one]
    assert [row[0] for row in fired(runtime, "clicked", *span, **now, address="list")] == [two]
    tell(runtime, one, "document_downloaded", "guide.pdf", "2026-11-21T10:00")
    assert fired(runtime, "downloaded", *span, **now) == [
        (two, key, "2026-11-20 14:00"),
        (one, "told:guide.pdf", "2026-11-21 10:00"),
    ]
    assert [row[1] for row in fired(runtime, "downloaded", *span, **now, document="GUIDE")] == [
        "told:guide.pdf"
    ]
    with runtime.reading() as session:
        interest = runtime.occasions["clicked"].options[0]
        assert interest.offered is not None
        assert interest.offered(session) == [("Coffee", "Coffee")]


def test_who_comes_into_a_segment_and_who_leaves_it(runtime: Runtime, clock: FrozenClock) -> None:
    with runtime.transaction() as session:
        rule = {"all": [{"field": "customer.language", "op": "is", "value": "fr"}]}
        segment = save_segment(
            session,
            None,
            name="French",
            rule=rule,
            fields=runtime.fields,
            now=clock.now(),
            zone=runtime.config.zone,
        ).id
    there, comes = (
        add(runtime, "there@x.example", language="fr"),
        add(runtime, "comes@x.example", language="en"),
    )
    asked: dict[str, Any] = {"segment": str(segment), "wait": 0, "unit": "hours"}

    def speak(who: int, language: str) -> str:
        clock.advance(timedelta(minutes=20))
        with runtime.transaction() as session:
            change_customer(session, who, language=language, now=clock.now())
        prepare(runtime, "segment_entered", **asked)
        return clock.now().strftime("%Y-%m-%d %H:%M")

    prepare(runtime, "segment_entered", **asked)
    span = ("2026-11-19T00:00", "2026-12-05T00:00")
    assert fired(runtime, "segment_entered", *span, **asked) == [], "who is there did not come"
    moment = speak(comes, "fr")
    assert fired(runtime, "segment_entered", *span, **asked) == [(comes, "first", moment)]
    gone = speak(there, "en")
    assert fired(runtime, "segment_left", *span, **asked) == [(there, "first", gone)]
    speak(comes, "en")
    assert fired(runtime, "segment_entered", *span, **asked) == [], "who has turned round is left alone"
    again = speak(comes, "fr")
    assert fired(runtime, "segment_entered", *span, **asked) == [(comes, "first", moment)]
    each = fired(runtime, "segment_entered", *span, **asked, again="each")
    assert [row[2] for row in each] == [moment, again]
    assert len({row[1] for row in each}) == 2
    clock.advance(timedelta(days=40))
    late = add(runtime, "late@x.example", language="fr")
    prepare(runtime, "segment_entered", **asked)
    found = fired(runtime, "segment_entered", "2026-12-30T00:00", "2027-01-05T00:00", **asked)
    assert late not in [row[0] for row in found], "after a long pause nobody can say who came when"


def test_a_change_of_phase_class_or_risk(runtime: Runtime) -> None:
    one, two = add(runtime, "one@x.example"), add(runtime, "two@x.example")
    with runtime.transaction() as session:
        session.add_all(
            Score(customer_id=who, as_of=at("2026-11-20T03:00"), cause="contract") for who in (one, two)
        )
        for who, kind, source, target, until in (
            (one, "phase", "exploration", "expansion", None),
            (two, "phase", "exploration", "expansion", at("2026-11-20T12:00")),
            (two, "class", "loyal", "champion", None),
            (one, "risk", "steady", "lost", None),
            (two, "risk", "steady", "at_risk", None),
        ):
            session.add(
                Transition(
                    customer_id=who,
                    kind=kind,
                    source=source,
                    target=target,
                    at=at("2026-11-20T03:00"),
                    until=until,
                )
            )
    span = ("2026-11-19T00:00", "2027-01-25T00:00")
    assert [row[::2] for row in fired(runtime, "phase_changed", *span)] == [(one, "2026-11-21 08:00")]
    assert fired(runtime, "phase_changed", *span, now="dissolution") == []
    assert [row[0] for row in fired(runtime, "class_changed", *span, now="champion")] == [two]
    assert [row[0] for row in fired(runtime, "at_risk", *span)] == [two]
    tries = fired(runtime, "lost", *span, tries=3, every=30)
    assert [row[2] for row in tries] == ["2026-11-21 08:00", "2026-12-21 08:00", "2027-01-20 08:00"]
    assert len({row[1] for row in tries}) == 3, "each try has a key of its own"
    assert fired(runtime, "lost", *span, cause="dissatisfied") == []
    assert len(fired(runtime, "lost", *span, cause="contract")) == 1
    buy(runtime, one, "A", "2026-11-25T10:00")
    assert fired(runtime, "lost", *span) == [], "they have bought"


def test_a_key_account_that_is_silent_calls_its_owner(runtime: Runtime) -> None:
    from campaigns.scoring import KeyAccount
    from campaigns.staff import User

    one, two = add(runtime, "one@x.example"), add(runtime, "two@x.example")
    with runtime.transaction() as session:
        owner = session.query(User).first()
        if owner is None:
            owner = User(
                email="owner@x.example",
                name="Olga",
                role="marketer",
                password_hash="",
                created_at=at("2026-01-01T00:00"),
            )
            session.add(owner)
            session.flush()
        for who, gap, quiet in ((one, 20.0, None), (two, 20.0, 10)):
            session.add(
                Score(
                    customer_id=who,
                    as_of=at("2026-11-20T03:00"),
                    last_purchase_at=at("2026-11-01T10:00"),
                    usual_gap=gap,
                )
            )
            session.add(
                KeyAccount(
                    customer_id=who,
                    reason="reference",
                    owner_id=owner.id,
                    quiet_days=quiet,
                    confirmed_at=at("2026-01-01T00:00"),
                )
            )
    found = fired(runtime, "key_account_silent", "2026-11-10T00:00", "2026-12-15T00:00")
    assert [(row[0], row[2]) for row in found] == [(two, "2026-11-12 08:00"), (one, "2026-12-12 08:00")]
    assert runtime.occasions["key_account_silent"].subject == "owner"


def test_a_message_of_another_key_so_soon_is_no_new_birthday(runtime: Runtime) -> None:
    assert runtime.occasions["birthday"].apart_days == 60
    assert Message.occasion_key.type.length == 100

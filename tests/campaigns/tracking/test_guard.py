"""A mailing of which too much comes back pauses by itself; a person may let it go on."""

from datetime import timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from campaigns import newsletters
from campaigns.clock import FrozenClock
from campaigns.config import Guard
from campaigns.messages import Mailing, Message, get_mailing, resume_mailing
from campaigns.newsletters import Newsletter
from campaigns.runtime import Runtime
from campaigns.tracking import endangered, guard_mailings, judge_returns, record_events
from scheduler import jobs
from tests.campaigns.tracking.story import mailing
from tests.conftest import NOW

RULE = Guard()


@pytest.mark.parametrize(
    ("tried", "bounced", "spam", "level"),
    [
        (199, 199, 0, ""),  # too few to say anything
        (1000, 19, 0, ""),
        (1000, 20, 0, "warn"),
        (1000, 49, 0, "warn"),
        (1000, 50, 0, "stop"),
        (1000, 0, 2, ""),  # two people are not a rate
        (6000, 0, 3, "warn"),
        (3000, 0, 3, "stop"),
        (1000, 20, 3, "stop"),
    ],
)
def test_the_limits_hold_as_config_toml_says(tried: int, bounced: int, spam: int, level: str) -> None:
    said, sentence = judge_returns(tried, bounced, spam, RULE)
    assert said == level
    assert bool(sentence) == bool(level)


def a_mailing(session: Session, sent: int, dead: int, *, how: str = "hard") -> int:
    mailing_id = mailing(session)
    rows = [
        {
            "mailing_id": mailing_id, "customer_id": None, "address": f"{mailing_id}-{n}@example.com",
            "domain": "example.com", "status": "sent", "queued_at": NOW, "occasion_key": str(n),
        }
        for n in range(sent)
    ]  # fmt: skip
    session.execute(insert(Message), rows)
    first = session.query(Message.id).filter_by(mailing_id=mailing_id).order_by(Message.id).first()
    assert first is not None
    record_events(
        session,
        [
            {"kind": "bounced", "at": NOW, "message_id": first[0] + n, "mailing_id": mailing_id, "details": {"class": how}}
            for n in range(dead)
        ],
    )  # fmt: skip
    return mailing_id


def test_eight_in_a_hundred_dead_pause_it_with_the_reason(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        bad = a_mailing(session, 300, 24)
        good = a_mailing(session, 300, 3)
        soft = a_mailing(session, 300, 60, how="soft")
        paused = guard_mailings(session, RULE, now=NOW)
        assert [danger.mailing_id for danger in paused] == [bad]
        assert get_mailing(session, bad).status == "paused"
        assert "24 dead addresses among 300 mails (8.00%" in get_mailing(session, bad).stopped_because
        assert {get_mailing(session, good).status, get_mailing(session, soft).status} == {"open"}


def test_a_warning_pauses_nothing(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        warned = a_mailing(session, 300, 9)
        assert guard_mailings(session, RULE, now=NOW) == []
        assert [(d.mailing_id, d.level) for d in endangered(session, RULE, now=NOW)] == [(warned, "warn")]


def test_a_person_may_let_it_go_on_and_is_not_overruled(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        bad = a_mailing(session, 300, 24)
        guard_mailings(session, RULE, now=NOW)
        assert resume_mailing(session, bad)
        session.expire_all()
        assert guard_mailings(session, RULE, now=NOW) == []
        assert get_mailing(session, bad).status == "open"


def test_returns_of_long_ago_are_not_looked_at(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        a_mailing(session, 300, 24)
        assert endangered(session, RULE, now=NOW + timedelta(days=30)) == []


def test_the_newsletter_says_that_it_is_paused_and_why(runtime: Runtime, clock: FrozenClock) -> None:
    with runtime.transaction() as session:
        bad = a_mailing(session, 300, 24)
        newsletter = Newsletter(
            name="To a bought list",
            status="sending",
            mailing_id=bad,
            launched_at=NOW,
            created_at=NOW,
            updated_at=NOW,
        )
        session.add(newsletter)
    assert jobs.guard_mailings(runtime) == 1
    assert jobs.guard_mailings(runtime) == 0
    with runtime.transaction() as session:
        found = newsletters.get_newsletter(session, newsletter.id)
        assert found.status == "paused"
        assert found.because.startswith("Paused by itself: 24 dead addresses")
        newsletters.resume(session, newsletter.id, now=clock.now())
    assert jobs.guard_mailings(runtime) == 0
    with runtime.reading() as session:
        mailing_row = session.get(Mailing, bad)
        assert mailing_row is not None
        assert mailing_row.status == "open"

"""A monitor learns whether Liaison is at work, and nothing about anybody."""

from datetime import timedelta

from flask.testing import FlaskClient

from campaigns.clock import FrozenClock
from campaigns.config import Config, Web
from campaigns.messages import Message, Sender
from campaigns.reports import health
from campaigns.runs import take_lease
from campaigns.runtime import Runtime, assemble
from tests.campaigns.tracking.story import letter
from webapp.app import create_app


def tick(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        take_lease(session, "clock", "me", now=runtime.clock.now(), seconds=20)


def client(runtime: Runtime) -> FlaskClient:
    return create_app(runtime).test_client()


def test_health_follows_the_clock(runtime: Runtime, clock: FrozenClock) -> None:
    assert client(runtime).get("/health").status_code == 503
    tick(runtime)
    answer = client(runtime).get("/health")
    assert answer.status_code == 200
    assert answer.json == {"status": "ok"}
    assert "Set-Cookie" not in answer.headers
    clock.advance(timedelta(minutes=5))
    assert client(runtime).get("/health").status_code == 503


def test_metrics_answer_only_who_brings_the_token(runtime: Runtime) -> None:
    assert client(runtime).get("/metrics").status_code == 404
    config = Config(
        database=runtime.config.database, data=runtime.config.data, web=Web(metrics_token="a long token")
    )
    with_token = client(assemble(config, clock=runtime.clock, database=runtime.database))
    assert with_token.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    answer = with_token.get("/metrics", headers={"Authorization": "Bearer a long token"})
    assert answer.status_code == 200
    assert 'liaison_messages{state="queued"} 0.0' in answer.text
    assert 'liaison_attempts{outcome="retry"} 0.0' in answer.text
    assert "liaison_clock_lag_seconds -1.0" in answer.text


def test_what_needs_a_person_is_said_in_words(runtime: Runtime, clock: FrozenClock) -> None:
    tick(runtime)
    message_id, _mailing_id = letter(runtime, "alice")
    with runtime.transaction() as session:
        message = session.get(Message, message_id)
        assert message is not None
        message.status, message.next_attempt_at = "queued", clock.now()
    now = clock.advance(timedelta(minutes=20))
    tick(runtime)
    with runtime.transaction() as session:
        (alarm,) = health(session, now=now).alarms
        assert (alarm.name, alarm.count) == ("no_sender", 1)
        session.add(Sender(name="a", host="b", started_at=now, seen_at=now, per_second=12.5))
        session.flush()
        figures = health(session, now=now)
    assert figures.queue["queued"] == 1
    assert figures.oldest_due_seconds == 1200
    assert figures.sent_per_second == 12.5
    assert [alarm.name for alarm in figures.alarms] == ["stuck"]

"""Numbers of a day, shared by all senders and counted from the ledger; and paces with a real mail server."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from campaigns.clock import FrozenClock
from campaigns.config import Pacing, Smtp
from campaigns.customers import Customer
from campaigns.mail import SmtpMailer
from campaigns.messages import Mailing, counts, enqueue, send_due
from campaigns.messages.model import DayCount, Message, Pace, Sender
from campaigns.messages.pacing import Standing
from campaigns.messages.quota import keep_standings, left_standings, local_day, take, together
from campaigns.runtime import Runtime
from tests.bench.bench_pacing import neighbours
from tests.bench.harness import note
from tests.campaigns.messages.conftest import add_customer
from tests.conftest import NOW
from tests.smtp_server import Fault, SmtpServer

Make = Callable[..., Mailing]
TOMORROW = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)  # midnight in Paris


def paced(runtime: Runtime, server: SmtpServer, *, connections: int = 2, **pacing: object) -> Runtime:
    """The runtime with its mail going to `server`, at these paces."""
    smtp = Smtp(port=server.port, connect_seconds=60, command_seconds=60, dot_seconds=60)
    sending = runtime.config.sending.model_copy(
        update={"connections": connections, "retry_first_seconds": 3600, "stale_hours": 10_000}
    )
    config = runtime.config.model_copy(
        update={"smtp": smtp, "sending": sending, "pacing": Pacing.model_validate(pacing)}
    )
    return replace(runtime, config=config, mailer=SmtpMailer(smtp, "", "shop.example"))


def launch(runtime: Runtime, make: Make, people: dict[str, int], **values: object) -> int:
    """A mailing to so many people of each domain, the domains taking turns."""
    with runtime.transaction() as session:
        mailing = make(session, **values)
        key = mailing.id
        for n in range(max(people.values())):
            for domain, number in people.items():
                if n < number:
                    add_customer(session, f"p{key}x{n}@{domain}")
        members = select(Customer.id).where(Customer.email.like(f"p{key}x%"))
        enqueue(session, key, members, now=runtime.clock.now())
        return key


def states(runtime: Runtime, mailing_id: int) -> dict[str, int]:
    with runtime.reading() as session:
        return {state: n for state, n in counts(session, mailing_id).items() if n}


def waits(runtime: Runtime) -> dict[str, int]:
    with runtime.reading() as session:
        rows = session.execute(
            select(Message.waits_for, func.count())
            .where(Message.status == "queued", Message.waits_for != "")
            .group_by(Message.waits_for)
        )
        return dict(rows.all())


def clock_of(runtime: Runtime) -> FrozenClock:
    assert isinstance(runtime.clock, FrozenClock)
    return runtime.clock


# ── a day's number


def test_the_number_of_the_day_is_never_taken_twice(runtime: Runtime) -> None:
    day, _begin, _end = local_day(NOW, runtime.config.zone)
    taken = []
    for wanted in (30, 30, 30, 30, 30):
        with runtime.transaction() as session:
            taken.append(take(session, "google", wanted, 100, day=day, now=NOW, count=lambda: 20))
    assert taken == [30, 30, 20, 0, 0]


def test_what_was_taken_and_did_not_leave_comes_back_with_the_next_count(runtime: Runtime) -> None:
    day, _begin, _end = local_day(NOW, runtime.config.zone)

    def ask(now: datetime, sent: int) -> int:
        with runtime.transaction() as session:
            return take(session, "google", 50, 100, day=day, now=now, count=lambda: sent)

    assert [ask(NOW, 0), ask(NOW, 0), ask(NOW, 0)] == [50, 50, 0]
    assert ask(NOW + timedelta(minutes=1), 60) == 40


def test_a_day_is_a_day_of_the_shop(runtime: Runtime) -> None:
    day, begin, end = local_day(TOMORROW - timedelta(seconds=1), runtime.config.zone)
    assert (day.day, begin, end) == (23, TOMORROW - timedelta(days=1), TOMORROW)
    assert local_day(TOMORROW, runtime.config.zone)[0].day == 24


def test_a_daily_number_stops_one_receiver_and_goes_on_the_next_day(runtime: Runtime, mailing: Make) -> None:
    with SmtpServer() as server:
        runtime = paced(runtime, server, groups={"google": {"per_day": 5, "per_minute": 0}}, letters_share=0)
        mailing_id = launch(runtime, mailing, {"gmail.com": 8, "googlemail.com": 4, "shop.example": 6})
        assert send_due(runtime) == 11
        assert states(runtime, mailing_id) == {"sent": 11, "queued": 7}
        assert waits(runtime) == {"quota:google": 7}
        with runtime.reading() as session:
            moments = session.scalars(select(Message.next_attempt_at).where(Message.status == "queued")).all()
        assert all(timedelta(0) <= at - TOMORROW < timedelta(seconds=1) for at in moments if at)
        clock_of(runtime).advance(timedelta(hours=1))
        assert send_due(runtime) == 0
        clock_of(runtime).advance(timedelta(hours=14))
        assert send_due(runtime) == 5
        clock_of(runtime).advance(timedelta(days=1))
        assert send_due(runtime) == 2
        assert states(runtime, mailing_id) == {"sent": 18}
        assert not server.twice()


def test_the_ledger_counts_whatever_counter_was_lost(sqlite_runtime: Runtime, mailing: Make) -> None:
    runtime = sqlite_runtime
    with SmtpServer() as server:
        runtime = paced(runtime, server, per_day=6, letters_share=0)
        launch(runtime, mailing, {"a.example": 10})
        assert send_due(runtime) == 6
        with runtime.transaction() as session:
            session.execute(DayCount.__table__.delete())  # type: ignore[attr-defined]
            session.execute(
                update(Message).where(Message.status == "queued").values(next_attempt_at=runtime.clock.now())
            )
        assert send_due(runtime) == 0
        assert waits(runtime) == {"quota:*": 4}


def test_a_warm_up_lets_more_go_each_day_and_keeps_some_for_letters(
    sqlite_runtime: Runtime, mailing: Make
) -> None:
    with SmtpServer() as server:
        runtime = paced(
            sqlite_runtime,
            server,
            warm_up_from="2026-11-23",
            warm_up_first=10,
            warm_up_until=40,
            letters_share=0.2,
        )
        launch(runtime, mailing, {"a.example": 60})
        assert send_due(runtime) == 8
        letter_id = launch(runtime, mailing, {"b.example": 3}, kind="letter", source_id=2)
        assert send_due(runtime) == 2
        assert states(runtime, letter_id) == {"sent": 2, "queued": 1}
        clock_of(runtime).advance(timedelta(days=1))
        assert send_due(runtime) == 16  # 80 % of 20, the letter among them
        assert states(runtime, letter_id) == {"sent": 3}


# ── paces, with a real mail server


def test_a_rate_lets_some_go_and_the_rest_waits_with_its_reason(
    sqlite_runtime: Runtime, mailing: Make
) -> None:
    with SmtpServer() as server:
        groups = {"google": {"per_minute": 60}}
        runtime = paced(sqlite_runtime, server, groups=groups)
        mailing_id = launch(runtime, mailing, {"gmail.com": 40, "shop.example": 40})
        sent = send_due(runtime)
        assert 40 + 1 <= sent <= 40 + 6
        assert states(runtime, mailing_id) == {"sent": sent, "queued": 80 - sent}
        assert waits(runtime) == {"pace:google": 80 - sent}
        assert sum("@shop.example" in who for who in server.recipients()) == 40
        with runtime.reading() as session:
            first = session.scalar(
                select(func.min(Message.next_attempt_at)).where(Message.status == "queued")
            )
        assert first is not None
        assert first > NOW


def test_a_letter_passes_before_the_newsletter_that_waits(sqlite_runtime: Runtime, mailing: Make) -> None:
    with SmtpServer() as server:
        runtime = paced(sqlite_runtime, server, groups={"google": {"per_minute": 120}})
        newsletter_id = launch(runtime, mailing, {"gmail.com": 200})
        letter_id = launch(runtime, mailing, {"gmail.com": 3}, kind="letter", source_id=2)
        send_due(runtime)
        assert states(runtime, letter_id) == {"sent": 3}
        assert states(runtime, newsletter_id)["queued"] > 190


@pytest.mark.parametrize(
    "words", ["421 4.7.0 too many messages", "450 4.7.1 slow down", "451 later", "452 4.3.1 busy"]
)
def test_a_refusing_receiver_is_asked_less_and_less_and_the_others_get_everything(
    sqlite_runtime: Runtime, mailing: Make, words: str
) -> None:
    with SmtpServer([Fault("rcpt", words, times=None, only="@busy.example")]) as server:
        runtime = paced(sqlite_runtime, server)
        mailing_id = launch(runtime, mailing, {"busy.example": 200, "quick.example": 200})
        send_due(runtime)
        asked = sum("RCPT" in line and "@busy.example" in line for line in server.commands)
        assert sum("@quick.example" in who for who in server.recipients()) == 200
        assert asked <= 60
        found = states(runtime, mailing_id)
        assert found == {"sent": 200, "queued": 200}
        assert waits(runtime)["slowed:busy.example"] >= 140
        assert not server.twice()


def test_slow_paces_are_kept_for_the_page_and_for_the_next_process(runtime: Runtime) -> None:
    standing = Standing("google", 12.5, 3000.0, 90.0, "421 4.7.28 unusual rate")
    with runtime.transaction() as session:
        keep_standings(session, "one", [standing], now=NOW)
        keep_standings(session, "two", [], now=NOW)
    with runtime.reading() as session:
        assert left_standings(session, now=NOW + timedelta(minutes=1)) == [replace(standing, seconds=150.0)]
        assert left_standings(session, now=NOW + timedelta(hours=1)) == []
    with runtime.transaction() as session:
        keep_standings(session, "one", [], now=NOW)
        assert not session.scalars(select(Pace)).all()


def test_each_sender_knows_its_place_among_those_at_work(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        for name, ago in (("b", 1), ("c", 2), ("gone", 60)):
            seen = NOW - timedelta(seconds=ago)
            session.add(Sender(name=name, host="", started_at=NOW, seen_at=seen, trouble=""))
        session.flush()
        assert [together(session, name, now=NOW) for name in ("a", "b", "c")] == [(0, 3), (0, 2), (1, 2)]


@pytest.mark.soak
def test_neighbours_of_a_slow_or_refusing_receiver_keep_their_rate() -> None:
    """The bench asserts that every quick mail arrives; the ratio (1: as without it) is noted, as timings never fail."""
    for name, ratio in neighbours().items():
        note(f"beside {name}", f"{ratio:.2f} of the rate without it", "1,000 mails to 10 quick receivers")

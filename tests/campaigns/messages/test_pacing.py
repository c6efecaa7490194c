"""Paces: what an answer says about ours, never more than the limit in any minute, slowing down and coming back."""

from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.config import PaceGroup, Pacing
from campaigns.mail import Answer
from campaigns.messages.pacing import (
    ALL,
    FLOOR,
    Gate,
    Pacer,
    Plan,
    ask_again,
    hint,
    impersonal,
    most_of_day,
    open_to,
    share,
    warm_up,
    why,
)
from campaigns.messages.rules import FairQueue


@dataclass
class Mail:
    id: int
    domain: str
    priority: int = 5
    waits_for: str = ""


def pacing(**values: object) -> Pacing:
    groups = values.pop("groups", {"google": {"domains": ["gmail.com", "googlemail.com"], "per_minute": 60}})
    return Pacing(groups=groups, **values)  # type: ignore[arg-type]


OK = Answer("dot", 250, "2.0.0 ok")


def refusal(words: str = "4.7.0 too many messages", code: int = 421) -> Answer:
    return Answer("rcpt", code, words)


# ── what an answer says


@pytest.mark.parametrize(
    ("step", "code", "words", "found"),
    [
        ("dot", 250, "2.0.0 ok", ""),
        ("rcpt", 421, "4.7.0 try again later", "slow"),
        ("rcpt", 421, "closing", "slow"),
        ("dot", 451, "4.7.650 The mail server has been temporarily rate limited", "slow"),
        ("rcpt", 450, "too many connections from your host", "slow"),
        ("data", 452, "4.5.3 too many recipients", "slow"),
        ("rcpt", 451, "Server busy, please try again later", "slow"),
        ("rcpt", 450, "later", "doubt"),
        ("rcpt", 450, "4.2.0 later", "doubt"),
        ("dot", 451, "4.3.0 local error in processing", "doubt"),
        ("dot", 452, "4.3.1 insufficient system storage", "doubt"),
        ("rcpt", 452, "4.2.2 mailbox full", "own"),
        ("rcpt", 450, "4.2.1 the user you are trying to contact is receiving mail too quickly", "own"),
        ("rcpt", 450, "4.1.1 address unverified", "own"),
        ("rcpt", 451, "4.7.1 Greylisted, come back in 5 minutes", "own"),
        ("rcpt", 450, "4.2.0 you are greylisted", "own"),
        ("mail", 451, "4.3.0 the relay itself is busy", ""),
        ("rcpt", 550, "5.7.1 too many spam reports", ""),
        ("dot", None, "no answer", ""),
        ("connect", None, "421 4.7.0 closing", "slow"),
        ("connect", None, "connection reset", ""),
    ],
)
def test_an_answer_is_read_by_its_meaning(step: str, code: int | None, words: str, found: str) -> None:
    assert hint(Answer(step, code, words)) == found


def test_a_server_s_words_are_kept_without_addresses() -> None:
    words = "421 4.7.0 <Bob.Smith@gmail.com>: bob.smith gets too much from bounce+x1@shop.example (see RFC)"
    kept = impersonal(words, "bob.smith@gmail.com")
    assert kept == "421 4.7.0 <address>: <address> gets too much from <address> (see RFC)"
    assert len(impersonal("x" * 999)) == 200


# ── limits


@given(st.integers(0, 10_000), st.integers(1, 16))
def test_the_shares_of_a_limit_add_up_to_it(number: int, count: int) -> None:
    shares = [share(number, rank, count) for rank in range(count)]
    assert sum(shares) == number
    assert max(shares) - min(shares) <= 1


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 400), st.lists(st.floats(0, 3), min_size=1, max_size=60), st.integers(1, 30))
def test_no_minute_ever_holds_more_than_the_limit(limit: int, pauses: list[float], crowd: int) -> None:
    gate, now, passed = Gate(), 0.0, []
    for pause in pauses * 3:
        now += pause
        for _ in range(crowd):
            if now < gate.free_at(limit):
                break
            gate.take(now, limit)
            passed.append(now)
    for index, moment in enumerate(passed):
        assert sum(1 for other in passed[index:] if other < moment + 60) <= limit


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 300),
    st.lists(
        st.tuples(st.floats(0.01, 5), st.sampled_from(["take", "take", "take", "slow", "ok"])), max_size=200
    ),
)
def test_whatever_the_answers_are_the_limit_holds_and_the_pace_stays_above_its_floor(
    limit: int, steps: list[tuple[float, str]]
) -> None:
    pacer = Pacer(pacing(groups={"google": {"domains": ["gmail.com"], "per_minute": limit}}))
    now, taken = 0.0, []
    for pause, step in steps:
        now += pause
        if step == "take":
            while pacer.may_go("google", 0, now):
                pacer.gone("google", now)
                taken.append(now)
        else:
            pacer.heard("google", refusal() if step == "slow" else OK, taken_at=now, now=now)
        for standing in pacer.standings(now):
            assert FLOOR <= standing.per_minute <= limit
    for index, moment in enumerate(taken):
        assert sum(1 for other in taken[index:] if other < moment + 60) <= limit


@pytest.mark.parametrize("limit", [1, 7, 60, 600, 3000])
def test_in_the_long_run_nearly_the_whole_limit_is_used(limit: int) -> None:
    gate, now, passed = Gate(), 0.0, 0
    while now < 600:
        while now >= gate.free_at(limit):
            gate.take(now, limit)
            passed += 1
        now += 0.02
    assert limit * 10 * 0.96 <= passed <= limit * 10


def test_a_group_shares_its_limit_and_others_have_none() -> None:
    pacer = Pacer(pacing())
    assert pacer.key("gmail.com") == pacer.key("googlemail.com") == "google"
    assert pacer.may_go("google", 0, 0.0)
    for _ in range(2):
        pacer.gone("google", 0.0)
    assert not pacer.may_go("google", 0, 0.5)
    for _ in range(1000):
        assert pacer.may_go("shop.example", 0, 0.5)
        pacer.gone("shop.example", 0.5)


def test_connections_are_shared_by_the_processes() -> None:
    settings_ = pacing(groups={"orange": {"domains": ["orange.fr"], "connections": 3}}, domain_connections=1)
    first, second = (Pacer(settings_, rank=rank, count=2) for rank in (0, 1))
    assert [first.may_go("orange", n, 0.0) for n in (1, 2)] == [True, False]
    assert [second.may_go("orange", n, 0.0) for n in (0, 1)] == [True, False]
    assert first.may_go("other.example", 0, 0.0)
    assert not second.may_go("other.example", 0, 0.0)


def test_everything_together_has_a_limit_of_its_own() -> None:
    pacer = Pacer(pacing(per_minute=60, groups={}))
    assert pacer.is_open(0.0)
    pacer.gone("a.example", 0.0)
    pacer.gone("b.example", 0.0)
    assert not pacer.is_open(0.5)
    assert pacer.is_open(3.0)


def test_every_other_domain_may_have_a_limit_and_memory_stays_flat() -> None:
    pacer = Pacer(pacing(domain_per_minute=60))
    for number in range(5000):
        pacer.gone(f"d{number}.example", 0.0)
    assert not any(pacer.may_go(f"d{number}.example", 0, 0.5) for number in range(5000))
    for moment in (11.0, 22.0, 33.0):
        pacer.tidy(moment)
    assert pacer._paces.keys() == pacer._groups.keys()
    assert not pacer._counts
    assert not pacer._counts_before


# ── slowing down


def busy(pacer: Pacer, key: str, per_second: int, *, since: float, seconds: int = 10) -> float:
    for second in range(seconds):
        for n in range(per_second):
            pacer.gone(key, since + second + n / per_second)
    pacer.tidy(since + seconds)
    return since + seconds


def pace_of(pacer: Pacer, key: str, now: float) -> float:
    found = {each.key: each.per_minute for each in pacer.standings(now)}
    return found.get(key, float("inf"))


def test_a_receiver_that_says_421_gets_half_and_the_others_are_left_alone() -> None:
    pacer = Pacer(pacing(groups={}))
    now = busy(pacer, "slow.example", 10, since=100.0)
    busy(pacer, "quick.example", 10, since=100.0)
    pacer.heard("slow.example", refusal(), taken_at=now, now=now)
    assert pace_of(pacer, "slow.example", now) == pytest.approx(300, rel=0.05)
    assert [each.key for each in pacer.standings(now)] == ["slow.example"]
    assert pacer.may_go("quick.example", 0, now)


def test_one_refusal_counts_once_for_all_that_were_under_way() -> None:
    pacer = Pacer(pacing(groups={}))
    now = busy(pacer, "slow.example", 10, since=100.0)
    for n in range(50):
        pacer.heard("slow.example", refusal(), taken_at=now - 0.5, now=now + n / 1000)
    assert pace_of(pacer, "slow.example", now + 0.05) == pytest.approx(300, rel=0.05)
    pacer.heard("slow.example", refusal(), taken_at=now + 1, now=now + 2)
    assert pace_of(pacer, "slow.example", now + 2) == pytest.approx(150, rel=0.05)


def test_it_never_falls_below_one_a_minute_and_comes_back_by_itself_within_twenty_minutes() -> None:
    pacer = Pacer(pacing(groups={}))
    now = busy(pacer, "slow.example", 10, since=100.0)
    for _ in range(30):
        now += 0.1
        pacer.heard("slow.example", refusal(), taken_at=now, now=now)
    assert pace_of(pacer, "slow.example", now) == FLOOR
    paces = [pace_of(pacer, "slow.example", now + 60 * minute) for minute in range(20)]
    assert paces == sorted(paces)
    assert paces[10] == pytest.approx(300, rel=0.05)
    pacer.tidy(now + 1201)
    assert not pacer.standings(now + 1201)
    assert pacer.may_go("slow.example", 0, now + 1201)
    assert not pacer.is_bounded("slow.example")


def test_a_doubtful_refusal_counts_when_a_second_follows_within_twenty_answers() -> None:
    pacer = Pacer(pacing(groups={}))
    doubtful = refusal("4.3.0 local error", 451)
    now = busy(pacer, "d.example", 10, since=100.0)
    for _ in range(3):
        pacer.heard("d.example", doubtful, taken_at=now, now=now)
        for _ in range(20):
            pacer.heard("d.example", OK, taken_at=now, now=now)
    assert not pacer.standings(now)
    pacer.heard("d.example", doubtful, taken_at=now, now=now)
    for _ in range(19):
        pacer.heard("d.example", OK, taken_at=now, now=now)
    pacer.heard("d.example", doubtful, taken_at=now, now=now)
    assert pace_of(pacer, "d.example", now) < 600


def test_refusals_of_single_recipients_slow_nobody_down() -> None:
    pacer = Pacer(pacing(groups={}))
    for _ in range(50):
        pacer.heard("d.example", refusal("4.2.2 mailbox full", 452), taken_at=1.0, now=1.0)
    assert not pacer.standings(1.0)


def test_a_restart_goes_on_at_the_pace_that_was_learnt() -> None:
    old = Pacer(pacing())
    old.heard("google", refusal("4.7.28 unusual rate"), taken_at=50.0, now=50.0)
    fresh = Pacer(pacing())
    fresh.resume(old.standings(60.0), 1000.0)
    (left,) = fresh.standings(1000.0)
    assert (left.key, left.seconds) == ("google", 10.0)
    assert left.per_minute == pytest.approx(pace_of(old, "google", 60.0))
    assert "unusual rate" in left.because


# ── what may be claimed


def plan(pacer: Pacer, waiting: dict[str, dict[int, int]] | None = None, now: float = 0.0) -> Plan:
    return pacer.plan(waiting or {}, now)


def test_what_has_a_pace_is_claimed_a_little_ahead_and_the_rest_gets_its_moment() -> None:
    pacer = Pacer(pacing())
    made = plan(pacer)
    mails = [Mail(n, "gmail.com") for n in range(10)] + [Mail(100 + n, "else.example") for n in range(10)]
    assert made.admit(mails) == [0, 1, 2, *range(100, 110)]
    assert {each.reason for each in made.put_off} == {"pace:google"}
    assert len(made.put_off) == 7
    assert all(1 <= each.seconds <= 10 for each in made.put_off)


def test_letters_pass_before_newsletters_that_wait_for_the_same_pace() -> None:
    pacer = Pacer(pacing())
    plan(pacer).admit([Mail(n, "gmail.com") for n in range(500)])
    made = plan(pacer, {"google": {5: 2}})
    letter = Mail(1000, "gmail.com", priority=3)
    assert made.admit([Mail(900, "gmail.com"), letter, Mail(901, "gmail.com")])[0] == 1000
    later = plan(pacer, {"google": {5: 2, 3: 3}})
    assert later.admit([Mail(1001, "gmail.com", priority=3)]) == []
    assert later.put_off[0].seconds < 10  # after the three letters, not after five hundred newsletters


@given(st.floats(0, 1e7), st.integers(1, 10**9), st.integers(0, 10**6))
def test_each_asks_again_within_half_of_the_wait_and_two_hours(seconds: float, id_: int, turn: int) -> None:
    assert 1 <= ask_again(seconds, id_, turn) <= max(min(seconds / 2, 7200), 1)
    assert ask_again(seconds, id_, turn, most=600) <= 600


@pytest.mark.parametrize(("number", "limit"), [(300, 60), (3000, 600)])
def test_a_paced_crowd_leaves_at_its_pace_to_the_last(number: int, limit: int) -> None:
    """A simulation of claims and lines: nothing starves, nothing is lost, the pace is used."""
    settings_ = pacing(groups={"google": {"domains": ["gmail.com"], "per_minute": limit}})
    pacer = Pacer(settings_)
    queue: FairQueue[Mail] = FairQueue(4, pacer)
    due = dict.fromkeys(range(number), 0.0)
    sent: list[float] = []
    now, writes = 0.0, 0
    reasons: dict[int, str] = {}
    while len(sent) < number and now < 10 * 3600:
        ready = sorted((at, n) for n, at in due.items() if at <= now)[:500]
        made = pacer.plan(queue.waiting(), now)
        for n in made.admit([Mail(n, "gmail.com", waits_for=reasons.get(n, "")) for _, n in ready]):
            queue.add(Mail(n, "gmail.com"))
            del due[n]
        for each in made.put_off:
            due[each.message_id] = now + each.seconds
            reasons[each.message_id] = each.reason
            writes += 1
        for _ in range(3):
            while queue.take(now) is not None:
                queue.done("gmail.com")
                sent.append(now)
            now += 0.1
        pacer.tidy(now)
    assert len(sent) == number
    assert not due
    assert sent[-1] <= number / limit * 60 * 1.1 + 5
    assert writes <= 5 * number


# ── numbers of a day


def test_the_warm_up_doubles_each_day_until_its_end() -> None:
    plan_ = pacing(warm_up_from="2026-11-23", warm_up_first=200, warm_up_until=1000)
    assert warm_up(plan_) == [
        (date(2026, 11, 23), 200),
        (date(2026, 11, 24), 400),
        (date(2026, 11, 25), 800),
        (date(2026, 11, 26), 1000),
    ]
    days = [most_of_day(plan_, ALL, date(2026, 11, day)) for day in (22, 23, 26, 27)]
    assert days == [0, 200, 1000, 0]
    capped = pacing(warm_up_from="2026-11-23", warm_up_first=200, per_day=300)
    assert [most_of_day(capped, ALL, date(2026, 11, day)) for day in (23, 24)] == [200, 300]
    assert warm_up(pacing()) == []


def test_newsletters_leave_a_part_of_the_day_to_letters() -> None:
    assert open_to(100, is_bulk=True, letters_share=0.1) == 90
    assert open_to(100, is_bulk=False, letters_share=0.1) == 100


def test_a_reason_is_told_in_a_sentence() -> None:
    assert why("pace:google") == "It waits for its turn: google gets so many mails a minute."
    assert "next day" in why("quota:*")
    assert "everybody" in why("quota:*")
    assert why("no_consent") == ""


# ── settings


def test_what_is_written_changes_the_known_groups_and_adds_to_them() -> None:
    made = Pacing.model_validate(
        {"groups": {"google": {"per_day": 500}, "shop": {"domains": ["Shop.Example"]}}}
    )
    assert made.groups["google"] == PaceGroup(
        domains=["gmail.com", "googlemail.com"], connections=5, per_minute=3000, per_day=500
    )
    assert made.groups["shop"].domains == ["shop.example"]
    assert "orange" in made.groups


@pytest.mark.parametrize(
    "values",
    [
        {"groups": {"a": {"domains": ["gmail.com"]}}},
        {"groups": {"a.b": {"domains": ["x.example"]}}},
        {"warm_up_from": "tomorrow"},
        {"letters_share": 1},
        {"groups": {"google": {"per_minute": -1}}},
    ],
)
def test_settings_that_cannot_be_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Pacing.model_validate(values)


# ── the order of service


def take_all(queue: FairQueue[Mail], now: float = 0.0) -> list[int]:
    found = []
    while (mail := queue.take(now)) is not None:
        found.append(mail.id)
    return found


def test_receivers_take_turns_within_a_priority() -> None:
    queue: FairQueue[Mail] = FairQueue(4, Pacer(pacing(groups={})))
    for n in range(3):
        queue.add(Mail(n, "a.example"))
    queue.add(Mail(10, "b.example"))
    queue.add(Mail(20, "c.example", priority=3))
    assert take_all(queue) == [20, 0, 10, 1, 2]


def slow_and_quick() -> FairQueue[Mail]:
    """A receiver known to be slow, with ten mails, and a quick one with three."""
    queue: FairQueue[Mail] = FairQueue(4, Pacer(pacing(groups={})))
    queue.add(Mail(999, "slow.example"))
    assert queue.take(0.0) is not None
    queue.done("slow.example", seconds=2.0)
    for n in range(10):
        queue.add(Mail(n, "slow.example"))
    for n in range(3):
        queue.add(Mail(100 + n, "quick.example"))
    return queue


def test_a_slow_receiver_takes_no_line_while_quick_ones_wait() -> None:
    queue = slow_and_quick()
    assert queue.needs_spare
    assert queue.at_hand(0) == 3
    assert queue.crowded(5) == ["slow.example"]
    assert [queue.take(0.0).id for _ in range(3)] == [100, 101, 102]  # type: ignore[union-attr]
    assert len(take_all(queue)) == 3  # never all lines: somebody quick may come


def test_a_receiver_that_owes_its_first_answer_counts_as_slow() -> None:
    queue: FairQueue[Mail] = FairQueue(4, Pacer(pacing(groups={})))
    for n in range(5):
        queue.add(Mail(n, "new.example"))
        queue.add(Mail(100 + n, "quick.example"))
    assert [queue.take(0.0).id for _ in range(2)] == [0, 100]  # type: ignore[union-attr]
    queue.done("quick.example", seconds=0.01)
    found = [queue.take(0.6).id for _ in range(4)]  # type: ignore[union-attr]
    assert found == [101, 102, 103, 104]
    queue.done("new.example", seconds=0.01)
    assert not queue.needs_spare


def test_spare_lines_carry_the_slow_only() -> None:
    queue = slow_and_quick()
    assert [queue.take(0.0, is_spare=True).id for _ in range(3)] == [0, 1, 2]  # type: ignore[union-attr]
    quick: FairQueue[Mail] = FairQueue(4, Pacer(pacing(groups={})))
    quick.add(Mail(1, "quick.example"))
    assert quick.take(0.0, is_spare=True) is None


def test_a_paced_receiver_is_passed_over_and_not_counted_at_hand() -> None:
    pacer = Pacer(pacing())
    queue: FairQueue[Mail] = FairQueue(4, pacer)
    for n in range(5):
        queue.add(Mail(n, "gmail.com"))
    for n in range(3):
        queue.add(Mail(100 + n, "quick.example"))
    assert take_all(queue) == [0, 100, 101, 102]
    assert queue.at_hand(50) == 0
    assert len(queue) == 4
    assert take_all(queue, now=1.5) == [1]
    assert queue.waiting() == {"*": {5: 3}, "google": {5: 3}}

"""Risk, phase, cause, loyalty and lights: tables made by hand, and the rule for one against the rule for columns."""

from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.scoring.loyalty import (
    LIGHTS,
    TYPE_NAMES,
    UNTOLD,
    attitude,
    attitude_codes,
    attitude_evidence,
    behaviour,
    behaviour_codes,
    light_codes,
    lights,
    loyalty,
    type_codes,
)
from campaigns.scoring.relation import (
    CAUSE_NAMES,
    ENDINGS,
    PHASES,
    RISKS,
    Known,
    RhythmRule,
    cause,
    cause_codes,
    limits_of_silence,
    phase,
    phase_codes,
    risk,
    risk_codes,
    usual_gap,
    usual_gaps,
)
from campaigns.scoring.rules import DAY

NOW = 20_000 * DAY
RULE = RhythmRule(at_risk=2, lost=3, least_days=30, shop_gap=40)


def ago(days: float) -> int:
    return NOW - int(days * DAY)


def buyer(days: int = 10, **changes: Any) -> Known:
    """Five order days over a year, 40 days between two of them usually, the last one `days` ago."""
    usual = Known(
        now=NOW,
        orders=5,
        days_bought=5,
        first=ago(days + 365),
        last=ago(days),
        gap=40.0,
        longest=60.0,
        categories=2,
    )
    return replace(usual, **changes)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (Known(now=NOW), ""),
        (buyer(80), "steady"),  # 2 × 40 days is still the limit
        (buyer(81), "at_risk"),
        (buyer(120), "at_risk"),
        (buyer(121), "lost"),
        (buyer(30, gap=2.0, longest=3.0), "steady"),  # a daily buyer has 30 days
        (buyer(31, gap=2.0, longest=3.0), "at_risk"),
        (buyer(46, gap=2.0, longest=3.0), "lost"),  # 30 × 3 / 2 = 45
        (buyer(200, longest=200.0), "steady"),  # was silent for as long before, and came back
        (buyer(300, longest=200.0), "at_risk"),
        (buyer(301, longest=200.0), "lost"),
        (
            Known(now=NOW, orders=1, days_bought=1, first=ago(81), last=ago(81)),
            "at_risk",
        ),  # by the shop's gap
        (buyer(121, days_bought=2, gap=300.0, longest=300.0), "lost"),  # one gap is no rhythm yet
    ],
)
def test_lost_is_told_by_the_own_rhythm(known: Known, expected: str) -> None:
    assert risk(known, RULE) == expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (Known(now=NOW), ("awareness", "")),
        (Known(now=NOW, left=ago(3)), ("dissolution", "by_them")),
        (Known(now=NOW, left=ago(3), dropped=ago(2)), ("dissolution", "both")),
        (Known(now=NOW, orders=1, days_bought=1, first=ago(9), last=ago(9)), ("exploration", "")),
        (
            Known(now=NOW, orders=1, days_bought=1, first=ago(9), last=ago(9), left=ago(3)),
            ("exploration", ""),
        ),
        (buyer(days_bought=2, categories=1, orders=2), ("exploration", "")),
        (buyer(days_bought=2, categories=2, orders=2), ("expansion", "")),
        (buyer(days_bought=3, categories=1, orders=3), ("expansion", "")),
        (buyer(), ("expansion", "")),  # regular for a year, but nothing tells that they are for us
        (buyer(engagement=0.5), ("commitment", "")),
        (buyer(engagement=0.5, first=ago(100)), ("expansion", "")),  # not long enough
        (buyer(engagement=0.5, open_complaints=1, complaint=ago(2)), ("expansion", "")),
        (buyer(100, engagement=0.5), ("expansion", "")),  # overdue
        (buyer(100, left=ago(50)), ("dissolution", "by_them")),
        (buyer(100, left=ago(150)), ("expansion", "")),  # came back after taking leave
        (buyer(100, dropped=ago(50)), ("dissolution", "by_us")),
        (buyer(200), ("dissolution", "silent")),
        (buyer(10, contract_ends=ago(5)), ("dissolution", "by_them")),
        (buyer(10, contract_ends=NOW + DAY), ("expansion", "")),
    ],
)
def test_the_phase_follows_from_orders_rhythm_and_attitude(known: Known, expected: tuple[str, str]) -> None:
    assert phase(known, risk(known, RULE), attitude(known)) == expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (buyer(10), ""),
        (buyer(200), ""),
        (buyer(200, complaint=ago(250)), "dissatisfied"),
        (buyer(200, complaint=ago(400)), ""),
        (buyer(200, problem=ago(190), problems=3), "repeated_failures"),
        (buyer(200, contract_ends=ago(100)), "contract"),
        (buyer(200, left=ago(100)), "took_leave"),
        (buyer(200, left=ago(100), told_cause=CAUSE_NAMES.index("better_offer")), "better_offer"),
    ],
)
def test_the_cause_is_told_only_by_evidence(known: Known, expected: str) -> None:
    at_risk = risk(known, RULE)
    assert cause(known, at_risk, phase(known, at_risk, attitude(known))[1]) == expected


@pytest.mark.parametrize(
    ("known", "expected", "axes"),
    [
        (Known(now=NOW), "unknown", (None, None)),
        (buyer(), "unknown", (1, None)),
        (buyer(engagement=0.5), "solid", (1, 1)),
        (buyer(last_reply=ago(300)), "solid", (1, 1)),
        (buyer(last_reply=ago(366)), "unknown", (1, None)),
        (buyer(mails_since_sign=6), "inertia", (1, 0)),
        (buyer(promotion_orders=5), "inertia", (1, 0)),
        (buyer(mails_since_sign=6, contract_ends=NOW + 90 * DAY), "retention", (1, 0)),
        (buyer(engagement=2.0, mark=0.3, mark_at=ago(20)), "retention", (1, -1)),
        (buyer(engagement=2.0, alternatives=0), "retention", (1, 1)),
        (buyer(mark=0.9, mark_at=ago(20), alternatives=1), "solid", (1, 1)),
        (buyer(mark=0.9, mark_at=ago(400)), "unknown", (1, None)),
        (buyer(mark=0.5, mark_at=ago(4)), "unknown", (1, None)),
        (buyer(open_complaints=1, complaint=ago(2)), "retention", (1, -1)),
        (buyer(complaint=ago(40), complaint_closed=ago(30)), "solid", (1, 1)),
        (buyer(100, engagement=2.0), "unknown", (0, 1)),
    ],
)
def test_the_type_of_loyalty_follows_from_both_axes(
    known: Known, expected: str, axes: tuple[int | None, int | None]
) -> None:
    found = loyalty(known, risk(known, RULE))
    assert (found.name, (found.behaviour, found.attitude)) == (expected, axes)
    assert found.behaviour_lines and found.attitude_lines and found.would_change


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (Known(now=NOW), (None, None, None, None, None)),
        (buyer(open_complaints=1, complaint=ago(2), mark=0.9, mark_at=ago(9)), (0, None, None, None, 1)),
        (buyer(mark=0.9, mark_at=ago(9), trust=0.8, again=1.0), (1, 1, 1, None, 1)),
        (buyer(mark=0.5, mark_at=ago(9), trust=0.2, again=0.1), (None, 0, 0, None, 1)),
        (buyer(complaint=ago(40), complaint_closed=ago(30)), (1, 1, None, None, None)),
        (buyer(problem=ago(3)), (0, None, None, None, None)),
        (buyer(left=ago(1), engagement=1.0), (None, None, 0, 1, None)),
        (buyer(first=ago(900), engagement=0.3), (None, None, 1, None, None)),
        (buyer(first=ago(900), promotion_orders=5, mails_since_sign=6), (None, None, 0, 0, None)),
        (buyer(surveys=3), (None, None, None, None, 0)),
        (buyer(surveys=3, last_reply=ago(2)), (None, None, None, None, 1)),
    ],
)
def test_each_light_is_lit_by_evidence_and_says_which(known: Known, expected: tuple[int | None, ...]) -> None:
    found = lights(known, risk(known, RULE))
    assert tuple(each.state for each in found) == expected
    assert [each.name for each in found] == list(LIGHTS)
    assert all(each.line.endswith(".") for each in found)


def test_without_evidence_nothing_is_told() -> None:
    assert attitude_evidence(buyer()) == []
    assert attitude(buyer()) is None
    assert behaviour(Known(now=NOW), "") is None


moments = st.one_of(st.just(-1), st.integers(0, 900).map(ago))
marks = st.one_of(st.none(), st.floats(0, 1))


@st.composite
def relations(draw: st.DrawFn) -> Known:
    orders = draw(st.integers(0, 6))
    days_bought = draw(st.integers(1, orders)) if orders else 0
    last = draw(st.integers(0, 500))
    first = last + draw(st.integers(1, 900)) if days_bought > 1 else last
    gap = draw(st.floats(1, 200)) if days_bought > 1 else None
    return Known(
        now=NOW,
        orders=orders,
        days_bought=days_bought,
        first=ago(first) if orders else -1,
        last=ago(last) if orders else -1,
        gap=gap,
        longest=None if gap is None else gap + draw(st.integers(0, 200)),
        categories=draw(st.integers(0, 3)),
        promotion_orders=draw(st.integers(0, orders)),
        engagement=draw(st.sampled_from([0.0, 0.2, 0.5, 1.0, 3.0])),
        last_reply=draw(moments),
        mails_since_sign=draw(st.integers(0, 9)),
        surveys=draw(st.integers(0, 4)),
        left=draw(moments),
        dropped=draw(moments),
        contract_ends=draw(st.one_of(moments, st.just(NOW + 30 * DAY))),
        mark=draw(marks),
        mark_at=draw(moments),
        trust=draw(marks),
        again=draw(marks),
        alternatives=draw(st.sampled_from([-1, 0, 1])),
        complaint=draw(moments),
        complaint_closed=draw(moments),
        open_complaints=draw(st.integers(0, 1)),
        problem=draw(moments),
        problems=draw(st.integers(0, 4)),
        told_cause=draw(st.integers(0, len(CAUSE_NAMES) - 1)),
    )


def columns(people: list[Known]) -> Any:
    """The same people as columns; None as NaN."""
    found: dict[str, Any] = {"now": NOW}
    for each in fields(Known)[1:]:
        values = [getattr(person, each.name) for person in people]
        if each.name in ("gap", "longest", "mark", "trust", "again", "engagement"):
            found[each.name] = np.array([np.nan if value is None else value for value in values])
        else:
            found[each.name] = np.array(values, dtype=np.int64)
    return SimpleNamespace(**found)


@settings(max_examples=150, deadline=None)
@given(st.lists(relations(), min_size=1, max_size=12))
def test_the_rule_for_columns_says_what_the_rule_for_one_says(people: list[Known]) -> None:
    facts = columns(people)
    risks = risk_codes(facts, RULE)
    attitudes, behaviours = attitude_codes(facts), behaviour_codes(facts, risks)
    phases, hows = phase_codes(facts, risks, attitudes)
    causes, types = cause_codes(facts, risks, hows), type_codes(facts, behaviours, attitudes)
    lit, gaps = light_codes(facts, risks), usual_gaps(facts, RULE)
    for place, known in enumerate(people):
        at_risk = risk(known, RULE)
        does, feels = behaviour(known, at_risk), attitude(known)
        name, how = phase(known, at_risk, feels)
        assert RISKS[risks[place]] == at_risk
        assert gaps[place] == usual_gap(known, RULE)
        assert (attitudes[place], behaviours[place]) == tuple(
            UNTOLD if x is None else x for x in (feels, does)
        )
        assert (PHASES[phases[place]], ENDINGS[hows[place]]) == (name, how)
        assert CAUSE_NAMES[causes[place]] == cause(known, at_risk, how)
        assert TYPE_NAMES[types[place]] == loyalty(known, at_risk).name
        states = [UNTOLD if each.state is None else each.state for each in lights(known, at_risk)]
        assert [lit[light][place] for light in LIGHTS] == states


@settings(max_examples=60, deadline=None)
@given(relations(), st.integers(0, 60))
def test_silence_alone_never_makes_a_relation_better(known: Known, days: int) -> None:
    later = replace(known, now=known.now + days * DAY)
    assert RISKS.index(risk(later, RULE)) >= RISKS.index(risk(known, RULE))
    soon, gone = limits_of_silence(known, RULE)
    assert soon <= gone

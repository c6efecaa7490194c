"""Segments are saved, counted, copied and put away."""

from typing import Any

import pytest

from campaigns import segments
from campaigns.errors import Conflict, Invalid, NotFound
from campaigns.runtime import Runtime
from tests.campaigns.segments.world import MOMENTS, World


def save(session: Any, runtime: Runtime, name: str = "Mine", rule: Any = None, id_: int | None = None) -> Any:
    return segments.save_segment(
        session,
        id_,
        name=name,
        rule={"all": []} if rule is None else rule,
        fields=runtime.fields,
        now=runtime.clock.now(),
        zone=runtime.config.zone,
    )


def ways(runtime: Runtime) -> dict[str, Any]:
    return {"fields": runtime.fields, "now": runtime.clock.now(), "zone": runtime.config.zone}


def test_a_saved_segment_knows_its_size_and_when_it_was_counted(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        World(1, MOMENTS[0], size=12).fill(session)
        saved = save(session, runtime)
        assert (saved.last_count, saved.counted_at) == (12, runtime.clock.now())


def test_nothing_is_saved_while_anything_is_wrong(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        save(session, runtime, "Taken")
        with pytest.raises(Invalid) as caught:
            save(session, runtime, " taken ", {"all": [{"field": "x"}]})
        assert set(caught.value.faults) == {"name", "/all/0/field"}
        assert [each.name for each in segments.list_segments(session)] == ["Taken"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\0b"])
def test_a_segment_needs_a_name(runtime: Runtime, name: str) -> None:
    with runtime.transaction() as session, pytest.raises(Invalid) as caught:
        save(session, runtime, name)
    assert "name" in caught.value.faults


def test_ready_made_ones_are_seeded_once(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        assert segments.seed_segments(session, **ways(runtime)) == len(segments.READY)
        assert segments.seed_segments(session, **ways(runtime)) == 0
        with pytest.raises(Conflict):
            segments.copy_ready(session, "loyal", **ways(runtime))
        with pytest.raises(NotFound):
            segments.copy_ready(session, "none such", **ways(runtime))


def test_a_copy_gets_a_free_name(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        first = save(session, runtime)
        names = [segments.duplicate_segment(session, first.id, **ways(runtime)).name for _ in range(2)]
    assert names == ["Mine (copy)", "Mine (copy 2)"]


def test_what_is_put_away_is_not_offered_and_can_be_taken_back(runtime: Runtime) -> None:
    now = runtime.clock.now()
    with runtime.transaction() as session:
        saved = save(session, runtime)
        segments.archive(session, saved.id, now=now)
        assert not segments.list_segments(session)
        assert [each.id for each in segments.list_segments(session, archived=True)] == [saved.id]
        with pytest.raises(Conflict):
            segments.archive(session, saved.id, now=now)
        segments.unarchive(session, saved.id, now=now)
        assert [each.id for each in segments.list_segments(session)] == [saved.id]


def test_overlap_and_sample(runtime: Runtime) -> None:
    world = World(2, MOMENTS[0], size=30)
    french = {"all": [{"field": "customer.country", "op": "is", "value": "FR"}]}
    agreed = {"all": [{"field": "consent.mail", "op": "truth", "value": True}]}
    now, zone = world.now, runtime.config.zone
    with runtime.transaction() as session:
        world.fill(session)
        one = {p.id for p in world.people if p.plain["customer.country"] == "FR"}
        other = {p.id for p in world.people if p.plain["consent.mail"]}
        shared = segments.overlap(session, french, agreed, runtime.fields, now=now, zone=zone)
        assert (shared.both, shared.first_only, shared.second_only) == (
            len(one & other),
            len(one - other),
            len(other - one),
        )
        shown = segments.sample(session, french, runtime.fields, now=now, zone=zone, size=3)
        assert len(shown) == 3 and {each.id for each in shown} <= one
        again = segments.sample(session, french, runtime.fields, now=now, zone=zone, size=3)
        assert [each.id for each in again] == [each.id for each in shown]


def test_the_editor_is_told_the_count_of_each_condition(runtime: Runtime) -> None:
    world = World(2, MOMENTS[0], size=30)
    rule = {
        "none": [
            {"field": "customer.country", "op": "is", "value": "FR", "if_unknown": False},
            {"any": [{"field": "customer.tags", "op": "has_any", "value": ["vip"]}]},
        ]
    }
    with runtime.transaction() as session:
        world.fill(session)
        found = segments.counts(session, rule, runtime.fields, now=world.now, zone=runtime.config.zone)
    french = {p.id for p in world.people if p.plain["customer.country"] == "FR"}
    vip = {p.id for p in world.people if "vip" in p.tags}
    assert found.conditions == {"/none/0": len(french), "/none/1/any/0": len(vip)}
    assert (found.total, found.everybody) == (30 - len(french | vip), 30)


def test_an_explanation_shows_each_value(runtime: Runtime) -> None:
    world = World(2, MOMENTS[0], size=3)
    person = world.people[0]
    person.plain["customer.country"], person.orders = "", []
    rule = {
        "all": [
            {"field": "customer.country", "op": "is_not", "value": "FR", "if_unknown": True},
            {"field": "purchases.last", "op": "not_in_last", "value": 90, "if_unknown": False},
            {"field": "purchases.count", "op": "equals", "value": 0},
        ]
    }
    with runtime.transaction() as session:
        world.fill(session)
        told = segments.explain(session, rule, 1, runtime.fields, now=world.now, zone=runtime.config.zone)
        with pytest.raises(NotFound):
            segments.explain(session, rule, 99, runtime.fields, now=world.now, zone=runtime.config.zone)
    assert not told.is_in
    assert [(part.holds, part.value) for part in told.reason.parts] == [
        (True, "not known"),
        (False, "not known"),
        (True, "0"),
    ]
    assert "does not count" in told.reason.parts[1].sentence

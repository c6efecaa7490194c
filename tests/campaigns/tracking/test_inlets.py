"""The ways in for returned mail: seen, silent, hindered, tried again ever later."""

from datetime import timedelta

from campaigns.clock import FrozenClock
from campaigns.runtime import Runtime
from campaigns.tracking import note_inlet, silent_inlets
from campaigns.tracking.inlets import LONGEST_WAIT, may_try, note_trouble


def test_who_was_seen_is_well_and_who_fell_silent_is_told(runtime: Runtime, clock: FrozenClock) -> None:
    with runtime.transaction() as session:
        assert silent_inlets(session, now=clock.now()) == []
        note_inlet(session, "listener", now=clock.now())
        note_inlet(session, "mailbox", now=clock.now())
    clock.advance(timedelta(minutes=4))
    with runtime.reading() as session:
        assert [each.name for each in silent_inlets(session, now=clock.now())] == ["listener"]


def test_a_hindrance_is_tried_again_ever_later_and_forgotten_when_it_is_over(
    runtime: Runtime, clock: FrozenClock
) -> None:
    waits = []
    for _ in range(9):
        with runtime.transaction() as session:
            next_at = note_trouble(
                session, "mailbox", "It is closed.", now=clock.now(), first=timedelta(minutes=1)
            )
            assert not may_try(session, "mailbox", now=clock.now())
        waits.append(next_at - clock.now())
        clock.move_to(next_at)
    assert waits[:3] == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert waits[-1] == LONGEST_WAIT
    with runtime.transaction() as session:
        assert [each.sentence for each in silent_inlets(session, now=clock.now())] == ["It is closed."]
        note_inlet(session, "mailbox", now=clock.now())
        assert may_try(session, "mailbox", now=clock.now())
        assert silent_inlets(session, now=clock.now()) == []

"""One clock among many processes."""

from datetime import timedelta

from campaigns.clock import FrozenClock
from campaigns.runtime import Runtime
from scheduler.lease import SECONDS, Turn


def test_the_second_stands_by_until_the_first_is_gone(runtime: Runtime, clock: FrozenClock) -> None:
    first, second = Turn(runtime), Turn(runtime)
    assert first.renew()
    assert not second.renew()
    clock.advance(timedelta(seconds=SECONDS + 1))
    assert second.renew()
    assert not first.renew()
    assert not first.is_held


def test_given_back_it_is_taken_at_once(runtime: Runtime) -> None:
    first, second = Turn(runtime), Turn(runtime)
    first.renew()
    first.give_back()
    assert second.renew()
    first.give_back()
    assert second.renew(), "what is not held is not given back"

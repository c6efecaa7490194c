"""The tasks of the staff: taken, done with an answer, once."""

from collections.abc import Callable

from campaigns import journeys
from campaigns.runtime import Runtime
from scheduler.jobs import advance_journeys
from tests.cast import everybody, person
from tests.webapp.conftest import Browser


def test_a_task_is_taken_and_done_once(log_in: Callable[[str], Browser], runtime: Runtime) -> None:
    now = runtime.clock.now()
    with runtime.transaction() as session:
        person(session, "alice@shop.example", now=now, first_name="Alice")
        segment = everybody(session, runtime)
        journey = journeys.create(session, name="Calls", now=now)
        journeys.set_frame(
            session,
            journey.id,
            name="Calls",
            hold_out=0,
            entry={"by": "segment", "segment_id": segment.id, "hour": -1},
            again="never",
            again_days=1,
            goal="",
            goal_segment_id=None,
            exits=(),
            occasions=runtime.occasions,
            now=now,
        )
        journeys.add_step(
            session, journey.id, slot="start", kind="task", answers={"title": "Call her"}, now=now
        )
        journeys.switch_on(session, journey.id, journeys.means_of(runtime), now=now)
    support = log_in("support")
    assert "Nothing to do" in support.get("/tasks").text
    advance_journeys(runtime)
    page = support.get("/tasks").text
    assert "Call her" in page
    assert "Alice" in page
    support.post("/tasks/1", data={"act": "mine"})
    assert "Call her" not in log_in("marketer").get("/tasks").text
    support.post("/tasks/1", data={"result": "Nonsense"})
    assert "Choose how it ended" in support.get("/tasks").text
    support.post("/tasks/1", data={"result": "Reached", "remark": "She is happy."})
    assert "Nothing to do" in support.get("/tasks").text
    assert "She is happy." in support.get("/tasks?status=done&of=all").text
    support.post("/tasks/1", data={"result": "Not reached"})
    assert "not open any more" in support.get("/tasks").text

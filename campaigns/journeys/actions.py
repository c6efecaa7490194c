"""Plan a journey, switch it on, pause and stop it, move travellers to a new version, finish tasks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.config import Config, Sender
from campaigns.content import Version, check_lines, version_to_send
from campaigns.errors import Conflict, Invalid
from campaigns.journeys.entering import Means
from campaigns.journeys.model import (
    Journey,
    JourneyMailing,
    JourneyVersion,
    Task,
    Trace,
    Traveller,
)
from campaigns.journeys.queries import (
    draft_of,
    get_journey,
    get_task,
    get_version,
    known_to,
    newest_version,
)
from campaigns.journeys.rules import (
    AGAIN,
    EMPTY,
    EXITS,
    GOALS,
    MOST_NAME,
    Plan,
    faults_of,
    find,
    moved,
    nodes,
    shifted,
    with_answers,
    with_step,
    without_step,
)
from campaigns.messages import open_mailing, pause_mailing, resume_mailing, stop_mailing
from campaigns.occasions import Occasion

MOST_LATE_DAYS = 30
MOST_REMARK = 2000


def create(
    session: Session, *, name: str, now: datetime, by: int | None = None, form_key: str | None = None
) -> Journey:
    """A new journey without a step. A form that is sent twice (the same `form_key`) makes one."""
    if form_key:
        there = session.scalar(select(Journey).where(Journey.form_key == form_key))
        if there is not None:
            return there
    journey = Journey(
        name=_name(name),
        status="draft",
        hold_out=0,
        because="",
        form_key=form_key or None,
        created_by=by,
        created_at=now,
        updated_at=now,
    )
    _keep(session, journey)
    _new_version(session, journey.id, 1, EMPTY, now)
    return journey


def duplicate(session: Session, journey_id: int, *, now: datetime, by: int | None = None) -> Journey:
    """A copy, not switched on, with the newest plan."""
    old = get_journey(session, journey_id)
    taken = set(session.scalars(select(Journey.name)))
    stem = old.name[: MOST_NAME - 12]
    names = [f"{stem} (copy)", *(f"{stem} (copy {n})" for n in range(2, 1000))]
    copy = create(session, name=next(n for n in names if n not in taken), now=now, by=by)
    plan = newest_version(session, journey_id).plan
    newest_version(session, copy.id).plan = plan
    copy.hold_out = old.hold_out
    session.flush()
    return copy


def set_frame(
    session: Session,
    journey_id: int,
    *,
    name: str,
    hold_out: int,
    entry: Mapping[str, Any],
    again: str,
    again_days: int,
    goal: str,
    goal_segment_id: int | None,
    exits: tuple[str, ...],
    occasions: Mapping[str, Occasion],
    now: datetime,
) -> Journey:
    """What stands around the steps: name, entry, re-entry, goal, exits, hold-out share. Invalid names each fault."""
    journey = get_journey(session, journey_id)
    faults: dict[str, str] = {}
    try:
        entry = _entry(entry, occasions, faults)
        name = _name(name)
    except Invalid as error:
        faults |= error.faults
    if again not in AGAIN:
        faults["again"] = "Choose whether a customer may enter again."
    if not 1 <= again_days <= 3650:
        faults["again_days"] = "Write a number from 1 to 3650."
    if goal not in GOALS or (goal == "segment" and goal_segment_id is None):
        faults["goal"] = "Choose the goal, and its segment where it is one."
    if not set(exits) <= set(EXITS):
        faults["exits"] = "Choose among the exits there are."
    if not 0 <= hold_out <= 50:
        faults["hold_out"] = "Hold out from 0 to 50 percent."
    if faults:
        raise Invalid("The journey cannot be kept like this.", faults)
    journey.name, journey.hold_out, journey.updated_at = name, hold_out, now
    _keep(session, journey)

    def change(plan: Plan) -> Plan:
        return replace(
            plan,
            entry=entry,
            again=again,
            again_days=again_days,
            goal=goal,
            goal_segment_id=goal_segment_id if goal == "segment" else None,
            exits=tuple(word for word in EXITS if word in exits),
        )

    if (
        change(Plan.read(newest_version(session, journey_id).plan)).written()
        != newest_version(session, journey_id).plan
    ):
        _change(session, journey_id, change, now)
    return journey


def _entry(
    given: Mapping[str, Any], occasions: Mapping[str, Occasion], faults: dict[str, str]
) -> dict[str, Any]:
    hour = given.get("hour", 9)
    if not isinstance(hour, int) or not -1 <= hour <= 23:
        faults["hour"] = "Choose an hour, or at once."
    if given.get("by") != "occasion":
        return {"by": "segment", "segment_id": given.get("segment_id"), "hour": hour}
    name, late = given.get("occasion", ""), given.get("late_days", 2)
    if not isinstance(late, int) or not 0 <= late <= MOST_LATE_DAYS:
        faults["late_days"] = f"Write a number from 0 to {MOST_LATE_DAYS}."
    options: Mapping[str, Any] = {}
    if name in occasions:
        try:
            options = occasions[name].read_options(given.get("options", {}))
        except Invalid as error:
            faults |= {f"option_{key}": said for key, said in error.faults.items()}
    elif name:
        faults["occasion"] = "There is no such occasion."
    return {"by": "occasion", "occasion": name, "options": dict(options), "late_days": late, "hour": hour}


# ── the steps of a draft


def add_step(
    session: Session,
    journey_id: int,
    *,
    slot: str,
    kind: str,
    answers: Mapping[str, Any] | None = None,
    now: datetime,
    revision: int | None = None,
) -> str:
    """Put a new step in that place; returns its key."""
    made: list[str] = []

    def change(plan: Plan) -> Plan:
        changed, key = with_step(plan, slot, kind, answers)
        made.append(key)
        return changed

    _change(session, journey_id, change, now, revision)
    return made[0]


def change_step(
    session: Session,
    journey_id: int,
    key: str,
    answers: Mapping[str, Any],
    *,
    now: datetime,
    revision: int | None = None,
) -> None:
    """Other answers in one step."""
    _change(session, journey_id, lambda plan: with_answers(plan, key, answers), now, revision)


def move_step(
    session: Session,
    journey_id: int,
    key: str,
    *,
    slot: str = "",
    by: int = 0,
    now: datetime,
    revision: int | None = None,
) -> None:
    """Put a step, with all its arms hold, in another place, or one place up (`by=-1`) or down among its neighbours."""

    def change(plan: Plan) -> Plan:
        return moved(plan, key, slot) if slot else shifted(plan, key, by)

    _change(session, journey_id, change, now, revision)


def remove_step(
    session: Session, journey_id: int, key: str, *, now: datetime, revision: int | None = None
) -> None:
    """Take a step away, with all its arms hold."""
    _change(session, journey_id, lambda plan: without_step(plan, key), now, revision)


def drop_draft(session: Session, journey_id: int) -> bool:
    """Throw the changes since the last version in use away; False if there are none, or nothing was used yet."""
    draft = draft_of(session, journey_id)
    if draft is None or draft.number == 1:
        return False
    session.delete(draft)
    session.flush()
    return True


def _change(
    session: Session,
    journey_id: int,
    change: Callable[[Plan], Plan],
    now: datetime,
    revision: int | None = None,
) -> JourneyVersion:
    """Change the draft; where the newest version was used, a draft begins as its copy.

    With `revision`, only if nobody changed it meanwhile: the row is taken with the number that was seen.
    """
    journey = get_journey(session, journey_id)
    if journey.status == "stopped":
        raise Conflict("This journey was stopped for good: make a copy of it.")
    newest = newest_version(session, journey_id)
    if newest.used_at is not None:
        newest = _new_version(session, journey_id, newest.number + 1, Plan.read(newest.plan), now)
    seen = newest.revision if revision is None else revision
    plan = change(Plan.read(newest.plan)).written()
    taken = session.execute(
        update(JourneyVersion)
        .where(
            JourneyVersion.id == newest.id,
            JourneyVersion.used_at.is_(None),
            JourneyVersion.revision.in_((seen, newest.revision) if revision is None else (seen,)),
        )
        .values(plan=plan, revision=JourneyVersion.revision + 1, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    if _rows(taken) == 0:
        raise Conflict("Somebody else changed this journey meanwhile: look at it again, then decide.")
    session.refresh(newest)
    journey.updated_at = now
    session.flush()
    return newest


def _new_version(session: Session, journey_id: int, number: int, plan: Plan, now: datetime) -> JourneyVersion:
    version = JourneyVersion(
        journey_id=journey_id,
        number=number,
        plan=plan.written(),
        revision=0,
        created_at=now,
        updated_at=now,
    )
    session.add(version)
    session.flush()
    return version


# ── on, paused, stopped


def switch_on(session: Session, journey_id: int, means: Means, *, now: datetime) -> Journey:
    """Let customers in on the newest version from now on; Invalid names everything that still keeps it from that.

    Whoever is under way stays on the version they began. Asked twice, the second changes nothing.
    """
    journey = get_journey(session, journey_id)
    if journey.status == "stopped":
        raise Conflict("This journey was stopped for good: make a copy of it.")
    version = newest_version(session, journey_id)
    plan = Plan.read(version.plan)
    if version.used_at is None:
        check_ready(session, plan, means)
        _open_mailings(session, journey, version, plan, means.sender, now)
        version.used_at = now
    if journey.status != "on" or journey.version_id != version.id:
        if journey.status != "on":
            journey.on_since, journey.checked_at = now, now
        if journey.version_id is None and plan.entry["by"] == "segment" and int(plan.entry["hour"]) < 0:
            journey.checked_at = None
        journey.status, journey.version_id, journey.because = "on", version.id, ""
        for mailing_id in _mailings(session, journey_id):
            resume_mailing(session, mailing_id)
    journey.updated_at = now
    session.flush()
    return journey


def pause(session: Session, journey_id: int, *, now: datetime, because: str = "") -> bool:
    """Nobody enters and nobody moves until it is switched on again; letters already queued wait too."""
    turned = _turn(session, journey_id, ("on",), "paused", now, because)
    if turned:
        for mailing_id in _mailings(session, journey_id):
            pause_mailing(session, mailing_id)
    return turned


def stop(session: Session, journey_id: int, *, now: datetime) -> bool:
    """End it for good: whoever is under way leaves, what waits is cancelled; what was sent stays sent."""
    if not _turn(session, journey_id, ("on", "paused"), "stopped", now):
        return False
    gone = session.execute(
        update(Traveller)
        .where(Traveller.journey_id == journey_id, Traveller.status == "travelling")
        .values(status="left", outcome="stopped", due_at=None, ended_at=now)
        .execution_options(synchronize_session=False)
    )
    of_journey = select(Traveller.id).where(Traveller.journey_id == journey_id)
    session.execute(
        update(Task)
        .where(Task.traveller_id.in_(of_journey), Task.status == "open")
        .values(status="cancelled")
        .execution_options(synchronize_session=False)
    )
    for mailing_id in _mailings(session, journey_id):
        stop_mailing(session, mailing_id, because="The journey was stopped.", now=now)
    return _rows(gone) >= 0


def note(session: Session, journey_id: int, because: str, *, now: datetime) -> None:
    """Write down why nothing moves although it is on, to be shown to a person; "" when it moves again."""
    session.execute(
        update(Journey)
        .where(Journey.id == journey_id, Journey.because != because[:500])
        .values(because=because[:500], updated_at=now)
        .execution_options(synchronize_session=False)
    )


def check_ready(session: Session, plan: Plan, means: Means) -> None:
    """Raise Invalid naming everything that keeps a plan from being switched on."""
    faults = faults_of(plan, known_to(session, means))
    for node in nodes(plan.steps):
        if node.kind == "send" and node.key not in faults:
            try:
                _version_of(session, node.step, plan, means)
            except Invalid as error:
                faults[node.key] = " ".join(error.faults.values()) or str(error)
    if faults:
        raise Invalid("The journey is not ready yet.", faults)


def _version_of(session: Session, step: Mapping[str, Any], plan: Plan, means: Means) -> Version:
    """The template's version that the step would send; Invalid says why it cannot."""
    version = version_to_send(session, int(step["template_id"]))
    if version is None:
        raise Invalid("This template has no version to send.", {"template_id": "Publish the template first."})
    given: set[str] = set()
    if plan.entry["by"] == "occasion" and plan.entry["occasion"] in means.occasions:
        given = {f"letter.{fact.name}" for fact in means.occasions[plan.entry["occasion"]].facts}
    strange = next((n for n in version.fields if n.startswith("letter.") and n not in given), "")
    if strange:
        raise Invalid(
            "The template does not fit.",
            {"template_id": f"It names {strange}, which the entry of this journey does not give."},
        )
    if not step["subject"] and not version.subject:
        raise Invalid("No subject.", {"subject": "Write a subject; the template has none."})
    # Of the settings only the shop's name and address are read: those of any shop do for a trial.
    check_lines(session, version.template_id, subject=step["subject"], preheader="", config=Config())
    return version


def _open_mailings(
    session: Session, journey: Journey, version: JourneyVersion, plan: Plan, sender: Sender, now: datetime
) -> None:
    """What each step says is settled here: a template changed later is not what a version in use sends."""
    for node in nodes(plan.steps):
        if node.kind != "send":
            continue
        words = version_to_send(session, int(node.step["template_id"]))
        assert words is not None
        mailing = open_mailing(
            session,
            kind="journey",
            source_id=journey.id,
            name=journey.name,
            version_id=words.id,
            subject=node.step["subject"] or words.subject,
            preheader=words.preheader,
            sender_name=sender.name,
            sender_email=sender.email,
            reply_to=sender.reply_to,
            now=now,
        )
        session.add(JourneyMailing(version_id=version.id, step=node.key, mailing_id=mailing.id))
    session.flush()


def _mailings(session: Session, journey_id: int) -> list[int]:
    return list(
        session.scalars(
            select(JourneyMailing.mailing_id)
            .join(JourneyVersion, JourneyVersion.id == JourneyMailing.version_id)
            .where(JourneyVersion.journey_id == journey_id)
            .order_by(JourneyMailing.mailing_id)
        )
    )


def _turn(
    session: Session, journey_id: int, old: tuple[str, ...], new: str, now: datetime, because: str = ""
) -> bool:
    get_journey(session, journey_id)
    turned = session.execute(
        update(Journey)
        .where(Journey.id == journey_id, Journey.status.in_(old))
        .values(status=new, because=because[:500], updated_at=now)
        .execution_options(synchronize_session="fetch")
    )
    return _rows(turned) == 1


# ── from one version to another


def move_travellers(
    session: Session,
    journey_id: int,
    *,
    from_version: int,
    mapping: Mapping[str, str],
    now: datetime,
) -> dict[str, int]:
    """Move those under way on `from_version` (its id) to the present version, step by step as `mapping` says.

    Steps that the mapping does not name keep their travellers on the version they began. A wait that is the same
    step with the same answers goes on where it was; any other step begins anew. Who has done the new step already
    stays, too, so that nobody gets a letter twice. Returns how many moved for each old step.
    """
    journey = get_journey(session, journey_id)
    old = get_version(session, journey_id, from_version)
    if journey.version_id is None or journey.version_id == old.id:
        raise Conflict("There is no newer version in use to which they could move.")
    new = get_version(session, journey_id, journey.version_id)
    old_plan, new_plan = Plan.read(old.plan), Plan.read(new.plan)
    done = {}
    for step, to in sorted(mapping.items()):
        before, after = find(old_plan.steps, step), find(new_plan.steps, to)
        is_same = step == to and _answers(before) == _answers(after)
        traced = exists().where(Trace.traveller_id == Traveller.id, Trace.step == to)
        values: dict[str, Any] = {"version_id": new.id, "step": to}
        if not is_same:
            values |= {"is_waiting": False, "arrived_at": now, "due_at": now}
        result = session.execute(
            update(Traveller)
            .where(
                Traveller.journey_id == journey_id,
                Traveller.version_id == old.id,
                Traveller.status == "travelling",
                Traveller.step == step,
                ~traced,
            )
            .values(**values)
            .execution_options(synchronize_session=False)
        )
        done[step] = _rows(result)
    return done


def _answers(step: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in step.items() if name != "arms"}


# ── tasks


def finish_task(
    session: Session, task_id: int, *, result: str, remark: str = "", by: int | None, now: datetime
) -> Task:
    """Write down how a task ended; its traveller goes on at the next tick. Conflict if it is not open any more."""
    task = get_task(session, task_id)
    if result not in task.results:
        raise Invalid("Choose how it ended.", {"result": "Choose one of the answers."})
    if len(remark) > MOST_REMARK or "\0" in remark:
        raise Invalid("The remark is too long.", {"remark": f"Write at most {MOST_REMARK} characters."})
    done = session.execute(
        update(Task)
        .where(Task.id == task_id, Task.status == "open")
        .values(status="done", result=result, remark=remark.strip(), done_at=now, done_by=by)
        .execution_options(synchronize_session="fetch")
    )
    if _rows(done) == 0:
        raise Conflict("This task is not open any more: somebody was quicker, or its time has passed.")
    session.execute(
        update(Traveller)
        .where(
            Traveller.id == task.traveller_id,
            Traveller.status == "travelling",
            Traveller.step == task.step,
            Traveller.is_waiting,
        )
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )
    return task


def assign_task(session: Session, task_id: int, *, staff_id: int | None) -> None:
    """Give an open task to somebody, or to whoever comes first."""
    get_task(session, task_id)
    session.execute(
        update(Task)
        .where(Task.id == task_id, Task.status == "open")
        .values(staff_id=staff_id)
        .execution_options(synchronize_session="fetch")
    )


# ── small things


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise Invalid(
            "The journey needs a name.", {"name": f"Give it a name of at most {MOST_NAME} characters."}
        )
    return name


def _keep(session: Session, journey: Journey) -> None:
    try:
        with session.begin_nested():
            session.add(journey)
    except IntegrityError:
        there = session.scalar(select(Journey.id).where(Journey.name == journey.name))
        if there is None:
            raise Conflict("This journey was saved a moment ago: look at the list.") from None
        raise Invalid(
            "The journey cannot be kept like this.", {"name": "Another journey has this name."}
        ) from None


def _rows(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount

"""Play the days to come: the real verbs of journeys, letters and newsletters, on copies, with a clock that jumps.

Nothing of it stays and nobody is held up: see db/shadow.py. What a play cannot know is what people will do: nobody opens,
clicks, buys or leaves in it, and no task is done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns import journeys, letters, newsletters
from campaigns.config import Config
from campaigns.db import Database
from campaigns.db.shadow import shadow
from campaigns.errors import LiaisonError
from campaigns.journeys import JourneyMailing, Means, Notice, Plan, Task, Traveller
from campaigns.messages import Mailing, Message, Policy, next_due, rehearse
from campaigns.simulations.rules import Mail, day_of, looks, rounded_up, summed_up

PLAYED_ON = (
    "customer",
    "customer_tag",
    "mailing",
    "message",
    "attempt",
    "letter",
    "newsletter",
    "journey",
    "journey_version",
    "journey_mailing",
    "journey_count",
    "journey_task",
    "journey_notice",
    "journey_trace",
    "traveller",
    "segment_watch",
    "segment_member",
    "segment_move",
    "purchase_rhythm",
    "purchase_rhythm_mark",
)
"""The tables that the verbs of a play write to."""

MOST_ROUNDS = 400
"""Batches at one moment: two million travellers."""

Told = Callable[[int], None]
"""Is told now and then how many percent are played."""


@dataclass(frozen=True)
class Played:
    """What came of a play: every mail, and the summary."""

    mails: Sequence[Mail]
    summary: dict[str, Any]


@dataclass
class _Stage:
    session: Session
    config: Config
    means: Means
    policy: Policy
    troubles: dict[str, str]


def play(
    database: Database,
    config: Config,
    means: Means,
    *,
    kind: str,
    source_id: int,
    now: datetime,
    days: int = 30,
    told: Told = lambda _percent: None,
) -> Played:
    """The `days` after `now` as if the journey or letter were switched on at that moment, together with all that is on.

    Raises Invalid where it is not ready to be switched on.
    """
    until = now + timedelta(days=days)
    with shadow(database, PLAYED_ON) as session:
        stage = _Stage(session, config, means, Policy(config.pressure, config.zone), {})
        begun = session.scalar(select(func.coalesce(func.max(Message.id), 0))) or 0
        _switch_on(stage, kind, source_id, now)
        planned = looks(letters.zones_of_customers(session, config.zone), _hours(session), now, until)
        moment: datetime | None = now
        while moment is not None:
            _turn(stage, moment)
            told(min(99, int(100 * (moment - now) / (until - now))))
            moment = _next(session, planned, moment, until)
        mails = _mails(session, begun, config)
        summary = summed_up(mails, kind, source_id, _days(now, days, config))
        summary |= {"troubles": stage.troubles, "until": until.isoformat()}
        if kind == "journey":
            summary |= _of_journey(session, source_id)
        return Played(mails, summary)


def _switch_on(stage: _Stage, kind: str, source_id: int, now: datetime) -> None:
    if kind == "journey":
        journeys.switch_on(stage.session, source_id, stage.means, now=now)
    else:
        letters.switch(stage.session, source_id, is_on=True, now=now)


def _hours(session: Session) -> set[int]:
    """The hours of the day that letters and journeys wait for."""
    hours = {letters.get_letter(session, id_).hour for id_ in letters.switched_on(session)}
    for journey_id in journeys.switched_on(session):
        plan = Plan.read(journeys.newest_version(session, journey_id).plan)
        hours.add(max(0, int(plan.entry["hour"])))
    return hours | {0}


def _next(
    session: Session, planned: Sequence[datetime], moment: datetime, until: datetime
) -> datetime | None:
    """The next moment at which anything can happen."""
    candidates = [at for at in planned if at > moment][:1]
    travelling = session.scalar(
        select(func.min(Traveller.due_at)).where(Traveller.status == "travelling", Traveller.due_at > moment)
    )
    waiting = next_due(session, after=moment)
    candidates += [rounded_up(at) for at in (travelling, waiting) if at is not None]
    candidates = [at for at in candidates if at > moment]
    soonest = min(candidates, default=None)
    return soonest if soonest is not None and soonest <= until else None


def _turn(stage: _Stage, now: datetime) -> None:
    """What the jobs do at one moment, in the order in which a tick would do it."""
    session = stage.session
    plan: list[tuple[str, int, _Act]] = [
        *(("newsletter", id_, _newsletter) for id_ in newsletters.due(session, now=now)),
        *(("letter", id_, _letter) for id_ in letters.switched_on(session)),
        *(("journey", id_, _journey) for id_ in journeys.switched_on(session)),
    ]
    for kind, id_, act in plan:
        _tried(stage, kind, id_, act, now)
    rehearse(session, stage.policy, now=now)


def _tried(stage: _Stage, kind: str, source_id: int, act: "_Act", now: datetime) -> None:
    """What cannot leave is named in the result, and the play goes on without it."""
    what = f"{kind} {source_id}"
    if what in stage.troubles:
        return
    try:
        with stage.session.begin_nested():
            act(stage, source_id, now)
    except LiaisonError as error:
        stage.troubles[what] = " ".join([str(error), *getattr(error, "faults", {}).values()])


_Act = Callable[[_Stage, int, datetime], None]


def _newsletter(stage: _Stage, newsletter_id: int, now: datetime) -> None:
    newsletters.launch(
        stage.session,
        newsletter_id,
        fields=stage.means.fields,
        zone=stage.means.zone,
        sender=stage.means.sender,
        now=now,
    )


def _letter(stage: _Stage, letter_id: int, now: datetime) -> None:
    session, means = stage.session, stage.means
    letters.launch_due(
        session,
        letter_id,
        occasions=means.occasions,
        zone=means.zone,
        sender=means.sender,
        now=now,
    )


def _journey(stage: _Stage, journey_id: int, now: datetime) -> None:
    session, means = stage.session, stage.means
    journeys.prepare(session, journey_id, means, now=now)
    if journeys.is_anybody_at_the_door(session, journey_id, means, now=now):
        journeys.enter_due(session, journey_id, means, now=now)
    for version_id in journeys.versions_under_way(session, journey_id):
        for _ in range(MOST_ROUNDS):
            if journeys.advance(session, version_id, means, now=now) < journeys.BATCH:
                break


def _mails(session: Session, begun: int, config: Config) -> list[Mail]:
    """Every message that the play made, and what became of it."""
    rows = session.execute(
        select(
            Message.customer_id,
            Mailing.kind,
            Mailing.source_id,
            func.coalesce(JourneyMailing.step, ""),
            Message.occasion_key,
            Message.queued_at,
            Message.sent_at,
            Message.next_attempt_at,
            Message.status,
            Message.held_reason,
        )
        .join(Mailing, Mailing.id == Message.mailing_id)
        .outerjoin(JourneyMailing, JourneyMailing.mailing_id == Mailing.id)
        .where(Message.id > begun, Message.customer_id.is_not(None))
        .order_by(Message.queued_at, Message.customer_id, Mailing.kind, Mailing.source_id, Message.id)
    )
    mails = []
    for who, kind, source, step, key, queued, sent, waits, status, reason in rows:
        at = sent or (waits if status == "queued" else None)
        day = day_of(at or queued, config.zone)
        fate = status if status in ("sent", "queued") else "held"
        mails.append(
            Mail(int(who or 0), kind, source or 0, step, key, queued, at, day, fate, "" if sent else reason)
        )
    return mails


def _days(now: datetime, days: int, config: Config) -> list[str]:
    return [day_of(now + timedelta(days=n), config.zone) for n in range(days + 1)]


def _of_journey(session: Session, journey_id: int) -> dict[str, Any]:
    """How the journey itself would stand at the end."""
    stands = journeys.figures(session, journey_id)
    of_journey = select(Traveller.id).where(Traveller.journey_id == journey_id)
    tasks = session.scalar(select(func.count()).where(Task.traveller_id.in_(of_journey)))
    notices = session.scalar(select(func.count()).where(Notice.traveller_id.in_(of_journey)))
    versions = [version.id for version in journeys.versions_of(session, journey_id)]
    return {
        "entered": stands.entered,
        "held_out": stands.held_out,
        "travelling": stands.travelling,
        "outcomes": dict(stands.outcomes),
        "tasks": tasks or 0,
        "notices": notices or 0,
        "passed": {
            step: {"here": each.here, **each.passed}
            for step, each in journeys.step_figures(session, versions).items()
        },
    }

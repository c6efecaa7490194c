"""The sunset of those who never answer: who falls under the rule, a last letter if wished, then the register; and back.

A sign of life is what only a person does: an open judged human, a human click, a reply, an order, a consent of their
own. Opens through a provider's proxy and doubtful ones are weak signs: they keep nobody off the list, but the machine
alone suppresses nobody who gave one, and after the last letter one is enough to be spared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from campaigns.config import Stale
from campaigns.customers import Consent, Customer
from campaigns.db import UTC
from campaigns.db.expressions import json_object
from campaigns.merge import MergeField
from campaigns.messages import Message
from campaigns.occasions import Occasion, Options, days_after
from campaigns.purchases import Purchase
from campaigns.scoring.gather import OWN_ACTS_EXCEPT, AnySelect
from campaigns.scoring.model import Sunset
from campaigns.suppression import Suppression, lift_cause, suppress_many, suppressed_keys
from campaigns.tracking import Event, LastOpen

KEY = "sunset:"
"""What the occasion key of a last letter begins with; the id of its `Sunset` follows."""
PATIENCE = timedelta(days=14)
"""A last call that no letter has followed for so long is given up: nothing was said, so nothing can be left unanswered."""
_CHUNK = 500


def stale_candidates(session: Session, rule: Stale, now: datetime) -> AnySelect:  # noqa: ARG001 - a door's shape
    """Who would be left alone from now on: `(customer_id, address_key, email, mails, first_at, last_at,
    last_purchase_at, has_weak_sign)`, the most written to first.

    Written to at least `rule.mails` times in `rule.days` days, with no sign of life in them; a buyer of
    `rule.spare_buyer_days` is spared. Only mails that could tell count: those with tracking to who still agrees to
    it, and since `rule.hygiene_from` those that tell the day of an open. Who was reinstated after being stale starts
    again at that moment; who is suppressed for any cause, or had a last call within those days, is not named.
    """
    since = now - timedelta(days=rule.days)
    mails = _mails(rule, since, now)
    last_purchase = _last_purchase(now)
    return (
        select(
            Customer.id.label("customer_id"),
            Customer.address_key,
            Customer.email,
            mails.c.mails,
            mails.c.first_at,
            mails.c.last_at,
            last_purchase.label("last_purchase_at"),
            _weak_sign(since, now).label("has_weak_sign"),
        )
        .join(mails, mails.c.customer_id == Customer.id)
        .where(
            ~_sign(since, now),
            or_(last_purchase.is_(None), last_purchase <= _spared_since(rule, now)),
            Customer.address_key.not_in(suppressed_keys()),
            ~_had_call(since),
        )
        .order_by(mails.c.mails.desc(), Customer.id)
    )


def _mails(rule: Stale, since: datetime, now: datetime) -> Any:
    # Joined once and not asked for each mail: of those who were reinstated there are few.
    reinstated = (
        select(Suppression.address_key, func.max(Suppression.lifted_at).label("at"))
        .where(Suppression.cause == "stale", Suppression.lifted_at.is_not(None))
        .group_by(Suppression.address_key)
        .subquery("reinstated")
    )
    tells: ColumnElement[bool] = and_(Message.is_tracked, Customer.may_track)
    if rule.hygiene_from:
        begin = datetime.combine(datetime.fromisoformat(rule.hygiene_from), time(), UTC)
        tells = or_(tells, and_(Customer.may_track.is_(False), Message.sent_at >= begin))
    return (
        select(
            Message.customer_id,
            func.count().label("mails"),
            func.min(Message.sent_at).label("first_at"),
            func.max(Message.sent_at).label("last_at"),
        )
        .join(Customer, Customer.id == Message.customer_id)
        .outerjoin(reinstated, reinstated.c.address_key == Customer.address_key)
        .where(
            Message.status == "sent",
            tells,
            Message.sent_at > since,
            Message.sent_at <= now,
            or_(reinstated.c.at.is_(None), Message.sent_at > reinstated.c.at),
        )
        .group_by(Message.customer_id)
        .having(func.count() >= rule.mails)
        .subquery("mails")
    )


def _had_call(since: datetime) -> ColumnElement[bool]:
    return exists().where(
        Sunset.customer_id == Customer.id, or_(Sunset.ended_at.is_(None), Sunset.ended_at > since)
    )


def _spared_since(rule: Stale, now: datetime) -> datetime:
    return now - timedelta(days=max(rule.days, rule.spare_buyer_days))


def _last_purchase(now: datetime) -> Any:
    return (
        select(func.max(Purchase.purchased_at))
        .where(Purchase.customer_id == Customer.id, Purchase.status == "paid", Purchase.purchased_at <= now)
        .correlate(Customer)
        .scalar_subquery()
    )


def _sign(since: Any, now: datetime) -> ColumnElement[bool]:
    """A sign of life of this customer after `since` (a moment or a column)."""
    event = exists().where(
        Event.customer_id == Customer.id,
        Event.at > since,
        Event.at <= now,
        or_(
            and_(Event.kind.in_(("opened", "clicked")), Event.judgement == "human"),
            Event.kind == "replied",
        ),
    )
    own_act = exists().where(
        Consent.customer_id == Customer.id,
        Consent.at > since,
        Consent.at <= now,
        Consent.is_granted,
        Consent.act.not_in(OWN_ACTS_EXCEPT),
    )
    day = since.date().isoformat() if isinstance(since, datetime) else func.substr(cast(since, String), 1, 10)
    opened = exists().where(LastOpen.customer_id == Customer.id, LastOpen.on > day)
    return or_(event, own_act, opened)


def _bought(since: Any, now: datetime) -> ColumnElement[bool]:
    return exists().where(
        Purchase.customer_id == Customer.id,
        Purchase.status == "paid",
        Purchase.purchased_at > since,
        Purchase.purchased_at <= now,
    )


def _weak_sign(since: Any, now: datetime) -> ColumnElement[bool]:
    """An open that may have been a person's. Apple's proxy opens everything, looked at or not: it tells nothing."""
    return exists().where(
        Event.customer_id == Customer.id,
        Event.at > since,
        Event.at <= now,
        or_(
            and_(
                Event.kind == "opened", Event.judgement == "proxied", ~Event.reasons.contains("apple_privacy")
            ),
            and_(Event.kind.in_(("opened", "clicked")), Event.judgement == "suspect"),
        ),
    )


def count_stale(session: Session, rule: Stale, now: datetime) -> int:
    """How many `stale_candidates` there are."""
    found = stale_candidates(session, rule, now).order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0


@dataclass(frozen=True, slots=True)
class SunsetPreview:
    """What the rule would do today, before anything is done.

    Of `written` customers who were written to often enough: `answered` gave a sign of life, `buyers` bought lately,
    `out` are kept out already or had their last call; the others are `candidates`, `weak` of them with a weak sign.
    """

    written: int
    answered: int
    buyers: int
    out: int
    candidates: int
    weak: int


def preview_sunset(session: Session, rule: Stale, now: datetime) -> SunsetPreview:
    """How many there would be, and how many are spared for which reason; the figures add up."""
    since = now - timedelta(days=rule.days)
    mails = _mails(rule, since, now)
    is_out = or_(Customer.address_key.in_(suppressed_keys()), _had_call(since))
    fate = case(
        (_sign(since, now), "answered"),
        (_last_purchase(now) > _spared_since(rule, now), "buyer"),
        (is_out, "out"),
        (_weak_sign(since, now), "weak"),
        else_="silent",
    ).label("fate")
    of_each = select(fate).select_from(Customer).join(mails, mails.c.customer_id == Customer.id).subquery()
    found = {
        row[0]: row[1]
        for row in session.execute(select(of_each.c.fate, func.count()).group_by(of_each.c.fate))
    }
    answered, buyers, out, weak = (found.get(name, 0) for name in ("answered", "buyer", "out", "weak"))
    silent = found.get("silent", 0) + weak
    return SunsetPreview(sum(found.values()), answered, buyers, out, silent, weak)


def stale_evidence(row: Any, rule: Stale) -> str:
    """The sentence that goes into the register for one row of `stale_candidates`."""
    bought = (
        f"last order on {row.last_purchase_at:%Y-%m-%d}" if row.last_purchase_at else "never bought anything"
    )
    weak = " Opens through a mail provider's proxy or doubtful ones were seen." if row.has_weak_sign else ""
    return (
        f"Written to {row.mails} times in {rule.days} days ({row.first_at:%Y-%m-%d} to "
        f"{row.last_at:%Y-%m-%d}) with no open, no click and no reply of a person; {bought}.{weak}"
    )


def retire_stale(
    session: Session, rule: Stale, *, now: datetime, by: str = "stale rule", only: Sequence[int] | None = None
) -> int:
    """Suppress who falls under the stale rule at once, each with its evidence; returns how many.

    `only`: the customers a person has confirmed; whoever gave a sign meanwhile is no candidate any more. Without
    it those with a weak sign are left: a machine alone does not decide about them.
    """
    evidence = {
        row.address_key: stale_evidence(row, rule) for row in _chosen(session, rule, now, only, weak=False)
    }
    return suppress_many(session, evidence, "stale", now=now, by=by)


def _chosen(
    session: Session, rule: Stale, now: datetime, only: Sequence[int] | None, *, weak: bool
) -> list[Any]:
    wanted = None if only is None else set(only)
    return [
        row
        for row in session.execute(stale_candidates(session, rule, now))
        if (weak or not row.has_weak_sign if wanted is None else row.customer_id in wanted)
    ]


def begin_sunset(
    session: Session, rule: Stale, *, now: datetime, by: str = "stale rule", only: Sequence[int] | None = None
) -> int:
    """The last call: who falls under the rule is due a letter for the occasion “Last call”; returns how many.

    `only` as in `retire_stale`. What follows is `end_sunsets`.
    """
    rows = [
        {
            "customer_id": row.customer_id,
            "begun_at": now,
            "begun_by": by,
            "evidence": stale_evidence(row, rule),
            "outcome": "",
        }
        for row in _chosen(session, rule, now, only, weak=True)
    ]
    for start in range(0, len(rows), _CHUNK):
        session.execute(insert(Sunset), rows[start : start + _CHUNK])
    return len(rows)


def running_sunsets() -> AnySelect:
    """Last calls that run: `(Sunset, email, letter_status, letter_sent_at)`, the oldest first; no letter yet: None."""
    return (
        select(Sunset, Customer.email, Message.status, Message.sent_at)
        .join(Customer, Customer.id == Sunset.customer_id)
        .outerjoin(Message, _is_its_letter())
        .where(Sunset.ended_at.is_(None))
        .order_by(Sunset.begun_at, Sunset.id)
    )


def _is_its_letter() -> ColumnElement[bool]:
    return and_(
        Message.customer_id == Sunset.customer_id,
        Message.occasion_key == literal(KEY) + cast(Sunset.id, String),
    )


def stop_sunset(session: Session, sunset_id: int, *, now: datetime) -> bool:
    """A person ends a last call: nothing follows from it. False if it had ended already."""
    return _end(session, [sunset_id], "stopped", now) == 1


def _end(session: Session, ids: Sequence[int], outcome: str, now: datetime) -> int:
    ended = 0
    for start in range(0, len(ids), _CHUNK):
        done = session.scalars(
            update(Sunset)
            .where(Sunset.id.in_(ids[start : start + _CHUNK]), Sunset.ended_at.is_(None))
            .values(ended_at=now, outcome=outcome)
            .returning(Sunset.id)
            .execution_options(synchronize_session=False)
        )
        ended += len(done.all())
    return ended


def end_sunsets(session: Session, rule: Stale, *, now: datetime, by: str = "stale rule") -> dict[str, int]:
    """End the last calls whose time has come; returns how many were `answered`, `suppressed` and `stopped`.

    Answered: a sign of life or an order since it began, or a weak sign since the letter. Suppressed: the letter left
    `rule.wait_days` ago, and silence. Stopped: kept out for another cause meanwhile, or no letter ever left.
    """
    states = session.execute(_states(now)).all()
    ends: dict[str, list[int]] = {"answered": [], "suppressed": [], "stopped": []}
    evidence = {}
    for row in states:
        if row.has_sign or (row.sent_at is not None and row.has_weak_sign):
            ends["answered"].append(row.id)
        elif row.is_out or row.status in ("failed", "held", "cancelled"):
            ends["stopped"].append(row.id)
        elif row.sent_at is None:
            if row.status is None and row.begun_at <= now - PATIENCE:
                ends["stopped"].append(row.id)
        elif row.sent_at <= now - timedelta(days=rule.wait_days):
            ends["suppressed"].append(row.id)
            evidence[row.address_key] = (
                f"{row.evidence} The last letter of {row.sent_at:%Y-%m-%d} was not answered."
            )
    suppress_many(session, evidence, "stale", now=now, by=by)
    return {outcome: _end(session, ids, outcome, now) for outcome, ids in ends.items()}


def _states(now: datetime) -> AnySelect:
    return (
        select(
            Sunset.id,
            Sunset.begun_at,
            Sunset.evidence,
            Customer.address_key,
            Message.status,
            Message.sent_at,
            or_(_sign(Sunset.begun_at, now), _bought(Sunset.begun_at, now)).label("has_sign"),
            _weak_sign(Message.sent_at, now).label("has_weak_sign"),
            Customer.address_key.in_(suppressed_keys()).label("is_out"),
        )
        .join(Customer, Customer.id == Sunset.customer_id)
        .outerjoin(Message, _is_its_letter())
        .where(Sunset.ended_at.is_(None))
        .order_by(Sunset.id)
    )


def revived(now: datetime) -> AnySelect:
    """Who stands in the register as stale and gave a sign of life since: `(address_key, bought)`."""
    return (
        select(Suppression.address_key, _bought(Suppression.since, now).label("bought"))
        .join(Customer, Customer.address_key == Suppression.address_key)
        .where(
            Suppression.cause == "stale",
            Suppression.lifted_at.is_(None),
            or_(_sign(Suppression.since, now), _bought(Suppression.since, now)),
        )
    )


def revive_stale(session: Session, *, now: datetime) -> int:
    """Write again to who bought or gave another sign of life since they were left alone; returns how many."""
    count = 0
    for address_key, has_bought in session.execute(revived(now)).all():
        because = "An order came in." if has_bought else "A sign of life came in."
        count += lift_cause(session, address_key, "stale", because=because, by="stale rule", now=now)
    return count


def _called(_options: Options, since: datetime, until: datetime) -> Select[Any]:
    found: Any = select(
        Sunset.customer_id.label("customer_id"),
        (literal(KEY) + cast(Sunset.id, String)).label("occasion_key"),
        Sunset.begun_at.label("at"),
        json_object().label("facts"),
    ).where(Sunset.ended_at.is_(None), Sunset.begun_at >= since, Sunset.begun_at < until)
    chosen: Select[Any] = found
    return chosen


LAST_CALL = Occasion(
    name="last_call",
    label="Last call to the silent",
    description=(
        "Once, when somebody who never answers is about to be left alone (Scores, Silent customers): the last letter, "
        "in which they can say that they want to stay."
    ),
    heading="What we know of them",
    options=(days_after("Days after it was decided", 0, high=30),),
    facts=(
        MergeField(
            "called_on", "The day on which it was decided", "text", may_lack=False, example="2026-11-20"
        ),
    ),
    happened=_called,
    day_fact="called_on",
)

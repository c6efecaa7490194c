"""Writes: the scores of everybody or of those about whom something came in, their history."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.customers import Customer
from campaigns.db import Database, upsert
from campaigns.db.bulk import insert_rows, integer_chunks, store_columns
from campaigns.db.expressions import among, epoch
from campaigns.scoring.forecast import Forecast, foreseen
from campaigns.scoring.gather import Facts, facts
from campaigns.scoring.loyalty import LIGHTS, TYPE_NAMES, UNTOLD
from campaigns.scoring.model import Break, CategoryFigure, Mark, Score, Snapshot, Transition
from campaigns.scoring.queries import changed, marks, newest_numbers, refreshed_at, stored_limits
from campaigns.scoring.relation import CAUSE_NAMES, ENDINGS, PHASES, RISKS
from campaigns.scoring.rules import CLASS_NAMES, NEVER, Integers
from campaigns.scoring.scored import Scored, forecast_of, limits_of, scored_of
from campaigns.scoring.states import NAMES, packed_state, unpacked

BATCH = 20_000
"""Rows of one writing transaction: a quarter of a second of the write lock."""
TURN = "turn"
"""The mark that one refresh at a time holds while it writes."""

Progress = Callable[[int, int], None]


def score_as_of(session: Session, *, now: datetime, config: Config) -> Scored:
    """Everybody's scores as of any moment, computed and not stored: what a dated list is made of."""
    known = facts(session, now=now, config=config)
    return scored_of(known, limits_of(known, config), config)


def refresh(session: Session, *, now: datetime, config: Config, full: bool = False) -> int:
    """Score those about whom something new came in (or everybody), within the caller's transaction.

    Returns how many were scored. The others keep the classes of the last full refresh, whose limits apply;
    the first refresh ever is full. For a million customers at once see `refresh_everybody`.
    """
    _take_turn(session, now)
    since, limits = marks(session), stored_limits(session)
    is_full = full or not since or not limits
    numbers = newest_numbers(session)
    who = None if is_full else list(session.scalars(changed(since)))
    if who is None:
        scored = _scored_fully(facts(session, now=now, config=config), config)
    elif who:
        known = facts(session, now=now, config=config, who=who)
        scored = scored_of(known, limits, config, Forecast.from_parameters(limits))
    else:
        _store_marks(session, numbers, now)
        return 0
    on = now.astimezone(config.zone).date() if is_full else None
    ahead = foreseen(scored.facts, scored.forecast)
    for start in range(0, len(scored), BATCH):
        _store(session, scored, slice(start, start + BATCH), ahead, now, on)
    if is_full:
        _store_limits(session, scored, now)
    _store_marks(session, numbers, now)
    return len(scored)


def refresh_everybody(
    database: Database, *, now: datetime, config: Config, progress: Progress | None = None
) -> int:
    """Score everybody without holding anybody up: read in one view, write in many short transactions.

    A row that a shorter refresh wrote meanwhile with a later `as_of` is left as it is.
    """
    with database.reading() as session:
        numbers = newest_numbers(session)
        known = facts(session, now=now, config=config)
    scored = _scored_fully(known, config)
    ahead = foreseen(known, scored.forecast)
    on = now.astimezone(config.zone).date()
    for start in range(0, len(scored), BATCH):
        with database.transaction() as session:
            _take_turn(session, now)
            _store(session, scored, slice(start, start + BATCH), ahead, now, on)
        if progress:
            progress(min(start + BATCH, len(scored)), len(scored))
    with database.transaction() as session:
        _take_turn(session, now)
        _store_limits(session, scored, now)
        _store_marks(session, numbers, now)
    return len(scored)


def _scored_fully(known: Facts, config: Config) -> Scored:
    return scored_of(known, limits_of(known, config), config, forecast_of(known))


def record_history(session: Session, moments: Iterable[datetime], *, config: Config) -> int:
    """Write what the classes were at past moments, as they follow from the data known today.

    For a shop that arrives with a past: the movement between two dates can then be shown at once. Replaces
    what was noted for those days; returns how many rows were written. Where nothing has moved since the first
    refresh, the dated transitions are told anew from these moments as well.
    """
    written = 0
    known = _Told.nobody()
    is_retold = _has_nothing_moved(session)
    if is_retold:
        session.execute(delete(Transition))
    for moment in sorted(moments):
        on = moment.astimezone(config.zone).date().isoformat()
        session.execute(delete(Snapshot).where(Snapshot.on == on))
        scored = score_as_of(session, now=moment, config=config)
        before = known.of(scored.facts.ids)
        moved = np.flatnonzero(before.states != packed_state(scored))
        written += _store_snapshot(session, scored, moved, on)
        known = _retell(session, scored, before, moment) if is_retold else _Told.of_scored(scored)
    if is_retold and (last := refreshed_at(session)):
        scored = score_as_of(session, now=last, config=config)
        _retell(session, scored, known.of(scored.facts.ids), last)
    return written


@dataclass(frozen=True)
class _Told:
    """What was told of these customers at one moment: states and values, -1 for none."""

    ids: Integers
    states: Integers
    values: Integers

    @classmethod
    def nobody(cls) -> "_Told":
        return cls(*(np.empty(0, dtype=np.int64) for _ in range(3)))

    @classmethod
    def of_scored(cls, scored: Scored) -> "_Told":
        value = scored.values["value"]
        values = np.where(np.isnan(value), NEVER, np.nan_to_num(value)).astype(np.int64)
        return cls(scored.facts.ids, packed_state(scored), values)

    def of(self, ids: Integers) -> "_Told":
        """The same of other customers, in their order; -1 for who was not told of."""
        states, values = (np.full(len(ids), NEVER, dtype=np.int64) for _ in range(2))
        if len(self.ids):
            places = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
            there = self.ids[places] == ids
            states[there], values[there] = self.states[places[there]], self.values[places[there]]
        return _Told(ids, states, values)


def _has_nothing_moved(session: Session) -> bool:
    """Whether there was a refresh, and no transition but the first known states."""
    moved = select(Transition.id).where(Transition.source != "").limit(1)
    return refreshed_at(session) is not None and session.scalar(moved) is None


def _retell(session: Session, scored: Scored, before: _Told, moment: datetime) -> _Told:
    everybody = np.arange(len(scored))
    _store_transitions(session, scored, everybody, before.states, before.values, moment)
    return _Told.of_scored(scored)


def _take_turn(session: Session, now: datetime) -> None:
    """Wait for another refresh that is writing: what moved is told by comparing with what is stored."""
    # SQLite's transactions stand in line by themselves.
    session.execute(
        upsert(session, Mark, [{"source": TURN, "number": 0, "at": now}], key=["source"], update=["at"])
    )


@dataclass(frozen=True)
class _Old:
    """What is stored of these customers: moments and packed states, -1 for none."""

    as_of: Integers
    state: Integers
    noted: Integers
    value: Integers


def _old(session: Session, ids: Integers) -> _Old:
    columns = [Score.customer_id, epoch(Score.as_of)]
    columns += [func.coalesce(each, NEVER) for each in (Score.state, Score.noted, Score.value)]
    found = np.full((4, len(ids)), NEVER, dtype=np.int64)
    is_dense = len(ids) == int(ids[-1]) - int(ids[0]) + 1
    among_these = (
        Score.customer_id.between(int(ids[0]), int(ids[-1]))
        if is_dense
        else among(Score.customer_id, ids.tolist())
    )
    for part in integer_chunks(session, select(*columns).where(among_these)):
        places = np.searchsorted(ids, part[0])
        found[:, places] = part[1:]
    return _Old(*found)


def _store(
    session: Session, scored: Scored, part: slice, ahead: Mapping[str, Any], now: datetime, on: date | None
) -> None:
    """Write one batch: scores, categories, what moved; with `on`, the snapshot of that day."""
    ids = scored.facts.ids[part]
    if not len(ids):
        return
    old, states = _old(session, ids), packed_state(scored)[part]
    # A customer erased since the reading is gone: their row must not come back. One scored later stays.
    kept = _still_there(session, ids) & (old.as_of <= scored.facts.now)
    chosen = np.arange(part.start, part.start + len(ids))[kept]
    columns = _columns(scored, chosen, ahead)
    columns["state"] = states[kept]
    if on is not None:
        columns["noted"] = states[kept]
        moved = chosen[old.noted[kept] != states[kept]]
        _store_snapshot(session, scored, moved, on.isoformat())
    store_columns(session, Score, columns, key=["customer_id"], not_newer="as_of")
    _store_transitions(session, scored, chosen, old.state[kept], old.value[kept], now)
    _store_categories(session, scored.facts, chosen)


def _columns(scored: Scored, chosen: Any, ahead: Mapping[str, Any]) -> dict[str, Any]:
    known = scored.facts
    same = (
        "orders", "orders_12m", "spent", "spent_12m", "mails_sent", "mails_since_sign", "engagement",
        "categories", "promotion_orders", "asked", "given",
    )  # fmt: skip
    moments = ("last_mail", "last_open", "last_click", "last_seen")
    return {
        "customer_id": known.ids[chosen],
        "as_of": np.full(len(chosen), known.now),
        "first_purchase_at": known.first[chosen],
        "last_purchase_at": known.last[chosen],
        "basket": known.spent[chosen] // np.maximum(known.orders[chosen], 1),
        **{name: getattr(known, name)[chosen] for name in same},
        **{f"{name}_at": getattr(known, name)[chosen] for name in moments},
        **_classes(scored, chosen),
        "frat": _or_none(scored.frat[chosen], 0),
        "usual_gap": scored.usual_gap[chosen],
        "ended_how": _words(ENDINGS, scored.hows[chosen]),
        "cause": _words(CAUSE_NAMES, scored.causes[chosen]),
        "behaviour": _or_none(scored.behaviours[chosen], UNTOLD),
        "attitude": _or_none(scored.attitudes[chosen], UNTOLD),
        **{name: _or_none(scored.lights[name][chosen], UNTOLD) for name in LIGHTS},
        **{name: column[chosen] for name, column in scored.values.items()},
        **{name: column[chosen] for name, column in ahead.items()},
    }


def _classes(scored: Scored, chosen: Any) -> dict[str, list[Any]]:
    return {
        **{name: _or_none(getattr(scored, name)[chosen], 0) for name in ("r", "f", "m", "t")},
        "rfm_class": _words(CLASS_NAMES, scored.codes[chosen]),
        "phase": _words(PHASES, scored.phases[chosen]),
        "risk": _words(RISKS, scored.risks[chosen]),
        "loyalty": _words(TYPE_NAMES, scored.types[chosen]),
    }


def _words(names: Sequence[str], codes: Integers) -> list[str]:
    return [names[code] for code in codes.tolist()]


def _or_none(codes: Integers, none: int) -> list[Any]:
    return [None if code == none else code for code in codes.tolist()]


def _still_there(session: Session, ids: Integers) -> Any:
    """Which of these sorted ids are customers still. New ones have higher ids, so that mostly counting is enough."""
    everybody = np.ones(len(ids), dtype=bool)
    within: Any = Customer.id.between(int(ids[0]), int(ids[-1]))
    if len(ids) == int(ids[-1]) - int(ids[0]) + 1:
        if len(ids) == session.scalar(select(func.count()).where(within)):
            return everybody
    else:
        within = among(Customer.id, ids.tolist())
    return np.isin(ids, np.array(session.scalars(select(Customer.id).where(within)).all(), dtype=np.int64))


def _store_transitions(
    session: Session, scored: Scored, chosen: Any, states: Integers, values: Integers, now: datetime
) -> None:
    """Close the states that ended and open those that began, dated `now`."""
    rows: list[tuple[Any, ...]] = []
    is_known = states != NEVER
    for kind in ("phase", "class", "risk"):
        column, names = NAMES[kind]
        before, after = unpacked(states, column), getattr(scored, column)[chosen]
        moved = np.flatnonzero(is_known & (before != after))
        if len(moved):
            ended = among(Transition.customer_id, scored.facts.ids[chosen[moved]].tolist())
            session.execute(
                update(Transition)
                .where(Transition.kind == kind, Transition.until.is_(None), ended)
                .values(until=now)
                .execution_options(synchronize_session=False)
            )
        new = np.flatnonzero(~is_known) if kind == "phase" else moved[:0]
        both = np.concatenate([moved, new])
        sources = [names[code] for code in before[moved].tolist()] + [""] * len(new)
        hows = _words(ENDINGS, scored.hows[chosen[both]]) if kind == "phase" else [""] * len(both)
        rows += zip(
            scored.facts.ids[chosen[both]].tolist(),
            [kind] * len(both),
            sources,
            _words(names, after[both]),
            [now] * len(both),
            [None] * len(both),
            hows,
            _or_none(values[both], NEVER),
            strict=True,
        )
    names_of = ("customer_id", "kind", "source", "target", "at", "until", "how", "value")
    insert_rows(session, Transition, names_of, rows)


def _store_snapshot(session: Session, scored: Scored, chosen: Any, on: str) -> int:
    """Note the state of these on that day; returns how many."""
    known = scored.facts
    columns: dict[str, Any] = {
        "customer_id": known.ids[chosen],
        "on": [on] * len(chosen),
        "engagement": known.engagement[chosen],
        "orders": known.orders[chosen],
        "spent": known.spent[chosen],
        "value": scored.values["value"][chosen],
        **_classes(scored, chosen),
    }
    return store_columns(session, Snapshot, columns, key=["customer_id", "on"])


def _store_categories(session: Session, known: Facts, chosen: Any) -> None:
    """Write afresh what these customers bought and clicked by category."""
    if not len(chosen):
        return
    ids = known.ids[chosen]
    is_dense = len(ids) == int(ids[-1]) - int(ids[0]) + 1
    column = CategoryFigure.customer_id
    session.execute(
        delete(CategoryFigure)
        .where(column.between(int(ids[0]), int(ids[-1])) if is_dense else among(column, ids.tolist()))
        .execution_options(synchronize_session=False)
    )
    bought = known.bought
    low, high = np.searchsorted(bought.place, [chosen[0], chosen[-1] + 1])
    rows = np.arange(low, high)
    rows = rows[np.isin(bought.place[rows], chosen)]
    columns: dict[str, Any] = {
        "customer_id": known.ids[bought.place[rows]],
        "category": _words(bought.names, bought.category[rows]),
        "orders": bought.orders[rows],
        "spent": bought.spent[rows],
        "last_purchase_at": bought.last[rows],
        "clicks": bought.clicks[rows],
        "last_click_at": bought.last_click[rows],
        "interest": bought.interest[rows],
    }
    store_columns(session, CategoryFigure, columns, key=["customer_id", "category"])


def _store_limits(session: Session, scored: Scored, now: datetime) -> None:
    fitted_too = scored.forecast.parameters() if scored.forecast else {}
    limits = {**scored.limits, **scored.summary, **fitted_too}
    session.execute(delete(Break))
    session.add_all(
        Break(measure=measure, level=level, limit=limit, as_of=now)
        for measure, cuts in limits.items()
        for level, limit in enumerate(cuts, start=1)
    )
    session.flush()


def _store_marks(session: Session, numbers: dict[str, int], now: datetime) -> None:
    rows = [{"source": source, "number": number, "at": now} for source, number in numbers.items()]
    rows.append({"source": "message", "number": 0, "at": now})
    session.execute(upsert(session, Mark, rows, key=["source"], update=["number", "at"]))

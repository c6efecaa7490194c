"""Scores as rows for a file, as of any moment: computed then and there, so that a past list can be made again."""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import isnan
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.customers import Customer
from campaigns.scoring.actions import score_as_of
from campaigns.scoring.loyalty import LIGHTS, TYPE_NAMES, UNTOLD
from campaigns.scoring.relation import CAUSE_NAMES, ENDINGS, PHASES, RISKS
from campaigns.scoring.rules import CLASSES
from campaigns.scoring.scored import Scored
from campaigns.scoring.states import NAMES

COLUMNS = (
    "number",
    "email",
    "class",
    "r",
    "f",
    "m",
    "orders",
    "orders_12m",
    "spent",
    "basket",
    "engagement",
    "first_purchase_at",
    "last_purchase_at",
    "last_seen_at",
    "mails_sent",
    "mails_since_sign",
    "t",
    "frat",
    "categories",
    "promotion_orders",
    "usual_gap",
    "risk",
    "phase",
    "ended_how",
    "cause",
    "loyalty",
    "behaviour",
    "attitude",
    "satisfied",
    "confident",
    "attached",
    "engaged",
    "cooperative",
    "asked",
    "given",
    "value",
    "value_low",
    "value_high",
    "value_constant",
    "as_of",
)
"""What a row holds; amounts in minor units, moments in ISO 8601 (UTC), None for what never happened."""


def export_rows(session: Session, *, now: datetime, config: Config) -> Iterator[dict[str, Any]]:
    """One row a customer in the order of their ids, scored as of `now`."""
    scored = score_as_of(session, now=now, config=config)
    places = {customer: place for place, customer in enumerate(scored.facts.ids.tolist())}
    named = select(Customer.id, Customer.number, Customer.email).order_by(Customer.id)
    for customer, number, email in session.execute(named.execution_options(yield_per=10_000)):
        if customer in places:
            yield {
                "number": number,
                "email": email,
                **_row(scored, places[customer]),
                "as_of": now.isoformat(),
            }


def count_classes(scored: Scored) -> dict[str, int]:
    """How many are in each class, empty ones too."""
    codes = scored.codes.tolist()
    return {each.name: codes.count(place) for place, each in enumerate(CLASSES)}


def _row(scored: Scored, place: int) -> dict[str, Any]:
    known = scored.facts
    orders, spent = int(known.orders[place]), int(known.spent[place])
    return {
        "class": scored.class_name(place),
        "r": int(scored.r[place]) or None,
        "f": int(scored.f[place]) or None,
        "m": int(scored.m[place]) or None,
        "orders": orders,
        "orders_12m": int(known.orders_12m[place]),
        "spent": spent,
        "basket": spent // orders if orders else None,
        "engagement": round(float(known.engagement[place]), 4),
        "first_purchase_at": _moment(int(known.first[place])),
        "last_purchase_at": _moment(int(known.last[place])),
        "last_seen_at": _moment(int(known.last_seen[place])),
        "mails_sent": int(known.mails_sent[place]),
        "mails_since_sign": int(known.mails_since_sign[place]),
        "t": int(scored.t[place]) or None,
        "frat": int(scored.frat[place]) or None,
        "categories": int(known.categories[place]),
        "promotion_orders": int(known.promotion_orders[place]),
        "usual_gap": _number(scored.usual_gap[place]),
        "risk": RISKS[scored.risks[place]],
        "phase": PHASES[scored.phases[place]],
        "ended_how": ENDINGS[scored.hows[place]],
        "cause": CAUSE_NAMES[scored.causes[place]],
        "loyalty": TYPE_NAMES[scored.types[place]],
        "behaviour": _told(scored.behaviours[place]),
        "attitude": _told(scored.attitudes[place]),
        **{name: _told(scored.lights[name][place]) for name in LIGHTS},
        "asked": int(known.asked[place]),
        "given": int(known.given[place]),
        **{name: _whole(column[place]) for name, column in scored.values.items()},
    }


def count_states(scored: Scored) -> dict[str, dict[str, int]]:
    """How many are in each phase, risk and type of loyalty, empty ones too."""
    return {
        kind: {name: int((getattr(scored, column) == code).sum()) for code, name in enumerate(names) if name}
        for kind, (column, names) in NAMES.items()
        if kind != "class"
    }


def _told(code: int) -> int | None:
    return None if code == UNTOLD else int(code)


def _number(value: float) -> float | None:
    return None if isnan(value) else round(float(value), 2)


def _whole(value: float) -> int | None:
    return None if isnan(value) else int(value)


def _moment(seconds: int) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds >= 0 else None

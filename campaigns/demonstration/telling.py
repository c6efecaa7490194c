"""What the invented customers told: surveys answered, complaints opened and mostly closed, one key account."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.config import Config
from campaigns.demonstration.people import Person
from campaigns.scoring import confirm_account, propose
from campaigns.signals import SignalFacts, bulk_record
from campaigns.staff import User

ANSWERED, COMPLAINED = 0.08, 0.015
"""Shares of the customers who answered the survey, and who complained, in the last year."""
TYPES = {"birthday": "thanks", "after_purchase": "service"}
"""What the letters give; of the newsletters every third gives advice, the others ask to buy."""


def newsletter_type(at: datetime) -> str:
    """What the newsletter of that day is: every third one advises."""
    return "advice" if (at.toordinal() // 14) % 3 == 0 else "promotion"


def tell(
    session: Session,
    chance: np.random.Generator,
    people: Sequence[Person],
    ids: Mapping[str, int],
    now: datetime,
) -> int:
    """Write the signals of some of them, drawn by `chance`; returns how many."""
    facts = []
    for person in people:
        customer = ids.get(person.number)
        if customer is None or person.joined_at > now - timedelta(days=30):
            continue
        days = float(chance.random() * min(365, (now - person.joined_at).days))
        at = now - timedelta(days=days)
        drawn = chance.random()
        if drawn < ANSWERED:
            mark = int(chance.choice([2, 4, 6, 7, 8, 8, 9, 9, 10]))
            data = {"score": mark, "trust": max(mark - int(chance.integers(0, 2)), 0), "again": mark}
            facts.append(SignalFacts(customer, "survey_answered", f"S-{person.number}", at, data))
        elif drawn < ANSWERED + COMPLAINED:
            facts.append(SignalFacts(customer, "complaint_opened", f"C-{person.number}", at))
            closed = at + timedelta(days=4)
            if closed < now:
                facts.append(SignalFacts(customer, "complaint_closed", f"C-{person.number}", closed))
    bulk_record(session, facts, now=now)
    return len(facts)


def confirm_one(session: Session, config: Config, now: datetime) -> None:
    """Make the first of those proposed a key account, if the shop has somebody to look after it."""
    owner = session.scalars(select(User.id).order_by(User.id)).first()
    proposals = propose(session, now=now, config=config)
    if owner is not None and proposals:
        because = "Buys for a whole school, and tells others."
        confirm_account(
            session,
            proposals[0].customer_id,
            reason=proposals[0].reason,
            because=because,
            owner_id=owner,
            now=now,
        )

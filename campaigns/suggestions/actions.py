"""Learn anew which product goes with which, and keep it."""

from datetime import datetime

import numpy as np
from sqlalchemy import delete
from sqlalchemy.orm import Session

from campaigns.db import Database
from campaigns.db.bulk import store_columns
from campaigns.suggestions.model import Affinity, Learning
from campaigns.suggestions.queries import what_everybody_bought
from campaigns.suggestions.rules import Affinities, Integers, learn


def refresh(database: Database, *, least_support: int, now: datetime) -> int:
    """Learn from all purchases and put the result in the place of the old one; returns how many pairs it holds.

    What takes long happens between two short transactions, so that nobody waits for it.
    """
    with database.reading() as session:
        customers, products = what_everybody_bought(session)
    people, customer = np.unique(customers, return_inverse=True)
    things, product = np.unique(products, return_inverse=True)
    found = learn(
        customer.astype(np.int64), product.astype(np.int64), len(things), least_support=least_support
    )
    with database.transaction() as session:
        return _keep(session, found, things, len(people), now)


def _keep(session: Session, found: Affinities, things: Integers, people: int, now: datetime) -> int:
    session.execute(delete(Affinity))
    session.execute(delete(Learning))
    columns = {
        "product_id": things[found.product],
        "suggested_id": things[found.suggested],
        "weight": found.weight,
        "support": found.support,
    }
    count = len(found.product)
    if count:
        store_columns(session, Affinity, columns, key=("product_id", "suggested_id"))
    session.add(Learning(id=1, learned_at=now, customers=people, products=len(things), pairs=count))
    session.flush()
    return count

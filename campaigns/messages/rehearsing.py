"""Let what is due leave without sending it: what a simulation does in the place of the senders."""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from campaigns.messages.claiming import claim
from campaigns.messages.model import Mailing, Message
from campaigns.messages.pressure import Policy

_OWNER = "rehearsal"


def rehearse(session: Session, policy: Policy, *, now: datetime, limit: int = 5_000) -> int:
    """Claim whatever may leave `now`, as the senders would, and call it sent; returns how many. For copies only."""
    done = 0
    while claimed := claim(session, _OWNER, now=now, limit=limit, lease_seconds=60, policy=policy):
        session.execute(
            update(Message)
            .where(Message.lease_owner == _OWNER, Message.status == "sending")
            .values(status="sent", sent_at=now, lease_owner=None, lease_until=None, next_attempt_at=None)
            .execution_options(synchronize_session=False)
        )
        done += len(claimed)
    return done


def next_due(session: Session, *, after: datetime) -> datetime | None:
    """When the next of what waits may leave, later than `after`."""
    return session.scalar(
        select(func.min(Message.next_attempt_at))
        .join(Mailing, Mailing.id == Message.mailing_id)
        .where(Message.status == "queued", Message.next_attempt_at > after, Mailing.status == "open")
    )

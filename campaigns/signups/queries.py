"""Reads: the sign-up of a token, and whether somebody asks too often."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.errors import NotFound
from campaigns.links import Links
from campaigns.signups.model import SignUp

MOST_BY_NETWORK = 20
"""Requests an hour from one network prefix: an office signs up together, a flood does not."""
MOST_BY_ADDRESS = 3
"""Confirmation mails a day to one address: nobody's mailbox is filled by others."""


def token_of(links: Links, signup_id: int) -> str:
    """What stands in the address of the confirmation."""
    return f"{signup_id}-{links.seal('signup', str(signup_id))}"


def by_token(session: Session, links: Links, token: str, *, now: datetime, days: int) -> SignUp:
    """The sign-up a token names; NotFound if the token is not ours, or older than `days`."""
    number, _, seal = token.partition("-")
    is_ours = (
        number.isascii() and number.isdigit() and len(number) < 19 and links.is_sealed("signup", number, seal)
    )
    row = session.get(SignUp, int(number)) if is_ours else None
    if row is None or row.asked_at < now - timedelta(days=days):
        raise NotFound("This confirmation is not on record, or too old. Sign up again.")
    return row


def is_too_often(session: Session, network: str, *, now: datetime) -> bool:
    """Whether so many requests came from this network within an hour that it looks like a flood."""
    rows = select(func.count()).where(SignUp.network == network, SignUp.asked_at > now - timedelta(hours=1))
    return (session.scalar(rows) or 0) >= MOST_BY_NETWORK


def asked_lately(session: Session, address_key: str, *, now: datetime) -> int:
    """How often this address was asked for within a day."""
    rows = select(func.count()).where(
        SignUp.address_key == address_key, SignUp.asked_at > now - timedelta(days=1)
    )
    return session.scalar(rows) or 0

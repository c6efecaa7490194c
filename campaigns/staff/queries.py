"""Reads: who works here, and whose browser this is."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.errors import NotFound
from campaigns.staff.model import Login, User


def list_users(session: Session) -> Sequence[User]:
    """All users, by name."""
    return session.scalars(select(User).order_by(User.name, User.id)).all()


def count_users(session: Session) -> int:
    """How many there are; none means that Liaison has just been installed."""
    return session.scalar(select(func.count()).select_from(User)) or 0


def get_user(session: Session, email: str) -> User:
    """The user with this address, or NotFound."""
    user = session.scalar(select(User).where(User.email == email_key(email)))
    if user is None:
        raise NotFound(f"There is no user with the address {email}.")
    return user


def session_user(session: Session, token: str, *, now: datetime) -> User | None:
    """Whose browser sent this token, or None: unknown, expired, logged out or switched off."""
    if not token:
        return None
    return session.scalar(
        select(User)
        .join(Login, Login.user_id == User.id)
        .where(Login.token_hash == token_hash(token), Login.expires_at > now, User.is_active)
    )


def logins(session: Session, user_id: int, *, now: datetime) -> Sequence[Login]:
    """The browsers in which this user is logged in, newest first."""
    return session.scalars(
        select(Login)
        .where(Login.user_id == user_id, Login.expires_at > now)
        .order_by(Login.started_at.desc(), Login.id.desc())
    ).all()


def email_key(email: str) -> str:
    """The address as it is compared: without spaces around, without case."""
    return email.strip().casefold()


def token_hash(token: str) -> str:
    """What is stored of a token of 256 random bits: a fast hash is enough, there is nothing to guess."""
    return sha256(token.encode("utf-8", "replace")).hexdigest()

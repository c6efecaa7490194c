"""Writes: users, their passwords, their logins."""

import secrets
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from campaigns.errors import Conflict, Forbidden, Invalid, LiaisonError
from campaigns.staff.model import Login, Try, User
from campaigns.staff.queries import email_key, get_user, token_hash
from campaigns.staff.rules import ROLES, check_password

TRIES_WITHIN = timedelta(minutes=15)
WRONG = "Address or password is wrong."
"""Said for a wrong password, an unknown address and a user switched off alike: nobody learns which it was."""

_hasher = PasswordHasher()
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$hRwiXNEYfLqlfKBKkNKfLw$LdfRWdNIWJ9wfNo4aOS2eLivr8A0w/7Tnazur136kFk"
"""The hash of a password nobody knows, verified when the address is unknown, so that the answer takes as long as for a known one."""


class TooManyTries(LiaisonError):
    """More wrong passwords than allowed came from this address or for this account."""


def add_user(
    session: Session, *, email: str, name: str, password: str, role: str = "administrator", now: datetime
) -> User:
    """Make a user; Invalid for an unusable address, role or password, Conflict for an address in use."""
    key = email_key(email)
    if "@" not in key.strip("@") or len(key) > 254 or any(c.isspace() for c in key):
        raise Invalid("This is not an e-mail address.", {"email": "Write it like name@example.org."})
    if role not in ROLES:
        raise Invalid(f"There is no role {role!r}; there are {', '.join(ROLES)}.", {"role": "Choose one."})
    name = name.strip() or key
    check_password(password, email=key, name=name)
    if session.scalar(select(User.id).where(User.email == key)) is not None:
        raise Conflict(f"There is already a user with the address {key}.")
    user = User(email=key, name=name[:200], role=role, password_hash=_hasher.hash(password), created_at=now)
    session.add(user)
    session.flush()
    return user


def note_try(session: Session, *, email: str, address: str, limit: int, now: datetime) -> None:
    """Count an attempt to log in before the password is looked at; TooManyTries above `limit` in 15 minutes.

    Counted first and forgiven on success, so that a thousand attempts at the same instant count as a thousand.
    """
    session.execute(delete(Try).where(Try.at <= now - TRIES_WITHIN))
    for key in (f"address:{address}", f"account:{email_key(email)}"[:300]):
        made = session.scalar(select(func.count()).select_from(Try).where(Try.key == key)) or 0
        if made >= limit:
            raise TooManyTries("Too many wrong passwords. Wait a quarter of an hour, then try again.")
        session.add(Try(key=key, at=now))


def authenticate(session: Session, email: str, password: str) -> User:
    """The active user with this address and password; Forbidden, in the same words and time, for all others.

    Slow on purpose (argon2id, 64 MiB): call it where no write lock is held.
    """
    user = session.scalar(select(User).where(User.email == email_key(email)))
    is_right = verify_password(user.password_hash if user else _NOBODY, password)
    if user is None or not is_right or not user.is_active:
        raise Forbidden(WRONG)
    return user


def verify_password(password_hash: str, password: str) -> bool:
    """Whether this is the password that was hashed."""
    try:
        return _hasher.verify(password_hash, password[:1000])
    except (VerificationError, InvalidHashError):
        return False


def begin_login(
    session: Session, user: User, *, address: str, agent: str, lasts: timedelta, now: datetime
) -> str:
    """Log the user in from this browser, forgive the tries before, and return the token for its cookie."""
    token = secrets.token_urlsafe(32)
    forgive_tries(session, user, address=address)
    session.execute(delete(Login).where(Login.expires_at <= now))
    session.add(
        Login(
            user_id=user.id,
            token_hash=token_hash(token),
            agent=agent[:200],
            started_at=now,
            expires_at=now + lasts,
        )
    )
    get_user(session, user.email).last_login_at = now
    return token


def forgive_tries(session: Session, user: User, *, address: str) -> None:
    """Forget the tries of somebody who has shown that they know the password."""
    session.execute(delete(Try).where(Try.key.in_([f"address:{address}", f"account:{user.email}"[:300]])))


def end_login(session: Session, token: str) -> None:
    """Log this browser out; a copy of its cookie is worth nothing afterwards."""
    session.execute(delete(Login).where(Login.token_hash == token_hash(token)))


def change_password(session: Session, user: User, password: str, *, but: str = "") -> None:
    """Set a new password and end every login of this user except the one with the token `but`."""
    check_password(password, email=user.email, name=user.name)
    get_user(session, user.email).password_hash = _hasher.hash(password)
    _end_logins(session, user, but)


def set_active(session: Session, user: User, is_active: bool) -> None:
    """Switch a user off (all logins end at once) or on again; the last active administrator stays."""
    row = get_user(session, user.email)
    if not is_active:
        _keep_an_administrator(session, row)
        _end_logins(session, row, "")
    row.is_active = is_active


def change_role(session: Session, user: User, role: str) -> None:
    """Give a user another role; the last active administrator stays one."""
    row = get_user(session, user.email)
    if role not in ROLES:
        raise Invalid(f"There is no role {role!r}; there are {', '.join(ROLES)}.", {"role": "Choose one."})
    if role != "administrator":
        _keep_an_administrator(session, row)
    row.role = role


def _keep_an_administrator(session: Session, leaving: User) -> None:
    others = select(func.count()).where(User.role == "administrator", User.is_active, User.id != leaving.id)
    if leaving.role == "administrator" and leaving.is_active and not session.scalar(others):
        raise Conflict("This is the last administrator: make another one first.")


def _end_logins(session: Session, user: User, but: str) -> None:
    ended = delete(Login).where(Login.user_id == user.id)
    session.execute(ended.where(Login.token_hash != token_hash(but)) if but else ended)

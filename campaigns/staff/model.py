"""Tables: the people who work with Liaison, their logins, and the wrong passwords of the last minutes."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id


class User(Base):
    """A member of staff who may log in."""

    __tablename__ = "staff_user"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20), default="administrator")
    password_hash: Mapped[str] = mapped_column(String(200))
    is_active: Mapped[bool] = mapped_column(default=True)
    language: Mapped[str] = mapped_column(String(10), default="en")
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]


class Login(Base):
    """One browser that is logged in; the row's end is the login's end, whatever cookie somebody kept.

    Only a hash of the token is stored: who reads the database cannot log in with it.
    """

    __tablename__ = "staff_login"

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("staff_user.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    agent: Mapped[str] = mapped_column(String(200), default="")
    started_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Try(Base):
    """One attempt to log in that has not succeeded, kept for a quarter of an hour.

    `key` is `address:…` (where it came from) or `account:…` (whom it was for, known or not).
    """

    __tablename__ = "staff_try"
    __table_args__ = (Index(None, "key", "at"),)

    id: Mapped[Id]
    key: Mapped[str] = mapped_column(String(300))
    at: Mapped[datetime] = mapped_column(index=True)

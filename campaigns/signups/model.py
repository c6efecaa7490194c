"""Tables: sign-ups that wait for their confirmation, and those that were confirmed."""

from datetime import datetime

from sqlalchemy import Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id


class SignUp(Base):
    """One request by the form. Nobody may be written to by it but with the one mail that asks for a confirmation."""

    __tablename__ = "sign_up"
    __table_args__ = (
        Index("ix_sign_up_address_key_asked_at", "address_key", "asked_at"),
        Index("ix_sign_up_network_asked_at", "network", "asked_at"),
        Index("ix_sign_up_asked_at", "asked_at"),
    )

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(254))
    address_key: Mapped[str] = mapped_column(String(254))
    language: Mapped[str] = mapped_column(String(10), default="")
    may_track: Mapped[bool] = mapped_column(default=False)  # the second box was ticked as well
    wording: Mapped[str] = mapped_column(String(100))  # version of the sentences agreed to
    asked_at: Mapped[datetime]
    network: Mapped[str] = mapped_column(String(50), default="")  # a prefix, never the full address
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)  # to send the mail
    sent_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]

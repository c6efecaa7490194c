"""Tables: addresses that must not be written to, why, since when."""

from datetime import datetime

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.db import Base, Id
from campaigns.suppression.hashing import is_hashed


class Suppression(Base):
    """One address (after erasure a hash of it, see hashing.py), one cause, its evidence; lifted, never deleted. At most one in force per address and cause."""

    __tablename__ = "suppression"
    __table_args__ = (
        Index(
            "uq_suppression_in_force",
            "address_key",
            "cause",
            unique=True,
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
        Index("ix_suppression_since", "since"),
    )

    id: Mapped[Id]
    address_key: Mapped[str] = mapped_column(String(254))
    cause: Mapped[str] = mapped_column(String(20))  # see rules.CAUSES
    since: Mapped[datetime]
    evidence: Mapped[str] = mapped_column(Text, default="")
    message_id: Mapped[int | None]  # the mail that led to it, where there is one
    by: Mapped[str] = mapped_column(String(254), default="")  # a person's address, or the job's name
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str] = mapped_column(String(254), default="")
    lifted_because: Mapped[str] = mapped_column(Text, default="")

    @property
    def shown_address(self) -> str:
        """The address, or what can be told of it after erasure."""
        return f"erased ({self.address_key[-8:]})" if is_hashed(self.address_key) else self.address_key

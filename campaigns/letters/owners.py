"""Letters to a colleague: occasions that speak to who looks after a customer are never sent to the customer.

Each is handed over at once, like a test, and noted on the customer's timeline as a signal; the note is made first and
its key is unique, so that nobody is told twice, whatever crashes (and, in that moment, perhaps not at all).
"""

from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.content import Version, version_to_send
from campaigns.letters.model import Letter
from campaigns.letters.queries import Occasions, due_now, get_letter
from campaigns.messages import Ground, send_test
from campaigns.scoring import KeyAccount
from campaigns.signals import record
from campaigns.staff import User


class Telling(Ground, Protocol):
    """What of the runtime is needed."""

    @property
    def occasions(self) -> Occasions: ...


@dataclass(frozen=True)
class Owed:
    """One colleague to be told of one customer."""

    customer_id: int
    key: str
    facts: dict[str, Any]
    address: str


def is_for_owners(letter: Letter, occasions: Occasions) -> bool:
    """Whether the letter goes to the colleague who looks after the customer."""
    return letter.occasion in occasions and occasions[letter.occasion].subject == "owner"


def owed(session: Session, letter: Letter, runtime: Telling) -> list[Owed]:
    """Who is to be told now, in no particular order; some may have been told already."""
    asked: dict[str, Any] = {"occasions": runtime.occasions, "zone": runtime.config.zone}
    found = []
    for due in due_now(session, letter, **asked, now=runtime.clock.now()):
        part = due.subquery()
        rows = (
            select(part.c[0], part.c[1], part.c[3], User.email)
            .join(KeyAccount, (KeyAccount.customer_id == part.c[0]) & KeyAccount.ended_at.is_(None))
            .join(User, User.id == KeyAccount.owner_id)
        )
        found += [Owed(*row) for row in session.execute(rows)]
    return found


def tell_owners(runtime: Telling, letter_id: int) -> int:
    """Send what a letter to owners has due; returns how many. Raises MailerError with the server's words."""
    with runtime.reading() as session:
        letter = get_letter(session, letter_id)
        version = version_to_send(session, letter.template_id) if letter.template_id else None
        waiting = owed(session, letter, runtime) if version is not None else []
    return sum(_tell(runtime, letter, version, each) for each in waiting if version is not None)


def _tell(runtime: Telling, letter: Letter, version: Version, each: Owed) -> bool:
    now = runtime.clock.now()
    with runtime.transaction() as session:
        key = f"letter:{letter.id}:{each.key}"[:100]
        if not record(session, each.customer_id, kind="owner_told", key=key, at=now):
            return False
    send_test(
        runtime,
        version_id=version.id,
        to=each.address,
        customer_id=each.customer_id,
        subject=letter.subject,
        preheader=letter.preheader,
        facts=each.facts,
        sender_name=letter.sender_name,
        sender_email=letter.sender_email,
        reply_to=letter.reply_to,
    )
    return True

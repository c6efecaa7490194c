"""When too much of a mailing comes back, it pauses by itself: a sender's good name is lost sooner than won."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.config import Guard
from campaigns.messages import Mailing, Message, counts, pause_mailing
from campaigns.tracking.faults import CAUSES_OF_OURS
from campaigns.tracking.model import Event

WATCHED = timedelta(days=14)
"""Returns come in for some days after the last mail of a newsletter; older mailings are not looked at."""


@dataclass(frozen=True)
class Danger:
    """How much of a mailing came back: `level` is what the guard says of it, `sentence` why."""

    mailing_id: int
    name: str
    level: Literal["warn", "stop"]
    sentence: str


def judge_returns(
    tried: int, bounced: int, spam: int, rule: Guard, *, refused: int = 0
) -> tuple[Literal["", "warn", "stop"], str]:
    """The guard's rule. Pure: shares are of the mails tried so far: sent, or refused for good.

    `refused`: letters that came back for a fault of the sender's (`CAUSES_OF_OURS`).
    """
    if tried < rule.from_sent:
        return "", ""
    level: Literal["", "warn", "stop"] = ""
    words = []
    kinds = (
        ("dead addresses", bounced, rule.warn_bounced, rule.stop_bounced),
        ("spam reports", spam, rule.warn_spam, rule.stop_spam),
        ("letters refused for the sender's sake", refused, rule.warn_refused, rule.stop_refused),
    )
    for what, number, warn, stop in kinds:
        share = number / tried
        if number < rule.from_returns or share < warn:
            continue
        level = "stop" if share >= stop or level == "stop" else "warn"
        words.append(f"{number} {what} among {tried} mails ({share:.2%}; paused at {stop:.2%})")
    return level, "; ".join(words)


def endangered(
    session: Session, rule: Guard, *, now: datetime, mailings: Iterable[int] | None = None
) -> list[Danger]:
    """The open mailings of the last days (or those given) of which too much comes back, as the guard judges."""
    wanted = select(Mailing).where(Mailing.status == "open", Mailing.kind != "test")
    if mailings is not None:
        wanted = wanted.where(Mailing.id.in_(list(mailings)))
    else:
        lately = select(Event.mailing_id).where(
            Event.at >= now - WATCHED, Event.kind.in_(("bounced", "spam_reported"))
        )
        wanted = wanted.where(Mailing.id.in_(lately))
    found = []
    for mailing in session.scalars(wanted):
        tried, bounced, spam, refused = _returns(session, mailing.id)
        level, words = judge_returns(tried, bounced, spam, rule, refused=refused)
        if level:
            found.append(Danger(mailing.id, mailing.name, level, words))
    return found


def guard_mailings(
    session: Session, rule: Guard, *, now: datetime, mailings: Iterable[int] | None = None
) -> list[Danger]:
    """Pause those that are beyond the limit and were not let go on by a person; returns the paused ones."""
    paused = []
    for danger in endangered(session, rule, now=now, mailings=mailings):
        mailing = session.get(Mailing, danger.mailing_id)
        if danger.level == "stop" and mailing is not None and mailing.is_guarded:
            because = f"Paused by itself: {danger.sentence}. {_what_to_do(danger.sentence)}"
            if pause_mailing(session, mailing.id, because=because):
                paused.append(danger)
    return paused


def _what_to_do(sentence: str) -> str:
    if "for the sender's sake" in sentence:
        return "Look on Today at what receivers hold against the sender, and mend that before it goes on."
    return "Find out where these addresses came from before it goes on."


def mailings_of(session: Session, message_ids: Iterable[int]) -> set[int]:
    """The mailings of these messages."""
    return set(
        session.scalars(select(Message.mailing_id).where(Message.id.in_(list(message_ids))).distinct())
    )


def _returns(session: Session, mailing_id: int) -> tuple[int, int, int, int]:
    """Tried, dead addresses, spam reports, refused for our sake; a person's second bounce counts once."""
    people = func.count(func.distinct(Event.message_id))
    of_it = select(people).where(Event.mailing_id == mailing_id)
    hard = of_it.where(Event.kind == "bounced", Event.details["class"].as_string() == "hard")
    spam = of_it.where(Event.kind == "spam_reported")
    ours = of_it.where(Event.kind == "bounced", Event.details["cause"].as_string().in_(CAUSES_OF_OURS))
    states = counts(session, mailing_id)
    dead, reported, refused = (session.scalar(rows) or 0 for rows in (hard, spam, ours))
    return states["sent"] + states["failed"], dead, reported, refused

"""What receivers hold against the sender, not against a person: how often, in which words, and what to do about it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.messages import Mailing, Message
from campaigns.tracking.model import Event
from campaigns.tracking.returned import CAUSES

CAUSES_OF_OURS = ("authentication", "spam", "policy")
"""What never suppresses anybody, and raises an alarm instead (too many too fast is the senders' own affair)."""

LATELY = timedelta(days=7)
FROM = 3
"""Fewer in that time are one receiver's whim."""

MOST = 5


@dataclass(frozen=True)
class Fault:
    """One receiver's complaint about the sender: `count` letters in a week, the last one's words, what to do."""

    cause: str
    domain: str
    sender: str  # the domain of the From address
    count: int
    last_at: datetime
    words: str
    advice: str

    @property
    def title(self) -> str:
        return f"{self.domain} refuses letters from {self.sender}: {CAUSES[self.cause]}"

    @property
    def sentence(self) -> str:
        return f"{self.count:,} letters in a week, the last at {self.last_at:%Y-%m-%d %H:%M} UTC: “{self.words}” {self.advice}"


_ADVICE = (
    (
        r"5\.7\.515|required authentication level",
        "Outlook wants SPF, DKIM and DMARC to pass, all three: see which is missing by `liaison check --dns`.",
    ),
    (
        r"\bdmarc\b|5\.7\.(?:1|5)?509",
        "Let SPF or DKIM pass for the very domain of the From address, and publish a DMARC record.",
    ),
    (
        r"\bspf\b|sender policy|not (?:permitted|allowed|designate)",
        "Name the sending server in the SPF record of the return path's domain.",
    ),
    (r"\bdkim\b", "Make a key by `liaison dkim new`, publish it, and set dkim.selector."),
    (
        r"\bptr\b|reverse",
        "Let the mail server's address have a reverse name (PTR) that leads back to that address.",
    ),
    (r"\btls\b|starttls", "Let the mail server speak TLS to that receiver."),
    (
        r"spamhaus|spamcop|sorbs|barracuda|proofpoint|\b\w*bl\b|black ?list|block ?list|\blisted\b|S3140|S3150",
        "The mail server's address stands on a blocklist: find out there why, mend it, and ask to be taken off.",
    ),
)
_BY_CAUSE = {
    "authentication": "Check SPF, DKIM and DMARC by `liaison check --dns`.",
    "spam": "Write only to those who asked, look at the spam reports, and send less at once to this receiver.",
    "policy": "Read the server's words: they name the rule. Often it is a link, an attachment or the sender's name.",
}


def advice(cause: str, words: str) -> str:
    """What the sender can do about a refusal in these words. Pure."""
    for pattern, what in _ADVICE:
        if re.search(pattern, words, re.IGNORECASE):
            return what
    return _BY_CAUSE[cause]


def sender_faults(session: Session, *, now: datetime) -> Sequence[Fault]:
    """What receivers held against us in the last week, most frequent first; at most MOST."""
    cause = Event.details["cause"].as_string()
    number = func.count(func.distinct(Event.message_id))
    rows = session.execute(
        select(cause, Message.domain, number, func.max(Event.id))
        .join(Message, Message.id == Event.message_id)
        .where(Event.kind == "bounced", Event.at >= now - LATELY, cause.in_(CAUSES_OF_OURS))
        .group_by(cause, Message.domain)
        .having(number >= FROM)
        .order_by(number.desc())
        .limit(MOST)
    ).all()
    newest = (
        select(Event.id, Event.at, Event.text, Mailing.sender_email)
        .join(Mailing, Mailing.id == Event.mailing_id)
        .where(Event.id.in_([row[3] for row in rows]))
    )
    last = {row[0]: row for row in session.execute(newest)}
    found = []
    for name, domain, count, event_id in rows:
        _, at, words, sender = last[event_id]
        sender = sender.rpartition("@")[2]
        found.append(Fault(name, domain, sender, count, at, _short(words), advice(name, words)))
    return found


def _short(words: str) -> str:
    """The line of the evidence that holds the server's reply."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"\b[45]\d\d\b|\b[45]\.\d+\.\d+", line)]
    line = max(told or lines, key=len, default="").removeprefix("diagnostic-code: ")
    return line.removeprefix("smtp;").strip()[:240]

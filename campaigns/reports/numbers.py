"""The numbers of a report: how each is called, what exactly it counts, and whom it lists. Pure.

Numbers count messages; for a newsletter a message is a recipient. Opens and clicks count the messages in which
somebody opened or clicked at least once; how often all in all stands beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Number:
    """One number: its name (also in addresses and exports), its label, its definition."""

    name: str
    label: str
    definition: str


STATES = (
    Number("sent", "Sent", "Handed over: the mail server said that it takes the mail."),
    Number("failed", "Failed", "Refused for good, or given up after days of trying; its words are kept."),
    Number("held", "Held back", "Meant, and not sent for a stated reason: no consent, suppressed, too late."),
    Number(
        "cancelled", "Cancelled", "Stopped before it left: by a person, or as the recipient unsubscribed."
    ),
    Number("unknown", "Unknown", "Handed over, the answer never heard: a person decides; never sent twice."),
    Number("queued", "Waiting", "Waits for its turn, or for the next try after a “not now”."),
    Number("sending", "On its way", "Just now in the hands of a sender."),
)
"""What we did. Their sum is what was meant, always."""

REACTIONS = (
    Number(
        "delivered",
        "Delivered",
        "Sent, and no bounce came back. It may still lie in a spam folder: nobody can know that.",
    ),
    Number(
        "tracked",
        "With tracking",
        "Delivered to people who agreed to tracking: only of these opens and clicks are known, and shares are of these.",
    ),
    Number("bounced", "Bounced", "A mail server refused it, at once or by a mail that came back."),
    Number(
        "clicked",
        "Clicked",
        "A person followed a link at least once. Clicks of machines and doubtful ones are counted apart.",
    ),
    Number(
        "opened",
        "Opened",
        "The pictures were loaded by a person's mail program. Weak: many programs never load them.",
    ),
    Number(
        "proxied",
        "Opened by proxy",
        "A mail provider loaded the pictures, perhaps before anybody looked. Hardly a sign; not counted as opened.",
    ),
    Number("unsubscribed", "Unsubscribed", "Asked for no more letters by the link of this very mail."),
    Number("spam_reported", "Spam reports", "Pressed the spam button of their mail provider."),
    Number("replied", "Replied", "Wrote an answer."),
    Number(
        "machine_clicked",
        "Clicked by machines",
        "Security scanners that follow every link. Shown, and counted nowhere else.",
    ),
    Number(
        "suspect_clicked",
        "Doubtful clicks",
        "Signs speak for and against a person. Shown, and counted nowhere else.",
    ),
    Number(
        "suspect_opened",
        "Doubtful opens",
        "Signs speak for and against a person. Shown, and counted nowhere else.",
    ),
    Number("machine_opened", "Opened by machines", "Loaded by scanners. Shown, and counted nowhere else."),
    Number(
        "silent",
        "No reaction",
        "Sent with tracking, and neither a person's open or click nor an answer came back.",
    ),
)
"""What happened to it afterwards."""

MEANT = Number(
    "meant", "Meant", "Everybody this was for: sent, failed, held back, cancelled, unknown, waiting."
)
NUMBERS: Mapping[str, Number] = {each.name: each for each in (MEANT, *STATES, *REACTIONS)}

HELD_WORDS = {
    "no_consent": "No consent",
    "suppressed": "Suppressed",
    "capped": "Written to often enough",
    "too_late": "Too late",
    "no_address": "No address",
    "unreachable": "Unreachable",
    "holdout": "Held out, to compare",
    "expired": "Expired",
    "key_account": "Key account, spared promotions",
}

CAUSE_WORDS = {
    "unsubscribed": "unsubscribed",
    "hard_bounce": "address dead",
    "spam_report": "spam report",
    "stale": "never answers",
    "by_hand": "by hand",
    "complaint": "an open complaint",
    "pause": "a pause they asked for",
    "frequency": "how often they want letters",
    "pressure": "mails enough already",
    "quiet": "quiet hours",
    "feast": "a day of rest",
}


def held_words(reason: str) -> str:
    """A reason for holding back in words: “Suppressed (address dead)”."""
    word, _, cause = reason.partition(":")
    words = HELD_WORDS.get(word, word.replace("_", " ").capitalize() or "No reason noted")
    return f"{words} ({CAUSE_WORDS.get(cause, cause)})" if cause else words


@dataclass(frozen=True)
class Stats:
    """All numbers of one mailing, or of several together. `totals`: hits all in all, of people only."""

    states: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)
    reactions: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)

    @property
    def meant(self) -> int:
        """The sum of the states, by definition."""
        return sum(self.states.values())

    @property
    def sent(self) -> int:
        return self.states.get("sent", 0)

    def __getitem__(self, name: str) -> int:
        """Any number by its name; one that nothing was counted for is 0."""
        if name == "meant":
            return self.meant
        return self.states.get(name, 0) if name in self.states else self.reactions.get(name, 0)

    @property
    def open_ends(self) -> int:
        """Messages of which it is not known yet how they end."""
        return self["queued"] + self["sending"] + self["unknown"]

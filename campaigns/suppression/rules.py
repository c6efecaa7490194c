"""The causes for which an address is left alone, and what may undo each. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an address is not written to. `needs_consent`: only a new consent of the person's own undoes it."""

    name: str
    label: str
    meaning: str
    needs_consent: bool = False


CAUSES: dict[str, Cause] = {
    cause.name: cause
    for cause in (
        Cause(
            "unsubscribed",
            "Unsubscribed",
            "The person asked for no more letters.",
            needs_consent=True,
        ),
        Cause("hard_bounce", "Address dead", "A mail server said that this address does not exist."),
        Cause(
            "unreachable",
            "Not reached",
            "Letters came back again and again: the mailbox is full, or its server does not answer.",
        ),
        Cause(
            "spam_report",
            "Spam report",
            "The person told their mail provider that a letter of ours is spam.",
            needs_consent=True,
        ),
        Cause("stale", "Never answers", "Written to many times, and no sign of life."),
        Cause(
            "erased",
            "Erased",
            "The person asked to be forgotten; only a keyed hash of the address is left, to keep it out.",
            needs_consent=True,
        ),
        Cause("by_hand", "By hand", "Somebody of the team entered it."),
    )
}
"""By name, in the order in which pages show them."""


def may_be_lifted_by_hand(cause: str) -> bool:
    """Whether a member of the team may lift it; a refusal of the person's own falls only by the person."""
    return not CAUSES[cause].needs_consent

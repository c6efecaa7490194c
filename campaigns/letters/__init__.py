"""Standing orders: an occasion, a delay, an hour, a template."""

from campaigns.letters.actions import change, create, launch_due, resume, stop_because, switch
from campaigns.letters.calls import called, moment_of, unbarred
from campaigns.letters.model import Letter
from campaigns.letters.queries import (
    Due,
    all_letters,
    count_due_soon,
    count_messages,
    due_by_day,
    due_now,
    due_soon,
    get_letter,
    is_anybody_due,
    mailings_of,
    passed_over,
    switched_on,
    why_paused,
    zones_of_customers,
)
from campaigns.letters.rules import Plan

__all__ = [
    "Due",
    "Letter",
    "Plan",
    "all_letters",
    "called",
    "change",
    "count_due_soon",
    "count_messages",
    "create",
    "due_by_day",
    "due_now",
    "due_soon",
    "get_letter",
    "is_anybody_due",
    "launch_due",
    "mailings_of",
    "moment_of",
    "passed_over",
    "resume",
    "stop_because",
    "switch",
    "switched_on",
    "unbarred",
    "why_paused",
    "zones_of_customers",
]

"""One segment, one moment: newsletters from draft to sent."""

from campaigns.newsletters.actions import (
    cancel,
    change,
    check_ready,
    create,
    duplicate,
    finish,
    launch,
    note_paused,
    pause,
    put_aside,
    resume,
    schedule,
    unschedule,
)
from campaigns.newsletters.model import STATUSES, Newsletter
from campaigns.newsletters.queries import (
    Reach,
    count_by_status,
    due,
    every,
    get_newsletter,
    in_sending,
    list_newsletters,
    reach,
    why_ask_first,
)
from campaigns.newsletters.rules import Draft, may

__all__ = [
    "STATUSES",
    "Draft",
    "Newsletter",
    "Reach",
    "cancel",
    "change",
    "check_ready",
    "count_by_status",
    "create",
    "due",
    "duplicate",
    "every",
    "finish",
    "get_newsletter",
    "in_sending",
    "launch",
    "list_newsletters",
    "may",
    "note_paused",
    "pause",
    "put_aside",
    "reach",
    "resume",
    "schedule",
    "unschedule",
    "why_ask_first",
]

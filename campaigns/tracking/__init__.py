"""What came back for a message: opens, clicks, unsubscriptions, bounces, spam reports."""

from campaigns.tracking.actions import (
    Pace,
    forget_events,
    give_reason,
    record_bounce,
    record_event,
    record_events,
    record_spam_report,
    set_preferences,
    undo_unsubscribe,
    unsubscribe,
)
from campaigns.tracking.agents import Agent, read_agent
from campaigns.tracking.dialects import SERVICES, Notice, read_notices
from campaigns.tracking.fading import has_faded, retire_faded
from campaigns.tracking.faults import Fault, advice, sender_faults
from campaigns.tracking.guard import Danger, endangered, guard_mailings, judge_returns, mailings_of
from campaigns.tracking.inlets import forget_unused_inlets, note_inlet, silent_inlets
from campaigns.tracking.intake import hits_folder, ingest, judge_history
from campaigns.tracking.journal import HitJournal
from campaigns.tracking.judge import NEWEST, REASONS, RULES
from campaigns.tracking.mailbox import fetch_mailbox, read_mailbox
from campaigns.tracking.model import JUDGEMENTS, KINDS, Event, LastOpen
from campaigns.tracking.notices import take_notices
from campaigns.tracking.queries import Reader, count_judgements, events_of, reader, returns_of
from campaigns.tracking.redirects import Redirects, web_address
from campaigns.tracking.returned import CAUSES, Recipient, Returned, diagnose, explain, read_returned
from campaigns.tracking.returned.boxes import mails_in
from campaigns.tracking.returns import Kept, keep_returned, whose
from campaigns.tracking.signatures import (
    check_basic,
    check_mailgun,
    check_sendgrid,
    check_sns,
    sns_subscribe_url,
)
from campaigns.tracking.spool import ReturnsListener, keep_mail, read_spool, spool_folder
from campaigns.tracking.unmeasured import anonymous_counts, last_open_on

__all__ = [
    "CAUSES",
    "JUDGEMENTS",
    "KINDS",
    "NEWEST",
    "REASONS",
    "RULES",
    "SERVICES",
    "Agent",
    "Danger",
    "Event",
    "Fault",
    "HitJournal",
    "Kept",
    "LastOpen",
    "Notice",
    "Pace",
    "Reader",
    "Recipient",
    "Redirects",
    "Returned",
    "ReturnsListener",
    "advice",
    "anonymous_counts",
    "check_basic",
    "check_mailgun",
    "check_sendgrid",
    "check_sns",
    "count_judgements",
    "diagnose",
    "endangered",
    "events_of",
    "explain",
    "fetch_mailbox",
    "forget_events",
    "forget_unused_inlets",
    "give_reason",
    "guard_mailings",
    "has_faded",
    "hits_folder",
    "ingest",
    "judge_history",
    "judge_returns",
    "keep_mail",
    "keep_returned",
    "last_open_on",
    "mailings_of",
    "mails_in",
    "note_inlet",
    "read_agent",
    "read_mailbox",
    "read_notices",
    "read_returned",
    "read_spool",
    "reader",
    "record_bounce",
    "record_event",
    "record_events",
    "record_spam_report",
    "retire_faded",
    "returns_of",
    "sender_faults",
    "set_preferences",
    "silent_inlets",
    "sns_subscribe_url",
    "spool_folder",
    "take_notices",
    "undo_unsubscribe",
    "unsubscribe",
    "web_address",
    "whose",
]

"""What a shop tells us happened to a customer that is neither a purchase nor an answer to a mail."""

from campaigns.signals.actions import bulk_record, record
from campaigns.signals.model import Signal
from campaigns.signals.queries import of_customer, open_complaints, open_complaints_of, signals_of
from campaigns.signals.rules import KNOWN, SignalFacts, kind_words, read_data, read_kind
from campaigns.signals.signal_files import SIGNAL_FILES

__all__ = [
    "KNOWN",
    "SIGNAL_FILES",
    "Signal",
    "SignalFacts",
    "bulk_record",
    "kind_words",
    "of_customer",
    "open_complaints",
    "open_complaints_of",
    "read_data",
    "read_kind",
    "record",
    "signals_of",
]

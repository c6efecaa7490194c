"""Mail itself: composing bytes, the SMTP client, adapters that keep instead of sending. Knows no customer."""

from campaigns.mail.adapters import MaildirMailer, MemoryMailer
from campaigns.mail.compose import Frame, Manner
from campaigns.mail.headers import clean, wire_address, wire_domain
from campaigns.mail.inbox import InboxFolder
from campaigns.mail.sandbox import SandboxMailer
from campaigns.mail.single import deliver
from campaigns.mail.smtp import SmtpMailer
from campaigns.mail.transport import Answer, Letter, Line, Mailer, Outlet, Parcel

__all__ = [
    "Answer",
    "Frame",
    "InboxFolder",
    "Letter",
    "Line",
    "MaildirMailer",
    "Mailer",
    "Manner",
    "MemoryMailer",
    "Outlet",
    "Parcel",
    "SandboxMailer",
    "SmtpMailer",
    "clean",
    "deliver",
    "wire_address",
    "wire_domain",
]

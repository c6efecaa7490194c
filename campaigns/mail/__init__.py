"""Mail itself: composing bytes, the SMTP client, adapters that keep instead of sending. Knows no customer."""

from campaigns.mail.adapters import MaildirMailer, MemoryMailer
from campaigns.mail.compose import Frame, Manner
from campaigns.mail.headers import clean, wire_address, wire_domain
from campaigns.mail.single import deliver
from campaigns.mail.smtp import SmtpMailer
from campaigns.mail.transport import Answer, Letter, Line, Mailer, Outlet, Parcel

__all__ = [
    "Answer",
    "Frame",
    "Letter",
    "Line",
    "MaildirMailer",
    "Mailer",
    "Manner",
    "MemoryMailer",
    "Outlet",
    "Parcel",
    "SmtpMailer",
    "clean",
    "deliver",
    "wire_address",
    "wire_domain",
]

"""People who ask for letters by themselves: asked by a form, agreed only when they confirm from their mailbox."""

from campaigns.signups.actions import ask, confirm, forget_unconfirmed, mark_sent
from campaigns.signups.mailing import send_confirmations
from campaigns.signups.model import SignUp
from campaigns.signups.queries import by_token, is_too_often, token_of
from campaigns.signups.rules import WORDINGS, wording

__all__ = [
    "WORDINGS",
    "SignUp",
    "ask",
    "by_token",
    "confirm",
    "forget_unconfirmed",
    "is_too_often",
    "mark_sent",
    "send_confirmations",
    "token_of",
    "wording",
]

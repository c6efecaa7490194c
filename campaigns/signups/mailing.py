"""The one mail that asks for a confirmation: written and handed over outside every transaction."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Protocol

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.clock import Clock
from campaigns.config import Config
from campaigns.content import system_mail
from campaigns.errors import Invalid, MailerError
from campaigns.links import Links
from campaigns.mail import Letter, Mailer, deliver
from campaigns.mail.headers import clean, wire_address
from campaigns.messages import signer
from campaigns.signups.actions import mark_sent
from campaigns.signups.model import SignUp
from campaigns.signups.queries import token_of
from campaigns.signups.rules import wording

MOST_TRIES = 5
BATCH = 20


class Roof(Protocol):
    """What of the runtime is needed here."""

    @property
    def config(self) -> Config: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def links(self) -> Links: ...
    @property
    def mailer(self) -> Mailer: ...
    def transaction(self) -> AbstractContextManager[Session]: ...


def send_confirmations(runtime: Roof) -> int:
    """Send what waits; returns how many were taken. A try is counted before the mail leaves: a crash sends no second."""
    sent = 0
    with runtime.transaction() as session:
        waiting = session.scalars(
            select(SignUp)
            .where(SignUp.sent_at.is_(None), SignUp.confirmed_at.is_(None), SignUp.tries < MOST_TRIES)
            .order_by(SignUp.tries, SignUp.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).all()
        ids = [row.id for row in waiting]
        session.execute(update(SignUp).where(SignUp.id.in_(ids)).values(tries=SignUp.tries + 1))
    for row in waiting:
        try:
            deliver(runtime.mailer, _letter(runtime, row))
        except (
            MailerError,
            Invalid,
        ):  # an address that cannot be written to uses up its tries, and holds up nobody
            continue
        sent += 1
        with runtime.transaction() as session:
            mark_sent(session, row.id, now=runtime.clock.now())
    return sent


def _letter(runtime: Roof, row: SignUp) -> Letter:
    config = runtime.config
    language = row.language or config.shop.language
    values: Mapping[str, Any] = {
        "shop": config.shop.name,
        "address": config.shop.address,
        "wording": wording("mail", language, config.shop.name, row.wording),
        "days": config.signup.days,
        "link": f"{runtime.links.base_url}/signup/{token_of(runtime.links, row.id)}",
    }
    words = system_mail("confirm", language, values)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(clean(config.sender.name or config.shop.name), addr_spec=config.sender.email)
    mail["To"] = row.email
    mail["Subject"] = clean(words.subject)
    mail["Date"] = format_datetime(runtime.clock.now())
    mail["Message-ID"] = f"<signup.{row.id}.{row.tries}@{config.sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers to it
    mail.set_content(words.text)
    mail.add_alternative(words.html, subtype="html")
    recipient, needs_utf8 = wire_address(row.email)
    content = mail.as_bytes()
    signs = signer(config)
    head = signs.sign(content, now=runtime.clock.now()) if signs is not None else b""
    return Letter(config.sender.email, recipient, head + content, needs_utf8)

"""A test of a letter: one customer's values, sent at once to an address of one's own."""

from typing import Any

from sqlalchemy.orm import Session

from campaigns.content import reader_values
from campaigns.customers import Customer, get_customer
from campaigns.errors import Invalid, MailerError
from campaigns.mail import Answer, Letter, deliver, wire_address
from campaigns.messages.actions import open_mailing
from campaigns.messages.claiming import Claimed
from campaigns.messages.model import Mailing, Message
from campaigns.messages.sending import Ground
from campaigns.messages.writing import CannotWrite, Prepared, Writer


def send_test(
    runtime: Ground,
    *,
    version_id: int,
    to: str,
    customer_id: int | None = None,
    subject: str = "",
    preheader: str = "",
    facts: dict[str, object] | None = None,
    values: dict[str, Any] | None = None,
    sender_name: str = "",
    sender_email: str = "",
    reply_to: str = "",
) -> Answer:
    """Write the version with this customer's values and hand it over now; returns the server's answer.

    `values`: those of a made-up reader, by source, where no customer is named.

    The message belongs to nobody, so that its links change nobody's consent and its hits count for nobody.
    Raises Invalid (the address, or a value the words need), MailerError with the server's words.
    """
    wire_address(to)
    now = runtime.clock.now()
    with runtime.transaction() as session:
        mailing = open_mailing(
            session,
            kind="test",
            source_id=None,
            name=f"Test to {to}",
            version_id=version_id,
            subject=subject,
            preheader=preheader,
            sender_name=sender_name,
            sender_email=sender_email or runtime.config.sender.email,
            reply_to=reply_to,
            is_tracked=True,
            now=now,
        )
        message = Message(
            mailing_id=mailing.id,
            customer_id=None,
            occasion_key="",
            address=to,
            domain=to.rpartition("@")[2],
            status="failed",  # until it is heard of
            held_reason="",
            is_tracked=True,
            facts=facts,
            queued_at=now,
            attempts=0,
            reply="",
        )
        session.add(message)
        session.flush()
        claimed = _written(session, runtime, mailing, message, customer_id, values)
    answer = _handed_over(runtime, claimed)
    with runtime.transaction() as session:
        row = session.get_one(Message, message.id)
        row.attempts, row.reply_code, row.reply = 1, answer.code, answer.text
        row.status = "sent"
        row.sent_at = runtime.clock.now()
    return answer


def _handed_over(runtime: Ground, claimed: Claimed) -> Answer:
    letter = Letter(claimed.sender, claimed.recipient, claimed.body, claimed.needs_utf8)
    try:
        return deliver(runtime.mailer, letter)
    except MailerError as error:
        with runtime.transaction() as session:
            row = session.get_one(Message, claimed.id)
            row.attempts, row.reply_code, row.reply = 1, error.code, error.reply or str(error)
        raise


def _written(
    session: Session,
    runtime: Ground,
    mailing: Mailing,
    message: Message,
    customer_id: int | None,
    values: dict[str, Any] | None,
) -> Claimed:
    customer: Customer | None = get_customer(session, customer_id) if customer_id else None
    claimed = Claimed(
        id=message.id,
        mailing_id=mailing.id,
        customer_id=None,
        address=message.address,
        domain=message.domain,
        name="",
        is_tracked=True,
        facts=message.facts,
        tries=0,
        queued_at=message.queued_at,
        priority=mailing.priority,
    )
    writer = Writer(runtime.config, runtime.links, runtime.merge_sources)
    writer.load(session, [claimed], message.queued_at)
    if customer is not None:
        prepared: Prepared = writer.prepared(mailing.id)
        names, now = prepared.sources, message.queued_at
        loaded = reader_values(session, names, [customer.id], now=now, sources=runtime.merge_sources)
        writer.give(claimed, loaded[customer.id])
    elif values is not None:
        writer.give(claimed, values)
    try:
        writer.write(claimed, message.queued_at)
    except CannotWrite as error:
        raise Invalid(error.answer.text) from error
    return claimed

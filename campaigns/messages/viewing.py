"""A letter once more, as a web page: what its reader was sent, filled in again."""

from sqlalchemy.orm import Session

from campaigns.content import get_version, joined, reader_values
from campaigns.errors import Invalid, NotFound
from campaigns.messages.model import Mailing
from campaigns.messages.queries import get_message, recipient_of
from campaigns.messages.sending import Ground
from campaigns.messages.writing import Prepared


def web_version(session: Session, runtime: Ground, message_id: int) -> str:
    """The HTML of a message, with the values of today (what was sent is not kept) and direct or tracked links as sent.

    Raises NotFound for a test, after erasure, and where a value that the words need is no longer there.
    """
    message = get_message(session, message_id)
    mailing = session.get_one(Mailing, message.mailing_id)
    if message.customer_id is None or message.status not in ("sent", "unknown"):
        raise NotFound("This letter is no longer on record.")
    prepared = Prepared(
        mailing,
        get_version(session, mailing.version_id),
        runtime.config,
        runtime.links,
        runtime.merge_sources,
    )
    loaded = reader_values(
        session,
        prepared.sources,
        [message.customer_id],
        now=runtime.clock.now(),
        sources=runtime.merge_sources,
    )
    values = {**loaded[message.customer_id], "letter": message.facts or {}}
    token = runtime.links.token(message.id, message.mailing_id)
    person = recipient_of(session, message)
    # Who withdrew their consent to measuring since gets no picture and direct links here, too.
    is_tracked = message.is_tracked and person is not None and person.may_track
    try:
        return joined(prepared.words.html(values, is_tracked=is_tracked, token=token), token)
    except Invalid as error:
        raise NotFound("This letter is no longer on record.") from error

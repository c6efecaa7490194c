"""What the webhooks of mail services say, translated into our words. Pure: a payload in, notices out.

Each service's words stand in one table with remarks. An event we do not know is left out, never guessed.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal

Kind = Literal[
    "queued", "sent", "delivered", "deferred", "rejected", "bounced", "spam_reported",
    "opened", "clicked", "unsubscribed", "subscribed", "failed",
]  # fmt: skip
"""Our events, and five that change nothing here: queued, sent, subscribed (never by a third party), failed (a fault
of the service itself), rejected (the service did not even try)."""

JSON = Mapping[str, Any]


@dataclass(frozen=True)
class Notice:
    """One thing a service tells of one recipient.

    `message_id` is a Message-ID header with its angle brackets where the service keeps ours, else its own number;
    `reply` the receiving server's words; `is_permanent` what the service says of a bounce (None: nothing).
    """

    kind: Kind
    recipient: str
    message_id: str = ""
    reason: str = ""  # bounced, invalid, blocked, spam, unsubscribed, timed_out, other
    description: str = ""
    reply: str = ""
    status: str = ""  # enhanced status (RFC 3463), where given apart
    is_permanent: bool | None = None
    url: str = ""
    user_agent: str = ""
    at: datetime | None = None
    ids: tuple[str, ...] = ()  # every other message id in the payload, for finding ours


def read_ses(payload: JSON) -> list[Notice]:
    """Amazon SES by SNS: a notification's `Message`, of the older (notificationType) or newer (eventType) kind."""
    text = payload.get("Message", "")
    said = json.loads(text) if isinstance(text, str) and text.lstrip().startswith("{") else payload
    kind = str(said.get("eventType") or said.get("notificationType") or "")
    mail: JSON = said.get("mail") or {}
    headers = {str(h.get("name", "")).lower(): str(h.get("value", "")) for h in mail.get("headers") or []}
    ours = headers.get("message-id") or str((mail.get("commonHeaders") or {}).get("messageId") or "")
    common: dict[str, Any] = {
        "message_id": str(mail.get("messageId") or ""),
        "ids": (ours,) if ours else (),
    }
    part: JSON = said.get(_SES_PARTS.get(kind, kind.lower())) or {}
    at = _moment(part.get("timestamp") or mail.get("timestamp"))
    everybody = [str(address) for address in mail.get("destination") or []]
    if kind == "Bounce":
        words = f"{part.get('bounceType')}: {part.get('bounceSubType')}"
        # "Undetermined" says nothing; "Transient" is soft (also an out-of-office: General)
        is_permanent = {"Permanent": True, "Transient": False}.get(str(part.get("bounceType")))
        return [
            Notice(
                "bounced", str(one.get("emailAddress", "")), **common, reason="bounced", description=words,
                reply=str(one.get("diagnosticCode") or ""), status=str(one.get("status") or ""),
                is_permanent=is_permanent, at=at,
            )
            for one in part.get("bouncedRecipients") or []
        ]  # fmt: skip
    if kind == "Complaint":
        words = str(part.get("complaintFeedbackType") or "")
        told = [str(one.get("emailAddress", "")) for one in part.get("complainedRecipients") or []]
        if words == "not-spam":  # the recipient took it out of the spam folder
            return []
        return [
            Notice("spam_reported", who, **common, reason="spam", description=words, at=at) for who in told
        ]
    if kind == "Delivery":
        reply = str(part.get("smtpResponse") or "")
        return [
            Notice("delivered", str(who), **common, reply=reply, at=at)
            for who in part.get("recipients") or everybody
        ]
    if kind == "DeliveryDelay":
        delayed = part.get("delayedRecipients") or []
        return [
            Notice(
                "deferred", str(one.get("emailAddress", "")), **common, description=str(part.get("delayType") or ""),
                reply=str(one.get("diagnosticCode") or ""), status=str(one.get("status") or ""), at=at,
            )
            for one in delayed
        ]  # fmt: skip
    if kind not in _SES_EVENTS:
        return []
    return [
        Notice(
            _SES_EVENTS[kind], who, **common, reason="blocked" if kind == "Reject" else "",
            description=str(part.get("reason") or part.get("errorMessage") or ""), url=str(part.get("link") or ""),
            user_agent=str(part.get("userAgent") or ""), at=at,
        )
        for who in everybody
    ]  # fmt: skip


_SES_EVENTS: dict[str, Kind] = {
    "Send": "sent",
    "Reject": "rejected",
    "Open": "opened",
    "Click": "clicked",
    "Rendering Failure": "failed",
    "Subscription": "unsubscribed",
}
_SES_PARTS = {"Rendering Failure": "failure", "DeliveryDelay": "deliveryDelay"}


def read_sendgrid(payload: JSON | list[Any]) -> list[Notice]:
    """SendGrid's Event Webhook: a list of events."""
    events = payload if isinstance(payload, list) else [payload]
    return [notice for event in events if isinstance(event, Mapping) if (notice := _sendgrid(event))]


_SENDGRID: dict[str, tuple[Kind, str]] = {
    "processed": ("queued", ""),
    "delivered": ("delivered", ""),
    "deferred": ("deferred", ""),
    "bounce": ("bounced", "bounced"),
    "dropped": ("rejected", "other"),  # its `reason` says more
    "open": ("opened", ""),
    "click": ("clicked", ""),
    "spamreport": ("spam_reported", "spam"),
    "unsubscribe": ("unsubscribed", ""),
    "group_unsubscribe": ("unsubscribed", ""),
    "group_resubscribe": ("subscribed", ""),
}
_SENDGRID_DROPPED = {
    "bounced address": "bounced",
    "invalid": "invalid",
    "unsubscribed address": "unsubscribed",
    "spam reporting address": "spam",
    "spam content": "spam",
}


def _sendgrid(event: JSON) -> Notice | None:
    found = _SENDGRID.get(str(event.get("event", "")))
    if found is None:
        return None
    kind, reason = found
    words = str(event.get("reason") or "")
    if kind == "rejected":
        reason = next(
            (ours for theirs, ours in _SENDGRID_DROPPED.items() if theirs in words.lower()), "other"
        )
    is_block = str(event.get("type", "")) == "blocked"  # a bounce of type "blocked" is a refusal by policy
    ids = tuple(str(event[key]) for key in ("smtp-id", "sg_message_id") if event.get(key))
    return Notice(
        kind,
        str(event.get("email", "")),
        message_id=str(event.get("anymail_id") or event.get("smtp-id") or event.get("sg_message_id") or ""),
        reason="blocked" if kind == "bounced" and is_block else reason,
        description=words if kind == "rejected" else "",
        reply=str(event.get("response") or (words if kind == "bounced" else "")),
        status=str(event.get("status") or ""),
        is_permanent=(not is_block) if kind == "bounced" else None,
        url=str(event.get("url") or ""),
        user_agent=str(event.get("useragent") or ""),
        at=_moment(event.get("timestamp")),
        ids=ids,
    )


def read_mailgun(payload: JSON) -> list[Notice]:
    """Mailgun, the present form (`event-data`) and the older one (flat form fields)."""
    event = payload.get("event-data")
    return _mailgun(event) if isinstance(event, Mapping) else _mailgun_flat(payload)


_MAILGUN: dict[str, Kind] = {
    "accepted": "queued",
    "delivered": "delivered",
    "rejected": "rejected",
    "failed": "bounced",  # temporary ones are deferred
    "bounced": "bounced",
    "dropped": "rejected",
    "opened": "opened",
    "clicked": "clicked",
    "complained": "spam_reported",
    "unsubscribed": "unsubscribed",
}
_MAILGUN_REASONS = {
    "bounce": "bounced",
    "suppress-bounce": "bounced",
    "suppress-complaint": "spam",
    "suppress-unsubscribe": "unsubscribed",
    "hardfail": "bounced",
    "old": "timed_out",
}


def _mailgun(event: JSON) -> list[Notice]:
    kind = _MAILGUN.get(str(event.get("event", "")))
    if kind is None:
        return []
    status: JSON = event.get("delivery-status") or {}
    headers: JSON = (event.get("message") or {}).get("headers") or {}
    is_permanent = {"permanent": True, "temporary": False}.get(str(event.get("severity", "")))
    reason = ""
    if kind == "bounced":
        reason = _MAILGUN_REASONS.get(str(event.get("reason", "")), "other")
        if is_permanent is False:
            kind = "deferred"
        elif str(event.get("reason", "")).startswith("suppress-"):
            kind = "rejected"  # the service's own list: nobody was asked
    refused: JSON = event.get("reject") or {}
    if kind == "rejected":
        reason = reason or "other"
    if kind == "spam_reported":
        reason = "spam"
    return [
        Notice(
            kind, str(event.get("recipient") or _bare(headers.get("to"))), message_id=_angled(headers.get("message-id")),
            reason=reason, description=str(status.get("description") or refused.get("reason") or ""),
            reply=str(status.get("message") or ""), status=str(status.get("enhanced-code") or ""),
            is_permanent=is_permanent, url=str(event.get("url") or ""),
            user_agent=str((event.get("client-info") or {}).get("user-agent") or ""), at=_moment(event.get("timestamp")),
        )
    ]  # fmt: skip


def _mailgun_flat(event: JSON) -> list[Notice]:
    kind = _MAILGUN.get(str(event.get("event", "")))
    if kind is None:
        return []
    code = str(event.get("code") or "")
    reason = {"bounced": "bounced", "spam_reported": "spam"}.get(kind, "")
    if kind == "rejected":
        reason = _MAILGUN_REASONS.get(str(event.get("reason", "")), "other")
        reason = {"605": "bounced", "606": "unsubscribed", "607": "spam"}.get(code, reason)
    return [
        Notice(
            kind, str(event.get("recipient") or ""), message_id=_angled(event.get("Message-Id") or event.get("message-id")),
            reason=reason, description=str(event.get("description") or event.get("notification") or ""),
            reply=str(event.get("error") or event.get("description") or ""),
            is_permanent=code.startswith("5") if kind == "bounced" and code else None,
            url=str(event.get("url") or ""), user_agent=str(event.get("user-agent") or ""), at=_moment(event.get("timestamp")),
        )
    ]  # fmt: skip


_POSTMARK: dict[str, tuple[Kind, str, bool | None]] = {
    # by `Type` of a bounce record; whether it is permanent
    "HardBounce": ("bounced", "bounced", True),
    "BadEmailAddress": ("bounced", "invalid", True),
    "AddressChange": ("bounced", "bounced", True),
    "SoftBounce": ("bounced", "bounced", False),
    "Transient": ("deferred", "", False),
    "DnsError": ("deferred", "", False),
    "SpamNotification": ("bounced", "spam", False),  # content refused: says nothing of the address
    "Blocked": ("bounced", "blocked", False),
    "DMARCPolicy": ("bounced", "blocked", False),
    "VirusNotification": ("bounced", "other", False),
    "ManuallyDeactivated": ("rejected", "blocked", None),
    "SpamComplaint": ("spam_reported", "spam", None),
    "Unsubscribe": ("unsubscribed", "", None),
    "Subscribe": ("subscribed", "", None),
    "Unknown": ("bounced", "other", None),
    "UnconfirmedEmail": ("rejected", "other", None),
    "SMTPApiError": ("failed", "", None),
    "InboundError": ("failed", "", None),
    # AutoResponder, ChallengeVerification, OpenRelayTest, TemplateRenderingFailed: no bounce at all
}
_POSTMARK_RECORDS: dict[str, Kind] = {"Delivery": "delivered", "Open": "opened", "Click": "clicked"}
_POSTMARK_STOPS: dict[str, tuple[Kind, str]] = {
    "HardBounce": ("bounced", "bounced"),
    "SpamComplaint": ("spam_reported", "spam"),
    "ManualSuppression": ("unsubscribed", "unsubscribed"),
}


def read_postmark(payload: JSON) -> list[Notice]:
    """Postmark: one record a request."""
    record = str(payload.get("RecordType", ""))
    is_permanent: bool | None = None
    reason = ""
    kind: Kind | None
    if record in _POSTMARK_RECORDS:
        kind = _POSTMARK_RECORDS[record]
    elif record == "SubscriptionChange":
        kind = "subscribed"
        if payload.get("SuppressSending"):
            kind, reason = _POSTMARK_STOPS.get(
                str(payload.get("SuppressionReason")), ("unsubscribed", "unsubscribed")
            )
    else:
        kind, reason, is_permanent = _POSTMARK.get(str(payload.get("Type", "")), (None, "", None))
    if kind is None:
        return []
    is_refusal = record in ("Bounce", "SpamComplaint") or "Type" in payload
    moment = next(
        (payload[k] for k in ("BouncedAt", "DeliveredAt", "ReceivedAt", "ChangedAt") if payload.get(k)), None
    )
    metadata: JSON = payload.get("Metadata") or {}
    return [
        Notice(
            kind, str(payload.get("Email") or payload.get("Recipient") or ""), message_id=str(payload.get("MessageID") or ""),
            reason=reason, description=str(payload.get("Description") or ""),
            reply=str(payload.get("Details") or "") if is_refusal or record == "Delivery" else "",
            is_permanent=is_permanent, url=str(payload.get("OriginalLink") or ""),
            user_agent=str(payload.get("UserAgent") or ""), at=_moment(moment),
            ids=tuple(str(value) for key, value in metadata.items() if "message" in key.lower()),
        )
    ]  # fmt: skip


_BREVO: dict[str, tuple[Kind, str, bool | None]] = {
    "request": ("queued", "", None),
    "delivered": ("delivered", "", None),
    "hard_bounce": ("bounced", "bounced", True),
    "soft_bounce": ("bounced", "bounced", False),
    "invalid_email": ("bounced", "invalid", True),
    "deferred": ("deferred", "", False),
    "blocked": ("rejected", "blocked", None),
    "error": ("failed", "", None),
    "spam": ("spam_reported", "spam", None),
    "complaint": ("spam_reported", "spam", None),
    "opened": ("opened", "", None),
    "unique_opened": ("opened", "", None),
    "proxy_open": ("opened", "", None),
    "unique_proxy_open": ("opened", "", None),
    "click": ("clicked", "", None),
    "unsubscribe": ("unsubscribed", "", None),
    "unsubscribed": ("unsubscribed", "", None),
    "list_addition": ("subscribed", "", None),
}


def read_brevo(payload: JSON) -> list[Notice]:
    """Brevo: one event a request."""
    found = _BREVO.get(str(payload.get("event", "")))
    if found is None:
        return []
    kind, reason, is_permanent = found
    reply = str(payload.get("reason") or "")
    agent = str(payload.get("user_agent") or "")
    if "proxy" in str(payload.get("event")):
        agent = agent or "image proxy"
    return [
        Notice(
            kind, str(payload.get("email") or ""), message_id=str(payload.get("message-id") or ""), reason=reason,
            reply=reply, is_permanent=is_permanent, url=str(payload.get("link") or ""), user_agent=agent,
            at=_moment(payload.get("ts_epoch") or payload.get("ts_event") or payload.get("ts") or payload.get("date")),
        )
    ]  # fmt: skip


SERVICES: dict[str, Callable[[Any], list[Notice]]] = {
    "amazon_ses": read_ses,
    "sendgrid": read_sendgrid,
    "mailgun": read_mailgun,
    "postmark": read_postmark,
    "brevo": read_brevo,
}
"""How each service's payload is read; anything of another shape gives no notice, never an exception."""


def read_notices(service: str, payload: object) -> list[Notice]:
    """The notices in a payload of one of SERVICES; empty for what is not of its form."""
    try:
        notices = SERVICES[service](payload)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return []  # a shape no version of the service has: nothing is understood, so nothing is done
    return [notice for notice in notices if notice.recipient or notice.message_id]


def ids_of(notice: Notice) -> Iterable[str]:
    """Every id under which our message may be known, likeliest first."""
    return (text for text in (*notice.ids, notice.message_id) if text)


def _moment(said: object) -> datetime | None:
    """Seconds, milliseconds, ISO 8601 or an RFC 5322 date; None for anything else."""
    if isinstance(said, bool) or said is None:
        return None
    text = str(said)
    try:
        if re.fullmatch(r"\d+(\.\d+)?", text):
            seconds = float(text)
            return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
        # some give seven decimals of a second, where Python 3.11 takes six
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.replace("Z", "+00:00")))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _angled(message_id: object) -> str:
    text = str(message_id or "").strip()
    return text if not text or text.startswith("<") else f"<{text}>"


def _bare(address: object) -> str:
    """The address in `Name <address>`; only for showing, as the sender of a webhook wrote it."""
    return str(address or "").rpartition("<")[2].rstrip("> ")


LATE = timedelta(hours=12)
"""A signed request older than this is refused: services repeat a failed one for some hours, not for a day."""

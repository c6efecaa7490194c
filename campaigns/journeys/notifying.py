"""Tell other systems: notices that journeys left are sent to their addresses, signed, and tried again until taken.

An address that a marketer typed is a door into our own network if nobody looks (server-side request forgery): it is
looked up once, refused if it is not a public one, and the connection goes to the very address that was looked at, so
that a name which answers otherwise the second time gains nothing. Redirects are not followed.
"""

import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from campaigns.journeys.model import Journey, Notice, Traveller
from campaigns.journeys.rules import url_fault

PATIENCE = (1, 5, 30, 120, 360, 720, 1440)
"""Minutes until the next try; after the last one it has failed."""
LEASE = timedelta(minutes=5)
"""How long a claimed notice is left to its sender; who dies leaves it to the next one, who may send it again."""
_MOST_ANSWER = 200
_MOST_READ = 64 * 1024


@dataclass(frozen=True)
class Manner:
    """How notices are sent: the key that signs them, and what is allowed besides https to public addresses."""

    secret: str
    is_http_allowed: bool = False
    is_private_allowed: bool = False
    seconds: float = 10.0


@dataclass(frozen=True)
class Call:
    """One notice in the hands of this process."""

    id: int
    attempts: int
    url: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What came of a call: the status (0: none was heard) and a few words."""

    status: int
    words: str

    @property
    def is_taken(self) -> bool:
        return 200 <= self.status < 300


def has_due_notices(session: Session, *, now: datetime) -> bool:
    """Whether any notice waits to be sent."""
    due = select(Notice.id).where(Notice.status == "queued", Notice.next_attempt_at <= now).limit(1)
    return session.scalar(due) is not None


def claim_notices(session: Session, *, now: datetime, limit: int = 50) -> list[Call]:
    """Up to `limit` notices that are due; they are left alone by others for five minutes. Those of a paused journey wait."""
    rows = session.execute(
        select(Notice.id, Notice.attempts, Notice.url, Notice.payload)
        .join(Traveller, Traveller.id == Notice.traveller_id)
        .join(Journey, Journey.id == Traveller.journey_id)
        .where(Notice.status == "queued", Notice.next_attempt_at <= now, Journey.status != "paused")
        .order_by(Notice.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Notice)
    )
    claimed = []
    for id_, attempts, url, payload in rows.all():
        taken = session.execute(
            update(Notice)
            .where(Notice.id == id_, Notice.status == "queued", Notice.attempts == attempts)
            .values(attempts=attempts + 1, next_attempt_at=now + LEASE)
            .execution_options(synchronize_session=False)
        )
        if cast("CursorResult[Any]", taken).rowcount:
            claimed.append(Call(id_, attempts + 1, url, payload))
    return claimed


def record_reply(session: Session, call: Call, reply: Reply, *, now: datetime) -> None:
    """Write down what came of a call: taken, to be tried again, or failed for good (410, or patience at its end)."""
    values: dict[str, Any] = {"answer": reply.words[:_MOST_ANSWER]}
    if reply.is_taken:
        values |= {"status": "sent", "sent_at": now, "next_attempt_at": None}
    elif reply.status == 410 or call.attempts > len(PATIENCE):
        values |= {"status": "failed", "next_attempt_at": None}
    else:
        values |= {"next_attempt_at": now + timedelta(minutes=PATIENCE[call.attempts - 1])}
    session.execute(
        update(Notice)
        .where(Notice.id == call.id, Notice.status == "queued", Notice.attempts == call.attempts)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def send_notice(call: Call, manner: Manner, *, now: datetime) -> Reply:
    """Make the call, outside any transaction. Never raises for what the other side or the network does."""
    fault = url_fault(call.url, is_http_allowed=manner.is_http_allowed)
    if fault:
        return Reply(0, fault)
    body = json.dumps({"id": call.id, **call.payload}, ensure_ascii=False).encode()
    parts = urlsplit(call.url)
    host = str(parts.hostname)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        address = public_address(host, port, is_private_allowed=manner.is_private_allowed)
    except OSError as error:
        return Reply(0, f"{host}: {error}")
    connection = _connection(parts.scheme, host, port, address, manner.seconds)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Liaison",
        "Liaison-Signature": signature(manner.secret, body, at=now),
    }
    try:
        connection.request("POST", target, body, headers)
        response = connection.getresponse()
        response.read(_MOST_READ)
        return Reply(response.status, f"{response.status} {response.reason}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Reply(0, f"{host}: {error}" if str(error) else f"{host}: {type(error).__name__}")
    finally:
        connection.close()


def signature(secret: str, body: bytes, *, at: datetime) -> str:
    """`t=<seconds since 1970>,v1=<hex>`: HMAC-SHA256 (RFC 2104) over the seconds, a dot and the body."""
    seconds = str(int(at.timestamp()))
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"


def public_address(host: str, port: int, *, is_private_allowed: bool = False) -> str:
    """The first address of a host; OSError if it has none, or one of them is not public."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]) for each in found]
    if not is_private_allowed:
        for text in addresses:
            if not is_public(text):
                raise OSError(f"{text} is not a public address: nothing is sent there.")
    return addresses[0]


def is_public(text: str) -> bool:
    """Whether an address belongs to the open internet; IPv4 inside IPv6 (mapped, 6to4, NAT64) is looked at, too."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):  # RFC 6052
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was looked at, whatever the name says now."""

    def __init__(
        self, host: str, port: int, address: str, seconds: float, context: ssl.SSLContext | None
    ) -> None:
        super().__init__(host, port, timeout=seconds)
        self._address = address
        self._context = context

    def connect(self) -> None:
        sock = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._context.wrap_socket(sock, server_hostname=self.host) if self._context else sock


def _connection(
    scheme: str, host: str, port: int, address: str, seconds: float
) -> http.client.HTTPConnection:
    context = ssl.create_default_context() if scheme == "https" else None
    return _Pinned(host, port, address, seconds, context)

"""A mailbox that a provider keeps for returned mail: fetched by IMAP or POP3 over TLS, in batches.

A mail is removed there (or moved) only after its result is kept here. Read twice after a broken connection, it
changes nothing the second time.
"""

import contextlib
import hashlib
import imaplib
import logging
import poplib
import re
import ssl
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Protocol

from campaigns.config import Mailbox as Settings
from campaigns.errors import MailerError
from campaigns.tracking.inlets import may_try, note_inlet, note_trouble
from campaigns.tracking.returned import read_returned
from campaigns.tracking.returned.parts import MOST_BYTES
from campaigns.tracking.returns import is_for_a_person, keep_returned
from campaigns.tracking.spool import Roof, put_aside, spool_folder

BATCH = 100
SECONDS = 30.0
"""How long the server may take to answer a command."""

POP3_LINES = 5_000
"""Of a mail too large to be taken whole (POP3 knows no bytes)."""

REFUSED_PAUSE = timedelta(minutes=10)
"""A wrong password is tried again after so long, then ever later: servers lock out who hammers."""

BROKEN_PAUSE = timedelta(minutes=1)
log = logging.getLogger("liaison.tracking")
Mails = list[tuple[str, bytes]]


class Box(Protocol):
    """An open mailbox: what comes next in it, and what may go."""

    def mails(self) -> Mails: ...
    def remove(self, names: Sequence[str]) -> None: ...
    def close(self) -> None: ...


class _Refused(MailerError):
    """The server does not let us in."""


def fetch_mailbox(runtime: Roof) -> Counter[str]:
    """Read the configured mailbox until it is empty; returns how many mails had which outcome.

    What hinders it is kept (`silent_inlets`) and told on Today; it is tried again ever later.
    """
    settings = runtime.config.mailbox
    outcomes: Counter[str] = Counter()
    with runtime.transaction() as session:
        if not settings.kind or not may_try(session, "mailbox", now=runtime.clock.now()):
            return outcomes
    try:
        for kept in read_mailbox(runtime):
            outcomes += kept
    except MailerError as error:
        pause = REFUSED_PAUSE if isinstance(error, _Refused) else BROKEN_PAUSE
        with runtime.transaction() as session:
            note_trouble(session, "mailbox", str(error), now=runtime.clock.now(), first=pause)
        log.warning("%s", error)
        return outcomes
    with runtime.transaction() as session:
        note_inlet(session, "mailbox", now=runtime.clock.now())
    return outcomes


def read_mailbox(runtime: Roof) -> Iterator[Counter[str]]:
    """The outcomes, batch by batch, each kept here before its mails go there; MailerError says what hinders it."""
    settings = runtime.config.mailbox
    seen: set[str] = set()
    while True:
        with _telling(settings), contextlib.closing(_open(settings)) as box:
            mails = box.mails()
            names = [name for name, _ in mails]
            if not mails:
                return
            if seen.issuperset(names):
                raise MailerError(f"The mailbox at {settings.host} does not let go of mails that were read.")
            outcomes = _keep(runtime, [raw for _, raw in mails])
            box.remove(names)
        seen = set(names)
        yield outcomes


def _keep(runtime: Roof, mails: Sequence[bytes]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    now = runtime.clock.now()
    found = [(raw, read_returned(raw)) for raw in mails]
    with runtime.transaction() as session:
        for raw, returned in found:
            kept = keep_returned(session, returned, runtime.links, now=now)
            if is_for_a_person(kept):
                put_aside(spool_folder(runtime.config), raw)
            outcomes[kept.outcome] += 1
    return outcomes


@contextlib.contextmanager
def _telling(settings: Settings) -> Iterator[None]:
    """What may go wrong out there, in words that say what to do."""
    where = f"{settings.host}:{_port(settings)}"
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise MailerError(
            f"The certificate of {where} is not to be trusted ({error.verify_message}); "
            "if the server is your own, name its certificate in mailbox.ca_file."
        ) from error
    except (OSError, EOFError, imaplib.IMAP4.error, poplib.error_proto) as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise MailerError(f"The mailbox at {where} could not be read: {said}.") from error


def _port(settings: Settings) -> int:
    return settings.port or {"imap": 993, "pop3": 995}[settings.kind]


def _open(settings: Settings) -> Box:
    trusted = ssl.create_default_context(cafile=settings.ca_file or None)
    return _Imap(settings, trusted) if settings.kind == "imap" else _Pop3(settings, trusted)


def _refused(settings: Settings, said: object) -> _Refused:
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return _Refused(
        f"The mailbox at {settings.host} refuses the name {settings.username} or its password "
        f"({' '.join(words.split())[:150]}): set mailbox.username, and the password by LIAISON_MAILBOX__PASSWORD."
    )


class _Imap:
    """RFC 3501, with MOVE (RFC 6851) and UIDPLUS (RFC 4315) where the server has them."""

    def __init__(self, settings: Settings, trusted: ssl.SSLContext) -> None:
        self._settings = settings
        self._client = imaplib.IMAP4_SSL(settings.host, _port(settings), ssl_context=trusted, timeout=SECONDS)
        try:
            self._log_in(settings)
            self._said(*self._client.select(_quoted(settings.folder)))
        except BaseException:
            self.close()
            raise

    def _log_in(self, settings: Settings) -> None:
        password = settings.password.get_secret_value()
        plain = f"\0{settings.username}\0{password}".encode()
        try:
            if "AUTH=PLAIN" in self._client.capabilities:  # takes names and passwords in any alphabet
                self._client.authenticate("PLAIN", lambda _: plain)
            else:
                self._client.login(settings.username, password)
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, UnicodeEncodeError) as error:
            raise _refused(settings, error) from error
        self._said(*self._client.capability())
        self._can = " ".join(str(part) for part in self._client.response("CAPABILITY")[1] or ())

    def mails(self) -> Mails:
        count = int(self._said(*self._client.select(_quoted(self._settings.folder)))[0])
        if not count:
            return []
        parts = f"(UID BODY.PEEK[]<0.{MOST_BYTES}>)"  # the beginning is enough, whatever was attached
        answer = self._said(*self._client.fetch(f"1:{min(count, BATCH)}", parts))
        found = []
        for number, part in enumerate(answer):
            if isinstance(part, tuple):
                after = answer[number + 1] if number + 1 < len(answer) else b""
                uid = re.search(rb"UID (\d+)", part[0]) or re.search(
                    rb"UID (\d+)", after if isinstance(after, bytes) else b""
                )
                if uid:
                    found.append((uid[1].decode(), part[1]))
        return found

    def remove(self, names: Sequence[str]) -> None:
        which = ",".join(names)
        if self._settings.moved_to:
            folder = _quoted(self._settings.moved_to)
            self._client.create(folder)  # there already: NO, and that is well
            if "MOVE" in self._can:
                self._said(*self._client.uid("MOVE", which, folder))
                return
            self._said(*self._client.uid("COPY", which, folder))
        self._said(*self._client.uid("STORE", which, "+FLAGS.SILENT", r"(\Deleted)"))
        if "UIDPLUS" in self._can:
            self._said(*self._client.uid("EXPUNGE", which))
        else:
            self._said(*self._client.expunge())

    def close(self) -> None:
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            self._client.logout()

    def _said(self, kind: str, answer: list[Any]) -> list[Any]:
        if kind != "OK":
            raise imaplib.IMAP4.error(answer[0] if answer else kind)
        return answer


def _quoted(folder: str) -> str:
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Pop3:
    """RFC 1939: what is deleted goes when the session ends well, so that a broken one deletes nothing."""

    def __init__(self, settings: Settings, trusted: ssl.SSLContext) -> None:
        self._client = _LongLines(settings.host, _port(settings), context=trusted, timeout=SECONDS)
        try:
            self._client.user(settings.username)
            self._client.pass_(settings.password.get_secret_value())
        except poplib.error_proto as error:
            self._client.close()
            raise _refused(settings, error.args[0] if error.args else error) from error
        except BaseException:
            self._client.close()
            raise

    def mails(self) -> Mails:
        _, sizes, _ = self._client.list()
        found = []
        for line in sizes[:BATCH]:
            number, size = line.decode().split()[:2]
            lines = (
                self._client.top(number, POP3_LINES)
                if int(size) > 4 * MOST_BYTES
                else self._client.retr(number)
            )[1]
            raw = b"\r\n".join(lines)
            name = f"{number} {hashlib.sha256(raw).hexdigest()}"  # numbers begin anew in each session
            found.append((name, raw))
        return found

    def remove(self, names: Sequence[str]) -> None:
        for name in names:
            self._client.dele(name.split()[0])
        self._client.quit()

    def close(self) -> None:
        """Without QUIT: what was not removed in the end stays."""
        self._client.close()


class _LongLines(poplib.POP3_SSL):
    """The library gives up at lines of 2 kB, which mails that come back do hold."""

    def _getline(self) -> tuple[bytes, int]:
        line = self.file.readline(MOST_BYTES)
        if not line:
            raise poplib.error_proto("the connection was closed")
        return line.rstrip(b"\r\n"), len(line)

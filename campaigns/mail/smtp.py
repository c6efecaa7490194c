"""The SMTP client (RFC 5321): connections kept, commands pipelined (RFC 2920), each reply matched to its command.

One write carries a mail's content, its final dot and the next mail's envelope; replies come back in order and
are counted off against what was asked. Runs inside an asyncio loop; nothing here blocks.
"""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import random
import re
import socket
import ssl
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from campaigns.config import Smtp
from campaigns.errors import MailerError
from campaigns.mail.transport import Answer, Outlet, Parcel

_REPLY = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?\Z", re.DOTALL)
_MOST_LINE = 4096  # RFC 5321 4.5.3.1.5 says 512; servers write more
_MOST_REPLY = 65536
_IDLE_SECONDS = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_PER_CONNECTION = 5000
"""Mails after which a connection is renewed: long enough to cost nothing, short enough to spread over servers."""


@dataclass(frozen=True)
class Reply:
    """A complete reply; the text of several lines is joined by a line end."""

    code: int
    text: str


class _Broken(Exception):
    """The dialogue cannot go on; `step` is where, `words` why."""

    def __init__(self, step: str, words: str, code: int | None = None) -> None:
        super().__init__(words)
        self.step, self.words, self.code = step, words, code


class SmtpMailer:
    """Lines to one mail server (a relay, or the built-in inbox)."""

    def __init__(self, settings: Smtp, password: str = "", helo: str = "") -> None:
        self.settings = settings
        self.password = password
        self.helo = settings.helo or helo or socket.gethostname()
        self.name = f"{settings.host}:{settings.port}"
        self.is_loopback = _is_loopback(settings.host)
        if settings.username and settings.security == "none" and not self.is_loopback:
            raise MailerError(
                "A password is never sent in clear: set smtp.security to starttls or tls.", is_permanent=True
            )

    def line(self, outlet: Outlet) -> "SmtpLine":
        return SmtpLine(self, outlet)

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.is_loopback:  # no name is certified for it, and nobody stands between
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


class _Exchange:
    """One parcel's way through the dialogue."""

    __slots__ = ("parcel", "refusal")

    def __init__(self, parcel: Parcel) -> None:
        self.parcel = parcel
        self.refusal: Answer | None = None


class SmtpLine(asyncio.Protocol):
    """One connection's state: what was asked and not answered yet, in order."""

    def __init__(self, mailer: SmtpMailer, outlet: Outlet) -> None:
        self._mailer, self._outlet = mailer, outlet
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._gone = asyncio.Event()
        self._gone.set()
        self._asked: deque[tuple[str, _Exchange]] = deque()
        self._hello: asyncio.Future[Reply] | None = None
        self._task: asyncio.Task[None] | None = None
        self._buffer = b""
        self._lines: list[str] = []
        self._size = 0
        self._extensions: dict[str, str] = {}
        self._is_ready = self._is_closing = self._is_pipelined = False
        self._is_proven = self._must_reset = self._is_overdue = False
        self._why = ""
        self._carried = 0
        self._failures = 0
        self._not_before = 0.0
        self._deadline = float("inf")

    # What the sender asks.

    @property
    def is_busy(self) -> bool:
        return bool(self._asked) or (self._task is not None and not self._task.done())

    def wake(self) -> None:
        if self._asked or self._is_closing:
            return
        if self._is_ready:
            self._next()
        elif (self._task is None or self._task.done()) and self._loop.time() >= self._not_before:
            self._task = self._loop.create_task(self._open())

    def tick(self) -> None:
        if self._loop.time() < self._deadline:
            self._is_overdue = False
        elif not self._is_overdue:
            self._is_overdue = (
                True  # were we asleep ourselves, what has come meanwhile is read before the next tick
            )
        elif self._asked:
            step = self._asked[0][0]
            seconds = self._patience(step)
            self._break(f"The server did not answer within {seconds:g} s.")
        elif self._is_ready:
            self._part()

    def close(self) -> None:
        self._is_closing = True
        if self._task is not None and not self._task.done():
            self._task.cancel()
        if self._is_ready and not self._asked:
            self._part()

    def abort(self) -> None:
        self._is_closing = True
        if self._task is not None and not self._task.done():
            self._task.cancel()
        self._break("Stopped before the server had answered.")

    async def wait_closed(self) -> None:
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gone.wait(), 2)
        await asyncio.sleep(0)

    # Opening a connection.

    async def _open(self) -> None:
        try:
            await asyncio.wait_for(self._greet(), self._mailer.settings.connect_seconds + 60)
        except asyncio.CancelledError:
            self._drop()
            raise
        except (OSError, ssl.SSLError, TimeoutError, _Broken) as error:
            self._drop()
            self._fail(error)
            return
        self._carried = 0
        self._is_proven = self._must_reset = False
        self._is_ready = True
        self._deadline = self._loop.time() + _IDLE_SECONDS
        self._outlet.trouble("")
        if self._is_closing:
            self._part()
        else:
            self._next()

    def _pause(self) -> None:
        """The next connection comes later, each time more so, with jitter."""
        self._failures += 1
        pause = min(_FIRST_PAUSE * 2 ** min(self._failures - 1, 10), _LONGEST_PAUSE)
        self._not_before = self._loop.time() + pause * random.uniform(0.5, 1.0)

    def _fail(self, error: Exception) -> None:
        self._pause()
        where = f" at {error.step}" if isinstance(error, _Broken) else ""
        self._outlet.trouble(f"{self._mailer.name}{where}: {_words(error)}")

    async def _greet(self) -> None:
        settings = self._mailer.settings
        is_tls = settings.security == "tls"
        self._buffer, self._lines, self._size = b"", [], 0
        self._hello = self._loop.create_future()
        try:
            await asyncio.wait_for(
                self._loop.create_connection(
                    lambda: self,
                    settings.host,
                    settings.port,
                    ssl=self._mailer.tls() if is_tls else None,
                    server_hostname=settings.host if is_tls else None,
                ),
                settings.connect_seconds,
            )
        except TimeoutError:
            raise _Broken("connect", f"No connection within {settings.connect_seconds:g} s.") from None
        await self._heard("connect", settings.connect_seconds)
        await self._say_hello()
        if settings.security == "starttls":
            await self._start_tls()
            await self._say_hello()
        if settings.username:
            await self._log_in()
        self._is_pipelined = "PIPELINING" in self._extensions

    async def _say_hello(self) -> None:
        self._extensions = {}
        reply = await self._ask("ehlo", f"EHLO {self._mailer.helo}", is_any=True)
        if reply.code >= 500:
            await self._ask("ehlo", f"HELO {self._mailer.helo}")
            return
        if reply.code >= 400:
            raise _Broken("ehlo", f"{reply.code} {reply.text}", reply.code)
        for line in reply.text.split("\n")[1:]:
            word, _, rest = line.strip().partition(" ")
            self._extensions[word.upper()] = rest

    async def _start_tls(self) -> None:
        if "STARTTLS" not in self._extensions:
            raise _Broken("starttls", "The server does not offer STARTTLS, and the settings ask for it.")
        await self._ask("starttls", "STARTTLS")
        if self._buffer or self._lines:  # words put before the encryption by somebody in between
            raise _Broken("starttls", "The server spoke before the encryption began.")
        if self._transport is None:
            raise _Broken("starttls", self._why or "The server closed the connection.")
        settings = self._mailer.settings
        try:
            self._transport = await self._loop.start_tls(
                self._transport,
                self,
                self._mailer.tls(),
                server_hostname=settings.host,
                ssl_handshake_timeout=settings.command_seconds,
            )
        except (OSError, ssl.SSLError) as error:  # never on without it: the line ends here
            raise _Broken("starttls", _words(error)) from error

    async def _log_in(self) -> None:
        offered = self._extensions.get("AUTH", "").upper().split()
        user, password = self._mailer.settings.username, self._mailer.password
        if "PLAIN" in offered:
            token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            reply = await self._ask("auth", f"AUTH PLAIN {token}")
        elif "LOGIN" in offered:
            await self._ask("auth", "AUTH LOGIN")
            await self._ask("auth", base64.b64encode(user.encode()).decode())
            reply = await self._ask("auth", base64.b64encode(password.encode()).decode())
        elif "CRAM-MD5" in offered:
            reply = await self._ask("auth", "AUTH CRAM-MD5")
            try:
                challenge = base64.b64decode(reply.text)
            except ValueError:
                raise _Broken("auth", f"The server's challenge is none: {reply.text[:80]!r}") from None
            digest = hmac.new(password.encode(), challenge, hashlib.md5).hexdigest()
            reply = await self._ask("auth", base64.b64encode(f"{user} {digest}".encode()).decode())
        else:
            raise _Broken("auth", "The server offers no way to log in that we know (PLAIN, LOGIN, CRAM-MD5).")
        if reply.code != 235:  # RFC 4954 6: anything else is no welcome
            raise _Broken("auth", f"{reply.code} {reply.text}", reply.code)

    async def _ask(self, step: str, command: str, *, is_any: bool = False) -> Reply:
        if self._transport is None:
            raise _Broken(step, "The server closed the connection.")
        self._hello = self._loop.create_future()
        self._transport.write(command.encode() + b"\r\n")
        return await self._heard(step, self._mailer.settings.command_seconds, is_any=is_any)

    async def _heard(self, step: str, seconds: float, *, is_any: bool = False) -> Reply:
        assert self._hello is not None
        try:
            reply = await asyncio.wait_for(self._hello, seconds)
        except TimeoutError:
            raise _Broken(step, f"The server did not answer within {seconds:g} s.") from None
        except ConnectionError as error:
            raise _Broken(step, str(error)) from None
        finally:
            self._hello = None
        if reply.code >= 400 and not is_any:
            raise _Broken(step, f"{reply.code} {reply.text}", reply.code)
        return reply

    # One mail after the other.

    def _next(self) -> None:
        parcel = None if self._is_closing or self._carried >= _PER_CONNECTION else self._take()
        if parcel is not None:
            self._write(self._envelope(parcel))
        elif self._is_closing or self._carried >= _PER_CONNECTION:
            self._part()
        else:
            self._deadline = self._loop.time() + _IDLE_SECONDS

    def _take(self) -> Parcel | None:
        """The next one this server can carry; what it cannot (RFC 6531 3.2) is answered at once."""
        while (parcel := self._outlet.take()) is not None:
            if not parcel.needs_utf8 or "SMTPUTF8" in self._extensions:
                return parcel
            words = "The mail server does not offer SMTPUTF8, which this address needs (RFC 6531)."
            self._outlet.end(parcel, Answer("address", None, words))
        return None

    def _envelope(self, parcel: Parcel) -> bytes:
        """MAIL, RCPT and DATA in one group where offered; else MAIL, and the others as the replies come."""
        exchange = _Exchange(parcel)
        utf8 = " SMTPUTF8 BODY=8BITMIME" if parcel.needs_utf8 else ""
        reset = b""
        if self._must_reset:
            self._asked.append(("rset", exchange))
            self._must_reset = False
            reset = b"RSET\r\n"
        mail = f"MAIL FROM:<{parcel.sender}>{utf8}\r\n".encode()
        self._asked.append(("mail", exchange))
        if not self._is_pipelined:
            return reset + mail
        self._asked.append(("rcpt", exchange))
        self._asked.append(("data", exchange))
        return b"%bRCPT TO:<%b>\r\nDATA\r\n" % (reset + mail, parcel.recipient.encode())

    def _end(self, exchange: _Exchange, answer: Answer) -> None:
        self._is_proven = True
        self._failures = 0
        self._outlet.end(exchange.parcel, answer)

    def _answered(self, reply: Reply) -> None:
        if not self._asked:
            self._break(f"The server spoke unasked: {reply.code} {reply.text}")
            return
        step, exchange = self._asked.popleft()
        if step == "dot":
            self._carried += 1
            self._end(exchange, Answer("dot", reply.code, reply.text))
            if reply.code == 421:
                self._break(f"421 {reply.text}")
            elif not self._asked:
                self._next()
        elif step == "void":
            self._finish(exchange)
        elif step == "rset":
            pass
        elif reply.code == 421 or (step == "mail" and 400 <= reply.code < 500 and self._carried):
            # The connection is used up, not the parcel refused: it goes by another one.
            self._asked.appendleft((step, exchange))
            self._break(f"{reply.code} {reply.text}", is_loss=step != "mail" or not self._carried)
        else:
            self._proceed(step, exchange, reply)
        if self._asked:
            self._deadline = self._loop.time() + self._patience(self._asked[0][0])

    def _proceed(self, step: str, exchange: _Exchange, reply: Reply) -> None:
        if reply.code >= 400 and exchange.refusal is None:
            exchange.refusal = Answer(step, reply.code, reply.text)
        if step == "data":
            self._at_data(exchange, reply)
        elif not self._is_pipelined:
            if exchange.refusal is not None:
                self._finish(exchange)
                return
            following = "rcpt" if step == "mail" else "data"
            command = f"RCPT TO:<{exchange.parcel.recipient}>\r\n" if following == "rcpt" else "DATA\r\n"
            self._asked.append((following, exchange))
            self._write(command.encode())

    def _at_data(self, exchange: _Exchange, reply: Reply) -> None:
        if reply.code != 354:
            if exchange.refusal is None:
                exchange.refusal = Answer("data", reply.code, reply.text)
            self._finish(exchange)
        elif exchange.refusal is not None:
            # RFC 2920 3.1: DATA went with a refused recipient and was let in; an empty mail to nobody ends it.
            self._asked.append(("void", exchange))
            self._write(b".\r\n")
        else:
            self._hand_over(exchange)

    def _hand_over(self, exchange: _Exchange) -> None:
        content = self._outlet.content(exchange.parcel)
        if content is None:  # too late for RSET: only a broken connection takes the DATA back
            self._asked.appendleft(("data", exchange))
            self._break("Held back at the last moment.", is_loss=False)
            return
        if b"\r\n." in content:
            content = content.replace(b"\r\n.", b"\r\n..")  # RFC 5321 4.5.2
        if content.startswith(b"."):
            content = b"." + content
        self._asked.append(("dot", exchange))
        end = b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n"
        self._write(content)
        following = b""
        if self._is_pipelined and not self._is_closing and self._carried + 1 < _PER_CONNECTION:
            parcel = self._take()
            if parcel is not None:
                following = self._envelope(parcel)
        self._write(end + following)

    def _finish(self, exchange: _Exchange) -> None:
        """The parcel was refused before its content: say so, and go on with the next after a reset."""
        assert exchange.refusal is not None
        self._must_reset = True
        self._end(exchange, exchange.refusal)
        if not self._asked:
            self._next()

    def _patience(self, step: str) -> float:
        settings = self._mailer.settings
        return settings.dot_seconds if step in ("dot", "void") else settings.command_seconds

    def _write(self, data: bytes) -> None:
        if self._transport is None:
            return
        if self._deadline == float("inf") or len(self._asked) <= 3:
            self._deadline = self._loop.time() + self._patience(self._asked[0][0] if self._asked else "mail")
        self._transport.write(data)

    # Parting.

    def _part(self) -> None:
        """Say QUIT and close without waiting for the answer: nothing depends on it."""
        if self._transport is not None:
            self._transport.write(b"QUIT\r\n")
        self._drop()

    def _break(self, why: str, *, is_loss: bool = True) -> None:
        self._why = why
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        self._give_back(is_loss=is_loss)

    def _drop(self) -> None:
        self._is_ready = False
        self._deadline = float("inf")
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _give_back(self, *, is_loss: bool = True) -> None:
        """The connection is gone: what had its content sent is unheard, what had not may go by another."""
        asked, self._asked = self._asked, deque()
        if asked and not self._is_proven:  # it let us in and broke at once: not in a tight circle
            self._pause()
        self._drop()
        if self._hello is not None and not self._hello.done():
            self._hello.set_exception(ConnectionError(self._why))
        done: set[int] = set()
        for step, exchange in asked:
            if id(exchange) in done:
                continue
            done.add(id(exchange))
            if step == "dot":
                self._outlet.end(exchange.parcel, Answer("dot", None, self._why))
            elif exchange.refusal is not None:
                self._outlet.end(exchange.parcel, exchange.refusal)
            else:
                self._outlet.back(exchange.parcel, self._why, is_loss=is_loss)

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._gone.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        if self._transport is None:
            return
        self._why = str(exc) if exc else "The server closed the connection."
        self._give_back()

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        *lines, self._buffer = data.split(b"\n")
        if len(self._buffer) > _MOST_LINE:
            self._break("The server's reply has no end.")
            return
        for line in lines:
            self._line_received(line)
            if self._transport is None:
                return

    def _line_received(self, line: bytes) -> None:
        found = _REPLY.match(line.rstrip(b"\r"))
        if found is None or len(line) > _MOST_LINE:
            self._break(f"The server answered what is no reply: {line[:80]!r}")
            return
        self._size += len(line)
        if self._size > _MOST_REPLY:
            self._break("The server's reply has no end.")
            return
        self._lines.append((found[3] or b"").decode("utf-8", "replace"))
        if found[2] == b"-":
            return
        reply = Reply(int(found[1]), "\n".join(self._lines))
        self._lines, self._size = [], 0
        if self._hello is not None:
            if self._hello.done():
                self._break(f"The server spoke unasked: {reply.code} {reply.text}")
            else:
                self._hello.set_result(reply)
        elif self._is_ready:
            self._answered(reply)
        else:
            self._break(f"The server spoke unasked: {reply.code} {reply.text}")

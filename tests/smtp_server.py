"""A mail server for tests: it plays faults at any step, and keeps a ledger of what it truly accepted.

    with SmtpServer() as server:
        …                                   # server.host, server.port
        assert server.recipients() == ["alice@shop.example"]
        assert server.accepted[0].content.startswith(b"Message-ID: ")

Faults: `Fault(step, act)` with step connect, ehlo, starttls, handshake (after
220 to STARTTLS), auth, mail, rcpt, data or dot, and act a reply
("450 4.2.0 later"), close, reset, hang, slow, garbage or endless; `times` how often it plays (None: always),
`every` (each n-th time), `only` (a part of the recipient's address), `store` (dot: accepted, the answer spoilt).
"""

import asyncio
import base64
import ssl
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType


@dataclass
class Fault:
    step: str
    act: str
    times: int | None = 1
    every: int = 1
    only: str = ""
    store: bool = False
    seen: int = field(default=0, init=False)
    played: int = field(default=0, init=False)

    def strikes(self, step: str, recipient: str) -> bool:
        if step != self.step or self.only not in recipient:
            return False
        self.seen += 1
        if self.seen % self.every or (self.times is not None and self.played >= self.times):
            return False
        self.played += 1
        return True


@dataclass(frozen=True)
class Accepted:
    """One mail that was answered 250 (or would have been), for one recipient; `at` (monotonic) it was read whole."""

    sender: str
    recipient: str
    content: bytes
    at: float

    @property
    def message_id(self) -> str:
        head = self.content.split(b"\r\n\r\n", 1)[0]
        lines = [line for line in head.split(b"\r\n") if line.lower().startswith(b"message-id:")]
        return lines[0].partition(b":")[2].strip().decode()


class Stalls:
    """How long this machine kept a loop waiting that had asked to be called a moment later."""

    def __init__(self) -> None:
        self._found: list[tuple[float, float]] = []

    async def watch(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.02)
            now = time.monotonic()
            if now - last > 0.05:
                self._found.append((last, now))
            last = now

    def seconds(self, since: float, until: float) -> float:
        """The sum of those that fell between these moments."""
        return sum(end - begin for begin, end in self._found if begin < until and end > since)


class SmtpServer:
    """Runs in a thread of its own. `slow_seconds` is the length of slow, `delays` seconds before the dot's answer
    by domain; `extensions` what EHLO offers; `login` (user, password) is asked for; `tls` a server context.
    `most`: after so many contents have been answered the next wait, until `let_through` raises the number."""

    host = "127.0.0.1"

    def __init__(
        self,
        faults: Sequence[Fault] = (),
        *,
        extensions: Sequence[str] = ("PIPELINING", "8BITMIME", "SIZE 50000000", "ENHANCEDSTATUSCODES"),
        slow_seconds: float = 0.3,
        delays: dict[str, float] | None = None,
        most_per_connection: int | None = None,
        login: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        is_implicit_tls: bool = False,
        port: int = 0,
        ledger: Path | None = None,
        most: int | None = None,
    ) -> None:
        self.faults = list(faults)
        self.extensions = list(extensions)
        self.slow_seconds = slow_seconds
        self.delays = delays or {}
        self.most_per_connection = most_per_connection
        self.login = login
        self.tls, self.is_implicit_tls = tls, is_implicit_tls
        self.port = port
        self.ledger = ledger
        self.most = most
        self.let_in = 0
        self.stalls = Stalls()
        self.accepted: list[Accepted] = []
        self.commands: list[str] = []
        self.connections = 0
        self.open_connections = 0
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> "SmtpServer":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def let_through(self, most: int | None) -> None:
        """Answer so many contents in all (None: every one); the others wait at their dot."""
        self.most = most

    def recipients(self) -> list[str]:
        """Who got a mail, sorted; somebody who got two stands there twice."""
        return sorted(mail.recipient for mail in list(self.accepted))

    def twice(self) -> dict[str, int]:
        """Who got more than one."""
        return {who: n for who, n in Counter(self.recipients()).items() if n > 1}

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(
            self._talk, self.host, self.port, limit=1 << 20, ssl=self.tls if self.is_implicit_tls else None
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        beat = asyncio.create_task(self.stalls.watch())
        await self._stop.wait()
        beat.cancel()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_connections += 1
        try:
            await _Dialogue(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, _Over, ssl.SSLError):
            pass
        finally:
            self.open_connections -= 1
            self._tasks.discard(task)
            writer.close()

    def keep(self, mail: Accepted) -> None:
        self.accepted.append(mail)
        if self.ledger is not None:
            with self.ledger.open("a") as file:
                file.write(f"{mail.recipient} {mail.message_id}\n")


class _Over(Exception):
    """The connection ends here."""


class _Dialogue:
    def __init__(
        self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.sender: str | None = None
        self.recipients: list[str] = []
        self.carried = 0
        self.is_encrypted = server.is_implicit_tls

    async def run(self) -> None:
        await self.answer("connect", "220 test.example ESMTP")
        while line := await self.reader.readline():
            command = line.decode("utf-8", "replace").strip()
            self.server.commands.append(command)
            verb = command.split(" ", 1)[0].upper()
            await getattr(self, f"on_{verb.lower()}", self.on_unknown)(command)

    async def answer(self, step: str, usual: str, *, recipient: str = "") -> bool:
        """Say the usual, or play what is on; whether the usual was said."""
        who = recipient or (self.recipients[-1] if self.recipients else "")
        fault = next((f for f in self.server.faults if f.strikes(step, who)), None)
        if fault is None:
            await self.say(usual)
            return True
        if fault.store:
            self.store(self.content)
        return await self.play(fault, usual, step)

    async def play(self, fault: Fault, usual: str, step: str = "") -> bool:
        """Do what the fault says; whether the usual was said in the end."""
        if fault.act == "close":
            raise _Over
        if fault.act == "reset":
            self.writer.transport.abort()
            raise _Over
        if fault.act == "hang":
            await asyncio.sleep(3600)
        if fault.act == "slow" and not usual:
            await asyncio.sleep(self.server.slow_seconds)
            return True
        if fault.act == "slow":
            for character in usual + "\r\n":
                self.writer.write(character.encode())
                await asyncio.sleep(self.server.slow_seconds / len(usual))
            return True
        if fault.act == "garbage":
            await self.say("\x00\xff what is this? {}")
        elif fault.act == "endless":
            while not self.writer.is_closing():
                self.writer.write(b"250-" + b"x" * 500 + b"\r\n")
                await self.writer.drain()
                await asyncio.sleep(0)
            raise _Over
        else:
            await self.say(fault.act)
        if fault.act.startswith("421") or (step == "connect" and fault.act[:1] in "45"):
            raise _Over
        return False

    async def say(self, text: str) -> None:
        self.writer.write(text.encode("latin-1") + b"\r\n")
        await self.writer.drain()

    async def on_ehlo(self, command: str) -> None:
        words = ["test.example", *self.server.extensions]
        if self.server.tls and not self.is_encrypted:
            words.append("STARTTLS")
        if self.server.login:
            words.append("AUTH PLAIN LOGIN")
        lines = [f"250{'-' if i < len(words) - 1 else ' '}{word}" for i, word in enumerate(words)]
        await self.answer("ehlo", "\r\n".join(lines))

    async def on_helo(self, command: str) -> None:
        await self.say("250 test.example")

    async def on_starttls(self, command: str) -> None:
        if not await self.answer("starttls", "220 go ahead"):
            return
        fault = next((f for f in self.server.faults if f.strikes("handshake", "")), None)
        if fault is not None:  # 220 was said; now nobody, or nobody sensible, shakes hands
            await self.play(fault, "")
        await self.writer.start_tls(self.server.tls)
        self.is_encrypted = True

    async def on_auth(self, command: str) -> None:
        if command.upper().startswith("AUTH LOGIN"):
            await self.say("334 VXNlcm5hbWU6")
            user = base64.b64decode(await self.reader.readline()).decode()
            await self.say("334 UGFzc3dvcmQ6")
            given = (user, base64.b64decode(await self.reader.readline()).decode())
        else:
            _, user, password = base64.b64decode(command.split(" ")[2]).decode().split("\0")
            given = (user, password)
        right = given == self.server.login
        await self.answer("auth", "235 2.7.0 welcome" if right else "535 5.7.8 wrong")

    async def on_mail(self, command: str) -> None:
        most = self.server.most_per_connection
        if most is not None and self.carried >= most:
            await self.say("452 4.5.3 too many mails on this connection")
        elif self.sender is not None:
            await self.say("503 5.5.1 nested MAIL")
        elif await self.answer("mail", "250 2.1.0 ok"):
            self.sender = command[command.index("<") + 1 : command.index(">")]

    async def on_rcpt(self, command: str) -> None:
        recipient = command[command.index("<") + 1 : command.rindex(">")]
        if self.sender is None:
            await self.say("503 5.5.1 MAIL first")
        elif await self.answer("rcpt", "250 2.1.5 ok", recipient=recipient):
            self.recipients.append(recipient)

    async def on_data(self, command: str) -> None:
        if not self.recipients:
            await self.say("554 5.5.1 no valid recipients")
            return
        if not await self.answer("data", "354 go on"):
            return
        self.content = (await self.reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
        self.content = self.content[1:] if self.content.startswith(b"..") else self.content
        self.read_at = time.monotonic()
        while self.server.most is not None and self.server.let_in >= self.server.most:
            await asyncio.sleep(0.01)
        self.server.let_in += 1
        delay = self.server.delays.get(self.recipients[-1].rpartition("@")[2])
        if delay:
            await asyncio.sleep(delay)
        fault = next((f for f in self.server.faults if f.step == "dot" and f.act != "slow"), None)
        if fault is None:
            self.store(self.content)
            await self.answer("dot", "250 2.0.0 kept")
        else:
            before = sum(f.played for f in self.server.faults)
            said = await self.answer("dot", "250 2.0.0 kept")
            if said and before == sum(f.played for f in self.server.faults):
                self.store(self.content)
        self.carried += 1
        self.sender, self.recipients = None, []

    def store(self, content: bytes) -> None:
        for recipient in self.recipients:
            self.server.keep(Accepted(self.sender or "", recipient, content, self.read_at))

    async def on_rset(self, command: str) -> None:
        self.sender, self.recipients = None, []
        await self.say("250 2.0.0 reset")

    async def on_noop(self, command: str) -> None:
        await self.say("250 2.0.0 ok")

    async def on_quit(self, command: str) -> None:
        await self.say("221 2.0.0 bye")
        raise _Over

    async def on_unknown(self, command: str) -> None:
        await self.say("500 5.5.2 what?")

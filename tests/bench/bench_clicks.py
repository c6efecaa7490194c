"""Clicks a second over HTTP on loopback, each kept; against one durable INSERT a click, as most tools do it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from sqlalchemy import func, select

from campaigns.config import Config, Data, DatabaseSettings
from campaigns.db.migrate import upgrade
from campaigns.runtime import Runtime, assemble
from campaigns.tracking import Event, hits_folder, ingest, record_event
from tests.bench.harness import machine, report
from tests.campaigns.tracking.story import customer, mailing, message

SECONDS = 5.0
CONNECTIONS = 32
PEOPLE = 2_000


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="liaison-bench-") as folder:
        runtime, requests = prepare(Path(folder))
        reference = inserts_a_second(runtime)
        port = free_port()
        server = serve(Path(folder), port)
        try:
            wait_for(port)
            done, took, waits = uvloop.run(load(port, requests))
        finally:
            os.killpg(server.pid, signal.SIGKILL)  # not gently: nothing may be lost by it
            server.wait()
        lines = sum(path.read_bytes().count(b"\n") for path in hits_folder(runtime.config).glob("*.hits"))
        assert lines >= done, f"{done} answered, {lines} kept"
        waits.sort()
        report(
            "clicks",
            done / took,
            "clicks/s",
            reference="one durable INSERT a click (SQLite), clicks/s",
            reference_value=reference,
            conditions=f"granian, 1 worker; {CONNECTIONS} connections, p50 {waits[len(waits) // 2] * 1000:.1f} ms, "
            f"p99 {waits[len(waits) * 99 // 100] * 1000:.1f} ms; killed with -9 afterwards, {lines} of {done} kept; "
            f"the load comes from the same {machine()}",
        )
        began = time.perf_counter()
        kept = ingest(runtime)
        report(
            "hits into events",
            kept / (time.perf_counter() - began),
            "hits/s",
            reference="one durable INSERT a click (SQLite), clicks/s",
            reference_value=reference,
            conditions=f"{lines} hits of {PEOPLE} people (200 of one message are kept), judged; {machine()}",
        )
        with runtime.reading() as session:
            assert (
                session.scalar(select(func.count()).select_from(Event).where(Event.kind == "clicked")) == kept
            )
        runtime.database.dispose()


def prepare(folder: Path) -> tuple[Runtime, list[bytes]]:
    """A shop whose letter went to PEOPLE people, and a request of a click for each."""
    config = Config(
        database=DatabaseSettings(url=f"sqlite:///{folder / 'liaison.db'}"), data=Data(folder=folder / "data")
    )
    runtime = assemble(config)
    upgrade(runtime.database)
    with runtime.transaction() as session:
        mail = mailing(session, [f"https://shop.example/{n}" for n in range(15)])
        ids = [
            message(session, mail, customer(session, f"c{n}"), address=f"c{n}@shop.example")
            for n in range(PEOPLE)
        ]
    requests = [
        f"GET /c/{runtime.links.token(message_id, mail)}/{message_id % 15} HTTP/1.1\r\nHost: x\r\n"
        "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/131.0.0.0 Safari/537.36\r\nAccept-Language: fr\r\n\r\n".encode()
        for message_id in ids
    ]
    (folder / "config.toml").write_text(
        f'[database]\nurl = "sqlite:///{folder / "liaison.db"}"\n[data]\nfolder = "{folder / "data"}"\n'
    )
    return runtime, requests


def inserts_a_second(runtime: Runtime) -> float:
    """One transaction a click, as a request that writes to the database does."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < 2:
        with runtime.transaction() as session:
            record_event(session, "replied", at=datetime.now(UTC), message_id=1)
        count += 1
    return count / (time.perf_counter() - began)


def serve(folder: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--workers", "1"),
            *("--blocking-threads", "1", "--host", "127.0.0.1", "--port", str(port), "--no-ws"),
            *("--log-level", "warning", "webapp.wsgi:create"),
        ],
        env={**os.environ, "LIAISON_CONFIG": str(folder / "config.toml")},
        start_new_session=True,
    )


class Reader(asyncio.Protocol):
    """One mail reader: a click, the whole answer, the next click."""

    def __init__(self, requests: list[bytes], start: int, waits: list[float]) -> None:
        self.requests, self.next, self.waits = requests, start, waits
        self.is_on, self.buffer = True, b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.click()

    def click(self) -> None:
        self.began = time.perf_counter()
        self.transport.write(self.requests[self.next % len(self.requests)])
        self.next += CONNECTIONS

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.buffer.endswith(b"\r\n\r\n"):
            assert self.buffer.startswith(b"HTTP/1.1 302"), self.buffer
            self.waits.append(time.perf_counter() - self.began)
            self.buffer = b""
            if self.is_on:
                self.click()


async def load(port: int, requests: list[bytes]) -> tuple[int, float, list[float]]:
    """Click for SECONDS; returns answers, seconds, and how long each took."""
    waits: list[float] = []
    loop = asyncio.get_running_loop()
    readers = []
    began = time.perf_counter()
    for number in range(CONNECTIONS):
        _, reader = await loop.create_connection(
            lambda number=number: Reader(requests, number, waits), "127.0.0.1", port
        )
        readers.append(reader)
    await asyncio.sleep(SECONDS)
    for reader in readers:
        reader.is_on = False
    done, took = len(waits), time.perf_counter() - began
    await asyncio.sleep(0.2)
    return max(done, len(waits)), took, waits


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("The server did not start within 30 seconds.")


if __name__ == "__main__":
    main()

"""Webhooks of journeys: signed, tried again, and never into our own network."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from campaigns import journeys
from campaigns.clock import FrozenClock
from campaigns.config import Config, Journeys
from campaigns.db import Database
from campaigns.journeys import Manner, Notice, Reply, is_public, send_notice
from campaigns.journeys.notifying import Call
from campaigns.journeys.rules import url_fault
from campaigns.runtime import Runtime, assemble
from scheduler.jobs import send_notices
from tests.campaigns.journeys.conftest import Shop
from tests.cast import person
from tests.conftest import NOW


class Hook(BaseHTTPRequestHandler):
    """Another system; it answers with the next of `answers`, then with 200."""

    heard: ClassVar[list[tuple[dict[str, Any], str, bytes]]] = []
    answers: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Hook.heard.append((json.loads(body), self.headers["Liaison-Signature"], body))
        self.send_response(Hook.answers.pop(0) if Hook.answers else 200)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def hook() -> Iterator[str]:
    Hook.heard, Hook.answers = [], []
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook?a=1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def config(sqlite: Database, config: Config) -> Config:
    open_door = Journeys(webhook_secret=SecretStr("hush"), webhook_http=True, webhook_private=True)
    return config.model_copy(update={"journeys": open_door})


@pytest.fixture
def database(sqlite: Database) -> Database:
    return sqlite


def notices(shop: Shop) -> list[Notice]:
    found: list[Notice] = shop.read(lambda s: s.query(Notice).all())
    return found


def test_a_notice_is_signed_sent_and_tried_again_until_it_is_taken(
    runtime: Runtime, clock: FrozenClock, hook: str
) -> None:
    shop = Shop(runtime, clock)
    with runtime.transaction() as session:
        person(session, "alice@shop.example", now=clock.now(), number="K7")
    shop.plan([("notify", {"url": hook}), ("change", {"what": "tag", "word": "told"})])
    shop.tick()
    Hook.answers[:] = [503, 302]
    assert send_notices(runtime) == 0
    assert send_notices(runtime) == 0, "not before its time"
    assert len(Hook.heard) == 1
    clock.advance(timedelta(minutes=1))
    assert send_notices(runtime) == 0, "a redirect is not followed"
    clock.advance(timedelta(minutes=5))
    assert send_notices(runtime) == 1
    clock.advance(timedelta(days=1))
    assert send_notices(runtime) == 0
    told, signature, body = Hook.heard[-1]
    assert (told["customer_number"], told["journey"], told["step"]) == ("K7", "Welcome", "s1")
    assert b"alice" not in body
    seconds, mac = (part.partition("=")[2] for part in signature.split(","))
    assert mac == hmac.new(b"hush", f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert [(n.status, n.attempts) for n in notices(shop)] == [("sent", 3)]


def test_it_ends_when_the_other_side_says_gone_or_patience_is_at_its_end(
    runtime: Runtime, clock: FrozenClock, hook: str
) -> None:
    shop = Shop(runtime, clock)
    with runtime.transaction() as session:
        person(session, "alice@shop.example", now=clock.now())
    shop.plan([("notify", {"url": hook})])
    shop.tick()
    Hook.answers[:] = [500] * 20
    for _ in range(12):
        send_notices(runtime)
        clock.advance(timedelta(days=1))
    assert [(n.status, n.attempts) for n in notices(shop)] == [("failed", 8)]


def test_nothing_goes_into_our_own_network(hook: str) -> None:
    call = Call(1, 1, hook, {})
    reply = send_notice(call, Manner("hush", is_http_allowed=True), now=NOW)
    assert isinstance(reply, Reply)
    assert not reply.is_taken
    assert "not a public address" in reply.words
    assert "https" in send_notice(call, Manner("hush", is_private_allowed=True), now=NOW).words
    assert Hook.heard == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fc00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "ff02::1",
        "::",
    ],
)
def test_addresses_that_are_not_the_open_internet(address: str) -> None:
    assert not is_public(address)


def test_addresses_that_are() -> None:
    assert is_public("93.184.215.14")
    assert is_public("2606:4700::6810:84e5")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://shop.example/",
        "https://",
        "https://a:b@shop.example/",
        "https://shop.example/#x",
        "https://shop.example/ x",
        "https://shop.example:99999/",
        "javascript:alert(1)",
        "http://shop.example/",
        "https://shop.example/" + "a" * 500,
    ],
)
def test_addresses_that_cannot_be_written(url: str) -> None:
    assert url_fault(url, is_http_allowed=False)


def test_without_a_secret_no_journey_may_notify(sqlite: Database, clock: FrozenClock, config: Config) -> None:
    plain = assemble(config.model_copy(update={"journeys": Journeys()}), clock=clock, database=sqlite)
    shop = Shop(plain, clock)
    journey = shop.plan([("notify", {"url": "https://shop.example/hook"})], is_on=False)
    with plain.transaction() as session, pytest.raises(Exception, match="not ready"):
        journeys.switch_on(session, journey, journeys.means_of(plain), now=clock.now())
    assert send_notices(plain) == 0

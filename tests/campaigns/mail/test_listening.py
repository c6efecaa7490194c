"""The listener starts from any thread, and leaves nothing behind when it cannot."""

import asyncio
import smtplib
import socket
from typing import Any

import pytest

from campaigns.mail.listening import Listener


class Taker:
    """Takes whatever comes."""

    async def handle_DATA(self, _server: Any, _session: Any, _envelope: Any) -> str:  # noqa: N802
        return "250 taken"


def test_it_starts_while_the_callers_thread_runs_a_loop_of_its_own() -> None:
    async def inside() -> int:
        listener = Listener(Taker(), "127.0.0.1", 0, name="test", most_bytes=1000)
        listener.start()
        with smtplib.SMTP("127.0.0.1", listener.port, timeout=10) as client:
            code = client.ehlo("a.example")[0]
        listener.stop()
        return code

    assert asyncio.run(inside()) == 250


def test_a_taken_port_is_an_error_and_can_be_tried_again() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listener = Listener(Taker(), "127.0.0.1", other.getsockname()[1], name="test", most_bytes=1000)
        with pytest.raises(OSError, match="in use"):
            listener.start()
    listener.start()
    listener.stop()

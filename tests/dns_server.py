"""A name server for tests, on loopback: answers from a zone, and says NXDOMAIN to names that it has not.

with NameServer({("shop.example", "TXT"): ['"v=spf1 ~all"']}) as server:
    …                                   # server.where is "127.0.0.1:<port>"
"""

import socket
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType

import dns.message
import dns.rcode
import dns.rrset

Zone = Mapping[tuple[str, str], Sequence[str]]


class NameServer:
    """Runs in a thread of its own. `zone`: (name, kind) → records as a zone file writes them."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str]] = []

    def __enter__(self) -> "NameServer":
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.where = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stopper:
            stopper.sendto(b"stop", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _answer(self) -> None:
        names = {name for name, _kind in self.zone}
        while True:
            raw, who = self._socket.recvfrom(4096)
            if raw == b"stop":
                return
            question = dns.message.from_wire(raw)
            asked = question.question[0]
            name, kind = str(asked.name).rstrip("."), asked.rdtype.name
            self.asked.append((name, kind))
            reply = dns.message.make_response(question)
            if found := self.zone.get((name, kind)):
                reply.answer.append(dns.rrset.from_text_list(asked.name, 60, "IN", kind, list(found)))
            elif name not in names:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            self._socket.sendto(reply.to_wire(), who)

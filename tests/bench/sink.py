"""A mail server that counts and throws away, as cheaply as Python can: what the sending benches send into.

`python -m tests.bench.sink [SECONDS]` prints its port, then takes mail until its input ends, then prints how many it
took and the processor seconds it used. What arrives is read so many seconds later, as if it had come from afar.
"""

import asyncio
import resource
import sys

import uvloop

_DOT = b"\r\n.\r\n"


class Sink(asyncio.Protocol):
    """One connection; understands just what a well-behaved client says."""

    taken = 0
    away = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""
        self.is_content = False
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        if Sink.away:  # there and back in one: it makes no difference to who waits for the answer
            asyncio.get_running_loop().call_later(Sink.away, self.read, data)
        else:
            self.read(data)

    def read(self, data: bytes) -> None:
        out = []
        data = self.buffer + data if self.buffer else data
        self.buffer = b""
        while data:
            if self.is_content:
                end = data.find(_DOT)
                if end < 0:
                    self.buffer = data[-4:]  # only the end can be a part of the dot
                    break
                data = data[end + 5 :]
                self.is_content = False
                Sink.taken += 1
                out.append(b"250 2.0.0 Ok: queued as 4F2A91C03\r\n")
                continue
            line, found, rest = data.partition(b"\r\n")
            if not found:
                self.buffer = data
                break
            data = rest
            verb = line[:4].upper()
            if verb == b"DATA":
                self.is_content = True
                data = b"\r\n" + data  # so that a dot at once is found too
                out.append(b"354 go on\r\n")
            elif verb == b"EHLO":
                out.append(b"250-sink\r\n250-8BITMIME\r\n250 PIPELINING\r\n")
            elif verb == b"QUIT":
                self.transport.write(b"".join(out) + b"221 bye\r\n")
                self.transport.close()
                return
            else:
                out.append(b"250 ok\r\n")
        if out:
            self.transport.write(b"".join(out))


async def _serve() -> None:
    Sink.away = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(Sink.taken, flush=True)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(Sink.taken, round(used.ru_utime + used.ru_stime, 3), flush=True)
    server.close()


if __name__ == "__main__":
    uvloop.run(_serve())

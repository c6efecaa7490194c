"""A listening SMTP server (aiosmtpd) in a thread with a loop of its own, whatever the caller's thread is doing."""

import asyncio
import threading
from typing import Any


class Listener:
    """`keeper` answers to RCPT and DATA (aiosmtpd's handler); `port` 0 finds a free one, told after `start`."""

    def __init__(self, keeper: Any, host: str, port: int, *, name: str, most_bytes: int) -> None:
        self._keeper = keeper
        self.host, self.port = host, port
        self._name, self._most_bytes = name, most_bytes

    def start(self) -> None:
        """Listen; raises OSError, and leaves nothing behind, if the port is taken."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
        self._thread.start()
        try:
            # In the loop's own thread: the caller may sit inside another loop, where none can be run.
            self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        except OSError:
            self._end()
            raise
        self.port = self._server.sockets[0].getsockname()[1]

    async def _listen(self) -> asyncio.Server:
        from aiosmtpd.smtp import SMTP

        def protocol() -> Any:
            return SMTP(
                self._keeper,
                hostname=f"{self._name}.liaison.invalid",
                ident=f"Liaison {self._name}",
                data_size_limit=self._most_bytes,
                enable_SMTPUTF8=True,
                loop=self._loop,
                decode_data=False,
            )

        return await self._loop.create_server(protocol, self.host, self.port)

    def stop(self) -> None:
        """Listen no more."""

        async def close() -> None:
            self._server.close()
            for task in asyncio.all_tasks(self._loop) - {asyncio.current_task()}:
                task.cancel()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

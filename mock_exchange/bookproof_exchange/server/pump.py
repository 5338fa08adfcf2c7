"""One loop that writes for all connections whose peers keep up."""

from __future__ import annotations

from collections import deque

import trio

from bookproof_exchange.server.connection import Connection
from bookproof_exchange.server.wire import CHUNK


class Pump:
    """Gives each connection that has something to send one turn after another. A turn never waits: a connection
    whose peer does not take everything leaves the loop and waits in a task of its own, at its byte offset."""

    def __init__(self) -> None:
        self._ready: deque[Connection] = deque()
        self._wake = trio.Event()

    def ready(self, connection: Connection) -> None:
        self._ready.append(connection)
        if len(self._ready) == 1:
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            while not self._ready:
                self._wake = trio.Event()
                await self._wake.wait()
            self.flush()
            await trio.lowlevel.checkpoint()

    def flush(self) -> None:
        """Send now, without waiting: up to about one chunk. What is left has its turn when the loop comes to it."""
        ready = self._ready
        sent = 0
        while ready and sent < CHUNK:
            # A turn without a byte costs time, too.
            sent += ready.popleft().turn() + 1024

"""Ideal clients (and mutants) as in-memory clients of the driver."""

from __future__ import annotations

from collections.abc import Callable

import trio

from bookproof.drivers.api import BookShown, ClientInfo, DriverFactory, Start, Started
from bookproof.drivers.memory import MemorySession, memory_factory
from bookproof.ideal.client import IdealClient
from bookproof.ideal.wire import Connect
from bookproof.venues import MemoryVenue
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.timing import Timing

#: Makes a client for a start; mutants are subclasses or wrappers.
ClientMaker = Callable[..., IdealClient]

IDEAL_INFO = ClientInfo(
    name="ideal", version="1", language="Python", channels=("book", "trades"), push=True, claims=True
)


class IdealMemoryClient:
    """Implements `drivers.memory.MemoryClient` around an IdealClient."""

    def __init__(self, venue: MemoryVenue, make: ClientMaker) -> None:
        self._venue = venue
        self._make = make
        self._client: IdealClient | None = None
        self._scope = trio.CancelScope()

    async def start(self, start: Start, session: MemorySession) -> Started:
        connect: Connect = lambda: self._venue.connect(start.ws_url)  # noqa: E731
        client = self._make(DIALECTS.get(start.dialect), start, connect, session.show)
        self._client = client
        session.nursery.start_soon(self._run, client)
        return Started(depth_shown=client.depth_shown)

    async def _run(self, client: IdealClient) -> None:
        with self._scope:
            await client.run()

    async def read(self, symbol: str, channel: str) -> BookShown:
        assert self._client is not None
        return self._client.shown(symbol)

    async def stop(self) -> None:
        self._scope.cancel()


def ideal_factory(
    venue: MemoryVenue, *, make: ClientMaker = IdealClient, info: ClientInfo = IDEAL_INFO, timing: Timing | None = None
) -> DriverFactory:
    """Drivers of the ideal client (or of a mutant) on an in-memory venue."""
    return memory_factory(lambda: IdealMemoryClient(venue, make), info, timing=timing)

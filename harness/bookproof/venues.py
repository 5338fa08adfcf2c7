"""Where a case's exchange can be reached: a listener of its own on loopback, or an in-memory network."""

from __future__ import annotations

from urllib.parse import urlsplit

import trio

from bookproof.case_run import ServerLike
from bookproof_exchange.script.exchange import Exchange
from bookproof_exchange.server.listener import Server
from bookproof_exchange.server.memory import connected
from bookproof_exchange.server.tls import TlsFiles


class LoopbackVenue:
    """Each case gets a listener on loopback, on a free port."""

    def __init__(self, *, tls: TlsFiles | None = None) -> None:
        self._tls = tls

    async def open(self, exchange: Exchange, nursery: trio.Nursery) -> tuple[ServerLike, str, str, str | None]:
        server = Server(exchange, tls=self._tls, compression=exchange.dialect.traits.compression)
        address = await nursery.start(server.run)
        return server, address.ws, address.http, None if self._tls is None else str(self._tls.ca)


class MemoryVenue:
    """Exchanges on an in-memory network: for clients in the same loop, also under trio's virtual clock."""

    def __init__(self) -> None:
        self._servers: dict[str, tuple[Server, trio.Nursery]] = {}
        self._count = 0

    async def open(self, exchange: Exchange, nursery: trio.Nursery) -> tuple[ServerLike, str, str, str | None]:
        self._count += 1
        name = f"memory-{self._count}"
        server = Server(exchange, compression=exchange.dialect.traits.compression)
        self._servers[name] = (server, nursery)
        nursery.start_soon(self._serve, name, server)
        return server, f"ws://{name}", f"http://{name}", None

    async def _serve(self, name: str, server: Server) -> None:
        """As long as the case lasts; after it there is nothing at the URL."""
        try:
            await server.pump()
        finally:
            del self._servers[name]

    async def connect(self, url: str) -> trio.abc.Stream:
        """A stream to the exchange at a URL (only its host counts)."""
        name = urlsplit(url).hostname or ""
        if name not in self._servers:
            raise ConnectionRefusedError(f"no exchange at {url}")
        server, nursery = self._servers[name]
        mine, theirs = connected()
        nursery.start_soon(server.handle, theirs)
        return mine

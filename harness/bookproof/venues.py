"""Where a case's exchange can be reached: a listener of its own on loopback, or an in-memory network."""

from __future__ import annotations

from urllib.parse import urlsplit

import trio

from bookproof.case_run import ServerLike
from bookproof_exchange.script.exchange import Exchange
from bookproof_exchange.server.listener import Server
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
        # cases that are over are no longer there, nor kept in memory with all their evidence
        self._servers = {
            known: served for known, served in self._servers.items() if not served[1].cancel_scope.cancel_called
        }
        server = Server(exchange, compression=exchange.dialect.traits.compression)
        self._servers[name] = (server, nursery)
        return server, f"ws://{name}", f"http://{name}", None

    async def connect(self, url: str) -> trio.abc.Stream:
        """A stream to the exchange at a URL (only its host counts)."""
        name = urlsplit(url).hostname or ""
        if name not in self._servers:
            raise ConnectionRefusedError(f"no exchange at {url}")
        server, nursery = self._servers[name]
        from trio.testing import memory_stream_pair  # it brings pytest along, which runs over sockets need not wait for

        mine, theirs = memory_stream_pair()
        nursery.start_soon(server.handle, theirs)
        return mine

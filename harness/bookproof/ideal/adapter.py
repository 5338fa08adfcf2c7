"""The ideal client as a subprocess: ``--client python:bookproof.ideal.adapter:IdealAdapter``. For trying scenarios, for
measuring the harness, and as a client that must always pass over real sockets."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import trio

from bookproof.adapter import Book, Trade, TrioAdapter
from bookproof.adapter import Start as AdapterStart
from bookproof.drivers.api import BookShown, EventShown, Shown, Start, TradeShown
from bookproof.ideal.client import IdealClient
from bookproof_exchange.dialects import DIALECTS


class IdealAdapter(TrioAdapter):
    """Pushes every state and claims honestly."""

    name = "ideal"
    version = "1"
    dialects = DIALECTS.names()
    channels = ("book", "trades")
    pushes = True
    claims = True

    async def start(self, start: AdapterStart) -> None:
        if start.dialect not in DIALECTS:
            self.unsupported_dialect(start.dialect)
        url = urlsplit(start.ws_url)

        async def connect() -> trio.abc.Stream:
            stream: trio.abc.Stream = await trio.open_tcp_stream(url.hostname or "", url.port or 443)
            if url.scheme == "wss":
                context = ssl.create_default_context(cafile=start.tls_ca)
                stream = trio.SSLStream(stream, context, server_hostname=url.hostname, https_compatible=True)
            return stream

        self._ideal = IdealClient(
            DIALECTS.get(start.dialect),
            Start(
                case=start.case,
                dialect=start.dialect,
                ws_url=start.ws_url,
                rest_url=start.rest_url,
                endpoints=dict(start.endpoints),
                symbols=tuple(start.symbols),
                channels=tuple(start.channels),
                depth=start.depth,
            ),
            connect,
            self._emit,
        )
        self.depth_shown = self._ideal.depth_shown
        self._ending = trio.CancelScope()
        self.spawn(self._follow)

    def unsupported_dialect(self, dialect: str) -> None:
        from bookproof.adapter import unsupported

        unsupported(f"no dialect {dialect!r} here")

    async def _follow(self) -> None:
        with self._ending:
            await self._ideal.run()

    def _emit(self, shown: Shown) -> None:
        match shown:
            case BookShown():
                self.push(_book(shown))
            case TradeShown():
                self.push(Trade(shown.symbol, price=shown.price, size=shown.size, side=shown.side))
            case EventShown():
                self.event(shown.kind, shown.message, symbol=shown.symbol)
            case _:
                pass

    def read(self, symbol: str, channel: str) -> Book:
        return _book(self._ideal.shown(symbol))

    async def stop(self) -> None:
        self._ending.cancel()


def _book(shown: BookShown) -> Book:
    return Book(shown.symbol, bids=shown.bids, asks=shown.asks, claim=shown.claim, version=shown.version)

"""A well-behaved exchange for an adapter to be tried on: nothing is wrong, the market moves a little."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from bookproof.drivers.api import Start
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.scenario.model import Market, Scenario
from bookproof_exchange.script.exchange import Exchange
from bookproof_exchange.server.listener import Server

#: Seconds between two updates of the market.
_UPDATE = 0.05


class Stand:
    """What the client is told, and what the exchange saw of it."""

    def __init__(self, start: Start, exchange: Exchange) -> None:
        self.start = start
        self._exchange = exchange

    @property
    def connections(self) -> int:
        """How many WebSocket connections the client made."""
        return len(self._exchange.connections)


@asynccontextmanager
async def stand(dialect: Dialect, case: str, channels: Sequence[str]) -> AsyncIterator[Stand]:
    """Serve the dialect's first symbol on loopback while in the context."""
    scenario = Scenario(id="adapter-check", title="", purpose="", rules=(), market=Market(symbols=1), script=())
    began = trio.current_time()
    exchange = Exchange(dialect, scenario, 1, clock=lambda: trio.current_time() - began)
    server = Server(exchange, compression=dialect.traits.compression)
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        address = await nursery.start(server.run)
        nursery.start_soon(_move, exchange, server)
        if dialect.traits.heartbeat_s is not None:
            nursery.start_soon(_beat, exchange, server, dialect.traits.heartbeat_s)
        endpoints = dict(dialect.endpoints(address.ws, address.http))
        start = Start(
            case=case,
            dialect=dialect.name,
            ws_url=endpoints["ws"],
            rest_url=endpoints["rest"],
            endpoints=endpoints,
            symbols=exchange.symbols,
            channels=tuple(channels),
            time_base=exchange.view.time_base_us // 1000,
        )
        try:
            yield Stand(start, exchange)
        except Exception as error:  # out of the nursery as it is, not in a group
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _move(exchange: Exchange, server: Server) -> None:
    while True:
        await trio.sleep(_UPDATE)
        server.perform(exchange.advance(1))


async def _beat(exchange: Exchange, server: Server, interval: float) -> None:
    while True:
        await trio.sleep(interval)
        for connection in exchange.open_connections():
            server.perform(exchange.beat(connection))

"""A small client of Kraken's WebSocket v2, as somebody might have written it: it applies what comes and checks nothing."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

from websockets.asyncio.client import connect


class Side(dict[Decimal, Decimal]):
    def apply(self, levels: list[dict[str, Decimal]]) -> None:
        for level in levels:
            if level["qty"]:
                self[level["price"]] = level["qty"]
            else:
                self.pop(level["price"], None)

    def best(self, depth: int, *, highest: bool) -> list[list[Decimal]]:
        return [[price, self[price]] for price in sorted(self, reverse=highest)[:depth]]


class OrderBook:
    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides = {"bids": Side(), "asks": Side()}

    def apply(self, message: dict[str, Any]) -> None:
        for name, side in self.sides.items():
            side.apply(message[name])
            for price in sorted(side, reverse=name == "bids")[self.depth :]:
                del side[price]

    @property
    def bids(self) -> list[list[Decimal]]:
        return self.sides["bids"].best(self.depth, highest=True)

    @property
    def asks(self) -> list[list[Decimal]]:
        return self.sides["asks"].best(self.depth, highest=False)


class Client:
    def __init__(self, ws_url: str = "wss://ws.kraken.com/v2", depth: int | None = None) -> None:
        self.url = ws_url
        self.depth = depth or 10
        self.books: dict[str, OrderBook] = {}
        self._task: asyncio.Task[None] | None = None

    async def subscribe(self, symbols: tuple[str, ...]) -> None:
        self._task = asyncio.create_task(self._run(list(symbols)))

    async def _run(self, symbols: list[str]) -> None:
        async for socket in connect(self.url):
            params = {"channel": "book", "symbol": symbols, "depth": self.depth}
            await socket.send(json.dumps({"method": "subscribe", "params": params}))
            async for text in socket:
                self._take(json.loads(text, parse_float=Decimal))

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("channel") == "book":
            for entry in message["data"]:
                if message["type"] == "snapshot":
                    self.books[entry["symbol"]] = OrderBook(self.depth)
                self.books[entry["symbol"]].apply(entry)

    async def close(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

"""A client as one writes it on the first day: a Kraken order book (WebSocket API v2) in sixty lines.

It is right while nothing goes wrong. What happens when something does is found out in docs/newcomers.md.
"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import websockets


class Book:
    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}

    def apply(self, message: dict) -> None:
        """One element of a message's data: a snapshot or an update."""
        for side, rows in ((self.bids, message["bids"]), (self.asks, message["asks"])):
            for row in rows:
                if row["qty"] == 0:
                    side.pop(row["price"], None)
                else:
                    side[row["price"]] = row["qty"]
        for price in sorted(self.bids, reverse=True)[self.depth :]:
            del self.bids[price]
        for price in sorted(self.asks)[self.depth :]:
            del self.asks[price]


class Client:
    def __init__(self, url: str, symbols: list[str], depth: int = 10) -> None:
        self.url, self.symbols, self.depth = url, symbols, depth
        self.books: dict[str, Book] = {}

    async def run(self) -> None:
        """Connects, again and again."""
        while True:
            try:
                async with websockets.connect(self.url) as socket:
                    params = {"channel": "book", "symbol": self.symbols, "depth": self.depth}
                    await socket.send(json.dumps({"method": "subscribe", "params": params}))
                    async for text in socket:
                        self.handle(json.loads(text, parse_float=Decimal))
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(1)

    def handle(self, message: dict) -> None:
        if message.get("channel") == "book":
            for data in message["data"]:
                self.books.setdefault(data["symbol"], Book(self.depth)).apply(data)

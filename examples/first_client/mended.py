"""The client of client.py, after what Bookproof said about it: three things are different."""

from __future__ import annotations

import asyncio
import json
import zlib

import client
import websockets


class Mismatch(Exception):
    """The book is not the one whose checksum came with the message."""


class Book(client.Book):
    def checksum(self) -> int:
        """https://docs.kraken.com/api/docs/guides/spot-ws-book-v2: asks first, ten levels, digits without leading zeros."""
        rows = [*sorted(self.asks.items())[:10], *sorted(self.bids.items(), reverse=True)[:10]]
        text = "".join(f"{number:f}".replace(".", "").lstrip("0") for row in rows for number in row)
        return zlib.crc32(text.encode())


class Client(client.Client):
    def handle(self, message: dict) -> None:
        if message.get("channel") == "book":
            for data in message["data"]:
                if message["type"] == "snapshot":  # 1. a snapshot replaces the book
                    self.books[data["symbol"]] = Book(self.depth)
                book = self.books[data["symbol"]]
                book.apply(data)
                if book.checksum() != data["checksum"]:  # 2. a lost message is noticed, and the book not shown
                    self.books.clear()
                    raise Mismatch

    async def run(self) -> None:
        while True:
            try:
                async with websockets.connect(self.url) as socket:
                    params = {"channel": "book", "symbol": self.symbols, "depth": self.depth}
                    await socket.send(json.dumps({"method": "subscribe", "params": params}))
                    async for text in socket:
                        self.handle(json.loads(text, parse_float=client.Decimal))
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(1)
            except Mismatch:
                pass
            finally:
                self.books.clear()  # 3. without a connection there is no book to show

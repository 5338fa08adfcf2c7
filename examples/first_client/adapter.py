"""The adapter: what Bookproof needs to know about the client, and no more. ``adapter.py mended``: the other client."""

from __future__ import annotations

import importlib
import sys

from bookproof.adapter import AsyncioAdapter, Book, Start, run

Client = importlib.import_module(sys.argv[1] if len(sys.argv) > 1 else "client").Client


class FirstAdapter(AsyncioAdapter):
    name = "first-client"
    version = "1"
    dialects = ("kraken-v2",)

    def start(self, start: Start) -> None:
        self.client = Client(start.ws_url, list(start.symbols), start.depth or 10)
        self.depth_shown = self.client.depth
        self.task = self.spawn(self.client.run())

    def stop(self) -> None:
        self.task.cancel()

    def read(self, symbol: str, channel: str) -> Book | None:
        book = self.client.books.get(symbol)
        if book is None:
            return None
        return Book(symbol, bids=sorted(book.bids.items(), reverse=True), asks=sorted(book.asks.items()))


if __name__ == "__main__":
    run(FirstAdapter)

"""Drives cryptofeed 1.3's Binance feed, unmodified. What is shown is the feed's own `l2_book`, after every message."""

from __future__ import annotations

import asyncio
import importlib.metadata
from typing import Any
from urllib.parse import urlsplit

from cryptofeed import FeedHandler, pairs
from cryptofeed.callback import BookCallback
from cryptofeed.defines import ASK, BID, BINANCE, L2_BOOK
from cryptofeed.exchanges import Binance

from bookproof.adapter import AsyncioAdapter, Book, Start, run


class CryptofeedAdapter(AsyncioAdapter):
    name = "cryptofeed"
    version = importlib.metadata.version("cryptofeed")
    dialects = ("binance-spot",)

    async def start(self, start: Start) -> None:
        self.before = asyncio.all_tasks()
        rest = f"{start.rest_url.rstrip('/')}/api/v3"
        # cryptofeed asks version 1 of the REST interface, which the venue has closed since; version 3 answers the same
        pairs._exchange_function_map[BINANCE] = lambda: pairs._binance_pairs(f"{rest}/exchangeInfo")
        self.pairs = {symbol: pair for pair, symbol in (await asyncio.to_thread(pairs.gen_pairs, BINANCE)).items()}
        wanted = [self.pairs[symbol] for symbol in start.symbols]
        self.feed = Binance(pairs=wanted, channels=[L2_BOOK], callbacks={L2_BOOK: BookCallback(self.changed)})
        parts = urlsplit(start.ws_url)
        self.feed.ws_endpoint = f"{parts.scheme}://{parts.netloc}"
        self.feed.rest_endpoint = rest
        self.feed.address = self.feed._address()
        handler = FeedHandler()
        handler.add_feed(self.feed)
        handler.run(start_loop=False)

    async def changed(self, *update: Any) -> None:
        """The callback that every user has; the book is read from the feed."""

    def read(self, symbol: str, channel: str) -> Book | None:
        book = self.feed.l2_book.get(self.pairs[symbol])
        if book is None:
            return None
        return Book(symbol, bids=list(reversed(book[BID].items())), asks=list(book[ASK].items()))

    async def stop(self) -> None:
        # it has no other end than its program's
        for task in asyncio.all_tasks() - self.before - {asyncio.current_task()}:
            task.cancel()


if __name__ == "__main__":
    run(CryptofeedAdapter)

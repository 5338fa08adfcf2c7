"""Drives the `DepthCacheManager` of python-binance 0.7 (Twisted, threads), unmodified: one manager a symbol.

What the manager gives its callback is pushed; `None` instead of a book is its word for a lost connection.
"""

from __future__ import annotations

import importlib.metadata
from urllib.parse import urlsplit

from binance.client import Client
from binance.depthcache import DepthCache, DepthCacheManager
from binance.websockets import BinanceSocketManager

from bookproof.adapter import Book, Start, ThreadedAdapter, run


class PythonBinanceAdapter(ThreadedAdapter):
    name = "python-binance"
    version = importlib.metadata.version("python-binance")
    dialects = ("binance-spot",)
    pushes = True
    numbers = "float"
    isolation = "process"  # Twisted's reactor cannot be started twice

    def start(self, start: Start) -> None:
        Client.API_URL = f"{start.rest_url.rstrip('/')}/api"
        parts = urlsplit(start.ws_url)
        BinanceSocketManager.STREAM_URL = f"{parts.scheme}://{parts.netloc}/"
        for symbol in start.symbols:
            self.spawn(self.follow, symbol)

    def follow(self, symbol: str) -> None:
        def changed(cache: DepthCache | None) -> None:
            if cache is None:
                self.push(Book(symbol, claim="none"))
            else:
                self.push(Book(symbol, bids=cache.get_bids(), asks=cache.get_asks()))

        try:
            DepthCacheManager(Client("", ""), symbol, callback=changed)  # returns when the first book is there
        except Exception as error:
            self.error(error, symbol=symbol, fatal=True)

    def stop(self) -> None:
        """Nothing: the reactor cannot be stopped and started again, and the process ends with the case."""


if __name__ == "__main__":
    run(PythonBinanceAdapter)

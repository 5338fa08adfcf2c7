"""Drives the `OrderbookClient` of python-kraken-sdk 1.6, unmodified. `get(pair)["valid"]` is the client's claim.

The scheme ``wss://`` is written into that release, so the case is run with ``--tls``.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import random
from typing import Any
from urllib.parse import urlsplit

from kraken.base_api import KrakenBaseSpotAPI
from kraken.spot import OrderbookClient
from kraken.spot.websocket import KrakenSpotWSClientBase

from bookproof.adapter import AsyncioAdapter, Book, Start, run, unsupported


class PythonKrakenSdkAdapter(AsyncioAdapter):
    name = "python-kraken-sdk"
    version = importlib.metadata.version("python-kraken-sdk")
    dialects = ("kraken-v2",)
    pushes = True
    claims = True

    async def start(self, start: Start) -> None:
        if start.tls_ca is None:
            unsupported("wss:// is written into the client: run with --tls")
        random.seed(8699)  # the client draws how long it waits to reconnect: one second by this seed, else one or two
        os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = start.tls_ca
        KrakenSpotWSClientBase.PROD_ENV_URL = urlsplit(start.ws_url).netloc
        KrakenBaseSpotAPI.URL = start.rest_url
        self.before = asyncio.all_tasks()
        self.client = OrderbookClient(depth=start.depth or 10, callback=self.changed)
        self.depth_shown = self.client.depth
        self.spawn(self.subscribe(list(start.symbols)))

    async def subscribe(self, symbols: list[str]) -> None:
        try:
            await self.client.add_book(pairs=symbols)
        except Exception as error:
            self.error(error, fatal=True)

    async def changed(self, pair: str, message: dict[str, Any]) -> None:
        self.push(self.book(pair))

    def book(self, symbol: str) -> Book:
        book = self.client.get(pair=symbol)
        if book is None:
            return Book(symbol, claim="none")
        bids, asks = ([(price, row[0]) for price, row in book[side].items()] for side in ("bid", "ask"))
        claim = "live" if book["valid"] and not self.client.exception_occur else "stale"
        return Book(symbol, bids=bids, asks=asks, claim=claim)

    def read(self, symbol: str, channel: str) -> Book:
        return self.book(symbol)

    async def stop(self) -> None:
        for task in asyncio.all_tasks() - self.before:  # the client has no other end than its program's
            task.cancel()


if __name__ == "__main__":
    run(PythonKrakenSdkAdapter)

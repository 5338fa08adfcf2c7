"""Drives python-kraken-sdk's `SpotOrderBookClient`, unmodified, as its own examples use it: ``start()``, ``add_book()``, and
``get(pair)`` from the callback. See README.md beside this file.

``get(pair)["valid"]`` is the client's own claim: False becomes ``stale``, no book ``none``. A client that has given up
(``exception_occur``, which its examples ask in a loop) is ``stale`` too.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import random
from typing import Any
from urllib.parse import urlsplit

from kraken.base_api import SpotClient
from kraken.spot import SpotOrderBookClient
from kraken.spot.websocket import SpotWSClientBase

from bookproof.adapter import AsyncioAdapter, Book, Start, run

VERSION = importlib.metadata.version("python-kraken-sdk")

_JITTER = 8699
"""Seed of `random`, from which the client draws how long it waits before a connection: the same waits in every run. The first
dozen draws are below one half, so that a first attempt comes after one second, not two."""


class PythonKrakenSdkAdapter(AsyncioAdapter):
    name = "python-kraken-sdk"
    version = VERSION
    dialects = ("kraken-v2",)
    pushes = True
    claims = True

    async def start(self, start: Start) -> None:
        # Where the venue is. The orderbook client hands no URLs on to its base, so the defaults are set; "/v2" is appended.
        SpotWSClientBase.WS_URL = _without_version(start.ws_url)
        SpotClient.URL = start.rest_url
        if start.tls_ca is not None:  # read by OpenSSL for the WebSocket, by requests for the REST calls
            os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = start.tls_ca
        random.seed(_JITTER)
        self._given_up = False
        self._client = SpotOrderBookClient(depth=start.depth or 10, callback=self._updated)
        self.depth_shown = self._client.depth
        self.spawn(self._subscribe(list(start.symbols)))
        self.spawn(self._watch(list(start.symbols)))

    async def _subscribe(self, symbols: list[str]) -> None:
        try:
            await self._client.start()
            await self._client.add_book(pairs=symbols)
        except Exception as error:
            self.error(error, fatal=True)

    async def _watch(self, symbols: list[str]) -> None:
        """The loop of the library's examples: ``while not client.exception_occur: sleep``."""
        while not self._client.exception_occur:
            await asyncio.sleep(0.05)
        self._given_up = True
        self.event("error", "exception_occur is set: the client has given up", fatal=True)
        self.push(*(self._book(symbol) for symbol in symbols))

    async def _updated(self, pair: str, message: dict[str, Any]) -> None:
        self.push(self._book(pair))
        if "error" in message:
            self.event("resync", str(message["error"]), symbol=pair)

    def _book(self, symbol: str) -> Book:
        book = self._client.get(pair=symbol)
        if book is None:
            return Book(symbol, claim="none")
        return Book(
            symbol,
            bids=[(price, size) for price, (size, _) in book["bid"].items()],
            asks=[(price, size) for price, (size, _) in book["ask"].items()],
            claim="live" if book["valid"] and not self._given_up else "stale",
        )

    def read(self, symbol: str, channel: str) -> Book:
        return self._book(symbol)

    async def stop(self) -> None:
        await self._client.close()


def _without_version(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


if __name__ == "__main__":
    run(PythonKrakenSdkAdapter)

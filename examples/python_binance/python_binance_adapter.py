"""Drives python-binance's `DepthCacheManager`, unmodified, as its own examples use it: one manager a symbol, ``recv()`` in
a loop. See README.md beside this file.

The managers keep the library's defaults: 500 levels of REST snapshot, `float` for prices and sizes, the slower stream.
Nothing is trimmed, so every level that the stream ever named is shown. The library has no word for "this book is not right
now"; the only signs are the error dictionary that ``recv()`` may return instead of a book, and exceptions out of ``recv()``.
From such a sign until the next book the adapter claims ``stale``.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import random
import ssl
from urllib.parse import urlsplit

import aiohttp
from binance import AsyncClient, BinanceSocketManager, DepthCacheManager

from bookproof.adapter import AsyncioAdapter, Book, Start, run

VERSION = importlib.metadata.version("python-binance")

_JITTER = 8699
"""Seed of `random`, from which the library draws how long it waits before it reconnects: the same waits in every run. The
first dozen draws are below one half, so that a first attempt comes after one second, not two."""

_LOG_LINES = 2_000
"""Lines of the library's log that are kept of a case: its ``recv()`` can log without pause for ever."""


_TIME_TO_EXIT = 1.0
"""Seconds that the managers have to close on their own."""


class PythonBinanceAdapter(AsyncioAdapter):
    name = "python-binance"
    version = VERSION
    dialects = ("binance-spot",)
    pushes = True
    numbers = "float"

    async def start(self, start: Start) -> None:
        _bound_the_log()
        random.seed(_JITTER)
        self._before = asyncio.all_tasks()
        # Where the venue is: AsyncClient and BinanceSocketManager take it from these class attributes.
        AsyncClient.API_URL = f"{start.rest_url.rstrip('/')}/api"
        BinanceSocketManager.STREAM_URL = f"{_base(start.ws_url)}/"
        self._context = ssl.create_default_context(cafile=start.tls_ca) if start.tls_ca else None
        self._managers: dict[str, DepthCacheManager] = {}
        self._entered: list[DepthCacheManager] = []
        self._failed: set[str] = set()
        self._client: AsyncClient | None = None
        self._work = [self.spawn(self._all(list(start.symbols)))]

    async def _all(self, symbols: list[str]) -> None:
        session = (
            {} if self._context is None else {"session_params": {"connector": aiohttp.TCPConnector(ssl=self._context)}}
        )
        try:
            self._client = await AsyncClient.create(**session)
        except Exception as error:
            self.error(error, fatal=True)
            return
        for symbol in symbols:
            self._work.append(self.spawn(self._follow(self._client, symbol)))

    async def _follow(self, client: AsyncClient, symbol: str) -> None:
        sockets = BinanceSocketManager(client)
        if self._context is not None:
            sockets.ws_kwargs = {"ssl": self._context}
        manager = DepthCacheManager(client, symbol, bm=sockets)
        self._managers[symbol] = manager
        try:
            await manager.__aenter__()
        except Exception as error:  # there is no second try in the library: the user has to make a new manager
            self.error(error, symbol=symbol, fatal=True)
            return
        self._entered.append(manager)
        while True:
            try:
                shown = await manager.recv()
            except Exception as error:
                self._fail(symbol)
                self.error(error, symbol=symbol)
                continue
            if isinstance(shown, dict):
                self._fail(symbol)
                self.event("error", str(shown.get("m", shown)), symbol=symbol, exception=shown.get("type"))
                continue
            self._failed.discard(symbol)
            self.push(self._book(symbol))

    def _fail(self, symbol: str) -> None:
        self._failed.add(symbol)
        self.push(self._book(symbol))

    def _book(self, symbol: str) -> Book:
        manager = self._managers.get(symbol)
        cache = None if manager is None else manager.get_depth_cache()
        if cache is None:
            return Book(symbol, claim="none")
        claim = "stale" if symbol in self._failed else "live"
        return Book(symbol, bids=cache.get_bids(), asks=cache.get_asks(), claim=claim)

    def read(self, symbol: str, channel: str) -> Book:
        return self._book(symbol)

    async def stop(self) -> None:
        for task in self._work:
            task.cancel()
        exits = {asyncio.ensure_future(manager.__aexit__(None, None, None)) for manager in self._entered}
        if exits:
            await asyncio.wait(exits, timeout=_TIME_TO_EXIT)
        # ``__aexit__`` waits for a reader that looks up every ten seconds, or sleeps before its next attempt. What is still
        # running is cancelled, as asyncio does at the end of a program.
        for task in asyncio.all_tasks() - self._before - exits:
            task.cancel()
        await asyncio.gather(*exits, return_exceptions=True)
        if self._client is not None:
            await self._client.close_connection()


def _base(url: str) -> str:
    """Scheme and host: the library appends ``/ws/<stream>`` itself."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class _Bounded(logging.Handler):
    """The library's warnings to stderr, as the default would, but not without end."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.left = _LOG_LINES
        self._to = logging.StreamHandler()

    def emit(self, record: logging.LogRecord) -> None:
        if self.left > 0:
            self.left -= 1
            self._to.emit(record)


def _bound_the_log() -> None:
    logger = logging.getLogger("binance")
    logger.propagate = False
    logger.handlers = [_Bounded()]


if __name__ == "__main__":
    run(PythonBinanceAdapter)

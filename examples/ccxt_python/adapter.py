"""Lets Bookproof drive ccxt (ccxt.pro), unmodified: ``watch_order_book`` and ``watch_trades`` in loops, as users write them.

    python adapter.py                                              # ccxt's own defaults
    python adapter.py --config '{"options": {"watchOrderBook": {"checksum": true}}}'

What is shown is what a user of ccxt is given: the book that ``watch_order_book`` returned, when it returned. ccxt has no
sign of its own for a book that is out of step, except the exception that comes out of the call: from then until the
next return the book is ``stale``. The configuration of the exchange object is ccxt's default, but for the URLs and
for the markets to load (only spot: the others are other venues' APIs); ``--config`` or the case's ``options`` go on top.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

import ccxt.pro

from bookproof.adapter import AsyncioAdapter, Book, Start, Trade, run

PAUSE_MOST = 4.0
"""Seconds. After one exception the loop calls again at once, as in ccxt's examples: the call reconnects. After several
in a row it waits, as a user would: 0.5 s, 1 s … so that a storm of requests is ccxt's own doing and not this loop's."""


class Venue(NamedTuple):
    exchange: str
    depth: int | None
    """Levels a side that ccxt keeps if it is not asked for a number; None: all."""
    fetch_markets: dict[str, Any]
    nonce_is_version: bool = True
    """The book's ``nonce`` is the venue's sequence number of the last update. ccxt promises only that it grows; for MEXC
    it is the number with which the last message begins."""


VENUES = {
    "binance-spot": Venue("binance", 1000, {"types": ["spot"]}),  # options.watchOrderBookLimit
    "kraken-v2": Venue("kraken", 10, {}),
    "mexc-v3": Venue("mexc", None, {"types": {"spot": True, "swap": {"linear": False, "inverse": False}}}, False),
}


class CcxtAdapter(AsyncioAdapter):
    name = "ccxt"
    version = ccxt.__version__
    dialects = tuple(VENUES)
    channels = ("book", "trades")
    pushes = True
    numbers = "float"

    config: ClassVar[dict[str, Any]] = {}
    """Constructor configuration of the user's own, from the command line."""

    async def start(self, start: Start) -> None:
        venue = VENUES[start.dialect]
        config = {"options": {"defaultType": "spot", "fetchMarkets": venue.fetch_markets}}
        if start.tls_ca is not None:
            config["cafile"] = start.tls_ca
        for more in (self.config, dict(start.options)):
            config = ccxt.Exchange.deep_extend(config, more)
        self.exchange = getattr(ccxt.pro, venue.exchange)(config)
        redirect(self.exchange.urls["api"], origin(start.ws_url), origin(start.rest_url))
        self.depth_shown = venue.depth if start.depth is None else start.depth
        self.books: dict[str, Any] = {}
        self.stopping = False
        self.with_version = venue.nonce_is_version
        for symbol in start.symbols:
            if "book" in start.channels:
                self.spawn(
                    self.follow(symbol, lambda name: self.book(name, start.depth), self.show_book, self.is_stale)
                )
            if "trades" in start.channels:
                self.spawn(self.follow(symbol, self.trades, self.show_trades, lambda symbol: None))

    async def follow(
        self,
        symbol: str,
        watch: Callable[[str], Awaitable[Any]],
        show: Callable[[str, Any], None],
        failed: Callable[[str], None],
    ) -> None:
        """The user's loop. ``symbol`` is the venue's spelling."""
        failures = 0
        while True:
            try:
                if not self.exchange.markets:
                    await self.exchange.load_markets()
                shown = await watch(self.unified(symbol))
            except (Exception, asyncio.CancelledError) as error:
                # ccxt cancels the calls of other symbols where it closes a connection
                if isinstance(error, asyncio.CancelledError) and self.stopping:
                    raise
                failed(symbol)
                self.error(error, symbol=symbol)
                await asyncio.sleep(0.0 if failures == 0 else min(0.25 * 2**failures, PAUSE_MOST))
                failures += 1
            else:
                failures = 0
                show(symbol, shown)

    def unified(self, symbol: str) -> str:
        """ccxt's spelling of the venue's symbol."""
        if symbol in self.exchange.markets:  # Kraken's WebSocket v2 spells as ccxt does
            return symbol
        return next(market["symbol"] for market in self.exchange.markets_by_id[symbol] if market["spot"])

    def book(self, symbol: str, limit: int | None) -> Awaitable[Any]:
        return self.exchange.watch_order_book(symbol, limit)

    def show_book(self, symbol: str, book: Any) -> None:
        self.books[symbol] = book
        version = book["nonce"] if self.with_version else None
        self.push(Book(symbol, bids=book["bids"], asks=book["asks"], version=version))

    def is_stale(self, symbol: str) -> None:
        book = self.books.get(symbol)
        if book is not None:
            self.push(Book(symbol, bids=book["bids"], asks=book["asks"], claim="stale"))

    def trades(self, symbol: str) -> Awaitable[Any]:
        return self.exchange.watch_trades(symbol)

    def show_trades(self, symbol: str, trades: Any) -> None:
        self.push(
            *(
                Trade(symbol, trade["price"], trade["amount"], side=trade["side"], trade_id=trade["id"])
                for trade in trades
            )
        )

    async def stop(self) -> None:
        self.stopping = True
        await self.exchange.close()


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def redirect(urls: dict[str, Any], ws: str, rest: str) -> None:
    """Every URL of the exchange object to the mock exchange, with its path as it was."""
    for name, url in urls.items():
        if isinstance(url, dict):
            redirect(url, ws, rest)
        elif isinstance(url, str):
            parts = urlsplit(url)
            urls[name] = (ws if parts.scheme in ("ws", "wss") else rest) + parts.path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Adapter of Bookproof for ccxt in Python.")
    parser.add_argument("--config", type=json.loads, default={}, help="configuration of the exchange object, as JSON")
    CcxtAdapter.config = parser.parse_args().config
    run(CcxtAdapter)

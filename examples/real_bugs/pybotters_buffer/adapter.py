"""Drives pybotters' `BinanceSpotDataStore`, unmodified, as its documentation says: the WebSocket first, then the snapshot.

The store says itself whether a symbol is `initialized`; until then nothing is shown. It never starts anew by itself.
"""

from __future__ import annotations

import importlib.metadata
from urllib.parse import urlsplit

import pybotters

from bookproof.adapter import AsyncioAdapter, Book, Start, run


class PybottersAdapter(AsyncioAdapter):
    name = "pybotters"
    version = importlib.metadata.version("pybotters")
    dialects = ("binance-spot",)

    async def start(self, start: Start) -> None:
        self.client = await pybotters.Client(base_url=start.rest_url.rstrip("/")).__aenter__()
        self.store = pybotters.BinanceSpotDataStore()
        parts = urlsplit(start.ws_url)
        self.url = f"{parts.scheme}://{parts.netloc}/ws"
        self.spawn(self.follow(list(start.symbols)))

    async def follow(self, symbols: list[str]) -> None:
        streams = [f"{symbol.lower()}@depth" for symbol in symbols]
        subscribe = {"method": "SUBSCRIBE", "params": streams, "id": 1}
        await self.client.ws_connect(self.url, send_json=subscribe, hdlr_json=self.store.onmessage)
        try:
            await self.store.initialize(
                *(self.client.get("/api/v3/depth", params={"symbol": symbol, "limit": "1000"}) for symbol in symbols)
            )
        except Exception as error:  # there is no second try in the library
            self.error(error, fatal=True)

    def read(self, symbol: str, channel: str) -> Book | None:
        if not self.store.orderbook.initialized[symbol]:
            return None
        sides = self.store.orderbook.sorted({"s": symbol})
        bids, asks = ([(row["p"], row["q"]) for row in sides.get(side, [])] for side in ("b", "a"))
        return Book(symbol, bids=bids, asks=asks)

    async def stop(self) -> None:
        await self.client.__aexit__(None, None, None)


if __name__ == "__main__":
    run(PybottersAdapter)

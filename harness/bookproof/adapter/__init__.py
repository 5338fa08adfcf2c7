"""The kit for adapter authors: let Bookproof drive a Python client with about twenty lines.

It runs inside the client's own environment, so it needs nothing but the standard library::

    from bookproof.adapter import AsyncioAdapter, Book, run

    class MyAdapter(AsyncioAdapter):
        name = "my-client"
        dialects = ["kraken-v2"]

        async def start(self, start):
            self.client = Client(start.ws_url)
            await self.client.subscribe(start.symbols)

        def read(self, symbol, channel):
            book = self.client.book(symbol)
            return Book(symbol, bids=book.bids, asks=book.asks)

        async def stop(self):
            await self.client.close()

    if __name__ == "__main__":
        run(MyAdapter)

Run it by hand, or as ``python:my_module:MyAdapter`` in place of a client command.
"""

from bookproof.adapter.base import Adapter, Unsupported, run, unsupported
from bookproof.adapter.flavours import AsyncioAdapter, ThreadedAdapter, TrioAdapter
from bookproof.adapter.messages import Balance, Book, Fill, Order, Start, Ticker, Trade

__all__ = [
    "Adapter",
    "AsyncioAdapter",
    "Balance",
    "Book",
    "Fill",
    "Order",
    "Start",
    "ThreadedAdapter",
    "Ticker",
    "Trade",
    "TrioAdapter",
    "Unsupported",
    "run",
    "unsupported",
]

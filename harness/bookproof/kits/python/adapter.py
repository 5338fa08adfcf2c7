"""The adapter: lets Bookproof drive our client.

    bookproof adapter check --client "python adapter.py"
    bookproof run --client "python adapter.py" --dialect kraken-v2

Your client goes into the four places marked YOUR CLIENT. As it stands there is none, and no book is ever shown.
Everything that the kit offers: `python -m pydoc bookproof.adapter.base`.
"""

from __future__ import annotations

from bookproof.adapter import AsyncioAdapter, Book, Start, run

# --- YOUR CLIENT, 1 of 4: import it -----------------------------------------------------------------------------------
#     import sys; sys.path.insert(0, "..")      # where it is not installed, but lies in the folder above
#     from my_client import Client


# A client that blocks or has threads of its own: ThreadedAdapter, with plain methods. One on trio: TrioAdapter.
class ClientAdapter(AsyncioAdapter):
    # --- YOUR CLIENT, 2 of 4: what it is --------------------------------------------------------------------------
    name = "my-client"
    version = "0.0.0"
    dialects = ("kraken-v2",)  # what it speaks, of `bookproof list dialects`; other cases are refused for you
    channels = ("book",)  # "trades" too, if it shows trades
    pushes = False  # True: it shows a book at every change, with self.push(Book(…)); read() is asked all the same
    claims = False  # True: the client itself can say whether its book is live, and read() passes that on as `claim`
    numbers = "string"  # "float": it holds floats. Never turn one into the other: that would hide a client's errors
    isolation = "case"  # "process": it cannot be started twice in one process

    async def start(self, start: Start) -> None:
        """A case begins: start a fresh client on the mock exchange. It need not be in step when this returns."""
        # --- YOUR CLIENT, 3 of 4: start it on these addresses ------------------------------------------------------
        # start.ws_url     the WebSocket address to use instead of the venue's     start.symbols  as the venue spells them
        # start.rest_url   the REST address to use instead of the venue's          start.depth    levels a side; None: default
        # start.tls_ca     a CA file to trust (with `bookproof run --tls`), or None
        #
        #     self.client = Client(ws_url=start.ws_url, depth=start.depth)
        #     await self.client.subscribe(start.symbols)
        #
        # A coroutine of your own (a loop over updates) runs with self.spawn(coroutine).
        self.depth_shown = start.depth  # levels a side that the client keeps; None: all

    def read(self, symbol: str, channel: str) -> Book | None:
        """What the client shows now, best first, the numbers as it has them; None: it has no book."""
        #     book = self.client.books.get(symbol)
        #     return None if book is None else Book(symbol, bids=book.bids, asks=book.asks)   # [[price, size], …]
        #
        # A client that claims: Book(..., claim="live"), "stale" or "syncing".
        # Report what it raises to its user: self.error(exception, symbol=symbol)
        return None

    async def stop(self) -> None:
        """The case is over: close the client."""
        # --- YOUR CLIENT, 4 of 4: close it -----------------------------------------------------------------------
        #     await self.client.close()


if __name__ == "__main__":
    run(ClientAdapter)

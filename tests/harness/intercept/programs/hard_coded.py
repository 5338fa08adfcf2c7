"""A program as somebody might have: the venue's address stands in it, and it prints its book at every change."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from decimal import Decimal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

DEPTH = 10


async def follow(socket: ClientConnection, books: dict[str, dict[str, dict[Decimal, str]]]) -> None:
    params = {"channel": "book", "symbol": sys.argv[1:], "depth": DEPTH}
    await socket.send(json.dumps({"method": "subscribe", "params": params}))
    async for text in socket:
        message = json.loads(text, parse_float=str, parse_int=str)
        for entry in message["data"] if message.get("channel") == "book" else []:
            book = books.setdefault(entry["symbol"], {})
            for side in ("bids", "asks"):
                levels = {} if message["type"] == "snapshot" else book[side]
                levels |= {Decimal(level["price"]): level["qty"] for level in entry[side]}
                best = sorted((price for price in levels if Decimal(levels[price])), reverse=side == "bids")[:DEPTH]
                book[side] = {price: levels[price] for price in best}
            shown = {side: [[str(price), size] for price, size in levels.items()] for side, levels in book.items()}
            print(json.dumps({"symbol": entry["symbol"], **shown}), flush=True)


async def main() -> None:
    books: dict[str, dict[str, dict[Decimal, str]]] = {}
    async for socket in connect("wss://ws.kraken.com/v2"):
        with contextlib.suppress(ConnectionClosed):
            await follow(socket, books)


asyncio.run(main())

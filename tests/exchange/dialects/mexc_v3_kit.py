"""What the tests of the dialect share: a market, a connection, the library's view of the bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bookproof_exchange.data import folder
from bookproof_exchange.dialects.api import Frame, HttpRequest, Message, Reply, Tick
from bookproof_exchange.dialects.mexc_v3 import DIALECT
from bookproof_exchange.dialects.mexc_v3.proto import PushDataV3ApiWrapper
from bookproof_exchange.market.truth import Profile
from bookproof_exchange.scenario.model import Market
from bookproof_exchange.script.view import MarketView
from bookproof_exchange.seeds import stream

SCHEMAS: Path = folder("schemas") / "mexc-v3"
DEPTH = "spot@public.aggre.depth.v3.api.pb@100ms@{}"
DEALS = "spot@public.aggre.deals.v3.api.pb@100ms@{}"
TICKER = "spot@public.aggre.bookTicker.v3.api.pb@10ms@{}"
LIMIT = "spot@public.limit.depth.v3.api.pb@{}@{}"


def market(seed: int, *, profile: Profile = "busy", symbols: int = 3, levels: int = 20) -> MarketView:
    return MarketView(DIALECT, Market(profile=profile, symbols=symbols, levels=levels), seed)


def session(view: MarketView, **query: str) -> Any:
    return DIALECT.session(HttpRequest(method="GET", path="/ws", query=query), view)


def send(connection: Any, method: str, *topics: str, **more: object) -> Reply:
    body = {"method": method, "params": list(topics), **more}
    reply: Reply = connection.receive(Frame(json.dumps(body).encode()))
    return reply


def texts(reply: Reply) -> list[Any]:
    return [json.loads(message.payload) for message in reply.messages]


def ticks(view: MarketView, symbol: str, count: int, seed: int) -> Iterator[Tick]:
    """The next updates of a symbol, of one to eight events; moves the cursor."""
    low, high = DIALECT.traits.batch
    random = stream(seed, "ticks")
    for _ in range(count):
        first = view.index(symbol)
        last = first + random.randint(low, high)
        view.truth(symbol).ensure(last)
        view.move(symbol, last)
        yield Tick(symbol, first, last)


def published(view: MarketView, connection: Any, symbol: str, count: int, seed: int) -> Sequence[Message]:
    return [message for tick in ticks(view, symbol, count, seed) for message in connection.publish(tick)]


def parsed(payload: bytes) -> Any:
    """The message as the protobuf library reads it."""
    return PushDataV3ApiWrapper.FromString(payload)

"""The names of market streams: what ``btcusdt@depth@100ms`` means.

Source: https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md (2026-07-21).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

import msgspec

from bookproof_exchange.dialects.api import Feed

StreamKind = Literal["depth", "partial", "trade", "aggTrade", "bookTicker", "silent"]


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One stream that the venue knows. ``silent``: known, accepted, and the mock sends nothing on it."""

    name: str
    kind: StreamKind
    symbol: str = ""
    """Empty for streams over all symbols."""
    levels: int | None = None

    @property
    def feed(self) -> Feed | None:
        """The feed; None where the stream is neither a book nor trades."""
        match self.kind:
            case "depth" | "partial":
                return Feed(self.symbol, "book", self.levels, self.name)
            case "trade" | "aggTrade":
                return Feed(self.symbol, "trades", None, self.name)
            case "bookTicker" | "silent":
                return None


_BOOK = re.compile(r"depth(?:@100ms)?")
_PARTIAL = re.compile(r"depth(5|10|20)(?:@100ms)?")
_SILENT = re.compile(
    r"kline_(?:1s|1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|3d|1w|1M)(?:@\+08:00)?"
    r"|ticker|miniTicker|ticker_(?:1h|4h|1d)|avgPrice|blockTrade|referencePrice"
)
_ALL = re.compile(r"!miniTicker@arr|!ticker_(?:1h|4h|1d)@arr")


def parse(name: str, symbols: Collection[str]) -> Stream | None:
    """The stream called ``name``; None where the venue has none (also: a symbol that is not in lower case)."""
    if _ALL.fullmatch(name):
        return Stream(name=name, kind="silent")
    lower, at, what = name.partition("@")
    symbol = lower.upper()
    if not at or symbol not in symbols or symbol.lower() != lower:
        return None
    if _BOOK.fullmatch(what):
        return Stream(name=name, kind="depth", symbol=symbol)
    partial = _PARTIAL.fullmatch(what)
    if partial is not None:
        return Stream(name=name, kind="partial", symbol=symbol, levels=int(partial[1]))
    match what:
        case "trade":
            return Stream(name=name, kind="trade", symbol=symbol)
        case "aggTrade":
            return Stream(name=name, kind="aggTrade", symbol=symbol)
        case "bookTicker":
            return Stream(name=name, kind="bookTicker", symbol=symbol)
    return Stream(name=name, kind="silent", symbol=symbol) if _SILENT.fullmatch(what) else None

"""Exchange side: which topics the venue knows, and what it does with each.

https://mexcdevelop.github.io/apidocs/spot_v3_en/#websocket-market-streams (2025-08): symbols in upper case.
"""

from __future__ import annotations

import enum
import re

import msgspec

from bookproof_exchange.dialects.api import Feed


class Stream(enum.Enum):
    """What a topic sends. SILENT: documented, accepted, and nothing ever comes of it here."""

    DEPTH = "aggre.depth"
    DEALS = "aggre.deals"
    BOOK_TICKER = "aggre.bookTicker"
    LIMIT_DEPTH = "limit.depth"
    SILENT = "silent"


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic that the venue accepts. ``event_type`` is the topic without its symbol (and level)."""

    text: str
    stream: Stream
    symbol: str | None = None
    level: int = 0
    event_type: str = ""
    private: bool = False

    @property
    def feed(self) -> Feed | None:
        """The judged subscription that it is; None for every other topic."""
        match self.stream:
            case Stream.DEPTH:
                return Feed(symbol=self.symbol or "", channel="book", name=self.text)
            case Stream.DEALS:
                return Feed(symbol=self.symbol or "", channel="trades", name=self.text)
            case _:
                return None


_AGGRE = re.compile(r"(spot@public\.(aggre\.(?:depth|deals|bookTicker))\.v3\.api\.pb@(?:10|100)ms)@([A-Z0-9_]+)")
_LIMIT = re.compile(r"(spot@public\.limit\.depth\.v3\.api\.pb)@([A-Z0-9_]+)@(5|10|20)")
_SYMBOL_ONLY = re.compile(
    r"spot@public\.(?:"
    r"bookTicker\.batch\.v3\.api\.pb@(?P<batch>[A-Z0-9_]+)"
    r"|kline\.v3\.api\.pb@(?P<kline>[A-Z0-9_]+)@(?:Min(?:1|5|15|30|60)|Hour[48]|Day1|Week1|Month1)"
    r"|miniTicker\.v3\.api\.pb@(?P<mini>[A-Z0-9_]+)@[^@]+"
    r")"
)
_ALL = re.compile(r"spot@public\.miniTickers\.v3\.api\.pb@[^@]+")
_PRIVATE = re.compile(r"spot@private\.(?:account|deals|orders)\.v3\.api\.pb")


def parse(text: str) -> Topic | None:
    """The topic, or None where the venue knows no such topic (the JSON topics without ``.pb`` are retired)."""
    if match := _AGGRE.fullmatch(text):
        return Topic(text=text, stream=Stream(match[2]), symbol=match[3], event_type=match[1])
    if match := _LIMIT.fullmatch(text):
        return Topic(text=text, stream=Stream.LIMIT_DEPTH, symbol=match[2], level=int(match[3]), event_type=match[1])
    if match := _SYMBOL_ONLY.fullmatch(text):
        symbol = match["batch"] or match["kline"] or match["mini"]
        return Topic(text=text, stream=Stream.SILENT, symbol=symbol)
    if _ALL.fullmatch(text):
        return Topic(text=text, stream=Stream.SILENT)
    if _PRIVATE.fullmatch(text):
        return Topic(text=text, stream=Stream.SILENT, private=True)
    return None

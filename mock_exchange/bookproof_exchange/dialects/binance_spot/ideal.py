"""Client side: how the ideal client speaks, decodes and judges. Shares no encoder with the exchange side.

Source: https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md, "How to manage a local order
book correctly" (rewritten 2025-11-12; read 2026-07-21). With B the book's update id: an event with ``u`` <= B is old,
one with ``U`` > B + 1 is a gap, everything else applies, overlapping or not, because quantities are absolute. The text
of the venue says ``u`` < B is old; an event that ends exactly at B changes nothing either way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar
from urllib.parse import quote

import msgspec

from bookproof_exchange.dialects.api import (
    Acked,
    BookSnapshot,
    BookUpdate,
    Decoded,
    Frame,
    GoingDown,
    HttpAnswer,
    HttpRequest,
    Ignored,
    Link,
    Malformed,
    TradeReport,
)
from bookproof_exchange.market import Book, Change, Instrument, Side, Trade
from bookproof_exchange.numbers import NumberError, scaled_texts

SUBSCRIBE_ID = 1
UNSUBSCRIBE_ID = 312

_PARTIAL_DEPTHS = (5, 10, 20)
_WireRow = tuple[str, str]
T = TypeVar("T")


class _Depth(msgspec.Struct, frozen=True):
    E: int
    s: str
    U: int
    u: int
    b: list[_WireRow]
    a: list[_WireRow]


class _Book(msgspec.Struct, frozen=True):
    lastUpdateId: int
    bids: list[_WireRow]
    asks: list[_WireRow]


class _Trade(msgspec.Struct, frozen=True):
    s: str
    t: int
    p: str
    q: str
    m: bool


class _AggTrade(msgspec.Struct, frozen=True):
    s: str
    f: int
    l: int  # noqa: E741 - the venue's name
    p: str
    q: str
    m: bool


class _Unfit(Exception):
    """Something in a message is not as the venue writes it."""


class BinanceIdeal:
    """See `bookproof_exchange.dialects.api.Ideal`."""

    snapshot_from: Literal["stream", "rest"] = "rest"

    # --- speaking ---------------------------------------------------------------------------------------------------

    def connect_path(self, symbols: Sequence[str], channels: Sequence[str], depth: int | None) -> str:
        """A combined connection with everything in the URL; a depth of 5, 10, 20 asks for partial books."""
        names = "/".join(_streams(symbols, channels, depth))
        return f"/stream?streams={quote(names, safe='/@!+:')}"

    def subscribe(self, symbols: Sequence[str], channels: Sequence[str], depth: int | None) -> Sequence[Frame]:
        """Nothing: the URL subscribes."""
        return ()

    def unsubscribe(self, symbols: Sequence[str], channels: Sequence[str], depth: int | None) -> Sequence[Frame]:
        request = {
            "method": "UNSUBSCRIBE",
            "params": _streams(symbols, channels, depth),
            "id": UNSUBSCRIBE_ID,
        }
        return (Frame(msgspec.json.encode(request)),)

    def snapshot_request(self, symbol: str, depth: int | None) -> HttpRequest | None:
        """1000 levels a side, 5000 where more are asked for; None for partial books, which come whole."""
        if depth in _PARTIAL_DEPTHS:
            return None
        limit = "5000" if depth is not None and depth > 1000 else "1000"
        return HttpRequest(method="GET", path="/api/v3/depth", query={"symbol": symbol, "limit": limit})

    def keepalive(self) -> Frame | None:
        """None: the venue sends the pings."""
        return None

    # --- understanding ----------------------------------------------------------------------------------------------

    def decode(self, frame: Frame, instruments: Mapping[str, Instrument]) -> Sequence[Decoded]:
        if frame.binary:
            return (Malformed("a binary frame"),)
        try:
            message = msgspec.json.decode(frame.payload)
        except (ValueError, RecursionError) as error:
            return (Malformed(f"not JSON: {error}", _mentioned(frame.payload, instruments)),)
        try:
            return (_message(message, instruments),)
        except (_Unfit, msgspec.ValidationError, NumberError) as error:
            return (Malformed(str(error), _concerned(message, instruments)),)

    def decode_rest(self, symbol: str, answer: HttpAnswer, instruments: Mapping[str, Instrument]) -> Decoded:
        if answer.status != 200:
            return Malformed(f"HTTP {answer.status}", symbol)
        try:
            return _snapshot(msgspec.json.decode(answer.body), symbol, instruments)
        except (_Unfit, ValueError, RecursionError) as error:
            return Malformed(str(error), symbol)

    # --- judging ----------------------------------------------------------------------------------------------------

    def window(self, depth: int | None) -> int | None:
        """None: the diff stream covers the whole book, and a partial book replaces it whole."""
        return None

    def link(self, last: int | None, update: BookUpdate, *, first_after_snapshot: bool) -> Link:
        """The same rule for the first event after a snapshot and for all later ones."""
        if last is None or update.first is None or update.last is None:
            return Link.GAP
        if update.last <= last:
            return Link.OLD
        return Link.GAP if update.first > last + 1 else Link.NEXT

    def verify(self, book: Book, checksum: int | None, instrument: Instrument) -> bool:
        """True: the venue has no checksum."""
        return True


def _streams(symbols: Sequence[str], channels: Sequence[str], depth: int | None) -> list[str]:
    suffix = str(depth) if depth in _PARTIAL_DEPTHS else ""
    names: list[str] = []
    for symbol in symbols:
        for channel in channels:
            match channel:
                case "book":
                    names.append(f"{symbol.lower()}@depth{suffix}@100ms")
                case "trades":
                    names.append(f"{symbol.lower()}@trade")
    return names


# --- one message ----------------------------------------------------------------------------------------------------


def _message(message: object, instruments: Mapping[str, Instrument]) -> Decoded:
    if isinstance(message, list):
        return Ignored()
    if not isinstance(message, dict):
        raise _Unfit("neither an object nor a list")
    if "stream" in message:
        stream, data = message["stream"], message.get("data")
        if not isinstance(stream, str):
            raise _Unfit("the stream's name is no text")
        if isinstance(data, list):
            return Ignored()
        if not isinstance(data, dict):
            raise _Unfit("data is no object")
        return _event(data, stream, instruments)
    if "result" in message or "code" in message or "error" in message:
        return _reply(message)
    event = message.get("event")
    if isinstance(event, dict):
        return GoingDown() if event.get("e") == "serverShutdown" else Ignored()
    return _event(message, None, instruments)


def _event(data: Mapping[str, object], stream: str | None, instruments: Mapping[str, Instrument]) -> Decoded:
    kind = data.get("e", "")
    if not isinstance(kind, str):
        raise _Unfit("the event's type is no text")
    match kind:
        case "depthUpdate":
            return _depth(msgspec.convert(data, _Depth), stream, instruments)
        case "trade":
            trade = msgspec.convert(data, _Trade)
            return _traded(trade.s, trade.t, trade.p, trade.q, trade.m, stream, instruments)
        case "aggTrade":
            run = msgspec.convert(data, _AggTrade)
            return _traded(run.s, run.l, run.p, run.q, run.m, stream, instruments)
        case "serverShutdown":
            return GoingDown()
        case "":
            return _nameless(data, stream, instruments)
        case _:
            return Ignored()


def _nameless(data: Mapping[str, object], stream: str | None, instruments: Mapping[str, Instrument]) -> Decoded:
    """An event without a type: a partial book or a bookTicker. A partial book says no symbol; without the stream's
    name it can only be told whose it is where there is but one instrument."""
    if "lastUpdateId" not in data:
        return Ignored()
    if stream is not None:
        symbol = stream.partition("@")[0].upper()
    elif len(instruments) == 1:
        symbol = next(iter(instruments))
    else:
        return Ignored()
    return _snapshot(data, symbol, instruments)


def _depth(event: _Depth, stream: str | None, instruments: Mapping[str, Instrument]) -> Decoded:
    instrument = _instrument(event.s, stream, instruments)
    if instrument is None:
        return Ignored()
    if event.u < event.U:
        raise _Unfit("u is less than U")
    changes = [Change(Side.BID, price, size) for price, size in _levels(event.b, instrument)]
    changes += [Change(Side.ASK, price, size) for price, size in _levels(event.a, instrument)]
    return BookUpdate(symbol=event.s, changes=tuple(changes), first=event.U, last=event.u)


def _snapshot(body: object, symbol: str, instruments: Mapping[str, Instrument]) -> Decoded:
    book = msgspec.convert(body, _Book)
    instrument = instruments.get(symbol)
    if instrument is None:
        return Ignored()
    bids, asks = _levels(book.bids, instrument), _levels(book.asks, instrument)
    if not all(size for _, size in (*bids, *asks)):
        raise _Unfit("a level without quantity in a whole book")
    return BookSnapshot(symbol=symbol, bids=tuple(bids), asks=tuple(asks), sequence=book.lastUpdateId)


def _traded(
    symbol: str,
    number: int,
    price: str,
    size: str,
    buyer_is_maker: bool,
    stream: str | None,
    instruments: Mapping[str, Instrument],
) -> Decoded:
    """An aggregate trade is reported under the number of its last part."""
    instrument = _instrument(symbol, stream, instruments)
    if instrument is None:
        return Ignored()
    taker = Side.ASK if buyer_is_maker else Side.BID
    ((scaled_price, scaled_size),) = _levels([(price, size)], instrument)
    return TradeReport(symbol=symbol, trades=(Trade(number, scaled_price, scaled_size, taker),))


def _instrument(symbol: str, stream: str | None, instruments: Mapping[str, Instrument]) -> Instrument | None:
    if stream is not None and stream.partition("@")[0] != symbol.lower():
        raise _Unfit(f"{symbol} on the stream {stream}")
    return instruments.get(symbol)


def _levels(rows: list[_WireRow], instrument: Instrument) -> list[tuple[int, int]]:
    prices, sizes = scaled_texts(instrument.price_decimals), scaled_texts(instrument.size_decimals)
    levels = []
    for row in rows:
        price, size = prices[row[0]], sizes[row[1]]
        if price <= 0 or size < 0:
            raise _Unfit(f"no level: {row[0]} {row[1]}")
        levels.append((price, size))
    return levels


def _reply(message: Mapping[str, object]) -> Decoded:
    """A control reply. Errors come bare or, as some servers were seen to do, inside ``error``."""
    error = message.get("error", message)
    what: Literal["subscribe", "unsubscribe"] = "unsubscribe" if message.get("id") == UNSUBSCRIBE_ID else "subscribe"
    if isinstance(error, dict) and "code" in error:
        return Acked(ok=False, what=what, reason=str(error.get("msg", error["code"])))
    if "result" in message:
        return Acked(ok=True, what=what) if message["result"] is None else Ignored()
    raise _Unfit("a reply that is neither a result nor an error")


# --- whose message it was -------------------------------------------------------------------------------------------


def _concerned(message: object, instruments: Mapping[str, Instrument]) -> str | None:
    if not isinstance(message, dict):
        return None
    data = message.get("data", message)
    stream = message.get("stream")
    names = [stream.partition("@")[0].upper()] if isinstance(stream, str) else []
    if isinstance(data, dict) and isinstance(data.get("s"), str):
        names.append(data["s"])
    return next((name for name in names if name in instruments), None)


_MENTION = re.compile(rb'"stream":"([^"@]+)@|"s":"([^"]+)"')


def _mentioned(payload: bytes, instruments: Mapping[str, Instrument]) -> str | None:
    found = _MENTION.search(payload)
    if found is None:
        return None
    name = (found[1] or found[2]).decode("utf-8", "replace").upper()
    return name if name in instruments else None

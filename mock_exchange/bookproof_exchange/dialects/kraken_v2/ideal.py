"""Client side: how the ideal client of Kraken WebSocket v2 speaks, decodes and judges.

Shares no encoder with the exchange side: the checksum is computed here from the number texts, as the venue's guide
describes it (https://docs.kraken.com/api/docs/guides/spot-ws-book-v2), not from scaled integers.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Literal, NoReturn

from bookproof_exchange.dialects.api import (
    Acked,
    Beat,
    BookSnapshot,
    BookUpdate,
    Decoded,
    Frame,
    HttpAnswer,
    HttpRequest,
    Ignored,
    Link,
    Malformed,
    TradeReport,
)
from bookproof_exchange.market import Book, Change, Instrument, Side, Trade
from bookproof_exchange.numbers import NumberError, ScaledTexts, scaled_texts

_CHANNELS = {"book": "book", "trades": "trade"}
_NAMES = {wire: name for name, wire in _CHANNELS.items()}
_SYMBOL = re.compile(rb'"symbol"\s*:\s*"([^"\\]+)"')


class _Number(str):
    """The text of a JSON number, as it stood on the wire."""

    __slots__ = ()


class _NotUnderstood(Exception):
    """Why a message is malformed."""


def _not_a_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _parse(payload: bytes) -> object:
    return json.loads(payload, parse_float=_Number, parse_int=_Number, parse_constant=_not_a_number)


class KrakenIdeal:
    """Implements `dialects.api.Ideal`."""

    snapshot_from: Literal["stream", "rest"] = "stream"

    def connect_path(self, symbols: Sequence[str], channels: Sequence[str], depth: int | None) -> str:
        """Nothing: the endpoint ``ws`` is the whole URL, subscriptions are made by message."""
        return ""

    def subscribe(self, symbols: Sequence[str], channels: Sequence[str], depth: int | None) -> Sequence[Frame]:
        return [
            self._request("subscribe", symbols, channel, depth, number) for number, channel in enumerate(channels, 1)
        ]

    def unsubscribe(self, symbols: Sequence[str], channels: Sequence[str], depth: int | None) -> Sequence[Frame]:
        return [
            self._request("unsubscribe", symbols, channel, depth, number)
            for number, channel in enumerate(channels, 1 + len(_CHANNELS))
        ]

    def _request(self, method: str, symbols: Sequence[str], channel: str, depth: int | None, number: int) -> Frame:
        params: dict[str, object] = {"channel": _CHANNELS[channel], "symbol": list(symbols)}
        if channel == "book":
            if depth is not None:
                params["depth"] = depth
            if method == "subscribe":
                params["snapshot"] = True
        return Frame(json.dumps({"method": method, "params": params, "req_id": number}).encode())

    def snapshot_request(self, symbol: str, depth: int | None) -> HttpRequest | None:
        """None: the snapshot comes in band."""
        return None

    def decode(self, frame: Frame, instruments: Mapping[str, Instrument]) -> Sequence[Decoded]:
        """Numbers stay text until they are scaled integers; a number of a wrong JSON type makes the message malformed;
        unknown fields, channels and types are ignored."""
        try:
            message = _parse(frame.payload)
        except (ValueError, RecursionError) as error:
            return (Malformed(f"not JSON: {error}", _readable_symbol(frame.payload)),)
        if not isinstance(message, dict):
            return (Malformed("not a JSON object"),)
        if "method" in message:
            return (_acknowledgement(message),)
        match message.get("channel"):
            case "heartbeat" | "status":
                return (Beat(),)
            case "book" | "trade" as channel:
                pass
            case _:
                return (Ignored(),)
        kind = message.get("type")
        if kind not in ("snapshot", "update"):
            return (Ignored() if isinstance(kind, str) else Malformed("no type", _readable_symbol(frame.payload)),)
        try:
            if channel == "trade":
                return _trades(message, instruments)
            return (_book(message, kind, instruments),)
        except _NotUnderstood as error:
            return (Malformed(str(error), _readable_symbol(frame.payload)),)

    def decode_rest(self, symbol: str, answer: HttpAnswer, instruments: Mapping[str, Instrument]) -> Decoded:
        """Never a book to build on: the venue's REST book has no sequence number and no checksum, its quantities are
        cut to three decimals, so that it cannot be joined with the stream."""
        return Malformed("a REST book of this venue cannot be joined with the stream", symbol)

    def window(self, depth: int | None) -> int | None:
        """The depth subscribed; 10 where none is said."""
        return 10 if depth is None else depth

    def link(self, last: int | None, update: BookUpdate, *, first_after_snapshot: bool) -> Link:
        """There is no sequence number: every update is the next one, and the checksum says whether it was."""
        return Link.NEXT

    def verify(self, book: Book, checksum: int | None, instrument: Instrument) -> bool:
        """CRC-32 over the ten best asks and then the ten best bids: price and quantity at full precision, without the
        point and then without leading zeros."""
        if checksum is None:
            return True
        # these digits are those of the scaled integers
        parts = [f"{price}{size}" for side in (Side.ASK, Side.BID) for price, size in book.levels(side, 10)]
        return zlib.crc32("".join(parts).encode("ascii")) == checksum

    def keepalive(self) -> Frame | None:
        """The venue closes connections without activity for about a minute."""
        return Frame(b'{"method":"ping"}')


def _readable_symbol(payload: bytes) -> str | None:
    """The first symbol that can still be read in a message that cannot."""
    found = _SYMBOL.search(payload)
    return None if found is None else found.group(1).decode("utf-8", "replace")


def _acknowledgement(message: dict[str, object]) -> Decoded:
    method = message["method"]
    if method == "pong":
        return Beat()
    ok = message.get("success") is True
    if method not in ("subscribe", "unsubscribe"):
        if ok or "error" not in message:
            return Ignored()
        return Acked(ok=False, reason=str(message["error"]))
    what: Literal["subscribe", "unsubscribe"] = "unsubscribe" if method == "unsubscribe" else "subscribe"
    if not ok:
        symbol = message.get("symbol")
        symbols = (symbol,) if isinstance(symbol, str) else ()
        return Acked(ok=False, what=what, symbols=symbols, reason=str(message.get("error", "")))
    result = message.get("result")
    if not isinstance(result, dict):
        return Malformed("an acknowledgement without result")
    name = _NAMES.get(str(result.get("channel")))
    if name is None:
        return Ignored()
    symbol = result.get("symbol")
    if not isinstance(symbol, str) or isinstance(symbol, _Number):
        return Malformed("an acknowledgement without symbol")
    return Acked(ok=True, what=what, channel=name, symbols=(symbol,))


def _elements(message: dict[str, object]) -> list[dict[str, object]]:
    data = message.get("data")
    if not isinstance(data, list) or not data or not all(isinstance(element, dict) for element in data):
        raise _NotUnderstood("data is not a list of objects")
    return data


def _text(element: dict[str, object], field: str) -> str:
    value = element.get(field)
    if not isinstance(value, str) or isinstance(value, _Number):
        raise _NotUnderstood(f"{field} is not a string")
    return value


def _scaled(element: dict[str, object], field: str, numbers: ScaledTexts) -> int:
    value = element.get(field)
    if not isinstance(value, _Number):
        raise _NotUnderstood(f"{field} is not a number")
    try:
        number = numbers[value]
    except NumberError as error:
        raise _NotUnderstood(f"{field}: {error}") from None
    if number < 0:
        raise _NotUnderstood(f"{field} is negative")
    return number


def _whole(element: dict[str, object], field: str, most: int) -> int:
    value = element.get(field)
    if not isinstance(value, _Number) or not value.isdigit():
        raise _NotUnderstood(f"{field} is not an unsigned integer")
    number = int(value)
    if number > most:
        raise _NotUnderstood(f"{field} is above {most}")
    return number


def _rows(element: dict[str, object], field: str, instrument: Instrument) -> list[tuple[int, int]]:
    rows = element.get(field)
    if not isinstance(rows, list):
        raise _NotUnderstood(f"{field} is not a list")
    prices, sizes = scaled_texts(instrument.price_decimals), scaled_texts(instrument.size_decimals)
    levels = []
    for row in rows:
        if not isinstance(row, dict):
            raise _NotUnderstood(f"{field} holds something that is not an object")
        price = _scaled(row, "price", prices)
        if price == 0:
            raise _NotUnderstood("a price is 0")
        levels.append((price, _scaled(row, "qty", sizes)))
    return levels


def _book(message: dict[str, object], kind: object, instruments: Mapping[str, Instrument]) -> Decoded:
    elements = _elements(message)
    if len(elements) != 1:
        raise _NotUnderstood("data of a book message has exactly one element")
    element = elements[0]
    symbol = _text(element, "symbol")
    instrument = instruments.get(symbol)
    if instrument is None:
        return Ignored()
    bids, asks = _rows(element, "bids", instrument), _rows(element, "asks", instrument)
    checksum = _whole(element, "checksum", 0xFFFF_FFFF)
    if kind == "snapshot":
        if any(size == 0 for _, size in (*bids, *asks)):
            raise _NotUnderstood("a level of a snapshot has size 0")
        return BookSnapshot(symbol=symbol, bids=tuple(bids), asks=tuple(asks), checksum=checksum)
    changes = [Change(Side.BID, price, size) for price, size in bids]
    changes += [Change(Side.ASK, price, size) for price, size in asks]
    return BookUpdate(symbol=symbol, changes=tuple(changes), checksum=checksum)


def _trades(message: dict[str, object], instruments: Mapping[str, Instrument]) -> Sequence[Decoded]:
    """One report a symbol, in order of appearance. ``Trade.number`` is the venue's ``trade_id``."""
    found: dict[str, list[Trade]] = {}
    for element in _elements(message):
        symbol = _text(element, "symbol")
        instrument = instruments.get(symbol)
        if instrument is None:
            continue
        side = _text(element, "side")
        if side not in ("buy", "sell"):
            raise _NotUnderstood(f"side {side!r}")
        found.setdefault(symbol, []).append(
            Trade(
                _whole(element, "trade_id", 2**63),
                _scaled(element, "price", scaled_texts(instrument.price_decimals)),
                _scaled(element, "qty", scaled_texts(instrument.size_decimals)),
                Side.BID if side == "buy" else Side.ASK,
            )
        )
    if not found:
        return (Ignored(),)
    return tuple(TradeReport(symbol=symbol, trades=tuple(trades)) for symbol, trades in found.items())

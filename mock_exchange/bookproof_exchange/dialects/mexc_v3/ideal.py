"""Client side: how the ideal client speaks, decodes and judges. Reads bytes with the protobuf library, not ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import msgspec
from google.protobuf.message import DecodeError

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
from bookproof_exchange.dialects.mexc_v3.proto import PushDataV3ApiWrapper
from bookproof_exchange.market import Book, Change, Instrument, Side, Trade
from bookproof_exchange.numbers import NumberError, scaled_texts

SNAPSHOT_LIMIT = 1000
"""Levels a side of the REST snapshot, as in the venue's instructions for a local book."""

MOST_TOPICS_A_FRAME = 10
"""Keeps a frame below 1024 bytes, which JKorf/Mexc.Net does not exceed either."""

#: The topics that the ideal client subscribes to, by channel.
_TOPICS = {
    "book": "spot@public.aggre.depth.v3.api.pb@100ms@{}",
    "trades": "spot@public.aggre.deals.v3.api.pb@100ms@{}",
}
_TOPIC = re.compile(r"spot@public\.aggre\.(depth|deals)\.v3\.api\.pb@(?:10|100)ms@([A-Z0-9_]+)")
_CHANNELS = {"depth": "book", "deals": "trades"}
_OTHER_TOPIC = re.compile(r"spot@[a-z]+\.[A-Za-z.0-9]+(?:@[^@\s\[\]]+)*")
_TEXTS_OF_FAILURE = frozenset({"Invalid listen key"})
_VERSION = re.compile(r"[0-9]+")
_TRADE_ID = re.compile(r"([0-9]+)X")


class _BadMessage(Exception):
    """What a message says cannot be."""


class MexcIdeal:
    """Pure functions; no state. Implements `dialects.api.Ideal`."""

    snapshot_from: Literal["stream", "rest"] = "rest"

    # --- speaking -------------------------------------------------------------------------------------------------

    def connect_path(self, symbols: Sequence[str], channels: Sequence[str], depth: int | None) -> str:
        """Nothing: the endpoint is the whole URL, subscriptions are made by message."""
        return ""

    def subscribe(self, symbols: Sequence[str], channels: Sequence[str], depth: int | None) -> Sequence[Frame]:
        return _requests("SUBSCRIPTION", symbols, channels)

    def unsubscribe(self, symbols: Sequence[str], channels: Sequence[str], depth: int | None) -> Sequence[Frame]:
        return _requests("UNSUBSCRIPTION", symbols, channels)

    def snapshot_request(self, symbol: str, depth: int | None) -> HttpRequest | None:
        return HttpRequest(method="GET", path="/api/v3/depth", query={"symbol": symbol, "limit": str(SNAPSHOT_LIMIT)})

    def keepalive(self) -> Frame | None:
        return Frame(b'{"method":"PING"}')

    # --- reading --------------------------------------------------------------------------------------------------

    def decode(self, frame: Frame, instruments: Mapping[str, Instrument]) -> Sequence[Decoded]:
        """By the type of the frame: text is control, binary is data."""
        if frame.binary:
            return (_data(frame.payload, instruments),)
        return tuple(_control(frame.payload))

    def decode_rest(self, symbol: str, answer: HttpAnswer, instruments: Mapping[str, Instrument]) -> Decoded:
        if answer.status != 200:
            return Malformed(f"HTTP status {answer.status}", symbol)
        try:
            body = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Malformed(f"the snapshot is not JSON: {error}", symbol)
        if not isinstance(body, dict):
            return Malformed("the snapshot is not a JSON object", symbol)
        instrument = instruments[symbol]
        try:
            return BookSnapshot(
                symbol=symbol,
                bids=_side(body, "bids", instrument, best_first=-1),
                asks=_side(body, "asks", instrument, best_first=1),
                sequence=_last_update_id(body),
            )
        except (_BadMessage, NumberError) as error:
            return Malformed(str(error), symbol)

    # --- judging --------------------------------------------------------------------------------------------------

    def window(self, depth: int | None) -> int | None:
        """None: nothing is ever truncated."""
        return None

    def link(self, last: int | None, update: BookUpdate, *, first_after_snapshot: bool) -> Link:
        """Strictly toVersion + 1, except that the first after a snapshot may begin before it.

        A later update that overlaps in part (``first <= last < update.last``) is a GAP here. The venue only says "not
        equal: start over", and absolute quantities would make NEXT harmless: no check may rest on it alone."""
        if last is None or update.first is None or update.last is None:
            return Link.GAP
        if update.last <= last:
            return Link.OLD
        if update.first == last + 1 or (first_after_snapshot and update.first <= last):
            return Link.NEXT
        return Link.GAP

    def verify(self, book: Book, checksum: int | None, instrument: Instrument) -> bool:
        return True


def _requests(method: str, symbols: Sequence[str], channels: Sequence[str]) -> Sequence[Frame]:
    topics = [_TOPICS[channel].format(symbol) for channel in channels if channel in _TOPICS for symbol in symbols]
    return tuple(
        Frame(msgspec.json.encode({"method": method, "params": topics[start : start + MOST_TOPICS_A_FRAME]}))
        for start in range(0, len(topics), MOST_TOPICS_A_FRAME)
    )


# --- control ---------------------------------------------------------------------------------------------------------


def _control(payload: bytes) -> Iterator[Decoded]:
    """Success is only what repeats the topics: a refusal has code 0 too."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        yield Malformed("text that is not UTF-8")
        return
    if text.strip() in _TEXTS_OF_FAILURE:
        yield Acked(ok=False, reason=text.strip())
        return
    try:
        body = msgspec.json.decode(text)
    except msgspec.DecodeError:
        yield Malformed("text that is not JSON")
        return
    if not isinstance(body, dict) or not isinstance(body.get("msg"), str):
        yield Ignored()
        return
    msg: str = body["msg"]
    if msg == "PONG":
        yield Beat()
        return
    topics = msg.split(",")
    if body.get("code") != 0 or not all(_OTHER_TOPIC.fullmatch(topic) for topic in topics):
        named = _by_channel(_TOPIC.finditer(msg))
        for channel, symbols in named.items():
            yield Acked(ok=False, channel=channel, symbols=tuple(symbols), reason=msg)
        if not named:
            # It names other topics only, or none: then everything that was asked for last.
            yield Ignored() if "spot@" in msg else Acked(ok=False, reason=msg)
        return
    named = _by_channel(match for topic in topics if (match := _TOPIC.fullmatch(topic)))
    if not named:
        yield Ignored()
    for channel, symbols in named.items():
        yield Acked(ok=True, channel=channel, symbols=tuple(symbols))


def _by_channel(matches: Iterable[re.Match[str]]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for match in matches:
        named.setdefault(_CHANNELS[match[1]], []).append(match[2])
    return named


# --- data ------------------------------------------------------------------------------------------------------------


def _data(payload: bytes, instruments: Mapping[str, Instrument]) -> Decoded:
    message = PushDataV3ApiWrapper()
    try:
        message.ParseFromString(payload)
    except DecodeError:
        return Malformed("not a PushDataV3ApiWrapper", _symbol_of_cut(payload, instruments))
    symbol: str = message.symbol or message.channel.rpartition("@")[2]
    instrument = instruments.get(symbol)
    match message.WhichOneof("body"):
        case _ if instrument is None:
            return Ignored()
        case "publicAggreDepths":
            read = _depths
            body = message.publicAggreDepths
        case "publicAggreDeals":
            read = _deals
            body = message.publicAggreDeals
        case _:
            # Other streams; members of the oneof that came after our .proto; a wrapper without a body.
            return Ignored()
    try:
        return read(symbol, body, instrument)
    except (_BadMessage, NumberError) as error:
        return Malformed(str(error), symbol)


def _symbol_of_cut(payload: bytes, instruments: Mapping[str, Instrument]) -> str | None:
    """The symbol of a message that ends too early, where its first field, the channel, is still whole."""
    if len(payload) < 2 or payload[0] != 0x0A or payload[1] >= 0x80:
        return None
    message = PushDataV3ApiWrapper()
    try:
        message.ParseFromString(payload[: 2 + payload[1]])
    except DecodeError:
        return None
    parts: list[str] = message.channel.split("@")
    return next((part for part in parts if part in instruments), None)


def _depths(symbol: str, body: Any, instrument: Instrument) -> Decoded:
    first, last = _version(body.fromVersion, "fromVersion"), _version(body.toVersion, "toVersion")
    if first > last:
        raise _BadMessage(f"fromVersion {first} is above toVersion {last}")
    changes = [
        Change(side, _price(item.price, instrument), _size(item.quantity, instrument))
        for side, items in ((Side.ASK, body.asks), (Side.BID, body.bids))
        for item in items
    ]
    return BookUpdate(symbol=symbol, changes=tuple(changes), first=first, last=last)


def _deals(symbol: str, body: Any, instrument: Instrument) -> Decoded:
    trades = []
    for item in body.deals:
        if item.tradeType not in (1, 2):
            raise _BadMessage(f"tradeType {item.tradeType}")
        number = _TRADE_ID.match(item.tradeId)
        trades.append(
            Trade(
                # The venue's own number (0 where it sends none): it says which trade, not how many there were.
                number=int(number[1]) if number else 0,
                price=_price(item.price, instrument),
                size=_size(item.quantity, instrument),
                taker=Side.BID if item.tradeType == 1 else Side.ASK,
            )
        )
    return TradeReport(symbol=symbol, trades=tuple(trades))


def _version(text: str, name: str) -> int:
    if not _VERSION.fullmatch(text):
        raise _BadMessage(f"{name} is {text!r}, not a whole number")
    return int(text)


def _price(text: str, instrument: Instrument) -> int:
    price = scaled_texts(instrument.price_decimals)[text]
    if price <= 0:
        raise _BadMessage(f"price {text}")
    return price


def _size(text: str, instrument: Instrument) -> int:
    size = scaled_texts(instrument.size_decimals)[text]
    if size < 0:
        raise _BadMessage(f"quantity {text}")
    return size


# --- REST ------------------------------------------------------------------------------------------------------------


def _last_update_id(body: Mapping[str, Any]) -> int:
    """A number; in older answers a text of digits."""
    value = body.get("lastUpdateId")
    if isinstance(value, str) and _VERSION.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise _BadMessage(f"lastUpdateId is {value!r}")


def _side(
    body: Mapping[str, Any], name: str, instrument: Instrument, *, best_first: Literal[1, -1]
) -> tuple[tuple[int, int], ...]:
    rows = body.get(name)
    if not isinstance(rows, list):
        raise _BadMessage(f"{name} is no list")
    levels = []
    for row in rows:
        if not (isinstance(row, list) and len(row) >= 2 and isinstance(row[0], str) and isinstance(row[1], str)):
            raise _BadMessage(f"a row of {name} is {row!r}")
        size = _size(row[1], instrument)
        if not size:
            raise _BadMessage(f"a row of {name} has no quantity")
        levels.append((_price(row[0], instrument), size))
    if any((worse[0] - better[0]) * best_first <= 0 for better, worse in pairwise(levels)):
        raise _BadMessage(f"{name} are not best first")
    return tuple(levels)

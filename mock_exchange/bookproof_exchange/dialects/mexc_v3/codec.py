"""Exchange side: market truth to protobuf bytes, by hand.

The bytes equal those of the protobuf library (fields in the order of their numbers), at a fraction of the cost: a
level's bytes are kept by side, price and size. Shapes from captures of 2026-06-23 (tardis-dev/tardis-node,
test/mappers.test.ts) and https://github.com/mexcdevelop/websocket-proto (7b8ac7a, 2026-06-17).

How numbers are spelled: the stream leaves the trailing zeros of a quantity out (``0.0001778``, ``0.09556``, a deletion
is ``0``: captures), prices have the instrument's decimals; REST spells both with all decimals (``0.008400``: ccxt). The
documentation's examples spell stream quantities in full (``0.00000000``): see the edit ``padded-numbers``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from bookproof_exchange.dialects.mexc_v3 import wire
from bookproof_exchange.market import Change, Event, Instrument, Levels, Side
from bookproof_exchange.numbers import to_text

# Members of the wrapper's oneof.
LIMIT_DEPTHS = 303
AGGRE_DEPTHS = 313
AGGRE_DEALS = 314
AGGRE_BOOK_TICKER = 315

#: Field numbers of the sides in every depth body.
SIDE_FIELDS = {Side.ASK: 1, Side.BID: 2}

BUY, SELL = 1, 2
"""``tradeType`` of a deal."""


def trimmed(value: int, decimals: int) -> str:
    """The text without trailing zeros after the point: as the stream spells quantities."""
    text = to_text(value, decimals)
    return text.rstrip("0").rstrip(".") if decimals else text


def price_text(price: int, instrument: Instrument) -> str:
    return to_text(price, instrument.price_decimals)


def quantity_text(size: int, instrument: Instrument) -> str:
    """The stream's spelling."""
    return trimmed(size, instrument.size_decimals)


@lru_cache(maxsize=1 << 16)
def level(side: Side, price: int, size: int, price_decimals: int, size_decimals: int) -> bytes:
    """One row of a depth body: field 1 (asks) or 2 (bids) with price and quantity."""
    return wire.block(
        SIDE_FIELDS[side], _price_field(price, price_decimals) + wire.text(2, trimmed(size, size_decimals))
    )


@lru_cache(maxsize=1 << 14)
def _price_field(price: int, decimals: int) -> bytes:
    """Prices come again with other sizes far more often than whole levels do."""
    return wire.text(1, to_text(price, decimals))


@lru_cache(maxsize=1024)
def _head(channel: str, symbol: str) -> bytes:
    return wire.text(1, channel) + wire.text(3, symbol)


def envelope(channel: str, symbol: str, send_ms: int, member: int, body: bytes) -> bytes:
    """``PushDataV3ApiWrapper``: ``body`` is the message of the oneof ``member``; ``send_ms`` since the epoch."""
    return _head(channel, symbol) + wire.integer(6, send_ms) + wire.block(member, body)


def net(events: Iterable[Event]) -> tuple[Change, ...]:
    """Every level that the events touched, with its last absolute size, in wire order: asks, then bids, best first.

    A level that comes back to where it was is in it, and so is the deletion of one that was never published: the
    chain needs the message, and both are harmless, sizes being absolute."""
    asks: dict[int, Change] = {}
    bids: dict[int, Change] = {}
    for event in events:
        for change in event.changes:
            if change[0]:
                asks[change[1]] = change
            else:
                bids[change[1]] = change
    return (*[asks[price] for price in sorted(asks)], *[bids[price] for price in sorted(bids, reverse=True)])


def depth_update(
    instrument: Instrument,
    channel: str,
    event_type: str,
    changes: Sequence[Change],
    first: int,
    last: int,
    send_ms: int,
) -> bytes:
    """``publicAggreDepths``: what changed between two versions. ``first``..``last``: fromVersion, toVersion."""
    price_decimals, size_decimals = instrument.price_decimals, instrument.size_decimals
    rows = [level(side, price, size, price_decimals, size_decimals) for side, price, size in changes]
    body = b"".join((*rows, wire.text(3, event_type), wire.text(4, str(first)), wire.text(5, str(last))))
    return envelope(channel, instrument.symbol, send_ms, AGGRE_DEPTHS, body)


def limit_depth(
    instrument: Instrument, channel: str, event_type: str, bids: Levels, asks: Levels, version: int, send_ms: int
) -> bytes:
    """``publicLimitDepths``: the best levels, whole, at a version."""
    price_decimals, size_decimals = instrument.price_decimals, instrument.size_decimals
    rows = [level(Side.ASK, price, size, price_decimals, size_decimals) for price, size in asks]
    rows += [level(Side.BID, price, size, price_decimals, size_decimals) for price, size in bids]
    body = b"".join((*rows, wire.text(3, event_type), wire.text(4, str(version))))
    return envelope(channel, instrument.symbol, send_ms, LIMIT_DEPTHS, body)


def book_ticker(instrument: Instrument, channel: str, bids: Levels, asks: Levels, send_ms: int) -> bytes:
    """``publicAggreBookTicker``: the best level of each side. An empty side has empty texts, which proto3 leaves out.

    No ``version``: the captures have none, although the .proto has the field."""
    body = b""
    for number, levels in ((1, bids), (3, asks)):
        for price, size in levels[:1]:
            body += wire.text(number, price_text(price, instrument))
            body += wire.text(number + 1, quantity_text(size, instrument))
    return envelope(channel, instrument.symbol, send_ms, AGGRE_BOOK_TICKER, body)


def deal(instrument: Instrument, price: int, size: int, taker: Side, time_ms: int, trade_id: str) -> bytes:
    """One row of ``publicAggreDeals``."""
    row = (
        wire.text(1, price_text(price, instrument))
        + wire.text(2, quantity_text(size, instrument))
        + wire.integer(3, BUY if taker is Side.BID else SELL)
        + wire.integer(4, time_ms)
        + wire.text(5, trade_id)
    )
    return wire.block(1, row)


def trade_id(sequence_base: int, number: int) -> str:
    """Two neighbouring order numbers of 18 digits, as the venue's: ``698165549569396736X0_698165549569396737X0``."""
    first = sequence_base * 10**7 + 2 * number
    return f"{first}X0_{first + 1}X0"


def deals(instrument: Instrument, channel: str, event_type: str, rows: Sequence[bytes], send_ms: int) -> bytes:
    """``publicAggreDeals``: the newest deal last."""
    body = b"".join((*rows, wire.text(2, event_type)))
    return envelope(channel, instrument.symbol, send_ms, AGGRE_DEALS, body)

"""Exchange side: truth to the bytes of Kraken WebSocket v2.

Numbers are bare JSON numbers at the full precision of the pair, trailing zeros included (``0.00031250``), built from
scaled integers. Every book message ends with the CRC-32 of the ten best levels a side and a time with microseconds.
Formats: https://docs.kraken.com/api/docs/websocket-v2/book, https://docs.kraken.com/api/docs/websocket-v2/trade;
trailing zeros, key order and the snapshot's timestamp as on the live wire, seen 2026-08.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Sequence
from zlib import crc32

from bookproof_exchange.market import Event, Instrument, Levels, Side
from bookproof_exchange.numbers import to_text

#: How many levels a side the checksum covers, whatever the depth.
CHECKSUM_LEVELS = 10

HEARTBEAT = b'{"channel":"heartbeat"}'

_CACHED = 1 << 16
"""Texts kept per instrument and kind; all are dropped together when there are more."""


class _Tokens(dict[tuple[int, int], str]):
    """What a level adds to the checksum's text.

    The rule (price text, quantity text, each without the point and then without leading zeros) applied to a number
    at full precision leaves the digits of the scaled integer. https://docs.kraken.com/api/docs/guides/spot-ws-book-v2
    """

    def __missing__(self, level: tuple[int, int]) -> str:
        if len(self) >= _CACHED:
            self.clear()
        price, size = level
        token = self[level] = f"{price or ''}{size or ''}"
        return token


class _Rows(dict[tuple[int, int], str]):
    """The JSON text of a level."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__()
        self._price = instrument.price_decimals
        self._size = instrument.size_decimals

    def __missing__(self, level: tuple[int, int]) -> str:
        if len(self) >= _CACHED:
            self.clear()
        price, size = level
        row = f'{{"price":{to_text(price, self._price)},"qty":{to_text(size, self._size)}}}'
        self[level] = row
        return row


class _Seconds(dict[int, str]):
    """Whole seconds since the epoch to ``2026-08-26T11:55:56.``."""

    def __missing__(self, second: int) -> str:
        if len(self) >= _CACHED:
            self.clear()
        moment = datetime.datetime.fromtimestamp(second, datetime.UTC)
        text = self[second] = moment.strftime("%Y-%m-%dT%H:%M:%S.")
        return text


_SECONDS = _Seconds()


def rfc3339(time_us: int) -> str:
    """Microseconds since the epoch as ``2026-08-26T11:55:56.663054Z``."""
    second, micro = divmod(time_us, 1_000_000)
    return f"{_SECONDS[second]}{micro:06d}Z"


def exponent_text(value: int, decimals: int) -> str:
    """A number as the venue prints it outside of the book: shortest digits, exponent form below 0.0001 (``1e-08``,
    ``5e-05``, ``0.1``). Seen in the instrument channel, 2026-08."""
    digits = str(value).rstrip("0")
    if not digits:
        return "0.0"
    exponent = len(str(value)) - 1 - decimals
    if exponent < -4:
        mantissa = digits[0] if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
        return f"{mantissa}e-{-exponent:02d}"
    whole, _, fraction = to_text(value, decimals).partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


class Codec:
    """Encodes the book and the trades of one instrument."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._tokens = _Tokens()
        self._rows = _Rows(instrument)
        # Of the sides seen last (tuples, so the same object is the same side): most updates touch only one.
        self._last_asks: tuple[Levels, int] = ((), 0)
        self._last_bids: tuple[Levels, bytes] = ((), b"")
        symbol = json.dumps(instrument.symbol)
        self._snapshot_head = f'{{"channel":"book","type":"snapshot","data":[{{"symbol":{symbol},"bids":['
        self._update_head = f'{{"channel":"book","type":"update","data":[{{"symbol":{symbol},"bids":['
        self._symbol = symbol

    def row(self, price: int, size: int) -> str:
        """A level as it stands in a book message: ``{"price":78500.6,"qty":0.03755097}``."""
        return self._rows[price, size]

    def checksum(self, bids: Levels, asks: Levels) -> int:
        """CRC-32 over the best ten asks, then the best ten bids (fewer where there are fewer; 0 for an empty book)."""
        tokens = self._tokens
        if asks is not self._last_asks[0]:
            self._last_asks = asks, crc32("".join([tokens[level] for level in asks[:CHECKSUM_LEVELS]]).encode())
        if bids is not self._last_bids[0]:
            self._last_bids = bids, "".join([tokens[level] for level in bids[:CHECKSUM_LEVELS]]).encode()
        return crc32(self._last_bids[1], self._last_asks[1])

    def snapshot(self, bids: Levels, asks: Levels, time_us: int) -> bytes:
        """The whole window, best first, with its own checksum."""
        return self._book(self._snapshot_head, bids, asks, self.checksum(bids, asks), time_us)

    def update(
        self,
        bids: Sequence[tuple[int, int]],
        asks: Sequence[tuple[int, int]],
        checksum: int,
        time_us: int,
    ) -> bytes:
        """Changed levels in the order given; the checksum is that of the window after them."""
        return self._book(self._update_head, bids, asks, checksum, time_us)

    def _book(
        self,
        head: str,
        bids: Iterable[tuple[int, int]],
        asks: Iterable[tuple[int, int]],
        checksum: int,
        time_us: int,
    ) -> bytes:
        rows = self._rows
        return (
            f"{head}{','.join([rows[level] for level in bids])}]"
            f',"asks":[{",".join([rows[level] for level in asks])}]'
            f',"checksum":{checksum},"timestamp":"{rfc3339(time_us)}"}}]}}'
        ).encode()

    def trades(self, events: Iterable[tuple[Event, int]], base: int, *, snapshot: bool) -> bytes:
        """The trades of some events (each with its wall time in µs), oldest first. Trade n gets the id ``base + n``.

        ``side`` is the taker's. The market does not say what kind of order took; one that went through several
        orders is called a market order."""
        rows = []
        price_decimals, size_decimals = self.instrument.price_decimals, self.instrument.size_decimals
        for event, time_us in events:
            kind = "market" if len(event.trades) > 1 else "limit"
            for trade in event.trades:
                side = "buy" if trade.taker is Side.BID else "sell"
                rows.append(
                    f'{{"symbol":{self._symbol},"side":"{side}","price":{to_text(trade.price, price_decimals)},'
                    f'"qty":{to_text(trade.size, size_decimals)},"ord_type":"{kind}","trade_id":{base + trade.number},'
                    f'"timestamp":"{rfc3339(time_us)}"}}'
                )
        kind = "snapshot" if snapshot else "update"
        return f'{{"channel":"trade","type":"{kind}","data":[{",".join(rows)}]}}'.encode()

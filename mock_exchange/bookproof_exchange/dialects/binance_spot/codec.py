"""Exchange side: market truth to wire bytes.

Shapes: https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md (2026-07-21). The order of
fields, the eight decimals and the order of rows (best first) are those of captured frames (cryptofeed sample_data,
2021-10-12; k2-market-data-platform fixtures, 2026-08).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from bookproof_exchange.dialects.api import View
from bookproof_exchange.dialects.binance_spot.traits import TEXT_DECIMALS
from bookproof_exchange.market import Change, Event, Instrument, Levels, Side, Trade, Truth
from bookproof_exchange.numbers import to_text

_MOST_CACHED = 200_000
NOTHING = "0.00000000"


class _Rows(dict[int, str]):
    """Scaled prices to the rows of their levels, where only the size is left to be filled in: ``% divmod(size, unit)``.
    Remembered, since prices come again; sizes hardly do."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__()
        self._factor: int = 10 ** (TEXT_DECIMALS - instrument.price_decimals)
        digits = max(1, instrument.size_decimals)
        self._size = f"%d.%0{digits}d{'0' * (TEXT_DECIMALS - digits)}"

    def __missing__(self, price: int) -> str:
        if len(self) >= _MOST_CACHED:
            self.clear()
        row = self[price] = f'["{to_text(price * self._factor, TEXT_DECIMALS)}","{self._size}"]'
        return row


class Texts:
    """The venue's texts of one instrument's prices, sizes and levels."""

    def __init__(self, instrument: Instrument) -> None:
        self._rows = _Rows(instrument)
        self._unit: int = 10**instrument.size_decimals
        self._price_factor: int = 10 ** (TEXT_DECIMALS - instrument.price_decimals)
        self._size_factor: int = 10 ** (TEXT_DECIMALS - instrument.size_decimals)

    def price(self, value: int) -> str:
        return to_text(value * self._price_factor, TEXT_DECIMALS)

    def size(self, value: int) -> str:
        return to_text(value * self._size_factor, TEXT_DECIMALS)

    def rows(self, levels: Iterable[tuple[int, int]]) -> str:
        """``[["78436.75000000","2.32432000"],…]``, in the order given."""
        rows, unit = self._rows, self._unit
        return f"[{','.join([rows[price] % divmod(size, unit) for price, size in levels])}]"

    def change_rows(self, changes: Iterable[Change]) -> str:
        """The same of changes, without the outer brackets."""
        rows, unit = self._rows, self._unit
        return ",".join([rows[price] % divmod(size, unit) for _, price, size in changes])


@functools.lru_cache(maxsize=256)
def texts(instrument: Instrument) -> Texts:
    """The (shared) texts of an instrument."""
    return Texts(instrument)


class Clock(msgspec.Struct, frozen=True):
    """The unit of a connection's times: ms, or µs where the URL asks for ``timeUnit=MICROSECOND``."""

    micro: bool = False

    def stamp(self, time_us: int) -> int:
        return time_us if self.micro else time_us // 1000


# --- book ---------------------------------------------------------------------------------------------------------


def net(events: Sequence[Event]) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """What a batch of events leaves behind, bids and asks: for every touched price its last change, best first.

    A price that was set and removed within the batch remains as a zero row."""
    if len(events) == 1 and len(events[0].changes) == 1:
        changes = events[0].changes
        return ((), changes) if changes[0].side else (changes, ())
    bids: dict[int, Change] = {}
    asks: dict[int, Change] = {}
    for event in events:
        for change in event.changes:
            if change[0]:
                asks[change[1]] = change
            else:
                bids[change[1]] = change
    return (
        tuple([bids[price] for price in sorted(bids, reverse=True)]) if bids else (),
        tuple([asks[price] for price in sorted(asks)]) if asks else (),
    )


def changes_of(bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]]) -> tuple[Change, ...]:
    """The same in the order of the wire: bids, then asks."""
    return (
        *(Change(Side.BID, price, size) for price, size in bids),
        *(Change(Side.ASK, price, size) for price, size in asks),
    )


class DepthEvents:
    """Writes the diff depth events of one stream."""

    def __init__(self, instrument: Instrument, stream: str) -> None:
        self._rows = texts(instrument).change_rows
        self._between = f',"s":"{instrument.symbol}","U":'
        self._wrapper = f'{{"stream":{_json_text(stream)},"data":'

    def write(
        self, stamp: int, first: int, last: int, bids: Iterable[Change], asks: Iterable[Change], *, combined: bool
    ) -> bytes:
        """A frame's payload; ``first``, ``last`` are U and u."""
        rows = self._rows
        data = (
            f'{{"e":"depthUpdate","E":{stamp}{self._between}{first},"u":{last},'
            f'"b":[{rows(bids) if bids else ""}],"a":[{rows(asks) if asks else ""}]}}'
        )
        return (f"{self._wrapper}{data}}}" if combined else data).encode()


def whole_book(instrument: Instrument, last: int, bids: Levels, asks: Levels) -> str:
    """A partial depth event, and the body of a REST snapshot: best first on both sides, no symbol, no event type."""
    write = texts(instrument)
    return f'{{"lastUpdateId":{last},"bids":{write.rows(bids)},"asks":{write.rows(asks)}}}'


def book_ticker(instrument: Instrument, last: int, bids: Levels, asks: Levels) -> str:
    """A bookTicker event. An empty side is printed as zeros (not documented; no client may be judged by it)."""
    write = texts(instrument)
    bid = (write.price(bids[0][0]), write.size(bids[0][1])) if bids else (NOTHING, NOTHING)
    ask = (write.price(asks[0][0]), write.size(asks[0][1])) if asks else (NOTHING, NOTHING)
    return f'{{"u":{last},"s":"{instrument.symbol}","b":"{bid[0]}","B":"{bid[1]}","a":"{ask[0]}","A":"{ask[1]}"}}'


# --- trades -------------------------------------------------------------------------------------------------------


def trade(instrument: Instrument, stamp: int, made: Trade) -> str:
    """A trade event. ``m``: the buyer is the maker, so the seller was the aggressor."""
    write = texts(instrument)
    return (
        f'{{"e":"trade","E":{stamp},"s":"{instrument.symbol}","t":{made.number},"p":"{write.price(made.price)}",'
        f'"q":"{write.size(made.size)}","T":{stamp},"m":{_json_bool(made.taker is Side.ASK)},"M":true}}'
    )


def aggregated(trades: Sequence[Trade]) -> Iterator[Sequence[Trade]]:
    """The trades of one event in runs of one price and one aggressor: what an aggTrade reports."""
    start = 0
    for at in range(1, len(trades) + 1):
        if at == len(trades) or (trades[at].price, trades[at].taker) != (trades[start].price, trades[start].taker):
            yield trades[start:at]
            start = at


def agg_trade(instrument: Instrument, stamp: int, number: int, run: Sequence[Trade]) -> str:
    """An aggTrade event for a run of trades; ``number`` (``a``) is consecutive."""
    write = texts(instrument)
    return (
        f'{{"e":"aggTrade","E":{stamp},"s":"{instrument.symbol}","a":{number},"p":"{write.price(run[0].price)}",'
        f'"q":"{write.size(sum(part.size for part in run))}","f":{run[0].number},"l":{run[-1].number},"T":{stamp},'
        f'"m":{_json_bool(run[0].taker is Side.ASK)},"M":true}}'
    )


class Aggregates:
    """Counts the aggregate trades of one symbol, so that ``a`` is consecutive over the symbol's whole life."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._index = 0
        self._count = 0

    def before(self, index: int) -> int:
        """How many aggregates the events up to and with ``index`` made."""
        if index < self._index:
            self._index = self._count = 0
        for event in self._truth.events(self._index, index):
            self._count += sum(1 for _ in aggregated(event.trades))
        self._index = index
        return self._count


# --- notices and framing ------------------------------------------------------------------------------------------


def server_shutdown(stamp: int) -> str:
    """The announcement of a planned end (since 2026-05-08)."""
    return f'{{"e":"serverShutdown","E":{stamp}}}'


def framed(stream: str, data: str, *, combined: bool) -> bytes:
    """A data frame's payload in the connection's framing."""
    return (f'{{"stream":{_json_text(stream)},"data":{data}}}' if combined else data).encode()


def sequence(view: View, symbol: str, index: int) -> int:
    """The venue's update id of a version."""
    return view.sequence_base(symbol) + index


@functools.lru_cache(maxsize=4096)
def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _json_bool(value: bool) -> str:
    return "true" if value else "false"

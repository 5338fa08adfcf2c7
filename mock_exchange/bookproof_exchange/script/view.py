"""The market as a session sees it: every symbol's truth at the script's cursor."""

from __future__ import annotations

from collections.abc import Mapping

from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.market import Instrument, Truth
from bookproof_exchange.scenario.model import Market
from bookproof_exchange.seeds import derive, stream

HISTORY = 64
"""Truth events before the case begins, so that a stale snapshot can show a real past."""

_EPOCH_US = 1_780_000_000_000_000
"""Where the logical clock of a case begins (mid 2026), plus a salt."""


class MarketView:
    """Implements `dialects.api.View`. The cursor moves only by `move`, which the exchange calls."""

    def __init__(self, dialect: Dialect, market: Market, seed: int) -> None:
        chosen = tuple(dialect.instruments)[: market.symbols]
        self._instruments = {instrument.symbol: instrument for instrument in chosen}
        self._truths = {
            symbol: Truth(instrument, derive(seed, "truth", symbol), profile=market.profile, levels=market.levels)
            for symbol, instrument in self._instruments.items()
        }
        self._index: dict[str, int] = {}
        self._bases: dict[str, int] = {}
        for symbol, truth in self._truths.items():
            truth.ensure(HISTORY)
            self._index[symbol] = HISTORY
            # ten or eleven digits, as the venues' sequence numbers have today, far from 2**53 and above 2**32
            self._bases[symbol] = stream(seed, "sequence", symbol).randrange(20_000_000_000, 90_000_000_000)
        self.time_base_us = _EPOCH_US + stream(seed, "clock").randrange(0, 10_000_000) * 1_000_000

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        return self._instruments

    @property
    def truths(self) -> Mapping[str, Truth]:
        return self._truths

    def truth(self, symbol: str) -> Truth:
        return self._truths[symbol]

    def index(self, symbol: str) -> int:
        return self._index[symbol]

    def move(self, symbol: str, index: int) -> None:
        self._index[symbol] = index

    def sequence_base(self, symbol: str) -> int:
        return self._bases[symbol]

    def sequence(self, symbol: str, index: int) -> int:
        """The venue's sequence number of a version."""
        return self._bases[symbol] + index

    def time_us(self, symbol: str, index: int) -> int:
        return self.time_base_us + self._truths[symbol].time_us(index)

    @property
    def now_us(self) -> int:
        return max(self.time_us(symbol, index) for symbol, index in self._index.items())


class AtIndex:
    """The same market, one symbol seen at another version: what a cached (or an early) REST answer shows."""

    def __init__(self, view: MarketView, symbol: str, index: int) -> None:
        self._view = view
        self._symbol = symbol
        self._at = index

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        return self._view.instruments

    def truth(self, symbol: str) -> Truth:
        return self._view.truth(symbol)

    def index(self, symbol: str) -> int:
        return self._at if symbol == self._symbol else self._view.index(symbol)

    def sequence_base(self, symbol: str) -> int:
        index = self.index(symbol)
        return self._view.sequence(symbol, index) - index

    def time_us(self, symbol: str, index: int) -> int:
        return self._view.time_us(symbol, index)

    @property
    def now_us(self) -> int:
        return self._view.now_us

"""Symbols that the dialect does not list: their precision is learned from what comes, as a client would from the venue's
reference data. A recording of a real exchange may be of any symbol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bookproof_exchange.capture import precision
from bookproof_exchange.dialects.api import BookSnapshot, Dialect, Frame
from bookproof_exchange.market import Instrument


class Strangers:
    """The instruments of one client's symbols."""

    def __init__(self, dialect: Dialect, symbols: Iterable[str]) -> None:
        known = {instrument.symbol: instrument for instrument in dialect.instruments}
        self._dialect = dialect
        self.instruments: dict[str, Instrument] = {
            # where no checksum depends on the digits, a number needs no more than room
            symbol: known.get(symbol) or precision.wide(symbol)
            for symbol in symbols
        }
        self._unknown = {symbol for symbol in self.instruments if symbol not in known and dialect.traits.checksum}

    def learn(self, frame: Frame) -> Mapping[str, Instrument]:
        """The instruments that are known from this frame on: its snapshot's checksum settles them."""
        if not self._unknown:
            return {}
        learned = {}
        for item in self._dialect.ideal.decode(frame, precision.AnySymbol()):
            if isinstance(item, BookSnapshot) and item.symbol in self._unknown:
                learned[item.symbol] = precision.instrument(item.symbol, self._dialect, [item])
        self._unknown -= learned.keys()
        return learned

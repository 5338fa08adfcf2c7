"""A market in which nothing is known: for asking a dialect what a request is about."""

from __future__ import annotations

from collections.abc import Mapping

from bookproof_exchange.capture.truth import RecordedTruth
from bookproof_exchange.market import Instrument, Truth


class Blank:
    """Implements `dialects.api.View`: empty books of some instruments."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._truths: dict[str, Truth] = {}

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        return self._instruments

    def truth(self, symbol: str) -> Truth:
        if symbol not in self._truths:
            self._truths[symbol] = RecordedTruth(self._instruments[symbol], (), (), ())
        return self._truths[symbol]

    def index(self, symbol: str) -> int:
        return 0

    def sequence_base(self, symbol: str) -> int:
        return 0

    def time_us(self, symbol: str, index: int) -> int:
        return 0

    @property
    def now_us(self) -> int:
        return 0

"""What a dialect's ideal client reads in bytes, read once.

The reference reads every message that was delivered, and an ideal client in the same process has read it, too: the same
bytes. Decoding is a function of the bytes alone, so what it gave is kept for a while under them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bookproof_exchange.dialects.api import Decoded, Dialect, Frame, HttpAnswer
from bookproof_exchange.market import Instrument

_MOST_BYTES = 1 << 21
"""So many bytes are kept under which something was read; then all are forgotten together."""

_MOST_READERS = 16


class Reading:
    """Reads for one dialect and one choice of instruments."""

    def __init__(self, dialect: Dialect, instruments: Sequence[Instrument]) -> None:
        self.ideal = dialect.ideal
        self._instruments = {instrument.symbol: instrument for instrument in instruments}
        self._frames: dict[tuple[bytes, bool], Sequence[Decoded]] = {}
        self._answers: dict[tuple[str, int, bytes], Decoded] = {}
        self._bytes = 0

    def decode(self, frame: Frame) -> Sequence[Decoded]:
        """As `Ideal.decode`."""
        key = frame.payload, frame.binary
        found = self._frames.get(key)
        if found is None:
            self._make_room(len(frame.payload))
            found = self._frames[key] = tuple(self.ideal.decode(frame, self._instruments))
        return found

    def decode_rest(self, symbol: str, answer: HttpAnswer) -> Decoded:
        """As `Ideal.decode_rest`."""
        key = symbol, answer.status, answer.body
        found = self._answers.get(key)
        if found is None:
            self._make_room(len(answer.body))
            found = self._answers[key] = self.ideal.decode_rest(symbol, answer, self._instruments)
        return found

    def _make_room(self, size: int) -> None:
        self._bytes += size
        if self._bytes > _MOST_BYTES:
            self._frames.clear()
            self._answers.clear()
            self._bytes = size


_shared: dict[tuple[str, tuple[Instrument, ...]], Reading] = {}


def reading(dialect: Dialect, instruments: Iterable[Instrument]) -> Reading:
    """The (shared) reader of a dialect that knows these instruments."""
    key = dialect.name, tuple(instruments)
    found = _shared.get(key)
    if found is None or found.ideal is not dialect.ideal:
        if len(_shared) >= _MOST_READERS:
            _shared.clear()
        found = _shared[key] = Reading(dialect, key[1])
    return found

"""The truth of a recorded symbol: its versions are what was recorded, all of them from the beginning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bookproof_exchange.errors import UsageError
from bookproof_exchange.market import Book, Event, Instrument, Levels, Shape, Side, Truth
from bookproof_exchange.market.truth import CHECKPOINT, DEEP, DEEP_CHECKPOINT


class RecordedTruth(Truth):
    """A `Truth` that generates nothing: ``last`` is the last version recorded, whether or not it was sent yet."""

    def __init__(self, instrument: Instrument, bids: Levels, asks: Levels, events: Sequence[Event]) -> None:
        # what the base class makes anew on demand is all there; it reads these alone
        self.instrument = instrument
        self._spacing = CHECKPOINT if max(len(bids), len(asks)) <= DEEP else DEEP_CHECKPOINT
        self._events = list(events)
        book = Book(bids, asks)
        self._checkpoints = [book.copy()]
        for event in events:
            book.apply(event.changes)
            if not event.index % self._spacing:
                self._checkpoints.append(book.copy())
        self._final = book
        self._cursors = {}
        self._levels = {}
        self._fingerprints = {}
        self._writers = {}
        self._written = -1

    def extend(self, shape: Shape | None = None) -> Event:
        """Never: what happened next is not known."""
        raise UsageError(f"the recording of {self.instrument.symbol} ends at version {self.last}")

    def ensure(self, index: int) -> None:
        """UsageError where the recording does not reach so far."""
        if index > self.last:
            self.extend()

    def protect(self, levels: Iterable[tuple[Side, int]]) -> None:
        """Nothing: the market does what it did."""

    def unprotect(self) -> None:
        """Nothing."""

    def _at(self, index: int) -> Book:
        return self._final if index == self.last else super()._at(index)

"""The truth of one symbol: versions v0..vn, generated on demand. STUB CONTRACT."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from bookproof_exchange.market.book import Book, Levels
from bookproof_exchange.market.events import Event, Shape, Side
from bookproof_exchange.market.instrument import Instrument

Profile = Literal["calm", "busy", "thin", "deep", "one-sided"]


class Truth:
    """One symbol's market as it really was.

    Version 0 is the initial book; version i is the book after event i. Generated lazily from the seed:
    the same seed and the same sequence of calls give the same events.
    """

    def __init__(self, instrument: Instrument, seed: int, *, profile: Profile = "busy", levels: int = 40) -> None:
        """``levels``: about how many price levels a side version 0 has (``deep``: use 5000)."""
        self.instrument = instrument
        raise NotImplementedError

    @property
    def last(self) -> int:
        """The newest version generated so far."""
        raise NotImplementedError

    def extend(self, shape: Shape | None = None) -> Event:
        """Generate the next event (of the shape asked for) and return it; ``last`` grows by one.

        Never touches a protected level. UsageError if the shape is impossible in the present book."""
        raise NotImplementedError

    def ensure(self, index: int) -> None:
        """Generate events until ``last >= index``."""
        raise NotImplementedError

    def event(self, index: int) -> Event:
        """Event ``index`` (1..last)."""
        raise NotImplementedError

    def events(self, first: int, last: int) -> Sequence[Event]:
        """The events that lead from version ``first`` to version ``last``."""
        raise NotImplementedError

    def time_us(self, index: int) -> int:
        """Logical time of version ``index`` (0 for version 0)."""
        raise NotImplementedError

    def book(self, index: int) -> Book:
        """A private copy of the book at a version (from checkpoints: near-constant cost)."""
        raise NotImplementedError

    def levels(self, index: int, side: Side, depth: int | None = None) -> Levels:
        """The best levels of a side at a version. Cheap for versions near the ones asked for last."""
        raise NotImplementedError

    def fingerprints(self, depth: int | None = None) -> Sequence[int]:
        """Fingerprint of the book cut to ``depth`` at every version 0..last (rolling; kept per depth, extended lazily)."""
        raise NotImplementedError

    def writer(self, side: Side, price: int, size: int) -> tuple[int, ...]:
        """The versions whose event set this level to exactly this size (0: initial book). Empty: never."""
        raise NotImplementedError

    def protect(self, levels: Iterable[tuple[Side, int]]) -> None:
        """From now on no generated event changes these levels (a lost update must not heal itself), nor moves them
        out of the best ten of their side, until ``unprotect``."""
        raise NotImplementedError

    def unprotect(self) -> None:
        raise NotImplementedError

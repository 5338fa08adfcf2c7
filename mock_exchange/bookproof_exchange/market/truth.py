"""The truth of one symbol: versions v0..vn, generated on demand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bookproof_exchange.errors import UsageError
from bookproof_exchange.market.book import Book, Levels
from bookproof_exchange.market.events import Event, Shape, Side
from bookproof_exchange.market.fingerprint import RollingFingerprint
from bookproof_exchange.market.flow import Flow, Profile
from bookproof_exchange.market.instrument import Instrument

__all__ = ["Profile", "Truth"]

CHECKPOINT = 64
DEEP_CHECKPOINT = 512
DEEP = 500
"""Versions between two kept books: fewer books where they have more than `DEEP` levels a side."""
CURSORS = 4
"""Books kept at the versions asked for last."""
REMEMBERED_LEVELS = 64


class Truth:
    """One symbol's market as it really was.

    Version 0 is the initial book; version i is the book after event i. Generated lazily from the seed:
    the same seed and the same sequence of calls give the same events.
    """

    def __init__(self, instrument: Instrument, seed: int, *, profile: Profile = "busy", levels: int = 40) -> None:
        """``levels``: about how many price levels a side version 0 has (``deep``: use 5000; ``thin``: at most 12)."""
        self.instrument = instrument
        self._flow = Flow(instrument, seed, profile, levels)
        self._spacing = CHECKPOINT if levels <= DEEP else DEEP_CHECKPOINT
        self._events: list[Event] = []
        self._checkpoints = [self._flow.engine.book.copy()]
        # Least recently used first; a cursor only moves forward.
        self._cursors: dict[int, Book] = {}
        self._levels: dict[tuple[int, int, int | None], Levels] = {}
        self._fingerprints: dict[int | None, RollingFingerprint] = {}
        self._writers: dict[tuple[int, int, int], tuple[int, ...]] = {}
        self._written = -1

    @property
    def last(self) -> int:
        """The newest version generated so far."""
        return len(self._events)

    def extend(self, shape: Shape | None = None) -> Event:
        """Generate the next event (of the shape asked for) and return it; ``last`` grows by one.

        Never touches a protected level. UsageError if the shape is impossible in the present book."""
        events = self._events
        index = len(events) + 1
        if shape is None or shape.kind == "any":
            self._flow.run(events, index)
        else:
            time_us, (changes, trades, orders) = self._flow.next(index, shape)
            events.append(Event(index, time_us, changes, trades, orders))
        if not index % self._spacing:
            self._checkpoints.append(self._flow.engine.book.copy())
        return events[-1]

    def ensure(self, index: int) -> None:
        """Generate events until ``last >= index``."""
        events, spacing = self._events, self._spacing
        last = len(events)
        while last < index:
            until = last - last % spacing + spacing
            if index < until:
                self._flow.run(events, index)
                return
            self._flow.run(events, until)
            self._checkpoints.append(self._flow.engine.book.copy())
            last = until

    def event(self, index: int) -> Event:
        """Event ``index`` (1..last)."""
        if not 1 <= index <= len(self._events):
            raise UsageError(f"there is no event {index}: the truth has 1..{len(self._events)}")
        return self._events[index - 1]

    def events(self, first: int, last: int) -> Sequence[Event]:
        """The events that lead from version ``first`` to version ``last``."""
        if not 0 <= first <= last <= len(self._events):
            raise UsageError(f"no events lead from version {first} to {last}: the truth has 0..{len(self._events)}")
        return self._events[first:last]

    def time_us(self, index: int) -> int:
        """Logical time of version ``index`` (0 for version 0)."""
        if 0 < index <= len(self._events):
            return self._events[index - 1].time_us
        return self.event(index).time_us if index else 0

    def book(self, index: int) -> Book:
        """A private copy of the book at a version (from checkpoints: near-constant cost)."""
        return self._at(index).copy()

    def levels(self, index: int, side: Side, depth: int | None = None) -> Levels:
        """The best levels of a side at a version. Cheap for versions near the ones asked for last."""
        key = (index, int(side), depth)
        known = self._levels.get(key)
        if known is None:
            known = self._at(index).levels(side, depth)
            if len(self._levels) >= REMEMBERED_LEVELS:
                del self._levels[next(iter(self._levels))]
            self._levels[key] = known
        return known

    def fingerprints(self, depth: int | None = None) -> Sequence[int]:
        """Fingerprint of the book cut to ``depth`` at every version 0..last (rolling; kept per depth, extended lazily).

        The same growing array each time: read it only."""
        rolling = self._fingerprints.get(depth)
        if rolling is None:
            first = self._checkpoints[0]
            rolling = RollingFingerprint(first.levels(Side.BID), first.levels(Side.ASK), depth)
            self._fingerprints[depth] = rolling
        done = len(rolling.history) - 1
        if done < len(self._events):
            rolling.extend(self._events[done:] if done else self._events)
        return rolling.history

    def writer(self, side: Side, price: int, size: int) -> tuple[int, ...]:
        """The versions whose event set this level to exactly this size (0: initial book). Empty: never."""
        writers = self._writers
        if self._written < 0:
            first = self._checkpoints[0]
            for initial in Side:
                for level_price, level_size in first.levels(initial):
                    writers[(initial, level_price, level_size)] = (0,)
            self._written = 0
        for event in self._events[self._written :]:
            for change in event.changes:
                writers[change] = (*writers.get(change, ()), event.index)
        self._written = len(self._events)
        return writers.get((side, price, size), ())

    def protect(self, levels: Iterable[tuple[Side, int]]) -> None:
        """From now on no generated event changes these levels (a lost update must not heal itself), nor moves them
        out of the best ten of their side, until ``unprotect``."""
        self._flow.guard.protect(levels)

    def unprotect(self) -> None:
        """Every level may change again."""
        self._flow.guard.clear()

    def _at(self, index: int) -> Book:
        """The book at a version, for reading; the next call may move it on."""
        events = self._events
        if index == len(events):
            return self._flow.engine.book
        if not 0 <= index < len(events):
            raise UsageError(f"there is no version {index}: the truth has 0..{len(events)}")
        cursors = self._cursors
        start = index - index % self._spacing
        at = max((version for version in cursors if start <= version <= index), default=None)
        if at is not None:
            book = cursors.pop(at)
        else:
            at = start
            book = self._checkpoints[index // self._spacing].copy()
            if len(cursors) >= CURSORS:
                del cursors[next(iter(cursors))]
        for event in events[at:index]:
            book.apply(event.changes)
        cursors[index] = book
        return book

"""Small events: one order's size at one level. Their number is what they are for, so the way to them is short."""

from __future__ import annotations

from collections.abc import Callable

from bookproof_exchange.market.acts import Acts
from bookproof_exchange.market.clock import Clock
from bookproof_exchange.market.events import Change, Event, OrderChange, Side

_NEAR = 60
"""All of it happens among so many best levels of a side, rather near the touch."""
_BID, _ASK, _NONE = Side.BID, Side.ASK, ()
_new = tuple.__new__


def _rank(number: int, count: int) -> int:
    """One of ``count`` keys, from the end, for a number of 8 bits: rather near the touch."""
    return ~(number * number * count >> 16)


class SmallEvents:
    """Makes small events in bulk, on a book that is whole: both sides there, the touch together."""

    def __init__(self, acts: Acts, clock: Clock, bits: Callable[[int], int], *, fewest: int, wide: int) -> None:
        """``bits``: draws so many random bits. ``fewest``: levels a side of a whole book. ``wide``: a spread beyond
        this is a hole."""
        self._acts = acts
        self._clock = clock
        self._bits = bits
        self._fewest = min(fewest, _NEAR)
        self._wide = wide
        sizes = acts.sizes
        self._step = step = sizes.modulus * sizes.lot
        # What the index of an event is added to: drawing a whole size anew each time would take as long as the rest.
        self._bases = [size - size % step for size in (sizes.draw(0) for _ in range(64))]
        self._made = -1
        """The event made last: where none but small ones followed, the levels are still the same."""
        self._ranks: tuple[list[int], list[int]] = ([], [])

    def run(self, events: list[Event], until: int) -> None:
        """Append events until there are ``until``. Stops early where the next one cannot be a small one: the book is
        not whole, or the level drawn is protected."""
        acts = self._acts
        last = len(events)
        if last != self._made and not self._whole():
            return
        clock, bits, bases = self._clock, self._bits, self._bases
        bids, asks = acts.keys
        bid_ranks, ask_ranks = self._ranks
        modulus, lot = acts.sizes.modulus, acts.sizes.lot
        protected_bids, protected_asks = acts.guard.keys
        resize, append = acts.engine.resize, events.append
        for index in range(last + 1, until + 1):
            # one number for side, rank, size and time
            drawn = bits(25)
            if drawn & 1:
                key = bids[bid_ranks[drawn >> 1 & 255]]
                if key in protected_bids:
                    break
                side, price = _BID, key
            else:
                key = asks[ask_ranks[drawn >> 1 & 255]]
                if key in protected_asks:
                    break
                side, price = _ASK, -key
            size = bases[drawn >> 9 & 63] + index % modulus * lot
            order = resize(side, price, size)
            if order is None:
                size, order = self._larger(side, price, size)
            clock.now_us += drawn >> 15
            append(Event(index, clock.now_us, (_new(Change, (side, price, size)),), _NONE, (order,)))
        self._made = len(events)

    def _whole(self) -> bool:
        """Whether the book is whole; then prepares the ranks to draw from."""
        bids, asks = self._acts.keys
        counts = [min(len(bids), _NEAR), min(len(asks), _NEAR)]
        if min(counts) < self._fewest or -(bids[-1] + asks[-1]) > self._wide:
            return False
        for count, ranks in zip(counts, self._ranks, strict=True):
            if not ranks or ranks[-1] != _rank(255, count):
                ranks[:] = [_rank(number, count) for number in range(256)]
        return True

    def _larger(self, side: Side, price: int, size: int) -> tuple[int, OrderChange]:
        """The next size above the present one that names the same event, where ``size`` itself is too small for the
        level's older orders, or what it is already."""
        step = self._step
        engine = self._acts.engine
        size = engine.book.get(side, price) // step * step + step + size % step
        order = engine.resize(side, price, size)
        assert order is not None, "a level can always grow"
        return size, order

"""Small events: one order's size at one level. Their number is what they are for, so the way to them is short."""

from __future__ import annotations

from bookproof_exchange.market.acts import Acts
from bookproof_exchange.market.clock import Clock
from bookproof_exchange.market.events import Change, Event, OrderChange, Side

_NEAR = 60
"""All of it happens among so many best levels of a side, rather near the touch."""
_BID, _ASK = Side.BID, Side.ASK
_new = tuple.__new__


class SmallEvents:
    """Makes small events in bulk, on a book that is whole: both sides there, the touch together."""

    def __init__(self, acts: Acts, clock: Clock, *, fewest: int, wide: int) -> None:
        """``fewest``: levels a side of a whole book. ``wide``: a spread beyond this is a hole."""
        self._acts = acts
        self._clock = clock
        self._fewest = min(fewest, _NEAR)
        self._wide = wide
        sizes = acts.sizes
        self._step = step = sizes.modulus * sizes.lot
        # What the index of an event is added to: drawing a whole size anew each time would take as long as the rest.
        self._bases = [size - size % step for size in (sizes.draw(0) for _ in range(64))]

    def run(self, events: list[Event], until: int) -> None:
        """Append events until there are ``until``. Stops early where the next one cannot be a small one: the book is
        not whole, or the level drawn is protected."""
        acts, clock = self._acts, self._clock
        bids, asks = acts.keys
        # no small event changes which levels there are
        bid_count, ask_count = min(len(bids), _NEAR), min(len(asks), _NEAR)
        if bid_count < self._fewest or ask_count < self._fewest or -(bids[-1] + asks[-1]) > self._wide:
            return
        random, bases, modulus, lot = acts.random, self._bases, acts.sizes.modulus, acts.sizes.lot
        protected_bids, protected_asks = acts.guard.keys
        resize, append = acts.engine.resize, events.append
        bid_span, ask_span = 4 * bid_count, 4 * ask_count
        now_us = clock.now_us
        for index in range(len(events) + 1, until + 1):
            # one number for side, rank and time
            place = random()
            if place < 0.5:
                price = bids[~int(place * place * bid_span)]
                if price in protected_bids:
                    break
                side = _BID
            else:
                place -= 0.5
                price = asks[~int(place * place * ask_span)]
                if price in protected_asks:
                    break
                price = -price
                side = _ASK
            size = bases[int(random() * 64)] + index % modulus * lot
            orders = resize(side, price, size)
            if not orders:
                size, orders = self._larger(side, price, size)
            now_us += int(place * 2000)
            append(Event(index, now_us, (_new(Change, (side, price, size)),), (), orders))
        clock.now_us = now_us

    def _larger(self, side: Side, price: int, size: int) -> tuple[int, tuple[OrderChange, ...]]:
        """The next size above the present one that names the same event, where ``size`` itself is too small for the
        level's older orders, or what it is already."""
        step = self._step
        engine = self._acts.engine
        size = engine.book.get(side, price) // step * step + step + size % step
        return size, engine.resize(side, price, size)

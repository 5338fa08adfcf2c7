"""What an update tells a client that keeps a window of the book."""

from __future__ import annotations

from collections.abc import Mapping

from bookproof_exchange.dialects.api import Tick
from bookproof_exchange.market import Levels, Side, Truth


class Window:
    """The window of one feed, from tick to tick. What it remembers only saves looking again: what it tells is a function
    of truth and tick."""

    def __init__(self, truth: Truth, depth: int | None) -> None:
        self._truth = truth
        self._depth = depth
        self._index = -1
        self.sides: list[Levels] = [(), ()]
        """Bids and asks after the tick moved to last; the same objects as before where nothing changed."""

    def move(self, tick: Tick) -> tuple[Levels, Levels]:
        """What an update tells a client that keeps ``depth`` levels a side, bids and asks, in wire order.

        The venue's window rule (https://docs.kraken.com/api/docs/guides/spot-ws-book-v2): a level that is gone is
        deleted by size 0; the level that takes its place in the window is sent whole in the same update; a level that
        is pushed out by a better one is not mentioned. Not sorted: deletions first, then levels that came into the
        window by themselves, then the levels that changed, each in the order of the market's events (as in live
        traces, 2026-08)."""
        truth = self._truth
        if self._index != tick.first:
            self.sides = [truth.levels(tick.first, side, self._depth) for side in Side]
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        for event in truth.events(tick.first, tick.last):
            for side, price, size in event.changes:
                (asks if side else bids)[price] = size
        self._index = tick.last
        return (
            self._side(Side.BID, bids, tick.last) if bids else (),
            self._side(Side.ASK, asks, tick.last) if asks else (),
        )

    def _side(self, side: Side, touched: Mapping[int, int], last: int) -> Levels:
        before = self.sides[side]
        if len(before) == self._depth:
            # a full window of which no level was touched, and none came before its end
            worst = before[-1][0]
            if min(touched) > worst if side else max(touched) < worst:
                return ()
        after = self._truth.levels(last, side, self._depth)
        if before == after:
            return ()
        self.sides[side] = after
        return _changes(before, after, side, touched)


def _changes(before: Levels, after: Levels, side: Side, touched: Mapping[int, int]) -> Levels:
    old, new = dict(before), dict(after)
    deleted = []
    changed = []
    for price, last in touched.items():
        size = new.get(price)
        if size is not None:
            if size != old.get(price):
                changed.append((price, size))
        elif price in old and last == 0:
            deleted.append((price, 0))
    entered = [price for price in new.keys() - old.keys() if price not in touched]
    if len(entered) > 1:
        entered.sort(reverse=side is Side.BID)
    return (*deleted, *[(price, new[price]) for price in entered], *changed)

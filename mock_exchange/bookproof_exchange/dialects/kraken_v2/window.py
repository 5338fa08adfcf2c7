"""What an update tells a client that keeps a window of the book."""

from __future__ import annotations

from collections.abc import Mapping

from bookproof_exchange.dialects.api import Tick
from bookproof_exchange.market import Levels, Side, Truth


def window_changes(truth: Truth, tick: Tick, depth: int | None) -> tuple[Levels, Levels]:
    """What an update tells a client that keeps ``depth`` levels a side, bids and asks, in wire order.

    The venue's window rule (https://docs.kraken.com/api/docs/guides/spot-ws-book-v2): a level that is gone is deleted
    by size 0; the level that takes its place in the window is sent whole in the same update; a level that is pushed
    out by a better one is not mentioned. Not sorted: deletions first, then levels that came into the window by
    themselves, then the levels that changed, each in the order of the market's events (as in live traces, 2026-08)."""
    touched: dict[tuple[Side, int], int] = {}
    for index in range(tick.first + 1, tick.last + 1):
        for change in truth.event(index).changes:
            touched[change.side, change.price] = change.size
    return _side_changes(truth, tick, depth, Side.BID, touched), _side_changes(truth, tick, depth, Side.ASK, touched)


def _side_changes(
    truth: Truth, tick: Tick, depth: int | None, side: Side, touched: Mapping[tuple[Side, int], int]
) -> Levels:
    prices = [price for where, price in touched if where is side]
    if not prices:
        return ()
    before, after = truth.levels(tick.first, side, depth), truth.levels(tick.last, side, depth)
    if before == after:
        return ()
    old, new = dict(before), dict(after)
    deleted = []
    changed = []
    for price in prices:
        size = new.get(price)
        if size is not None:
            if size != old.get(price):
                changed.append((price, size))
        elif price in old and touched[side, price] == 0:
            deleted.append((price, 0))
    entered = sorted((new.keys() - old.keys()).difference(prices), reverse=side is Side.BID)
    return (*deleted, *((price, new[price]) for price in entered), *changed)

"""Which levels the flow must leave alone, and what that forbids around them."""

from __future__ import annotations

from collections.abc import Iterable

from bookproof_exchange.market.events import Side

KEPT_RANK = 9
"""A protected level that is among the best ten stays there."""


class Guard:
    """Protected levels by key (the price of a bid, the negated price of an ask: greater is better).

    A protected level need not exist: then nothing may be inserted at its price."""

    def __init__(self) -> None:
        self.keys: tuple[set[int], set[int]] = (set(), set())
        self.worst: list[int | None] = [None, None]
        self.best: list[int | None] = [None, None]

    def protect(self, levels: Iterable[tuple[Side, int]]) -> None:
        """Add levels: (side, scaled price)."""
        for side, price in levels:
            self.keys[side].add(-price if side else price)
        self._measure()

    def clear(self) -> None:
        """Protect nothing any more."""
        for keys in self.keys:
            keys.clear()
        self._measure()

    def _measure(self) -> None:
        for number, keys in enumerate(self.keys):
            self.worst[number] = min(keys, default=None)
            self.best[number] = max(keys, default=None)

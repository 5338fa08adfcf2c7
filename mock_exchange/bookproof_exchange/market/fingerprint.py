"""Fingerprints of level books: a sum of level hashes, so that one changed level costs one subtraction and one addition.

Why not something simpler: sums of Python's tuple hashes collide almost every second time when two quantities swap
places (the tuple hash is nearly linear in its parts), and an XOR of CRCs always does. The cube modulo a prime is not
linear: two different books have the same sum only if several unrelated equations between their numbers hold at once,
or by chance, about 1 in 2**60.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable

from bookproof_exchange.market.events import Event

MASK = (1 << 64) - 1
PRIME = (1 << 61) - 1
BID_FACTOR = 0x12D4_8A7E_91C3_6B55
ASK_FACTOR = 0x0F5B_C31D_2E97_A84D
"""Arbitrary, but fixed for ever: numbers below ``PRIME`` without structure."""

if sys.hash_info.modulus != PRIME:  # pragma: no cover - the built-in hash is used as a fast "modulo PRIME"
    raise ImportError("Bookproof needs a 64-bit Python")

WORST_KEY = -(1 << 200)
"""Below every key: the bound of a side that is shorter than the depth."""


def level_hash(side: int, price: int, size: int) -> int:
    """The hash of one level: (factor * price + size) cubed, modulo 2**61 - 1. The same in every process.

    Sums of these mod 2**64 fingerprint a book."""
    x = price * (ASK_FACTOR if side else BID_FACTOR) + size
    return hash(x * x * x)


def fingerprint(bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]) -> int:
    """The fingerprint of a whole book, from scratch: the sum of its levels' hashes mod 2**64."""
    total = 0
    for price, size in bids:
        x = price * BID_FACTOR + size
        total += hash(x * x * x)
    for price, size in asks:
        x = price * ASK_FACTOR + size
        total += hash(x * x * x)
    return total & MASK


class RollingFingerprint:
    """The fingerprint at every version, for one depth, in bulk: ``history[i]`` is that of version i.

    Keeps no sizes, only each level's hash: a change costs one new hash and, inside the depth, a sum."""

    def __init__(self, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]], depth: int | None) -> None:
        if depth is not None and depth < 1:
            raise ValueError(f"a depth of {depth} has no fingerprint")
        self._depth = depth
        # Hashes by key. A key is the price of a bid and the negated price of an ask: greater is better on both sides.
        self._hashes: tuple[dict[int, int], dict[int, int]] = (
            {price: level_hash(0, price, size) for price, size in bids},
            {-price: level_hash(1, price, size) for price, size in asks},
        )
        self._keys: tuple[list[int], list[int]] = (sorted(self._hashes[0]), sorted(self._hashes[1]))
        total = 0
        for hashes, keys in zip(self._hashes, self._keys, strict=True):
            total += sum(hashes[key] for key in (keys if depth is None else keys[-depth:]))
        self.history = array("Q", [total & MASK])

    def extend(self, events: Iterable[Event]) -> None:
        """Append the fingerprint after each of the events that follow."""
        if self._depth is None:
            self._extend_whole(events)
        else:
            self._extend_top(events, self._depth)

    def _extend_whole(self, events: Iterable[Event]) -> None:
        append = self.history.append
        total = self.history[-1]
        bids, asks = self._hashes
        for event in events:
            for side, price, size in event.changes:
                if side:
                    if size:
                        x = price * ASK_FACTOR + size
                        new = hash(x * x * x)
                        total += new - asks.get(-price, 0)
                        asks[-price] = new
                    else:
                        total -= asks.pop(-price, 0)
                elif size:
                    x = price * BID_FACTOR + size
                    new = hash(x * x * x)
                    total += new - bids.get(price, 0)
                    bids[price] = new
                else:
                    total -= bids.pop(price, 0)
            append(total & MASK)

    def _extend_top(self, events: Iterable[Event], depth: int) -> None:
        append = self.history.append
        total = self.history[-1]
        bids, asks = self._hashes
        all_keys = self._keys
        bid_bound, ask_bound = (keys[-depth] if len(keys) >= depth else WORST_KEY for keys in all_keys)
        for event in events:
            for side, price, size in event.changes:
                if side:
                    key, hashes, bound = -price, asks, ask_bound
                    x = price * ASK_FACTOR + size
                else:
                    key, hashes, bound = price, bids, bid_bound
                    x = price * BID_FACTOR + size
                old = hashes.get(key)
                if size:
                    hashes[key] = new = hash(x * x * x)
                    if old is not None:
                        if key >= bound:
                            total += new - old
                        continue
                    keys = all_keys[side]
                    insort(keys, key)
                    if key < bound:
                        continue
                    total += new
                    if len(keys) > depth:  # the one that was last falls out
                        total -= hashes[keys[-depth - 1]]
                elif old is not None:
                    del hashes[key]
                    keys = all_keys[side]
                    del keys[bisect_left(keys, key)]
                    if key < bound:
                        continue
                    total -= old
                    if len(keys) >= depth:  # the next one comes in
                        total += hashes[keys[-depth]]
                else:
                    continue
                bound = keys[-depth] if len(keys) >= depth else WORST_KEY
                if side:
                    ask_bound = bound
                else:
                    bid_bound = bound
            append(total & MASK)

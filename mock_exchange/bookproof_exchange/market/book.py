"""A level book with rolling fingerprints."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence

from bookproof_exchange.market.events import Change, Side
from bookproof_exchange.market.fingerprint import MASK, WORST_KEY, fingerprint, level_hash

__all__ = ["Book", "Levels", "fingerprint", "level_hash"]

Levels = tuple[tuple[int, int], ...]
"""(price, size) pairs, scaled, best first."""


class Book:
    """A mutable level book: dict per side plus sorted price lists; O(log n) updates, O(1) fingerprints.

    A side's prices are kept as sorted *keys* (the price of a bid, the negated price of an ask), the best last: most
    updates are near the touch, and the end of a list is where inserting is cheap. Fingerprints are kept up to date
    only once somebody asked for them, a depth at a time."""

    __slots__ = ("_keys", "_sizes", "_tops", "_whole")

    def __init__(self, bids: Iterable[tuple[int, int]] = (), asks: Iterable[tuple[int, int]] = ()) -> None:
        self._sizes: tuple[dict[int, int], dict[int, int]] = (dict(bids), dict(asks))
        for sizes in self._sizes:
            for price in [price for price, size in sizes.items() if not size]:
                del sizes[price]
        self._keys: tuple[list[int], list[int]] = (sorted(self._sizes[0]), sorted(-price for price in self._sizes[1]))
        self._whole: int | None = None
        # By depth: [fingerprint, key of the last bid inside, key of the last ask inside].
        self._tops: dict[int, list[int]] | None = None

    def set(self, side: Side, price: int, size: int) -> int:
        """Set a level's absolute size, 0 deletes (deleting an absent level is a no-op). Returns the old size."""
        sizes = self._sizes[side]
        old = sizes.get(price, 0)
        if size == old:
            return old
        if size:
            sizes[price] = size
            if not old:
                key = -price if side else price
                keys = self._keys[side]
                if keys and key < keys[-1]:
                    insort(keys, key)
                else:
                    keys.append(key)
        else:
            del sizes[price]
            keys = self._keys[side]
            del keys[bisect_left(keys, -price if side else price)]
        if self._whole is not None or self._tops is not None:
            self._roll(side, price, old, size)
        return old

    def add(self, side: Side, price: int, size: int) -> int:
        """Make a level larger by ``size`` (smaller where negative). Returns the old size."""
        sizes = self._sizes[side]
        old = sizes.get(price, 0)
        if old and old + size and self._whole is None and self._tops is None:
            sizes[price] = old + size
        else:
            self.set(side, price, old + size)
        return old

    def resize(self, side: Side, price: int, size: int) -> None:
        """`set` for a level that is there and stays: ``size`` is positive."""
        if self._whole is None and self._tops is None:
            self._sizes[side][price] = size
        else:
            self.set(side, price, size)

    def apply(self, changes: Iterable[Change]) -> None:
        """Set every level of ``changes``, in order."""
        for side, price, size in changes:
            self.set(side, price, size)

    def get(self, side: Side, price: int) -> int:
        """The size at a price, 0 where there is no level."""
        return self._sizes[side].get(price, 0)

    def best(self, side: Side) -> int | None:
        """The best price, None of an empty side."""
        keys = self._keys[side]
        if not keys:
            return None
        return -keys[-1] if side else keys[-1]

    def rank(self, side: Side, price: int) -> int:
        """How many levels of the side are better than ``price`` (which need not be there)."""
        keys = self._keys[side]
        return len(keys) - bisect_right(keys, -price if side else price)

    def price_at(self, side: Side, rank: int) -> int | None:
        """The price of the level of a rank (0 is the best), None where the side is shorter."""
        keys = self._keys[side]
        if not 0 <= rank < len(keys):
            return None
        key = keys[-1 - rank]
        return -key if side else key

    def count(self, side: Side) -> int:
        """How many levels a side has."""
        return len(self._keys[side])

    def keys(self, side: Side) -> Sequence[int]:
        """The side's prices in the book's own order: worst first, an ask's price negated. Live."""
        return self._keys[side]

    def levels(self, side: Side, depth: int | None = None) -> Levels:
        """The best ``depth`` levels (all where None), best first."""
        keys = self._keys[side]
        part = keys[::-1] if depth is None else keys[: -depth - 1 : -1]
        sizes = self._sizes[side]
        if side:
            return tuple([(-key, sizes[-key]) for key in part])
        return tuple([(key, sizes[key]) for key in part])

    def truncate(self, depth: int) -> None:
        """Drop, on both sides, all but the best ``depth`` levels."""
        if len(self._keys[0]) <= depth >= len(self._keys[1]):
            return
        for side, keys in zip(Side, self._keys, strict=True):
            surplus = len(keys) - depth
            if surplus <= 0:
                continue
            sizes = self._sizes[side]
            for key in keys[:surplus]:
                price = -key if side else key
                size = sizes.pop(price)
                if self._whole is not None:
                    self._whole = (self._whole - level_hash(side, price, size)) & MASK
            del keys[:surplus]
            if self._tops is not None:  # the fingerprints of greater depths have lost levels
                self._tops = {n: top for n, top in self._tops.items() if n <= depth} or None

    def clear(self) -> None:
        """Drop every level."""
        self._sizes = ({}, {})
        self._keys = ([], [])
        self._whole = None
        self._tops = None

    def copy(self) -> Book:
        """An independent book with the same levels."""
        other = Book.__new__(Book)
        bids, asks = self._sizes
        other._sizes = (bids.copy(), asks.copy())
        bid_keys, ask_keys = self._keys
        other._keys = (bid_keys.copy(), ask_keys.copy())
        other._whole = self._whole
        tops = self._tops
        other._tops = None if tops is None else {n: top.copy() for n, top in tops.items()}
        return other

    def fingerprint(self, depth: int | None = None) -> int:
        """Of the best ``depth`` levels a side; None: of the whole book. O(1) from the second time on."""
        if depth is None:
            if self._whole is None:
                self._whole = fingerprint(self._sizes[0].items(), self._sizes[1].items())
            return self._whole
        if depth <= 0:
            return 0
        if self._tops is None:
            self._tops = {}
        top = self._tops.get(depth)
        if top is None:
            value = fingerprint(self.levels(Side.BID, depth), self.levels(Side.ASK, depth))
            top = [value, *(keys[-depth] if len(keys) >= depth else WORST_KEY for keys in self._keys)]
            self._tops[depth] = top
        return top[0]

    def __eq__(self, other: object) -> bool:
        """The same levels with the same sizes."""
        return isinstance(other, Book) and self._sizes == other._sizes

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        bids, asks = self._keys
        return f"<Book {len(bids)} bids, {len(asks)} asks, touch {self.best(Side.BID)} / {self.best(Side.ASK)}>"

    def _roll(self, side: Side, price: int, old: int, size: int) -> None:
        """Bring the fingerprints up to date after a level went from ``old`` to ``size`` (not both 0)."""
        old_hash = level_hash(side, price, old) if old else 0
        new_hash = level_hash(side, price, size) if size else 0
        if self._whole is not None:
            self._whole = (self._whole + new_hash - old_hash) & MASK
        if self._tops is None:
            return
        key = -price if side else price
        keys = self._keys[side]
        bound = 1 + side
        for depth, top in self._tops.items():
            if key < top[bound]:
                continue
            total = top[0] + new_hash - old_hash
            if not old:
                if len(keys) > depth:  # the one that was last falls out
                    total -= self._hash_of(side, keys[-depth - 1])
                if len(keys) >= depth:
                    top[bound] = keys[-depth]
            elif not size:
                if len(keys) >= depth:  # the next one comes in
                    top[bound] = keys[-depth]
                    total += self._hash_of(side, keys[-depth])
                else:
                    top[bound] = WORST_KEY
            top[0] = total & MASK

    def _hash_of(self, side: Side, key: int) -> int:
        price = -key if side else key
        return level_hash(side, price, self._sizes[side][price])

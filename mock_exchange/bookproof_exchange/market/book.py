"""A level book with rolling fingerprints. STUB CONTRACT: signatures are fixed, the market helper writes the bodies."""

from __future__ import annotations

from collections.abc import Iterable

from bookproof_exchange.market.events import Change, Side

Levels = tuple[tuple[int, int], ...]
"""(price, size) pairs, scaled, best first."""


def level_hash(side: int, price: int, size: int) -> int:
    """A 64-bit mixing hash of one level. Sums of these mod 2**64 fingerprint a book (never XOR of CRCs: those collide
    when two quantities swap). The same on every platform and in every process."""
    raise NotImplementedError


def fingerprint(bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]) -> int:
    """The fingerprint of a whole book, from scratch: the sum of its levels' hashes mod 2**64."""
    raise NotImplementedError


class Book:
    """A mutable level book: dict per side plus sorted price lists; O(log n) updates, O(1) fingerprints."""

    def __init__(self, bids: Iterable[tuple[int, int]] = (), asks: Iterable[tuple[int, int]] = ()) -> None:
        raise NotImplementedError

    def set(self, side: Side, price: int, size: int) -> int:
        """Set a level's absolute size, 0 deletes (deleting an absent level is a no-op). Returns the old size."""
        raise NotImplementedError

    def apply(self, changes: Iterable[Change]) -> None:
        raise NotImplementedError

    def get(self, side: Side, price: int) -> int:
        """The size at a price, 0 where there is no level."""
        raise NotImplementedError

    def best(self, side: Side) -> int | None:
        raise NotImplementedError

    def rank(self, side: Side, price: int) -> int:
        """How many levels of the side are better than ``price``."""
        raise NotImplementedError

    def price_at(self, side: Side, rank: int) -> int | None:
        raise NotImplementedError

    def count(self, side: Side) -> int:
        raise NotImplementedError

    def levels(self, side: Side, depth: int | None = None) -> Levels:
        """The best ``depth`` levels (all where None), best first."""
        raise NotImplementedError

    def truncate(self, depth: int) -> None:
        """Drop, on both sides, all but the best ``depth`` levels."""
        raise NotImplementedError

    def clear(self) -> None:
        raise NotImplementedError

    def copy(self) -> Book:
        raise NotImplementedError

    def fingerprint(self, depth: int | None = None) -> int:
        """Of the best ``depth`` levels a side; None: of the whole book in O(1)."""
        raise NotImplementedError

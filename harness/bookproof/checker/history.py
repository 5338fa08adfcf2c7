"""Who wrote which level when: the life of every price level of one truth."""

from __future__ import annotations

from bisect import bisect_right

from bookproof_exchange.market import Side, Truth


class History:
    """For every (side, price) the versions that wrote it and the sizes they left (0: gone). Version 0 is the start."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._seen = 0
        self._lives: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
        for side in Side:
            for price, size in truth.levels(0, side):
                self._lives[int(side), price] = ([0], [size])

    def size(self, side: Side, price: int, index: int) -> int:
        """The size of the level at a version; 0: no such level."""
        versions, sizes = self._life(side, price)
        at = bisect_right(versions, index)
        return sizes[at - 1] if at else 0

    def last_write(self, side: Side, price: int, index: int) -> int | None:
        """The version that last wrote the level, up to ``index``; None: never."""
        versions, _ = self._life(side, price)
        at = bisect_right(versions, index)
        return versions[at - 1] if at else None

    def next_write(self, side: Side, price: int, index: int) -> int | None:
        """The first version after ``index`` that wrote the level; None: none did."""
        versions, _ = self._life(side, price)
        at = bisect_right(versions, index)
        return versions[at] if at < len(versions) else None

    def writers(self, side: Side, price: int, size: int) -> tuple[int, ...]:
        """The versions that left the level at exactly this size, ascending."""
        versions, sizes = self._life(side, price)
        return tuple(version for version, left in zip(versions, sizes, strict=True) if left == size)

    def _life(self, side: Side, price: int) -> tuple[list[int], list[int]]:
        if self._seen < self._truth.last:
            for event in self._truth.events(self._seen, self._truth.last):
                for changed, at, size in event.changes:
                    versions, sizes = self._lives.setdefault((int(changed), at), ([], []))
                    versions.append(event.index)
                    sizes.append(size)
            self._seen = self._truth.last
        return self._lives.get((int(side), price), ([], []))

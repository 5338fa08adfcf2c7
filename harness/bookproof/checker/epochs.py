"""The chains of one symbol, seen as epochs: what an ideal client may show in each, and how S2 is decided."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence

from bookproof.checker.facts import Chain


class Epoch:
    """All chains that begin at one snapshot."""

    def __init__(self, root: int, chains: Sequence[Chain]) -> None:
        self.root = root
        self.chains = chains
        self.snapshot_index = chains[0].snapshot_index
        self.visible: dict[int, int] = {}
        """True states: version -> the position after which it may be shown."""
        self.departed: dict[int, list[tuple[int, int]]] = {}
        """States that are not the truth (undetectably): fingerprint as shown -> (version, position) in order."""
        self.opaque: int | None = None
        """The position of the first such state whose fingerprint at the shown depth is not known."""
        self.retreat: int | None = min((at for at in map(_retreat, chains) if at is not None), default=None)
        """The position from which the ideal client itself is back at an older version: an update out of order that its
        checksum could not tell (the two touch the same level). From there on going back proves nothing."""

    def fill(self, depth_shown: int | None) -> None:
        """Index the states. ``depth_shown``: how many levels a side the client keeps."""
        for chain in self.chains:
            whole = depth_shown is None or (chain.depth is not None and chain.depth <= depth_shown)
            for state in chain.states:
                if state.true:
                    known = self.visible.get(state.index)
                    if known is None or state.position < known:
                        self.visible[state.index] = state.position
                    continue
                # an empty book is empty at any depth
                shown = state.fingerprint if whole or not state.fingerprint else state.cut
                if shown is not None:
                    self.departed.setdefault(shown, []).append((state.index, state.position))
                elif self.opaque is None or state.position < self.opaque:
                    self.opaque = state.position

    def last_good(self, position: int) -> int:
        """The newest version that an ideal client may show of this epoch before ``position``; -1: none."""
        newest = -1
        for chain in self.chains:
            for state in chain.states:
                # not just the last one: an update out of order may lead an ideal book back to an older right version
                if state.position < position:
                    newest = max(newest, state.index)
        return newest


def _retreat(chain: Chain) -> int | None:
    """Where a chain first goes back to an older version."""
    indexes = [state.index for state in chain.states]
    back = itertools.compress(itertools.count(1), map(operator.lt, indexes[1:], indexes))
    first = next(back, None)
    return None if first is None else chain.states[first].position


def epochs(chains: Sequence[Chain], depth_shown: int | None) -> list[Epoch]:
    """The epochs of one symbol, by root."""
    by_root: dict[int, list[Chain]] = {}
    for chain in chains:
        by_root.setdefault(chain.root, []).append(chain)
    found = [Epoch(root, by_root[root]) for root in sorted(by_root)]
    for epoch in found:
        epoch.fill(depth_shown)
    return found


class Walk:
    """Assigns to each observation an (epoch, version), never going back: the smallest one possible.

    Smallest is optimal: whatever can follow a greater (epoch, version) can also follow a smaller one. So the walk gets
    stuck only where no assignment exists at all."""

    def __init__(self, found: Sequence[Epoch]) -> None:
        self.epochs = found
        self.at = 0
        """Number of the present epoch."""
        self.index = -1
        """The version assigned last; -1: nothing was yet."""

    @property
    def root(self) -> int | None:
        """Where the present epoch began; None before the first assignment."""
        return self.epochs[self.at].root if self.index >= 0 and self.epochs else None

    def step(
        self, versions: Sequence[int], position: int, departed: Sequence[tuple[int, int, int]] = ()
    ) -> bool | None:
        """Take the next observation: the versions that it equals, ascending.

        ``departed``: (epoch, version, position) of untrue states that it equals. True: assigned. False: it went back;
        the walk goes on from there. None: it is no state of any chain, so nothing follows."""
        found = self._least(self.at, self.index, versions, position, departed)
        if found is None:
            found = self._least(0, -1, versions, position, departed)
            if found is None:
                return None
            self.at, self.index = found
            return False
        self.at, self.index = found
        return True

    def _least(
        self, first: int, index: int, versions: Sequence[int], position: int, departed: Sequence[tuple[int, int, int]]
    ) -> tuple[int, int] | None:
        for number in range(first, len(self.epochs)):
            epoch = self.epochs[number]
            if epoch.root >= position:
                return None
            least = -1
            for version in versions:
                if version >= index:
                    seen = epoch.visible.get(version)
                    if seen is not None and seen < position:
                        least = version
                        break
            for of, version, seen in departed:
                if of == number and version >= index and seen < position and (least < 0 or version < least):
                    least = version
            if least >= 0:
                return number, least
            index = -1
        return None

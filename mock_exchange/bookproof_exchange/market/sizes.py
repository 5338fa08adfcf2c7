"""Sizes that name the event that wrote them."""

from __future__ import annotations

from collections.abc import Callable

from bookproof_exchange.market.instrument import Instrument

SIGNIFICANT = 15
"""Digits that survive a round trip through a binary64, so that a client may keep its book in floats."""


def largest_on_grid(step: int) -> int:
    """The largest multiple of ``step`` with at most `SIGNIFICANT` significant digits (trailing zeros do not count)."""
    core = step
    while core % 10 == 0:
        core //= 10
    most: int = 10**SIGNIFICANT - 1
    return most // core * step


class Sizes:
    """Draws level sizes, scaled and on the lot grid, of very different lengths.

    Counted in lots, a size is k * ``modulus`` + (event index mod ``modulus``): the low digits say which event wrote the
    level (``modulus`` 1, nothing said, where typical sizes are below ten lots)."""

    def __init__(self, instrument: Instrument, random: Callable[[], float]) -> None:
        self._random = random
        self.lot = lot = instrument.lot
        self.most = largest_on_grid(lot)
        typical = max(1, min(instrument.typical_size, self.most // 1000) // lot)
        self.modulus: int = 10 ** min(5, len(str(typical)) - 1)
        scales = (typical // 100, typical // 10, typical // 3, typical, typical, 2 * typical, 3 * typical, 20 * typical)
        self._scales = tuple(max(2, scale) for scale in scales)

    def draw(self, index: int) -> int:
        """A size for a level that event ``index`` writes."""
        random = self._random
        lots = int(random() * self._scales[int(random() * 8)])
        modulus = self.modulus
        lots += index % modulus - lots % modulus
        return (lots or modulus) * self.lot

    def draw_initial(self) -> int:
        """A size for version 0: round (low digits zero), or with low digits that only a very late event can have."""
        random = self._random
        lots = int(random() * self._scales[int(random() * 8)])
        modulus = self.modulus
        lots -= lots % modulus
        if modulus > 10 and random() < 0.6:
            lots += modulus - 1 - int(random() * (modulus // 10))
        return (lots or modulus) * self.lot

    def below(self, size: int, index: int) -> int:
        """A size smaller than ``size`` for event ``index``, or 0 where there is none."""
        lots = size // self.lot
        modulus = self.modulus
        drawn = int(self._random() * lots)
        drawn += index % modulus - drawn % modulus
        if drawn >= lots:
            drawn -= modulus
        if drawn <= 0:
            drawn = index % modulus or modulus
            if drawn >= lots:
                return 0
        return drawn * self.lot

    def other_than(self, old: int, index: int) -> int:
        """A size for event ``index`` that differs from ``old``."""
        size = self.draw(index)
        return size if size != old else size + self.modulus * self.lot

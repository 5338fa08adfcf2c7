"""The ledger of one case: all evidence, in one order."""

from __future__ import annotations

from collections.abc import Callable

from bookproof_exchange.evidence import Evidence


class Ledger:
    """Gives every piece of evidence its position, from 1, and its time."""

    def __init__(self, clock: Callable[[], float] | None) -> None:
        """``clock``: seconds since the case began, for the evidence's ``at``; None: there is no time."""
        self.records: list[Evidence] = []
        self.position = 0
        """Of the newest evidence."""
        self._clock = _nothing if clock is None else clock

    def record(self, make: Callable[[int, float], Evidence]) -> None:
        """Add a piece of evidence: ``make(position, at)``."""
        self.position += 1
        self.records.append(make(self.position, self._clock()))


def _nothing() -> float:
    return 0.0

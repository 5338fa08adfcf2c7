"""The logical clock: how much time passes between two events of a market."""

from __future__ import annotations

from collections.abc import Callable


class Clock:
    """µs from one event to the next. Lively markets have bursts (several events
    within the same millisecond, some within the same µs) and quiet times."""

    def __init__(self, random: Callable[[], float], *, bursts: bool) -> None:
        self._random = random
        self._bursts = bursts
        self._left = 0
        self.now_us = 0

    def advance(self) -> int:
        """The time of the next event, never before the one before it."""
        random = self._random
        if not self._bursts:
            step = 40_000 + int(random() * random() * 1_500_000)
        elif self._left:
            self._left -= 1
            step = int(random() * random() * 4_000)
        else:
            draw = random()
            self._left = int(draw * draw * draw * 60)
            step = 5_000 + int(random() * random() * random() * 2_000_000)
        self.now_us += step
        return self.now_us

"""How fast a client went for certain, from when a server read what it sent.

A server notices late: what it reads at once may have been sent over a long time, while it was busy. So each thing has two
times: it was sent after ``since`` (when everything sent so far had been read) and before ``at`` (when it was read), and a
limit counts as exceeded only if no choice of times between keeps it.
"""

from __future__ import annotations

from collections import deque

#: What is read within so many seconds counts as read at once: a TLS library hands out one frame after the other of what
#: it received together.
TOGETHER = 0.005

#: What comes so many seconds later was read later, for all that may have happened between.
LATER = 1.0

#: The part of a limit's time that counts: a client that goes right up to the limit has timers that are not exact.
EXACT = 0.98


class Pace:
    """Counts against a limit: at most ``most`` in any ``seconds``."""

    def __init__(self, most: float, seconds: float) -> None:
        self.most = most
        self.seconds = seconds
        self.count = 0.0
        """How much lies, for certain, within the time that ends with the newest."""
        self._recent: deque[tuple[float, float]] = deque()

    def add(self, since: float, at: float, amount: float = 1) -> bool:
        """One more, sent between ``since`` and ``at`` (seconds; neither ever goes back). True: the limit is exceeded."""
        recent = self._recent
        recent.append((since, amount))
        self.count += amount
        while recent and at - recent[0][0] >= self.seconds * EXACT:
            self.count -= recent.popleft()[1]
        return self.count > self.most


class Reads:
    """Since when, at the earliest, a client can have sent what is read from its connection: since the read before."""

    def __init__(self, opened: float) -> None:
        """``opened``: when the handshake was answered; nothing was sent before."""
        self._since = self._began = self._last = opened

    def read(self, at: float, *, apart: bool) -> float:
        """A frame was read at ``at``. ``apart``: certainly not together with the one before, because something else
        happened between. Returns since when it can have been sent."""
        pause = at - self._last
        if (apart and pause >= TOGETHER) or pause >= LATER:
            self._since, self._began = self._began, at
        self._last = at
        return self._since

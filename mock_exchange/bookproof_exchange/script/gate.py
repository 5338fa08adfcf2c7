"""The gate: what the venue does to a client that asks for more than its limits allow.

The only place where time decides what the exchange does, and only against a client that goes too far for certain: one
that keeps the limits and waits when it is told to never meets it, so that it is sent the same bytes in every run.

How often a venue takes it that a client does not wait, before it answers 418 instead of 429, is not documented: the answer
stays what it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from bookproof_exchange.dialects.api import Dialect, Hangup, HttpAnswer, HttpRequest, Limit
from bookproof_exchange.pace import Pace, Reads

#: So many seconds before the end of the time to wait a request is no longer refused: timers are not exact.
EARLY = 0.05


class _Refusing:
    """Requests are answered with this status until a time. ``faults``: the numbers of those that began it."""

    def __init__(self, status: int, until: float, faults: tuple[int, ...]) -> None:
        self.status = status
        self.until = until
        self.faults = faults


class Gate:
    """Watches what one client asks, by the clock of the case."""

    def __init__(self, dialect: Dialect, clock: Callable[[], float] | None) -> None:
        """``clock``: seconds since the case began. None: there is no time, and nothing is ever too fast."""
        limits = dialect.traits.limits
        self._dialect = dialect
        self._clock = clock
        self._messages = next((limit for limit in limits if limit.what == "messages"), None)
        self._weight = next((limit for limit in limits if limit.what == "weight"), None)
        self._each_path = self._weight is not None and self._weight.each_path
        self._paces: dict[int, tuple[Reads, Pace]] = {}
        self._refusing: dict[str, _Refusing] = {}
        self._used: dict[str, tuple[int, int]] = {}
        """By path (or all in one): the interval of the clock, and the weight used in it."""

    # --- a connection's messages ------------------------------------------------------------------------------------

    def opened(self, connection: int) -> None:
        """A handshake was completed."""
        if self._clock is not None and self._messages is not None:
            pace = Pace(self._messages.certain, self._messages.seconds)
            self._paces[connection] = (Reads(self._clock()), pace)

    def message(self, connection: int, *, apart: bool) -> Hangup | None:
        """A message of the client, see `pace.Reads`. What the venue ends the connection with, if that is one too many."""
        if self._clock is None or self._messages is None or connection not in self._paces:
            return None
        at = self._clock()
        reads, pace = self._paces[connection]
        return self._messages.hangup if pace.add(reads.read(at, apart=apart), at) else None

    def ponged(self, connection: int, *, apart: bool) -> None:
        """A pong was read: whatever comes in a later read was sent after it."""
        if self._clock is not None and connection in self._paces:
            self._paces[connection][0].read(self._clock(), apart=apart)

    # --- HTTP requests ------------------------------------------------------------------------------------------------

    def refused(self, request: HttpRequest, weight: int) -> tuple[HttpAnswer, tuple[int, ...]] | None:
        """The refusal of a request that comes while the client was to wait, or that is too much, with the faults that it
        goes back to; None: it is answered."""
        if self._clock is None:
            return None
        now = self._clock()
        scope = self._scope(request)
        refusing = self._refusing.get(scope)
        if refusing is not None:
            if now < refusing.until - EARLY:
                return self._refusal(refusing, now), refusing.faults
            del self._refusing[scope]
        if self._weight is not None and self._too_heavy(self._weight, scope, weight, now):
            end = (now // self._weight.seconds + 1) * self._weight.seconds
            refusing = self._refusing[scope] = _Refusing(429, end, ())
            return self._refusal(refusing, now), ()
        return None

    def wait(self, request: HttpRequest, answer: HttpAnswer, faults: tuple[int, ...]) -> None:
        """A fault answered a request. If the answer tells the client to wait, the venue means it."""
        seconds = retry_after(answer)
        if self._clock is not None and seconds is not None:
            self._refusing[self._scope(request)] = _Refusing(answer.status, self._clock() + seconds, faults)

    def _scope(self, request: HttpRequest) -> str:
        return request.path if self._each_path else ""

    def _too_heavy(self, limit: Limit, scope: str, weight: int, now: float) -> bool:
        interval = int(now // limit.seconds)
        before, used = self._used.get(scope, (interval, 0))
        used = weight + (used if before == interval else 0)
        self._used[scope] = (interval, used)
        return used > limit.most

    def _refusal(self, refusing: _Refusing, now: float) -> HttpAnswer:
        return self._dialect.limited(refusing.status, max(1, math.ceil(refusing.until - now)))


def retry_after(answer: HttpAnswer) -> int | None:
    """For how many seconds an answer tells the client to ask nothing more; None: it does not.

    Only of 429 and 418, where the venues say that it is meant so."""
    if answer.status not in (418, 429):
        return None
    for name, value in answer.headers:
        if name.lower() == "retry-after" and value.isdecimal():
            return int(value)
    return None

"""Every deadline and interval, in seconds, in one place, scaled by one factor.

Nothing here makes anybody wait for its whole length when the awaited event comes: these are limits, not sleeps.
"""

from __future__ import annotations

import msgspec


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one run. ``Timing().scaled(3)`` allows three times as long everywhere."""

    #: The adapter answers `hello` (interpreter start and imports included).
    hello: float = 30.0
    #: The adapter answers `start`.
    start: float = 20.0
    #: The adapter answers `read`.
    read: float = 5.0
    #: The adapter answers `stop`.
    stop: float = 8.0
    #: The adapter exits after `bye`.
    bye: float = 3.0
    #: After SIGTERM, before SIGKILL.
    kill: float = 2.0
    #: The client connects, subscribes and first shows a right, live book.
    sync: float = 20.0
    #: E1: the client is live again after the last fault.
    converge: float = 20.0
    #: E3: the client shows exactly the last state once the exchange is quiet.
    settle: float = 5.0
    #: S4: from the proof that a rejected message was read to the end of the claim `live`.
    notice: float = 2.0
    #: A WebSocket ping is answered (a barrier).
    barrier: float = 3.0
    #: Between two reads while waiting for a state: starts here, doubles up to `poll_most`.
    poll: float = 0.002
    poll_most: float = 0.1
    #: Between two updates that keep the stream flowing while a client recovers or starts up.
    trickle: float = 0.05
    #: So many updates flow quickly while a client starts up or recovers; after that they come one by one.
    most_trickle: int = 400
    #: A request of the client that a script step waits for.
    request: float = 15.0
    #: The whole case, a net below every other limit.
    case: float = 180.0

    #: The factor itself, for what a script waits on purpose.
    factor: float = 1.0

    def scaled(self, factor: float) -> Timing:
        """The same limits, ``factor`` times as long. Intervals (`poll`, `trickle`) stay as they are."""
        keep = {"poll", "poll_most", "trickle", "most_trickle"}
        return Timing(
            **{name: value if name in keep else value * factor for name, value in msgspec.structs.asdict(self).items()}
        )

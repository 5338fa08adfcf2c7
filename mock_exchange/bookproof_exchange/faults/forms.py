"""How one message leaves as WebSocket frames, where that is not simply one frame (RFC 6455)."""

from __future__ import annotations

from typing import Literal

import msgspec

Between = Literal["nothing", "ping", "pong"]
"""A control frame in the middle of a message: none, a ping, or a pong that nobody asked for (RFC 6455, 5.4 and 5.5.3)."""

Violation = Literal[
    "masked",
    "reserved-opcode",
    "reserved-bit",
    "lone-continuation",
    "split-message",
    "long-control",
    "split-control",
    "bad-close",
    "invalid-utf8",
    "oversize",
    "bad-deflate",
]
"""What a frame can do that RFC 6455 forbids; see `specs.BrokenFrame`."""


class Fragments(msgspec.Struct, frozen=True, tag=True):
    """The message in ``pieces`` frames, with a control frame after the first one. Legal: section 5.4."""

    pieces: int
    between: Between = "nothing"


class Broken(msgspec.Struct, frozen=True, tag=True):
    """The message in a way that is forbidden."""

    how: Violation


Form = Fragments | Broken

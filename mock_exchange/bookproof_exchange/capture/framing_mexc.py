"""MEXC spot v3: field 1 of the wrapper is the topic subscribed (``PushDataV3ApiWrapper.channel``).

https://github.com/mexcdevelop/websocket-proto (7b8ac7a, 2026-06-17).
"""

from __future__ import annotations

from bookproof_exchange.dialects.api import Feed, Frame, Session
from bookproof_exchange.dialects.mexc_v3 import wire

_CHANNEL = 0x0A
"""Tag of field 1, length-delimited."""


def framed(frame: Frame, feed: Feed, session: Session) -> Frame:
    """The message with the feed's topic in its first field."""
    payload = frame.payload
    if len(payload) < 2 or payload[0] != _CHANNEL or payload[1] >= 0x80:
        return frame  # a topic has less than 128 characters
    end = 2 + payload[1]
    if payload[2:end] == feed.name.encode():
        return frame
    return Frame(wire.text(1, feed.name) + payload[end:], frame.binary)

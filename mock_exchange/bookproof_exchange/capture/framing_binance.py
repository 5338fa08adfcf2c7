"""Binance Spot: raw or combined framing is the connection's, and a combined message names the stream subscribed.

https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md (2026-07-21): "Combined stream events are
wrapped as follows: {"stream":"<streamName>","data":<rawPayload>}".
"""

from __future__ import annotations

import functools

import msgspec

from bookproof_exchange.dialects.api import Feed, Frame, Session
from bookproof_exchange.dialects.binance_spot import codec


class _Wrapped(msgspec.Struct, frozen=True):
    stream: str
    data: msgspec.Raw


@functools.lru_cache(maxsize=1024)
def _parts(payload: bytes) -> tuple[str | None, bytes]:
    try:
        wrapped = msgspec.json.decode(payload, type=_Wrapped)
    except msgspec.DecodeError:
        return None, payload
    return wrapped.stream, bytes(wrapped.data)


def framed(frame: Frame, feed: Feed, session: Session) -> Frame:
    """The event in the session's framing, as a message of the feed's stream."""
    stream, data = _parts(frame.payload)
    combined = bool(getattr(session, "combined", stream is not None))
    if combined == (stream is not None) and stream in (None, feed.name):
        return frame
    return Frame(codec.framed(feed.name, data.decode(), combined=combined))

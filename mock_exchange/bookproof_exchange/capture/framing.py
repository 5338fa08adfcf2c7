"""The envelope of a recorded update, as the connection wants it: the content stays as it was, to the byte.

A client may subscribe by another name than the recorded one, or on a connection that wraps its messages otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

from bookproof_exchange.dialects.api import Feed, Frame, Session

Framing = Callable[[Frame, Feed, Session], Frame]
"""The recorded frame for a feed of a session."""


def framing_of(dialect: str) -> Framing:
    """The dialect's; where a message has no envelope, it goes out as it is."""
    match dialect:
        case "binance-spot":
            from bookproof_exchange.capture.framing_binance import framed

            return framed
        case "mexc-v3":
            from bookproof_exchange.capture.framing_mexc import framed

            return framed
        case _:
            return _as_it_is


def _as_it_is(frame: Frame, feed: Feed, session: Session) -> Frame:
    return frame

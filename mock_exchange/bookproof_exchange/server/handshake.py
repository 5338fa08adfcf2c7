"""Judging a WebSocket handshake request, which the library does."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec
from websockets.extensions.base import Extension
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

#: `websockets` logs every connection; what matters here is in the evidence.
_QUIET = logging.Logger("bookproof.websocket", level=logging.CRITICAL + 1)
#: Inbound messages larger than this end the connection with 1009.
_LARGEST = 1 << 20


class Handshake(msgspec.Struct, frozen=True):
    """A handshake that can be completed."""

    answer: bytes
    """The response 101."""
    extensions: list[Extension]
    """What was negotiated."""

    def protocol(self) -> ServerProtocol:
        """A protocol for the frames behind the handshake. (The one that read the handshake would keep it in memory.)"""
        protocol = ServerProtocol(state=State.OPEN, max_size=_LARGEST, logger=_QUIET)
        protocol.extensions = self.extensions
        return protocol


def judge(head: bytes, compression: bool) -> Handshake | bytes:
    """The handshake that a request (as bytes) asks for; where it is none, the HTTP error that says why.

    ``compression``: permessage-deflate is agreed to, without context takeover on the server's side."""
    factories: Sequence[ServerPerMessageDeflateFactory] | None = None
    if compression:
        factories = [ServerPerMessageDeflateFactory(server_no_context_takeover=True)]
    protocol = ServerProtocol(extensions=factories, logger=_QUIET)
    protocol.receive_data(head)
    parsed = protocol.events_received()
    if parsed and isinstance(parsed[0], Request):
        answer = protocol.accept(parsed[0])
        if answer.status_code == 101:
            return Handshake(answer.serialize(), protocol.extensions)
        protocol.send_response(answer)
    return b"".join(protocol.data_to_send())

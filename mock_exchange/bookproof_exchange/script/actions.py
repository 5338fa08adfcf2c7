"""The seam between the pure exchange and the server: what the exchange wants done, and what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from bookproof_exchange.dialects.api import Frame, HttpAnswer, HttpRequest
from bookproof_exchange.faults.forms import Form
from bookproof_exchange.server.tape import Tape

SendMode = Literal["burst", "each", "bytes"]


class Admit(msgspec.Struct, frozen=True):
    """Complete the WebSocket handshake of a connection."""

    connection: int


class Refuse(msgspec.Struct, frozen=True):
    """Answer the handshake with an HTTP error instead."""

    connection: int
    answer: HttpAnswer


class Write(msgspec.Struct, frozen=True):
    """Send data frames, in order. ``burst``: in as few writes as possible; ``each``: one write a frame;
    ``bytes``: the same bytes, the first 16 of every frame in single-byte writes."""

    connection: int
    frames: tuple[Frame, ...]
    mode: SendMode = "burst"


class WriteOdd(msgspec.Struct, frozen=True):
    """Send one message in another form than as one frame."""

    connection: int
    frame: Frame
    form: Form


class Play(msgspec.Struct, frozen=True):
    """Send messages ``first``..``last`` - 1 of a tape, in as few writes as possible: the way for long streams, and
    for the same stream on many connections."""

    connection: int
    tape: Tape
    first: int
    last: int


class PingClient(msgspec.Struct, frozen=True):
    """Send a WebSocket ping with this payload; the pong is reported by ``Host.ponged``."""

    connection: int
    payload: bytes


class HangUp(msgspec.Struct, frozen=True):
    """End a connection, after everything written before. See faults.specs.Close for the ways.

    ``half``: the frame of which only the first half is sent (mid-frame)."""

    connection: int
    how: Literal["close", "fin", "rst", "mid-frame"]
    code: int = 1000
    reason: str = ""
    half: Frame | None = None


class Mute(msgspec.Struct, frozen=True):
    """From now on (``on``) send nothing at all on the connection, not even pongs; TCP stays open. What is written
    meanwhile is lost. ``on=False`` ends it; frames of the client are reported all the time."""

    connection: int
    on: bool


class Answer(msgspec.Struct, frozen=True):
    """Answer HTTP request ``number``. None: drop its TCP connection without an answer."""

    number: int
    answer: HttpAnswer | None


Action = Admit | Refuse | Write | WriteOdd | Play | PingClient | HangUp | Mute | Answer


class Host(Protocol):
    """The exchange as the server sees it. Every method is synchronous and returns what to do now.

    The server numbers connections and HTTP requests from 1, in order of arrival, each in its own sequence."""

    def arrived(self, connection: int, request: HttpRequest) -> Sequence[Action]:
        """A WebSocket handshake came in. Admit or Refuse follows, now or later."""
        ...

    def opened(self, connection: int) -> Sequence[Action]:
        """The handshake is complete."""
        ...

    def received(self, connection: int, frame: Frame) -> Sequence[Action]:
        """A data frame of the client."""
        ...

    def ponged(self, connection: int, payload: bytes) -> Sequence[Action]: ...

    def pinged(self, connection: int) -> Sequence[Action]:
        """A WebSocket ping of the client (the server answers it itself, unless muted)."""
        ...

    def closed(
        self, connection: int, by: Literal["client", "exchange"], code: int | None, how: str
    ) -> Sequence[Action]:
        """The connection is gone; nothing more comes from it.

        ``how``: ``close``, ``eof``, ``reset``, ``protocol-error``.
        Told once for every connection that arrived and was not refused. ``code``: of the close frame, None
        where there was none (1005: one without a code). After a HangUp ``by`` is ``exchange``."""
        ...

    def requested(self, number: int, request: HttpRequest) -> Sequence[Action]:
        """An HTTP request; an Answer with its number follows, now or later."""
        ...

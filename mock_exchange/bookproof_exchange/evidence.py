"""The evidence of one case: what was sent, received, struck and shown, in one logical order.

Positions count from 1 over all connections of a case. A frame gets its position before its first byte is written;
an observation gets its position when its line is read. Wall-clock times (``at``, seconds since the case began) are kept
beside the order and never decide it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from bookproof_exchange.dialects.api import HttpAnswer, HttpRequest, Intent, Message

Claim = Literal["live", "stale", "syncing", "none"]
Row = tuple[str, ...]
"""[price, size] or [price, size, order id], as texts; a float client's numbers as ``repr``."""


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="record"):
    position: int
    at: float = 0.0


class Opened(Record, frozen=True, kw_only=True, tag="opened"):
    """A WebSocket connection was accepted. ``ordinal`` counts the case's connections from 1."""

    connection: int
    path: str
    intents: tuple[Intent, ...] = ()
    """Subscriptions that the URL made."""


class Closed(Record, frozen=True, kw_only=True, tag="closed"):
    connection: int
    by: Literal["client", "exchange"]
    code: int | None = None
    how: str = "close"


class Sent(Record, frozen=True, kw_only=True, tag="sent"):
    """A message to the client. ``timer``: belongs to the timer lane (heartbeats), not compared between runs.
    ``faults``: numbers of the faults that touched it."""

    connection: int
    message: Message
    timer: bool = False
    faults: tuple[int, ...] = ()


class Received(Record, frozen=True, kw_only=True, tag="received"):
    """A data frame from the client, with what the session understood."""

    connection: int
    payload: bytes
    binary: bool
    intents: tuple[Intent, ...] = ()


class Pinged(Record, frozen=True, kw_only=True, tag="pinged"):
    """A WebSocket ping from the client; the server has answered it (unless muted)."""

    connection: int


class Rest(Record, frozen=True, kw_only=True, tag="rest"):
    """One HTTP exchange; the position is that of the answer, ``asked`` that of the request."""

    asked: int
    number: int
    request: HttpRequest
    answer: HttpAnswer | None
    """None: the connection was dropped without an answer."""
    faults: tuple[int, ...] = ()


class Asked(Record, frozen=True, kw_only=True, tag="asked"):
    """An HTTP request arrived; its answer is the Rest with the same number (it may be held back)."""

    number: int
    request: HttpRequest


class Struck(Record, frozen=True, kw_only=True, tag="struck"):
    """A fault did its work. ``versions``: truth (first, last] that it concerned, on ``symbol``."""

    fault: int
    kind: str
    connection: int | None
    symbol: str | None = None
    first: int = 0
    last: int = 0
    note: str = ""


class Barrier(Record, frozen=True, kw_only=True, tag="barrier"):
    """A WebSocket ping sent after position ``covers`` was answered: everything up to there was read by the client."""

    connection: int
    covers: int


class Step(Record, frozen=True, kw_only=True, tag="step"):
    """The script began a step. ``place`` is its number in the scenario file, from 1."""

    place: int
    step: str


class ReadAsked(Record, frozen=True, kw_only=True, tag="read-asked"):
    """The harness asked the client for its state."""

    read: int
    symbol: str


class Observed(Record, frozen=True, kw_only=True, tag="observed"):
    """A book that the client showed. ``read``: the number of the read it answers, None for a push."""

    symbol: str
    claim: Claim
    bids: tuple[Row, ...]
    asks: tuple[Row, ...]
    version: int | str | None = None
    read: int | None = None


class ObservedTrade(Record, frozen=True, kw_only=True, tag="observed-trade"):
    symbol: str
    price: str
    size: str
    side: str | None = None
    trade_id: str | None = None


class ClientEvent(Record, frozen=True, kw_only=True, tag="client-event"):
    """What the client raised or reported to its user."""

    kind: Literal["error", "warning", "resync", "disconnected", "reconnected"]
    message: str
    symbol: str | None = None
    exception: str | None = None
    fatal: bool = False


class Waited(Record, frozen=True, kw_only=True, tag="waited"):
    """A wait of the script ended: for what, and whether it came in time."""

    place: int
    what: str
    came: bool
    limit: float


Evidence = (
    Opened
    | Closed
    | Sent
    | Received
    | Pinged
    | Rest
    | Asked
    | Struck
    | Barrier
    | Step
    | ReadAsked
    | Observed
    | ObservedTrade
    | ClientEvent
    | Waited
)

"""Every fault and every legal oddity as data: what a scenario file can say.

Where each is carried out: message faults and edits by the pure transforms of `faults.messages`; stream, subscription,
REST and connection faults by `script.exchange`, which owns the cursor, the held answers and the connections.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from bookproof_exchange.dialects.api import EditKind
from bookproof_exchange.faults.forms import Between, Violation
from bookproof_exchange.market.events import Shape


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """The base of all fault specifications."""


# --- message faults: strike the next updates of the primary book feed -----------------------------------------------


class OnUpdates(Spec, frozen=True, kw_only=True):
    """The base of faults on the feed's messages. The first struck update is of the given shape."""

    shape: Shape = Shape(kind="change", rank=2)
    """What the first struck update changes."""
    symbol: int = 1
    """Which symbol of the scenario, from 1."""


class Drop(OnUpdates, frozen=True, kw_only=True, tag="drop"):
    """The next ``count`` updates are lost. Their levels are not touched again until the book is whole."""

    count: int = 1
    """Updates."""


class Duplicate(OnUpdates, frozen=True, kw_only=True, tag="duplicate"):
    """The next update comes twice: the copy follows ``later`` further updates (0: at once)."""

    later: int = 0
    """Updates between the two; 0: at once."""


class Swap(OnUpdates, frozen=True, kw_only=True, tag="swap"):
    """The next two updates change places."""


class Delay(OnUpdates, frozen=True, kw_only=True, tag="delay"):
    """The next update comes after the ``by`` updates that follow it."""

    by: int = 3
    """Updates that overtake it."""


class Edited(OnUpdates, frozen=True, kw_only=True, tag="edit"):
    """The next ``count`` updates carry an edit of the dialect (a wrong checksum, cut JSON, other number text …)."""

    edit: EditKind
    value: int | None = None
    """What it says instead, for the edits that take a number; null: any."""
    count: int = 1
    """Updates."""


class Fragmented(OnUpdates, frozen=True, kw_only=True, tag="fragmented"):
    """The next ``count`` updates come in ``pieces`` frames each (RFC 6455, 5.4). ``between``: a control frame after the
    first piece, as any endpoint may send one in the middle of a message."""

    count: int = 1
    """Updates."""
    pieces: int = 3
    """Frames a message."""
    between: Between = "ping"
    """Control frame after the first piece."""


class Custom(OnUpdates, frozen=True, kw_only=True, tag="custom"):
    """A message fault of another package, by its ``name`` (entry points ``bookproof.faults``), with its own options."""

    name: str
    """Under which the package offers it."""
    options: dict[str, int | str] = {}
    """Numbers and texts, as the fault takes them."""


MessageFault = Drop | Duplicate | Swap | Delay | Edited | Fragmented | Custom

# --- stream faults ------------------------------------------------------------------------------------------------


class Resnapshot(Spec, frozen=True, kw_only=True, tag="resnapshot"):
    """A further snapshot in band, after ``away`` ticks that nobody was told of. ``empty``: of an empty book."""

    away: int = 6
    """Changes of the market that nobody was told of."""
    empty: bool = False
    """Whether the book in it is empty."""
    symbol: int = 1
    """Which symbol of the scenario, from 1."""


class NewFields(Spec, frozen=True, kw_only=True, tag="new-fields"):
    """From now on to the end every message and every HTTP answer that is a JSON object or a protobuf message has one more
    field than anybody knows: replies, heartbeats, snapshots, trades, updates."""


class Stall(Spec, frozen=True, kw_only=True, tag="stall"):
    """Silence. ``feed``: one feed stops, all else goes on. ``data``: no data, heartbeats and pongs go on.
    ``socket``: nothing at all, pings unanswered, TCP open. Lasts until a step ``lift``; ``away`` ticks pass meanwhile.

    What was kept back comes, in order, when the stall is lifted; ``lost``: it never comes, and the stream goes on with
    a hole."""

    scope: Literal["feed", "data", "socket"] = "data"
    """What falls silent."""
    away: int = 10
    """Changes of the market meanwhile."""
    lost: bool = False
    """Whether what was kept back never comes."""
    symbol: int = 1
    """Which symbol of the scenario, from 1 (scope ``feed``)."""


# --- subscription faults: armed before the client subscribes (before `sync`, or before a reconnect) -------------------


class LateAck(Spec, frozen=True, kw_only=True, tag="late-ack"):
    """``messages`` updates are sent before the acknowledgement."""

    messages: int = 3
    """Updates."""


class NoAck(Spec, frozen=True, kw_only=True, tag="no-ack"):
    """The acknowledgement never comes; the data does."""


class RefuseSubscribe(Spec, frozen=True, kw_only=True, tag="refuse-subscribe"):
    """The venue refuses the first ``times`` subscriptions, in its own words."""

    times: int = 1
    """Subscriptions."""


class NoSnapshot(Spec, frozen=True, kw_only=True, tag="no-snapshot"):
    """The subscription is acknowledged and updates come, but no snapshot does, ``times`` times."""

    times: int = 1
    """Subscriptions."""


class EarlyUpdates(Spec, frozen=True, kw_only=True, tag="early-updates"):
    """``messages`` updates come between acknowledgement and snapshot in band."""

    messages: int = 2
    """Updates."""


class LateTail(Spec, frozen=True, kw_only=True, tag="late-tail"):
    """``messages`` updates of a book still come after the client has sent its unsubscription, and before the reply to it:
    they were on their way. A client that connects anew instead meets them in front of the reply to its subscription."""

    messages: int = 3
    """Updates."""
    times: int = 1
    """Unsubscriptions."""


# --- REST faults: strike the next snapshot requests -----------------------------------------------------------------


class StaleRest(Spec, frozen=True, kw_only=True, tag="stale-rest"):
    """The next ``times`` REST snapshots are ``by`` ticks old (``by`` 0: exactly at the cursor)."""

    by: int = 12
    """Changes of the market; 0: exactly at the cursor."""
    times: int = 1
    """Requests."""


class AheadRest(Spec, frozen=True, kw_only=True, tag="ahead-rest"):
    """The next REST snapshot is ``by`` ticks ahead of the stream, which follows."""

    by: int = 5
    """Changes of the market."""
    times: int = 1
    """Requests."""


class StraddledRest(Spec, frozen=True, kw_only=True, tag="straddled-rest"):
    """The next REST snapshot falls in the middle of an update that covers several versions."""

    times: int = 1
    """Requests."""


class SlowRest(Spec, frozen=True, kw_only=True, tag="slow-rest"):
    """``messages`` updates are sent after the request came (its snapshot is taken then) and before its answer."""

    messages: int = 8
    """Updates between request and answer."""
    times: int = 1
    """Requests."""


class PiecedRest(Spec, frozen=True, kw_only=True, tag="pieced-rest"):
    """The body of the next snapshot answer trickles in, ``pieces`` writes with a pause between. ``chunked``: in the chunked
    transfer coding (RFC 9112, 7.1), else with its length in front."""

    pieces: int = 20
    """Writes."""
    chunked: bool = False
    """Whether in the chunked transfer coding."""
    times: int = 1
    """Requests."""


class FailingRest(Spec, frozen=True, kw_only=True, tag="failing-rest"):
    """The next ``times`` snapshot requests fail. ``status`` 0: the connection is dropped without an answer; 301, 302, 307,
    308: a redirection to the same address.

    ``body``: ``venue``: the venue's own error; ``empty``; ``html``: an error page; ``cut``: the first half of the right
    answer; ``short``: the right answer ends in the middle of what its length promised, and so does the connection;
    ``text``: the right answer, called ``text/plain``."""

    status: int = 500
    """HTTP status; 0: no answer at all."""
    times: int = 1
    """Requests."""
    retry_after: int | None = None
    """Seconds, in the header Retry-After; null: no such header."""
    body: Literal["venue", "empty", "html", "cut", "short", "text"] = "venue"
    """What the answer holds."""


# --- connection faults --------------------------------------------------------------------------------------------


class Close(Spec, frozen=True, kw_only=True, tag="close"):
    """The exchange ends the connection(s) now. ``away`` ticks pass before the next connection's subscription.

    ``close``: a WebSocket close with ``code``; ``fin``: TCP end without a close frame; ``rst``: reset;
    ``mid-frame``: half a frame, then FIN. ``refuse``: so many further connection attempts are refused (HTTP 503), or all of
    them until a step ``lift``."""

    how: Literal["close", "fin", "rst", "mid-frame"] = "close"
    """In which way."""
    code: int = 1001
    """Close code (RFC 6455, 7.4); the dialect must use it."""
    reason: str = ""
    """Text beside the code."""
    away: int = 20
    """Changes of the market before the next subscription."""
    refuse: int | Literal["until-lift"] = 0
    """Further connection attempts that are refused."""


class BrokenFrame(Spec, frozen=True, kw_only=True, tag="broken-frame"):
    """On every connection a frame comes that breaks RFC 6455. A client has to fail the connection, connect again, and
    build its books anew. But for the way in which it is sent the frame is a harmless message of an unknown type.

    ``how``: ``masked`` (5.1); ``reserved-opcode``, ``reserved-bit`` (5.2); ``lone-continuation``, ``split-message``: a new
    message before the old one has ended (5.4); ``long-control``, ``split-control`` (5.5); ``bad-close`` (5.5.1);
    ``invalid-utf8`` (8.1); ``oversize``: a message of a terabyte begins, and the connection ends (10.4);
    ``bad-deflate``: what was compressed cannot be unpacked (RFC 7692, 7.2.2)."""

    how: Violation = "reserved-opcode"
    """Which rule is broken."""


class Farewell(Spec, frozen=True, kw_only=True, tag="farewell"):
    """The venue announces its end (for instance ``serverShutdown``), sends ``messages`` more updates, then closes."""

    messages: int = 5
    """Updates after the notice."""
    away: int = 10
    """Changes of the market before the next subscription."""
    code: int = 1001
    """Close code (RFC 6455, 7.4)."""


Fault = (
    MessageFault
    | Resnapshot
    | NewFields
    | Stall
    | LateAck
    | NoAck
    | RefuseSubscribe
    | NoSnapshot
    | EarlyUpdates
    | LateTail
    | StaleRest
    | AheadRest
    | StraddledRest
    | SlowRest
    | PiecedRest
    | FailingRest
    | Close
    | BrokenFrame
    | Farewell
)

#: Legal although odd: the venue may do this at any time, so a client must take it without alarm.
LEGAL_EDITS: frozenset[str] = frozenset(
    {
        "padded-numbers",
        "trimmed-numbers",
        "delete-absent",
        "set-then-delete",
        "delete-then-set",
        "reversed-rows",
        "empty-update",
        "null-side",
        "unknown-type",
        "unknown-field",
        "overlap",
    }
)


def kind_of(fault: Fault) -> str:
    """The name under which the fault is listed: its kind, or the edit's or the foreign fault's own name."""
    match fault:
        case Edited():
            return fault.edit
        case Custom():
            return fault.name
        case _:
            return str(fault.__struct_config__.tag)

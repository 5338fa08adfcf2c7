"""What the control API says and takes, as values: from these the OpenAPI file is made.

Prices and sizes are decimal texts, exact. Positions are those of the evidence: one order over everything that happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from bookproof_exchange.control.hand import State
from bookproof_exchange.faults.registry import Group


class Plain(msgspec.Struct, frozen=True, kw_only=True):
    """The base of answers."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of request bodies."""


# --- errors -----------------------------------------------------------------------------------------------------------


class Wrong(Plain, frozen=True, kw_only=True):
    """One thing that is wrong with a request."""

    detail: str
    field: str = ""
    """Where in the request: a parameter, or a path into the body; empty: all of it."""
    expected: str | None = None
    found: str | None = None
    hint: str | None = None


class Problem(Plain, frozen=True, kw_only=True):
    """Why a request was not fulfilled (RFC 9457, application/problem+json)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    hint: str | None = None
    errors: tuple[Wrong, ...] = ()
    """All that is wrong, where the request itself is."""


# --- the exchange -----------------------------------------------------------------------------------------------------


class Running(Plain, frozen=True, kw_only=True):
    """A scenario that is, or was, played."""

    id: str
    title: str
    state: Literal["running", "over", "stopped", "given-up"]
    step: int
    """The step that it is at, or was at in the end, from 1."""
    steps: int
    doing: str
    """That step, as the scenario file says it."""
    why: str | None = None
    """Why it was given up."""


class Overview(Plain, frozen=True, kw_only=True):
    """How the exchange is now."""

    dialect: str
    title: str
    endpoints: Mapping[str, str]
    """Every URL of the dialect by name; always with `ws` and `rest`."""
    tls_ca: str | None
    """Path of the certificate authority's file, where TLS is spoken."""
    symbols: tuple[str, ...]
    """The first one is the primary one; requests name a symbol by its text or its number, from 1."""
    versions: Mapping[str, int]
    """By symbol: the version of the book at the cursor."""
    seed: int
    profile: str
    rate: float
    """Updates a second that the market makes by itself."""
    quiet_for: float
    """Seconds for which it does not, still."""
    position: int
    """Of the newest entry in the wire log."""
    connections: int
    """Open ones."""
    holding: bool
    """Whether handshakes, acknowledgements and snapshots are kept back."""
    standing: bool
    """Whether a stall or an outage may stand, which `lift` ends."""
    scenario: Running | None
    """The scenario started last."""
    recorded: int
    """How many things were done since the recording began."""
    recorded_faults: int
    """How many faults were injected since the exchange began."""


class Book(Plain, frozen=True, kw_only=True):
    """The market as it really was at a version: best levels first, each [price, size]."""

    symbol: str
    version: int
    newest: int
    """The version at the cursor: all that was published so far."""
    sequence: int | None
    """The venue's own number of this version; null where its messages carry none."""
    time_us: int
    """The exchange's logical time of this version, in µs since the epoch."""
    bids: tuple[tuple[str, str], ...]
    asks: tuple[tuple[str, str], ...]


class Subscription(Plain, frozen=True, kw_only=True):
    """What a connection is subscribed to."""

    symbol: str
    channel: Literal["book", "trades"]
    depth: int | None
    """Levels a side; null: the whole book."""
    name: str
    """The dialect's own key for it."""
    ready: bool
    """Whether all that follows from the subscription (acknowledgement, snapshot) was sent."""


class End(Plain, frozen=True, kw_only=True):
    """How a connection ended."""

    by: Literal["client", "exchange"]
    code: int | None
    how: str


class Link(Plain, frozen=True, kw_only=True):
    """A WebSocket connection."""

    connection: int
    state: Literal["waiting", "open", "closed"]
    """`waiting`: its handshake is kept back."""
    path: str
    subscriptions: tuple[Subscription, ...]
    muted: bool
    """Whether a stall of the socket keeps everything back, even pongs."""
    end: End | None = None


class Links(Plain, frozen=True, kw_only=True):
    """The connections: all that are there, and the newest that are gone, in the order in which they came."""

    connections: tuple[Link, ...]


class Done(Plain, frozen=True, kw_only=True):
    """It was done; the newest position and the versions at the cursor then."""

    position: int
    versions: Mapping[str, int]


class Happened(Plain, frozen=True, kw_only=True):
    """Whether the client did what was waited for."""

    came: bool
    position: int


# --- faults -----------------------------------------------------------------------------------------------------------


class ParameterInfo(Plain, frozen=True, kw_only=True):
    """A parameter of a fault."""

    name: str
    text: str
    required: bool
    default: Any = None
    options: tuple[str, ...] = ()
    """The words that it may be; empty: no choice."""
    type: Literal["integer", "text", "boolean", "choice", "shape", "options"]
    """`choice`: one of `options`, or also a number where `least` is given; `options`: names with numbers or texts."""
    least: int | None = None
    most: int | None = None
    nullable: bool = False


class KindInfo(Plain, frozen=True, kw_only=True):
    """A kind of fault."""

    kind: str
    group: Group
    title: str
    text: str
    legal: bool
    """Something unusual that the venue may do (an oddity)."""
    lacking: str | None
    """Why the dialect cannot express it; null: it can."""
    request: Mapping[str, str]
    """What to post to inject it with its defaults; parameters are added to it."""
    parameters: tuple[ParameterInfo, ...]


class Kinds(Plain, frozen=True, kw_only=True):
    """Every kind of fault that there is."""

    kinds: tuple[KindInfo, ...]
    shape: tuple[ParameterInfo, ...]
    """The parts of a shape: what happens in the market next."""


class Injected(Plain, frozen=True, kw_only=True):
    """A fault that was injected."""

    number: int
    kind: str
    fault: Any
    """As a scenario file says it."""
    legal: bool
    state: State
    """`waiting` for its moment; `struck` at least once; `disarmed` before it struck."""
    strikes: int
    waits_for: str
    position: int
    """Of the newest log entry when it was injected."""
    struck_at: int | None
    """Position of its first strike."""
    note: str
    """What it did, at its newest strike."""
    scenario: str | None
    """The id of the scenario that brought it; null: a hand did."""


class InjectedList(Plain, frozen=True, kw_only=True):
    """The faults that were injected, the newest first."""

    faults: tuple[Injected, ...]


# --- what is asked ----------------------------------------------------------------------------------------------------


class Skip(Asked, frozen=True, kw_only=True):
    """How many updates nobody is told of."""

    count: int


class Rate(Asked, frozen=True, kw_only=True):
    """Updates a second that the market makes by itself; 0: none."""

    rate: float


class Quiet(Asked, frozen=True, kw_only=True):
    """For how many seconds the market does not move by itself; 0 ends it."""

    seconds: float


class Await(Asked, frozen=True, kw_only=True):
    """What the client must do, and for how many seconds it is waited for."""

    what: Literal["reconnect", "subscribe", "unsubscribe", "snapshot-request"]
    limit: float = 10.0
    since: int | None = None
    """A position; null: since the last fault struck or, without one, since the exchange began."""


class Start(Asked, frozen=True, kw_only=True):
    """Which scenario: one of the catalogue by its `id`, or the `text` of a scenario file."""

    id: str | None = None
    text: str | None = None
    replace: bool = False
    """Stop the one that is being played, if one is."""


class Nothing(Asked, frozen=True, kw_only=True):
    """An empty object."""


# --- scenarios --------------------------------------------------------------------------------------------------------


class ScenarioInfo(Plain, frozen=True, kw_only=True):
    """A scenario of the catalogue."""

    id: str
    title: str
    purpose: str
    lacking: str | None
    """Why it cannot be played here; null: it can."""


class Scenarios(Plain, frozen=True, kw_only=True):
    """The catalogue."""

    scenarios: tuple[ScenarioInfo, ...]


# --- the wire ---------------------------------------------------------------------------------------------------------


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """The base of log entries. `at`: seconds since the exchange began."""

    position: int
    at: float


class Opened(Entry, frozen=True, kw_only=True, tag="opened"):
    """A WebSocket connection was accepted."""

    connection: int
    path: str
    intents: tuple[str, ...]
    """What the client asked for by the address."""


class Closed(Entry, frozen=True, kw_only=True, tag="closed"):
    """A WebSocket connection has ended."""

    connection: int
    by: Literal["client", "exchange"]
    code: int | None
    how: str


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a message or a body."""

    size: int
    """In bytes, whole."""
    text: str
    encoding: Literal["text", "base64"]
    cut: bool
    """Whether only the beginning is here: ask with a larger `payload`."""


class Sent(Entry, frozen=True, kw_only=True, tag="sent"):
    """A message to the client."""

    connection: int
    message: str
    """What it is: `snapshot`, `update`, `ack`, `heartbeat` …"""
    symbol: str | None
    first: int
    """An update leads from version `first` to `last`; a snapshot shows `last`."""
    last: int
    faults: tuple[int, ...]
    """The numbers of the faults that touched it."""
    timer: bool
    """Whether it goes by the clock (heartbeats)."""
    payload: Payload


class Received(Entry, frozen=True, kw_only=True, tag="received"):
    """A message of the client."""

    connection: int
    intents: tuple[str, ...]
    """What the venue understood."""
    payload: Payload


class Pinged(Entry, frozen=True, kw_only=True, tag="pinged"):
    """A WebSocket ping of the client."""

    connection: int


class Request(Entry, frozen=True, kw_only=True, tag="request"):
    """An HTTP request of the client."""

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    payload: Payload


class Answer(Entry, frozen=True, kw_only=True, tag="answer"):
    """The answer to an HTTP request."""

    number: int
    status: int | None
    """null: the connection was dropped without an answer."""
    symbol: str | None
    """Whose book it shows, if one."""
    version: int | None
    faults: tuple[int, ...]
    payload: Payload


class Struck(Entry, frozen=True, kw_only=True, tag="struck"):
    """A fault did its work."""

    fault: int
    fault_kind: str
    connection: int | None
    symbol: str | None
    first: int
    last: int
    note: str


class Proved(Entry, frozen=True, kw_only=True, tag="proved"):
    """A pong proved that the client has read everything up to `covers`."""

    connection: int
    covers: int


class Step(Entry, frozen=True, kw_only=True, tag="step"):
    """A hand did something (`place` 0), or a script began its step `place`; or what a step waited for came, or did not."""

    place: int
    step: str


AnyEntry = Opened | Closed | Sent | Received | Pinged | Request | Answer | Struck | Proved | Step


class Wire(Plain, frozen=True, kw_only=True):
    """The wire log after a position."""

    entries: tuple[AnyEntry, ...]
    next: int
    """The position to ask `since` next time."""
    last: int
    """Of the newest entry that there is."""
    lost: int
    """How many entries after `since` are gone: the log keeps the newest only."""

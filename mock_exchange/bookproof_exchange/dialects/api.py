"""What a dialect is: the contract that every dialect package fulfils and everything else relies on.

A dialect is pure. Its *exchange side* (`Session`, `rest`) turns client bytes and market truth into messages. Its
*client side* (`Ideal`) says how a correct client speaks, decodes and judges; it shares no encoder with the exchange
side, so that the two check each other.

Every dialect package has the same files:

    __init__.py   DIALECT, the one public name
    traits.py     instruments, endpoints, limits, what the dialect can express (`Traits`)
    codec.py      exchange side: truth to wire bytes
    session.py    exchange side: one connection's state machine, sans-I/O
    rest.py       exchange side: HTTP requests to answers
    edits.py      exchange side: faults that need to know the dialect (`Edit`)
    ideal.py      client side: how the ideal client speaks, decodes and judges
    rules.py      the obligations of a client, each with its source
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from bookproof_exchange.market import Book, Change, Instrument, Trade, Truth

# --- what goes over the wire -------------------------------------------------------------------------------------


class Frame(msgspec.Struct, frozen=True):
    """One WebSocket data frame's payload, decompressed."""

    payload: bytes
    binary: bool = False


class Feed(msgspec.Struct, frozen=True, order=True):
    """What one subscription delivers. ``name`` is the dialect's own key for it (stream name, topic)."""

    symbol: str
    channel: Literal["book", "trades"]
    depth: int | None = None
    """Levels a side that the exchange keeps the client at; None: the whole book."""
    name: str = ""


class Kind(enum.StrEnum):
    """What a message is, in the harness's words."""

    SNAPSHOT = "snapshot"
    UPDATE = "update"
    TRADES = "trades"
    OTHER_DATA = "other-data"
    ACK = "ack"
    REFUSAL = "refusal"
    REPLY = "reply"
    HEARTBEAT = "heartbeat"
    STATUS = "status"
    NOTICE = "notice"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message from the exchange, encoded, with what it means.

    For book messages: ``first``..``last`` are truth versions: an update leads from ``first`` to ``last``, a snapshot
    shows ``last``. ``changes`` are the levels in the order in which they stand on the wire.
    """

    kind: Kind
    payload: bytes
    binary: bool = False
    feed: Feed | None = None
    first: int = 0
    last: int = 0
    changes: tuple[Change, ...] = ()

    @property
    def frame(self) -> Frame:
        return Frame(self.payload, self.binary)


# --- what the client asked for -----------------------------------------------------------------------------------


class Subscribed(msgspec.Struct, frozen=True, tag=True):
    """The client subscribed and the venue accepts. ``again``: the connection had it already."""

    feed: Feed
    again: bool = False


class Unsubscribed(msgspec.Struct, frozen=True, tag=True):
    feed: Feed


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The client asked for something that the venue refuses (and says so, or stays silent, as the venue does)."""

    what: str
    reason: str


class Pinged(msgspec.Struct, frozen=True, tag=True):
    """An application-level ping of the client."""


class Asked(msgspec.Struct, frozen=True, tag=True):
    """Any other well-formed request (list subscriptions, set property, another channel)."""

    what: str


Intent = Subscribed | Unsubscribed | Refused | Pinged | Asked


class Hangup(msgspec.Struct, frozen=True):
    """The venue closes the connection."""

    code: int
    reason: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a session answers to one client frame. Messages go out in order; then a snapshot for each feed of
    ``snapshots`` (asked of ``Session.snapshot`` when it is sent, so that a script can hold it back)."""

    messages: tuple[Message, ...] = ()
    snapshots: tuple[Feed, ...] = ()
    intents: tuple[Intent, ...] = ()
    hangup: Hangup | None = None


# --- the exchange side -------------------------------------------------------------------------------------------


class Tick(msgspec.Struct, frozen=True):
    """The market of one symbol moves from version ``first`` to ``last``: what one message of a feed covers."""

    symbol: str
    first: int
    last: int


class View(Protocol):
    """What a session may see of the exchange: the market at the script's cursor."""

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """By symbol, in the order of the scenario (the first is the primary one)."""
        ...

    def truth(self, symbol: str) -> Truth: ...

    def index(self, symbol: str) -> int:
        """The version at the cursor: all that was published so far."""
        ...

    def sequence_base(self, symbol: str) -> int:
        """Version i has the venue sequence number ``sequence_base + i``. Salted, 10 or 11 digits."""
        ...

    def time_us(self, symbol: str, index: int) -> int:
        """Wall time (µs since the epoch, logical) of a version."""
        ...

    @property
    def now_us(self) -> int:
        """The exchange's logical clock, µs since the epoch."""
        ...


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    path: str
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    """Names in lower case."""
    body: bytes = b""


class RestSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """That an answer carries a book: which one, of which version, cut to how many levels a side."""

    symbol: str
    index: int
    limit: int | None


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    snapshot: RestSnapshot | None = None
    weight: int = 0
    """What the request costs against the venue's limit."""
    pieces: int = 1
    """In how many writes the body is sent."""
    chunked: bool = False
    """In the chunked transfer coding, instead of with its length in front."""


class Session(Protocol):
    """One connection, sans-I/O. Never raises on client input: bad input gets the venue's own answer."""

    @property
    def feeds(self) -> Sequence[Feed]:
        """Live subscriptions, in the order made."""
        ...

    @property
    def lone(self) -> bool:
        """Whether the venue sends nothing but one symbol's messages here, whatever happens: the address names one stream,
        and nothing more was asked for."""
        ...

    def open(self) -> Reply:
        """The connection was accepted (subscriptions in the URL count as made here)."""
        ...

    def receive(self, frame: Frame) -> Reply:
        """One client frame."""
        ...

    def refuse(self, frame: Frame) -> Reply:
        """The venue's refusal, in its own words, of a subscription that it would otherwise accept (the session is
        unchanged). Where the venue refuses in silence: no message. Only asked for subscription frames."""
        ...

    def publish(self, tick: Tick) -> Sequence[Message]:
        """What this connection's feeds of the symbol send for the tick (nothing, where nothing visible changed)."""
        ...

    def snapshot(self, feed: Feed) -> Message | None:
        """A snapshot in band at the cursor; None where the dialect has none."""
        ...

    def heartbeat(self) -> Sequence[Message]:
        """What the venue sends every ``Traits.heartbeat_s`` on this connection (timer lane); often nothing."""
        ...

    def farewell(self) -> Sequence[Message]:
        """The venue's notice that it will close soon (for instance ``serverShutdown``); often nothing."""
        ...


# --- edits: faults that need to know the dialect -----------------------------------------------------------------

EditKind = Literal[
    "wrong-checksum",  # the checksum says something else, the content is right            (param value: int | None)
    "zero-checksum",  # the checksum says 0
    "corrupt-level",  # one level's size is wrong; the checksum, if any, is the right one of the *true* book
    "corrupt-level-consistent",  # one level's size is wrong and the checksum agrees with the wrong book
    "cut",  # the payload is cut in the middle: not parseable
    "wrong-type",  # a field has a wrong JSON/protobuf type
    "unknown-type",  # a well-formed message of a type that no client can know
    "unknown-field",  # the same message with an additional field
    "padded-numbers",  # the same numbers spelled with more trailing zeros, where the venue may
    "trimmed-numbers",  # the same numbers spelled without trailing zeros, where the venue may
    "delete-absent",  # additionally deletes a level that does not exist
    "set-then-delete",  # additionally sets and deletes an absent price in the same message, in order
    "delete-then-set",  # a changed level is first deleted, then set, in the same message
    "reversed-rows",  # the levels in the reverse order (only where the venue does not promise one, all prices differ)
    "empty-update",  # the same envelope and sequence, no levels
    "null-side",  # an untouched side is spelled the other way (null, missing), where the venue does
    "renumbered-gap",  # the sequence numbers skip, the content does not
    "overlap",  # the sequence range begins earlier than it need, with the content of then  (param value: versions)
    "foreign-symbol",  # a message of a symbol that was not subscribed, beside the update
]


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """One change to one encoded message."""

    kind: EditKind
    value: int | None = None


# --- the client side ---------------------------------------------------------------------------------------------


class BookSnapshot(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A whole book, decoded. ``depth`` is the window the feed keeps (None: whole book or unknown)."""

    symbol: str
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    sequence: int | None = None
    checksum: int | None = None


class BookUpdate(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Changes, decoded, in wire order. ``first``/``last``: the venue's sequence range, where it has one."""

    symbol: str
    changes: tuple[Change, ...]
    first: int | None = None
    last: int | None = None
    checksum: int | None = None


class TradeReport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    symbol: str
    trades: tuple[Trade, ...]


class Acked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A subscription was confirmed (or refused). ``symbols`` empty: all that were asked for last."""

    ok: bool
    what: Literal["subscribe", "unsubscribe"] = "subscribe"
    channel: str = "book"
    symbols: tuple[str, ...] = ()
    reason: str = ""


class Beat(msgspec.Struct, frozen=True, tag=True):
    """Heartbeat, pong, status: alive, nothing to do."""


class GoingDown(msgspec.Struct, frozen=True, tag=True):
    """The venue announces that it will close: reconnect now."""


class Ignored(msgspec.Struct, frozen=True, tag=True):
    """Well-formed and of no interest (unknown type or channel, a reply)."""


class Malformed(msgspec.Struct, frozen=True, tag=True):
    """Not to be understood: a correct client must not show anything derived from it.

    ``symbol``: whose book it would have changed, where that can still be read."""

    reason: str
    symbol: str | None = None


Decoded = BookSnapshot | BookUpdate | TradeReport | Acked | Beat | GoingDown | Ignored | Malformed


class Link(enum.Enum):
    """How an update joins a book."""

    NEXT = "next"
    OLD = "old"
    """Entirely known already: ignore."""
    GAP = "gap"
    """Something between is missing: the book is broken from here."""


class Ideal(Protocol):
    """How the ideal client of the dialect speaks, decodes and judges. Pure functions; no state."""

    snapshot_from: Literal["stream", "rest"]

    def connect_path(self, symbols: Sequence[str], channels: Sequence[str], depth: int | None) -> str:
        """Path and query of the WebSocket URL, below the endpoint's base URL."""
        ...

    def subscribe(self, symbols: Sequence[str], channels: Sequence[str], depth: int | None) -> Sequence[Frame]: ...

    def unsubscribe(self, symbols: Sequence[str], channels: Sequence[str], depth: int | None) -> Sequence[Frame]: ...

    def snapshot_request(self, symbol: str, depth: int | None) -> HttpRequest | None:
        """The REST request for a book; None where snapshots come in band."""
        ...

    def decode(self, frame: Frame, instruments: Mapping[str, Instrument]) -> Sequence[Decoded]: ...

    def decode_rest(self, symbol: str, answer: HttpAnswer, instruments: Mapping[str, Instrument]) -> Decoded:
        """BookSnapshot, or Malformed where the answer is no book. Its status and body alone decide."""
        ...

    def window(self, depth: int | None) -> int | None:
        """Levels a side to truncate to after every message, for a subscription asked with ``depth``; None: never."""
        ...

    def link(self, last: int | None, update: BookUpdate, *, first_after_snapshot: bool) -> Link:
        """How an update joins a book whose sequence is ``last``."""
        ...

    def verify(self, book: Book, checksum: int | None, instrument: Instrument) -> bool:
        """Whether the checksum agrees with the (already truncated) book; True where there is none."""
        ...

    def keepalive(self) -> Frame | None:
        """An application-level ping, where the venue wants one."""
        ...


# --- the dialect -------------------------------------------------------------------------------------------------

Level = Literal["MUST", "SHOULD", "MAY"]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One obligation of a client. ``key`` is shared between dialects (``gap-restart``); the id is ``dialect/key``."""

    key: str
    level: Level
    text: str
    """One sentence, addressed to the client's author."""
    source: str
    """The venue's document (or, marked so, where it was seen), with URL."""
    seen: str
    """When it was read: YYYY-MM-DD or YYYY-MM."""
    certain: bool = True
    """False: the sheets disagree or only clients say so; no check may rest on it alone."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """How much a client may ask of the venue: at most ``most`` in ``seconds``.

    ``messages``: data frames and WebSocket pings on one connection (pongs count with some venues, too; the harness pings
    far more often than a venue, so they are not held against a client). ``connections``: attempts, the refused ones too.
    ``weight``: of REST requests."""

    what: Literal["messages", "connections", "weight"]
    most: int
    seconds: float
    rule: str
    """Key of the rule that says so; its level is the limit's."""
    rolling: bool = True
    """In any ``seconds``. False: the venue counts by intervals of the clock, or does not say: then twice as much may fall
    into ``seconds`` across a border, and only what is more than that is too much for certain."""
    each_path: bool = False
    """``weight``: of each REST path by itself."""
    hangup: Hangup | None = None
    """``messages``: how the venue ends a connection that goes beyond."""

    @property
    def certain(self) -> int:
        """More than this in ``seconds`` is too much however the venue counts."""
        return self.most if self.rolling else 2 * self.most


class Address(msgspec.Struct, frozen=True):
    """Where the real venue serves this protocol to everybody, over TLS."""

    host: str
    what: Literal["ws", "rest"]
    port: int = 443


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What the dialect is like, so that scenarios know whether they can be expressed."""

    snapshot_from: Literal["stream", "rest"]
    sequence: bool
    checksum: bool
    windowed: bool
    default_depth: int | None
    depths: tuple[int, ...]
    """Depths that a client may ask for; empty: no choice."""
    channels: tuple[str, ...] = ("book", "trades")
    batch: tuple[int, int] = (1, 1)
    """How many truth events one update covers: from, to (drawn from the seed)."""
    rest_limit: int | None = None
    """Levels a side of a REST snapshot where the client does not say."""
    heartbeat_s: float | None = None
    ping_s: float | None = None
    """How often the venue sends WebSocket pings by itself."""
    pong_limit_s: float | None = None
    compression: bool = False
    """Whether the venue negotiates permessage-deflate."""
    edits: frozenset[str] = frozenset()
    """Which EditKinds make sense here."""
    close_codes: tuple[int, ...] = (1000, 1001, 1006, 1012)
    farewell: bool = False
    limits: tuple[Limit, ...] = ()
    """What a client may ask of the venue, each with its rule."""
    addresses: tuple[Address, ...] = ()
    """The real venue's, the usual one of each kind first: what is answered in its place where a client cannot be redirected.
    Empty: clients of this dialect have to be redirected."""


class Dialect(Protocol):
    """One protocol of a venue."""

    name: str
    title: str
    traits: Traits
    instruments: Sequence[Instrument]
    """At least three, typical of the venue; scenarios take the first n."""
    rules: Mapping[str, Rule]
    """By key."""
    ideal: Ideal

    def endpoints(self, ws: str, http: str) -> Mapping[str, str]:
        """Named endpoints for the driver's ``start``, from the two base URLs (no trailing slash).

        Always has ``ws`` and ``rest``: the usual two, as a client of this venue is configured."""
        ...

    def accepts(self, request: HttpRequest) -> HttpAnswer | None:
        """None: the WebSocket handshake at this path is accepted; else the venue's refusal."""
        ...

    def session(self, request: HttpRequest, view: View) -> Session: ...

    def rest(self, request: HttpRequest, view: View) -> HttpAnswer:
        """Any HTTP request. Unknown paths get the venue's own error. A snapshot shows ``view.index(symbol)``."""
        ...

    def limited(self, status: int, retry_after: int | None) -> HttpAnswer:
        """The venue's own error answer with this HTTP status (429, 418, 5xx …)."""
        ...

    def edit(self, message: Message, edit: Edit, view: View) -> Message | None:
        """The message with the edit; None where this message cannot carry it."""
        ...

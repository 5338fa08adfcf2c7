"""The variants of every kind of fault: what each is called in a scenario, or why it has no place here."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One variant of a kind. ``by``: what carries it in a scenario: a fault or edit (``stall lost``: with that parameter
    given), ``shape:KIND``, ``profile:NAME``, ``step:NAME``, ``symbols``; None: ``because`` says why nothing does."""

    kind: str
    what: str
    by: str | None = None
    because: str = ""


def _is(kind: str, what: str, by: str) -> Variant:
    return Variant(kind=kind, what=what, by=by)


def _not(kind: str, what: str, because: str) -> Variant:
    return Variant(kind=kind, what=what, because=because)


_NO_DIALECT = "no dialect here does it"

VARIANTS: tuple[Variant, ...] = (
    _is("F1", "a further snapshot in band, in mid-stream", "resnapshot"),
    _is("F1", "an empty snapshot", "resnapshot empty"),
    _is("F1", "the snapshot of a recovery lacks what was deleted unseen", "drop"),
    _is("F2", "one update, several, the first, the last before a pause, one that deletes the best", "drop"),
    _is("F2", "an update that cannot be parsed counts as lost", "cut"),
    _is("F2", "an update with a field of a wrong type", "wrong-type"),
    _is("F2", "the numbers skip, the content does not", "renumbered-gap"),
    _is("F2", "a stall whose messages never come", "stall lost"),
    _is("F3", "close frames with the venue's codes, FIN, RST, half a frame", "close"),
    _is("F3", "a notice before the end", "farewell"),
    _is("F3", "new attempts are refused, for some time or until it is lifted", "close refuse"),
    _not("F3", "new channel ids after a reconnect", f"{_NO_DIALECT}: a message names its symbol"),
    _is("F4", "updates before the acknowledgement", "late-ack"),
    _is("F4", "updates between acknowledgement and snapshot", "early-updates"),
    _is("F4", "a snapshot that takes its time while the stream goes on", "slow-rest"),
    _is("F4", "no acknowledgement", "no-ack"),
    _is("F4", "no snapshot", "no-snapshot"),
    _is("F5", "older than the stream, several times", "stale-rest"),
    _is("F5", "ahead of the stream", "ahead-rest"),
    _is("F5", "inside an update", "straddled-rest"),
    _is("F6", "of the best level, of any level", "shape:delete"),
    _is("F6", "of a level that is not there", "delete-absent"),
    _is("F6", "zero with more zeros", "padded-numbers"),
    _is("F6", "zero with fewer zeros", "trimmed-numbers"),
    _not("F6", "count 0, a price of 0, a deletion that carries a size", f"{_NO_DIALECT}: size 0 is the only spelling"),
    _not("F6", "a zero row in a snapshot", f"{_NO_DIALECT}, and a client may refuse it"),
    _is("F7", "pushed out unsaid, and back again", "shape:improve"),
    _is("F7", "a side without levels, and refilled", "shape:drain"),
    _is("F7", "changes outside the window", "shape:change"),
    _is("F7", "fewer levels than the window", "profile:thin"),
    _is("F7", "more levels than a snapshot has", "profile:deep"),
    _is("F8", "one price set and deleted in a message", "set-then-delete"),
    _is("F8", "one price deleted and set in a message", "delete-then-set"),
    _is("F8", "rows in another order", "reversed-rows"),
    _is("F8", "no rows at all, no body", "empty-update"),
    _is("F8", "many rows of both sides", "shape:sweep"),
    _not("F8", "two payload blocks in a message", "kraken-v2: data has exactly one element; the others have no blocks"),
    _not("F8", "null for an empty side", f"{_NO_DIALECT}: an empty list, or nothing at all in protobuf"),
    _is("F9", "more trailing zeros than before", "padded-numbers"),
    _is("F9", "fewer trailing zeros than before", "trimmed-numbers"),
    _is("F9", "other precision from symbol to symbol", "symbols"),
    _not("F9", "exponents (1e-7)", "never seen in a book message of these venues"),
    _is("F10", "wrong, also above 2**31, three in a row", "wrong-checksum"),
    _is("F10", "0", "zero-checksum"),
    _is("F10", "right, for a book that came wrong", "corrupt-level"),
    _is("F10", "agreeing with a wrong number", "corrupt-level-consistent"),
    _not("F10", "absent from some frames", "kraken-v2 sends one in every book message"),
    _is("F11", "ranges that overlap", "overlap"),
    _is("F11", "an old event again", "duplicate"),
    _is("F11", "a snapshot inside a range", "straddled-rest"),
    _not("F11", "heartbeats that consume numbers, a reset to a lower number", _NO_DIALECT),
    _is("F12", "one feed, all data, or the whole socket with its pings", "stall"),
    _is("F12", "a quiet market on a healthy connection (legal)", "step:quiet"),
    _is("F13", "a refusal in the venue's own words", "refuse-subscribe"),
    _is("F13", "a second subscription without unsubscribing gets no snapshot", "drop"),
    _is("F14", "403, 404, 5xx, no answer; empty, HTML, cut, short", "failing-rest"),
    _is("F14", "429, 418, 503 with a time to wait", "failing-rest retry_after"),
    _is("F14", "a redirection", "failing-rest status"),
    _is("F14", "slow, in pieces", "pieced-rest"),
    _is("F14", "in the chunked transfer coding", "pieced-rest chunked"),
    _is("F15", "several symbols on a connection", "symbols"),
    _is("F15", "a symbol that nobody asked for", "foreign-symbol"),
    _not(
        "F15", "channel ids that are used again, spot and swap with one id", f"{_NO_DIALECT}: they have no channel ids"
    ),
    _not(
        "F16",
        "an unknown order, no price, a change before its opening",
        "no dialect here has a channel of single orders",
    ),
    _is("F17", "bursts, a long day, one busy symbol among quiet ones", "profile:load"),
    _is("F17", "a busy market during the recovery", "step:converge"),
    _is("F18", "updates of the old subscription after the request to end it", "late-tail"),
    _is("F18", "the stream goes on while the client subscribes anew", "step:converge"),
    _is("F19", "new fields in updates", "unknown-field"),
    _is("F19", "new fields in everything, also in HTTP answers", "new-fields"),
    _is("F19", "a message of an unknown type", "unknown-type"),
    _is("F20", "twice, at once or later", "duplicate"),
    _is("F20", "neighbours in the wrong order", "swap"),
    _is("F20", "one that comes late", "delay"),
    _is("F21", "another loss", "drop"),
    _is("F21", "the snapshot of the recovery fails, or is too old", "failing-rest"),
    _is("F21", "the new subscription is refused", "refuse-subscribe"),
    _is("F21", "the connection ends, or a frame breaks", "broken-frame"),
    _is("W", "a message in several frames, a ping or pong between them (legal)", "fragmented"),
    _is(
        "W",
        "masks, reserved bits and opcodes, broken continuations and control frames, invalid UTF-8, a terabyte",
        "broken-frame",
    ),
    _not(
        "W",
        "a compressed block that cannot be unpacked",
        "no dialect here negotiates compression; `broken-frame` has it",
    ),
    _not("W", "compression whose context is kept or reset", "no dialect here negotiates compression"),
)

#: Why a kind has no scenario on a dialect.
NOT_HERE: Mapping[str, Mapping[str, str]] = {
    "F5": {"kraken-v2": "its snapshot comes in the stream, in its place: it is never older or newer than that"},
    "F10": {
        "binance-spot": "it has no checksum",
        "mexc-v3": "it has no checksum",
    },
    "F11": {"kraken-v2": "its book messages have no sequence"},
    "F13": {"binance-spot": "the URL subscribes, and nothing is acknowledged; a wrong one is answered by HTTP"},
    "F14": {"kraken-v2": "its snapshots do not come by REST"},
    "F16": dict.fromkeys(
        ("binance-spot", "kraken-v2", "mexc-v3"),
        "it has no channel of single orders here (with Kraken it takes a token)",
    ),
}

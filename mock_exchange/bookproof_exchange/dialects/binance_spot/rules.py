"""The obligations of a client of Binance Spot, each with its source."""

from __future__ import annotations

from collections.abc import Mapping

from bookproof_exchange.dialects.api import Level, Rule
from bookproof_exchange.dialects.standards import HTTP, WEBSOCKET

_STREAMS = "https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md"
_BOOK = f"{_STREAMS}#how-to-manage-a-local-order-book-correctly"
_REST = "https://github.com/binance/binance-spot-api-docs/blob/master/rest-api.md"
_CHANGES = "https://github.com/binance/binance-spot-api-docs/blob/master/CHANGELOG.md"
_READ = "2026-07-21"


def _rule(key: str, level: Level, text: str, source: str, *, seen: str = _READ, certain: bool = True) -> Rule:
    return Rule(key=key, level=level, text=text, source=source, seen=seen, certain=certain)


_ALL: tuple[Rule, ...] = (
    _rule(
        "buffer-before-snapshot",
        "MUST",
        "Open the stream and buffer its events before you ask for the snapshot, and lose none while you wait for it.",
        _BOOK,
    ),
    _rule(
        "stale-snapshot-refetch",
        "MUST",
        "Fetch the snapshot again while its lastUpdateId lies before the first buffered event's U; keep the buffer.",
        _BOOK,
    ),
    _rule(
        "align-start",
        "MUST",
        "After the snapshot drop buffered events with u <= lastUpdateId and go on with the one that holds"
        " lastUpdateId + 1 (U <= lastUpdateId + 1 <= u), which may begin exactly there.",
        _BOOK,
    ),
    _rule(
        "old-event-ignored",
        "MUST",
        "Ignore an event whose u is less than your book's update id; a repeated event must leave the book unchanged.",
        _BOOK,
    ),
    _rule(
        "overlap-accepted",
        "MUST",
        "Apply an event that begins at or before your book's update id and ends after it: quantities are absolute.",
        f"{_BOOK} (only U greater than the book's id plus one is a gap)",
    ),
    _rule(
        "gap-restart",
        "MUST",
        "If an event's U is greater than your book's update id + 1, events are lost: discard the book, stop showing it,"
        " and start again from a new snapshot.",
        _BOOK,
    ),
    _rule(
        "snapshot-replaces",
        "MUST",
        "A new snapshot replaces the whole book: no level of the old one survives it.",
        f'{_BOOK} ("discard your local order book and restart the process")',
    ),
    _rule(
        "delete-zero",
        "MUST",
        "Remove a level whose new quantity is zero, however the zero is spelled.",
        _BOOK,
    ),
    _rule(
        "delete-unknown",
        "MUST",
        "Take the removal of a level that you do not have as a matter of course: it may lie outside your snapshot.",
        "https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/"
        'How-to-manage-a-local-order-book-correctly ("can happen and is normal"; the spot page says nothing)',
        certain=False,
    ),
    _rule(
        "numbers-lossless",
        "MUST",
        'Show prices and quantities as sent, to the last digit, and compare them as numbers: "0.0024" (as the documents'
        ' write it) and "0.00240000" (as the stream does) are the same price.',
        f"{_STREAMS}#diff-depth-stream (examples without trailing zeros; captured frames have eight decimals)",
    ),
    _rule(
        "thin-book",
        "MUST",
        "Keep the right book when a side has few levels or none.",
        f"{_BOOK} (a level is removed at quantity zero; no side is promised to have levels)",
    ),
    _rule(
        "reconnect-rebuild",
        "MUST",
        "After every reconnect build each book anew from a snapshot: nothing says that update ids continue.",
        f"{_STREAMS}#general-wss-information (a connection lives at most 24 hours); {_BOOK}",
    ),
    _rule(
        "silence-noticed",
        "SHOULD",
        "Notice that a connection is dead: the venue pings every 20 seconds.",
        f"{_STREAMS}#general-wss-information",
    ),
    _rule(
        "shutdown-notice",
        "SHOULD",
        "On serverShutdown, bare or on the stream !serverShutdown, open a new connection at once.",
        f"{_STREAMS} and {_CHANGES} (2026-05-08)",
    ),
    _rule(
        "pong",
        "MUST",
        "Answer every WebSocket ping with a pong that repeats its payload, within a minute.",
        f"{_STREAMS}#general-wss-information",
    ),
    _rule(
        "rest-retry",
        "SHOULD",
        "When the snapshot request fails, ask again, keep buffering, and show no book meanwhile.",
        f"{_REST}#http-return-codes (5xx: the failure is the venue's); {_BOOK}",
    ),
    _rule(
        "rest-backoff",
        "MUST",
        "After HTTP 429 or 418 send no request before Retry-After seconds have passed.",
        f"{_REST}#ip-limits",
    ),
    _rule(
        "rest-weight",
        "SHOULD",
        "Keep the weight of your REST requests below 6000 a minute: beyond, they are answered with HTTP 429, and who does"
        " so again and again is banned.",
        f"{_REST}#ip-limits",
    ),
    _rule(
        "unknown-tolerated",
        "SHOULD",
        "Ignore fields and event types that you do not know: the venue adds them without a new version.",
        f"{_CHANGES} (fields and streams were added to the running API, e.g. 2026-05-08)",
    ),
    _rule(
        "malformed-survived",
        "SHOULD",
        "Show nothing that comes from a message which you cannot read whole; treat it as lost events.",
        f"{_BOOK} (by inference: an event that was not applied is a missing event)",
        certain=False,
    ),
    _rule(
        "isolation",
        "MUST",
        "Update ids are per symbol: what happens to one symbol's book must not touch another's.",
        f"{_STREAMS}#diff-depth-stream (each event names its symbol); {_BOOK}",
    ),
    _rule(
        "no-false-alarm",
        "SHOULD",
        "Do not throw a right book away: rows in any order, an overlap, an old event, an unknown removal are no gap.",
        _BOOK,
    ),
    _rule(
        "resubscribe-clean",
        "MUST",
        "After you unsubscribe and subscribe again, build the book anew: events in between were not sent to you.",
        f"{_STREAMS}#live-subscribingunsubscribing-to-streams; {_BOOK}",
    ),
    _rule(
        "message-rate",
        "MUST",
        "Send at most 5 messages a second on a connection, WebSocket pings and pongs among them.",
        f"{_STREAMS}#websocket-limits",
    ),
    _rule(
        "reconnect-backoff",
        "MUST",
        "Make at most 300 connection attempts in 5 minutes.",
        f"{_STREAMS}#websocket-limits",
    ),
    _rule(
        "trades-complete",
        "SHOULD",
        "Report every trade once and in order: t grows by one a trade of the symbol.",
        f"{_STREAMS}#trade-streams (t seen to be contiguous in captures)",
        certain=False,
    ),
)

RULES: Mapping[str, Rule] = {rule.key: rule for rule in _ALL} | dict(WEBSOCKET) | dict(HTTP)

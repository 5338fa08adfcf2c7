"""What a client of Kraken WebSocket v2 owes, each rule with the venue's document that says so."""

from __future__ import annotations

from collections.abc import Mapping

from bookproof_exchange.dialects.api import Level, Rule
from bookproof_exchange.dialects.standards import WEBSOCKET

_BOOK = "https://docs.kraken.com/api/docs/websocket-v2/book"
_GUIDE = "https://docs.kraken.com/api/docs/guides/spot-ws-book-v2"
_INTRO = "https://docs.kraken.com/exchange/guides/websockets/introduction"
_TRADE = "https://docs.kraken.com/api/docs/websocket-v2/trade"
_HEARTBEAT = "https://docs.kraken.com/api/docs/websocket-v2/heartbeat"
_STATUS = "https://docs.kraken.com/api/docs/websocket-v2/status"
_SEEN = "2026-05"


def _rule(
    key: str, level: Level, text: str, source: str, *, seen: str = _SEEN, certain: bool = True
) -> tuple[str, Rule]:
    return key, Rule(key=key, level=level, text=text, source=source, seen=seen, certain=certain)


RULES: Mapping[str, Rule] = dict(
    (
        _rule(
            "snapshot-replaces",
            "MUST",
            "Replace the whole book by every snapshot, also by one in the middle of the stream; never merge it.",
            _BOOK,
        ),
        _rule(
            "wait-for-snapshot",
            "MUST",
            "Show no book, and apply no update, before the snapshot that follows the subscription.",
            _GUIDE,
        ),
        _rule(
            "window-truncate",
            "MUST",
            "After every message drop all levels beyond the subscribed depth, on both sides: levels pushed out "
            "are not deleted by the venue.",
            _GUIDE,
        ),
        _rule("delete-zero", "MUST", "Remove a level whose quantity is 0.", _GUIDE),
        _rule(
            "delete-unknown",
            "MUST",
            "Ignore the deletion of a price that you do not hold.",
            "seen: krakenfx/api-go and krakenfx/kraken-sample-ws-api-v2-client fail on it; https://github.com/krakenfx",
            seen="2026-08",
        ),
        _rule(
            "rows-in-order",
            "MUST",
            "Process the rows of an update in sequence: they are not sorted and may name one price several times.",
            _BOOK,
        ),
        _rule(
            "checksum-verify",
            # "Checksum verification is optional", says the guide; a wrong book shown as live is wrong all the same
            "SHOULD",
            "Compute the CRC-32 of the ten best levels a side after every message, snapshots included, and take a book "
            "whose checksum differs (0 and values above 2**31 are checksums like others) as invalid at once.",
            _GUIDE,
        ),
        _rule(
            "recover-after-checksum",
            "SHOULD",
            "After a wrong checksum subscribe again and go on from the new snapshot only.",
            _GUIDE,
        ),
        _rule(
            "numbers-lossless",
            "MUST",
            "Parse price and quantity as decimals or text, at full precision with trailing zeros: floats change them.",
            _GUIDE,
        ),
        _rule(
            "thin-book",
            "MUST",
            "Take books with fewer than ten levels, and empty sides: the checksum covers what there is.",
            "seen: https://github.com/ccxt/ccxt/issues/24461, https://github.com/bmoscon/orderbook/issues/6",
            seen="2026-08",
        ),
        _rule(
            "reconnect-rebuild",
            "MUST",
            "When the connection is lost every book is invalid; subscribe again and build it from the new snapshot: "
            "nothing is resumed.",
            _INTRO,
        ),
        _rule(
            "reconnect-backoff",
            "SHOULD",
            "Reconnect at once only a few times, then back off; after maintenance not more than once in five seconds.",
            _INTRO,
        ),
        _rule(
            "silence-noticed",
            "SHOULD",
            "Take the connection as dead when nothing comes for some seconds, heartbeats (one a second) included; a "
            "silent book alone is normal.",
            _HEARTBEAT,
        ),
        _rule(
            "refusal-surfaced",
            "MUST",
            "Take an answer with success false as the end of that subscription and say so: the connection stays open, "
            "its heartbeats go on and no book ever comes.",
            _BOOK,
        ),
        _rule(
            "unknown-tolerated",
            "SHOULD",
            "Ignore fields, channels and message types that you do not know, and take connection ids up to 2**64.",
            _STATUS,
        ),
        _rule(
            "malformed-survived",
            "SHOULD",
            "Show nothing that comes from a message that cannot be parsed, and recover by a new subscription.",
            "a lost update is one that the next checksum finds: " + _GUIDE,
            certain=False,
        ),
        _rule(
            "isolation",
            "SHOULD",
            "Trouble with one symbol changes nothing about the others on the same connection.",
            "subscriptions are acknowledged, and can be renewed, per symbol: " + _BOOK,
        ),
        _rule(
            "no-false-alarm",
            "SHOULD",
            "Do not resubscribe or reconnect over what the venue may legally send.",
            _INTRO,
            certain=False,
        ),
        _rule(
            "resubscribe-clean",
            "SHOULD",
            "Unsubscribe before you subscribe again on the same connection: the venue refuses a second subscription to "
            "the same symbol, also with another depth, as already subscribed, and sends no snapshot.",
            'seen live (answer "Already subscribed"); unsubscribe: ' + _BOOK,
            seen="2026-08",
        ),
        _rule(
            "trades-complete",
            "MUST",
            "Show every trade since the subscription once, in order; trade_id grows by one a symbol.",
            _TRADE,
        ),
    )
) | dict(WEBSOCKET)

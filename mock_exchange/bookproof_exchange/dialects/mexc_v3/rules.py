"""What a client of MEXC spot v3 is obliged to, and who says so.

``NEW`` are the pages of www.mexc.com/api-docs (2026), ``OLD`` the document that they replaced (August 2025). Where both
speak, the newer counts.
"""

from __future__ import annotations

from bookproof_exchange.dialects.api import Rule
from bookproof_exchange.dialects.standards import HTTP, WEBSOCKET

NEW = "https://www.mexc.com/api-docs/spot-v3/websocket-market-streams"
OLD = "https://mexcdevelop.github.io/apidocs/spot_v3_en/"
LOCAL_BOOK = f"{OLD}#how-to-properly-maintain-a-local-copy-of-the-order-book"
LIMITS = f"{OLD}#limits"
STREAMS = f"{OLD}#websocket-market-streams"
CAPTURES = "seen live, in tests of https://github.com/tardis-dev/tardis-node (test/mappers.test.ts)"

_NEW_SEEN = "2026-09"
_OLD_SEEN = "2026-11-25"

RULES = (
    {
        rule.key: rule
        for rule in (
            Rule(
                key="buffer-before-snapshot",
                level="MUST",
                text="Subscribe and buffer the depth stream before you ask REST for the snapshot.",
                source=NEW,
                seen=_NEW_SEEN,
            ),
            Rule(
                key="stale-snapshot-refetch",
                level="MUST",
                text="If lastUpdateId + 1 is below the fromVersion of the first buffered update, fetch the snapshot again.",
                source=NEW,
                seen=_NEW_SEEN,
            ),
            Rule(
                key="align-start",
                level="MUST",
                text="The first update applied has fromVersion <= lastUpdateId + 1 <= toVersion, and is applied whole. "
                "(The old text also refuses fromVersion == lastUpdateId + 1: over-strict by one, never wrong.)",
                source=f"{NEW} and {LOCAL_BOOK}",
                seen=_NEW_SEEN,
            ),
            Rule(
                key="old-event-ignored",
                level="MUST",
                text="Ignore an update whose toVersion is not above the version of your book.",
                source=f"{NEW} and {LOCAL_BOOK} (5)",
                seen=_NEW_SEEN,
            ),
            Rule(
                key="gap-restart",
                level="MUST",
                text="If fromVersion is not the previous toVersion + 1, updates were lost: initialise again from REST.",
                source=f"{LOCAL_BOOK} (3)",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="snapshot-replaces",
                level="MUST",
                text="Initialising again replaces the book: no level of the old one survives.",
                source=f"{LOCAL_BOOK} (2, 3)",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="delete-zero",
                level="MUST",
                text="A quantity that is numerically zero (0, 0.00000000) removes the level.",
                source=f"{LOCAL_BOOK} (7)",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="delete-unknown",
                level="MUST",
                text="Removing a level that you do not have changes nothing and is no error: the snapshot is limited.",
                source=f"{LOCAL_BOOK} (7, note)",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="numbers-lossless",
                level="SHOULD",
                text="Compare prices as decimals: stream and REST spell the same number with different zeros.",
                source=f"{CAPTURES}; REST as quoted in ccxt's mexc.ts",
                seen=_NEW_SEEN,
            ),
            Rule(
                key="versions-integers",
                level="MUST",
                text="fromVersion and toVersion are decimal texts of ten and more digits: compare them as integers.",
                source=f"{NEW} (toVersion + 1) and https://github.com/mexcdevelop/websocket-proto",
                seen=_NEW_SEEN,
            ),
            Rule(
                key="thin-book",
                level="SHOULD",
                text="A side may be shorter than asked for, or empty: show it as it is.",
                source=CAPTURES,
                seen=_NEW_SEEN,
            ),
            Rule(
                key="reconnect-rebuild",
                level="MUST",
                text="After a reconnection build every book anew; versions missed between two connections are lost.",
                source=f"{STREAMS} (24 hours: handle disconnections and reconnections properly), {LOCAL_BOOK} (3)",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="silence-noticed",
                level="SHOULD",
                text="Notice a connection that has gone silent: the venue itself ends one without data after a minute.",
                source=STREAMS,
                seen=_OLD_SEEN,
                certain=False,
            ),
            Rule(
                key="keepalive",
                level="SHOULD",
                text='Answer WebSocket pings, and send {"method":"PING"} so that a quiet connection stays open.',
                source=f"{STREAMS}; {OLD}#faqs (Q6)",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="rest-retry",
                level="MUST",
                text="A failed snapshot is asked for again, in the case of 429 or 418 when the time to wait is over.",
                source=LIMITS,
                seen=_OLD_SEEN,
            ),
            Rule(
                key="rest-backoff",
                level="MUST",
                text="After HTTP 429 or 418 send no request before Retry-After seconds have passed.",
                source=f"{LIMITS} (Limits Error)",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="rest-weight",
                level="SHOULD",
                text="Keep the weight of your requests below 500 in ten seconds for each endpoint: beyond, they are answered "
                "with 429, and who does so again and again is banned.",
                source=f"{LIMITS} (Limits Description)",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="refusal-surfaced",
                level="MUST",
                text="Only a msg that repeats your topics confirms them; any other is a refusal to report, code 0 or not.",
                source=f"{OLD}#live-subscription-unsubscription-to-data-streams; https://github.com/JKorf/Mexc.Net/issues/35",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="frame-type-routing",
                level="MUST",
                text="Binary frames are protobuf, text frames are control (JSON or a bare line): route by frame type.",
                source=f"{OLD}#protocol-buffers-integration",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="unknown-tolerated",
                level="SHOULD",
                text="Ignore fields and bodies that your .proto does not have: the venue adds some (June 2026).",
                source="https://github.com/mexcdevelop/websocket-proto/pull/4; https://protobuf.dev/programming-guides/proto3/#unknowns",
                seen=_NEW_SEEN,
            ),
            Rule(
                key="malformed-survived",
                level="SHOULD",
                text="A frame that does not parse changes no book and does not end the client.",
                source="no document says so",
                seen=_NEW_SEEN,
                certain=False,
            ),
            Rule(
                key="isolation",
                level="MUST",
                text="Every symbol has a chain of its own: a gap in one breaks no other.",
                source=f"{LOCAL_BOOK} (3)",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="no-false-alarm",
                level="SHOULD",
                text="An absent side, a message without a body and a range of many versions are normal: keep the book.",
                source=CAPTURES,
                seen=_NEW_SEEN,
            ),
            Rule(
                key="resubscribe-clean",
                level="SHOULD",
                text="After a reconnection subscribe once to what was subscribed before, and wait for the confirmation.",
                source=f"{OLD}#live-subscription-unsubscription-to-data-streams",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="message-rate",
                level="MUST",
                text="At most 100 messages a second and 30 topics on one connection: beyond, the venue disconnects.",
                source=f"{LIMITS} (Websocket Limits)",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="reconnect-backoff",
                level="SHOULD",
                text="Do not reconnect in a tight loop: addresses that are disconnected again and again may be banned.",
                source=f"{LIMITS} (Websocket Limits)",
                seen=_OLD_SEEN,
            ),
            Rule(
                key="trades-complete",
                level="SHOULD",
                text="Report every deal of the list once, in its order: each has a buyer and a seller of its own.",
                source=f"{OLD}#trade-streams",
                seen=_OLD_SEEN,
            ),
        )
    }
    | dict(WEBSOCKET)
    | dict(HTTP)
)

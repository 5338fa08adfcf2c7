"""What a client owes to the standards below every venue's protocol: RFC 6455 (WebSocket) and RFC 9110 to 9112 (HTTP).

A client's libraries usually do it; what they do when the other side does not keep to the standard is the client's affair."""

from __future__ import annotations

from collections.abc import Mapping

from bookproof_exchange.dialects.api import Rule

_WEBSOCKET = "https://www.rfc-editor.org/rfc/rfc6455"
_HTTP = "https://www.rfc-editor.org/rfc/rfc9112"
_SEEN = "2026-11"

#: For every dialect.
WEBSOCKET: Mapping[str, Rule] = {
    rule.key: rule
    for rule in (
        Rule(
            key="frames-joined",
            level="MUST",
            text="Take a message that comes in several frames, with pings and pongs between them, as one message.",
            source=f'{_WEBSOCKET}#section-5.4 ("clients and servers MUST support receiving both fragmented and '
            'unfragmented messages", "MUST be capable of handling control frames in the middle")',
            seen=_SEEN,
        ),
        Rule(
            key="frames-failed",
            level="SHOULD",  # the RFC says MUST, to the library; the client owes that it connects again
            text="Fail the connection when a frame breaks RFC 6455 (a mask, a reserved bit or opcode, invalid UTF-8, a "
            "message inside another …), connect again, and build every book anew.",
            source=f"{_WEBSOCKET}#section-7.1.7 (Fail the WebSocket Connection), 5.1, 5.2, 5.4, 5.5, 8.1, 10.4",
            seen=_SEEN,
        ),
    )
}

#: For dialects with snapshots by REST.
HTTP: Mapping[str, Rule] = {
    rule.key: rule
    for rule in (
        Rule(
            key="answer-assembled",
            level="MUST",
            text="Take an HTTP answer whole, in however many pieces and in whichever transfer coding it comes.",
            source=f'{_HTTP}#section-7.1 ("A recipient MUST be able to parse and decode the chunked transfer coding"), '
            "#section-6.3 (where a body ends)",
            seen=_SEEN,
        ),
        Rule(
            key="answer-incomplete",
            level="MUST",
            text="Take an HTTP answer that ends before its stated length as incomplete, use nothing of it, and ask again.",
            source=f"{_HTTP}#section-8 (Handling Incomplete Messages)",
            seen=_SEEN,
        ),
    )
}

"""The rules and traits keep to the shared vocabulary."""

from __future__ import annotations

import re

from bookproof_exchange.dialects.binance_spot import DIALECT

VOCABULARY = {
    "buffer-before-snapshot",
    "stale-snapshot-refetch",
    "align-start",
    "old-event-ignored",
    "overlap-accepted",
    "gap-restart",
    "snapshot-replaces",
    "delete-zero",
    "delete-unknown",
    "numbers-lossless",
    "thin-book",
    "reconnect-rebuild",
    "silence-noticed",
    "shutdown-notice",
    "pong",
    "rest-retry",
    "rest-backoff",
    "rest-weight",
    "unknown-tolerated",
    "malformed-survived",
    "isolation",
    "no-false-alarm",
    "resubscribe-clean",
    "message-rate",
    "reconnect-backoff",
    "trades-complete",
    "frames-joined",
    "frames-failed",
    "answer-assembled",
    "answer-incomplete",
}


def test_every_rule_is_shared_and_cited() -> None:
    assert set(DIALECT.rules) == VOCABULARY
    for key, rule in DIALECT.rules.items():
        assert rule.key == key
        assert "https://" in rule.source
        assert re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", rule.seen)
        assert rule.text.endswith((".", ")"))


def test_instruments_are_enough_and_fit_the_text() -> None:
    assert len(DIALECT.instruments) >= 3
    assert len({item.symbol for item in DIALECT.instruments}) == len(DIALECT.instruments)
    for item in DIALECT.instruments:
        assert item.symbol == item.base + item.quote
        assert max(item.price_decimals, item.size_decimals) <= 8
        assert item.start_price > 6000, "a deep book of 5000 levels must fit below the touch"


def test_endpoints_are_bases() -> None:
    endpoints = DIALECT.endpoints("ws://127.0.0.1:1", "http://127.0.0.1:1")
    assert endpoints == {"ws": "ws://127.0.0.1:1", "rest": "http://127.0.0.1:1"}

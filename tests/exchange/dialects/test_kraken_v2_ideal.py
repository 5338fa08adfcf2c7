"""The client side alone: strict about what it understands, tolerant of what it does not know."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookproof_exchange.dialects.api import (
    Acked,
    Beat,
    BookSnapshot,
    BookUpdate,
    Decoded,
    Frame,
    HttpAnswer,
    Ignored,
    Link,
    Malformed,
    TradeReport,
)
from bookproof_exchange.dialects.kraken_v2 import DIALECT
from bookproof_exchange.market import Book, Change, Side, Trade

IDEAL = DIALECT.ideal
INSTRUMENTS = {instrument.symbol: instrument for instrument in DIALECT.instruments}

SNAPSHOT = (
    '{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":61000.1,"qty":0.00100000}],'
    '"asks":[{"price":61000.2,"qty":2.50000000}],"checksum":4000000000,"timestamp":"2026-08-26T11:55:56.663054Z"}]}'
)
UPDATE = (
    '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":61000.1,"qty":0.00000000},'
    '{"price":60999.9,"qty":0.3}],"asks":[],"checksum":0,"timestamp":"2026-08-26T11:55:57.663054Z"}]}'
)
TRADE = (
    '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":61000.1,"qty":0.00002500,'
    '"ord_type":"market","trade_id":9007199254740993,"timestamp":"2026-08-26T11:55:57.663054Z"}]}'
)


def decode(text: str | bytes) -> Decoded:
    (decoded,) = IDEAL.decode(Frame(text.encode() if isinstance(text, str) else text), INSTRUMENTS)
    return decoded


def test_a_snapshot() -> None:
    assert decode(SNAPSHOT) == BookSnapshot(
        symbol="BTC/USD", bids=((610_001, 100_000),), asks=((610_002, 250_000_000),), checksum=4_000_000_000
    )


def test_an_update_in_wire_order() -> None:
    assert decode(UPDATE) == BookUpdate(
        symbol="BTC/USD",
        changes=(Change(Side.BID, 610_001, 0), Change(Side.BID, 609_999, 30_000_000)),
        checksum=0,
    )


def test_a_trade_with_a_large_id() -> None:
    trade = Trade(9_007_199_254_740_993, 610_001, 2_500, Side.ASK)
    assert decode(TRADE) == TradeReport(symbol="BTC/USD", trades=(trade,))


@pytest.mark.parametrize("spelling", ["1e-05", "1E-5", "0.00001", "0.000010000000", "10e-6"])
def test_numbers_are_lossless_in_every_spelling(spelling: str) -> None:
    decoded = decode(UPDATE.replace("0.3}", spelling + "}"))
    assert isinstance(decoded, BookUpdate)
    assert decoded.changes[1].size == 1_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"price":61000.1', '"price":"61000.1"'),
        ('"price":61000.1', '"price":null'),
        ('"price":61000.1', '"price":true'),
        ('"price":61000.1', '"price":61000.15'),
        ('"price":61000.1', '"price":-61000.1'),
        ('"price":61000.1', '"price":0.0'),
        ('"price":61000.1', '"prize":61000.1'),
        ('"price":61000.1', '"price":NaN'),
        ('"qty":2.50000000', '"qty":0.00000000'),
        ('"qty":2.50000000', '"qty":2.500000001'),
        ('"qty":2.50000000', '"qty":[]'),
        ('"asks":[{"price":61000.2,"qty":2.50000000}]', '"asks":null'),
        ('"asks":[{"price":61000.2,"qty":2.50000000}]', '"asks":[7]'),
        ('"asks":[{"price":61000.2,"qty":2.50000000}],', ""),
        ("4000000000", "4294967296"),
        ("4000000000", "-1"),
        ("4000000000", "1.5"),
        ("4000000000", '"4000000000"'),
        (',"checksum":4000000000', ""),
    ],
)
def test_a_wrong_type_or_value_is_malformed_and_names_the_symbol(old: str, new: str) -> None:
    assert old in SNAPSHOT
    decoded = decode(SNAPSHOT.replace(old, new))
    assert isinstance(decoded, Malformed)
    assert decoded.symbol == "BTC/USD"


@pytest.mark.parametrize(
    "text",
    ["", "hello", "[]", "17", '{"channel":"book","type":"update"}', '{"channel":"book","type":"update","data":[]}',
     '{"channel":"book","type":"update","data":{}}', '{"channel":"book","type":"update","data":[1]}',
     '{"channel":"book"}', "[" * 100_000],
)  # fmt: skip
def test_what_cannot_be_read_is_malformed(text: str) -> None:
    decoded = decode(text)
    assert isinstance(decoded, Malformed)
    assert decoded.symbol is None


@given(st.integers(1, len(SNAPSHOT) - 1))
def test_a_cut_message_is_malformed(length: int) -> None:
    assert isinstance(decode(SNAPSHOT[:length]), Malformed)


@given(st.binary(max_size=60))
def test_nothing_makes_it_raise(payload: bytes) -> None:
    assert len(IDEAL.decode(Frame(payload), INSTRUMENTS)) == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"channel":"spread","type":"update","data":[]}',
        '{"channel":"book","type":"something-new","data":[{"symbol":"BTC/USD"}]}',
        '{"hello":"world"}',
        SNAPSHOT.replace("BTC/USD", "NO/NE"),
        TRADE.replace("BTC/USD", "NO/NE"),
        '{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD"},"success":true}',
    ],
)
def test_what_is_unknown_is_ignored(text: str) -> None:
    assert decode(text) == Ignored()


def test_unknown_fields_are_ignored() -> None:
    assert decode(SNAPSHOT.replace('"checksum"', '"more":{"a":[1e400]},"checksum"')) == decode(SNAPSHOT)


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ('{"channel":"heartbeat"}', Beat()),
        ('{"method":"pong","req_id":1,"time_in":"t","time_out":"t"}', Beat()),
        (
            '{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",'
            '"connection_id":17833292678977204300}]}',
            Beat(),
        ),
        (
            '{"method":"subscribe","result":{"channel":"trade","snapshot":false,"symbol":"BTC/USD"},"success":true}',
            Acked(ok=True, channel="trades", symbols=("BTC/USD",)),
        ),
        (
            '{"method":"unsubscribe","result":{"channel":"book","depth":10,"symbol":"BTC/USD"},"success":true}',
            Acked(ok=True, what="unsubscribe", symbols=("BTC/USD",)),
        ),
        (
            '{"error":"Already subscribed","method":"subscribe","success":false,"symbol":"BTC/USD"}',
            Acked(ok=False, symbols=("BTC/USD",), reason="Already subscribed"),
        ),
        (
            '{"error":"Subscription depth not supported","method":"subscribe","success":false}',
            Acked(ok=False, reason="Subscription depth not supported"),
        ),
        (
            '{"error":"Malformed request","method":"error","success":false}',
            Acked(ok=False, reason="Malformed request"),
        ),
    ],
)
def test_control_messages(text: str, decoded: Decoded) -> None:
    assert decode(text) == decoded


def test_window_link_and_verify() -> None:
    assert (IDEAL.window(None), IDEAL.window(10), IDEAL.window(1000)) == (10, 10, 1000)
    update = decode(UPDATE)
    assert isinstance(update, BookUpdate)
    assert IDEAL.link(None, update, first_after_snapshot=True) is Link.NEXT
    assert IDEAL.link(None, update, first_after_snapshot=False) is Link.NEXT
    assert IDEAL.verify(Book(), 0, INSTRUMENTS["BTC/USD"]), "the checksum of an empty book is 0"
    assert IDEAL.verify(Book(((5, 5),)), None, INSTRUMENTS["BTC/USD"])


def test_requests() -> None:
    book, trades = (json.loads(frame.payload) for frame in IDEAL.subscribe(["BTC/USD"], ["book", "trades"], 25))
    assert book["params"] == {"channel": "book", "symbol": ["BTC/USD"], "depth": 25, "snapshot": True}
    assert trades["params"] == {"channel": "trade", "symbol": ["BTC/USD"]}
    (default,) = IDEAL.subscribe(["BTC/USD"], ["book"], None)
    assert "depth" not in json.loads(default.payload)["params"]
    (end,) = IDEAL.unsubscribe(["BTC/USD"], ["book"], 25)
    assert json.loads(end.payload)["params"] == {"channel": "book", "symbol": ["BTC/USD"], "depth": 25}
    assert IDEAL.connect_path(["BTC/USD"], ["book"], None) == "", "the endpoint is the whole URL"


def test_a_rest_book_is_none() -> None:
    assert IDEAL.snapshot_request("BTC/USD", 10) is None
    answer = HttpAnswer(status=200, body=b'{"error":[],"result":{"XXBTZUSD":{"asks":[],"bids":[]}}}')
    assert isinstance(IDEAL.decode_rest("BTC/USD", answer, INSTRUMENTS), Malformed)


def test_rules_have_sources_and_are_keyed_by_their_own_key() -> None:
    rules: dict[str, Any] = dict(DIALECT.rules)
    assert {"checksum-verify", "window-truncate", "snapshot-replaces", "trades-complete"} <= set(rules)
    for key, rule in rules.items():
        assert rule.key == key
        assert rule.text.endswith(".")
        assert "http" in rule.source or rule.source.startswith("seen"), key

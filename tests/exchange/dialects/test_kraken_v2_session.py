"""One connection: what it answers, in the venue's words and shapes, and that all it sends fits the schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bookproof_exchange.data import folder
from bookproof_exchange.dialects.api import (
    Asked,
    Feed,
    Frame,
    HttpRequest,
    Intent,
    Kind,
    Message,
    Pinged,
    Refused,
    Reply,
    Session,
    Subscribed,
    Tick,
    Unsubscribed,
)
from bookproof_exchange.dialects.kraken_v2 import DIALECT
from bookproof_exchange.scenario.model import Market
from bookproof_exchange.script.view import MarketView
from bookproof_exchange.seeds import stream


def schema(name: str) -> Draft202012Validator:
    document = json.loads((folder("schemas") / "kraken-v2" / f"{name}.json").read_text())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


EXCHANGE, CLIENT = schema("exchange"), schema("client")
TIMES = re.compile(r',"time_in":"[^"]{27}","time_out":"[^"]{27}"')


class Connection:
    def __init__(self, symbols: int = 2, seed: int = 1) -> None:
        self.view = MarketView(DIALECT, Market(symbols=symbols), seed)
        self.session: Session = DIALECT.session(HttpRequest(method="GET", path="/v2"), self.view)

    def send(self, request: object) -> Reply:
        return self.session.receive(Frame(msgspec.json.encode(request)))

    def subscribe(self, channel: str, *symbols: str, method: str = "subscribe", **params: object) -> Reply:
        return self.send({"method": method, "params": {"channel": channel, "symbol": symbols, **params}})

    def move(self, symbol: str, events: int = 1) -> Sequence[Message]:
        truth = self.view.truth(symbol)
        first = truth.last
        truth.ensure(first + events)
        self.view.move(symbol, truth.last)
        return self.session.publish(Tick(symbol, first, truth.last))


def texts(reply: Reply) -> list[str]:
    """The answers without their times."""
    return [TIMES.sub("", message.payload.decode()) for message in reply.messages]


def valid(messages: Sequence[Message]) -> None:
    for message in messages:
        EXCHANGE.validate(json.loads(message.payload))


def test_the_first_message_is_the_status_with_a_large_connection_id() -> None:
    (message,) = Connection().session.open().messages
    assert message.kind is Kind.STATUS
    valid([message])
    (entry,) = json.loads(message.payload)["data"]
    assert 2**63 <= entry["connection_id"] < 2**64
    assert re.fullmatch(
        r'\{"channel":"status","type":"update","data":\[\{"version":"2\.0\.10","system":"online","api_version":"v2",'
        r'"connection_id":\d+\}\]\}',
        message.payload.decode(),
    )


def test_a_subscription_is_acknowledged_per_symbol_with_the_venues_key_order() -> None:
    connection = Connection()
    reply = connection.send(
        {
            "method": "subscribe",
            "params": {"channel": "book", "symbol": ["BTC/USD", "ETH/USD"], "depth": 25},
            "req_id": 9,
        }
    )
    assert texts(reply) == [
        '{"method":"subscribe","req_id":9,'
        f'"result":{{"channel":"book","depth":25,"snapshot":true,"symbol":"{symbol}"}},"success":true}}'
        for symbol in ("BTC/USD", "ETH/USD")
    ]
    feeds = tuple(Feed(symbol=symbol, channel="book", depth=25, name="book") for symbol in ("BTC/USD", "ETH/USD"))
    assert reply.snapshots == feeds
    assert reply.intents == tuple(map(Subscribed, feeds))
    assert connection.session.feeds == feeds
    valid(reply.messages)


def test_defaults_depth_ten_a_book_snapshot_and_no_trade_snapshot() -> None:
    connection = Connection()
    book = connection.subscribe("book", "BTC/USD")
    trade = connection.subscribe("trade", "BTC/USD")
    assert texts(book) == [
        '{"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"BTC/USD"},"success":true}'
    ]
    assert texts(trade) == [
        '{"method":"subscribe","result":{"channel":"trade","snapshot":false,"symbol":"BTC/USD"},"success":true}'
    ]
    assert [feed.depth for feed in book.snapshots] == [10]
    assert trade.snapshots == ()
    assert [feed.channel for feed in connection.session.feeds] == ["book", "trades"]


def test_a_subscription_without_snapshot_gets_updates_only() -> None:
    connection = Connection()
    reply = connection.subscribe("book", "BTC/USD", snapshot=False)
    assert reply.snapshots == ()
    assert '"snapshot":false' in texts(reply)[0]
    assert any(message.kind is Kind.UPDATE for _ in range(20) for message in connection.move("BTC/USD"))


@pytest.mark.parametrize("depth", [10, 25, 100, 500, 1000])
def test_every_depth_of_the_document(depth: int) -> None:
    connection = Connection()
    (feed,) = connection.subscribe("book", "BTC/USD", depth=depth).snapshots
    message = connection.session.snapshot(feed)
    assert message is not None
    assert feed.depth == depth
    count = len(json.loads(message.payload)["data"][0]["bids"])
    assert count == min(depth, len(connection.view.truth("BTC/USD").levels(message.last, 0)))  # type: ignore[arg-type]


REFUSALS: list[tuple[dict[str, Any], str]] = [
    (
        {"method": "subscribe", "params": {"channel": "book", "symbol": ["XBT/USD"]}, "req_id": 1},
        '{"error":"Currency pair not supported XBT/USD","method":"subscribe","req_id":1,"success":false,'
        '"symbol":"XBT/USD"}',
    ),
    (
        {"method": "subscribe", "params": {"channel": "book", "symbol": ["BTC/USD"], "depth": 20}},
        '{"error":"Subscription depth not supported","method":"subscribe","success":false}',
    ),
    (
        {"method": "subscribe", "params": {"channel": "book", "symbol": ["BTC/USD"], "depth": "10"}},
        '{"error":"Subscription book depth must be an integer","method":"subscribe","success":false}',
    ),
    (
        {"method": "subscribe", "params": {"channel": "executions", "token": "t"}},
        '{"error":"Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com",'
        '"method":"subscribe","success":false}',
    ),
    (
        {"method": "add_order", "params": {}},
        '{"error":"Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com",'
        '"method":"add_order","success":false}',
    ),
    (
        {"method": "subscribe", "params": {"channel": "spread", "symbol": ["BTC/USD"]}},
        '{"error":"Subscription name invalid","method":"subscribe","success":false}',
    ),
    (
        {"method": "subscribe", "params": {"channel": "ohlc", "symbol": ["BTC/USD"]}},
        '{"error":"Channel not offered by this mock exchange","method":"subscribe","success":false}',
    ),
    (
        {"method": "unsubscribe", "params": {"channel": "book", "symbol": ["BTC/USD"]}},
        '{"error":"Subscription Not Found","method":"unsubscribe","success":false,"symbol":"BTC/USD"}',
    ),
    (
        {"method": "subscribe", "params": {"channel": "book", "symbol": "BTC/USD", "depth": 10}},
        '{"error":"Symbol field must be an array","method":"subscribe","success":false}',
    ),
    (
        {"method": "dance", "req_id": 3},
        '{"error":"Malformed request","method":"error","req_id":3,"success":false}',
    ),
]


@pytest.mark.parametrize(("request_", "answer"), REFUSALS)
def test_refusals_in_the_venues_words(request_: dict[str, Any], answer: str) -> None:
    connection = Connection()
    reply = connection.send(request_)
    assert texts(reply) == [answer]
    assert [message.kind for message in reply.messages] == [Kind.REFUSAL]
    assert all(isinstance(intent, Refused) for intent in reply.intents)
    assert reply.snapshots == ()
    assert reply.hangup is None
    assert connection.session.feeds == ()
    valid(reply.messages)


@pytest.mark.parametrize(
    "payload",
    [b"", b"hello", b"[]", b"1", b"{", b'{"method":1}', b"\xff\xfe", b"{}", b'{"method":"subscribe"}', b"[" * 5000,
     b'{"method":"subscribe","params":{"channel":7}}', b'{"method":"subscribe","params":{"channel":"book"}}',
     b'{"method":"subscribe","params":{"channel":"book","symbol":[1]}}',
     b'{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"snapshot":1}}',
     b'{"method":"ping","req_id":"a"}', b'{"method":"ping","req_id":true}'],
)  # fmt: skip
def test_what_is_not_understood_is_malformed_and_hurts_nobody(payload: bytes) -> None:
    connection = Connection()
    reply = connection.session.receive(Frame(payload))
    assert texts(reply) == ['{"error":"Malformed request","method":"error","success":false}']
    assert connection.session.feeds == ()
    valid(reply.messages)


def test_a_second_subscription_is_refused_whatever_its_depth_and_the_first_goes_on() -> None:
    connection = Connection()
    connection.subscribe("book", "BTC/USD", depth=10)
    for depth in (10, 25):
        reply = connection.subscribe("book", "BTC/USD", depth=depth)
        assert texts(reply) == [
            '{"error":"Already subscribed","method":"subscribe","success":false,"symbol":"BTC/USD"}'
        ]
        assert reply.snapshots == ()
    assert [feed.depth for feed in connection.session.feeds] == [10]


def test_one_request_can_be_accepted_in_part() -> None:
    connection = Connection()
    reply = connection.subscribe("book", "BTC/USD", "NO/NE", "BTC/USD", "ETH/USD")
    kinds = [message.kind for message in reply.messages]
    assert kinds == [Kind.ACK, Kind.REFUSAL, Kind.REFUSAL, Kind.ACK]
    assert [feed.symbol for feed in reply.snapshots] == ["BTC/USD", "ETH/USD"]


def test_unsubscribing_ends_the_feed_and_allows_a_new_one() -> None:
    connection = Connection()
    (feed,) = connection.subscribe("book", "BTC/USD", depth=25).snapshots
    wrong = connection.subscribe("book", "BTC/USD", depth=10, method="unsubscribe")
    assert isinstance(wrong.intents[0], Refused)
    reply = connection.subscribe("book", "BTC/USD", depth=25, method="unsubscribe")
    assert texts(reply) == [
        '{"method":"unsubscribe","result":{"channel":"book","depth":25,"symbol":"BTC/USD"},"success":true}'
    ]
    assert reply.intents == (Unsubscribed(feed),)
    assert not any(connection.move("BTC/USD") for _ in range(10))
    assert connection.subscribe("book", "BTC/USD", depth=100).snapshots
    valid(reply.messages)


def test_refuse_answers_for_every_symbol_and_changes_nothing() -> None:
    connection = Connection()
    (frame,) = DIALECT.ideal.subscribe(["BTC/USD", "ETH/USD"], ["book"], 25)
    reply = connection.session.refuse(frame)
    assert texts(reply) == [
        f'{{"error":"Currency pair not supported {symbol}","method":"subscribe","req_id":1,"success":false,'
        f'"symbol":"{symbol}"}}'
        for symbol in ("BTC/USD", "ETH/USD")
    ]
    assert connection.session.feeds == ()
    assert len(connection.session.receive(frame).snapshots) == 2


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ({"method": "ping", "req_id": 101}, '{"method":"pong","req_id":101}'),
        ({"method": "ping"}, '{"method":"pong"}'),
    ],
)
def test_pong_echoes_the_request_id_only_if_there_was_one(request_: dict[str, Any], answer: str) -> None:
    reply = Connection().send(request_)
    assert texts(reply) == [answer]
    assert reply.intents == (Pinged(),)
    valid(reply.messages)


def test_the_heart_beats_only_with_a_subscription() -> None:
    connection = Connection()
    assert connection.session.heartbeat() == ()
    connection.subscribe("trade", "BTC/USD")
    assert [message.payload for message in connection.session.heartbeat()] == [b'{"channel":"heartbeat"}']
    connection.subscribe("trade", "BTC/USD", method="unsubscribe")
    assert connection.session.heartbeat() == ()


def test_the_instrument_channel_has_an_object_and_exponents() -> None:
    connection = Connection(symbols=3)
    reply = connection.send({"method": "subscribe", "params": {"channel": "instrument"}, "req_id": 4})
    ack, data = reply.messages
    assert TIMES.sub("", ack.payload.decode()) == (
        '{"method":"subscribe","req_id":4,"result":{"channel":"instrument","snapshot":true,'
        '"warnings":["tick_size is deprecated, use price_increment"]},"success":true}'
    )
    valid(reply.messages)
    assert reply.intents == (Asked("subscribe instrument"),)
    content = json.loads(data.payload)["data"]
    assert [pair["symbol"] for pair in content["pairs"]] == list(connection.view.instruments)
    assert {asset["id"] for asset in content["assets"]} == {"BTC", "ETH", "ADA", "USD"}
    assert b'"qty_increment":1e-08' in data.payload
    assert b'"price_increment":0.1' in data.payload
    assert connection.session.heartbeat()
    again = connection.send({"method": "subscribe", "params": {"channel": "instrument"}})
    assert '"error":"Already subscribed"' in texts(again)[0]


def test_book_numbers_have_every_trailing_zero() -> None:
    connection = Connection(symbols=3)
    for symbol, price, size in (("BTC/USD", 1, 8), ("ETH/USD", 2, 8), ("ADA/USD", 6, 8)):
        (feed,) = connection.subscribe("book", symbol).snapshots
        messages = [connection.session.snapshot(feed), *(m for _ in range(20) for m in connection.move(symbol))]
        for message in messages:
            assert message is not None
            rows = re.findall(rb'\{"price":(\d+\.\d+),"qty":(\d+\.\d+)\}', message.payload)
            assert len(rows) == len(message.changes)
            assert {(len(p.partition(b".")[2]), len(q.partition(b".")[2])) for p, q in rows} == {(price, size)}


def test_the_same_market_and_requests_give_the_same_bytes() -> None:
    runs = []
    for _ in range(2):
        connection = Connection(seed=12)
        sent = list(connection.session.open().messages)
        sent += connection.subscribe("book", "BTC/USD").messages
        sent += [message for _ in range(30) for message in connection.move("BTC/USD", 2)]
        runs.append([message.payload for message in sent])
    assert runs[0] == runs[1]


def test_only_the_path_of_version_two_is_served() -> None:
    for path in ("/v2", "/v2/"):
        assert DIALECT.accepts(HttpRequest(method="GET", path=path)) is None
    for path in ("/", "/v1", "/v2/x", "/ws"):
        refusal = DIALECT.accepts(HttpRequest(method="GET", path=path))
        assert refusal is not None
        assert refusal.status == 404
    endpoints = DIALECT.endpoints("ws://127.0.0.1:1", "http://127.0.0.1:1")
    assert endpoints["ws"] == "ws://127.0.0.1:1/v2"
    assert endpoints["rest"] == "http://127.0.0.1:1"


# --- everything against the schemas -------------------------------------------------------------------------------

symbols = st.lists(st.sampled_from(["BTC/USD", "ETH/USD", "XBT/USD"]), min_size=1, max_size=3)
req_ids = {"req_id": st.integers(0, 2**31)}


def subscriptions(channel: str, **optional: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, Any]]:
    params = st.fixed_dictionaries(
        {"channel": st.just(channel), "symbol": symbols}, optional={**optional, "snapshot": st.booleans()}
    )
    method = st.sampled_from(["subscribe", "subscribe", "unsubscribe"])
    return st.fixed_dictionaries({"method": method, "params": params}, optional=req_ids)


requests = st.one_of(
    st.fixed_dictionaries({"method": st.just("ping")}, optional=req_ids),
    subscriptions("book", depth=st.sampled_from([10, 25, 100, 7])),
    subscriptions("trade"),
    subscriptions("ticker", event_trigger=st.sampled_from(["trades", "bbo"])),
    subscriptions("level3"),
    st.just({"method": "subscribe", "params": {"channel": "instrument"}}),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(requests, min_size=1, max_size=8), st.integers(0, 2**16))
def test_everything_that_is_sent_fits_the_schemas(wanted: list[dict[str, Any]], seed: int) -> None:
    connection = Connection(symbols=2, seed=seed % 5)
    random = stream(seed, "session")
    sent = list(connection.session.open().messages)
    for request in wanted:
        reply = connection.send(request)
        sent += reply.messages
        sent += [message for feed in reply.snapshots if (message := connection.session.snapshot(feed)) is not None]
        accepted: list[Intent] = [i for i in reply.intents if isinstance(i, Subscribed | Unsubscribed | Pinged)]
        if accepted:
            CLIENT.validate(request)
        for _ in range(random.randrange(4)):
            sent += connection.move(random.choice(["BTC/USD", "ETH/USD"]), random.choice([1, 3]))
        sent += connection.session.heartbeat()
    valid(sent)


def test_the_schemas_can_fail() -> None:
    connection = Connection()
    (feed,) = connection.subscribe("book", "BTC/USD").snapshots
    snapshot = connection.session.snapshot(feed)
    assert snapshot is not None
    for path, value in (("checksum", "1"), ("symbol", 1), ("bids", None), ("timestamp", 5), ("more", 1)):
        document = json.loads(snapshot.payload)
        document["data"][0][path] = value
        assert not EXCHANGE.is_valid(document)


def test_the_ideal_clients_requests_fit_the_schema() -> None:
    ideal = DIALECT.ideal
    beat = ideal.keepalive()
    assert beat is not None
    for depth in (None, 100):
        frames = [
            *ideal.subscribe(["BTC/USD"], ["book", "trades"], depth),
            *ideal.unsubscribe(["BTC/USD"], ["book", "trades"], depth),
            beat,
        ]
        assert len(frames) == 5
        connection = Connection()
        for frame in frames:
            CLIENT.validate(json.loads(frame.payload))
            assert all(message.kind in (Kind.ACK, Kind.REPLY) for message in connection.session.receive(frame).messages)

"""The exchange side's session: control messages, framing, streams."""

from __future__ import annotations

import json
from typing import Any

import pytest
from binance_spot_kit import BASE, EPOCH_US, MarketView, WrittenTruth, opened, texts, ws
from hypothesis import given
from hypothesis import strategies as st

from bookproof_exchange.dialects.api import Asked, Feed, Frame, Kind, Refused, Subscribed, Tick, Unsubscribed
from bookproof_exchange.dialects.binance_spot import DIALECT
from bookproof_exchange.market import Book, Change, Event, Side, Trade

DEPTH = Feed("BTCUSDT", "book", None, "btcusdt@depth@100ms")


def say(session: Any, request: object) -> list[str]:
    payload = request if isinstance(request, bytes) else json.dumps(request, separators=(",", ":")).encode()
    return texts(session.receive(Frame(payload)).messages)


def written(events: list[Event], bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> MarketView:
    view = MarketView(count=1)
    view.truths["BTCUSDT"] = WrittenTruth(view.instruments["BTCUSDT"], events, Book(bids, asks))
    return view


# --- connecting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ws", "/ws/", "/ws/btcusdt@depth", "/ws/a/b", "/stream", "/stream/", "/%77s/x"])
def test_accepts_the_venues_paths(path: str) -> None:
    assert DIALECT.accepts(ws(path)) is None


@pytest.mark.parametrize("path", ["/", "/wss", "/ws-api/v3", "/streams", "/api/v3/depth"])
def test_refuses_other_paths(path: str) -> None:
    refusal = DIALECT.accepts(ws(path))
    assert refusal is not None
    assert refusal.status == 404


def test_url_subscribes_in_order_and_decodes_percents() -> None:
    view = MarketView()
    raw = DIALECT.session(ws("/ws/ethusdt%40trade/btcusdt@depth%40100ms"), view)
    intents = raw.open().intents
    assert [intent.feed.name for intent in intents if isinstance(intent, Subscribed)] == [
        "ethusdt@trade",
        "btcusdt@depth@100ms",
    ]
    combined = DIALECT.session(ws("/stream", streams="ethusdt%40trade%2Fbtcusdt@depth"), view)
    assert len(combined.open().intents) == 2
    assert [feed.name for feed in combined.feeds] == ["ethusdt@trade", "btcusdt@depth"]


def test_what_does_not_exist_is_refused_in_silence() -> None:
    view = MarketView()
    session = DIALECT.session(ws("/ws/0"), view)
    assert session.open().intents == (Asked("connect as 0"),)
    names = ["nope@depth", "BTCUSDT@depth", "btcusdt@depth7", "btcusdt@depth@50ms", "!ticker@arr", "btcusdt", ""]
    reply = session.receive(Frame(json.dumps({"method": "SUBSCRIBE", "params": names, "id": 4}).encode()))
    assert texts(reply.messages) == ['{"result":null,"id":4}']
    assert [type(intent) for intent in reply.intents] == [Refused] * len(names)
    assert session.feeds == []
    assert say(session, {"method": "LIST_SUBSCRIPTIONS", "id": 5}) == ['{"result":[],"id":5}']


@pytest.mark.parametrize("name", ["btcusdt@kline_1m", "btcusdt@kline_1d@+08:00", "btcusdt@ticker", "!miniTicker@arr"])
def test_known_streams_without_data_are_accepted_and_silent(name: str) -> None:
    view = MarketView(count=1)
    session = DIALECT.session(ws(f"/ws/{name}"), view)
    assert session.open().intents == (Asked(name),)
    assert say(session, {"method": "LIST_SUBSCRIPTIONS", "id": 1}) == [f'{{"result":["{name}"],"id":1}}']
    view.truth("BTCUSDT").ensure(50)
    assert list(session.publish(Tick("BTCUSDT", 0, 50))) == []


# --- control messages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id", "echo"),
    [(1, "1"), (-(2**63), str(-(2**63))), (None, "null"), ("a1", '"a1"'), ("1", '"1"'), ("f" * 36, f'"{"f" * 36}"')],
)
def test_id_is_echoed_with_its_type(id: object, echo: str) -> None:
    session = opened(MarketView(), combined=False)
    request = {"method": "SUBSCRIBE", "params": ["btcusdt@depth"], "id": id}
    assert say(session, request) == [f'{{"result":null,"id":{echo}}}']


@pytest.mark.parametrize(
    ("request_text", "reply"),
    [
        (b"hello", '{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}'),
        (b'{"method":\n oops}', '{"code":3,"msg":"Invalid JSON: expected value at line 2 column 2"}'),
        (
            b'{"id":7}',
            '{"code":2,"msg":"Invalid request: missing field `method` at line 1 column 8"}',
        ),
        (
            b'{"id":1234567,"method":"SUBSCRIB","params":[]}',
            '{"code":2,"msg":"Invalid request: unknown variant SUBSCRIB, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`,'
            ' `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY` at line 1 column 33"}',
        ),
        (
            b'{"method":"SUBSCRIBE","params":["btcusdt@depth"]}',
            '{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}',
        ),
        (
            b'{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":1.5}',
            '{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}',
        ),
        (
            b'{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":true}',
            '{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}',
        ),
        (
            b'{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":"%s"}' % (b"f" * 37),
            '{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}',
        ),
        (
            b'{"method":"LIST_SUBSCRIPTIONS","params":["x"],"id":1}',
            '{"code":2,"msg":"Invalid request: too many parameters"}',
        ),
        (
            b'{"method":"GET_PROPERTY","params":["combined","x"],"id":1}',
            '{"code":2,"msg":"Invalid request: too many parameters"}',
        ),
        (b'{"method":"GET_PROPERTY","params":["other"],"id":1}', '{"code":0,"msg":"Unknown property","id":1}'),
        (
            b'{"method":"GET_PROPERTY","params":[1],"id":1}',
            '{"code":2,"msg":"Invalid request: property name must be a string"}',
        ),
        (
            b'{"method":"SET_PROPERTY","params":["combined",1],"id":1}',
            '{"code":1,"msg":"Invalid value type: expected Boolean"}',
        ),
    ],
)
def test_wrong_requests_get_the_venues_words(request_text: bytes, reply: str) -> None:
    session = opened(MarketView(), combined=True)
    answer = session.receive(Frame(request_text))
    assert texts(answer.messages) == [reply]
    assert isinstance(answer.intents[0], Refused)
    assert session.feeds == []


@given(
    st.binary(max_size=80)
    | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(
        lambda value: json.dumps({"method": "SUBSCRIBE", "params": value, "id": value}).encode()
    )
)
def test_never_raises_on_what_a_client_sends(payload: bytes) -> None:
    session = opened(MARKET, "btcusdt@depth")
    reply = session.receive(Frame(payload))
    assert len(reply.messages) == 1
    json.loads(reply.messages[0].payload)


MARKET = MarketView(count=1)


def test_deep_nesting_does_no_harm() -> None:
    session = opened(MARKET)
    assert len(session.receive(Frame(b"[" * 100_000)).messages) == 1
    assert len(session.receive(Frame(b'{"a":' * 100_000)).messages) == 1


def test_subscribe_twice_sends_once_and_unsubscribe_ends_it() -> None:
    view = MarketView(count=1)
    session = opened(view, "btcusdt@depth@100ms")
    request = {"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1}
    reply = session.receive(Frame(json.dumps(request).encode()))
    assert reply.intents == (Subscribed(DEPTH, again=True),)
    view.truth("BTCUSDT").ensure(4)
    assert len(session.publish(Tick("BTCUSDT", 0, 4))) == 1
    gone = session.receive(Frame(json.dumps({**request, "method": "UNSUBSCRIBE"}).encode()))
    assert gone.intents == (Unsubscribed(DEPTH),)
    assert not session.publish(Tick("BTCUSDT", 0, 4))
    assert session.feeds == []


def test_more_than_1024_streams_are_refused() -> None:
    session = opened(MarketView(), "btcusdt@depth")
    many = [f"btcusdt@x{number}" for number in range(1024)]
    reply = session.receive(Frame(json.dumps({"method": "SUBSCRIBE", "params": many, "id": 9}).encode()))
    assert texts(reply.messages) == ['{"code":4,"msg":"Too many subscriptions","id":9}']
    assert isinstance(reply.intents[0], Refused)


def test_refuse_leaves_the_session_unchanged() -> None:
    session = opened(MarketView())
    frame = Frame(b'{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":3}')
    reply = session.refuse(frame)
    assert texts(reply.messages) == ['{"code":4,"msg":"Too many subscriptions","id":3}']
    assert [type(intent) for intent in reply.intents] == [Refused]
    assert session.feeds == []
    assert len(session.receive(frame).intents) == 1


# --- framing --------------------------------------------------------------------------------------------------------


def test_combined_is_a_property_and_replies_are_never_wrapped() -> None:
    view = MarketView(count=1)
    view.truth("BTCUSDT").ensure(3)
    session = opened(view, "btcusdt@depth", combined=False)
    assert say(session, {"method": "GET_PROPERTY", "params": ["combined"], "id": 2}) == ['{"result":false,"id":2}']
    (raw,) = texts(session.publish(Tick("BTCUSDT", 0, 1)))
    assert say(session, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 5}) == ['{"result":null,"id":5}']
    assert say(session, {"method": "GET_PROPERTY", "params": ["combined"], "id": 2}) == ['{"result":true,"id":2}']
    (wrapped,) = texts(session.publish(Tick("BTCUSDT", 0, 1)))
    assert wrapped == f'{{"stream":"btcusdt@depth","data":{raw}}}'
    assert opened(view, combined=True) is not None


@pytest.mark.parametrize(("combined", "unit", "text"), [
    (False, "", '{"e":"serverShutdown","E":1787746399861}'),
    (True, "", '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1787746399861}}'),
    (False, "microsecond", '{"e":"serverShutdown","E":1787746399861123}'),
    (False, "MILLISECOND", '{"e":"serverShutdown","E":1787746399861}'),
])  # fmt: skip
def test_farewell(combined: bool, unit: str, text: str) -> None:
    query = {"timeUnit": unit} if unit else {}
    (message,) = opened(MARKET, combined=combined, **query).farewell()
    assert message.kind is Kind.NOTICE
    assert message.payload.decode() == text


# --- publishing -----------------------------------------------------------------------------------------------------


def test_diff_depth_is_the_net_of_the_batch_best_first() -> None:
    events = [
        Event(1, 1000, (Change(Side.BID, 7_843_675, 232_432), Change(Side.ASK, 7_843_700, 5))),
        Event(2, 2000, (Change(Side.BID, 7_843_675, 1), Change(Side.BID, 7_843_680, 7))),
        Event(3, 3000, (Change(Side.BID, 7_843_680, 0), Change(Side.ASK, 7_843_699, 100_000))),
    ]
    view = written(events, [], [])
    (message,) = opened(view, "btcusdt@depth@100ms", combined=False).publish(Tick("BTCUSDT", 0, 3))
    assert message.payload.decode() == (
        f'{{"e":"depthUpdate","E":{EPOCH_US // 1000 + 3},"s":"BTCUSDT","U":{BASE + 1},"u":{BASE + 3},'
        '"b":[["78436.80000000","0.00000000"],["78436.75000000","0.00001000"]],'
        '"a":[["78436.99000000","1.00000000"],["78437.00000000","0.00005000"]]}'
    )
    assert (message.first, message.last, message.feed) == (0, 3, DEPTH)
    assert message.changes == (
        Change(Side.BID, 7_843_680, 0),
        Change(Side.BID, 7_843_675, 1),
        Change(Side.ASK, 7_843_699, 100_000),
        Change(Side.ASK, 7_843_700, 5),
    )


def test_a_tick_without_changes_sends_nothing_and_leaves_no_hole_in_the_ids() -> None:
    quiet = [Event(index, 1000 * index, ()) for index in (1, 2, 3, 4)]
    view = written([*quiet, Event(5, 5000, (Change(Side.BID, 5, 5),))], [], [])
    session = opened(view, "btcusdt@depth@100ms", combined=False)
    assert not session.publish(Tick("BTCUSDT", 0, 2))
    assert not session.publish(Tick("BTCUSDT", 2, 4))
    (message,) = session.publish(Tick("BTCUSDT", 4, 5))
    assert f'"U":{BASE + 1},"u":{BASE + 5}' in message.payload.decode()
    assert (message.first, message.last) == (0, 5)
    # versions that passed unpublished stay a gap
    view = written([*quiet, Event(5, 5000, (Change(Side.BID, 5, 5),))], [], [])
    session = opened(view, "btcusdt@depth@100ms", combined=False)
    assert not session.publish(Tick("BTCUSDT", 0, 2))
    (message,) = session.publish(Tick("BTCUSDT", 4, 5))
    assert f'"U":{BASE + 5},"u":{BASE + 5}' in message.payload.decode()


def test_partial_depth_is_a_whole_top_sent_at_once_and_when_it_moves() -> None:
    bids = [(100 - at, 1 + at) for at in range(8)]
    asks = [(101 + at, 1 + at) for at in range(8)]
    events = [Event(1, 1000, (Change(Side.BID, 94, 77),)), Event(2, 2000, (Change(Side.ASK, 101, 0),))]
    view = written(events, bids, asks)
    session = DIALECT.session(ws("/stream", streams="btcusdt@depth5@100ms"), view)
    reply = session.open()
    (feed,) = reply.snapshots
    assert feed == Feed("BTCUSDT", "book", 5, "btcusdt@depth5@100ms")
    first = session.snapshot(feed)
    assert first is not None
    data = json.loads(first.payload)["data"]
    assert list(data) == ["lastUpdateId", "bids", "asks"]
    assert data["lastUpdateId"] == BASE
    assert [len(data["bids"]), len(data["asks"])] == [5, 5]
    assert data["bids"][0] == ["1.00000000", "0.00001000"]
    assert data["asks"][4] == ["1.05000000", "0.00005000"]
    assert not session.publish(Tick("BTCUSDT", 0, 1))
    (second,) = session.publish(Tick("BTCUSDT", 1, 2))
    assert second.kind is Kind.SNAPSHOT
    assert json.loads(second.payload)["data"]["asks"][0][0] == "1.02000000"
    assert session.snapshot(DEPTH) is None


def test_trades_and_aggregates() -> None:
    sell = (Trade(1, 100, 3, Side.ASK), Trade(2, 100, 4, Side.ASK), Trade(3, 99, 1, Side.ASK))
    events = [Event(1, 1000, (Change(Side.BID, 100, 0),), sell), Event(2, 2000, (), (Trade(4, 99, 2, Side.BID),))]
    view = written(events, [(100, 7), (99, 5)], [(101, 1)])
    session = opened(view, "btcusdt@trade", "btcusdt@aggTrade", combined=False)
    messages = session.publish(Tick("BTCUSDT", 0, 2))
    at = EPOCH_US // 1000
    assert texts(messages)[0] == (
        f'{{"e":"trade","E":{at + 1},"s":"BTCUSDT","t":1,"p":"1.00000000","q":"0.00003000","T":{at + 1},'
        '"m":true,"M":true}'
    )
    datas = [json.loads(text) for text in texts(messages)]
    assert [data["t"] for data in datas if data["e"] == "trade"] == [1, 2, 3, 4]
    runs = [(d["a"], d["f"], d["l"], d["q"], d["m"]) for d in datas if d["e"] == "aggTrade"]
    assert runs == [
        (1, 1, 2, "0.00007000", True),
        (2, 3, 3, "0.00001000", True),
        (3, 4, 4, "0.00002000", False),
    ]
    assert {message.kind for message in messages} == {Kind.TRADES}
    # a later tick goes on counting, even on a connection that was not there before
    late = opened(view, "btcusdt@aggTrade", combined=False).publish(Tick("BTCUSDT", 1, 2))
    assert json.loads(late[0].payload)["a"] == 3


def test_book_ticker_is_conflated_and_prints_an_empty_side_as_zeros() -> None:
    events = [Event(1, 1000, (Change(Side.BID, 90, 2),)), Event(2, 2000, (Change(Side.ASK, 101, 0),))]
    view = written(events, [(100, 7)], [(101, 1)])
    session = opened(view, "btcusdt@bookTicker", combined=False)
    assert session.feeds == []
    assert not session.publish(Tick("BTCUSDT", 0, 1))
    assert texts(session.publish(Tick("BTCUSDT", 0, 2))) == [
        f'{{"u":{BASE + 2},"s":"BTCUSDT","b":"1.00000000","B":"0.00007000","a":"0.00000000","A":"0.00000000"}}'
    ]


def test_microseconds_and_both_speeds() -> None:
    view = MarketView(count=1)
    view.truth("BTCUSDT").ensure(2)
    session = opened(view, "btcusdt@depth", "btcusdt@depth@100ms", timeUnit="MICROSECOND")
    first, second = (json.loads(text) for text in texts(session.publish(Tick("BTCUSDT", 0, 2))))
    assert first["data"] == second["data"]
    assert first["data"]["E"] == view.time_us("BTCUSDT", 2)
    assert (first["stream"], second["stream"]) == ("btcusdt@depth", "btcusdt@depth@100ms")


def test_each_symbol_gets_its_own() -> None:
    view = MarketView()
    for symbol in view.instruments:
        view.truth(symbol).ensure(5)
    session = opened(view, "btcusdt@depth", "xrpusdt@depth")
    assert not session.publish(Tick("ETHUSDT", 0, 5))
    (message,) = session.publish(Tick("XRPUSDT", 0, 5))
    assert json.loads(message.payload)["data"]["s"] == "XRPUSDT"
    assert session.heartbeat() == ()

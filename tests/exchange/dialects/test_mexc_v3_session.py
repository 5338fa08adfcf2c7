"""One connection: what is asked, what is answered, what is sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mexc_v3_kit import DEALS, DEPTH, LIMIT, TICKER, market, parsed, published, send, session, texts

from bookproof_exchange.dialects.api import (
    Asked,
    Feed,
    Frame,
    HttpRequest,
    Kind,
    Pinged,
    Refused,
    Reply,
    Subscribed,
    Tick,
    Unsubscribed,
)
from bookproof_exchange.dialects.mexc_v3 import DIALECT, listenkey
from bookproof_exchange.market import Change, Side
from bookproof_exchange.numbers import from_text

BOOK = Feed(symbol="BTCUSDT", channel="book", name=DEPTH.format("BTCUSDT"))
TRADES = Feed(symbol="BTCUSDT", channel="trades", name=DEALS.format("BTCUSDT"))


def test_one_acknowledgement_repeats_the_topics_joined_with_commas() -> None:
    connection = session(market(1))
    topics = [DEPTH.format("BTCUSDT"), DEALS.format("BTCUSDT"), TICKER.format("ETHUSDT")]
    reply = send(connection, "SUBSCRIPTION", *topics)
    assert [message.kind for message in reply.messages] == [Kind.ACK]
    assert not reply.messages[0].binary
    assert (
        reply.messages[0].payload
        == json.dumps({"id": 0, "code": 0, "msg": ",".join(topics)}, separators=(",", ":")).encode()
    )
    assert reply.intents == (Subscribed(BOOK), Subscribed(TRADES), Asked(topics[2]))
    assert reply.snapshots == ()
    assert connection.feeds == (BOOK, TRADES)


def test_the_id_is_echoed_and_zero_without_one() -> None:
    connection = session(market(1))
    topic = DEPTH.format("BTCUSDT")
    assert texts(send(connection, "SUBSCRIPTION", topic, id=17))[0]["id"] == 17
    assert texts(send(connection, "UNSUBSCRIPTION", topic, id=18)) == [{"id": 18, "code": 0, "msg": topic}]
    assert texts(send(connection, "SUBSCRIPTION", topic))[0]["id"] == 0


def test_a_refusal_has_code_zero_and_the_venues_words() -> None:
    reply = send(session(market(1)), "SUBSCRIPTION", "spot@public.miniTicker.v3.api@BTCUSDT@UTC+0")
    assert texts(reply) == [
        {
            "id": 0,
            "code": 0,
            "msg": "Not Subscribed successfully! [spot@public.miniTicker.v3.api@BTCUSDT@UTC+0].  Reason： Blocked! ",
        }
    ]
    assert reply.messages[0].kind is Kind.REFUSAL
    assert isinstance(reply.intents[0], Refused)


@pytest.mark.parametrize(
    "topic",
    [
        "spot@public.aggre.depth.v3.api.pb@100ms@NOSUCH",
        "spot@public.aggre.depth.v3.api.pb@100ms@btcusdt",
        "spot@public.aggre.depth.v3.api.pb@50ms@BTCUSDT",
        "spot@public.aggre.depth.v3.api@100ms@BTCUSDT",
        "spot@public.limit.depth.v3.api.pb@BTCUSDT@50",
        "spot@public.increase.depth.v3.api@BTCUSDT",
        "spot@private.orders.v3.api.pb",
        "BTCUSDT",
        "",
    ],
)
def test_what_the_venue_does_not_know_is_refused_and_changes_nothing(topic: str) -> None:
    connection = session(market(1))
    reply = send(connection, "SUBSCRIPTION", topic)
    assert reply.messages[0].kind is Kind.REFUSAL
    assert f"[{topic}]" in texts(reply)[0]["msg"]
    assert connection.feeds == ()


def test_a_request_of_which_a_part_is_refused() -> None:
    connection = session(market(1))
    good, bad = DEPTH.format("BTCUSDT"), DEPTH.format("NOSUCH")
    reply = send(connection, "SUBSCRIPTION", good, bad)
    assert [message.kind for message in reply.messages] == [Kind.REFUSAL]
    assert connection.feeds == (BOOK,)
    assert texts(reply)[0]["msg"] != f"{good},{bad}"


def test_refuse_is_a_refusal_of_everything_and_leaves_the_session_as_it_was() -> None:
    connection = session(market(1))
    topics = [DEPTH.format("BTCUSDT"), DEALS.format("BTCUSDT")]
    frame = Frame(json.dumps({"method": "SUBSCRIPTION", "params": topics, "id": 3}).encode())
    reply = connection.refuse(frame)
    assert texts(reply) == [
        {"id": 3, "code": 0, "msg": f"Not Subscribed successfully! [{','.join(topics)}].  Reason： Blocked! "}
    ]
    assert [type(intent) for intent in reply.intents] == [Refused, Refused]
    assert connection.feeds == ()
    assert connection.receive(frame).messages[0].kind is Kind.ACK


def test_a_repeated_subscription_is_told_and_sends_nothing_twice() -> None:
    view = market(1)
    connection = session(view)
    send(connection, "SUBSCRIPTION", BOOK.name)
    assert send(connection, "SUBSCRIPTION", BOOK.name).intents == (Subscribed(BOOK, again=True),)
    assert connection.feeds == (BOOK,)
    assert len(published(view, connection, "BTCUSDT", 3, 1)) == 3


def test_after_an_unsubscription_nothing_comes() -> None:
    view = market(1)
    connection = session(view)
    send(connection, "SUBSCRIPTION", BOOK.name, TRADES.name)
    assert send(connection, "UNSUBSCRIPTION", BOOK.name).intents == (Unsubscribed(BOOK),)
    assert connection.feeds == (TRADES,)
    assert all(message.kind is Kind.TRADES for message in published(view, connection, "BTCUSDT", 20, 1))


@pytest.mark.parametrize("method", ["PING", "ping"])
def test_ping(method: str) -> None:
    reply = session(market(1)).receive(Frame(json.dumps({"method": method}).encode()))
    assert texts(reply) == [{"id": 0, "code": 0, "msg": "PONG"}]
    assert reply.intents == (Pinged(),)


def test_thirty_topics_and_no_more() -> None:
    connection = session(market(1))
    intervals = ("Min1", "Min5", "Min15", "Min30", "Min60", "Hour4", "Hour8", "Day1", "Week1", "Month1")
    symbols = ("BTCUSDT", "ETHUSDT", "MXUSDT")
    many = [f"spot@public.kline.v3.api.pb@{symbol}@{interval}" for symbol in symbols for interval in intervals]
    assert send(connection, "SUBSCRIPTION", *many[:29]).messages[0].kind is Kind.ACK
    assert send(connection, "SUBSCRIPTION", many[29]).messages[0].kind is Kind.ACK
    assert send(connection, "SUBSCRIPTION", BOOK.name).messages[0].kind is Kind.REFUSAL
    assert send(connection, "SUBSCRIPTION", many[0]).messages[0].kind is Kind.ACK, "it has that one already"
    send(connection, "UNSUBSCRIPTION", many[0])
    assert send(connection, "SUBSCRIPTION", BOOK.name).messages[0].kind is Kind.ACK


def test_private_topics_need_the_listen_key_that_rest_gave() -> None:
    view = market(1)
    answer = DIALECT.rest(
        HttpRequest(method="POST", path="/api/v3/userDataStream", headers={"x-mexc-apikey": "me"}), view
    )
    key = json.loads(answer.body)["listenKey"]
    assert listenkey.valid(key)
    private = session(view, listenKey=key)
    assert private.open() == Reply()
    assert send(private, "SUBSCRIPTION", "spot@private.orders.v3.api.pb").messages[0].kind is Kind.ACK
    spoiled = session(view, listenKey="wrong")
    assert [message.payload for message in spoiled.open().messages] == [b"Invalid listen key"]
    assert send(spoiled, "SUBSCRIPTION", "spot@private.orders.v3.api.pb").messages[0].kind is Kind.REFUSAL


def test_the_handshake() -> None:
    assert DIALECT.accepts(HttpRequest(method="GET", path="/ws")) is None
    refused = DIALECT.accepts(HttpRequest(method="GET", path="/stream"))
    assert refused is not None
    assert refused.status == 404
    assert DIALECT.endpoints("ws://h:1", "http://h:2") == {"ws": "ws://h:1/ws", "rest": "http://h:2"}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.sampled_from(["SUBSCRIPTION", BOOK.name]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["method", "params", "id", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode()), st.booleans())
@settings(max_examples=200, deadline=None)
def test_no_input_breaks_a_session(payload: bytes, binary: bool) -> None:
    connection = session(_MARKET)
    reply = connection.receive(Frame(payload, binary))
    assert reply.hangup is None
    assert reply.messages or reply.intents
    connection.refuse(Frame(payload, binary))


_MARKET = market(5)


def test_a_depth_update_says_what_happened_between_two_versions() -> None:
    view = market(3)
    connection = session(view)
    send(connection, "SUBSCRIPTION", BOOK.name)
    base = view.sequence_base("BTCUSDT")
    before = view.index("BTCUSDT")
    messages = published(view, connection, "BTCUSDT", 40, 9)
    assert len(messages) == 40
    assert any(message.last - message.first > 1 for message in messages)
    sides = set()
    for message in messages:
        assert (message.kind, message.binary, message.feed) == (Kind.UPDATE, True, BOOK)
        assert message.first == before
        before = message.last
        wrapper = parsed(message.payload)
        body = wrapper.publicAggreDepths
        assert wrapper.channel == BOOK.name
        assert wrapper.symbol == "BTCUSDT"
        assert not wrapper.HasField("createTime")
        assert wrapper.sendTime == view.time_us("BTCUSDT", message.last) // 1000
        assert body.eventType == "spot@public.aggre.depth.v3.api.pb@100ms"
        assert (body.fromVersion, body.toVersion) == (str(base + message.first + 1), str(base + message.last))
        rows = tuple(
            Change(side, from_text(item.price, 2), from_text(item.quantity, 8))
            for side, items in ((Side.ASK, body.asks), (Side.BID, body.bids))
            for item in items
        )
        assert rows == message.changes
        sides.add((bool(body.asks), bool(body.bids)))
        after = view.truth("BTCUSDT").book(message.last)
        assert all(after.get(side, price) == size for side, price, size in rows)
    assert {(True, False), (False, True), (True, True)} <= sides, "one side absent is usual"


def test_both_speeds_of_one_symbol_are_two_subscriptions() -> None:
    view = market(3)
    connection = session(view)
    fast = DEPTH.format("BTCUSDT").replace("100ms", "10ms")
    send(connection, "SUBSCRIPTION", BOOK.name, fast)
    assert [feed.name for feed in connection.feeds] == [BOOK.name, fast]
    first, second = published(view, connection, "BTCUSDT", 1, 1)
    assert parsed(first.payload).channel == BOOK.name
    assert parsed(second.payload).channel == fast
    assert parsed(second.payload).publicAggreDepths.eventType == "spot@public.aggre.depth.v3.api.pb@10ms"
    assert (first.first, first.last) == (second.first, second.last)


def test_deals_are_the_trades_of_the_truth_newest_last() -> None:
    view = market(4)
    connection = session(view)
    send(connection, "SUBSCRIPTION", TRADES.name)
    start = view.index("BTCUSDT")
    messages = published(view, connection, "BTCUSDT", 60, 2)
    assert messages
    sent = [item for message in messages for item in parsed(message.payload).publicAggreDeals.deals]
    meant = [
        (event, trade) for event in view.truth("BTCUSDT").events(start, view.index("BTCUSDT")) for trade in event.trades
    ]
    assert len(sent) == len(meant)
    for item, (event, trade) in zip(sent, meant, strict=True):
        assert from_text(item.price, 2) == trade.price
        assert from_text(item.quantity, 8) == trade.size
        assert item.tradeType == (1 if trade.taker is Side.BID else 2)
        assert item.time == view.time_us("BTCUSDT", event.index) // 1000
    assert len({item.tradeId for item in sent}) == len(sent)
    assert all(message.kind is Kind.TRADES and message.feed == TRADES for message in messages)


@pytest.mark.parametrize("depth", [5, 10, 20])
def test_limit_depth_replaces_the_best_levels_and_is_silent_where_they_stay(depth: int) -> None:
    view = market(6)
    connection = session(view)
    topic = LIMIT.format("BTCUSDT", depth)
    assert send(connection, "SUBSCRIPTION", topic).intents == (Asked(topic),)
    assert connection.feeds == ()
    start = view.index("BTCUSDT")
    messages = published(view, connection, "BTCUSDT", 30, 3)
    truth = view.truth("BTCUSDT")
    shown = {side: truth.levels(start, side, depth) for side in Side}
    by_last = {message.last: message for message in messages}
    at = start
    for index in range(start + 1, view.index("BTCUSDT") + 1):
        if index not in by_last:
            continue
        message = by_last[index]
        assert message.kind is Kind.OTHER_DATA
        assert {side: truth.levels(message.first, side, depth) for side in Side} == shown, "a change was kept back"
        body = parsed(message.payload).publicLimitDepths
        assert body.version == str(view.sequence_base("BTCUSDT") + index)
        assert body.eventType == "spot@public.limit.depth.v3.api.pb"
        shown = {
            side: tuple((from_text(item.price, 2), from_text(item.quantity, 8)) for item in items)
            for side, items in ((Side.BID, body.bids), (Side.ASK, body.asks))
        }
        assert shown == {side: truth.levels(index, side, depth) for side in Side}
        at = index
    assert at > start


def test_the_book_ticker_of_an_empty_side_has_no_text_there() -> None:
    view = market(8, profile="one-sided")
    connection = session(view)
    send(connection, "SUBSCRIPTION", TICKER.format("BTCUSDT"))
    truth = view.truth("BTCUSDT")
    empty = 0
    for message in published(view, connection, "BTCUSDT", 150, 3):
        body = parsed(message.payload).publicAggreBookTicker
        for side, price, quantity in (
            (Side.BID, body.bidPrice, body.bidQuantity),
            (Side.ASK, body.askPrice, body.askQuantity),
        ):
            best = truth.levels(message.last, side, 1)
            empty += not best
            assert [(from_text(price, 2), from_text(quantity, 8))] == list(best) if best else price == quantity == ""
    assert empty


def test_a_tick_of_another_symbol_sends_nothing() -> None:
    view = market(1)
    connection = session(view)
    send(connection, "SUBSCRIPTION", BOOK.name)
    view.truth("ETHUSDT").ensure(70)
    assert connection.publish(Tick("ETHUSDT", 64, 70)) == []
    assert connection.snapshot(BOOK) is None
    assert list(connection.heartbeat()) == list(connection.farewell()) == []

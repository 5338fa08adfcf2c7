"""The ideal client: what it says, what it reads, what it decides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mexc_v3_kit import DEALS, DEPTH, LIMIT, TICKER, market, published, send, session, texts

from bookproof_exchange.dialects.api import (
    Acked,
    Beat,
    BookSnapshot,
    BookUpdate,
    Frame,
    HttpAnswer,
    Ignored,
    Kind,
    Link,
    Malformed,
    Message,
    Subscribed,
    TradeReport,
)
from bookproof_exchange.dialects.mexc_v3 import DIALECT
from bookproof_exchange.dialects.mexc_v3.proto import PushDataV3ApiWrapper
from bookproof_exchange.market import Book, Change, Side
from bookproof_exchange.script.view import AtIndex, MarketView

IDEAL = DIALECT.ideal
INSTRUMENTS = {instrument.symbol: instrument for instrument in DIALECT.instruments}


def decode(payload: bytes, *, binary: bool = True) -> Any:
    decoded = IDEAL.decode(Frame(payload, binary), INSTRUMENTS)
    assert len(decoded) == 1
    return decoded[0]


def push(**body: Any) -> bytes:
    message = PushDataV3ApiWrapper(channel=DEPTH.format("BTCUSDT"), symbol="BTCUSDT", sendTime=1_782_208_005_090)
    message.publicAggreDepths.SetInParent()
    for name, value in body.items():
        if name in ("bids", "asks"):
            for price, quantity in value:
                getattr(message.publicAggreDepths, name).add(price=price, quantity=quantity)
        else:
            setattr(message.publicAggreDepths, name, value)
    return bytes(message.SerializeToString())


def update(first: int, last: int) -> BookUpdate:
    return BookUpdate(symbol="BTCUSDT", changes=(), first=first, last=last)


# --- speaking --------------------------------------------------------------------------------------------------------


def test_the_session_understands_what_the_ideal_client_says() -> None:
    connection = session(market(1))
    frames = IDEAL.subscribe(list(INSTRUMENTS), ["book", "trades"], None)
    replies = [connection.receive(frame) for frame in frames]
    assert [intent for reply in replies for intent in reply.intents] == [Subscribed(feed) for feed in connection.feeds]
    assert {(feed.symbol, feed.channel) for feed in connection.feeds} == {
        (symbol, channel) for symbol in INSTRUMENTS for channel in ("book", "trades")
    }
    answers = [message for reply in replies for message in reply.messages]
    heard = [decoded for message in answers for decoded in IDEAL.decode(message.frame, INSTRUMENTS)]
    assert heard == [
        Acked(ok=True, channel="book", symbols=tuple(INSTRUMENTS)),
        Acked(ok=True, channel="trades", symbols=tuple(INSTRUMENTS)),
    ]
    for frame in IDEAL.unsubscribe(list(INSTRUMENTS), ["book"], None):
        connection.receive(frame)
    assert {feed.channel for feed in connection.feeds} == {"trades"}
    keepalive = IDEAL.keepalive()
    assert keepalive is not None
    assert decode(connection.receive(keepalive).messages[0].payload, binary=False) == Beat()


def test_frames_of_many_symbols_stay_below_1024_bytes() -> None:
    symbols = [f"LONGNAME{n:03}USDT" for n in range(30)]
    frames = IDEAL.subscribe(symbols, ["book"], None)
    assert all(len(frame.payload) <= 1024 for frame in frames)
    assert [topic for frame in frames for topic in json.loads(frame.payload)["params"]] == [
        DEPTH.format(symbol) for symbol in symbols
    ]


def test_it_asks_for_a_thousand_levels() -> None:
    request = IDEAL.snapshot_request("BTCUSDT", None)
    assert request is not None
    assert (request.method, request.path, dict(request.query)) == (
        "GET",
        "/api/v3/depth",
        {"symbol": "BTCUSDT", "limit": "1000"},
    )
    assert IDEAL.window(None) is IDEAL.window(20) is None
    assert IDEAL.connect_path(["BTCUSDT"], ["book"], None) == ""


# --- control ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("msg", "expected"),
    [
        ("PONG", Beat()),
        (DEPTH.format("BTCUSDT"), Acked(ok=True, symbols=("BTCUSDT",))),
        (
            f"{DEPTH.format('BTCUSDT')},{DEPTH.format('MXUSDT')}",
            Acked(ok=True, symbols=("BTCUSDT", "MXUSDT")),
        ),
        (TICKER.format("BTCUSDT"), Ignored()),
        ("Not Subscribed successfully! [spot@public.miniTicker.v3.api@BTCUSDT@UTC+0].  Reason： Blocked! ", Ignored()),
        ("something is wrong", Acked(ok=False, reason="something is wrong")),
        ("", Acked(ok=False, reason="")),
    ],
)
def test_only_the_repeated_topics_confirm(msg: str, expected: object) -> None:
    assert decode(json.dumps({"id": 0, "code": 0, "msg": msg}).encode(), binary=False) == expected


def test_a_refusal_with_code_zero_is_a_refusal() -> None:
    reply = send(session(market(1)), "SUBSCRIPTION", DEPTH.format("NOSUCH"))
    msg = texts(reply)[0]["msg"]
    assert decode(reply.messages[0].payload, binary=False) == Acked(ok=False, symbols=("NOSUCH",), reason=msg)
    partly = send(session(market(1)), "SUBSCRIPTION", DEPTH.format("BTCUSDT"), DEPTH.format("NOSUCH"))
    decoded = decode(partly.messages[0].payload, binary=False)
    assert not decoded.ok
    assert "NOSUCH" in decoded.symbols
    failed = {"id": 0, "code": 1, "msg": DEPTH.format("BTCUSDT")}
    assert not decode(json.dumps(failed).encode(), binary=False).ok


def test_text_that_is_no_json() -> None:
    assert decode(b"Invalid listen key", binary=False) == Acked(ok=False, reason="Invalid listen key")
    assert isinstance(decode(b"hello", binary=False), Malformed)
    assert isinstance(decode(b"\xff\xfe", binary=False), Malformed)
    assert decode(b"[]", binary=False) == decode(b'{"event":"x"}', binary=False) == Ignored()


def test_frames_are_routed_by_their_type() -> None:
    control = b'{"id":0,"code":0,"msg":"PONG"}'
    data = push(fromVersion="5", toVersion="5")
    assert decode(control, binary=False) == Beat()
    assert isinstance(decode(control, binary=True), Malformed)
    assert isinstance(decode(data, binary=True), BookUpdate)
    assert isinstance(decode(data, binary=False), Malformed)


# --- data ------------------------------------------------------------------------------------------------------------


def test_a_depth_message() -> None:
    payload = push(
        asks=[("61760", "0"), ("61761.50", "0.00000000")],
        bids=[("61759.73", "0.0001778"), ("61759.7", "2.82651000")],
        fromVersion="74891313263",
        toVersion="74891313270",
    )
    assert decode(payload) == BookUpdate(
        symbol="BTCUSDT",
        changes=(
            Change(Side.ASK, 6_176_000, 0),
            Change(Side.ASK, 6_176_150, 0),
            Change(Side.BID, 6_175_973, 17_780),
            Change(Side.BID, 6_175_970, 282_651_000),
        ),
        first=74_891_313_263,
        last=74_891_313_270,
    )


def test_versions_are_integers_not_texts() -> None:
    decoded = decode(push(fromVersion="9999999999", toVersion="10000000000"))
    assert (decoded.first, decoded.last) == (9_999_999_999, 10_000_000_000)
    assert IDEAL.link(9_999_999_998, decoded, first_after_snapshot=False) is Link.NEXT


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fromVersion": "5"},
        {"toVersion": "5"},
        {"fromVersion": "6", "toVersion": "5"},
        {"fromVersion": "-5", "toVersion": "5"},
        {"fromVersion": "5.0", "toVersion": "5"},
        {"fromVersion": "٥", "toVersion": "5"},
        {"fromVersion": "5", "toVersion": "5", "bids": [("1.5", "x")]},
        {"fromVersion": "5", "toVersion": "5", "bids": [("", "1")]},
        {"fromVersion": "5", "toVersion": "5", "bids": [("1.5", "")]},
        {"fromVersion": "5", "toVersion": "5", "bids": [("1.5", "-1")]},
        {"fromVersion": "5", "toVersion": "5", "bids": [("0", "1")]},
        {"fromVersion": "5", "toVersion": "5", "asks": [("1.555", "1")]},
        {"fromVersion": "5", "toVersion": "5", "asks": [("1", "nan")]},
    ],
)
def test_a_depth_message_that_cannot_be(body: dict[str, Any]) -> None:
    decoded = decode(push(**body))
    assert isinstance(decoded, Malformed)
    assert decoded.symbol == "BTCUSDT"


def test_messages_without_a_body_and_of_other_kinds_are_ignored() -> None:
    bare = PushDataV3ApiWrapper(channel=DEPTH.format("BTCUSDT"), symbol="BTCUSDT", sendTime=1)
    assert decode(bare.SerializeToString()) == Ignored()
    view = market(2)
    connection = session(view)
    send(connection, "SUBSCRIPTION", TICKER.format("BTCUSDT"), LIMIT.format("BTCUSDT", 20))
    messages = published(view, connection, "BTCUSDT", 10, 1)
    assert messages
    assert {decode(message.payload) for message in messages} == {Ignored()}
    foreign = PushDataV3ApiWrapper(channel=DEPTH.format("XENUSDT"), symbol="XENUSDT")
    foreign.publicAggreDepths.fromVersion = foreign.publicAggreDepths.toVersion = "1"
    assert decode(foreign.SerializeToString()) == Ignored()


def test_the_symbol_is_in_the_channel_where_the_field_is_absent() -> None:
    message = PushDataV3ApiWrapper(channel=DEPTH.format("MXUSDT"))
    message.publicAggreDepths.fromVersion = message.publicAggreDepths.toVersion = "1"
    assert decode(message.SerializeToString()).symbol == "MXUSDT"


@given(st.data())
@settings(deadline=None)
def test_a_message_that_ends_early_is_malformed_or_ends_where_a_field_does(data: st.DataObject) -> None:
    payload = push(bids=[("61759.73", "0.5")], fromVersion="5", toVersion="5")
    end = data.draw(st.integers(0, len(payload) - 1))
    decoded = decode(payload[:end])
    assert isinstance(decoded, Malformed | Ignored)
    if isinstance(decoded, Malformed) and end > 60:
        assert decoded.symbol == "BTCUSDT"


def test_deals() -> None:
    view = market(4)
    connection = session(view)
    send(connection, "SUBSCRIPTION", DEALS.format("BTCUSDT"))
    start = view.index("BTCUSDT")
    read = [decode(message.payload) for message in published(view, connection, "BTCUSDT", 60, 2)]
    assert all(isinstance(report, TradeReport) and report.symbol == "BTCUSDT" for report in read)
    meant = [trade for event in view.truth("BTCUSDT").events(start, view.index("BTCUSDT")) for trade in event.trades]
    trades = [trade for report in read for trade in report.trades]
    assert [trade[1:] for trade in trades] == [trade[1:] for trade in meant]
    assert [trade.number for trade in trades] == sorted({trade.number for trade in trades})


def test_a_deal_of_neither_side_is_malformed() -> None:
    message = PushDataV3ApiWrapper(channel=DEALS.format("BTCUSDT"), symbol="BTCUSDT")
    message.publicAggreDeals.deals.add(price="1.00", quantity="1", tradeType=3)
    assert isinstance(decode(message.SerializeToString()), Malformed)


# --- REST ------------------------------------------------------------------------------------------------------------


def rest(body: object, status: int = 200) -> Any:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return IDEAL.decode_rest("BTCUSDT", HttpAnswer(status=status, body=payload), INSTRUMENTS)


def test_a_snapshot() -> None:
    body = {
        "lastUpdateId": 74_891_313_262,
        "bids": [["61759.73", "0.10000000"], ["61759.7", "0.1"]],
        "asks": [],
        "timestamp": 1,
    }
    expected = BookSnapshot(
        symbol="BTCUSDT", bids=((6_175_973, 10_000_000), (6_175_970, 10_000_000)), asks=(), sequence=74_891_313_262
    )
    assert rest(body) == expected
    assert rest({**body, "lastUpdateId": "74891313262"}) == expected


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"code": 10007, "msg": "bad symbol"}, 400),
        ({"lastUpdateId": 1, "bids": [], "asks": []}, 503),
        (b"", 200),
        (b'{"lastUpdateId":1,"bids":[["1.0', 200),
        (b"<html></html>", 200),
        ([], 200),
        ({"bids": [], "asks": []}, 200),
        ({"lastUpdateId": None, "bids": [], "asks": []}, 200),
        ({"lastUpdateId": True, "bids": [], "asks": []}, 200),
        ({"lastUpdateId": 1, "bids": []}, 200),
        ({"lastUpdateId": 1, "bids": [], "asks": [["2.00"]]}, 200),
        ({"lastUpdateId": 1, "bids": [], "asks": [["2.00", 1]]}, 200),
        ({"lastUpdateId": 1, "bids": [], "asks": [["2.00", "0"]]}, 200),
        ({"lastUpdateId": 1, "bids": [], "asks": [["2.00", "1"], ["1.00", "1"]]}, 200),
        ({"lastUpdateId": 1, "bids": [["1.00", "1"], ["1.00", "1"]], "asks": []}, 200),
    ],
)
def test_an_answer_that_is_no_book(body: object, status: int) -> None:
    decoded = rest(body, status)
    assert isinstance(decoded, Malformed)
    assert decoded.symbol == "BTCUSDT"


# --- judging ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "after_snapshot", "later"),
    [
        (90, 99, Link.OLD, Link.OLD),
        (90, 100, Link.OLD, Link.OLD),
        (90, 101, Link.NEXT, Link.GAP),
        (100, 105, Link.NEXT, Link.GAP),
        (101, 101, Link.NEXT, Link.NEXT),
        (101, 120, Link.NEXT, Link.NEXT),
        (102, 102, Link.GAP, Link.GAP),
        (150, 200, Link.GAP, Link.GAP),
    ],
)
def test_link(first: int, last: int, after_snapshot: Link, later: Link) -> None:
    assert IDEAL.link(100, update(first, last), first_after_snapshot=True) is after_snapshot
    assert IDEAL.link(100, update(first, last), first_after_snapshot=False) is later
    assert IDEAL.link(None, update(first, last), first_after_snapshot=True) is Link.GAP


def fold(
    view: MarketView, symbol: str, snapshot_at: int, messages: Sequence[Message], limit: int | None = None
) -> tuple[list[tuple[int, Book]], bool]:
    """The states that an ideal client verifies, each with the truth version that its sequence names; whether the chain
    broke."""
    request = IDEAL.snapshot_request(symbol, None)
    assert request is not None
    if limit is not None:
        request = msgspec.structs.replace(request, query={**request.query, "limit": str(limit)})
    snapshot = IDEAL.decode_rest(symbol, DIALECT.rest(request, AtIndex(view, symbol, snapshot_at)), INSTRUMENTS)
    assert isinstance(snapshot, BookSnapshot)
    assert snapshot.sequence is not None
    base = view.sequence_base(symbol)
    book, last, first = Book(snapshot.bids, snapshot.asks), snapshot.sequence, True
    states = [(last - base, book.copy())]
    for message in messages:
        for decoded in IDEAL.decode(message.frame, INSTRUMENTS):
            if not isinstance(decoded, BookUpdate) or decoded.symbol != symbol:
                continue
            match IDEAL.link(last, decoded, first_after_snapshot=first):
                case Link.OLD:
                    continue
                case Link.GAP:
                    return states, True
                case Link.NEXT:
                    assert decoded.last is not None
                    book.apply(decoded.changes)
                    last, first = decoded.last, False
                    states.append((last - base, book.copy()))
    return states, False


@given(
    st.integers(0, 10**6),
    st.sampled_from(["busy", "thin", "one-sided", "calm"]),
    st.sampled_from([1, 3, 10, 1000]),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_snapshot_and_updates_give_the_truth_at_every_published_version(
    seed: int, profile: Any, limit: int, data: st.DataObject
) -> None:
    view = market(seed, profile=profile, symbols=1)
    connection = session(view)
    send(connection, "SUBSCRIPTION", DEPTH.format("BTCUSDT"))
    start = view.index("BTCUSDT")
    messages = published(view, connection, "BTCUSDT", 25, seed)
    end = view.index("BTCUSDT")
    truth = view.truth("BTCUSDT")
    at = data.draw(st.integers(start, end), label="snapshot at")
    states, broken = fold(view, "BTCUSDT", at, messages, limit)
    assert not broken
    assert [index for index, _ in states] == [at, *(message.last for message in messages if message.last > at)]
    for side in Side:
        known = truth.levels(at, side, limit)
        worst = known[-1][0] if len(known) == limit else None
        for index, book in states:
            expected = dict(truth.levels(index, side))
            shown = dict(book.levels(side))
            for price in expected.keys() | shown.keys():
                inside = worst is None or (price >= worst if side is Side.BID else price <= worst)
                if inside or price in shown:
                    assert shown.get(price) == expected.get(price), (index, side, price)


@given(st.integers(0, 10**6), st.data())
@settings(max_examples=40, deadline=None)
def test_a_lost_update_and_a_stale_snapshot_are_noticed(seed: int, data: st.DataObject) -> None:
    view = market(seed, symbols=1)
    connection = session(view)
    send(connection, "SUBSCRIPTION", DEPTH.format("BTCUSDT"))
    start = view.index("BTCUSDT")
    messages = list(published(view, connection, "BTCUSDT", 8, seed))
    lost = data.draw(st.integers(0, 6))
    states, broken = fold(view, "BTCUSDT", start, messages[:lost] + messages[lost + 1 :])
    assert broken
    assert states[-1][0] == messages[lost].first
    stale = data.draw(st.integers(0, start - 1))
    assert fold(view, "BTCUSDT", stale, messages)[1]


def test_a_repeated_and_a_late_update() -> None:
    view = market(1, symbols=1)
    connection = session(view)
    send(connection, "SUBSCRIPTION", DEPTH.format("BTCUSDT"))
    start = view.index("BTCUSDT")
    one, two, three = published(view, connection, "BTCUSDT", 3, 1)
    states, broken = fold(view, "BTCUSDT", start, [one, two, two, one, three])
    assert not broken
    assert [index for index, _ in states] == [start, one.last, two.last, three.last]
    assert fold(view, "BTCUSDT", start, [one, three, two])[1]
    assert one.kind is Kind.UPDATE

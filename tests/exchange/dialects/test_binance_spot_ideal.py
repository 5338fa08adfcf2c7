"""The client side: speaking, decoding, joining; and both sides against each other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from binance_spot_kit import BASE, MarketView, opened, snapshot_at, update_of
from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof_exchange.dialects.api import (
    Acked,
    BookSnapshot,
    BookUpdate,
    Decoded,
    Frame,
    GoingDown,
    HttpAnswer,
    Ignored,
    Link,
    Malformed,
    Message,
    Subscribed,
    Tick,
    TradeReport,
)
from bookproof_exchange.dialects.binance_spot import DIALECT
from bookproof_exchange.market import Change, Side, Trade

VIEW = MarketView()
IDEAL = DIALECT.ideal
DEPTH: dict[str, Any] = {
    "e": "depthUpdate",
    "E": 1_672_515_782_136,
    "s": "BTCUSDT",
    "U": 157,
    "u": 160,
    "b": [["0.24", "10"]],
    "a": [["78437.00000000", "0.00000000"]],
}


def decode(value: object) -> Decoded:
    payload = value if isinstance(value, bytes) else json.dumps(value).encode()
    (decoded,) = IDEAL.decode(Frame(payload), VIEW.instruments)
    return decoded


# --- speaking -------------------------------------------------------------------------------------------------------


def test_the_url_subscribes() -> None:
    path = IDEAL.connect_path(["BTCUSDT", "ETHUSDT"], ["book", "trades"], None)
    assert path == ("/stream?streams=btcusdt@depth@100ms/btcusdt@trade/ethusdt@depth@100ms/ethusdt@trade")
    assert list(IDEAL.subscribe(["BTCUSDT"], ["book"], None)) == []
    assert IDEAL.connect_path(["BTCUSDT"], ["book"], 20) == "/stream?streams=btcusdt@depth20@100ms"


def test_unsubscribe_is_understood_by_the_exchange() -> None:
    view = MarketView()
    session = opened(view, "btcusdt@depth@100ms", "btcusdt@trade", "ethusdt@depth@100ms")
    (frame,) = IDEAL.unsubscribe(["BTCUSDT"], ["book", "trades"], None)
    reply = session.receive(frame)
    assert [feed.name for feed in session.feeds] == ["ethusdt@depth@100ms"]
    assert decode(reply.messages[0].payload) == Acked(ok=True, what="unsubscribe")


@pytest.mark.parametrize(("depth", "limit"), [(None, "1000"), (50, "1000"), (1000, "1000"), (1001, "5000")])
def test_snapshot_request(depth: int | None, limit: str) -> None:
    request = IDEAL.snapshot_request("BTCUSDT", depth)
    assert request is not None
    assert request.query == {"symbol": "BTCUSDT", "limit": limit}
    answer = DIALECT.rest(request, VIEW)
    assert isinstance(IDEAL.decode_rest("BTCUSDT", answer, VIEW.instruments), BookSnapshot)


def test_partial_books_need_no_request_and_no_window() -> None:
    assert IDEAL.snapshot_request("BTCUSDT", 10) is None
    assert IDEAL.window(10) is None
    assert IDEAL.keepalive() is None


# --- decoding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("combined", [False, True])
def test_depth_raw_and_combined(combined: bool) -> None:
    message = {"stream": "btcusdt@depth", "data": DEPTH} if combined else DEPTH
    assert decode(message) == BookUpdate(
        symbol="BTCUSDT",
        changes=(Change(Side.BID, 24, 1_000_000), Change(Side.ASK, 7_843_700, 0)),
        first=157,
        last=160,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"u": "160"},
        {"U": 157.0},
        {"U": True},
        {"u": None},
        {"u": 156},
        {"b": None},
        {"b": True},
        {"b": {"0.24": "10"}},
        {"b": [["0.24", 10]]},
        {"b": [["0.24"]]},
        {"b": [["0.24", "10", "1"]]},
        {"b": [["0.24", "x"]]},
        {"b": [["0.24", "-1"]]},
        {"b": [["0", "1"]]},
        {"b": [["0.245", "1"]]},
        {"b": [["NaN", "1"]]},
        {"s": 1},
        {"e": 7},
    ],
)
def test_wrong_types_are_malformed_and_name_the_symbol(change: dict[str, Any]) -> None:
    decoded = decode({"stream": "btcusdt@depth", "data": {**DEPTH, **change}})
    assert isinstance(decoded, Malformed), decoded
    assert decoded.symbol == "BTCUSDT"


@pytest.mark.parametrize("missing", ["E", "s", "U", "u", "b", "a"])
def test_missing_fields_are_malformed(missing: str) -> None:
    assert isinstance(decode({key: value for key, value in DEPTH.items() if key != missing}), Malformed)


@pytest.mark.parametrize(
    "value", [b"", b"{", b"\xff\xfe", b"1", b'"pong"', b"null", {"stream": 1, "data": {}}, {"stream": "a"}]
)
def test_garbage_is_malformed(value: object) -> None:
    assert isinstance(decode(value), Malformed)


def test_a_cut_message_still_names_its_symbol() -> None:
    assert decode(b'{"stream":"ethusdt@depth","data":{"e":"dep').symbol == "ETHUSDT"  # type: ignore[union-attr]
    assert decode(json.dumps(DEPTH, separators=(",", ":")).encode()[:70]).symbol == "BTCUSDT"  # type: ignore[union-attr]


def test_a_symbol_on_anothers_stream_is_malformed() -> None:
    assert isinstance(decode({"stream": "ethusdt@depth", "data": DEPTH}), Malformed)


@pytest.mark.parametrize(
    "value",
    [
        {"e": "kline", "s": "BTCUSDT"},
        {"stream": "btcusdt@bookPulse", "data": {"e": "bookPulse"}},
        {"stream": "!miniTicker@arr", "data": [{"e": "24hrMiniTicker"}]},
        [],
        {"u": 1, "s": "BTCUSDT", "b": "1", "B": "2", "a": "3", "A": "4"},
        {**DEPTH, "s": "NOPE"},
        {"result": ["btcusdt@depth"], "id": 3},
        {"result": True, "id": 3},
        {"event": {"e": "balanceUpdate"}},
        {"lastUpdateId": 1, "bids": [], "asks": []},
    ],
)
def test_the_unknown_is_ignored(value: object) -> None:
    assert decode(value) == Ignored()


def test_unknown_fields_change_nothing() -> None:
    assert decode({**DEPTH, "x": [1]}) == decode(DEPTH)


def test_partial_depth_belongs_to_its_stream_or_to_the_only_symbol() -> None:
    book = {"lastUpdateId": 160, "bids": [["0.24", "10"]], "asks": []}
    expected = BookSnapshot(symbol="BTCUSDT", bids=((24, 1_000_000),), asks=(), sequence=160)
    assert decode({"stream": "btcusdt@depth5", "data": book}) == expected
    only = {"BTCUSDT": VIEW.instruments["BTCUSDT"]}
    assert IDEAL.decode(Frame(json.dumps(book).encode()), only) == (expected,)


@pytest.mark.parametrize(
    "value",
    [
        {"e": "serverShutdown", "E": 1_770_123_456_789},
        {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1_770_123_456_789}},
        {"event": {"e": "serverShutdown", "E": 1_770_123_456_789}},
    ],
)
def test_shutdown_in_any_shape(value: object) -> None:
    assert decode(value) == GoingDown()


def test_replies() -> None:
    assert decode({"result": None, "id": 1}) == Acked(ok=True)
    bare = decode({"code": 2, "msg": "Invalid request: x"})
    wrapped = decode({"error": {"code": 2, "msg": "Invalid request: x"}, "id": 1})
    assert bare == wrapped == Acked(ok=False, reason="Invalid request: x")


def test_trades() -> None:
    trade = {
        "e": "trade",
        "E": 1,
        "s": "BTCUSDT",
        "t": 12,
        "p": "78436.76000000",
        "q": "0.00025000",
        "T": 1,
        "m": False,
    }
    assert decode(trade) == TradeReport(symbol="BTCUSDT", trades=(Trade(12, 7_843_676, 25, Side.BID),))
    assert isinstance(decode({**trade, "m": 0}), Malformed)
    run = {"e": "aggTrade", "s": "BTCUSDT", "a": 3, "f": 7, "l": 9, "p": "1", "q": "2", "m": True}
    assert decode(run) == TradeReport(symbol="BTCUSDT", trades=(Trade(9, 100, 200_000, Side.ASK),))


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b'{"lastUpdateId":1,"bids":[],"asks":[]}'), (200, b""), (200, b"<html>"), (200, b'{"lastUpdateId":1}')],
)
def test_a_rest_answer_that_is_no_book(status: int, body: bytes) -> None:
    answer = HttpAnswer(status=status, body=body)
    assert isinstance(IDEAL.decode_rest("BTCUSDT", answer, VIEW.instruments), Malformed)


# --- joining --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "first", "end", "link"),
    [
        (100, 90, 99, Link.OLD),
        (100, 90, 100, Link.OLD),
        (100, 100, 100, Link.OLD),
        (100, 101, 105, Link.NEXT),
        (100, 101, 101, Link.NEXT),
        (100, 95, 103, Link.NEXT),
        (100, 100, 101, Link.NEXT),
        (100, 102, 105, Link.GAP),
        (None, 1, 2, Link.GAP),
    ],
)
@pytest.mark.parametrize("first_after_snapshot", [True, False])
def test_link(last: int | None, first: int, end: int, link: Link, first_after_snapshot: bool) -> None:
    update = BookUpdate(symbol="BTCUSDT", changes=(), first=first, last=end)
    assert IDEAL.link(last, update, first_after_snapshot=first_after_snapshot) is link


PROFILES = ("calm", "busy", "thin", "one-sided")
MARKETS = {(seed, profile): MarketView(seed, profile=profile) for seed in (1, 2) for profile in PROFILES}  # type: ignore[arg-type]


def ticks(view: MarketView, symbol: str, batches: list[int], start: int = 0) -> list[Message]:
    session = opened(view, f"{symbol.lower()}@depth@100ms")
    view.truth(symbol).ensure(start + sum(batches))
    messages: list[Message] = []
    for batch in batches:
        messages += session.publish(Tick(symbol, start, start + batch))
        start += batch
    return messages


@settings(max_examples=150, deadline=None)
@given(
    market=st.sampled_from(sorted(MARKETS)),
    symbol=st.sampled_from(["BTCUSDT", "ETHUSDT", "XRPUSDT"]),
    batches=st.lists(st.integers(1, 6), min_size=1, max_size=25),
    start=st.integers(0, 40),
    at=st.integers(0, 10**6),
    limit=st.sampled_from([5, 20, 100, 5000]),
)
def test_snapshot_and_events_fold_to_the_truth(
    market: tuple[int, str], symbol: str, batches: list[int], start: int, at: int, limit: int
) -> None:
    """From a snapshot of any version that the stream covers, inside a batch or not, every published version is right
    wherever the snapshot reached."""
    view = MARKETS[market]
    messages = ticks(view, symbol, batches, start)
    fold = snapshot_at(view, symbol, start + at % (sum(batches) + 1), limit)
    truth = view.truth(symbol)
    for message in messages:
        link = fold.take(update_of(message, view))
        assert link is not Link.GAP
        if link is Link.NEXT:
            assert fold.wrong(truth.book(message.last)) == []
    assert fold.last == view.sequence_base(symbol) + max(message.last for message in messages) or not messages


@settings(max_examples=40, deadline=None)
@given(
    seed=st.sampled_from([1, 2]), lost=st.integers(1, 8), batches=st.lists(st.integers(1, 4), min_size=10, max_size=14)
)
def test_a_lost_event_is_a_gap_and_a_repeated_one_is_old(seed: int, lost: int, batches: list[int]) -> None:
    view = MARKETS[seed, "busy"]
    messages = ticks(view, "BTCUSDT", batches)
    fold = snapshot_at(view, "BTCUSDT", 0, 100)
    links = [fold.take(update_of(message, view)) for at, message in enumerate(messages) if at != lost]
    assert links == [Link.NEXT] * lost + [Link.GAP] * (len(messages) - lost - 1)
    fold = snapshot_at(view, "BTCUSDT", 0, 100)
    for message in messages:
        assert fold.take(update_of(message, view)) is Link.NEXT
        before = fold.book.fingerprint()
        assert fold.take(update_of(message, view)) is Link.OLD
        assert fold.book.fingerprint() == before


def test_a_snapshot_from_before_the_stream_shows_as_a_gap() -> None:
    view = MARKETS[1, "busy"]
    messages = ticks(view, "BTCUSDT", [3, 3], start=10)
    assert snapshot_at(view, "BTCUSDT", 9, 100).take(update_of(messages[0], view)) is Link.GAP
    assert snapshot_at(view, "BTCUSDT", 10, 100).take(update_of(messages[0], view)) is Link.NEXT


def test_what_the_exchange_means_is_what_the_client_reads() -> None:
    view = MARKETS[2, "busy"]
    for message in ticks(view, "XRPUSDT", [2] * 30):
        update = update_of(message, view)
        assert update.changes == message.changes
        assert update.first == view.sequence_base("XRPUSDT") + message.first + 1
        assert update.last == view.sequence_base("XRPUSDT") + message.last
    assert BASE


def test_the_ideal_client_is_accepted() -> None:
    path, _, query = IDEAL.connect_path(list(VIEW.instruments), ["book", "trades"], None).partition("?streams=")
    session = opened(VIEW, *query.split("/"))
    assert path == "/stream"
    assert len(session.feeds) == 2 * len(VIEW.instruments)
    assert all(isinstance(intent, Subscribed) for intent in opened(VIEW).open().intents)

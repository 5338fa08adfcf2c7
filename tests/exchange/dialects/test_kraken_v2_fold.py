"""The two halves of the dialect against each other: whatever the market does, an ideal client that follows the wire
shows the truth at every message; every legal edit keeps that, every illegal one breaks what it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookproof_exchange.dialects.api import (
    BookSnapshot,
    BookUpdate,
    Edit,
    EditKind,
    Feed,
    Frame,
    HttpRequest,
    Ignored,
    Kind,
    Malformed,
    Message,
    Session,
    Tick,
    TradeReport,
)
from bookproof_exchange.dialects.kraken_v2 import DIALECT
from bookproof_exchange.faults.specs import LEGAL_EDITS
from bookproof_exchange.market import Book, Change, Levels, Shape, Side, Trade
from bookproof_exchange.market.truth import Profile
from bookproof_exchange.scenario.model import Market
from bookproof_exchange.script.view import MarketView
from bookproof_exchange.seeds import stream

PROFILES: tuple[Profile, ...] = get_args(Profile)
RANDOM = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

markets = st.builds(
    Market,
    profile=st.sampled_from([profile for profile in PROFILES if profile != "deep"]),
    levels=st.sampled_from([4, 9, 12, 40]),
    symbols=st.integers(1, 3),
)
seeds = st.integers(0, 2**32)
depths = st.sampled_from([None, 10, 25, 100])


class Exchange:
    """One connection to a market that the test moves."""

    def __init__(self, market: Market, seed: int) -> None:
        self.view = MarketView(DIALECT, market, seed)
        self.session: Session = DIALECT.session(HttpRequest(method="GET", path="/v2"), self.view)
        self.random = stream(seed, "test")

    def subscribe(self, depth: int | None, channels: Sequence[str] = ("book",)) -> list[Message]:
        messages: list[Message] = []
        for frame in DIALECT.ideal.subscribe(list(self.view.instruments), channels, depth):
            reply = self.session.receive(frame)
            messages += reply.messages
            messages += [message for feed in reply.snapshots if (message := self.session.snapshot(feed)) is not None]
        return messages

    def move(self, symbol: str, events: int, shape: Shape | None = None) -> tuple[Tick, list[Message]]:
        truth = self.view.truth(symbol)
        tick = Tick(symbol, truth.last, truth.last + events)
        for number in range(events):
            truth.extend(shape if number == events - 1 else None)
        self.view.move(symbol, tick.last)
        return tick, list(self.session.publish(tick))

    def window(self, feed: Feed, index: int) -> tuple[Levels, Levels]:
        truth = self.view.truth(feed.symbol)
        return truth.levels(index, Side.BID, feed.depth), truth.levels(index, Side.ASK, feed.depth)


class Client:
    """Follows one symbol's book. ``each``: truncates after every row, as some clients do, not after every message."""

    def __init__(self, exchange: Exchange, feed: Feed, *, each: bool = False) -> None:
        self.instruments = exchange.view.instruments
        self.feed = feed
        self.each = each
        self.book = Book()

    def take(self, message: Message) -> bool:
        """Apply one message; whether the checksum agrees afterwards."""
        (decoded,) = DIALECT.ideal.decode(message.frame, self.instruments)
        window = DIALECT.ideal.window(self.feed.depth)
        assert window is not None
        match decoded:
            case BookSnapshot(bids=bids, asks=asks, checksum=checksum):
                self.book = Book(bids, asks)
            case BookUpdate(changes=changes, checksum=checksum):
                assert changes == message.changes
                for change in changes:
                    self.book.set(change.side, change.price, change.size)
                    if self.each:
                        self.book.truncate(window)
            case _:
                raise AssertionError(decoded)
        self.book.truncate(window)
        return DIALECT.ideal.verify(self.book, checksum, self.instruments[self.feed.symbol])

    @property
    def shown(self) -> tuple[Levels, Levels]:
        return self.book.levels(Side.BID), self.book.levels(Side.ASK)


def books(messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if message.kind in (Kind.SNAPSHOT, Kind.UPDATE)]


@RANDOM
@given(markets, seeds, depths)
def test_an_ideal_client_shows_the_truth_after_every_message(market: Market, seed: int, depth: int | None) -> None:
    exchange = Exchange(market, seed)
    clients: dict[tuple[str, bool], Client] = {}
    for message in books(exchange.subscribe(depth)):
        assert message.feed is not None
        assert message.feed.depth == (depth or 10)
        for each in (False, True):
            client = clients[message.feed.symbol, each] = Client(exchange, message.feed, each=each)
            assert client.take(message)
            assert client.shown == exchange.window(message.feed, message.last)
    for _ in range(40):
        symbol = exchange.random.choice(list(exchange.view.instruments))
        tick, messages = exchange.move(symbol, exchange.random.choice([1, 1, 1, 2, 5]))
        before = exchange.window(clients[symbol, False].feed, tick.first)
        after = exchange.window(clients[symbol, False].feed, tick.last)
        assert len(messages) == (before != after)
        for message in messages:
            assert (message.kind, message.first, message.last) == (Kind.UPDATE, tick.first, tick.last)
        for each in (False, True):
            client = clients[symbol, each]
            for message in messages:
                assert client.take(message)
            assert client.shown == after


@RANDOM
@given(markets, seeds, depths)
def test_an_update_says_no_more_than_the_window_rule_wants(market: Market, seed: int, depth: int | None) -> None:
    exchange = Exchange(market, seed)
    exchange.subscribe(depth)
    symbol = next(iter(exchange.view.instruments))
    for _ in range(40):
        tick, messages = exchange.move(symbol, exchange.random.choice([1, 2, 4]))
        for message in messages:
            assert message.feed is not None
            for side in Side:
                old = dict(exchange.window(message.feed, tick.first)[side])
                new = dict(exchange.window(message.feed, tick.last)[side])
                all_after = dict(exchange.view.truth(symbol).levels(tick.last, side))
                rows = {price: size for where, price, size in message.changes if where is side}
                deleted = {price for price, size in rows.items() if size == 0}
                assert deleted == {price for price in old if price not in all_after}
                assert {p: s for p, s in rows.items() if s} == {p: s for p, s in new.items() if old.get(p) != s}


def test_a_level_pushed_out_and_back_is_sent_whole_and_never_deleted() -> None:
    exchange = Exchange(Market(levels=40), 5)
    (snapshot,) = books(exchange.subscribe(10))
    symbol = "BTC/USD"
    worst = exchange.view.truth(symbol).levels(snapshot.last, Side.BID, 10)[-1]
    _, (message,) = exchange.move(symbol, 1, Shape(kind="improve", side="bid"))
    assert all(size for _, _, size in message.changes)
    assert worst not in exchange.view.truth(symbol).levels(message.last, Side.BID, 10)
    _, (message,) = exchange.move(symbol, 1, Shape(kind="delete", side="bid", rank=2))
    assert Change(Side.BID, *worst) in message.changes
    assert message.changes[0].size == 0, "deletions come first"


@RANDOM
@given(markets, seeds)
def test_trades_arrive_once_and_in_order(market: Market, seed: int) -> None:
    exchange = Exchange(market, seed)
    symbol = next(iter(exchange.view.instruments))
    exchange.subscribe(None, ("trades",))
    start = exchange.view.index(symbol)
    got: list[Trade] = []
    for _ in range(60):
        _, messages = exchange.move(symbol, exchange.random.choice([1, 3]))
        for message in messages:
            assert message.kind is Kind.TRADES
            (report,) = DIALECT.ideal.decode(message.frame, exchange.view.instruments)
            assert isinstance(report, TradeReport)
            got += report.trades
    base = exchange.view.sequence_base(symbol)
    truth = exchange.view.truth(symbol)
    events = [truth.event(index) for index in range(start + 1, truth.last + 1)]
    assert [trade._replace(number=trade.number - base) for trade in got] == [t for e in events for t in e.trades]


def test_a_trade_snapshot_holds_the_last_fifty() -> None:
    exchange = Exchange(Market(), 3)
    symbol = "BTC/USD"
    while sum(len(exchange.view.truth(symbol).event(i).trades) for i in range(1, exchange.view.index(symbol) + 1)) < 80:
        exchange.move(symbol, 20)
    frame = {"method": "subscribe", "params": {"channel": "trade", "symbol": [symbol], "snapshot": True}}
    (feed,) = exchange.session.receive(Frame(msgspec.json.encode(frame))).snapshots
    message = exchange.session.snapshot(feed)
    assert message is not None
    (report,) = DIALECT.ideal.decode(message.frame, exchange.view.instruments)
    assert isinstance(report, TradeReport)
    truth = exchange.view.truth(symbol)
    every = [trade for index in range(1, truth.last + 1) for trade in truth.event(index).trades]
    base = exchange.view.sequence_base(symbol)
    assert [trade._replace(number=trade.number - base) for trade in report.trades] == every[-50:]


# --- edits --------------------------------------------------------------------------------------------------------

STILL_A_BOOK: list[EditKind] = [
    kind for kind in get_args(EditKind) if kind in DIALECT.traits.edits & LEGAL_EDITS and kind != "unknown-type"
]


@pytest.mark.parametrize("kind", STILL_A_BOOK)
@pytest.mark.parametrize("depth", [10, 100])
def test_legal_edits_keep_the_book_right(kind: EditKind, depth: int) -> None:
    done = 0
    for seed in range(4):
        exchange = Exchange(Market(profile=PROFILES[seed % 3]), seed)
        (snapshot,) = books(exchange.subscribe(depth))
        assert snapshot.feed is not None
        clients = [Client(exchange, snapshot.feed, each=each) for each in (False, True)]
        assert all(client.take(snapshot) for client in clients)
        for _ in range(60):
            _, messages = exchange.move("BTC/USD", exchange.random.choice([1, 3]))
            for message in messages:
                edited = DIALECT.edit(message, Edit(kind=kind), exchange.view)
                if edited is not None:
                    done += 1
                    assert edited.payload != message.payload
                    assert (edited.kind, edited.feed, edited.first, edited.last) == (
                        message.kind,
                        message.feed,
                        message.first,
                        message.last,
                    )
                    assert element(edited)["checksum"] == element(message)["checksum"]
                for client in clients:
                    assert client.take(edited or message)
                    assert client.shown == exchange.window(snapshot.feed, message.last)
    assert done >= 20


def element(message: Message) -> dict[str, object]:
    (only,) = json.loads(message.payload, parse_float=str)["data"]
    assert isinstance(only, dict)
    return only


def followed(seed: int = 2, shape: Shape | None = None) -> tuple[Exchange, Client, Message]:
    """An exchange, a client in step with it, and the next update, which changes a level of the top ten."""
    exchange = Exchange(Market(), seed)
    (snapshot,) = books(exchange.subscribe(25))
    assert snapshot.feed is not None
    client = Client(exchange, snapshot.feed)
    assert client.take(snapshot)
    _, (message,) = exchange.move("BTC/USD", 1, shape or Shape(kind="change", side="bid", rank=2))
    return exchange, client, message


@pytest.mark.parametrize(("kind", "value"), [("wrong-checksum", None), ("wrong-checksum", 7), ("zero-checksum", None)])
def test_a_wrong_checksum_is_the_only_difference(kind: EditKind, value: int | None) -> None:
    exchange, client, message = followed()
    edited = DIALECT.edit(message, Edit(kind=kind, value=value), exchange.view)
    assert edited is not None
    before, after = element(message), element(edited)
    assert before.pop("checksum") != after.pop("checksum")
    assert before == after
    assert not client.take(edited)
    assert client.shown == exchange.window(client.feed, message.last)
    if value is not None:
        assert element(edited)["checksum"] == value


def test_a_checksum_that_is_already_so_cannot_be_made_wrong() -> None:
    exchange, _, message = followed()
    present = element(message)["checksum"]
    assert isinstance(present, int)
    assert DIALECT.edit(message, Edit(kind="wrong-checksum", value=present), exchange.view) is None


def test_a_corrupt_level_is_told_by_the_checksum_of_the_true_book() -> None:
    exchange, client, message = followed()
    edited = DIALECT.edit(message, Edit(kind="corrupt-level"), exchange.view)
    assert edited is not None
    assert element(edited)["checksum"] == element(message)["checksum"]
    assert differences(message, edited) == 1
    assert not client.take(edited)
    assert client.shown != exchange.window(client.feed, message.last)


def test_a_consistently_corrupt_level_is_not_told_by_its_message_but_by_the_next() -> None:
    exchange, client, message = followed()
    edited = DIALECT.edit(message, Edit(kind="corrupt-level-consistent"), exchange.view)
    assert edited is not None
    assert element(edited)["checksum"] != element(message)["checksum"]
    assert differences(message, edited) == 1
    assert client.take(edited)
    assert client.shown != exchange.window(client.feed, message.last)
    _, (following,) = exchange.move("BTC/USD", 1, Shape(kind="change", side="ask", rank=1))
    assert not client.take(following)


def differences(one: Message, other: Message) -> int:
    return sum(a != b for a, b in zip(one.changes, other.changes, strict=True))


def test_a_snapshot_can_be_corrupt_too() -> None:
    exchange = Exchange(Market(), 4)
    (snapshot,) = books(exchange.subscribe(10))
    assert snapshot.feed is not None
    for kind, right in (("corrupt-level", False), ("corrupt-level-consistent", True), ("wrong-checksum", False)):
        edited = DIALECT.edit(snapshot, Edit(kind=kind), exchange.view)  # type: ignore[arg-type]
        assert edited is not None
        assert Client(exchange, snapshot.feed).take(edited) is right


def test_below_the_top_ten_nothing_can_be_corrupted_that_a_client_could_know() -> None:
    exchange, _, message = followed(shape=Shape(kind="change", side="bid", rank=15))
    assert DIALECT.edit(message, Edit(kind="corrupt-level"), exchange.view) is None


@pytest.mark.parametrize("kind", ["cut", "wrong-type"])
def test_a_malformed_update_names_its_symbol(kind: EditKind) -> None:
    exchange, _, message = followed()
    edited = DIALECT.edit(message, Edit(kind=kind), exchange.view)
    assert edited is not None
    (decoded,) = DIALECT.ideal.decode(edited.frame, exchange.view.instruments)
    assert isinstance(decoded, Malformed)
    assert decoded.symbol == "BTC/USD"
    if kind == "cut":
        assert message.payload.startswith(edited.payload)
        with pytest.raises(json.JSONDecodeError):
            json.loads(edited.payload)
    else:
        assert json.loads(edited.payload)["data"][0]["bids"][0]["qty"] is None


def test_an_unknown_type_stands_beside_the_update() -> None:
    exchange, _, message = followed()
    extra = DIALECT.edit(message, Edit(kind="unknown-type"), exchange.view)
    assert extra is not None
    assert extra.kind is Kind.OTHER_DATA
    assert extra.first == extra.last == message.last
    assert DIALECT.ideal.decode(extra.frame, exchange.view.instruments) == (Ignored(),)


def test_an_unknown_field_is_one_field() -> None:
    exchange, _, message = followed()
    edited = DIALECT.edit(message, Edit(kind="unknown-field"), exchange.view)
    assert edited is not None
    before, after = element(message), element(edited)
    assert len(after) == len(before) + 1
    assert {key: after[key] for key in before} == before


def test_set_then_delete_sends_the_level_that_was_pushed_out_again() -> None:
    exchange = Exchange(Market(levels=40), 9)
    (snapshot,) = books(exchange.subscribe(10))
    _, (message,) = exchange.move("BTC/USD", 1, Shape(kind="change", side="bid", rank=2))
    edited = DIALECT.edit(message, Edit(kind="set-then-delete"), exchange.view)
    assert edited is not None
    set_, deleted, again = edited.changes[len(message.changes) :]
    assert set_.size > 0
    assert deleted == Change(Side.BID, set_.price, 0)
    assert again == Change(Side.BID, *exchange.view.truth("BTC/USD").levels(message.last, Side.BID, 10)[-1])
    assert snapshot.feed == edited.feed


def test_reversed_rows_leave_snapshots_and_single_rows_alone() -> None:
    exchange, _, message = followed()
    assert len(message.changes) == 1
    assert DIALECT.edit(message, Edit(kind="reversed-rows"), exchange.view) is None
    (feed,) = exchange.session.feeds
    snapshot = exchange.session.snapshot(feed)
    assert snapshot is not None
    assert DIALECT.edit(snapshot, Edit(kind="reversed-rows"), exchange.view) is None


def test_reversed_rows_after_a_sweep_are_not_best_first() -> None:
    exchange, _, message = followed(shape=Shape(kind="sweep", side="ask", count=3))
    edited = DIALECT.edit(message, Edit(kind="reversed-rows"), exchange.view)
    assert edited is not None
    assert sorted(edited.changes) == sorted(message.changes)
    deleted = [price for side, price, size in edited.changes if side is Side.ASK and size == 0]
    assert len(deleted) >= 3
    assert deleted == sorted(deleted, reverse=True)


@pytest.mark.parametrize("kind", get_args(EditKind))
def test_edits_leave_alone_what_cannot_carry_them(kind: EditKind) -> None:
    exchange, _, message = followed()
    beat = Message(kind=Kind.HEARTBEAT, payload=b'{"channel":"heartbeat"}')
    assert (DIALECT.edit(beat, Edit(kind=kind), exchange.view) is not None) == (kind in ("cut", "unknown-field"))
    if kind not in DIALECT.traits.edits:
        assert DIALECT.edit(message, Edit(kind=kind), exchange.view) is None


def test_edits_can_follow_one_another() -> None:
    exchange, client, message = followed()
    once = DIALECT.edit(message, Edit(kind="delete-then-set"), exchange.view)
    assert once is not None
    twice = DIALECT.edit(once, Edit(kind="unknown-field"), exchange.view)
    assert twice is not None
    assert client.take(twice)
    assert client.shown == exchange.window(client.feed, message.last)

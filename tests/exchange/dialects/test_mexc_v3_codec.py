"""The bytes written by hand are the bytes that the protobuf library writes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof_exchange.dialects.mexc_v3 import codec
from bookproof_exchange.dialects.mexc_v3.proto import PushDataV3ApiWrapper
from bookproof_exchange.dialects.mexc_v3.traits import INSTRUMENTS
from bookproof_exchange.market import Change, Event, Instrument, Side
from bookproof_exchange.numbers import from_text, to_text

instruments = st.sampled_from(INSTRUMENTS)
prices = st.integers(1, 10**12)
sizes = st.integers(1, 10**15)
channels = st.text(max_size=200)
versions = st.integers(0, 2**63 - 1)
times = st.integers(0, 2**62)
levels = st.lists(st.tuples(prices, sizes), max_size=20).map(tuple)
changed = st.lists(st.builds(Change, st.sampled_from(Side), prices, st.integers(0, 10**15)), max_size=20)
executed = st.lists(st.tuples(prices, sizes, st.sampled_from(Side), times, st.integers(1, 10**6)), max_size=10)


def _item(price: int, size: int, instrument: Instrument) -> dict[str, str]:
    return {
        "price": to_text(price, instrument.price_decimals),
        "quantity": codec.trimmed(size, instrument.size_decimals),
    }


def _rows(levels: tuple[tuple[int, int], ...], instrument: Instrument) -> list[dict[str, str]]:
    return [_item(price, size, instrument) for price, size in levels]


@given(instruments, channels, channels, changed, versions, versions, times)
@settings(deadline=None)
def test_depth_update(
    instrument: Instrument, channel: str, event_type: str, changes: list[Change], first: int, last: int, ms: int
) -> None:
    ordered = sorted(changes, key=lambda change: -change.side)
    message = PushDataV3ApiWrapper(channel=channel, symbol=instrument.symbol)
    if ms:
        message.sendTime = ms
    body = message.publicAggreDepths
    for change in changes:
        side = body.bids if change.side is Side.BID else body.asks
        side.add(**_item(change.price, change.size, instrument))
    body.eventType, body.fromVersion, body.toVersion = event_type, str(first), str(last)
    assert codec.depth_update(instrument, channel, event_type, ordered, first, last, ms) == message.SerializeToString()


@given(instruments, channels, channels, levels, levels, versions, times.filter(bool))
@settings(deadline=None)
def test_limit_depth(
    instrument: Instrument,
    channel: str,
    event_type: str,
    bids: tuple[tuple[int, int], ...],
    asks: tuple[tuple[int, int], ...],
    version: int,
    ms: int,
) -> None:
    message = PushDataV3ApiWrapper(channel=channel, symbol=instrument.symbol, sendTime=ms)
    body = message.publicLimitDepths
    for row in _rows(asks, instrument):
        body.asks.add(**row)
    for row in _rows(bids, instrument):
        body.bids.add(**row)
    body.eventType, body.version = event_type, str(version)
    assert codec.limit_depth(instrument, channel, event_type, bids, asks, version, ms) == message.SerializeToString()


@given(instruments, channels, levels, levels, times.filter(bool))
@settings(deadline=None)
def test_book_ticker(
    instrument: Instrument,
    channel: str,
    bids: tuple[tuple[int, int], ...],
    asks: tuple[tuple[int, int], ...],
    ms: int,
) -> None:
    message = PushDataV3ApiWrapper(channel=channel, symbol=instrument.symbol, sendTime=ms)
    body = message.publicAggreBookTicker
    body.SetInParent()
    for row in _rows(bids[:1], instrument):
        body.bidPrice, body.bidQuantity = row["price"], row["quantity"]
    for row in _rows(asks[:1], instrument):
        body.askPrice, body.askQuantity = row["price"], row["quantity"]
    assert codec.book_ticker(instrument, channel, bids, asks, ms) == message.SerializeToString()


@given(instruments, channels, channels, executed, times.filter(bool))
@settings(deadline=None)
def test_deals(
    instrument: Instrument, channel: str, event_type: str, trades: list[tuple[int, int, Side, int, int]], ms: int
) -> None:
    message = PushDataV3ApiWrapper(channel=channel, symbol=instrument.symbol, sendTime=ms)
    body = message.publicAggreDeals
    body.eventType = event_type
    rows = []
    for price, size, taker, at, number in trades:
        name = codec.trade_id(30_000_000_000, number)
        rows.append(codec.deal(instrument, price, size, taker, at, name))
        body.deals.add(**_item(price, size, instrument), tradeType=1 if taker is Side.BID else 2, time=at, tradeId=name)
    assert codec.deals(instrument, channel, event_type, rows, ms) == message.SerializeToString()


@given(st.integers(0, 10**15), st.integers(0, 12))
@settings(deadline=None)
def test_trimmed_says_the_same_number_in_the_fewest_characters(value: int, decimals: int) -> None:
    text = codec.trimmed(value, decimals)
    assert from_text(text, decimals) == value
    assert not (decimals and "." in text and text[-1] in "0.")
    assert len(text) <= len(to_text(value, decimals))


def test_numbers_are_spelled_as_in_the_captures() -> None:
    btc = INSTRUMENTS[0]
    assert codec.price_text(61_759_73, btc) == "61759.73"
    assert codec.price_text(93_220_00, btc) == "93220.00"
    assert codec.quantity_text(17_780, btc) == "0.0001778"
    assert codec.quantity_text(32_477_055, btc) == "0.32477055"
    assert codec.quantity_text(0, btc) == "0"
    assert codec.quantity_text(10**8, btc) == "1"


def test_trade_ids_have_the_venues_shape() -> None:
    assert codec.trade_id(69_816_554_956, 4_698_368) == "698165549569396736X0_698165549569396737X0"


def test_net_names_every_touched_level_once_with_its_last_size_asks_first_best_first() -> None:
    def event(index: int, *changes: Change) -> Event:
        return Event(index=index, time_us=0, changes=changes)

    bid, ask = Side.BID, Side.ASK
    events = (
        event(1, Change(bid, 99, 5), Change(ask, 102, 1)),
        event(2, Change(bid, 99, 0), Change(bid, 98, 7)),
        event(3, Change(ask, 101, 2), Change(bid, 99, 5), Change(ask, 102, 0)),
    )
    assert codec.net(events) == (
        Change(ask, 101, 2),
        Change(ask, 102, 0),
        Change(bid, 99, 5),
        Change(bid, 98, 7),
    )
    assert codec.net(()) == ()

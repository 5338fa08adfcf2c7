"""Bytes of the exchange side: numbers, times, checksum."""

from __future__ import annotations

import json
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookproof_exchange.dialects.kraken_v2 import DIALECT
from bookproof_exchange.dialects.kraken_v2.codec import Codec, exponent_text, rfc3339
from bookproof_exchange.market import Book, Event, Instrument, Levels, Side, Trade
from bookproof_exchange.numbers import from_text

BTC = next(instrument for instrument in DIALECT.instruments if instrument.symbol == "BTC/USD")
CENTS = msgspec.structs.replace(BTC, symbol="MATIC/USD", base="MATIC", price_decimals=4)

#: The checksum example of https://docs.kraken.com/api/docs/guides/spot-ws-book-v2
GUIDE_ASKS = """45285.2 0.00100000 45286.4 1.54571953 45286.6 1.54571109 45289.6 1.54560911 45290.2 0.15890660
    45291.8 1.54553491 45294.7 0.04454749 45296.1 0.35380000 45297.5 0.09945542 45299.5 0.18772827"""
GUIDE_BIDS = """45283.5 0.10000000 45283.4 1.54582015 45282.1 0.10000000 45281.0 0.10000000 45280.3 1.54592586
    45279.0 0.07990000 45277.6 0.03310103 45277.5 0.30000000 45277.3 1.54602737 45276.6 0.15445238"""
GUIDE_CHECKSUM = 3310070434


def levels(text: str, instrument: Instrument) -> Levels:
    words = text.split()
    return tuple(
        (from_text(price, instrument.price_decimals), from_text(size, instrument.size_decimals))
        for price, size in zip(words[::2], words[1::2], strict=True)
    )


def test_the_checksum_of_the_venues_guide() -> None:
    bids, asks = levels(GUIDE_BIDS, BTC), levels(GUIDE_ASKS, BTC)
    assert Codec(BTC).checksum(bids, asks) == GUIDE_CHECKSUM
    assert DIALECT.ideal.verify(Book(bids, asks), GUIDE_CHECKSUM, BTC)
    assert not DIALECT.ideal.verify(Book(bids[:-1], asks), GUIDE_CHECKSUM, BTC)


@pytest.mark.parametrize(
    ("bids", "asks", "text"),
    [
        # leading zeros go after the point is gone, trailing zeros stay
        ("0.5666 4831.75000000", "0.5700 0.00031250", "5700312505666483175000000"),
        # a thin book: what exists
        ("", "1.0000 2.00000000", "10000200000000"),
        ("12.3400 0.10000000", "", "12340010000000"),
        ("", "", ""),
    ],
)
def test_the_checksum_is_over_asks_then_bids_without_points_and_leading_zeros(bids: str, asks: str, text: str) -> None:
    mine, yours = levels(bids, CENTS), levels(asks, CENTS)
    assert Codec(CENTS).checksum(mine, yours) == zlib.crc32(text.encode())
    assert DIALECT.ideal.verify(Book(mine, yours), zlib.crc32(text.encode()), CENTS)


def test_only_ten_levels_a_side_count() -> None:
    asks = tuple((1_000 + i, 5) for i in range(11))
    bids = tuple((900 - i, 5) for i in range(12))
    codec = Codec(BTC)
    assert codec.checksum(bids, asks) == codec.checksum(bids[:10], asks[:10])
    assert codec.checksum(bids, asks) != codec.checksum(bids[:9], asks)


prices = st.integers(1, 10**7)
sizes = st.integers(1, 10**12)


@given(
    st.dictionaries(prices, sizes, max_size=15),
    st.dictionaries(prices, sizes, max_size=15),
    st.integers(0, 8),
    st.integers(0, 8),
)
def test_both_sides_of_the_dialect_agree_on_every_checksum(
    bids: dict[int, int], asks: dict[int, int], price_decimals: int, size_decimals: int
) -> None:
    instrument = msgspec.structs.replace(BTC, price_decimals=price_decimals, size_decimals=size_decimals)
    book = Book(bids.items(), asks.items())
    checksum = Codec(instrument).checksum(book.levels(Side.BID), book.levels(Side.ASK))
    assert DIALECT.ideal.verify(book, checksum, instrument)
    assert not DIALECT.ideal.verify(book, checksum ^ 1, instrument)


def test_a_snapshot_is_written_as_on_the_live_wire() -> None:
    payload = Codec(BTC).snapshot(
        ((785_006, 3_755_097), (785_000, 6_370)), ((785_007, 100_000_000),), 1_787_745_356_663_054
    )
    checksum = zlib.crc32(b"78500710000000078500637550977850006370")
    assert payload.decode() == (
        '{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD",'
        '"bids":[{"price":78500.6,"qty":0.03755097},{"price":78500.0,"qty":0.00006370}],'
        f'"asks":[{{"price":78500.7,"qty":1.00000000}}],"checksum":{checksum},'
        '"timestamp":"2026-08-26T11:55:56.663054Z"}]}'
    )


def test_an_update_keeps_the_order_and_spells_deletions_as_zero() -> None:
    payload = Codec(BTC).update([(784_801, 0), (784_765, 5_000)], [], 0, 1_787_745_356_000_001)
    assert payload.decode() == (
        '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD",'
        '"bids":[{"price":78480.1,"qty":0.00000000},{"price":78476.5,"qty":0.00005000}],'
        '"asks":[],"checksum":0,"timestamp":"2026-08-26T11:55:56.000001Z"}]}'
    )


def test_trades_carry_the_takers_side_and_consecutive_ids() -> None:
    event = Event(
        index=3,
        time_us=0,
        changes=(),
        trades=(Trade(7, 785_007, 44_780, Side.BID), Trade(8, 785_006, 5_100, Side.ASK)),
    )
    payload = Codec(BTC).trades([(event, 1_787_745_356_663_054)], 1_000, snapshot=False)
    assert b'"price":78500.7,"qty":0.00044780' in payload
    first, second = json.loads(payload)["data"]
    assert (first["side"], first["trade_id"], second["side"], second["trade_id"]) == ("buy", 1007, "sell", 1008)


@pytest.mark.parametrize(
    ("time_us", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_787_745_356_663_054, "2026-08-26T11:55:56.663054Z"),
        (1_787_745_356_999_999, "2026-08-26T11:55:56.999999Z"),
        (1_787_745_357_000_000, "2026-08-26T11:55:57.000000Z"),
    ],
)
def test_times(time_us: int, text: str) -> None:
    assert rfc3339(time_us) == text


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1, 8, "1e-08"),
        (5_000, 8, "5e-05"),
        (15, 8, "1.5e-07"),
        (1, 1, "0.1"),
        (1, 4, "0.0001"),
        (1, 5, "1e-05"),
        (50_000, 5, "0.5"),
        (500_000, 5, "5.0"),
        (3, 0, "3.0"),
        (0, 2, "0.0"),
    ],
)
def test_numbers_outside_of_the_book_have_exponents_below_a_ten_thousandth(
    value: int, decimals: int, text: str
) -> None:
    assert exponent_text(value, decimals) == text


@given(st.integers(1, 10**12), st.integers(0, 12))
def test_exponent_text_is_the_number(value: int, decimals: int) -> None:
    assert from_text(exponent_text(value, decimals), decimals) == value

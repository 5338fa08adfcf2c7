"""The truth: versions, events, laziness, determinism, and what every profile promises."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys

import msgspec
import pytest

from bookproof_exchange.errors import UsageError
from bookproof_exchange.market import Book, Instrument, OrderChangeKind, Shape, Side, Truth
from bookproof_exchange.market.book import fingerprint
from bookproof_exchange.market.truth import CHECKPOINT, Profile

BTC = Instrument(
    symbol="BTC/USD",
    base="BTC",
    quote="USD",
    price_decimals=1,
    size_decimals=8,
    start_price=600_000,
    typical_size=50_000_000,
)
CENTS = Instrument(
    symbol="YES", base="YES", quote="USD", price_decimals=2, size_decimals=2, start_price=45, typical_size=3_000
)
COARSE = Instrument(
    symbol="PERP",
    base="P",
    quote="USD",
    price_decimals=2,
    size_decimals=0,
    tick=50,
    lot=10,
    start_price=300_000,
    typical_size=40,
)
WIDE = Instrument(
    symbol="SHIB",
    base="SHIB",
    quote="USD",
    price_decimals=8,
    size_decimals=18,
    lot=10**15,
    start_price=1_234,
    typical_size=5 * 10**18,
)
INSTRUMENTS = (BTC, CENTS, COARSE, WIDE)
PROFILES: tuple[Profile, ...] = ("calm", "busy", "thin", "deep", "one-sided", "load")
ALL = [(profile, instrument) for profile in PROFILES for instrument in INSTRUMENTS]


def significant_digits(value: int) -> int:
    return len(str(value).rstrip("0"))


@pytest.mark.parametrize(("profile", "instrument"), ALL, ids=lambda x: x if isinstance(x, str) else x.symbol)
def test_every_event_is_sound(profile: Profile, instrument: Instrument) -> None:
    truth = Truth(instrument, 11, profile=profile, levels=60 if profile == "deep" else 25)
    book = truth.book(0)
    orders: dict[int, tuple[Side, int, int]] = {}
    for side in Side:
        for price, _ in book.levels(side):
            for number, size in truth._flow.engine.queue(side, price):
                orders[number] = (side, price, size)
    clock = trades = 0
    for index in range(1, 801):
        event = truth.extend()
        assert event.index == index
        assert event.time_us >= clock
        clock = event.time_us
        assert event.changes
        assert len({change[:2] for change in event.changes}) == len(event.changes)
        lost: dict[int, int] = {}
        for change in event.orders:
            key = change.side, change.price
            assert change.size > 0
            assert change.size % instrument.lot == 0
            match change.kind:
                case OrderChangeKind.ADD:
                    assert change.order not in orders
                    orders[change.order] = (*key, change.size)
                case OrderChangeKind.MODIFY:
                    assert orders[change.order][:2] == key
                    if event.trades and change.side is not event.trades[0].taker:
                        lost[change.price] = lost.get(change.price, 0) + orders[change.order][2] - change.size
                    orders[change.order] = (*key, change.size)
                case OrderChangeKind.DELETE:
                    assert orders.pop(change.order) == (*key, change.size)
                    if event.trades and change.side is not event.trades[0].taker:
                        lost[change.price] = lost.get(change.price, 0) + change.size
        filled: dict[int, int] = {}
        for trade in event.trades:
            trades += 1
            assert trade.number == trades
            filled[trade.price] = filled.get(trade.price, 0) + trade.size
        assert lost == filled
        for side, price, size in event.changes:
            assert price > 0
            assert price % instrument.tick == size % instrument.lot == 0
            assert significant_digits(price) <= 15
            assert significant_digits(size) <= 15
            assert book.set(side, price, size) != size
        best_bid, best_ask = book.best(Side.BID), book.best(Side.ASK)
        assert best_bid is None or best_ask is None or best_bid < best_ask
    totals: dict[tuple[Side, int], int] = {}
    for side, price, size in orders.values():
        totals[side, price] = totals.get((side, price), 0) + size
    assert totals == {(side, price): size for side in Side for price, size in book.levels(side)}
    assert book == truth.book(800)


def test_books_of_every_version_equal_a_replay_in_any_order() -> None:
    truth = Truth(BTC, 3, profile="one-sided", levels=20)
    truth.ensure(5 * CHECKPOINT + 50)
    book = truth.book(0)
    books = [book.copy()]
    for event in truth.events(0, truth.last):
        book.apply(event.changes)
        books.append(book.copy())
    draw = random.Random(4)
    for number in range(600):
        index = draw.randrange(truth.last + 1) if number % 3 else min(number, truth.last)
        assert truth.book(index) == books[index]
        side, depth = draw.choice(list(Side)), draw.choice((None, 1, 10, 1000))
        assert truth.levels(index, side, depth) == books[index].levels(side, depth)
    mine = truth.book(5)
    mine.clear()
    assert truth.book(5) == books[5]
    newest = truth.book(truth.last)
    newest.clear()
    assert truth.book(truth.last) == books[-1]


def test_levels_of_the_newest_version_are_not_confused_with_later_ones() -> None:
    truth = Truth(BTC, 3)
    for _ in range(50):
        truth.extend()
        truth.levels(truth.last, Side.BID)
    book = truth.book(0)
    for index in range(51):
        assert truth.levels(index, Side.BID) == book.levels(Side.BID)
        if index < 50:
            book.apply(truth.event(index + 1).changes)


@pytest.mark.parametrize("depth", [None, 1, 5, 10, 25, 100])
@pytest.mark.parametrize("profile", ["busy", "one-sided", "thin", "load"])
def test_fingerprints_of_every_version_equal_those_from_scratch(profile: Profile, depth: int | None) -> None:
    truth = Truth(BTC, 8, profile=profile, levels=30)
    book = truth.book(0)
    want = [fingerprint(book.levels(Side.BID, depth), book.levels(Side.ASK, depth))]
    assert list(truth.fingerprints(depth)) == want
    for step in (1, 149, 250):  # extended lazily, in several goes
        for _ in range(step):
            book.apply(truth.extend().changes)
            want.append(fingerprint(book.levels(Side.BID, depth), book.levels(Side.ASK, depth)))
        assert list(truth.fingerprints(depth)) == want


def test_time_and_events_by_index() -> None:
    truth = Truth(BTC, 1)
    truth.ensure(10)
    assert truth.last == 10
    truth.ensure(4)
    assert truth.last == 10
    assert truth.time_us(0) == 0
    assert truth.time_us(7) == truth.event(7).time_us > 0
    assert [event.index for event in truth.events(3, 6)] == [4, 5, 6]
    assert list(truth.events(6, 6)) == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda truth: truth.event(0),
        lambda truth: truth.event(6),
        lambda truth: truth.events(2, 6),
        lambda truth: truth.events(3, 2),
        lambda truth: truth.book(6),
        lambda truth: truth.book(-1),
        lambda truth: truth.levels(-1, Side.BID),
    ],
)
def test_what_does_not_exist_is_refused(ask: object) -> None:
    truth = Truth(BTC, 1)
    truth.ensure(5)
    with pytest.raises(UsageError):
        ask(truth)  # type: ignore[operator]


@pytest.mark.parametrize("change", [{"profile": "wild"}, {"levels": 0}])
def test_nonsense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Truth(BTC, 1, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("field", [{"tick": 0}, {"lot": -1}, {"start_price": 0}, {"start_price": 10**15}])
def test_an_impossible_instrument_is_refused(field: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        Truth(msgspec.structs.replace(BTC, **field), 1)


# --- determinism -------------------------------------------------------------------------------------------------

SHAPES = (
    None,
    Shape(kind="sweep", count=2),
    Shape(kind="change", rank=3),
    Shape(kind="improve"),
    Shape(kind="insert", rank=4, side="bid"),
    Shape(kind="delete", rank=9),
    Shape(kind="far"),
    None,
)


def digest(seed: int) -> str:
    """A hash over everything that many calls gave."""
    sum_ = hashlib.sha256()
    for profile, instrument in ALL:
        truth = Truth(instrument, seed, profile=profile, levels=30)
        for index in range(200):
            event = truth.extend(SHAPES[index % len(SHAPES)])
            sum_.update(repr((event.index, event.time_us, event.changes, event.trades, event.orders)).encode())
            if index == 60:
                truth.protect(
                    [(side, truth.levels(index, side)[2][0]) for side in Side if truth.levels(index, side)[2:]]
                )
            if index == 120:
                truth.unprotect()
        sum_.update(repr(list(truth.fingerprints(10))).encode())
    return sum_.hexdigest()


def test_the_same_in_every_process() -> None:
    code = f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); import {__name__} as m; print(m.digest(5))"
    got = set()
    for hash_seed in ("0", "12345"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        got.add(done.stdout.strip())
    assert got == {digest(5)}


def test_looking_changes_nothing() -> None:
    one, other = Truth(BTC, 2), Truth(BTC, 2)
    for _ in range(300):
        first = one.extend()
        other.book(other.last)
        other.fingerprints(10)
        other.writer(Side.BID, 1, 1)
        other.levels(other.last // 2, Side.ASK, 5)
        assert other.extend() == first


def test_the_books_of_two_seeds_share_almost_nothing() -> None:
    books = []
    for seed in range(30):
        truth = Truth(BTC, seed)
        truth.ensure(20)
        books.append({(side, *level) for side in Side for level in truth.levels(20, side)})
    for number, book in enumerate(books):
        for other in books[:number]:
            assert len(book & other) <= 1
    starts = [Truth(BTC, seed).book(0).best(Side.BID) or 0 for seed in range(200)]
    assert min(starts) < 610_000
    assert max(starts) > 705_000
    assert all(BTC.start_price <= start <= BTC.start_price * 1.2 for start in starts)


# --- profiles ----------------------------------------------------------------------------------------------------


def counts(truth: Truth, events: int) -> list[int]:
    truth.ensure(events)
    book = truth.book(0)
    found = [min(map(book.count, Side))]
    for event in truth.events(0, events):
        book.apply(event.changes)
        found.append(min(map(book.count, Side)))
    return found


def test_levels_at_the_start_are_about_what_was_asked_for() -> None:
    for levels in (10, 40, 100):
        book = Truth(BTC, 1, levels=levels).book(0)
        assert book.count(Side.BID) == book.count(Side.ASK) == levels
    assert Truth(BTC, 1, profile="deep", levels=5000).book(0).count(Side.ASK) == 5000


def test_only_the_one_sided_profile_has_an_empty_side() -> None:
    for profile in PROFILES:
        found = counts(Truth(BTC, 6, profile=profile, levels=40), 2000)
        assert (min(found) == 0) == (profile == "one-sided"), profile
        if profile == "one-sided":
            assert 0.02 < found.count(0) / len(found) < 0.4
        if profile == "thin":
            assert 0.05 < sum(count < 10 for count in found) / len(found) < 0.95
            assert max(found) < 25
        if profile in ("busy", "calm", "deep", "load"):
            assert min(found) >= 20
            assert max(found) < 80


def test_the_touch_stays_together() -> None:
    for profile in PROFILES:
        truth = Truth(BTC, 9, profile=profile, levels=40)
        truth.ensure(3000)
        book = truth.book(0)
        spreads = []
        for event in truth.events(0, 3000):
            book.apply(event.changes)
            bid, ask = book.best(Side.BID), book.best(Side.ASK)
            if bid is not None and ask is not None:
                spreads.append(ask - bid)
        spreads.sort()
        assert spreads[len(spreads) // 2] <= 6
        assert spreads[-1] < 600


def test_rhythm() -> None:
    busy, calm = Truth(BTC, 1, profile="busy"), Truth(BTC, 1, profile="calm")
    for truth in (busy, calm):
        truth.ensure(1000)
    gaps = [busy.time_us(i + 1) - busy.time_us(i) for i in range(1000)]
    assert sum(gap < 4_000 for gap in gaps) > 500
    assert max(gaps) > 500_000
    assert calm.time_us(1000) > 10 * busy.time_us(1000)


def test_the_flow_has_every_kind_of_event() -> None:
    truth = Truth(BTC, 1)
    truth.ensure(3000)
    events = truth.events(0, 3000)
    assert sum(len(event.trades) for event in events) > 200
    assert any(len({trade.price for trade in event.trades}) > 2 for event in events)
    assert any(len({change.side for change in event.changes}) == 2 for event in events)
    assert {change.kind for event in events for change in event.orders} == set(OrderChangeKind)
    top = {1: 0, 10: 0}
    book = truth.book(0)
    for event in events:
        for depth in top:
            top[depth] += any(book.rank(change.side, change.price) < depth for change in event.changes)
        book.apply(event.changes)
    assert top[1] > 500
    assert top[10] > 1500


# --- recoverable books -------------------------------------------------------------------------------------------


def test_a_level_names_the_event_that_wrote_it() -> None:
    truth = Truth(BTC, 21)
    truth.ensure(2000)
    several = 0
    for event in truth.events(0, 2000):
        for change in event.changes:
            writers = truth.writer(*change)
            assert event.index in writers
            if change.size:
                several += len(writers) > 1
                assert change.size % 10**5 == event.index
    assert several == 0
    for side in Side:
        for price, size in truth.levels(0, side):
            assert truth.writer(side, price, size) == (0,)
    assert truth.writer(Side.BID, 1, 1) == ()
    event = truth.extend()
    assert truth.writer(*event.changes[0])[-1] == 2001


def test_sizes_are_varied() -> None:
    truth = Truth(BTC, 21)
    truth.ensure(3000)
    sizes = [change.size for event in truth.events(0, 3000) for change in event.changes if change.size]
    sizes += [size for side in Side for _, size in truth.levels(0, side)]
    lengths = {len(str(size)) for size in sizes}
    assert min(lengths) <= 4
    assert max(lengths) >= 9
    assert sum(size % 10 == 0 for size in sizes) > len(sizes) // 20
    assert any(size % 1000 == 0 for size in sizes)


def test_where_lots_are_coarse_sizes_are_still_sound() -> None:
    truth = Truth(COARSE, 2)
    truth.ensure(500)
    assert len({change.size for event in truth.events(0, 500) for change in event.changes}) > 5
    assert truth.book(500) != Book()


@pytest.mark.parametrize(("profile", "instrument"), ALL, ids=lambda x: x if isinstance(x, str) else x.symbol)
def test_bulk_makes_the_same_events_as_one_by_one(profile: Profile, instrument: Instrument) -> None:
    one, other = (Truth(instrument, 4, profile=profile, levels=30) for _ in range(2))
    singly = [one.extend() for _ in range(400)]
    for index in (1, 1, 7, 64, 130, 400):
        other.ensure(index)
        assert other.last == index
    assert other.events(0, 400) == singly
    assert other.book(200) == one.book(200)


def test_a_load_is_one_order_at_one_level_and_names_its_event() -> None:
    truth = Truth(BTC, 3, profile="load")
    before = truth.book(0)
    truth.ensure(5000)
    prices = set()
    larger = 0
    for event in truth.events(0, 5000):
        (change,) = event.changes
        (order,) = event.orders
        assert not event.trades
        assert order.kind is OrderChangeKind.MODIFY
        assert (order.side, order.price) == (change.side, change.price)
        assert change.size % 10**5 == event.index % 10**5
        old = before.set(change.side, change.price, change.size)
        assert old, "no level comes or goes"
        larger += change.size > old
        prices.add((change.side, change.price))
    assert len(prices) > 70
    assert 1500 < larger < 3500
    assert max(size for side in Side for _, size in truth.levels(5000, side)) < 10**10, "sizes do not creep up"


def test_a_load_heals_what_a_script_tore_open() -> None:
    truth = Truth(BTC, 3, profile="load")
    for shape in (Shape(kind="sweep", side="bid", count=30), Shape(kind="sweep", side="ask", count=38)):
        truth.extend(shape)
        truth.ensure(truth.last + 400)
        bid, ask = truth.levels(truth.last, Side.BID), truth.levels(truth.last, Side.ASK)
        assert min(len(bid), len(ask)) >= 10
        assert ask[0][0] - bid[0][0] <= 8

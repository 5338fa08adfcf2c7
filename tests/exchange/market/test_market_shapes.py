"""Steering: each shape does what it says, and what is protected stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof_exchange.errors import UsageError
from bookproof_exchange.market import Book, Event, Instrument, Shape, Side, Truth
from bookproof_exchange.market.events import ShapeKind
from bookproof_exchange.market.truth import Profile

BID, ASK = Side
BTC = Instrument(
    symbol="BTC/USD",
    base="BTC",
    quote="USD",
    price_decimals=1,
    size_decimals=8,
    start_price=600_000,
    typical_size=50_000_000,
)
TIGHT = Instrument(
    symbol="YES", base="YES", quote="USD", price_decimals=2, size_decimals=2, start_price=90, typical_size=3_000
)
SEEDS = range(12)


def market(seed: int, *, profile: Profile = "busy", levels: int = 40, age: int = 60) -> Truth:
    truth = Truth(BTC, seed, profile=profile, levels=levels)
    truth.ensure(age)
    return truth


def before_and_after(truth: Truth, shape: Shape) -> tuple[Book, Event, Book]:
    before = truth.book(truth.last)
    event = truth.extend(shape)
    after = truth.book(truth.last)
    assert event.index == truth.last
    best_bid, best_ask = after.best(BID), after.best(ASK)
    assert best_bid is None or best_ask is None or best_bid < best_ask
    return before, event, after


def sides(name: str) -> tuple[Side, ...]:
    return {"bid": (BID,), "ask": (ASK,), "any": (BID, ASK)}[name]


@pytest.mark.parametrize("side", ["bid", "ask", "any"])
@pytest.mark.parametrize("rank", [0, 1, 4, 9, 12])
def test_change(side: str, rank: int) -> None:
    for seed in SEEDS:
        before, event, _ = before_and_after(market(seed), Shape(kind="change", side=side, rank=rank))  # type: ignore[arg-type]
        ((at, price, size),) = event.changes
        assert at in sides(side)
        assert before.price_at(at, rank) == price
        assert 0 < size != before.get(at, price)
        assert event.trades == ()


@pytest.mark.parametrize("side", ["bid", "ask", "any"])
@pytest.mark.parametrize("rank", [0, 2, 9])
def test_delete(side: str, rank: int) -> None:
    for seed in SEEDS:
        before, event, _ = before_and_after(market(seed), Shape(kind="delete", side=side, rank=rank))  # type: ignore[arg-type]
        ((at, price, size),) = event.changes
        assert at in sides(side)
        assert (before.price_at(at, rank), size) == (price, 0)
        assert event.trades == ()


@pytest.mark.parametrize("rank", [1, 3, 9])
def test_insert_becomes_the_rank_or_the_nearest_with_room(rank: int) -> None:
    exact = 0
    for seed in SEEDS:
        before, event, after = before_and_after(market(seed), Shape(kind="insert", side="bid", rank=rank))
        ((at, price, size),) = event.changes
        assert at is BID
        assert size > 0 == before.get(BID, price)
        got = after.rank(BID, price)
        assert got >= 1
        exact += got == rank
        for nearer in range(rank - abs(got - rank) + 1, rank + abs(got - rank)):
            above, below = before.price_at(BID, nearer - 1), before.price_at(BID, nearer)
            if above is not None and below is not None and nearer >= 1:
                assert above - below == 1, "there was room at a nearer rank"
    assert exact >= 3


def test_insert_of_any_side_takes_the_side_with_room_at_the_rank() -> None:
    for seed in SEEDS:
        truth = market(seed)
        before, event, after = before_and_after(truth, Shape(kind="insert", rank=3))
        ((at, price, _),) = event.changes
        if after.rank(at, price) != 3:
            for side in Side:
                assert abs((before.price_at(side, 2) or 0) - (before.price_at(side, 3) or 0)) == 1


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_improve_always_gives_a_new_best(side: str) -> None:
    (at,) = sides(side)
    took = 0
    for seed in SEEDS:
        truth = market(seed)
        for _ in range(12):  # soon the spread has no room left
            before, event, after = before_and_after(truth, Shape(kind="improve", side=side))  # type: ignore[arg-type]
            old, new = before.best(at), after.best(at)
            assert old is not None
            assert new is not None
            assert (new > old) if at is BID else (new < old)
            assert before.rank(at, new) == 0
            took += bool(event.trades)
    assert took


def test_improve_finds_a_way_beside_protected_levels() -> None:
    for seed in SEEDS:
        truth = market(seed)
        truth.protect([(side, truth.levels(truth.last, side)[3][0]) for side in Side])
        first = truth.last
        for _ in range(6):
            before, _, after = before_and_after(truth, Shape(kind="improve"))
            assert any(after.best(side) not in (before.best(side), before.price_at(side, 1)) for side in Side)
        assert truth.last == first + 6


@pytest.mark.parametrize("side", ["bid", "ask", "any"])
@pytest.mark.parametrize("count", [1, 3, 15])
def test_sweep_takes_whole_levels_with_trades(side: str, count: int) -> None:
    for seed in SEEDS:
        before, event, after = before_and_after(market(seed), Shape(kind="sweep", side=side, count=count))  # type: ignore[arg-type]
        at = event.changes[0].side
        assert at in sides(side)
        want = before.levels(at, count)
        assert event.changes == tuple((at, price, 0) for price, _ in want)
        assert after.levels(at) == before.levels(at)[count:]
        by_price: dict[int, int] = {}
        for trade in event.trades:
            assert trade.taker is at.other
            by_price[trade.price] = by_price.get(trade.price, 0) + trade.size
        assert by_price == dict(want)


def test_sweep_of_more_than_there_is_takes_all() -> None:
    truth = market(1, levels=5)
    _, event, after = before_and_after(truth, Shape(kind="sweep", side="ask", count=500))
    assert after.count(ASK) == 0
    assert event.trades
    truth.ensure(truth.last + 30)
    assert truth.book(truth.last).count(ASK) > 0, "the flow brings a swept side back"


@pytest.mark.parametrize("profile", ["busy", "one-sided", "load"])
def test_drain_lasts_until_the_script_refills(profile: Profile) -> None:
    for seed in SEEDS:
        truth = market(seed, profile=profile, age=0)
        before, event, after = before_and_after(truth, Shape(kind="drain", side="bid"))
        assert event.changes == tuple((BID, price, 0) for price, _ in before.levels(BID))
        assert after.count(BID) == 0
        assert after.levels(ASK) == before.levels(ASK)
        for _ in range(40):
            assert all(change.side is ASK for change in truth.extend().changes)
        _, event, after = before_and_after(truth, Shape(kind="refill", count=7))
        assert after.count(BID) == 7 == len(event.changes)
        assert {change.side for change in event.changes} == {BID}
        truth.ensure(truth.last + 200)


def test_both_sides_drained_and_refilled() -> None:
    truth = market(4)
    for side in ("bid", "ask"):
        truth.extend(Shape(kind="drain", side=side))
    assert truth.book(truth.last) == Book()
    for kind in ("change", "delete", "sweep", "drain", "far"):
        with pytest.raises(UsageError, match=kind):
            truth.extend(Shape(kind=kind))
    for side in ("ask", "bid"):
        truth.extend(Shape(kind="refill", side=side, count=5))  # type: ignore[arg-type]
    book = truth.book(truth.last)
    assert (book.count(BID), book.count(ASK)) == (5, 5)
    assert (book.best(ASK) or 0) - (book.best(BID) or 0) < 100


def test_refill_of_a_full_side_adds_levels() -> None:
    before, event, after = before_and_after(market(2), Shape(kind="refill", side="ask", count=3))
    assert len(event.changes) == 3
    assert after.levels(ASK)[:-3] == before.levels(ASK)


@pytest.mark.parametrize("side", ["bid", "ask", "any"])
def test_far(side: str) -> None:
    for seed in SEEDS:
        truth = market(seed)
        for _ in range(5):
            before, event, _ = before_and_after(truth, Shape(kind="far", side=side))  # type: ignore[arg-type]
            ((at, price, size),) = event.changes
            assert at in sides(side)
            assert size > 0 == before.get(at, price)
            best = before.best(at)
            assert best is not None
            assert abs(price - best) > 50_000
            assert before.rank(at, price) >= 30


def test_any_is_the_flow_itself() -> None:
    one, other = market(3), market(3)
    assert one.extend(Shape(kind="any")) == other.extend(None)


def test_thin_books_give_the_nearest_rank() -> None:
    for seed in SEEDS:
        truth = market(seed, profile="thin", levels=6)
        before, event, _ = before_and_after(truth, Shape(kind="change", side="ask", rank=30))
        assert event.changes[0].price == before.levels(ASK)[-1][0]


def test_the_side_that_has_the_rank_is_taken() -> None:
    for seed in SEEDS:
        truth = market(seed)
        truth.extend(Shape(kind="sweep", side="ask", count=35))
        before, event, _ = before_and_after(truth, Shape(kind="change", rank=25))
        ((at, price, _),) = event.changes
        assert at is BID
        assert before.rank(at, price) == 25


# --- protection --------------------------------------------------------------------------------------------------

KINDS: tuple[ShapeKind, ...] = ("any", "change", "insert", "delete", "improve", "sweep", "drain", "refill", "far")
SHAPES = st.builds(
    Shape,
    kind=st.sampled_from(KINDS),
    side=st.sampled_from(["bid", "ask", "any"]),
    rank=st.integers(0, 15),
    count=st.integers(1, 6),
)


def assert_untouched(truth: Truth, protected: list[tuple[Side, int]], first: int) -> None:
    book = truth.book(first)
    ranks = {level: book.rank(*level) for level in protected}
    for event in truth.events(first, truth.last):
        for change in event.changes:
            assert change[:2] not in protected
        for trade in event.trades:
            assert (trade.taker.other, trade.price) not in protected
        for order in event.orders:
            assert (order.side, order.price) not in protected
        book.apply(event.changes)
        for level, rank in ranks.items():
            if rank < 10:
                assert book.rank(*level) < 10


@settings(max_examples=60)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["busy", "thin", "one-sided", "calm", "load"]),
    st.sampled_from([BTC, TIGHT]),
    st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(0, 11)), min_size=1, max_size=4),
    st.lists(SHAPES, min_size=1, max_size=12),
)
def test_protected_levels_stay_through_every_shape(
    seed: int, profile: Profile, instrument: Instrument, places: list[tuple[Side, int]], shapes: list[Shape]
) -> None:
    truth = Truth(instrument, seed, profile=profile, levels=25)
    truth.ensure(40)
    book = truth.book(40)
    protected = []
    for side, rank in places:
        price = book.price_at(side, rank)
        if price is not None:
            protected.append((side, price))
    truth.protect(protected)
    for number in range(120):
        try:
            truth.extend(shapes[number % len(shapes)])
        except UsageError:
            before = truth.last
            truth.extend()
            assert truth.last == before + 1
    assert_untouched(truth, protected, 40)


@pytest.mark.parametrize("profile", ["busy", "thin", "one-sided", "calm", "load"])
@pytest.mark.parametrize("kind", ["delete", "sweep", "improve"])
def test_levels_that_are_gone_do_not_come_back(profile: Profile, kind: ShapeKind) -> None:
    """What a lost update deleted must not be inserted again, or the client would be right by accident."""
    for seed in SEEDS:
        truth = market(seed, profile=profile)
        event = truth.extend(Shape(kind=kind, count=3, rank=1))
        protected = [(change.side, change.price) for change in event.changes]
        first = truth.last
        truth.protect(protected)
        truth.ensure(first + 400)
        assert_untouched(truth, protected, first)


def test_a_script_cannot_bring_back_what_a_lost_update_deleted() -> None:
    for seed in SEEDS:
        truth = market(seed)
        event = truth.extend(Shape(kind="sweep", side="bid", count=3))
        protected = [(BID, change.price) for change in event.changes]
        first = truth.last
        truth.protect(protected)
        for kind in ("improve", "insert", "insert", "improve"):
            truth.extend(Shape(kind=kind, side="bid", rank=1))
        assert_untouched(truth, protected, first)


def test_a_lost_drain_is_refilled_at_other_prices() -> None:
    for seed in SEEDS:
        truth = market(seed, levels=12)
        event = truth.extend(Shape(kind="drain", side="ask"))
        protected = [(ASK, change.price) for change in event.changes]
        first = truth.last
        truth.protect(protected)
        for _ in range(8):
            truth.extend(Shape(kind="refill", side="ask", count=1))
        assert truth.book(truth.last).count(ASK) == 8
        assert_untouched(truth, protected, first)


def test_by_itself_the_flow_keeps_the_ranks() -> None:
    for seed in SEEDS:
        truth = market(seed)
        book = truth.book(truth.last)
        protected = [(side, book.price_at(side, rank) or 0) for side in Side for rank in (1, 7)]
        truth.protect(protected)
        first = truth.last
        truth.ensure(first + 300)
        ranks = [book.rank(*level) for level in protected]
        for event in truth.events(first, truth.last):
            book.apply(event.changes)
            assert [book.rank(*level) for level in protected] == ranks
        changed = {(c.side, book.rank(c.side, c.price)) for e in truth.events(first, truth.last) for c in e.changes}
        assert {(BID, 0), (ASK, 0), (BID, 3), (ASK, 3)} <= changed, "the rest of the top still lives"


def test_a_market_of_protected_levels_only_still_moves() -> None:
    truth = market(3, levels=4)
    book = truth.book(truth.last)
    protected = [(side, price) for side in Side for price, _ in book.levels(side)]
    truth.protect(protected)
    first = truth.last
    truth.ensure(first + 100)
    assert_untouched(truth, protected, first)
    for kind in ("change", "delete"):
        truth.extend(Shape(kind=kind))
    with pytest.raises(UsageError, match="sweep"):
        truth.extend(Shape(kind="sweep"))
    with pytest.raises(UsageError, match="drain"):
        truth.extend(Shape(kind="drain"))


def test_an_absent_protected_level_bounds_the_other_side() -> None:
    """A client that missed a deletion must not be helped by a crossed book."""
    for seed in SEEDS:
        truth = market(seed)
        event = truth.extend(Shape(kind="sweep", side="bid", count=4))
        gone = [(BID, change.price) for change in event.changes]
        truth.protect(gone)
        first = truth.last
        truth.ensure(first + 200)
        best_gone = gone[0][1]
        for index in range(first, truth.last + 1):
            levels = truth.levels(index, ASK, 1)
            assert not levels or levels[0][0] > best_gone


def test_unprotect_frees_everything() -> None:
    truth = market(3)
    price = truth.levels(truth.last, BID)[0][0]
    truth.protect([(BID, price)])
    assert truth.extend(Shape(kind="change", side="bid", rank=0)).changes[0].price != price
    truth.unprotect()
    assert truth.extend(Shape(kind="change", side="bid", rank=0)).changes[0].price == price
    assert truth.extend(Shape(kind="sweep", side="bid", count=1)).changes[0].price == price


def test_protection_adds_up() -> None:
    truth = market(3)
    first, second = (price for price, _ in truth.levels(truth.last, ASK, 2))
    truth.protect([(ASK, first)])
    truth.protect([(ASK, second)])
    changed = truth.extend(Shape(kind="change", side="ask", rank=0)).changes[0].price
    assert changed not in (first, second)

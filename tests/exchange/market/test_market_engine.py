"""The matching engine: price-time priority, and order changes, trades and level changes that agree."""

from __future__ import annotations

from collections import OrderedDict, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookproof_exchange.errors import UsageError
from bookproof_exchange.market import Book, Change, OrderChange, OrderChangeKind, Side, Trade
from bookproof_exchange.market.engine import MatchingEngine, Outcome

ADD, MODIFY, DELETE = OrderChangeKind
BID, ASK = Side


def test_first_come_first_filled() -> None:
    engine = MatchingEngine()
    first = engine.limit(ASK, 101, 5)
    second = engine.limit(ASK, 101, 7)
    engine.limit(ASK, 102, 9)
    engine.finish()
    assert (first, second) == (1, 2)
    assert engine.market(BID, 8) == 0
    assert engine.finish() == Outcome(
        (Change(ASK, 101, 4),),
        (Trade(1, 101, 5, BID), Trade(2, 101, 3, BID)),
        (OrderChange(DELETE, 1, ASK, 101, 5), OrderChange(MODIFY, 2, ASK, 101, 4)),
    )


def test_a_limit_order_takes_what_it_crosses_and_rests_with_the_remainder() -> None:
    engine = MatchingEngine()
    engine.limit(BID, 100, 5)
    engine.limit(BID, 99, 5)
    engine.finish()
    assert engine.limit(ASK, 100, 8) == 3
    assert engine.finish() == Outcome(
        (Change(BID, 100, 0), Change(ASK, 100, 3)),
        (Trade(1, 100, 5, ASK),),
        (OrderChange(DELETE, 1, BID, 100, 5), OrderChange(ADD, 3, ASK, 100, 3)),
    )
    assert engine.limit(BID, 100, 3) is None


def test_a_market_order_returns_what_nobody_had() -> None:
    engine = MatchingEngine()
    engine.limit(BID, 100, 5)
    assert engine.market(ASK, 9) == 4
    assert engine.book.count(BID) == 0


def test_made_smaller_keeps_its_place_made_larger_loses_it() -> None:
    engine = MatchingEngine()
    for _ in range(3):
        engine.limit(BID, 100, 10)
    engine.replace(1, 100, 6)
    assert engine.queue(BID, 100) == ((1, 6), (2, 10), (3, 10))
    assert engine.replace(1, 100, 7) == 4
    assert engine.queue(BID, 100) == ((2, 10), (3, 10), (4, 7))


def test_a_replaced_order_may_cross() -> None:
    engine = MatchingEngine()
    engine.limit(ASK, 105, 5)
    engine.limit(BID, 100, 5)
    engine.finish()
    assert engine.replace(2, 105, 5) is None
    assert engine.finish().trades == (Trade(1, 105, 5, BID),)


@pytest.mark.parametrize("act", [lambda e: e.cancel(9), lambda e: e.replace(9, 1, 1), lambda e: e.limit(BID, 1, 0)])
def test_nonsense_is_refused(act: object) -> None:
    with pytest.raises(UsageError):
        act(MatchingEngine())  # type: ignore[operator]


ACTIONS = st.one_of(
    st.tuples(st.just("limit"), st.sampled_from(list(Side)), st.integers(90, 110), st.integers(1, 30)),
    st.tuples(st.just("market"), st.sampled_from(list(Side)), st.integers(1, 60)),
    st.tuples(st.just("cancel"), st.integers(0, 99)),
    st.tuples(st.just("replace"), st.integers(0, 99), st.integers(90, 110), st.integers(1, 30)),
)


class Level3:
    """A book built from order changes alone, as a level-3 client does it."""

    def __init__(self) -> None:
        self.orders: OrderedDict[int, tuple[Side, int, int]] = OrderedDict()

    def apply(self, change: OrderChange) -> None:
        match change.kind:
            case OrderChangeKind.ADD:
                assert change.order not in self.orders
                self.orders[change.order] = (change.side, change.price, change.size)
            case OrderChangeKind.MODIFY:
                assert self.orders[change.order][:2] == (change.side, change.price)
                assert 0 < change.size < self.orders[change.order][2]
                self.orders[change.order] = (change.side, change.price, change.size)
            case OrderChangeKind.DELETE:
                assert self.orders.pop(change.order) == (change.side, change.price, change.size)

    def book(self) -> Book:
        totals: dict[Side, dict[int, int]] = {BID: defaultdict(int), ASK: defaultdict(int)}
        for side, price, size in self.orders.values():
            totals[side][price] += size
        return Book(totals[BID].items(), totals[ASK].items())

    def first(self, side: Side) -> int:
        """The order that is filled next: the best price, then the oldest."""
        best = (max if side is BID else min)(price for s, price, _ in self.orders.values() if s is side)
        return next(number for number, order in self.orders.items() if order[:2] == (side, best))


def run(engine: MatchingEngine, orders: list[int], action: tuple) -> None:  # type: ignore[type-arg]
    match action:
        case ("limit", side, price, size):
            engine.limit(side, price, size)
        case ("market", side, size):
            engine.market(side, size)
        case ("cancel", pick) if orders:
            engine.cancel(orders[pick % len(orders)])
        case ("replace", pick, price, size) if orders:
            engine.replace(orders[pick % len(orders)], price, size)


@given(st.lists(ACTIONS, max_size=40))
def test_orders_levels_and_trades_always_agree(actions: list[tuple]) -> None:  # type: ignore[type-arg]
    engine, level3, level2 = MatchingEngine(), Level3(), Book()
    trades = 0
    for action in actions:
        run(engine, list(level3.orders), action)
        outcome = engine.finish()
        fills: dict[tuple[Side, int], int] = defaultdict(int)
        waiting = list(outcome.trades)
        for change in outcome.orders:
            if waiting and change.kind is not ADD and change.side is not waiting[0].taker:
                trade = waiting[0]
                before = level3.orders[change.order][2]
                after = 0 if change.kind is DELETE else change.size
                if (change.price, before - after) == (trade.price, trade.size) and change.order == level3.first(
                    change.side
                ):
                    del waiting[0]
                    fills[change.side, change.price] += trade.size
            level3.apply(change)
        assert not waiting, "a trade without its fill"
        for trade in outcome.trades:
            trades += 1
            assert trade.number == trades
            assert trade.size > 0
        assert len({change[:2] for change in outcome.changes}) == len(outcome.changes)
        for level in outcome.changes:
            assert level2.set(*level) != level.size
        assert level2 == level3.book() == engine.book
        best_bid, best_ask = engine.book.best(BID), engine.book.best(ASK)
        assert best_bid is None or best_ask is None or best_bid < best_ask
        for side in Side:
            for price, size in engine.book.levels(side):
                assert sum(left for _, left in engine.queue(side, price)) == size
    assert engine.finish() == Outcome((), (), ())


def test_resize_gives_the_youngest_order_what_the_level_needs() -> None:
    engine = MatchingEngine()
    engine.load([(100, (5, 3))], [])
    for total, rest in ((6, 1), (9, 4)):
        assert engine.resize(BID, 100, total) == OrderChange(MODIFY, 2, BID, 100, rest)
        assert engine.queue(BID, 100) == ((1, 5), (2, rest)), "it keeps its place, also where it becomes larger"
        assert engine.book.get(BID, 100) == total
    for impossible in (9, 5, 4):
        assert engine.resize(BID, 100, impossible) is None
        assert engine.queue(BID, 100) == ((1, 5), (2, 4))
        assert engine.book.get(BID, 100) == 9
    assert engine.finish() == ((), (), ())


def test_load_fills_the_book_without_events() -> None:
    engine = MatchingEngine()
    engine.load([(100, (1,))], [(102, (3, 4)), (101, (5,))])
    assert engine.finish() == Outcome((), (), ())
    assert engine.book == Book([(100, 1)], [(101, 5), (102, 7)])
    assert engine.queue(ASK, 102) == ((2, 3), (3, 4))
    engine.cancel(1)
    assert engine.book.count(BID) == 0

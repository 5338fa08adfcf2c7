"""A price-time-priority matching engine: orders in, order changes, trades and level changes out, all in agreement.

Pure and deterministic: no randomness, no clock. Several calls can make up one atomic event: everything that happened
since the last `finish` belongs together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bookproof_exchange.errors import UsageError
from bookproof_exchange.market.book import Book
from bookproof_exchange.market.events import Change, OrderChange, OrderChangeKind, Side, Trade

_ADD, _MODIFY, _DELETE = OrderChangeKind.ADD, OrderChangeKind.MODIFY, OrderChangeKind.DELETE
_BID, _ASK = Side.BID, Side.ASK
_new = tuple.__new__
"""Makes the named tuples of the hot paths at half the cost of calling their classes."""


class Outcome(NamedTuple):
    """What the actions since the last `finish` caused: the parts of an `Event`."""

    changes: tuple[Change, ...]
    trades: tuple[Trade, ...]
    orders: tuple[OrderChange, ...]


class MatchingEngine:
    """One symbol's order book at the level of orders.

    A price has a first-in-first-out queue. An order gets its number when it first rests (from 1, without holes) and
    keeps its place in the queue until it is filled, cancelled, moved or made larger.
    The level book `book` follows; callers read it and never write it. It is never crossed nor locked."""

    def __init__(self) -> None:
        self.book = Book()
        # Order number to remaining size, oldest first, by side and price. A dict is the queue: ordered, O(1) removal.
        self._queues: tuple[dict[int, dict[int, int]], dict[int, dict[int, int]]] = ({}, {})
        self._homes: dict[int, tuple[Side, int]] = {}
        self._next_order = 1
        self._next_trade = 1
        # Of the event under way: each touched level's size before it, and what happened.
        self._before: dict[tuple[Side, int], int] = {}
        self._trades: list[Trade] = []
        self._orders: list[OrderChange] = []

    def load(self, bids: Iterable[tuple[int, tuple[int, ...]]], asks: Iterable[tuple[int, tuple[int, ...]]]) -> None:
        """Fill the book, empty until now, at once and without events: (price, sizes of its orders, oldest first)."""
        self.book = Book(self._load(_BID, bids), self._load(_ASK, asks))

    def _load(self, side: Side, levels: Iterable[tuple[int, tuple[int, ...]]]) -> list[tuple[int, int]]:
        queues, homes = self._queues[side], self._homes
        number = self._next_order
        totals: list[tuple[int, int]] = []
        for price, sizes in levels:
            home = (side, price)
            queue = queues[price] = {}
            for size in sizes:
                queue[number] = size
                homes[number] = home
                number += 1
            totals.append((price, sum(sizes)))
        self._next_order = number
        return totals

    # --- actions of participants ---------------------------------------------------------------------------------

    def limit(self, side: Side, price: int, size: int) -> int | None:
        """A limit order: takes what it crosses, rests with what remains. The order's number; None if nothing rests."""
        if size <= 0:
            raise UsageError(f"an order's size must be positive, not {size}")
        best = self.book.best(_BID if side else _ASK)
        if best is not None and (price <= best if side else price >= best):
            size = self._match(side, size, price)
            if not size:
                return None
        return self._rest(side, price, size)

    def market(self, taker: Side, size: int) -> int:
        """A market order: takes up to ``size`` from the other side. Returns what could not be filled."""
        if size <= 0:
            raise UsageError(f"an order's size must be positive, not {size}")
        return self._match(taker, size, None)

    def cancel(self, order: int) -> None:
        """Take a resting order out of the book."""
        side, price = self._home(order)
        queues = self._queues[side]
        queue = queues[price]
        size = queue.pop(order)
        if not queue:
            del queues[price]
        del self._homes[order]
        self._orders.append(OrderChange(_DELETE, order, side, price, size))
        self._add_to_level(side, price, -size)

    def replace(self, order: int, price: int, size: int) -> int | None:
        """Give a resting order a new price or size. Made smaller at its price it keeps its place (MODIFY); else it is
        cancelled and entered anew (DELETE, then as by `limit`). The number of the order that rests; None if none."""
        side, old_price = self._home(order)
        if size <= 0:
            raise UsageError(f"an order's size must be positive, not {size}")
        queue = self._queues[side][old_price]
        old_size = queue[order]
        if price == old_price and size <= old_size:
            if size < old_size:
                queue[order] = size
                self._orders.append(OrderChange(_MODIFY, order, side, price, size))
                self._add_to_level(side, price, size - old_size)
            return order
        self.cancel(order)
        return self.limit(side, price, size)

    def resize(self, side: Side, price: int, total: int) -> OrderChange | None:
        """Make an existing level ``total`` (positive) by its youngest order alone, as one whole event without trades:
        the short way. The order keeps its place also where it becomes larger, as nobody is behind it. None, and nothing
        happened, where that order cannot do it (the older ones are larger) or nothing changes. No event may be under
        way."""
        queue = self._queues[side][price]
        number = next(reversed(queue))
        size = queue[number]
        new = total if len(queue) == 1 else total + size - sum(queue.values())
        if new <= 0 or new == size:
            return None
        queue[number] = new
        self.book.resize(side, price, total)
        return OrderChange(_MODIFY, number, side, price, new)

    def enlarge(self, side: Side, price: int, size: int) -> None:
        """A new order at an existing level: `limit` where nothing can be crossed."""
        self._rest(side, price, size)

    def shrink(self, side: Side, price: int, surplus: int) -> None:
        """Take ``surplus``, less than all, from a level: its youngest orders are cancelled, the next one gets smaller."""
        queue = self._queues[side][price]
        left = surplus
        while left:
            order = next(reversed(queue))
            size = queue[order]
            if size > left:
                queue[order] = size - left
                self._orders.append(OrderChange(_MODIFY, order, side, price, size - left))
                break
            del queue[order], self._homes[order]
            self._orders.append(OrderChange(_DELETE, order, side, price, size))
            left -= size
        self._add_to_level(side, price, -surplus)

    def finish(self) -> Outcome:
        """End the event under way: what happened since the last call."""
        get = self.book.get
        changes = []
        for (side, price), old in self._before.items():
            new = get(side, price)
            if new != old:
                changes.append(_new(Change, (side, price, new)))
        self._before.clear()
        trades: tuple[Trade, ...] = ()
        if self._trades:
            trades = tuple(self._trades)
            self._trades.clear()
        orders = tuple(self._orders)
        self._orders.clear()
        return _new(Outcome, (tuple(changes), trades, orders))

    # --- views ---------------------------------------------------------------------------------------------------

    def queue(self, side: Side, price: int) -> tuple[tuple[int, int], ...]:
        """The (order, remaining size) of a level, first to be filled first. Empty where there is no level."""
        return tuple(self._queues[side].get(price, {}).items())

    # --- inside --------------------------------------------------------------------------------------------------

    def _home(self, order: int) -> tuple[Side, int]:
        try:
            return self._homes[order]
        except KeyError:
            raise UsageError(f"order {order} does not rest in the book") from None

    def _rest(self, side: Side, price: int, size: int) -> int:
        """A new order, behind all others of its price; returns its number."""
        number = self._next_order
        self._next_order = number + 1
        queues = self._queues[side]
        queue = queues.get(price)
        if queue is None:
            queues[price] = {number: size}
        else:
            queue[number] = size
        self._homes[number] = (side, price)
        self._orders.append(OrderChange(_ADD, number, side, price, size))
        self._add_to_level(side, price, size)
        return number

    def _add_to_level(self, side: Side, price: int, size: int) -> None:
        self._before.setdefault((side, price), self.book.add(side, price, size))

    def _match(self, taker: Side, size: int, limit: int | None) -> int:
        """Fill ``size`` from the other side's queues, best price first, down to ``limit``. Returns what is left."""
        side = _BID if taker else _ASK
        queues = self._queues[side]
        book = self.book
        while size:
            price = book.best(side)
            if price is None or (limit is not None and (price > limit if side else price < limit)):
                break
            queue = queues[price]
            taken = 0
            for order, resting in list(queue.items()):
                fill = min(resting, size)
                self._trades.append(_new(Trade, (self._next_trade, price, fill, taker)))
                self._next_trade += 1
                taken += fill
                size -= fill
                if fill == resting:
                    del queue[order]
                    del self._homes[order]
                    self._orders.append(OrderChange(_DELETE, order, side, price, resting))
                else:
                    queue[order] = resting - fill
                    self._orders.append(OrderChange(_MODIFY, order, side, price, resting - fill))
                if not size:
                    break
            if not queue:
                del queues[price]
            self._add_to_level(side, price, -taken)
        return size

"""What happens in a market: order-level events, and the level changes and trades that follow from them."""

from __future__ import annotations

import enum
from typing import Literal, NamedTuple

import msgspec


class Side(enum.IntEnum):
    """A side of the book. As a trade's taker: BID is the buyer."""

    BID = 0
    ASK = 1

    @property
    def other(self) -> Side:
        return Side.ASK if self is Side.BID else Side.BID


class Change(NamedTuple):
    """A level's new absolute size (scaled); 0: the level is gone."""

    side: Side
    price: int
    size: int


class Trade(NamedTuple):
    """One execution. ``number`` counts the symbol's trades from 1 without a hole."""

    number: int
    price: int
    size: int
    taker: Side


class OrderChangeKind(enum.IntEnum):
    ADD = 0
    MODIFY = 1
    DELETE = 2


class OrderChange(msgspec.Struct, frozen=True, gc=False):
    """One order's change at level-3 granularity. ``size`` is what remains (for DELETE: what was last there)."""

    kind: OrderChangeKind
    order: int
    side: Side
    price: int
    size: int


class Event(msgspec.Struct, frozen=True, gc=False):
    """Truth version ``index``: everything that one action of one participant caused, atomically.

    ``changes`` are net: at most one a (side, price), sizes absolute after the event.
    ``time_us`` is the logical clock: µs since the start of the truth, never decreasing.
    """

    index: int
    time_us: int
    changes: tuple[Change, ...]
    trades: tuple[Trade, ...] = ()
    orders: tuple[OrderChange, ...] = ()


ShapeKind = Literal["any", "change", "insert", "delete", "improve", "sweep", "drain", "refill", "far"]


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What kind of event a script asks the market for next (the rest of it is drawn from the seed).

    * ``any``      whatever the flow brings
    * ``change``   a new size at the existing level of rank ``rank`` (0 is the best)
    * ``insert``   a new level that becomes rank ``rank`` (>= 1; ``improve`` is rank 0)
    * ``delete``   the level of rank ``rank`` is cancelled whole
    * ``improve``  a new best price
    * ``sweep``    a market order that takes ``count`` levels whole from ``side``, with trades
    * ``drain``    every order of ``side`` is cancelled in one event: a one-sided book
    * ``refill``   after ``drain``: ``count`` levels again, in one event
    * ``far``      a new level far away from the touch
    """

    kind: ShapeKind = "any"
    """What happens."""
    side: Literal["bid", "ask", "any"] = "any"
    """On which side."""
    rank: int = 2
    """Of which level, from 0, the best."""
    count: int = 1
    """Levels, for ``sweep`` and ``refill``."""

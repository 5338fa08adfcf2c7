"""The market truth: a seeded matching engine whose order-level events give L3, L2 and trades that agree."""

from bookproof_exchange.market.book import Book, Levels
from bookproof_exchange.market.events import Change, Event, OrderChange, OrderChangeKind, Shape, Side, Trade
from bookproof_exchange.market.instrument import Instrument
from bookproof_exchange.market.truth import Truth

__all__ = [
    "Book",
    "Change",
    "Event",
    "Instrument",
    "Levels",
    "OrderChange",
    "OrderChangeKind",
    "Shape",
    "Side",
    "Trade",
    "Truth",
]

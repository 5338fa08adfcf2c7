"""What the tests of binance-spot share: a view of seeded markets, requests, and a fold of the ideal client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bookproof_exchange.dialects.api import (
    BookSnapshot,
    BookUpdate,
    Frame,
    HttpRequest,
    Link,
    Message,
    RestSnapshot,
    Session,
)
from bookproof_exchange.dialects.binance_spot import DIALECT
from bookproof_exchange.market import Book, Event, Instrument, Side, Truth
from bookproof_exchange.market.truth import Profile

EPOCH_US = 1_787_746_399_861_123
BASE = 99_193_216_584


class MarketView:
    """A `View` whose cursor the test moves."""

    now_us = EPOCH_US

    def __init__(self, seed: int = 1, *, count: int = 3, profile: Profile = "busy", levels: int = 40) -> None:
        self.instruments: Mapping[str, Instrument] = {item.symbol: item for item in DIALECT.instruments[:count]}
        self.truths = {
            name: Truth(item, seed + at, profile=profile, levels=levels)
            for at, (name, item) in enumerate(self.instruments.items())
        }
        self.cursor = dict.fromkeys(self.instruments, 0)

    def truth(self, symbol: str) -> Truth:
        return self.truths[symbol]

    def index(self, symbol: str) -> int:
        return self.cursor[symbol]

    def sequence_base(self, symbol: str) -> int:
        return BASE + 10_000_000 * list(self.instruments).index(symbol)

    def time_us(self, symbol: str, index: int) -> int:
        return EPOCH_US + self.truths[symbol].time_us(index)


class WrittenTruth(Truth):
    """A truth whose events the test writes; the books follow from them."""

    def __init__(self, instrument: Instrument, events: Sequence[Event], book: Book) -> None:
        self.instrument = instrument
        self._written_events = list(events)
        self._start = book

    @property
    def last(self) -> int:
        return len(self._written_events)

    def events(self, first: int, last: int) -> Sequence[Event]:
        return self._written_events[first:last]

    def book(self, index: int) -> Book:
        book = self._start.copy()
        for event in self._written_events[:index]:
            book.apply(event.changes)
        return book

    def levels(self, index: int, side: Side, depth: int | None = None) -> tuple[tuple[int, int], ...]:
        return self.book(index).levels(side, depth)

    def time_us(self, index: int) -> int:
        return 1000 * index


def ws(path: str, **query: str) -> HttpRequest:
    return HttpRequest(method="GET", path=path, query=query)


def get(path: str, **query: str) -> HttpRequest:
    return HttpRequest(method="GET", path=path, query=query)


def opened(view: MarketView, *streams: str, combined: bool = True, **query: str) -> Session:
    """A session on these streams."""
    names = "/".join(streams)
    request = ws("/stream", streams=names, **query) if combined else ws(f"/ws/{names}", **query)
    session = DIALECT.session(request, view)
    session.open()
    return session


def texts(messages: Iterable[Message]) -> list[str]:
    return [message.payload.decode() for message in messages]


def update_of(message: Message, view: MarketView) -> BookUpdate:
    (decoded,) = DIALECT.ideal.decode(Frame(message.payload), view.instruments)
    assert isinstance(decoded, BookUpdate), decoded
    return decoded


class Fold:
    """The ideal client of one symbol on a REST snapshot."""

    def __init__(self, snapshot: BookSnapshot, cut: RestSnapshot) -> None:
        self.book = Book(snapshot.bids, snapshot.asks)
        self.last = snapshot.sequence
        self.first = True
        full = cut.limit or 10**9
        self.worst = {
            Side.BID: snapshot.bids[-1][0] if len(snapshot.bids) >= full else None,
            Side.ASK: snapshot.asks[-1][0] if len(snapshot.asks) >= full else None,
        }

    def take(self, update: BookUpdate) -> Link:
        link = DIALECT.ideal.link(self.last, update, first_after_snapshot=self.first)
        if link is Link.NEXT:
            self.book.apply(update.changes)
            self.last = update.last
            self.first = False
        return link

    def knows(self, side: Side, price: int) -> bool:
        worst = self.worst[side]
        return worst is None or (price >= worst if side is Side.BID else price <= worst)

    def wrong(self, truth: Book) -> list[tuple[Side, int, int, int]]:
        """Levels that differ from the truth: all within the known region, and those shown beyond it."""
        found = []
        for side in (Side.BID, Side.ASK):
            mine, real = dict(self.book.levels(side)), dict(truth.levels(side))
            for price in mine.keys() | real.keys():
                if (self.knows(side, price) or price in mine) and mine.get(price) != real.get(price):
                    found.append((side, price, mine.get(price, 0), real.get(price, 0)))
        return found


def snapshot_at(view: MarketView, symbol: str, index: int, limit: int) -> Fold:
    view.cursor[symbol] = index
    answer = DIALECT.rest(get("/api/v3/depth", symbol=symbol, limit=str(limit)), view)
    decoded = DIALECT.ideal.decode_rest(symbol, answer, view.instruments)
    assert isinstance(decoded, BookSnapshot)
    assert answer.snapshot is not None
    return Fold(decoded, answer.snapshot)

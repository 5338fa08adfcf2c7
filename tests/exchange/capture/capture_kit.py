"""Recordings as the exchange side of a dialect would have made them."""

from __future__ import annotations

from collections.abc import Sequence

from bookproof_exchange.capture.recording import Closed, Fetched, Opened, Place, Recording, Said
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Dialect, Frame, HttpRequest
from bookproof_exchange.scenario.model import Market
from bookproof_exchange.script.stream import TickStream
from bookproof_exchange.script.view import MarketView

BEGAN = 1_790_000_000_000_000
Entry = Opened | Said | Closed | Fetched


class Venue:
    """One connection to a mock exchange, written down."""

    def __init__(
        self, dialect: str, *, symbols: int = 1, seed: int = 1, depth: int | None = None, levels: int = 40
    ) -> None:
        self.dialect: Dialect = DIALECTS.get(dialect)
        self.view = MarketView(self.dialect, Market(symbols=symbols, levels=levels), seed)
        self.symbols = tuple(self.view.instruments)
        self.streams = {
            symbol: TickStream(self.view, symbol, self.dialect.traits.batch, seed) for symbol in self.symbols
        }
        self.depth = depth
        self.entries: list[Entry] = []
        self.connection = 0
        self.connect()

    @property
    def symbol(self) -> str:
        return self.symbols[0]

    def note(self, entry: type[Entry], **fields: object) -> None:
        number = len(self.entries) + 2
        at = BEGAN + number * 1000
        self.entries.append(entry(at=at, place=Place("made", number), **fields))  # type: ignore[arg-type]

    def connect(self) -> None:
        """A new connection, subscribed, with its snapshots in band."""
        ideal = self.dialect.ideal
        if self.connection:
            self.note(Closed, connection=self.connection, by="venue", code=1000)
        self.connection += 1
        path = ideal.connect_path(self.symbols, ("book",), self.depth) or "/v2"
        self.note(Opened, connection=self.connection, url=f"wss://example{path}")
        where, _, query = path.partition("?")
        streams = query.partition("=")[2]
        request = HttpRequest(method="GET", path=where, query={"streams": streams} if streams else {})
        self.session = self.dialect.session(request, self.view)
        self.say(*(message.frame for message in self.session.open().messages))
        for frame in ideal.subscribe(self.symbols, ("book",), self.depth):
            self.note(Said, connection=self.connection, by="client", frame=frame)
            reply = self.session.receive(frame)
            self.say(*(message.frame for message in reply.messages))
            for feed in reply.snapshots:
                message = self.session.snapshot(feed)
                assert message is not None
                self.say(message.frame)

    def say(self, *frames: Frame) -> None:
        for frame in frames:
            self.note(Said, connection=self.connection, by="venue", frame=frame)

    def next(self, symbol: str | None = None) -> Sequence[Frame]:
        """The next update of a symbol, not written down; may be nothing where the window did not change."""
        tick = self.streams[symbol or self.symbol].next()
        self.view.move(tick.symbol, tick.last)
        return [message.frame for message in self.session.publish(tick)]

    def send(self, count: int, symbol: str | None = None) -> None:
        """The next updates of a symbol."""
        sent = 0
        while sent < count:
            frames = self.next(symbol)
            self.say(*frames)
            sent += len(frames)

    def lose(self, symbol: str | None = None) -> None:
        """The next update never comes."""
        while not self.next(symbol):
            pass

    def fetch(self, symbol: str | None = None, **query: str) -> None:
        """A REST snapshot at the present."""
        request = self.dialect.ideal.snapshot_request(symbol or self.symbol, self.depth)
        assert request is not None
        request = HttpRequest(method="GET", path=request.path, query={**request.query, **query})
        self.note(Fetched, request=request, answer=self.dialect.rest(request, self.view))

    def recording(self) -> Recording:
        return Recording(entries=tuple(self.entries))


def plain(dialect: str, updates: int = 30, *, symbols: int = 1, seed: int = 1, depth: int | None = None) -> Venue:
    """A recording as a client that starts well makes it: subscription, snapshot, updates."""
    venue = Venue(dialect, symbols=symbols, seed=seed, depth=depth)
    if venue.dialect.ideal.snapshot_from == "rest":
        for symbol in venue.symbols:
            venue.send(2, symbol)
            venue.fetch(symbol)
    for _ in range(updates):
        for symbol in venue.symbols:
            venue.send(1, symbol)
    return venue

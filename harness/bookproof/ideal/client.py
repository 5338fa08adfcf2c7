"""The ideal client: connects, subscribes, keeps every book, recovers with back-off, and never claims what it cannot know."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import ClassVar

import trio

from bookproof.drivers.api import BookShown, EventShown, Shown, Start, TradeShown
from bookproof.ideal.keeper import Keeper, Need
from bookproof.ideal.strangers import Strangers
from bookproof.ideal.wire import Connect, ConnectionLost, Socket, fetch
from bookproof.reading import reading
from bookproof_exchange.dialects.api import (
    Acked,
    Beat,
    BookSnapshot,
    BookUpdate,
    Decoded,
    Dialect,
    Frame,
    GoingDown,
    HttpAnswer,
    Ignored,
    Malformed,
    TradeReport,
)
from bookproof_exchange.market import Instrument, Side
from bookproof_exchange.numbers import to_text

#: Seconds before a snapshot that was promised but does not come is asked for again.
SNAPSHOT_PATIENCE = 5.0
#: Back-off of reconnects and of snapshot requests: first, and most.
BACK_OFF = (0.05, 5.0)
#: So many texts of levels are kept, a symbol.
_MOST_ROWS = 50_000


class Reconnect(Exception):
    """Leave this connection and make a new one."""


class IdealClient:
    """Implements `drivers.memory.MemoryClient`'s needs: ``run`` in a nursery, ``shown`` at any time."""

    keeper_type: ClassVar[type[Keeper]] = Keeper
    socket_type: ClassVar[type[Socket]] = Socket

    def __init__(self, dialect: Dialect, start: Start, connect: Connect, emit: Callable[[Shown], None]) -> None:
        self.dialect = dialect
        self.ideal = dialect.ideal
        self.start = start
        self.connect = connect
        self.emit = emit
        self._strangers = Strangers(dialect, start.symbols)
        self.instruments: dict[str, Instrument] = self._strangers.instruments
        self.reading = reading(dialect, self.instruments.values())
        self.keepers = {
            symbol: self.keeper_type(self.ideal, self.instruments[symbol], start.depth) for symbol in start.symbols
        }
        self._rows: dict[str, _Rows] = {}
        self.socket: Socket | None = None
        self.nursery: trio.Nursery | None = None
        self.waits = 0
        self.not_before = 0.0
        """When the next HTTP request may be sent: the venue has said to wait."""
        self.generation = 0
        self.lived = False
        """Whether the present connection, or the last one, brought anything."""

    @property
    def depth_shown(self) -> int | None:
        return self.ideal.window(self.start.depth)

    # --- behaviour ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled: connect, follow, reconnect with back-off."""
        delay = BACK_OFF[0]
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            while True:
                try:
                    await self.follow()
                except Reconnect:
                    delay = BACK_OFF[0]
                except ConnectionLost:
                    pass
                if self.lived:
                    delay = BACK_OFF[0]
                self.disconnected()
                await trio.sleep(delay)
                delay = min(delay * 2, BACK_OFF[1])

    async def follow(self) -> None:
        """One connection, from the handshake to its end."""
        self.lived = False
        path = self.ideal.connect_path(self.start.symbols, self.start.channels, self.start.depth)
        socket = await self.socket_type.open(self.connect, self.start.ws_url.rstrip("/") + path)
        self.generation += 1
        self.socket = socket
        generation = self.generation
        assert self.nursery is not None
        try:
            for frame in self.ideal.subscribe(self.start.symbols, self.start.channels, self.start.depth):
                await socket.send(frame)
            for symbol, keeper in self.keepers.items():
                keeper.subscribed()
                self.after(symbol)
                self.nursery.start_soon(self.watch_snapshot, symbol, generation)
            self.nursery.start_soon(self.keep_alive, socket, generation)
            frames = socket.frames()
            while True:
                with trio.move_on_at(socket.heard + self.silence) as scope:
                    frame = await anext(frames)
                if scope.cancelled_caught:
                    if trio.current_time() < socket.heard + self.silence:
                        # only pings came, but the exchange lives
                        frames = socket.frames()
                        continue
                    self.emit(EventShown(kind="error", message="the exchange is silent: reconnecting"))
                    raise Reconnect
                self.lived = True
                await self.receive(frame)
        finally:
            self.socket = None
            await socket.close()

    @property
    def silence(self) -> float:
        """Seconds without any frame after which the connection counts as dead."""
        heartbeat = self.dialect.traits.heartbeat_s
        return 10.0 * heartbeat if heartbeat is not None else 60.0

    async def keep_alive(self, socket: Socket, generation: int) -> None:
        ping = self.ideal.keepalive()
        while ping is not None:
            await trio.sleep(20.0)
            if generation != self.generation or self.socket is not socket:
                return
            try:
                await socket.send(ping)
            except ConnectionLost:
                return

    async def watch_snapshot(self, symbol: str, generation: int) -> None:
        """Where snapshots come in band: one that does not come is asked for again."""
        if self.ideal.snapshot_from != "stream":
            return
        while True:
            await trio.sleep(SNAPSHOT_PATIENCE)
            if generation != self.generation or self.keepers[symbol].claim == "live" or self.socket is None:
                return
            await self.resubscribe(symbol)

    def disconnected(self) -> None:
        for symbol, keeper in self.keepers.items():
            keeper.lost()
            self.after(symbol)
        self.emit(EventShown(kind="disconnected", message="connection lost"))

    async def receive(self, frame: Frame) -> None:
        for symbol, instrument in self._strangers.learn(frame).items():
            self.instruments[symbol] = self.keepers[symbol].instrument = instrument
            self.reading = reading(self.dialect, self.instruments.values())
            self._rows.pop(symbol, None)
        for decoded in self.reading.decode(frame):
            await self.handle(decoded)

    async def handle(self, decoded: Decoded) -> None:
        match decoded:
            case BookSnapshot(symbol=symbol):
                if self.ideal.snapshot_from == "stream" and symbol in self.keepers:
                    await self.meet(symbol, self.keepers[symbol].stream_snapshot(decoded))
            case BookUpdate(symbol=symbol):
                if symbol in self.keepers:
                    await self.meet(symbol, self.keepers[symbol].update(decoded))
            case TradeReport(symbol=symbol, trades=trades):
                if symbol in self.instruments:
                    instrument = self.instruments[symbol]
                    for trade in trades:
                        self.emit(
                            TradeShown(
                                symbol=symbol,
                                price=to_text(trade.price, instrument.price_decimals),
                                size=to_text(trade.size, instrument.size_decimals),
                                side="buy" if trade.taker is Side.BID else "sell",
                            )
                        )
            case Acked(ok=ok, what=what, reason=reason):
                if not ok and what == "subscribe":
                    await self.refused(reason)
            case GoingDown():
                self.emit(EventShown(kind="warning", message="the exchange is going down: reconnecting"))
                raise Reconnect
            case Malformed(reason=reason):
                self.emit(EventShown(kind="error", message=f"malformed message: {reason}"))
            case Beat() | Ignored():
                pass

    async def refused(self, reason: str) -> None:
        """A subscription was refused: tell the user, try again later."""
        self.emit(EventShown(kind="error", message=f"subscription refused: {reason}"))
        assert self.nursery is not None
        self.nursery.start_soon(self.subscribe_again, self.generation)

    async def subscribe_again(self, generation: int) -> None:
        await trio.sleep(1.0)
        if generation == self.generation and self.socket is not None:
            for symbol, keeper in self.keepers.items():
                if keeper.claim != "live":
                    await self.send_subscribe(symbol)

    async def meet(self, symbol: str, need: Need) -> None:
        self.after(symbol)
        match need:
            case Need.NOTHING:
                pass
            case Need.RESUBSCRIBE:
                self.emit(EventShown(kind="resync", message="the book is broken", symbol=symbol))
                await self.resubscribe(symbol)
            case Need.SNAPSHOT:
                assert self.nursery is not None
                self.nursery.start_soon(self.snapshot, symbol, self.generation)

    async def resubscribe(self, symbol: str) -> None:
        """Unsubscribe, subscribe: only then does a venue send a fresh snapshot."""
        if self.socket is None:
            return
        for frame in self.ideal.unsubscribe((symbol,), ("book",), self.start.depth):
            await self.send(frame)
        await self.send_subscribe(symbol)

    async def send_subscribe(self, symbol: str) -> None:
        self.keepers[symbol].subscribed()
        self.after(symbol)
        for frame in self.ideal.subscribe((symbol,), ("book",), self.start.depth):
            await self.send(frame)

    async def send(self, frame: Frame) -> None:
        if self.socket is not None:
            with contextlib.suppress(ConnectionLost):  # the reader will notice
                await self.socket.send(frame)

    async def snapshot(self, symbol: str, generation: int) -> None:
        """Fetch a snapshot by REST and give it to the keeper; failures wait as long as the venue asks."""
        request = self.ideal.snapshot_request(symbol, self.start.depth)
        assert request is not None
        if self.waits:
            await trio.sleep(min(BACK_OFF[0] * 2 ** (self.waits - 1), BACK_OFF[1]))
        while trio.current_time() < self.not_before:
            await trio.sleep_until(self.not_before)
        need = Need.NOTHING
        keeper = self.keepers[symbol]
        try:
            answer = await fetch(self.connect, self.start.rest_url, request)
        except ConnectionLost:
            answer = None
        if generation != self.generation or self.socket is None:
            return
        decoded = None if answer is None else self.reading.decode_rest(symbol, answer)
        if isinstance(decoded, BookSnapshot):
            need = keeper.rest_snapshot(decoded)
            self.waits = 0 if need is Need.NOTHING else self.waits + 1
        else:
            self.emit(EventShown(kind="error", message="the snapshot request failed", symbol=symbol))
            self.waits += 1
            if answer is not None:
                self.told(answer)
            need = keeper.rest_failed()
        if generation == self.generation and self.socket is not None:
            await self.meet(symbol, need)

    def told(self, answer: HttpAnswer) -> None:
        """A request failed; perhaps the venue says for how long to send no other."""
        self.not_before = max(self.not_before, trio.current_time() + _retry_after(answer.headers))

    # --- what it shows --------------------------------------------------------------------------------------------

    def after(self, symbol: str) -> None:
        """Push the state, if it changed."""
        keeper = self.keepers[symbol]
        if keeper.changed:
            keeper.changed = False
            self.emit(self.shown(symbol))

    def shown(self, symbol: str) -> BookShown:
        """The present state."""
        keeper = self.keepers[symbol]
        if keeper.claim == "none":
            return BookShown(symbol=symbol, claim="none", bids=(), asks=())
        row = self._rows.setdefault(symbol, _Rows(keeper.instrument)).__getitem__
        return BookShown(
            symbol=symbol,
            claim=keeper.claim,
            bids=tuple(map(row, keeper.book.levels(Side.BID))),
            asks=tuple(map(row, keeper.book.levels(Side.ASK))),
            version=keeper.sequence,
        )


class _Rows(dict[tuple[int, int], tuple[str, str]]):
    """The texts of a level: a book is shown again at every change, and hardly anything of it is new."""

    def __init__(self, instrument: Instrument) -> None:
        self._decimals = instrument.price_decimals, instrument.size_decimals

    def __missing__(self, level: tuple[int, int]) -> tuple[str, str]:
        if len(self) >= _MOST_ROWS:
            self.clear()
        prices, sizes = self._decimals
        row = self[level] = (to_text(level[0], prices), to_text(level[1], sizes))
        return row


def _retry_after(headers: tuple[tuple[str, str], ...]) -> float:
    for name, value in headers:
        if name.lower() == "retry-after" and value.isdigit():
            return float(value)
    return 0.0

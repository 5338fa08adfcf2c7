"""The cursor: moves the market by the script's word, publishes each update, and lets message faults strike."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import msgspec

from bookproof_exchange.dialects.api import Dialect, Edit, Feed, Message, Tick
from bookproof_exchange.errors import UsageError
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.messages import Delivery, MessageLine
from bookproof_exchange.market import Shape, Side
from bookproof_exchange.script.actions import Action, SendMode
from bookproof_exchange.script.armory import Armed, Armory
from bookproof_exchange.script.connection import Connection
from bookproof_exchange.script.outlet import Outlet, joined
from bookproof_exchange.script.stream import TickStream, touched
from bookproof_exchange.script.view import MarketView
from bookproof_exchange.seeds import stream


class Cursor:
    """Where the market stands, for every symbol. It moves by `advance` and `skip`, never by itself."""

    def __init__(
        self,
        dialect: Dialect,
        view: MarketView,
        seed: int,
        outlet: Outlet,
        armory: Armory,
        no_room: Callable[[UsageError], None] | None = None,
    ) -> None:
        """``no_room``: see `TickStream`."""
        self.symbols = tuple(view.instruments)
        batch = dialect.traits.batch
        self.streams = {symbol: TickStream(view, symbol, batch, seed, no_room) for symbol in self.symbols}
        self._dialect = dialect
        self._view = view
        self._outlet = outlet
        self._armory = armory
        self._turns = stream(seed, "turns")
        self._protecting: dict[str, tuple[set[tuple[Side, int]], bool]] = {}
        """By symbol: levels that a fault concerns, and whether they are protected already."""
        self._ahead: dict[str, int] = {}
        """By symbol: the newest version that a REST snapshot showed."""
        self._waiting: list[tuple[Armed, specs.MessageFault]] = []
        """The message faults that have struck nowhere yet, in the order armed."""
        self.impossible: list[str] = []
        """Why faults cannot occur on the connections that the client chose."""

    def symbol(self, ordinal: int) -> str:
        """The scenario's symbol of this number, from 1."""
        return self.symbols[min(ordinal, len(self.symbols)) - 1]

    # --- moving ---------------------------------------------------------------------------------------------------

    def advance(
        self, count: int = 1, *, symbol: str | None = None, shape: Shape | None = None, mode: SendMode = "burst"
    ) -> list[Action]:
        """Send the next ``count`` updates of a symbol (the primary one); the other symbols move along."""
        symbol = self.symbols[0] if symbol is None else symbol
        ticks = self.streams[symbol]
        if shape is not None and shape.kind != "any":
            ticks.steer(*[shape] * count)
        actions: list[Action] = []
        sent = 0
        for _ in range(count * 50):
            if sent >= count:
                break
            steered = ticks.steered
            visible = self._tick(symbol, actions)
            if visible or steered or not self._listened(symbol):
                sent += 1
            for other in self.symbols:
                if other != symbol and self._turns.random() < 0.5:
                    self._tick(other, actions)
        return joined(actions, mode)

    def skip(self, count: int, symbols: Sequence[str] | None = None) -> None:
        """The book moves while nobody is told; levels near the touch disappear on both sides."""
        for symbol in self.symbols if symbols is None else symbols:
            ticks = self.streams[symbol]
            if count >= 2:
                ticks.steer(Shape(kind="delete", side="bid", rank=1), Shape(kind="delete", side="ask", rank=1))
            for _ in range(count):
                self.step(symbol)

    def step(self, symbol: str) -> Tick:
        """Move by one update that nobody is told of."""
        tick = self.streams[symbol].next()
        self._view.move(symbol, tick.last)
        return tick

    def showed(self, symbol: str, version: int) -> None:
        """A REST snapshot showed this version, perhaps ahead of the stream."""
        self._ahead[symbol] = max(version, self._ahead.get(symbol, 0))

    def newest(self, symbol: str) -> int:
        """The newest version that a client can know: the cursor's, or that of a REST snapshot ahead of it."""
        return max(self._view.index(symbol), self._ahead.get(symbol, 0))

    def catch_up(self) -> list[Action]:
        """Send updates until the stream is where the newest REST snapshot was."""
        actions: list[Action] = []
        for symbol in self.symbols:
            while self._view.index(symbol) < self.newest(symbol):
                actions.extend(self.advance(symbol=symbol))
        return joined(actions)

    def _listened(self, symbol: str) -> bool:
        """Whether some connection would be sent a visible update of the symbol's book."""
        return any(
            feed not in connection.pending for connection in self._outlet.open() for feed in connection.books(symbol)
        )

    def _tick(self, symbol: str, actions: list[Action]) -> bool:
        """Publish one update of a symbol everywhere. True: some connection has the feed and something was visible."""
        steering = self.streams[symbol].steered
        tick = self.step(symbol)
        self._protect(tick, steering)
        visible = False
        for connection in self._outlet.open():
            if connection.session is None:
                continue
            for message in connection.session.publish(tick):
                feed = message.feed
                if feed is not None and feed in connection.pending:
                    continue
                if feed is not None and feed.channel == "book":
                    visible = True
                    line = connection.lines.get(feed)
                    if line is not None:
                        actions.extend(self._through(connection, line.push(message)))
                        continue
                actions.extend(self._outlet.send(connection, (message,)))
        return visible

    # --- message faults ---------------------------------------------------------------------------------------------

    def arm(self, armed: Armed, spec: specs.MessageFault) -> None:
        """From now on the fault waits for its update; the next updates have the shape that it asks for. It strikes on every
        connection that carries the feed then: what is lost is lost for all who listen."""
        self._waiting.append((armed, spec))
        symbol = self.symbol(spec.symbol)
        for connection in self._outlet.open():
            for feed in connection.books(symbol):
                self._line(connection, feed).arm(armed.number, spec)
        shape = spec.shape
        if shape.side == "any" and shape.kind != "any":
            # the same side each time, so that a later update meets the same level
            shape = msgspec.structs.replace(shape, side="bid")
        match spec:
            case specs.Drop(count=count) | specs.Edited(count=count) | specs.Fragmented(count=count):
                shapes = [shape] * count
            case specs.Duplicate(later=later):
                shapes = [shape] * (2 if later else 1)
            case specs.Swap() | specs.Delay():
                shapes = [shape] * 2
            case specs.Custom():
                shapes = [shape]
        self.streams[symbol].steer(*shapes)
        if not armed.legal:
            self._protecting[symbol] = (set(), False)

    def disarm(self, number: int) -> Iterator[Action]:
        """The fault strikes no more; what it holds back goes out."""
        self._waiting = [(armed, spec) for armed, spec in self._waiting if armed.number != number]
        for connection in self._outlet.open():
            for line in connection.lines.values():
                yield from self._through(connection, line.disarm(number))

    def join(self, connection: Connection, feed: Feed) -> None:
        """A connection carries a book feed from now on: the faults that still wait for their update wait here, too. One
        that has begun elsewhere does not: it concerns an update that was sent before."""
        lines = [line for other in self._outlet.open() for line in other.lines.values()]
        begun = {number for line in lines for number in line.held}
        self._waiting = [(armed, spec) for armed, spec in self._waiting if not armed.struck]
        for armed, spec in self._waiting:
            if self.symbol(spec.symbol) == feed.symbol and armed.number not in begun:
                line = self._line(connection, feed)
                if armed.number not in line.armed:
                    line.arm(armed.number, spec)

    def flush(self) -> Iterator[Action]:
        """Send what message faults still hold back."""
        for connection in self._outlet.open():
            for line in connection.lines.values():
                yield from self._through(connection, line.flush())

    def whole(self, symbol: str) -> None:
        """The client has recovered: the faulted levels may move again."""
        if symbol in self._protecting:
            del self._protecting[symbol]
            self._view.truth(symbol).unprotect()

    def _line(self, connection: Connection, feed: Feed) -> MessageLine:
        if feed not in connection.lines:
            connection.lines[feed] = MessageLine(feed, functools.partial(self._edit, connection))
        return connection.lines[feed]

    def _edit(self, connection: Connection, message: Message, edit: Edit) -> Message | None:
        if edit.kind == "foreign-symbol" and connection.session is not None and connection.session.lone:
            reason = (
                f"No other symbol's message can come on connection {connection.number}: its address names one stream."
            )
            if reason not in self.impossible:
                self.impossible.append(reason)
            return None
        return self._dialect.edit(message, edit, self._view)

    def _through(self, connection: Connection, deliveries: Sequence[Delivery]) -> Iterator[Action]:
        """Send what came out of a message line; record the strikes that it made."""
        for feed, line in connection.lines.items():
            new = line.strikes[connection.strikes_seen.get(feed, 0) :]
            connection.strikes_seen[feed] = len(line.strikes)
            for strike in new:
                armed = self._armory.numbered(strike.fault)
                first, last = strike.message.first, strike.message.last
                self._armory.strike(
                    armed, connection.number, symbol=feed.symbol, first=first, last=last, note=strike.note
                )
                if not armed.legal:
                    self._protect_struck(Tick(feed.symbol, first, last))
        yield from self._outlet.deliver(connection, deliveries)

    def _protect(self, tick: Tick, steering: bool) -> None:
        """Levels that a fault concerns are not touched again until the client is whole: what it missed must not heal."""
        if tick.symbol not in self._protecting:
            return
        levels, done = self._protecting[tick.symbol]
        if done:
            return
        if steering:
            levels |= touched(self._view, tick)
        if not self.streams[tick.symbol].steered:
            self._view.truth(tick.symbol).protect(levels)
            self._protecting[tick.symbol] = (levels, True)

    def _protect_struck(self, struck: Tick) -> None:
        """The levels of the update that was struck, too: it need not be the one that was steered (a window may not have
        shown that one)."""
        if struck.symbol in self._protecting:
            levels, done = self._protecting[struck.symbol]
            levels |= touched(self._view, struck)
            if done:
                self._view.truth(struck.symbol).protect(levels)

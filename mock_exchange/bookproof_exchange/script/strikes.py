"""Stream and connection faults: they strike at once."""

from __future__ import annotations

from collections.abc import Iterator

from bookproof_exchange.dialects.api import Frame, Kind, Message
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.forms import Broken
from bookproof_exchange.faults.messages import Delivery
from bookproof_exchange.market import Shape
from bookproof_exchange.script.actions import Action, HangUp
from bookproof_exchange.script.armory import Armed, Armory
from bookproof_exchange.script.connection import Connection
from bookproof_exchange.script.cursor import Cursor
from bookproof_exchange.script.outlet import Outlet

#: A message of a type that no client knows, in any dialect whose control messages are JSON.
_UNKNOWN = b'{"bookproof_unknown":1}'


class Strikes:
    """Carries out the faults that wait for nothing."""

    def __init__(self, outlet: Outlet, cursor: Cursor, armory: Armory) -> None:
        self._outlet = outlet
        self._cursor = cursor
        self._armory = armory

    def resnapshot(self, armed: Armed, spec: specs.Resnapshot) -> Iterator[Action]:
        symbol = self._cursor.symbol(spec.symbol)
        ticks = self._cursor.streams[symbol]
        self._cursor.skip(spec.away, [symbol])
        if spec.empty:
            ticks.steer(Shape(kind="drain", side="bid"), Shape(kind="drain", side="ask"))
            while ticks.steered:
                self._cursor.step(symbol)
        index = self._cursor.newest(symbol)
        for connection in self._outlet.open():
            for feed in connection.books(symbol):
                if feed in connection.ready:
                    self._armory.strike(armed, connection.number, symbol=symbol, first=index, last=index)
                    yield from self._outlet.snapshot(connection, feed)
        if spec.empty:
            ticks.steer(Shape(kind="refill", side="bid", count=12), Shape(kind="refill", side="ask", count=12))

    def stall(self, armed: Armed, spec: specs.Stall) -> Iterator[Action]:
        symbol = self._cursor.symbol(spec.symbol)
        for connection in self._outlet.open():
            self._armory.strike(armed, connection.number, symbol=symbol if spec.scope == "feed" else None)
        yield from self._outlet.stall(spec)
        if spec.away:
            yield from self._cursor.advance(spec.away, symbol=symbol)

    def close(self, armed: Armed, spec: specs.Close) -> Iterator[Action]:
        for connection in self._outlet.open():
            self._armory.strike(armed, connection.number)
            half = self._half(connection) if spec.how == "mid-frame" else None
            action = HangUp(connection.number, spec.how, spec.code, spec.reason, half)
            yield from self._outlet.hang_up(connection, action)
        self._cursor.skip(spec.away)

    def broken_frame(self, armed: Armed, spec: specs.BrokenFrame) -> Iterator[Action]:
        """The frame stands for nothing: a client that lets it pass has lost nothing. ``oversize`` ends the connection."""
        for connection in self._outlet.open():
            self._armory.strike(armed, connection.number, note=spec.how)
            message = Message(kind=Kind.OTHER_DATA, payload=_UNKNOWN)
            yield from self._outlet.deliver(connection, [Delivery(message, (armed.number,), Broken(spec.how))])
            if spec.how == "oversize":
                yield from self._outlet.hang_up(connection, HangUp(connection.number, "fin"))

    def farewell(self, armed: Armed, spec: specs.Farewell) -> Iterator[Action]:
        leaving = self._outlet.open()
        for connection in leaving:
            assert connection.session is not None
            self._armory.strike(armed, connection.number)
            yield from self._outlet.send(connection, connection.session.farewell())
        yield from self._cursor.advance(spec.messages)
        for connection in leaving:
            yield from self._outlet.hang_up(connection, HangUp(connection.number, "close", spec.code, ""))
        self._cursor.skip(spec.away)

    def _half(self, connection: Connection) -> Frame:
        """A frame to be cut: the connection's next update, or some text where it has none."""
        assert connection.session is not None
        for message in connection.session.publish(self._cursor.step(self._cursor.symbols[0])):
            return message.frame
        return Frame(b'{"' + b"x" * 64 + b'":0}')

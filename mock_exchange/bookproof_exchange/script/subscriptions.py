"""Subscriptions: what follows from a client's frame, with the faults of acknowledgements and first snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bookproof_exchange.dialects.api import Dialect, Feed, Intent, Refused, Reply, Subscribed, Unsubscribed
from bookproof_exchange.faults import specs
from bookproof_exchange.script.actions import Action, HangUp
from bookproof_exchange.script.armory import Armed, Armory
from bookproof_exchange.script.connection import Connection
from bookproof_exchange.script.cursor import Cursor
from bookproof_exchange.script.hold import Hold
from bookproof_exchange.script.outlet import Outlet


class Subscriptions:
    """Answers what a session made of a client's frame."""

    def __init__(
        self,
        dialect: Dialect,
        outlet: Outlet,
        cursor: Cursor,
        armory: Armory,
        hold: Hold,
        *,
        lead: Callable[[], int],
        end: Callable[[Armed], Iterator[Action]],
    ) -> None:
        """``lead``: updates to send right after a subscription, where snapshots come by REST. ``end``: carries out a
        fault that ends connections and found none when it was armed."""
        self._by_rest = dialect.traits.snapshot_from == "rest"
        self._outlet = outlet
        self._cursor = cursor
        self._armory = armory
        self._hold = hold
        self._lead = lead
        self._end = end

    def tail(self, connection: Connection, leaving: Sequence[Feed]) -> Iterator[Action]:
        """What was still on its way when the client unsubscribed from these feeds."""
        books = [feed for feed in leaving if feed.channel == "book" and feed in connection.ready]
        yield from self._tail(connection, books)

    def _tail(self, connection: Connection, books: Sequence[Feed]) -> Iterator[Action]:
        late = self._armory.take(specs.LateTail) if books else None
        if late is not None and isinstance(late.spec, specs.LateTail):
            self._armory.strike(late, connection.number, symbol=books[0].symbol)
            yield from self._cursor.advance(late.spec.messages, symbol=books[0].symbol)

    def answer(self, connection: Connection, reply: Reply) -> Iterator[Action]:
        """Send a reply, now or, where a recovering client waits for it and the script holds it back, later."""
        fresh = [intent.feed for intent in reply.intents if isinstance(intent, Subscribed)]
        connection.used |= bool(fresh)
        for intent in reply.intents:
            if isinstance(intent, Unsubscribed):
                connection.leave(intent.feed)
        if self._hold.on and _recovers(reply.intents):
            connection.pending.update(fresh)
            self._hold.later(lambda: self._answer(connection, reply, fresh))
            return
        yield from self._answer(connection, reply, fresh)

    def _answer(self, connection: Connection, reply: Reply, fresh: Sequence[Feed]) -> Iterator[Action]:
        if not connection.open:
            return
        connection.pending.difference_update(fresh)
        books = [feed for feed in fresh if feed.channel == "book"]
        yield from self._acknowledge(connection, reply, books)
        if reply.hangup is not None:
            hang_up = HangUp(connection.number, "close", reply.hangup.code, reply.hangup.reason)
            yield from self._outlet.hang_up(connection, hang_up)
            return
        for feed in reply.snapshots:
            yield from self._first_snapshot(connection, feed)
        connection.ready.update(fresh)
        for feed in books:
            self._cursor.join(connection, feed)
        if self._by_rest and self._lead():
            for feed in books:
                yield from self._cursor.advance(self._lead(), symbol=feed.symbol)
        ending = self._armory.take(specs.Close, specs.Farewell, specs.BrokenFrame) if fresh else None
        if ending is not None:
            yield from self._end(ending)

    def _acknowledge(self, connection: Connection, reply: Reply, books: Sequence[Feed]) -> Iterator[Action]:
        late = self._armory.take(specs.LateAck) if books else None
        if late is not None and isinstance(late.spec, specs.LateAck):
            self._armory.strike(late, connection.number, symbol=books[0].symbol)
            yield from self._cursor.advance(late.spec.messages, symbol=books[0].symbol)
        if any(other.used and not other.open for other in self._outlet.connections.values()):
            yield from self._tail(connection, books)
        silent = self._armory.take(specs.NoAck) if books else None
        if silent is not None:
            self._armory.strike(silent, connection.number, symbol=books[0].symbol)
        else:
            yield from self._outlet.send(connection, reply.messages)

    def _first_snapshot(self, connection: Connection, feed: Feed) -> Iterator[Action]:
        if feed.channel == "book":
            early = self._armory.take(specs.EarlyUpdates)
            if early is not None and isinstance(early.spec, specs.EarlyUpdates):
                self._armory.strike(early, connection.number, symbol=feed.symbol)
                yield from self._cursor.advance(early.spec.messages, symbol=feed.symbol)
            missing = self._armory.take(specs.NoSnapshot)
            if missing is not None:
                self._armory.strike(missing, connection.number, symbol=feed.symbol)
                return
        yield from self._outlet.snapshot(connection, feed)


def _recovers(intents: Sequence[Intent]) -> bool:
    """Whether a reply is something that a recovering client waits for."""
    return any(isinstance(intent, Subscribed | Unsubscribed | Refused) for intent in intents)

"""The outlet: everything that leaves for a client goes through here, becomes evidence, and meets the stalls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import Feed, Frame, Kind, Message
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.messages import Delivery
from bookproof_exchange.script.actions import Action, HangUp, Mute, SendMode, Write, WriteOdd
from bookproof_exchange.script.connection import Connection
from bookproof_exchange.script.ledger import Ledger

_DATA = frozenset({Kind.UPDATE, Kind.SNAPSHOT, Kind.TRADES, Kind.OTHER_DATA})


class Outlet:
    """The connections of a case, and what is sent on them."""

    def __init__(
        self,
        ledger: Ledger,
        symbols: Sequence[str],
        dress: Callable[[int, Message], tuple[Message, tuple[int, ...]]] | None = None,
    ) -> None:
        """``dress``: what every message of a connection goes through last, with the faults that touched it there."""
        self.connections: dict[int, Connection] = {}
        self._ledger = ledger
        self._symbols = symbols
        self._dress = dress
        self._stalls: list[tuple[specs.Stall, frozenset[int]]] = []
        """Each with the connections that it concerns: a new connection is not stalled."""

    def open(self) -> list[Connection]:
        """The open connections, oldest first."""
        return [connection for connection in self.connections.values() if connection.open]

    def send(self, connection: Connection, messages: Iterable[Message], *, timer: bool = False) -> Iterator[Action]:
        """Send messages as they are. ``timer``: they belong to the timer lane."""
        return self.deliver(connection, [Delivery(message) for message in messages], timer=timer)

    def deliver(
        self, connection: Connection, deliveries: Iterable[Delivery], *, timer: bool = False
    ) -> Iterator[Action]:
        """Send, in order, on an open connection; what a stall keeps back waits, or is lost."""
        frames: list[Frame] = []
        for delivery in deliveries:
            if not connection.open:
                break
            stall = self._stall(connection, delivery.message)
            if stall is not None:
                if not stall.lost:
                    connection.queue.append((delivery, timer))
                continue
            if self._dress is not None:
                message, faults = self._dress(connection.number, delivery.message)
                if faults:
                    delivery = Delivery(message, (*delivery.faults, *faults), delivery.form)
            self._record(connection.number, delivery, timer)
            if delivery.form is None:
                frames.append(delivery.message.frame)
                continue
            if frames:
                yield Write(connection.number, tuple(frames))
                frames = []
            yield WriteOdd(connection.number, delivery.message.frame, delivery.form)
        if frames:
            yield Write(connection.number, tuple(frames))

    def snapshot(self, connection: Connection, feed: Feed) -> Iterator[Action]:
        """Send a snapshot in band, where the dialect has one."""
        assert connection.session is not None
        message = connection.session.snapshot(feed)
        if message is not None:
            yield from self.send(connection, [message])

    def stall(self, spec: specs.Stall) -> Iterator[Action]:
        """Silence on every connection that is open now."""
        self._stalls.append((spec, frozenset(connection.number for connection in self.open())))
        if spec.scope == "socket":
            for connection in self.open():
                connection.muted = True
                yield Mute(connection.number, True)

    def lift(self) -> list[Action]:
        """End every stall; what was kept back is sent now, in order."""
        self._stalls.clear()
        actions: list[Action] = []
        for connection in self.open():
            if connection.muted:
                connection.muted = False
                actions.append(Mute(connection.number, False))
            queued, connection.queue = connection.queue, []
            for delivery, timer in queued:
                actions.extend(self.deliver(connection, (delivery,), timer=timer))
        return joined(actions)

    def hang_up(self, connection: Connection, action: HangUp) -> Iterator[Action]:
        """The exchange ends a connection."""
        yield action
        self.gone(connection, "exchange", action.code if action.how == "close" else None, action.how)

    def gone(self, connection: Connection, by: Literal["client", "exchange"], code: int | None, how: str) -> None:
        """An open connection has ended."""
        connection.open = False
        connection.queue.clear()
        connection.ready.clear()
        self._ledger.record(
            lambda position, at: evidence.Closed(
                position=position, at=at, connection=connection.number, by=by, code=code, how=how
            )
        )

    def _record(self, connection: int, delivery: Delivery, timer: bool) -> None:
        self._ledger.record(
            lambda position, at: evidence.Sent(
                position=position,
                at=at,
                connection=connection,
                message=delivery.message,
                timer=timer,
                faults=delivery.faults,
            )
        )

    def _stall(self, connection: Connection, message: Message) -> specs.Stall | None:
        """The stall that keeps this message back, if one does."""
        for spec, concerned in self._stalls:
            if connection.number not in concerned:
                continue
            match spec.scope:
                case "socket":
                    if connection.muted:
                        return spec
                case "data":
                    if message.kind in _DATA:
                        return spec
                case "feed":
                    symbol = self._symbols[min(spec.symbol, len(self._symbols)) - 1]
                    if message.kind in _DATA and message.feed is not None and message.feed.symbol == symbol:
                        return spec
        return None


def joined(actions: Iterable[Action], mode: SendMode = "burst") -> list[Action]:
    """Writes to one connection that follow each other (nothing but writes between) become one."""
    together: list[Action] = []
    pending: dict[int, list[Frame]] = {}

    def flush() -> None:
        for connection, frames in pending.items():
            together.append(Write(connection, tuple(frames), mode))
        pending.clear()

    for action in actions:
        if isinstance(action, Write):
            pending.setdefault(action.connection, []).extend(action.frames)
        else:
            flush()
            together.append(action)
    flush()
    return together

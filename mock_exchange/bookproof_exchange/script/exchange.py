"""The exchange of one case: a pure state machine between the script, the dialect, the faults and the server.

The server tells it what arrives (`script.actions.Host`), the player moves the market and arms faults; both get back the
actions to perform. What it sends depends on (scenario, seed, the client's inputs) and on nothing else: the market's
cursor moves only by `advance`, never by itself. Everything that happens becomes evidence, in one order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from bookproof_exchange import evidence
from bookproof_exchange.dialects.api import (
    Dialect,
    Edit,
    Feed,
    Frame,
    HttpAnswer,
    HttpRequest,
    Intent,
    Kind,
    Message,
    Refused,
    Reply,
    Session,
    Subscribed,
    Tick,
    Unsubscribed,
)
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.messages import Delivery, MessageLine
from bookproof_exchange.market import Shape, Side
from bookproof_exchange.scenario.model import Scenario
from bookproof_exchange.script.actions import (
    Action,
    Admit,
    Answer,
    HangUp,
    Mute,
    PingClient,
    Refuse,
    SendMode,
    Write,
)
from bookproof_exchange.script.stream import TickStream, touched
from bookproof_exchange.script.view import AtIndex, MarketView
from bookproof_exchange.seeds import stream


class Armed(msgspec.Struct):
    """A fault of the script, numbered from 1 in the order armed. ``left``: how often it still strikes."""

    number: int
    spec: specs.Fault
    legal: bool
    left: int
    struck: int = 0


class Connection:
    """What the exchange knows of one WebSocket connection."""

    def __init__(self, number: int, request: HttpRequest) -> None:
        self.number = number
        self.request = request
        self.session: Session | None = None
        self.open = False
        self.waiting = True
        """Its handshake is not complete yet."""
        self.muted = False
        self.pending: set[Feed] = set()
        """Subscribed, but acknowledgement or snapshot still held back: gets no updates."""
        self.queue: list[tuple[Delivery, bool]] = []
        """Kept back by a stall, in order: (delivery, timer lane). Emptied at once where the stall loses it."""
        self.lines: dict[Feed, MessageLine] = {}
        self.strikes_seen: dict[Feed, int] = {}


class Exchange:
    """One case's exchange. See the module's docstring; implements `script.actions.Host`."""

    def __init__(
        self,
        dialect: Dialect,
        scenario: Scenario,
        seed: int,
        *,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``clock``: seconds since the case began, for the evidence's ``at`` only; it decides nothing."""
        self.dialect = dialect
        self.scenario = scenario
        self.seed = seed
        self.view = MarketView(dialect, scenario.market, seed)
        self.symbols = tuple(self.view.instruments)
        self.evidence: list[evidence.Evidence] = []
        self.connections: dict[int, Connection] = {}
        self.holding = False
        self.hold_on_strike = False
        """Whether a fault's strike begins the holding by itself (the script observes the client before its recovery)."""
        self.lead = 0
        """Updates sent right after a subscription, where snapshots come by REST."""
        self._clock = clock
        self._streams = {symbol: TickStream(self.view, symbol, dialect.traits.batch, seed) for symbol in self.symbols}
        self._turns = stream(seed, "turns")
        self._held: list[Callable[[], Iterator[Action]]] = []
        self._armed: list[Armed] = []
        self._standing: list[tuple[specs.Stall, frozenset[int]]] = []
        """Stalls, each with the connections that it concerns: a new connection is not stalled."""
        self._protecting: dict[str, tuple[set[tuple[Side, int]], bool]] = {}
        self._refusals = 0
        self._ahead: dict[str, int] = {}
        """By symbol: the newest version that a REST snapshot showed."""
        self.deaf: set[int] = set()
        """Connections that left a barrier unanswered; a pong makes them good again."""
        self._pings = 0
        self._asked: dict[bytes, tuple[int, int]] = {}
        self._position = 0
        self._ready: set[tuple[int, Feed]] = set()
        self.resubscriptions = 0

    # --- evidence -------------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """The position of the newest evidence."""
        return self._position

    def record(self, make: Callable[[int, float], evidence.Evidence]) -> None:
        """Add a piece of evidence: ``make(position, at)``."""
        self._position += 1
        self.evidence.append(make(self._position, self._clock()))

    def note_struck(
        self,
        armed: Armed,
        connection: int | None,
        *,
        symbol: str | None = None,
        first: int = 0,
        last: int = 0,
        note: str = "",
    ) -> None:
        armed.struck += 1
        kind = specs.kind_of(armed.spec)
        self.record(
            lambda position, at: evidence.Struck(
                position=position,
                at=at,
                fault=armed.number,
                kind=kind,
                connection=connection,
                symbol=symbol,
                first=first,
                last=last,
                note=note,
            )
        )
        if self.hold_on_strike and not armed.legal:
            self.holding = True

    # --- what the player does ---------------------------------------------------------------------------------------

    def open_connections(self) -> list[Connection]:
        return [connection for connection in self.connections.values() if connection.open]

    def subscribed(self, symbol: str, channel: str = "book") -> bool:
        """Whether the feed was subscribed on an open connection and everything that follows from it was sent."""
        return any(
            feed.symbol == symbol and feed.channel == channel and (connection.number, feed) in self._ready
            for connection in self.open_connections()
            for feed in self._feeds(connection)
        )

    def newest(self, symbol: str) -> int:
        """The newest version that a client can know: the cursor's, or that of a REST snapshot ahead of it."""
        return max(self.view.index(symbol), self._ahead.get(symbol, 0))

    def catch_up(self) -> list[Action]:
        """Send updates until the stream is where the newest REST snapshot was."""
        actions: list[Action] = []
        for symbol in self.symbols:
            while self.view.index(symbol) < self.newest(symbol):
                actions.extend(self.advance(symbol=symbol))
        return _joined(actions, "burst")

    def advance(
        self, count: int = 1, *, symbol: str | None = None, shape: Shape | None = None, mode: SendMode = "burst"
    ) -> list[Action]:
        """Send the next ``count`` updates of a symbol (the primary one); the other symbols move along."""
        symbol = self.symbols[0] if symbol is None else symbol
        if shape is not None and shape.kind != "any":
            self._streams[symbol].steer(*[shape] * count)
        actions: list[Action] = []
        sent = 0
        for _ in range(count * 50):
            if sent >= count:
                break
            steered = self._streams[symbol].steered
            visible = self._tick(symbol, actions)
            if visible or steered or not self._listened(symbol):
                sent += 1
            for other in self.symbols:
                if other != symbol and self._turns.random() < 0.5:
                    self._tick(other, actions)
        return _joined(actions, mode)

    def _listened(self, symbol: str) -> bool:
        """Whether some connection would be sent a visible update of the symbol's book."""
        return any(
            feed.symbol == symbol and feed.channel == "book" and feed not in connection.pending
            for connection in self.open_connections()
            for feed in self._feeds(connection)
        )

    def skip(self, count: int, *, symbols: Sequence[str] | None = None, vanish: bool = True) -> list[Action]:
        """The book moves while nobody is told. ``vanish``: levels near the touch disappear on both sides."""
        for symbol in self.symbols if symbols is None else symbols:
            ticks = self._streams[symbol]
            if vanish and count >= 2:
                ticks.steer(Shape(kind="delete", side="bid", rank=1), Shape(kind="delete", side="ask", rank=1))
            for _ in range(count):
                self.view.move(symbol, ticks.next().last)
        return []

    def arm(self, number: int, spec: specs.Fault, *, legal: bool) -> list[Action]:
        """Arm a fault; a stream or connection fault strikes now."""
        times = getattr(spec, "times", 1)
        armed = Armed(number, spec, legal, times)
        match spec:
            case specs.OnUpdates():
                self._armed.append(armed)
                self._arm_message_fault(armed, spec)
                return []
            case specs.Resnapshot():
                return list(self._resnapshot(armed, spec))
            case specs.Stall():
                return list(self._stall(armed, spec))
            case specs.Close():
                return list(self._close(armed, spec))
            case specs.Farewell():
                return list(self._farewell(armed, spec))
            case _:
                self._armed.append(armed)
                return []

    def lift(self) -> list[Action]:
        """End every standing fault; what a stall kept back is sent now, in order."""
        self._standing.clear()
        actions: list[Action] = []
        for connection in self.open_connections():
            if connection.muted:
                connection.muted = False
                actions.append(Mute(connection.number, False))
            queued, connection.queue = connection.queue, []
            for delivery, timer in queued:
                actions.extend(self._deliver(connection, (delivery,), timer=timer))
        return _joined(actions, "burst")

    def hold(self) -> None:
        """Keep back handshakes, acknowledgements and snapshots until `release`."""
        self.holding = True

    def release(self) -> list[Action]:
        self.holding = False
        actions: list[Action] = []
        admitted: list[Action] = []
        while self._held and not self.holding:
            for action in self._held.pop(0)():
                (admitted if isinstance(action, Admit) else actions).append(action)
        # A handshake comes last: what it sets off is recorded, and written, in the middle of performing it.
        return actions + admitted

    def whole(self, symbol: str) -> None:
        """The client has recovered: the faulted levels may move again."""
        if symbol in self._protecting:
            del self._protecting[symbol]
            self.view.truth(symbol).unprotect()

    def finish(self) -> list[Action]:
        """The script ends: what message faults still hold goes out; nothing stays held."""
        actions = self.release()
        for connection in self.open_connections():
            for line in connection.lines.values():
                actions.extend(self._through(connection, line.flush()))
        return actions

    def unfired(self) -> list[Armed]:
        """Faults that never struck."""
        return [armed for armed in self._armed if armed.struck == 0]

    def ping(self, connection: Connection) -> list[Action]:
        """A barrier: its pong proves that everything sent so far was read."""
        self._pings += 1
        payload = b"bp%d" % self._pings
        self._asked[payload] = (connection.number, self._position)
        return [PingClient(connection.number, payload)]

    def outstanding(self) -> set[int]:
        """Connections with an unanswered barrier."""
        return {number for number, _ in self._asked.values() if self.connections[number].open}

    @property
    def waiting_handshakes(self) -> int:
        """How many clients are kept waiting at the door."""
        return sum(connection.waiting for connection in self.connections.values())

    def asks_for_book(self, request: HttpRequest) -> bool:
        """Whether an HTTP request is for a REST snapshot."""
        return self.dialect.rest(request, self.view).snapshot is not None

    def beat(self, connection: Connection) -> list[Action]:
        """The venue's own heartbeat on one connection (timer lane)."""
        if connection.session is None or not connection.open:
            return []
        messages = connection.session.heartbeat()
        return list(self._deliver(connection, [Delivery(message) for message in messages], timer=True))

    # --- what the server tells ----------------------------------------------------------------------------------------

    def arrived(self, connection: int, request: HttpRequest) -> Sequence[Action]:
        refusal = self.dialect.accepts(request)
        if refusal is not None:
            return [Refuse(connection, refusal)]
        if self._refusals > 0:
            self._refusals -= 1
            return [Refuse(connection, HttpAnswer(status=503, body=b"", headers=()))]
        self.connections[connection] = Connection(connection, request)
        if self.holding:
            self._held.append(lambda: iter([Admit(connection)]))
            return []
        return [Admit(connection)]

    def opened(self, connection: int) -> Sequence[Action]:
        state = self.connections[connection]
        state.open = True
        state.waiting = False
        state.session = self.dialect.session(state.request, self.view)
        path = state.request.path
        if state.request.query:
            path += "?" + "&".join(f"{key}={value}" for key, value in state.request.query.items())
        reply = state.session.open()
        self.record(
            lambda position, at: evidence.Opened(
                position=position, at=at, connection=connection, path=path, intents=reply.intents
            )
        )
        return list(self._reply(state, reply))

    def received(self, connection: int, frame: Frame) -> Sequence[Action]:
        state = self.connections[connection]
        if not state.open:
            return []
        assert state.session is not None
        refusing = self._take(specs.RefuseSubscribe) if self._subscribes(state, frame) else None
        if refusing is not None:
            reply = state.session.refuse(frame)
            self.note_struck(refusing, connection)
        else:
            reply = state.session.receive(frame)
        self.record(
            lambda position, at: evidence.Received(
                position=position,
                at=at,
                connection=connection,
                payload=frame.payload,
                binary=frame.binary,
                intents=reply.intents,
            )
        )
        return list(self._reply(state, reply))

    def ponged(self, connection: int, payload: bytes) -> Sequence[Action]:
        asked = self._asked.get(payload)
        if asked is not None and asked[0] == connection:
            covers = asked[1]
            self.deaf.discard(connection)
            # whoever has answered one ping owes no answer to those before it (RFC 6455, 5.5.3)
            for earlier, (number, before) in list(self._asked.items()):
                if number == connection and before <= covers:
                    del self._asked[earlier]
            self.record(
                lambda position, at: evidence.Barrier(position=position, at=at, connection=connection, covers=covers)
            )
        return []

    def pinged(self, connection: int) -> Sequence[Action]:
        return []

    def closed(
        self, connection: int, by: Literal["client", "exchange"], code: int | None, how: str
    ) -> Sequence[Action]:
        state = self.connections.get(connection)
        if state is None:
            return []
        state.waiting = False
        if state.open:
            self._gone(state, by, code, how)
        return []

    def requested(self, number: int, request: HttpRequest) -> Sequence[Action]:
        self.record(lambda position, at: evidence.Asked(position=position, at=at, number=number, request=request))
        asked = self._position
        if self.holding and self.asks_for_book(request):
            self._held.append(lambda: self._answer(number, asked, request))
            return []
        return list(self._answer(number, asked, request))

    # --- subscriptions ------------------------------------------------------------------------------------------------

    def _subscribes(self, connection: Connection, frame: Frame) -> bool:
        """Whether a RefuseSubscribe is armed and the frame is a subscription (asked of a throw-away session)."""
        if not any(isinstance(armed.spec, specs.RefuseSubscribe) and armed.left > 0 for armed in self._armed):
            return False
        trial = self.dialect.session(connection.request, self.view)
        trial.open()
        return any(isinstance(intent, Subscribed) for intent in trial.receive(frame).intents)

    def _reply(self, connection: Connection, reply: Reply) -> Iterator[Action]:
        fresh = [intent.feed for intent in reply.intents if isinstance(intent, Subscribed)]
        for intent in reply.intents:
            if isinstance(intent, Unsubscribed):
                connection.lines.pop(intent.feed, None)
                connection.queue = [kept for kept in connection.queue if kept[0].message.feed != intent.feed]
                connection.strikes_seen.pop(intent.feed, None)
                self._ready.discard((connection.number, intent.feed))
        if self.holding and _recovers(reply.intents):
            connection.pending.update(fresh)
            self._held.append(lambda: self._subscribe(connection, reply, fresh))
            return
        yield from self._subscribe(connection, reply, fresh)

    def _subscribe(self, connection: Connection, reply: Reply, fresh: Sequence[Feed]) -> Iterator[Action]:
        if not connection.open:
            return
        connection.pending.difference_update(fresh)
        books = [feed for feed in fresh if feed.channel == "book"]
        late = self._take(specs.LateAck) if books else None
        if late is not None and isinstance(late.spec, specs.LateAck):
            self.note_struck(late, connection.number, symbol=books[0].symbol)
            yield from self.advance(late.spec.messages, symbol=books[0].symbol)
        silent = self._take(specs.NoAck) if books else None
        if silent is not None:
            self.note_struck(silent, connection.number, symbol=books[0].symbol)
        else:
            yield from self._deliver(connection, [Delivery(message) for message in reply.messages])
        if reply.hangup is not None:
            yield from self._hang_up(
                connection, HangUp(connection.number, "close", reply.hangup.code, reply.hangup.reason)
            )
            return
        for feed in reply.snapshots:
            early = self._take(specs.EarlyUpdates) if feed.channel == "book" else None
            if early is not None and isinstance(early.spec, specs.EarlyUpdates):
                self.note_struck(early, connection.number, symbol=feed.symbol)
                yield from self.advance(early.spec.messages, symbol=feed.symbol)
            missing = self._take(specs.NoSnapshot) if feed.channel == "book" else None
            if missing is not None:
                self.note_struck(missing, connection.number, symbol=feed.symbol)
                continue
            yield from self._snapshot(connection, feed)
        self._ready.update((connection.number, feed) for feed in fresh)
        if self.dialect.traits.snapshot_from == "rest" and self.lead:
            for feed in books:
                yield from self.advance(self.lead, symbol=feed.symbol)

    def _snapshot(self, connection: Connection, feed: Feed) -> Iterator[Action]:
        assert connection.session is not None
        message = connection.session.snapshot(feed)
        if message is not None:
            yield from self._deliver(connection, [Delivery(message)])

    def _feeds(self, connection: Connection) -> list[Feed]:
        return [] if connection.session is None else list(connection.session.feeds)

    # --- REST -----------------------------------------------------------------------------------------------------------

    def _answer(self, number: int, asked: int, request: HttpRequest) -> Iterator[Action]:
        answer: HttpAnswer | None = self.dialect.rest(request, self.view)
        assert answer is not None
        faults: tuple[int, ...] = ()
        if answer.snapshot is not None:
            symbol = answer.snapshot.symbol
            ticks = self._streams[symbol]
            slow = self._take(specs.SlowRest)
            armed = self._take(specs.StaleRest, specs.AheadRest, specs.StraddledRest, specs.FailingRest)
            if armed is not None:
                faults += (armed.number,)
                index = self.view.index(symbol)
                match armed.spec:
                    case specs.StaleRest(by=by):
                        index = ticks.past(by)
                    case specs.AheadRest(by=by):
                        index = ticks.plan(by).last
                    case specs.StraddledRest():
                        straddled = ticks.plan(1, events=4)
                        index = (straddled.first + straddled.last) // 2
                    case _:
                        pass
                self.note_struck(armed, None, symbol=symbol, first=index, last=index)
                if isinstance(armed.spec, specs.FailingRest):
                    answer = self._failure(armed.spec, answer)
                else:
                    answer = self.dialect.rest(request, AtIndex(self.view, symbol, index))
            if slow is not None and isinstance(slow.spec, specs.SlowRest):
                faults += (slow.number,)
                self.note_struck(slow, None, symbol=symbol)
                yield from self.advance(slow.spec.messages, symbol=symbol)
        sent = answer
        if answer is not None and answer.snapshot is not None:
            shown = answer.snapshot
            self._ahead[shown.symbol] = max(shown.index, self._ahead.get(shown.symbol, 0))
        self.record(
            lambda position, at: evidence.Rest(
                position=position, at=at, asked=asked, number=number, request=request, answer=sent, faults=faults
            )
        )
        yield Answer(number, answer)

    def _failure(self, spec: specs.FailingRest, right: HttpAnswer) -> HttpAnswer | None:
        if spec.status == 0:
            return None
        answer = self.dialect.limited(spec.status, spec.retry_after)
        match spec.body:
            case "venue":
                return answer
            case "empty":
                return msgspec.structs.replace(answer, body=b"")
            case "html":
                page = b"<html><head><title>Error</title></head><body><h1>Service unavailable</h1></body></html>"
                kept = tuple(pair for pair in answer.headers if pair[0].lower() != "content-type")
                return msgspec.structs.replace(answer, body=page, headers=(("content-type", "text/html"), *kept))
            case "cut":
                half = right.body[: len(right.body) // 2]
                return msgspec.structs.replace(answer, body=half)

    # --- faults -----------------------------------------------------------------------------------------------------------

    def _take(self, *kinds: type[specs.Spec]) -> Armed | None:
        """The first armed fault of these kinds that may still strike, used up by one."""
        for armed in self._armed:
            if isinstance(armed.spec, kinds) and armed.left > 0:
                armed.left -= 1
                return armed
        return None

    def _arm_message_fault(self, armed: Armed, spec: specs.MessageFault) -> None:
        symbol = self.symbols[min(spec.symbol, len(self.symbols)) - 1]
        for connection in self.open_connections():
            for feed in self._feeds(connection):
                if feed.symbol == symbol and feed.channel == "book":
                    self._line(connection, feed).arm(armed.number, spec)
        shape = spec.shape
        if shape.side == "any" and shape.kind != "any":
            # the same side each time, so that a later update meets the same level
            shape = msgspec.structs.replace(shape, side="bid")
        match spec:
            case specs.Drop(count=count) | specs.Edited(count=count):
                shapes = [shape] * count
            case specs.Duplicate(later=later):
                shapes = [shape] * (2 if later else 1)
            case specs.Swap() | specs.Delay():
                shapes = [shape] * 2
            case specs.Custom():
                shapes = [shape]
        self._streams[symbol].steer(*shapes)
        if not armed.legal:
            self._protecting[symbol] = (set(), False)

    def _line(self, connection: Connection, feed: Feed) -> MessageLine:
        if feed not in connection.lines:
            connection.lines[feed] = MessageLine(feed, self._edit)
        return connection.lines[feed]

    def _edit(self, message: Message, edit: Edit) -> Message | None:
        return self.dialect.edit(message, edit, self.view)

    def _resnapshot(self, armed: Armed, spec: specs.Resnapshot) -> Iterator[Action]:
        symbol = self.symbols[min(spec.symbol, len(self.symbols)) - 1]
        self.skip(spec.away, symbols=[symbol])
        if spec.empty:
            ticks = self._streams[symbol]
            ticks.steer(Shape(kind="drain", side="bid"), Shape(kind="drain", side="ask"))
            while ticks.steered:
                self.view.move(symbol, ticks.next().last)
        index = self.view.index(symbol)
        self._armed.append(armed)
        for connection in self.open_connections():
            for feed in self._feeds(connection):
                if feed.symbol == symbol and feed.channel == "book" and (connection.number, feed) in self._ready:
                    self.note_struck(armed, connection.number, symbol=symbol, first=index, last=index)
                    yield from self._snapshot(connection, feed)
        if spec.empty:
            self._streams[symbol].steer(
                Shape(kind="refill", side="bid", count=12), Shape(kind="refill", side="ask", count=12)
            )

    def _stall(self, armed: Armed, spec: specs.Stall) -> Iterator[Action]:
        self._armed.append(armed)
        self._standing.append((spec, frozenset(connection.number for connection in self.open_connections())))
        symbol = self.symbols[min(spec.symbol, len(self.symbols)) - 1]
        for connection in self.open_connections():
            self.note_struck(armed, connection.number, symbol=symbol if spec.scope == "feed" else None)
            if spec.scope == "socket":
                connection.muted = True
                yield Mute(connection.number, True)
        if spec.away:
            yield from self.advance(spec.away, symbol=symbol)

    def _close(self, armed: Armed, spec: specs.Close) -> Iterator[Action]:
        self._armed.append(armed)
        self._refusals = spec.refuse
        for connection in self.open_connections():
            self.note_struck(armed, connection.number)
            half = None
            if spec.how == "mid-frame":
                half = self._half(connection)
            yield from self._hang_up(connection, HangUp(connection.number, spec.how, spec.code, spec.reason, half))
        self.skip(spec.away)

    def _half(self, connection: Connection) -> Frame:
        """A frame to be cut: the connection's next update, or a heartbeat-like text where it has none."""
        assert connection.session is not None
        symbol = self.symbols[0]
        tick = self._streams[symbol].next()
        self.view.move(symbol, tick.last)
        for message in connection.session.publish(tick):
            return message.frame
        return Frame(b'{"' + b"x" * 64 + b'":0}')

    def _farewell(self, armed: Armed, spec: specs.Farewell) -> Iterator[Action]:
        self._armed.append(armed)
        leaving = self.open_connections()
        for connection in leaving:
            assert connection.session is not None
            self.note_struck(armed, connection.number)
            yield from self._deliver(connection, [Delivery(message) for message in connection.session.farewell()])
        yield from self.advance(spec.messages)
        for connection in leaving:
            yield from self._hang_up(connection, HangUp(connection.number, "close", spec.code, ""))
        self.skip(spec.away)

    # --- sending ----------------------------------------------------------------------------------------------------------

    def _tick(self, symbol: str, actions: list[Action]) -> bool:
        """Publish one update of a symbol everywhere. True: some connection has the feed and something was visible."""
        steering = self._streams[symbol].steered
        tick = self._streams[symbol].next()
        self.view.move(symbol, tick.last)
        self._protect(tick, steering)
        visible = False
        for connection in list(self.open_connections()):
            if connection.session is None:
                continue
            for message in connection.session.publish(tick):
                if message.feed is not None and message.feed in connection.pending:
                    continue
                if message.feed is not None and message.feed.channel == "book":
                    visible = True
                    line = connection.lines.get(message.feed)
                    if line is not None:
                        actions.extend(self._through(connection, line.push(message)))
                        continue
                actions.extend(self._deliver(connection, (Delivery(message),)))
        return visible

    def _protect(self, tick: Tick, steering: bool) -> None:
        """Levels that a fault concerns are not touched again until the client is whole: a missed update must not heal."""
        if tick.symbol not in self._protecting:
            return
        levels, done = self._protecting[tick.symbol]
        if done:
            return
        if steering:
            levels |= touched(self.view, tick)
        if not self._streams[tick.symbol].steered:
            self.view.truth(tick.symbol).protect(levels)
            self._protecting[tick.symbol] = (levels, True)

    def _rest(self, struck: Tick) -> None:
        """The levels of the update that was struck, too: it need not be the one that was steered (a window may not have
        shown that one)."""
        if struck.symbol in self._protecting:
            levels, done = self._protecting[struck.symbol]
            levels |= touched(self.view, struck)
            if done:
                self.view.truth(struck.symbol).protect(levels)

    def _through(self, connection: Connection, deliveries: Sequence[Delivery]) -> Iterator[Action]:
        """Send what came out of a message line; record the strikes that it made."""
        for feed, line in connection.lines.items():
            new = line.strikes[connection.strikes_seen.get(feed, 0) :]
            connection.strikes_seen[feed] = len(line.strikes)
            for strike in new:
                armed = next(entry for entry in self._armed if entry.number == strike.fault)
                self.note_struck(
                    armed,
                    connection.number,
                    symbol=feed.symbol,
                    first=strike.message.first,
                    last=strike.message.last,
                    note=strike.note,
                )
                if not armed.legal:
                    self._rest(Tick(feed.symbol, strike.message.first, strike.message.last))
        yield from self._deliver(connection, deliveries)

    def _deliver(
        self, connection: Connection, deliveries: Iterable[Delivery], *, timer: bool = False
    ) -> Iterator[Action]:
        frames: list[Frame] = []
        for delivery in deliveries:
            if not connection.open:
                break
            stall = self._stalled(connection, delivery.message)
            if stall is not None:
                if not stall.lost:
                    connection.queue.append((delivery, timer))
                continue
            self.record(
                lambda position, at, delivery=delivery: evidence.Sent(  # type: ignore[misc]
                    position=position,
                    at=at,
                    connection=connection.number,
                    message=delivery.message,
                    timer=timer,
                    faults=delivery.faults,
                )
            )
            frames.append(delivery.message.frame)
        if frames:
            yield Write(connection.number, tuple(frames))

    def _stalled(self, connection: Connection, message: Message) -> specs.Stall | None:
        """The stall that keeps this message back, if one does."""
        for spec, concerned in self._standing:
            if connection.number not in concerned:
                continue
            data = message.kind in (Kind.UPDATE, Kind.SNAPSHOT, Kind.TRADES, Kind.OTHER_DATA)
            match spec.scope:
                case "socket":
                    if connection.muted:
                        return spec
                case "data":
                    if data:
                        return spec
                case "feed":
                    symbol = self.symbols[min(spec.symbol, len(self.symbols)) - 1]
                    if data and message.feed is not None and message.feed.symbol == symbol:
                        return spec
        return None

    def _hang_up(self, connection: Connection, action: HangUp) -> Iterator[Action]:
        yield action
        self._gone(connection, "exchange", action.code if action.how == "close" else None, action.how)

    def _gone(self, connection: Connection, by: Literal["client", "exchange"], code: int | None, how: str) -> None:
        connection.open = False
        connection.queue.clear()
        self._ready = {key for key in self._ready if key[0] != connection.number}
        for payload, (number, _) in list(self._asked.items()):
            if number == connection.number:
                del self._asked[payload]
        self.record(
            lambda position, at: evidence.Closed(
                position=position, at=at, connection=connection.number, by=by, code=code, how=how
            )
        )


def _recovers(intents: Sequence[Intent]) -> bool:
    """Whether a reply is something that a recovering client waits for."""
    return any(isinstance(intent, Subscribed | Unsubscribed | Refused) for intent in intents)


def _joined(actions: Sequence[Action], mode: SendMode) -> list[Action]:
    """Writes to one connection that follow each other (nothing but writes between) become one."""
    joined: list[Action] = []
    pending: dict[int, list[Frame]] = {}

    def flush() -> None:
        for connection, frames in pending.items():
            joined.append(Write(connection, tuple(frames), mode))
        pending.clear()

    for action in actions:
        if isinstance(action, Write):
            pending.setdefault(action.connection, []).extend(action.frames)
        else:
            flush()
            joined.append(action)
    flush()
    return joined

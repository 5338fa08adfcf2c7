"""The exchange of one case: a pure state machine between the script, the dialect, the faults and the server.

The server tells it what arrives (`script.actions.Host`), the player moves the market and arms faults; both get back the
actions to perform. What it sends depends on (scenario, seed, the client's inputs) and on nothing else: the market's
cursor moves only by `advance`, never by itself. Everything that happens becomes evidence, in one order.

Its parts, one idea each: `ledger` (evidence), `cursor` (the market and the message faults), `outlet` (sending, stalls),
`subscriptions` and `answers` (what follows from a client's frame or HTTP request), `strikes` (faults that strike at once),
`armory` (what is armed), `drift` (fields that are new), `hold` (what is kept back from a recovering client).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from bookproof_exchange import evidence
from bookproof_exchange.capture.enter import cursor_of, staged
from bookproof_exchange.dialects.api import (
    Dialect,
    Feed,
    Frame,
    Hangup,
    HttpAnswer,
    HttpRequest,
    Subscribed,
    Unsubscribed,
)
from bookproof_exchange.errors import UsageError
from bookproof_exchange.evidence import Evidence
from bookproof_exchange.faults import specs
from bookproof_exchange.market import Shape
from bookproof_exchange.scenario.model import Scenario, Sync
from bookproof_exchange.script.actions import Action, Admit, HangUp, PingClient, Refuse, SendMode
from bookproof_exchange.script.answers import Answers
from bookproof_exchange.script.armory import Armed, Armory
from bookproof_exchange.script.connection import Connection
from bookproof_exchange.script.drift import Drift
from bookproof_exchange.script.gate import Gate
from bookproof_exchange.script.hold import Hold
from bookproof_exchange.script.ledger import Ledger
from bookproof_exchange.script.outlet import Outlet
from bookproof_exchange.script.strikes import Strikes
from bookproof_exchange.script.subscriptions import Subscriptions

MOST_ASKED = 2_000
"""So many handshakes, frames and requests are answered in one case; then the exchange is silent. A client that asks
without end does so whenever it is answered, and everything that it is answered has to be judged."""


class Exchange:
    """One case's exchange. Implements `script.actions.Host`."""

    def __init__(
        self,
        dialect: Dialect,
        scenario: Scenario,
        seed: int,
        *,
        clock: Callable[[], float] | None = None,
        most_asked: int | None = MOST_ASKED,
        no_room: Callable[[UsageError], None] | None = None,
    ) -> None:
        """``clock``: seconds since the case began, for the evidence's ``at`` and for the venue's limits (`gate`): it decides
        nothing for a client that keeps them. None: there is no time. ``most_asked``: see `MOST_ASKED`; None: no end.

        ``no_room``: told where a shape is asked for that the present book cannot have; an ordinary update takes its place.
        None: whatever moves the market raises UsageError then."""
        dialect, self.view = staged(dialect, scenario, seed)
        self.dialect = dialect
        self.scenario = scenario
        self.seed = seed
        self.symbols = tuple(self.view.instruments)
        self.hold_on_strike = False
        """Whether a fault's strike begins the holding by itself (the script observes the client before its recovery)."""
        self.lead = next((step.lead for step in scenario.script if isinstance(step, Sync)), 0)
        """Updates sent right after a subscription, where snapshots come by REST. From the beginning that of the first
        `sync`: a client may subscribe before it says that it has started."""
        self.deaf: set[int] = set()
        """Connections that left a barrier unanswered; a pong makes them good again."""
        self._ledger = Ledger(clock)
        self._armory = Armory(self._ledger)
        self._armory.on_strike = self._struck
        self._hold = Hold()
        self._drift = Drift(dialect, self.view, self._armory)
        self._outlet = Outlet(self._ledger, self.symbols, self._drift.message)
        self._cursor = cursor_of(dialect, self.view, seed, self._outlet, self._armory, no_room)
        self._gate = Gate(dialect, clock)
        self._answers = Answers(dialect, self.view, self._ledger, self._cursor, self._armory, self._gate, self._drift)
        self._strikes = Strikes(self._outlet, self._cursor, self._armory)
        self._subscriptions = Subscriptions(
            dialect, self._outlet, self._cursor, self._armory, self._hold, lead=lambda: self.lead, end=self._end
        )
        self._refusing: tuple[Armed, int | Literal["until-lift"]] | None = None
        """The fault by which handshakes are refused, and how many still."""
        self._most_asked = most_asked
        self._asked = 0
        self._read = 0
        """The position of the evidence when the last frame of a client had been dealt with."""
        self._pings = 0
        self._barriers: dict[bytes, tuple[int, int]] = {}
        """Unanswered pings: payload to connection and the position that the pong will prove."""

    # --- evidence -------------------------------------------------------------------------------------------------

    @property
    def evidence(self) -> list[Evidence]:
        """Everything that happened so far, in order."""
        return self._ledger.records

    @property
    def position(self) -> int:
        """The position of the newest evidence."""
        return self._ledger.position

    def record(self, make: Callable[[int, float], Evidence]) -> None:
        """Add a piece of evidence: ``make(position, at)``."""
        self._ledger.record(make)

    def unfired(self) -> list[Armed]:
        """Faults that never struck."""
        return self._armory.unfired()

    @property
    def impossible(self) -> tuple[str, ...]:
        """Why faults that never struck cannot occur on the connections that the client chose."""
        return tuple(self._cursor.impossible)

    def _struck(self, armed: Armed) -> None:
        if self.hold_on_strike and not armed.legal:
            self._hold.on = True

    # --- connections ------------------------------------------------------------------------------------------------

    @property
    def connections(self) -> dict[int, Connection]:
        """Every connection that arrived and was not refused, by number."""
        return self._outlet.connections

    def open_connections(self) -> list[Connection]:
        """The open connections, oldest first."""
        return self._outlet.open()

    @property
    def waiting_handshakes(self) -> int:
        """How many clients are kept waiting at the door."""
        return sum(connection.waiting for connection in self.connections.values())

    def subscribed(self, symbol: str, channel: str = "book") -> bool:
        """Whether the feed was subscribed on an open connection and everything that follows from it was sent."""
        return any(
            feed.symbol == symbol and feed.channel == channel and feed in connection.ready
            for connection in self.open_connections()
            for feed in connection.feeds
        )

    # --- what the player does ---------------------------------------------------------------------------------------

    def advance(
        self, count: int = 1, *, symbol: str | None = None, shape: Shape | None = None, mode: SendMode = "burst"
    ) -> list[Action]:
        """Send the next ``count`` updates of a symbol (the primary one); the other symbols move along."""
        return self._cursor.advance(count, symbol=symbol, shape=shape, mode=mode)

    def skip(self, count: int) -> list[Action]:
        """The book moves by ``count`` updates that nobody is told of."""
        self._cursor.skip(count)
        return []

    def newest(self, symbol: str) -> int:
        """The newest version that a client can know: the cursor's, or that of a REST snapshot ahead of it."""
        return self._cursor.newest(symbol)

    def catch_up(self) -> list[Action]:
        """Send updates until the stream is where the newest REST snapshot was."""
        return self._cursor.catch_up()

    def whole(self, symbol: str) -> None:
        """The client has recovered: the faulted levels may move again."""
        self._cursor.whole(symbol)

    def arm(self, number: int, spec: specs.Fault, *, legal: bool) -> list[Action]:
        """Arm a fault; a stream or connection fault strikes now (one that ends connections, where there is none: as soon
        as a client has subscribed)."""
        armed = self._armory.add(number, spec, legal=legal)
        match spec:
            case specs.OnUpdates():
                self._cursor.arm(armed, spec)
                return []
            case specs.Resnapshot():
                return list(self._strikes.resnapshot(armed, spec))
            case specs.Stall():
                return list(self._strikes.stall(armed, spec))
            case specs.NewFields():
                self._drift.begin(armed)
                return []
            case specs.Close() | specs.Farewell() | specs.BrokenFrame() if any(
                connection.used for connection in self.open_connections()
            ):
                return list(self._end(armed))
            case _:
                return []  # waits for a subscription or a snapshot request

    def disarm(self, number: int) -> list[Action]:
        """A fault that was armed strikes no more; what it holds back goes out. Standing faults stand until `lift`."""
        self._armory.numbered(number).left = 0
        return list(self._cursor.disarm(number))

    def _end(self, armed: Armed) -> Iterator[Action]:
        armed.left = 0
        match armed.spec:
            case specs.Close() as close:
                self._refusing = (armed, close.refuse)
                yield from self._strikes.close(armed, close)
            case specs.BrokenFrame() as broken:
                yield from self._strikes.broken_frame(armed, broken)
            case specs.Farewell() as farewell:
                yield from self._strikes.farewell(armed, farewell)
            case _:
                pass

    def lift(self) -> list[Action]:
        """End every stall and outage; what a stall kept back is sent now, in order."""
        if self._refusing is not None and self._refusing[1] == "until-lift":
            self._refusing = None
        return self._outlet.lift()

    @property
    def holding(self) -> bool:
        """Whether handshakes, acknowledgements and snapshots are kept back."""
        return self._hold.on

    @property
    def kept_back(self) -> int:
        """How many handshakes, acknowledgements and snapshots are kept back: what the client has asked for so far."""
        return self._hold.kept

    def hold(self) -> None:
        """Keep back handshakes, acknowledgements and snapshots until `release`."""
        self._hold.on = True

    def release(self) -> list[Action]:
        """Let go what was kept back."""
        return self._hold.release()

    def finish(self) -> list[Action]:
        """The script ends: what message faults still hold goes out; nothing stays held."""
        return [*self.release(), *self._cursor.flush()]

    def ping(self, connection: Connection) -> list[Action]:
        """A barrier: its pong proves that everything sent so far was read."""
        self._pings += 1
        payload = b"bp%d" % self._pings
        self._barriers[payload] = (connection.number, self.position)
        return [PingClient(connection.number, payload)]

    def outstanding(self) -> set[int]:
        """Connections with an unanswered barrier."""
        return {number for number, _ in self._barriers.values() if self.connections[number].open}

    def beat(self, connection: Connection) -> list[Action]:
        """The venue's own heartbeat on one connection (timer lane)."""
        if connection.session is None or not connection.open:
            return []
        return list(self._outlet.send(connection, connection.session.heartbeat(), timer=True))

    def asks_for_book(self, request: HttpRequest) -> bool:
        """Whether an HTTP request is for a REST snapshot."""
        return self._answers.is_snapshot(request)

    # --- what the server tells ----------------------------------------------------------------------------------------

    def _too_many(self) -> bool:
        self._asked += 1
        return self._most_asked is not None and self._asked > self._most_asked

    def arrived(self, connection: int, request: HttpRequest) -> Sequence[Action]:
        if self._too_many():
            return []
        refusal = self.dialect.accepts(request)
        if refusal is not None:
            return [Refuse(connection, refusal)]
        if self._refusing is not None and self._refusing[1]:
            armed, left = self._refusing
            if left != "until-lift":
                self._refusing = (armed, left - 1)
            self._armory.strike(armed, None, note="handshake refused")
            return [Refuse(connection, HttpAnswer(status=503, body=b"", headers=()))]
        self.connections[connection] = Connection(connection, request)
        if self._hold.on:
            self._hold.later(lambda: iter([Admit(connection)]))
            return []
        return [Admit(connection)]

    def opened(self, connection: int) -> Sequence[Action]:
        state = self.connections[connection]
        state.open = True
        state.waiting = False
        state.session = self.dialect.session(state.request, self.view)
        self._gate.opened(connection)
        path = state.request.path
        if state.request.query:
            path += "?" + "&".join(f"{key}={value}" for key, value in state.request.query.items())
        reply = state.session.open()
        self.record(
            lambda position, at: evidence.Opened(
                position=position, at=at, connection=connection, path=path, intents=reply.intents
            )
        )
        return list(self._subscriptions.answer(state, reply))

    def received(self, connection: int, frame: Frame) -> Sequence[Action]:
        state = self.connections[connection]
        if not state.open or self._too_many():
            return []
        assert state.session is not None
        hangup = self._gate.message(connection, apart=self._apart)
        tail: list[Action] = []
        refusing = self._armory.take(specs.RefuseSubscribe) if self._subscribes(state, frame) else None
        if refusing is not None:
            reply = state.session.refuse(frame)
            self._armory.strike(refusing, connection)
        else:
            tail = list(self._subscriptions.tail(state, self._leaving(state, frame)))
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
        if hangup is not None:
            return self._done((*tail, *self._too_fast(state, hangup)))
        return self._done((*tail, *self._subscriptions.answer(state, reply)))

    def ponged(self, connection: int, payload: bytes) -> Sequence[Action]:
        self._gate.ponged(connection, apart=self._apart)
        barrier = self._barriers.get(payload)
        if barrier is not None and barrier[0] == connection:
            covers = barrier[1]
            self.deaf.discard(connection)
            # whoever has answered one ping owes no answer to those before it (RFC 6455, 5.5.3)
            self._forget_barriers(connection, covers)
            self.record(
                lambda position, at: evidence.Barrier(position=position, at=at, connection=connection, covers=covers)
            )
        return self._done(())

    def pinged(self, connection: int) -> Sequence[Action]:
        state = self.connections[connection]
        if not state.open or self._too_many():
            return []
        hangup = self._gate.message(connection, apart=self._apart)
        self.record(lambda position, at: evidence.Pinged(position=position, at=at, connection=connection))
        return self._done(() if hangup is None else self._too_fast(state, hangup))

    def closed(
        self, connection: int, by: Literal["client", "exchange"], code: int | None, how: str
    ) -> Sequence[Action]:
        state = self.connections.get(connection)
        if state is None:
            return []
        state.waiting = False
        self._forget_barriers(connection)
        if state.open:
            self._outlet.gone(state, by, code, how)
        return []

    def requested(self, number: int, request: HttpRequest) -> Sequence[Action]:
        if self._too_many():
            return []
        self.record(lambda position, at: evidence.Asked(position=position, at=at, number=number, request=request))
        asked = self.position
        if self._hold.on and self.asks_for_book(request):
            self._hold.later(lambda: self._answers.answer(number, asked, request))
            return []
        return list(self._answers.answer(number, asked, request))

    @property
    def _apart(self) -> bool:
        """Whether anything happened since the last frame of a client; if not, the next may have been read with it."""
        return self.position != self._read

    def _done(self, actions: Iterable[Action]) -> list[Action]:
        """A client's frame was dealt with."""
        done = list(actions)
        self._read = self.position
        return done

    def _too_fast(self, connection: Connection, hangup: Hangup) -> Iterator[Action]:
        """The client has sent more than the venue takes."""
        action = HangUp(connection.number, "close", hangup.code, hangup.reason)
        return self._outlet.hang_up(connection, action)

    def _subscribes(self, connection: Connection, frame: Frame) -> bool:
        """Whether a RefuseSubscribe is armed and the frame is a subscription (asked of a throw-away session)."""
        if not self._armory.waits(specs.RefuseSubscribe):
            return False
        trial = self.dialect.session(connection.request, self.view)
        trial.open()
        return any(isinstance(intent, Subscribed) for intent in trial.receive(frame).intents)

    def _leaving(self, connection: Connection, frame: Frame) -> Sequence[Feed]:
        """The feeds that a frame unsubscribes from, where a LateTail waits for one (asked of a copy of the session)."""
        if not self._armory.waits(specs.LateTail):
            return ()
        trial = copy.deepcopy(connection.session, {id(self.view): self.view})
        assert trial is not None
        return [intent.feed for intent in trial.receive(frame).intents if isinstance(intent, Unsubscribed)]

    def _forget_barriers(self, connection: int, covers: int | None = None) -> None:
        """Pings of a connection need no answer any more: all, or those up to a position."""
        for payload, (number, position) in list(self._barriers.items()):
            if number == connection and (covers is None or position <= covers):
                del self._barriers[payload]
